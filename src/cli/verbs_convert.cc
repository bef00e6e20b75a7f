// convert: between the dialects. Opens no store.
#include <fmt/format.h>

#include "cli/session.h"
#include "cli/verbs.h"
#include "cli/workflow_file.h"
#include "convert/convert.h"

namespace perdure::cli {
namespace {

using convert::Converted;
using convert::Dialect;
using convert::Finding;

std::string words(const Converted& made) {
  std::string out;
  for (const Finding& f : made.findings) {
    out += fmt::format("{}:{}:{}: {}: {}\n", f.at.file, f.at.place.line, f.at.place.column, f.lost ? "lost" : "changed",
                       f.at.message);
    if (!f.at.line_text.empty()) out += fmt::format("  {}\n", f.at.line_text);
    if (!f.at.hint.empty()) out += fmt::format("  mend: {}\n", f.at.hint);
  }
  return out;
}

Value report_of(const std::string& file, const Converted& made, bool with_text) {
  Value findings = Value::array();
  for (const Finding& f : made.findings) findings.push_back(convert::to_json(f));
  Value report = Value::object({{"file", file},
                                {"to", made.to == Dialect::ows ? "ows" : "native"},
                                {"lost", std::uint64_t{made.lost()}},
                                {"findings", findings}});
  if (with_text) report.set("text", made.text);
  return report;
}

Result<int> refuse(Session& session, const std::string& name, const Converted& made) {
  Value diagnostics = Value::array();
  for (const loaders::Diagnostic& d : made.diagnostics) diagnostics.push_back(loaders::to_json(d));
  if (session.json) session.print_json(Value::object({{"file", name}, {"valid", false}, {"diagnostics", diagnostics}}));
  else session.io.err(printable_with_colors(loaders::render(made.diagnostics, session.err_palette().color())));
  return k_exit_invalid;
}

Result<int> convert_file(Session& session) {
  const std::string name = session.args.text_or("FILE", "-");
  const std::string to = session.args.text_or("--to", "");
  const std::string into = session.args.text_or("--output", "-");
  PERDURE_TRY(file, load_file(session, name));
  std::optional<Dialect> dialect;
  if (!to.empty()) dialect = to == "ows" ? Dialect::ows : Dialect::native;
  PERDURE_TRY(made, convert::convert(file.loaded, file.text, name == "-" ? "stdin" : name, dialect));
  if (!made.ok()) return refuse(session, name, made);
  const std::size_t lost = made.lost();
  const bool keep_back = lost > 0 && session.args.on("--strict");
  if (!keep_back && into != "-") PERDURE_TRY_VOID(write_file(into, made.text, false));
  if (session.json) {
    session.print_json(report_of(name, made, into == "-" && !keep_back));
    return lost > 0 ? k_exit_failed : k_exit_ok;
  }
  if (!keep_back && into == "-") session.print(made.text);
  session.io.err(printable(words(made), true));
  if (lost > 0)
    session.say(fmt::format("{} {} not survive{}", lost, lost == 1 ? "thing does" : "things do",
                            keep_back ? "; nothing was written (--strict)" : ""));
  else if (into != "-") session.say(printable(into) + " written; nothing is lost");
  return lost > 0 ? k_exit_failed : k_exit_ok;
}

}  // namespace

void add_convert_verb(std::vector<Verb>& verbs) {
  verbs.push_back(
      {.name = "convert",
       .group = "Write workflows",
       .summary = "Say a workflow in the other dialect: native, or the Open Workflow Specification",
       .positionals = {{.name = "FILE", .help = "a workflow file, - for standard input", .complete = Complete::file}},
       .flags = {{.name = "--to",
                  .value = "DIALECT",
                  .help = "native or ows (default: the other one)",
                  .choices = {"native", "ows"}},
                 {.name = "--output",
                  .value = "FILE",
                  .help = "where to (default: stdout)",
                  .short_name = "-o",
                  .complete = Complete::file},
                 {.name = "--strict", .value = "", .help = "write nothing when something would be lost"}},
       .notes =
           "What does not survive is told on stderr with its place and how to mend it; the exit code is 1 then, 0\n"
           "when nothing is lost. docs/convert.md has it construct by construct.",
       .examples = {{"perdure convert order.yaml -o order.ows.yaml", "for another runtime of the standard"},
                    {"perdure convert flow.yaml --to native --strict", "only when all of its meaning survives"}},
       .run = convert_file});
}

}  // namespace perdure::cli
