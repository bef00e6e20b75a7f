// validate, plan, graph, fmt, schema, diff, new: verbs for writing workflows. None of them opens a store.
#include <fmt/format.h>

#include <algorithm>

#include "base/json.h"
#include "cli/session.h"
#include "cli/verbs.h"
#include "cli/workflow_file.h"

namespace perdure::cli {
namespace {

Result<int> validate(Session& session) {
  std::size_t errors = 0, files_with_errors = 0;
  Value reports = Value::array();
  const auto files = session.args.all("FILE");
  for (const std::string& name : files) {
    const Result<WorkflowFile> file = load_file(session, name);
    if (!file) {  // one file that can't be read does not keep the others from being checked
      ++errors;
      ++files_with_errors;
      if (session.json)
        reports.push_back(Value::object(
            {{"file", name}, {"valid", false}, {"error", file.error().message}, {"diagnostics", Value::array()}}));
      else session.io.err(fmt::format("perdure: error: {}\n", printable(file.error().message)));
      continue;
    }
    const loaders::Loaded& loaded = file->loaded;
    for (const loaders::Diagnostic& d : loaded.diagnostics)
      errors += d.severity == loaders::Diagnostic::Severity::error ? 1 : 0;
    files_with_errors += loaded.ok() ? 0 : 1;
    const std::optional<std::string> missing = loaded.ok() ? loaders::not_available(*loaded.plan) : std::nullopt;
    if (session.json) {
      Value diagnostics = Value::array();
      for (const loaders::Diagnostic& d : loaded.diagnostics) diagnostics.push_back(loaders::to_json(d));
      Value report = Value::object({{"file", name}, {"valid", loaded.ok()}, {"diagnostics", diagnostics}});
      if (loaded.ok()) {
        report.set("name", loaded.plan->name);
        report.set("version", loaded.plan->version);
        report.set("plan_hash", loaded.plan->hash);
        report.set("not_available", missing ? Value(*missing) : Value());
      }
      reports.push_back(std::move(report));
      continue;
    }
    session.io.err(printable_with_colors(loaders::render(loaded.diagnostics, session.err_palette().color())));
    if (!loaded.ok()) continue;
    session.print(fmt::format("{}: valid: {}{}\n", printable(name), printable(loaded.plan->name),
                              loaded.plan->version.empty() ? "" : "@" + printable(loaded.plan->version)));
    if (missing) session.say(fmt::format("{}: can't be run by this build: {}", printable(name), printable(*missing)));
  }
  if (session.json)
    session.print_json(Value::object({{"valid", errors == 0}, {"errors", std::uint64_t{errors}}, {"files", reports}}));
  return errors == 0 && files_with_errors == 0 ? k_exit_ok : k_exit_invalid;
}

}  // namespace

void add_author_verbs(std::vector<Verb>& verbs) {
  verbs.push_back({.name = "validate",
                   .group = "Write workflows",
                   .summary = "Check workflow files and show everything that is wrong, with its place",
                   .positionals = {{.name = "FILE",
                                    .help = "workflow files, - for standard input",
                                    .repeated = true,
                                    .complete = Complete::file}},
                   .flags = {},
                   .examples = {{"perdure validate flows/*.yaml", "all errors of all files"},
                                {"perdure validate order.yaml --json", "for an editor or CI"}},
                   .run = validate});
}

}  // namespace perdure::cli
