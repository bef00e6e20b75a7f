// validate, plan, graph, fmt, schema, diff, new: verbs for writing workflows. None of them opens a store.
#include <fmt/format.h>

#include <algorithm>

#include "base/json.h"
#include "cli/estimate.h"
#include "cli/session.h"
#include "cli/verbs.h"
#include "cli/workflow_file.h"
#include "loaders/format.h"
#include "loaders/patterns.h"
#include "loaders/schema.h"
#include "plan/spelling.h"
#include "plan/view.h"

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
    const std::optional<std::string> missing = loaded.ok() ? not_available(session, *loaded.plan) : std::nullopt;
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

// What is known from earlier runs. A plan can be looked at without a store, or while another process holds it.
Estimate known_durations(Session& session, const std::string& workflow) {
  const Result<OpenEngine> engine = session.open_existing(Drive::nothing);
  if (!engine) return {};
  Result<Estimate> known = estimate(**engine, workflow);
  return known ? std::move(*known) : Estimate{};
}

Result<int> show_plan(Session& session) {
  PERDURE_TRY(plan, plan_of_word(session, session.args.text_or("WORKFLOW", "")));
  const Estimate known = known_durations(session, plan->name);
  const plan::Outline outline = plan::outline(*plan, known.by_step);
  if (session.json) {
    Value report = plan::outline_json(*plan, outline, known.by_step);
    report.set("estimated_from_runs", std::uint64_t{known.runs});
    session.print_json(report);
    return k_exit_ok;
  }
  session.print(printable(plan::outline_text(*plan, outline, known.by_step), true));
  if (known.runs > 0) session.say(fmt::format("times are the medians of the latest completed runs ({})", known.runs));
  return k_exit_ok;
}

Result<int> graph(Session& session) {
  PERDURE_TRY(plan, plan_of_word(session, session.args.text_or("WORKFLOW", "")));
  const std::string name = session.args.text_or("--format", "mermaid");
  const plan::GraphFormat format = name == "dot"   ? plan::GraphFormat::dot
                                   : name == "svg" ? plan::GraphFormat::svg
                                                   : plan::GraphFormat::mermaid;
  const std::string text = plan::render_graph(*plan, format);
  const std::string to = session.args.text_or("--output", "-");
  if (to != "-") {
    PERDURE_TRY_VOID(write_file(to, text, false));
    session.say(printable(to) + " written");
  } else if (session.json) {
    session.print_json(Value::object({{"format", name}, {"graph", text}}));
  } else {
    session.print(session.io.out_is_terminal() ? printable(text, true) : text);
  }
  return k_exit_ok;
}

Result<int> diff(Session& session) {
  PERDURE_TRY(before, plan_of_word(session, session.args.text_or("BEFORE", "")));
  PERDURE_TRY(after, plan_of_word(session, session.args.text_or("AFTER", "")));
  const std::vector<plan::Change> changes = plan::diff(*before, *after);
  if (session.json) session.print_json(plan::diff_json(changes));
  else if (changes.empty()) session.say("they mean the same");
  else session.print(printable_with_colors(plan::diff_text(changes, session.out_palette().color())));
  return session.args.on("--exit-code") && !changes.empty() ? k_exit_failed : k_exit_ok;
}

Result<int> format(Session& session) {
  const bool check = session.args.on("--check"), write = session.args.on("--write");
  if (check && write) return fail(ErrorCode::invalid, "--check and --write exclude each other; choose one");
  const auto files = session.args.all("FILE");
  if (files.size() > 1 && !check && !write)
    return fail(ErrorCode::invalid, "several files want --write or --check; without them one file's text is printed");
  std::size_t odd = 0;
  Value reports = Value::array();
  for (const std::string& name : files) {
    PERDURE_TRY(text, name == "-" ? session.io.read_input(k_file_bytes_max) : read_file(name));
    Result<std::string> formatted = loaders::format_yaml(text);
    if (!formatted) return wrap(std::move(formatted).error(), name);
    const bool changed = *formatted != text;
    odd += changed ? 1 : 0;
    reports.push_back(Value::object({{"file", name}, {"changed", changed}}));
    if (!check && !write) {
      if (!session.json) session.print(*formatted);
    } else if (changed) {
      if (write && name != "-") PERDURE_TRY_VOID(write_file(name, *formatted, false));
      if (!session.json) session.print(printable(name) + "\n");
    }
  }
  if (session.json) session.print_json(Value::object({{"files", reports}}));
  return check && odd > 0 ? k_exit_failed : k_exit_ok;
}

