// register, workflows, replay, export, import, doctor, store: what a store holds, and proofs that it is sound.
#include <fmt/format.h>

#include "base/json.h"
#include "cli/json_views.h"
#include "cli/session.h"
#include "cli/verbs.h"
#include "cli/workflow_file.h"

namespace perdure::cli {
namespace {

namespace fs = std::filesystem;

Result<int> register_files(Session& session) {
  std::vector<std::shared_ptr<const plan::Plan>> plans;
  for (const std::string& file : session.args.all("FILE")) {
    PERDURE_TRY(plan, load_plan(session, file));
    plans.push_back(std::move(plan));
  }
  PERDURE_TRY(engine, session.open(Drive::nothing));
  for (const auto& plan : plans) {
    PERDURE_TRY(info, engine->register_workflow(plan));
    if (session.json) session.print_json(to_value(info));
    else
      session.print(fmt::format("{}{}  {}\n", printable(info.name),
                                info.version.empty() ? "" : "@" + printable(info.version),
                                info.plan_hash.substr(0, 12)));
  }
  return k_exit_ok;
}

Result<int> workflows(Session& session) {
  const bool names_only = session.args.on("--quiet");
  Result<OpenEngine> engine = session.open_existing(Drive::nothing);
  if (!engine && names_only) return k_exit_ok;
  if (!engine) return tl::unexpected(engine.error());
  PERDURE_TRY(all, (*engine)->workflows());
  if (session.json) {
    Value list = Value::array();
    for (const engine::WorkflowInfo& info : all) list.push_back(to_value(info));
    session.print_json(Value::object({{"workflows", list}}));
    return k_exit_ok;
  }
  if (names_only) {
    std::string last;
    for (const engine::WorkflowInfo& info : all)
      if (info.name != last) session.print((last = info.name) + "\n");
    return k_exit_ok;
  }
  if (all.empty()) {
    session.say("no workflow is registered; 'perdure register FILE' does it");
    return k_exit_ok;
  }
  Table table{.headings = {"WORKFLOW", "VERSION", "PLAN", "REGISTERED"}, .rows = {}, .right_aligned = {}, .styles = {}};
  for (const engine::WorkflowInfo& info : all)
    table.rows.push_back({info.name, info.version, info.plan_hash.substr(0, 12),
                          info.registered_at > 0 ? format_timestamp(info.registered_at).substr(0, 19) + "Z" : ""});
  session.print(table.render(session.out_palette(), session.out_width()));
  return k_exit_ok;
}

int print_replay(Session& session, const engine::ReplayReport& report, const std::string& name) {
  if (session.json) {
    session.print_json(to_value(report));
  } else if (report.matches) {
    session.print(fmt::format("{}: {} events in {} batches replay to the same state and the same decisions\n",
                              printable(name), report.events, report.batches));
  } else {
    session.print(fmt::format("{}: the replay differs\n", printable(name)));
    for (const std::string& difference : report.differences) session.print("  " + printable(difference) + "\n");
  }
  return report.matches ? k_exit_ok : k_exit_failed;
}

Result<int> replay(Session& session) {
  const std::string word = session.args.text_or("RUN", "");
  if (looks_like_file(word)) {  // offline: into a store in memory
    std::string text;
    if (word == "-") {
      PERDURE_TRY(read, session.io.read_input(k_export_bytes_max));
      text = std::move(read);
    } else {
      PERDURE_TRY(read, read_file(word, k_export_bytes_max));
      text = std::move(read);
    }
    PERDURE_TRY(opened, session.backend.open({.dir = {}, .drive = Drive::nothing, .allow_private_addresses = false}));
    const OpenEngine engine(std::move(opened));
    PERDURE_TRY(key, engine->import_run(text));
    PERDURE_TRY(report, engine->replay(key));
    return print_replay(session, report, word);
  }
  PERDURE_TRY(key, session.run_key(word));
  PERDURE_TRY(engine, session.open_existing(Drive::nothing));
  PERDURE_TRY(report, engine->replay(key));
  return print_replay(session, report, word);
}

Result<int> export_run(Session& session) {
  PERDURE_TRY(key, session.run_key(session.args.text_or("RUN", "")));
  PERDURE_TRY(engine, session.open_existing(Drive::nothing));
  PERDURE_TRY(document, engine->export_run(key));
  const std::string to = session.args.text_or("--output", "-");
  if (to == "-") {
    session.print(document + "\n");
    return k_exit_ok;
  }
  PERDURE_TRY_VOID(write_file(to, document + "\n", !session.args.on("--force")));
  session.say(fmt::format("run {} written to {}", key.id, printable(to)));
  return k_exit_ok;
}

Result<int> import_run(Session& session) {
  const std::string from = session.args.text_or("FILE", "-");
  std::string text;
  if (from == "-") {
    PERDURE_TRY(read, session.io.read_input(k_export_bytes_max));
    text = std::move(read);
  } else {
    PERDURE_TRY(read, read_file(from, k_export_bytes_max));
    text = std::move(read);
  }
  PERDURE_TRY(engine, session.open(Drive::nothing));
  PERDURE_TRY(key, engine->import_run(text));
  if (session.json) session.print_json(Value::object({{"run", key.id}}));
  else session.print(key.id + "\n");
  return k_exit_ok;
}

Result<int> doctor(Session& session) {
  PERDURE_TRY(engine, session.open_existing(Drive::nothing));
  PERDURE_TRY(report, engine->doctor());
  if (session.json) {
    session.print_json(to_value(report));
  } else {
    session.print(fmt::format("{} runs, {} of them open, {} timers: {}\n", report.runs, report.open, report.timers,
                              report.clean ? "all sound" : fmt::format("{} findings", report.findings.size())));
    for (const std::string& finding : report.findings) session.print("  " + printable(finding) + "\n");
  }
  return report.clean ? k_exit_ok : k_exit_failed;
}

Result<fs::path> existing_store(Session& session) {
  PERDURE_TRY(dir, session.store());
  std::error_code ignored;
  if (!fs::is_directory(dir, ignored))
    return fail(ErrorCode::not_found,
                fmt::format("there is no store at {}; --store DIR names another", printable(dir.string())));
  return dir;
}

tl::unexpected<Error> not_here(std::string_view verb) {
  return fail(ErrorCode::unsupported, fmt::format("'store {}' is not available with this store", verb));
}

std::string scalar_text(const Value& value) {
  return value.is_string() ? std::string(value.as_string()) : to_json(value);
}

// An object of the store's tools, for people: a line a member, lists indented.
void print_object(Session& session, const Value& object) {
  if (session.json || !object.is_object()) {
    session.print_json(object);
    return;
  }
  for (const auto& [name, value] : object.members()) {
    if (value.is_array() && value.size() > 0) {
      session.print(printable(name.as_string()) + "\n");
      for (const Value& item : value.items()) session.print("  " + printable(scalar_text(item)) + "\n");
    } else {
      session.print(padded(printable(name.as_string()), 20) + printable(scalar_text(value)) + "\n");
    }
  }
}

Result<int> store_verify(Session& session) {
  PERDURE_TRY(dir, existing_store(session));
  if (!session.backend.verify_store) return not_here("verify");
  PERDURE_TRY(report, session.backend.verify_store(dir));
  print_object(session, report);
  const Value* sound = report.find("sound");
  return sound && sound->truthy() ? k_exit_ok : k_exit_failed;
}

Result<int> store_inspect(Session& session) {
  PERDURE_TRY(dir, existing_store(session));
  if (!session.backend.inspect_store) return not_here("inspect");
  PERDURE_TRY(report, session.backend.inspect_store(dir));
  print_object(session, report);
  return k_exit_ok;
}

Result<int> store_backup(Session& session) {
  PERDURE_TRY(dir, existing_store(session));
  const fs::path target = session.args.text_or("DIR", "");
  std::error_code ignored;
  if (target.empty()) return fail(ErrorCode::invalid, "DIR is empty; name a folder that does not exist yet");
  if (fs::exists(target, ignored) && !fs::is_empty(target, ignored))
    return fail(ErrorCode::conflict,
                fmt::format("{} exists and is not empty; name a new folder", printable(target.string())));
  if (!session.backend.backup_store) return not_here("backup");
  PERDURE_TRY_VOID(session.backend.backup_store(dir, target));
  if (session.json) session.print_json(Value::object({{"backup", target.string()}}));
  session.say(
      fmt::format("backed up to {}; --store {} reads it", printable(target.string()), printable(target.string())));
  return k_exit_ok;
}

}  // namespace

namespace {

void add_workflow_verbs(std::vector<Verb>& verbs) {
  verbs.push_back(
      {.name = "register",
       .group = "Workflows",
       .summary = "Keep a workflow in the store, so that it runs by name and as a sub-workflow",
       .positionals = {{.name = "FILE", .help = "workflow files", .repeated = true, .complete = Complete::file}},
       .flags = {},
       .notes = "The same content again changes nothing; other content wants another version.",
       .examples = {{"perdure register order.yaml && perdure run order", "register, then run by name"}},
       .run = register_files});
  verbs.push_back({.name = "workflows",
                   .group = "Workflows",
                   .summary = "Workflows that are registered, with their versions",
                   .positionals = {},
                   .flags = {{.name = "--quiet", .value = "", .help = "only the names", .short_name = "-q"}},
                   .examples = {{"perdure workflows", "what runs by name"}},
                   .run = workflows});
}

}  // namespace

void add_store_verbs(std::vector<Verb>& verbs) {
  add_workflow_verbs(verbs);
  verbs.push_back(
      {.name = "replay",
       .group = "Proof and transport",
       .summary = "Prove that a run's history gives its state and its decisions again",
       .positionals = {{.name = "RUN", .help = "a run's id, or an exported file", .complete = Complete::run}},
       .flags = {},
       .notes = "An exported file is replayed offline, without a store.",
       .examples = {{"perdure replay order-42", "of a run in the store"},
                    {"perdure replay ./order-42.json", "of an exported one"}},
       .run = replay});
  verbs.push_back({.name = "export",
                   .group = "Proof and transport",
                   .summary = "Write a run with its plan and history as one JSON document",
                   .positionals = {{.name = "RUN", .help = "the run's id", .complete = Complete::run}},
                   .flags = {{.name = "--output",
                              .value = "FILE",
                              .help = "where to (default: stdout)",
                              .short_name = "-o",
                              .complete = Complete::file},
                             {.name = "--force", .value = "", .help = "replace an existing file"}},
                   .examples = {{"perdure export order-42 -o order-42.json", "to keep or to send"}},
                   .run = export_run});
  verbs.push_back(
      {.name = "import",
       .group = "Proof and transport",
       .summary = "Take an exported run into the store",
       .positionals = {{.name = "FILE", .help = "an exported run, - for standard input", .complete = Complete::file}},
       .flags = {},
       .notes = "A run of that id must not exist yet. Nothing of it is carried out until 'perdure resume'.",
       .examples = {{"perdure import order-42.json", "from another machine"}},
       .run = import_run});
  verbs.push_back({.name = "doctor",
                   .group = "Proof and transport",
                   .summary = "Check that no run is orphaned, no timer lost, no history broken",
                   .positionals = {},
                   .flags = {},
                   .examples = {{"perdure doctor", "after an accident"}},
                   .run = doctor});
  verbs.push_back({.name = "store verify",
                   .group = "Proof and transport",
                   .summary = "Read every byte of a store and check it",
                   .positionals = {},
                   .flags = {},
                   .examples = {{"perdure store verify --store /backups/monday", "is a backup whole?"}},
                   .run = store_verify});
  verbs.push_back({.name = "store inspect",
                   .group = "Proof and transport",
                   .summary = "What a store consists of: sizes, counts, format",
                   .positionals = {},
                   .flags = {},
                   .examples = {{"perdure store inspect --json", "for a monitor"}},
                   .run = store_inspect});
  verbs.push_back(
      {.name = "store backup",
       .group = "Proof and transport",
       .summary = "Copy a store to a new folder",
       .positionals = {{.name = "DIR", .help = "a folder that does not exist yet", .complete = Complete::folder}},
       .flags = {},
       .examples = {{"perdure store backup /backups/monday", "a copy that opens as a store"}},
       .run = store_backup});
}

}  // namespace perdure::cli
