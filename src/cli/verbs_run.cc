// run, resume.
#include <fmt/format.h>

#include <algorithm>

#include "base/json.h"
#include "cli/drive.h"
#include "cli/input.h"
#include "cli/session.h"
#include "cli/verbs.h"
#include "cli/workflow_file.h"

namespace perdure::cli {
namespace {

bool has_http(const plan::Plan& plan) {
  return std::any_of(plan.nodes.begin(), plan.nodes.end(), [](const plan::Node& node) {
    return node.activity &&
           (node.activity->type == "http" || node.activity->type == "openapi" || node.activity->type == "notify");
  });
}

void say_private_addresses(Session& session, const plan::Plan& plan) {
  if (session.args.on("--deny-private") || !has_http(plan)) return;
  session.say(
      session.err_palette()(Style::dim, "http steps may reach private addresses here; --deny-private refuses them"));
}

// A file of the standard goes on to the task that reads it, which fails as the standard says.
Status check_secrets(Session& session, const plan::Plan& plan) {
  const Status there = session.require_secrets(plan);
  if (there || !plan.data_flow || there.error().code != ErrorCode::invalid) return there;
  PERDURE_TRY_VOID(session.secrets());  // a file that can't be read is an error all the same
  session.say("warning: " + there.error().message);
  return {};
}

Result<int> run(Session& session) {
  const std::string word = session.args.text_or("WORKFLOW", "");
  const bool file = looks_like_file(word);
  std::shared_ptr<const plan::Plan> plan;
  if (file) {  // before a store is opened or made
    PERDURE_TRY(loaded, load_plan(session, word));
    plan = std::move(loaded);
    if (const auto missing = not_available(session, *plan)) return fail(ErrorCode::unsupported, *missing);
    PERDURE_TRY_VOID(check_secrets(session, *plan));
  }
  if (const auto id = session.args.text("--id")) PERDURE_TRY_VOID(check_id("--id", *id));
  const auto inputs = session.args.all("--input");
  if (file && word == "-" && std::find(inputs.begin(), inputs.end(), "-") != inputs.end())
    return fail(ErrorCode::invalid, "workflow and input can't both come from standard input; put one into a file");

  std::optional<Value> input;
  if (plan) {
    PERDURE_TRY(read, read_input(session.io, inputs, plan->input_schema));
    input = std::move(read);
  }
  PERDURE_TRY(engine, session.open(Drive::everything, !session.args.on("--deny-private")));
  if (!plan) {
    PERDURE_TRY(found, registered_plan(*engine, word));
    plan = std::move(found);
    if (const auto missing = not_available(session, *plan)) return fail(ErrorCode::unsupported, *missing);
    PERDURE_TRY_VOID(check_secrets(session, *plan));
    PERDURE_TRY(read, read_input(session.io, inputs, plan->input_schema));
    input = std::move(read);
  }

  engine::StartRequest request;
  request.id = session.args.text_or("--id", "");
  request.plan = plan;
  request.input = Bytes(to_json(*input));
  Value detail = Value::object({{"by", session.user()}});
  if (const auto tags = session.args.all("--tag"); !tags.empty()) {
    Value list = Value::array();
    for (const std::string& tag : tags) list.push_back(tag);
    detail.set("tags", std::move(list));
  }
  request.detail = Bytes(to_json(detail));
  session.io.catch_interrupts();
  PERDURE_TRY(started, engine->start(std::move(request)));
  say_private_addresses(session, *plan);
  if (started.existed)
    session.say(fmt::format("run {} exists already, with the same input; going on with it", started.run.id));
  else if (!session.io.err_is_terminal()) session.say(fmt::format("run {} started", started.run.id));
  DriveOptions options = drive_options(session);
  options.starting = true;
  return drive(session, *engine, started.run, options);
}

// Top-level runs that go on by themselves, oldest first. What was paused stays so.
Result<std::vector<RunKey>> resumable_runs(engine::Engine& engine) {
  std::vector<RunKey> runs;
  engine::ListRequest request;
  request.limit = 1000;
  do {
    PERDURE_TRY(page, engine.list(request));
    for (const engine::RunSummary& run : page.runs)
      if (run.closed_at == 0 && run.parent.empty() && run.status != "paused" && run.status != "quarantined")
        runs.push_back(run.run);
    request.cursor = page.next_cursor;
  } while (!request.cursor.empty());
  std::reverse(runs.begin(), runs.end());
  return runs;
}

// All go on together; they are followed one after the other.
Result<int> resume_all(Session& session) {
  PERDURE_TRY(engine, session.open_existing(Drive::everything));
  PERDURE_TRY(runs, resumable_runs(*engine));
  std::size_t ended = 0, failed = 0, waiting = 0;
  for (const RunKey& key : runs) {
    PERDURE_TRY(run, engine->describe(key));
    DriveOptions options = drive_options(session);
    options.from_seq = run.events + 1;
    session.say(fmt::format("run {}", key.id));
    PERDURE_TRY(plan, engine->plan(run.plan_hash));
    if (const Status there = session.require_secrets(*plan); !there) {
      session.say(there.error().message);
      ++failed;
      continue;
    }
    PERDURE_TRY(code, drive(session, *engine, key, options));
    if (code == k_exit_interrupted) return code;
    ++(code == k_exit_ok ? ended : code == k_exit_waiting ? waiting : failed);
  }
  session.say(fmt::format("{} runs: {} completed, {} wait for somebody, {} did not end well", runs.size(), ended,
                          waiting, failed));
  return failed > 0 ? k_exit_failed : waiting > 0 ? k_exit_waiting : k_exit_ok;
}

Result<int> resume(Session& session) {
  if (session.args.on("--all")) {
    if (session.args.text("RUN")) return fail(ErrorCode::invalid, "--all and a run exclude each other");
    return resume_all(session);
  }
  if (!session.args.text("RUN"))
    return fail(ErrorCode::invalid, "RUN is missing; name a run, or all of them with --all");
  PERDURE_TRY(key, session.run_key(session.args.text_or("RUN", "")));
  PERDURE_TRY(engine, session.open_existing(Drive::everything));
  PERDURE_TRY(run, engine->describe(key));
  const auto status = history::parse_run_status(run.status);
  DriveOptions options = drive_options(session);
  if (status && is_closed(*status)) {
    session.say(fmt::format("run {} is over", key.id));
    return print_result(session, run, options);
  }
  if (run.status == "paused")
    PERDURE_TRY_VOID(engine->resume(key, session.user(), session.args.text_or("--reason", "")));
  options.from_seq = run.events + 1;
  return drive(session, *engine, key, options);
}

}  // namespace

void add_run_verbs(std::vector<Verb>& verbs) {
  Verb run_verb{
      .name = "run",
      .group = "Run",
      .summary = "Run a workflow, from a file or by the name it is registered under",
      .positionals = {{.name = "WORKFLOW",
                       .help = "a YAML file, - for standard input, or NAME[@VERSION]",
                       .complete = Complete::file}},
      .flags = {{.name = "--input",
                 .value = "INPUT",
                 .help = "JSON, @FILE, - for standard input, or key=value by the input schema",
                 .short_name = "-i",
                 .repeated = true,
                 .complete = Complete::file},
                {.name = "--id",
                 .value = "ID",
                 .help = "the run's id; starting it again with the same input is the same run"},
                {.name = "--tag", .value = "TAG", .help = "kept with the run", .repeated = true},
                {.name = "--as",
                 .value = "NAME",
                 .help = "who starts it and answers reviews (default: the login name)"},
                {.name = "--deny-private",
                 .value = "",
                 .help = "refuse http to private and loopback addresses, which is allowed here by default"}},
      .notes =
          "Progress goes to stderr, the output to stdout as JSON; with --json every event is a line on "
          "stdout, the last one\n"
          "the result. On a terminal, reviews are put to you. Without one, the command comes back with exit "
          "code 3 when\n"
          "only a signal or a decision can bring the run forward. Ctrl-C leaves the run as it is: 'perdure "
          "resume' goes on.\n"
          "Keep secrets out of the arguments: use --input @FILE or --input -. What a workflow lists as a secret is "
          "given by\n--secret-file FILE, or in the environment as PERDURE_SECRET_NAME; its value is never "
          "recorded.",
      .examples = {{"perdure run examples/hello.yaml", "run a file"},
                   {"perdure run order.yaml --id order-42 --input order_id=42 --input express=true",
                    "an id and an input of one's own"},
                   {"perdure run order.yaml --input @order.json --json | jq .type", "events for a program"}},
      .run = run};
  add_drive_flags(run_verb.flags);
  verbs.push_back(std::move(run_verb));

  Verb resume_verb{
      .name = "resume",
      .group = "Run",
      .summary = "Go on with a run that was interrupted, paused or waiting",
      .positionals = {{.name = "RUN", .help = "the run's id", .required = false, .complete = Complete::run}},
      .flags = {{.name = "--all", .value = "", .help = "every run that is not over, paused or part of another"},
                {.name = "--as", .value = "NAME", .help = "who (default: the login name)"},
                {.name = "--reason", .value = "TEXT", .help = "why, kept in the history of a paused run"}},
      .notes =
          "A run that is over is shown with its result and exit code; nothing is done again.\n"
          "With --all the exit code is 1 when a run did not end well, else 3 when one waits for "
          "somebody.",
      .examples = {{"perdure resume order-42", "after Ctrl-C or a crash"},
                   {"perdure resume --all", "whatever was going on when the machine went down"}},
      .run = resume};
  add_drive_flags(resume_verb.flags);
  verbs.push_back(std::move(resume_verb));
}

}  // namespace perdure::cli