Result<int> schema(Session& session) {
  const std::string dialect = session.args.text_or("DIALECT", "native");
  if (dialect != "native" && dialect != "ows")
    return fail(ErrorCode::invalid,
                "there is no dialect '" + clipped(printable(dialect), 60) + "'; it is native or ows");
  if (dialect == "native") session.print_json(loaders::dialect_schema());
  else
    session.print_json(
        loaders::ows_schema(session.args.text_or("--official", std::string(loaders::k_official_schema))));
  return k_exit_ok;
}

// ---- new ------------------------------------------------------------------------------------------------------------

// The user's own patterns: *.yaml in $XDG_CONFIG_HOME/perdure/patterns. A later one of a name hides the built-in.
struct Template {
  std::string name, title, text;
  bool own = false;
};

std::filesystem::path own_patterns(Session& session) {
  if (const auto config = session.io.env("XDG_CONFIG_HOME"))
    return std::filesystem::path(*config) / "perdure" / "patterns";
  if (const auto home = session.io.env("HOME"))
    return std::filesystem::path(*home) / ".config" / "perdure" / "patterns";
  return {};
}

std::vector<Template> templates(Session& session) {
  std::vector<Template> all;
  for (const loaders::Pattern& pattern : loaders::patterns())
    all.push_back(
        {.name = std::string(pattern.name), .title = std::string(pattern.title), .text = std::string(pattern.text)});
  std::error_code error;
  std::vector<std::filesystem::path> files;
  for (std::filesystem::directory_iterator at(own_patterns(session), error), end; !error && at != end;
       at.increment(error))
    if (at->path().extension() == ".yaml") files.push_back(at->path());
  std::sort(files.begin(), files.end());
  for (const std::filesystem::path& file : files) {
    Result<std::string> text = read_file(file);
    if (!text) continue;
    const loaders::Loaded loaded = loaders::load(*text, file.string());
    Template own{.name = file.stem().string(),
                 .title = loaded.ok() ? loaded.plan->description : "",
                 .text = std::move(*text),
                 .own = true};
    std::erase_if(all, [&](const Template& one) { return one.name == own.name; });
    all.push_back(std::move(own));
  }
  return all;
}

Result<int> list_patterns(Session& session, const std::vector<Template>& all) {
  if (session.json) {
    Value list = Value::array();
    for (const Template& one : all)
      list.push_back(Value::object({{"name", one.name}, {"title", one.title}, {"own", one.own}}));
    session.print_json(Value::object({{"patterns", list}}));
    return k_exit_ok;
  }
  if (session.args.on("--quiet")) {
    for (const Template& one : all) session.print(printable(one.name) + "\n");
    return k_exit_ok;
  }
  Table table{.headings = {"PATTERN", "WHAT IT IS FOR"}};
  for (const Template& one : all) table.rows.push_back({one.name, one.title});
  session.print(table.render(session.out_palette(), session.out_width()));
  return k_exit_ok;
}

Result<int> make_new(Session& session) {
  const std::vector<Template> all = templates(session);
  const auto wanted = session.args.text("PATTERN");
  if (session.args.on("--list") || !wanted) return list_patterns(session, all);
  std::string folded = *wanted;
  std::replace(folded.begin(), folded.end(), '-', '_');
  const auto found = std::find_if(all.begin(), all.end(),
                                  [&](const Template& one) { return one.name == *wanted || one.name == folded; });
  if (found == all.end()) {
    std::vector<std::string_view> names;
    for (const Template& one : all) names.push_back(one.name);
    const std::string near(plan::nearest(folded, names));
    return fail(ErrorCode::invalid,
                fmt::format("there is no pattern '{}'; {}", clipped(printable(*wanted), 60),
                            near.empty() ? "'perdure new --list' shows all" : "did you mean '" + near + "'?"));
  }
  const std::string file = session.args.text_or("FILE", found->name + ".yaml");
  const bool to_stdout = file == "-";
  const std::string name =
      session.args.text_or("--name", to_stdout ? found->name : std::filesystem::path(file).stem().string());
  if (name.empty() ||
      name.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.") != std::string::npos)
    return fail(ErrorCode::invalid,
                fmt::format("the workflow's name would be '{}'; give one of letters, digits, - _ . with --name",
                            clipped(printable(name), 60)));
  const std::string text =
      loaders::instantiate({.name = found->name, .title = found->title, .text = found->text}, name);
  if (to_stdout) {
    session.print(text);
    return k_exit_ok;
  }
  PERDURE_TRY_VOID(write_file(file, text, !session.args.on("--force")));
  if (session.json) session.print_json(Value::object({{"file", file}, {"pattern", found->name}, {"name", name}}));
  session.say(fmt::format("{} written; its head says what it does. To run it:\n  perdure run {}", printable(file),
                          printable(file)));
  return k_exit_ok;
}

}  // namespace

