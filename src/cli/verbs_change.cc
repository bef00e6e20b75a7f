// signal, update, pause, cancel, terminate, retry, restart: verbs that change a run.
#include <fmt/format.h>

#include "base/json.h"
#include "cli/drive.h"
#include "cli/input.h"
#include "cli/session.h"
#include "cli/verbs.h"
#include "cli/workflow_file.h"

namespace perdure::cli {
namespace {

std::string by(const Session& session) { return session.user(); }
std::string why(const Session& session) { return session.args.text_or("--reason", ""); }

// A message that is durable now; the run goes on with it here, unless --no-drive.
Result<int> go_on(Session& session, engine::Engine& engine, const RunKey& key, DriveOptions options,
                  const std::string& did) {
  if (!session.args.on("--no-drive")) {
    session.say(did);
    return drive(session, engine, key, options);
  }
  if (session.json) session.print_json(Value::object({{"run", key.id}, {"done", did}}));
  else session.say(did);
  return k_exit_ok;
}

struct Opened {
  RunKey key;
  OpenEngine engine;
  engine::RunView before;
};
// With --no-drive, and for what does not let a run go on, nothing is carried out. A run that is stopped needs its secrets
// only for what it undoes, and may do without.
enum class Opens { looking, driving, stopping };
Result<Opened> open_run(Session& session, Opens how) {
  PERDURE_TRY(key, session.run_key(session.args.text_or("RUN", "")));
  const bool everything = how != Opens::looking && !session.args.on("--no-drive");
  PERDURE_TRY(engine, session.open_existing(everything ? Drive::everything : Drive::nothing));
  PERDURE_TRY(before, engine->describe(key));
  if (everything && how == Opens::driving) {
    PERDURE_TRY(plan, engine->plan(before.plan_hash));
    PERDURE_TRY_VOID(session.require_secrets(*plan));
  }
  return Opened{.key = std::move(key), .engine = std::move(engine), .before = std::move(before)};
}

DriveOptions message_options(const Session& session, const Opened& opened) {
  DriveOptions options = drive_options(session);
  options.message = true;
  options.from_seq = opened.before.events + 1;
  return options;
}

Result<int> signal(Session& session) {
  Value payload;
  if (const auto data = session.args.text("--data")) {
    PERDURE_TRY(read, read_value(session.io, "--data", *data));
    payload = std::move(read);
  }
  PERDURE_TRY(opened, open_run(session, Opens::driving));
  const std::string name = session.args.text_or("NAME", "");
  PERDURE_TRY_VOID(opened.engine->signal(opened.key, name, payload, session.args.text_or("--key", "")));
  return go_on(session, *opened.engine, opened.key, message_options(session, opened),
               fmt::format("signal {} sent to {}", printable(name), opened.key.id));
}

// TYPE, or a whole CloudEvent as JSON, @FILE or -.
Result<Value> event_of(Session& session) {
  const std::string word = session.args.text_or("EVENT", "");
  Value event = Value::object();
  if (word == "-" || word.starts_with("@") || word.starts_with("{")) {
    PERDURE_TRY(read, read_value(session.io, "EVENT", word));
    if (!read.is_object()) return fail(ErrorCode::invalid, "an event is an object of attributes, with at least a type");
    event = std::move(read);
  } else {
    event.set("type", word);
  }
  for (const std::string& given : session.args.all("--attribute")) {
    const std::size_t at = given.find('=');
    if (at == 0 || at == std::string::npos)
      return fail(ErrorCode::invalid,
                  "--attribute '" + printable(given) + "' needs NAME=VALUE, such as subject=order-42");
    event.set(given.substr(0, at), given.substr(at + 1));
  }
  if (const auto data = session.args.text("--data")) {
    PERDURE_TRY(read, read_value(session.io, "--data", *data));
    event.set("data", std::move(read));
  }
  return event;
}

Result<int> emit(Session& session) {
  PERDURE_TRY(event, event_of(session));
  const bool drives = !session.args.on("--no-drive");
  PERDURE_TRY(engine, session.open_existing(drives ? Drive::everything : Drive::nothing));
  PERDURE_TRY(runs, engine->publish("default", event));
  Value ids = Value::array();
  for (const RunKey& run : runs) ids.push_back(run.id);
  if (session.json)
    session.print(to_json(Value::object({{"type", "EventPublished"}, {"runs", std::move(ids)}})) + "\n");
  else if (runs.empty()) session.say("no run listens to events");
  if (!drives) return k_exit_ok;
  for (const RunKey& run : runs) {
    PERDURE_TRY(before, engine->describe(run));
    session.say(fmt::format("offered to {}", run.id));
    DriveOptions options = drive_options(session);
    options.message = true;
    options.from_seq = before.events + 1;
    PERDURE_TRY(code, drive(session, *engine, run, options));
    if (code == k_exit_interrupted) return code;
  }
  return k_exit_ok;
}

Result<int> update(Session& session) {
  Value argument;
  if (const auto data = session.args.text("--data")) {
    PERDURE_TRY(read, read_value(session.io, "--data", *data));
    argument = std::move(read);
  }
  PERDURE_TRY(opened, open_run(session, Opens::driving));
  const std::string name = session.args.text_or("NAME", "");
  PERDURE_TRY(answer, opened.engine->update(opened.key, name, argument, session.args.text_or("--key", "")));
  if (!session.json) session.print_json(answer);
  else session.print_json(Value::object({{"type", "UpdateAnswer"}, {"run", opened.key.id}, {"answer", answer}}));
  if (session.args.on("--no-drive")) return k_exit_ok;
  return drive(session, *opened.engine, opened.key, message_options(session, opened));
}

Result<int> pause(Session& session) {
  PERDURE_TRY(opened, open_run(session, Opens::looking));
  PERDURE_TRY_VOID(opened.engine->pause(opened.key, by(session), why(session)));
  const std::string did = fmt::format("run {} is paused", opened.key.id);
  if (session.json) session.print_json(Value::object({{"run", opened.key.id}, {"done", did}}));
  session.say(did + fmt::format("; to go on:\n  perdure resume {}{}", opened.key.id, session.store_words()));
  return k_exit_ok;
}

// Recorded before anything of the store is taken up: an attempt that died with a process is not made once more.
Result<engine::RunView> record_cancel(Session& session) {
  PERDURE_TRY(opened, open_run(session, Opens::looking));
  PERDURE_TRY_VOID(opened.engine->cancel(opened.key, by(session), why(session)));
  return std::move(opened.before);
}

Result<int> cancel(Session& session) {
  PERDURE_TRY(before, record_cancel(session));
  PERDURE_TRY(opened, open_run(session, Opens::stopping));
  DriveOptions options = drive_options(session);
  options.stopping = true;
  options.prompt = false;
  options.from_seq = before.events + 1;
  return go_on(session, *opened.engine, opened.key, options,
               fmt::format("run {} is being cancelled; what it has done is undone", opened.key.id));
}

Result<int> terminate(Session& session) {
  PERDURE_TRY(opened, open_run(session, Opens::looking));
  PERDURE_TRY_VOID(opened.engine->terminate(opened.key, by(session), why(session)));
  const std::string did = fmt::format("run {} is terminated; nothing was undone", opened.key.id);
  if (session.json) session.print_json(Value::object({{"run", opened.key.id}, {"done", did}}));
  session.say(did);
  return k_exit_ok;
}

Result<int> retry(Session& session) {
  PERDURE_TRY(opened, open_run(session, Opens::driving));
  PERDURE_TRY_VOID(opened.engine->retry(opened.key, by(session), why(session)));
  DriveOptions options = drive_options(session);
  options.from_seq = opened.before.events + 1;
  return go_on(session, *opened.engine, opened.key, options,
               fmt::format("run {} goes on from the step that failed", opened.key.id));
}

Result<int> restart(Session& session) {
  engine::RestartRequest request;
  if (const auto file = session.args.text("--plan")) {
    PERDURE_TRY(plan, load_plan(session, *file));
    if (const auto missing = not_available(session, *plan)) return fail(ErrorCode::unsupported, *missing);
    request.plan = std::move(plan);
  }
  const auto step = session.args.text("--from");
  if (!step)
    return fail(ErrorCode::invalid,
                "--from is missing; name the top-level step to start from, as 'perdure show RUN' lists it");
  if (const auto id = session.args.text("--id")) PERDURE_TRY_VOID(check_id("--id", *id));
  PERDURE_TRY(opened, open_run(session, Opens::driving));
  request.from = opened.key;
  request.step = *step;
  request.id = session.args.text_or("--id", "");
  request.by = by(session);
  PERDURE_TRY(started, opened.engine->restart(request));
  return go_on(session, *opened.engine, started.run, drive_options(session),
               fmt::format("run {} starts from step {} of {}", started.run.id, printable(*step), opened.key.id));
}

const Positional k_run{.name = "RUN", .help = "the run's id", .complete = Complete::run};
const Flag k_as{.name = "--as", .value = "NAME", .help = "who (default: the login name)"};
const Flag k_reason{.name = "--reason", .value = "TEXT", .help = "why, kept in the history"};
const Flag k_no_drive{
    .name = "--no-drive", .value = "", .help = "record it and come back; 'perdure resume' goes on later"};
const Flag k_data{.name = "--data",
                  .value = "JSON",
                  .help = "JSON, @FILE, or - for standard input (default null)",
                  .short_name = "-d",
                  .complete = Complete::file};

Verb changing(std::string name, std::string summary, std::vector<Positional> positionals, std::vector<Flag> flags,
              std::string notes, std::vector<Example> examples, VerbFunction function, bool drives) {
  Verb verb{.name = std::move(name),
            .group = "Change a run",
            .summary = std::move(summary),
            .positionals = std::move(positionals),
            .flags = std::move(flags),
            .notes = std::move(notes),
            .examples = std::move(examples),
            .run = function};
  if (drives) {
    verb.flags.push_back(k_no_drive);
    add_drive_flags(verb.flags);
  }
  return verb;
}

}  // namespace

void add_change_verbs(std::vector<Verb>& verbs) {
  const std::string goes_on =
      "The message is durable before the run goes on with it here; the exit code says that it got through.";
  verbs.push_back(changing(
      "signal", "Send a signal into a run", {k_run, {.name = "NAME", .help = "the signal a listen step waits for"}},
      {k_data, {.name = "--key", .value = "KEY", .help = "the sender's own; the same key is applied once"}}, goes_on,
      {{"perdure signal order-42 paid --data '{\"sum\": 40}' --key payment-7", "tell a run that it was paid, once"}},
      signal, true));
  verbs.push_back(changing(
      "emit", "Give an event to every run that listens",
      {{.name = "EVENT",
        .help = "the event's type, or a whole CloudEvent: JSON, @FILE, or -",
        .complete = Complete::file}},
      {k_data,
       {.name = "--attribute",
        .value = "NAME=VALUE",
        .help = "another attribute of the CloudEvent: source, id, subject, …",
        .short_name = "-a",
        .repeated = true}},
      "The same source and id is applied once a run. " + goes_on,
      {{"perdure emit com.example.order.paid --data '{\"sum\": 40}' -a subject=order-42", "tell all that wait for it"},
       {"perdure emit @event.json --no-drive", "a whole CloudEvent; the runs go on when they are resumed"}},
      emit, true));
  verbs.push_back(
      changing("update", "Change a run's context by one of its updates, and print the answer",
               {k_run, {.name = "NAME", .help = "an update the workflow declares"}},
               {k_data, {.name = "--key", .value = "ID", .help = "the same id is applied once"}},
               "An argument that the workflow's own check refuses changes nothing and exits with 2.\n" + goes_on,
               {{"perdure update order-42 set_eta --data '\"friday\"'", "correct what a run knows"}}, update, true));
  verbs.push_back(changing("pause", "Start nothing more of a run until it is resumed", {k_run}, {k_as, k_reason},
                           "What is already out comes to its end.",
                           {{"perdure pause order-42 --reason 'bank is down'", "hold a run"}}, pause, false));
  verbs.push_back(changing("cancel", "Stop a run and undo what it has done", {k_run}, {k_as, k_reason},
                           "Stays until the compensations ran, and exits with 0 when all of them did.",
                           {{"perdure cancel order-42 --reason 'customer changed his mind'", "take an order back"}},
                           cancel, true));
  verbs.push_back(changing("terminate", "End a run at once, undoing nothing", {k_run}, {k_as, k_reason}, "",
                           {{"perdure terminate order-42 --reason 'test run'", "the last resort"}}, terminate, false));
  verbs.push_back(
      changing("retry", "Go on with a failed run from the step that failed", {k_run}, {k_as, k_reason},
               "Steps that completed keep their results; those that were undone run again, with what came after "
               "them.\nA run that could not be undone whole is undone to its end first, and goes on when it is "
               "retried again.",
               {{"perdure retry order-42", "after the cause is mended"}}, retry, true));
  verbs.push_back(changing(
      "restart", "Start a new run from any step of an earlier one", {k_run},
      {{.name = "--from", .value = "STEP", .help = "the top-level step to start from, with all that come after it"},
       {.name = "--id", .value = "ID", .help = "of the new run"},
       {.name = "--plan", .value = "FILE", .help = "a newer version of the workflow", .complete = Complete::file},
       k_as},
      "The results of the steps before it are taken over. The earlier run stays as it is.",
      {{"perdure restart order-42 --from ship --plan order-v2.yaml", "again from one step, with a corrected file"}},
      restart, true));
}

}  // namespace perdure::cli