namespace {

// validate, plan, graph, diff.
void add_plan_verbs(std::vector<Verb>& verbs) {
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
  const Positional workflow{
      .name = "WORKFLOW", .help = "a YAML file, - for standard input, or NAME[@VERSION]", .complete = Complete::file};
  verbs.push_back({.name = "plan",
                   .group = "Write workflows",
                   .summary = "How a workflow will run: waves, the critical path, times from earlier runs",
                   .positionals = {workflow},
                   .examples = {{"perdure plan order.yaml", "what runs at once, and what takes longest"}},
                   .run = show_plan});
  verbs.push_back({.name = "graph",
                   .group = "Write workflows",
                   .summary = "Draw a workflow",
                   .positionals = {workflow},
                   .flags = {{.name = "--format",
                              .value = "FORMAT",
                              .help = "mermaid (default), dot or svg",
                              .short_name = "-f",
                              .choices = {"mermaid", "dot", "svg"}},
                             {.name = "--output",
                              .value = "FILE",
                              .help = "where to (default: stdout)",
                              .short_name = "-o",
                              .complete = Complete::file}},
                   .examples = {{"perdure graph order.yaml -f svg -o order.svg", "a picture"},
                                {"perdure graph order.yaml -f dot | dot -Tpng > order.png", "through Graphviz"}},
                   .run = graph});
  verbs.push_back({.name = "diff",
                   .group = "Write workflows",
                   .summary = "What differs between two workflows in meaning, step by step",
                   .positionals = {{.name = "BEFORE", .help = "a file, or NAME[@VERSION]", .complete = Complete::file},
                                   {.name = "AFTER", .help = "a file, or NAME[@VERSION]", .complete = Complete::file}},
                   .flags = {{.name = "--exit-code", .value = "", .help = "exit with 1 when they differ"}},
                   .examples = {{"perdure diff order@1 order.yaml", "what would change"}},
                   .run = diff});
}

}  // namespace

void add_author_verbs(std::vector<Verb>& verbs) {
  add_plan_verbs(verbs);
  add_convert_verb(verbs);
  verbs.push_back(
      {.name = "fmt",
       .group = "Write workflows",
       .summary = "Indent a workflow file evenly; nothing else of it changes",
       .positionals = {{.name = "FILE",
                        .help = "workflow files, - for standard input",
                        .repeated = true,
                        .complete = Complete::file}},
       .flags = {{.name = "--write",
                  .value = "",
                  .help = "change the files, and print the names of those that changed",
                  .short_name = "-w"},
                 {.name = "--check",
                  .value = "",
                  .help = "print the names of files that are not well formatted; exit with 1 if there are any"}},
       .examples = {{"perdure fmt --write flows/*.yaml", "format in place"},
                    {"perdure fmt --check flows/*.yaml", "in CI"}},
       .run = format});
  verbs.push_back(
      {.name = "schema",
       .group = "Write workflows",
       .summary = "The JSON Schema of workflow files, for completion and checks in editors",
       .positionals = {{.name = "DIALECT",
                        .help = "native (default), or ows: the Open Workflow Specification with what Perdure adds",
                        .required = false}},
       .flags = {{.name = "--official",
                  .value = "URI",
                  .help = "ows: where the official schema is (default: its own URL)"}},
       .notes = "In a file: # yaml-language-server: $schema=perdure.schema.json",
       .examples = {{"perdure schema > .vscode/perdure.schema.json", "for an editor's YAML language server"},
                    {"perdure schema ows > perdure.ows.schema.json", "for files of the standard"}},
       .run = schema});
  verbs.push_back(
      {.name = "new",
       .group = "Write workflows",
       .summary = "Write a working, commented workflow from a pattern",
       .positionals = {{.name = "PATTERN",
                        .help = "which (left out: list them)",
                        .required = false,
                        .complete = Complete::pattern},
                       {.name = "FILE",
                        .help = "where to (default PATTERN.yaml), - for standard output",
                        .required = false,
                        .complete = Complete::file}},
       .flags = {{.name = "--name", .value = "NAME", .help = "of the workflow (default: the file's)"},
                 {.name = "--force", .value = "", .help = "replace an existing file"},
                 {.name = "--list", .value = "", .help = "list the patterns"},
                 {.name = "--quiet", .value = "", .help = "list only the names", .short_name = "-q"}},
       .notes = "Your own patterns are *.yaml files in $XDG_CONFIG_HOME/perdure/patterns (~/.config/perdure/patterns).",
       .examples = {{"perdure new saga order.yaml", "start from the saga pattern"},
                    {"perdure new --list", "what there is"}},
       .run = make_new});
}

}  // namespace perdure::cli
