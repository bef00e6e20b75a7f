// list, show, history, query: verbs that only read.
#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "base/json.h"
#include "cli/json_views.h"
#include "cli/progress_view.h"
#include "cli/review_prompt.h"
#include "cli/session.h"
#include "cli/verbs.h"
#include "engine/lifecycle.h"

namespace perdure::cli {
namespace {

Style style_of(const std::string& status) {
  if (status == "completed") return Style::green;
  if (status == "failed" || status == "timed_out" || status == "compensation_failed" || status == "quarantined")
    return Style::red;
  if (status == "running" || status == "pending") return Style::cyan;
  if (status == "skipped") return Style::dim;
  return Style::yellow;
}

std::string time_text(TimeMs time) {
  return time <= 0 || time == k_never ? "" : format_timestamp(time).substr(0, 19) + "Z";
}

// "2026-01-02", a timestamp, or a duration before now ("24h").
Result<TimeMs> point_in_time(Session& session, std::string_view flag, TimeMs fallback) {
  const auto given = session.args.text(flag);
  if (!given) return fallback;
  if (const auto time = parse_timestamp(*given)) return *time;
  if (const auto ago = parse_duration(*given)) return session.io.now_ms() - *ago;
  return fail(ErrorCode::invalid,
              fmt::format("{} is '{}'; give a time (2026-01-02 or 2026-01-02T03:04:05Z) or how long ago (24h)", flag,
                          clipped(printable(*given), 60)));
}

Result<int> list(Session& session) {
  engine::ListRequest request;
  request.status = session.args.text("--status");
  if (request.status && !history::parse_run_status(*request.status))
    return fail(ErrorCode::invalid,
                fmt::format("--status is '{}'; there are pending, running, waiting, paused, completed, failed, "
                            "cancelled, terminated, timed_out, compensating, compensation_failed, quarantined",
                            clipped(printable(*request.status), 60)));
  request.workflow = session.args.text("--workflow");
  request.parent = session.args.text("--parent");
  request.cursor = session.args.text_or("--cursor", "");
  PERDURE_TRY(limit, session.args.number("--limit", 100, 1, 10'000));
  request.limit = static_cast<std::size_t>(limit);
  PERDURE_TRY(from, point_in_time(session, "--from", 0));
  PERDURE_TRY(until, point_in_time(session, "--until", k_never));
  request.from = from;
  request.until = until;

  const bool ids_only = session.args.on("--quiet");
  Result<OpenEngine> engine = session.open_existing(Drive::nothing);
  if (!engine && ids_only) return k_exit_ok;  // shell completion asks this way: nothing to offer is no error
  if (!engine) return tl::unexpected(engine.error());
  PERDURE_TRY(runs, (*engine)->list(request));
  if (session.json) {
    Value all = Value::array();
    for (const engine::RunSummary& run : runs.runs) all.push_back(to_value(run));
    session.print_json(
        Value::object({{"runs", all}, {"next_cursor", runs.next_cursor.empty() ? Value() : Value(runs.next_cursor)}}));
    return k_exit_ok;
  }
  if (ids_only) {
    for (const engine::RunSummary& run : runs.runs) session.print(run.run.id + "\n");
    return k_exit_ok;
  }
  if (runs.runs.empty()) {
    session.say("no runs");
    return k_exit_ok;
  }
  Table table{.headings = {"RUN", "WORKFLOW", "STATUS", "STARTED", "TOOK"},
              .rows = {},
              .right_aligned = {false, false, false, false, true},
              .styles = {}};
  const TimeMs now = session.io.now_ms();
  for (const engine::RunSummary& run : runs.runs) {
    const TimeMs end = run.closed_at > 0 ? run.closed_at : now;
    table.rows.push_back({run.run.id, run.workflow + (run.version.empty() ? "" : "@" + run.version), run.status,
                          time_text(run.started_at), run.started_at > 0 ? short_duration(end - run.started_at) : ""});
    table.styles.push_back({Style::plain, Style::plain, style_of(run.status)});
  }
  session.print(table.render(session.out_palette(), session.out_width()));
  if (!runs.next_cursor.empty()) session.say(fmt::format("more with --cursor {}", runs.next_cursor));
  return k_exit_ok;
}

std::string field(const Palette& palette, std::string_view name, const std::string& value) {
  return value.empty() ? "" : palette(Style::dim, padded(name, 13)) + printable(value) + "\n";
}

std::string short_json(const Value& value) { return value.is_null() ? "" : clipped(to_json(value), 2'000); }

// Reads the history in pages; stops after `most` events.
Result<int> each_event(engine::Engine& engine, const RunKey& key, std::uint64_t from, long long most,
                       const std::function<void(const engine::HistoryEntry&)>& visit) {
  constexpr long long k_page = 1'000;
  while (most > 0) {
    PERDURE_TRY(page, engine.history(key, from, static_cast<std::size_t>(std::min(k_page, most))));
    for (const engine::HistoryEntry& entry : page) visit(entry);
    if (page.empty()) break;
    from = page.back().seq + 1;
    most -= static_cast<long long>(page.size());
  }
  return k_exit_ok;
}

// The engine forgets when a step that is over began; the history has it. Not for runs whose history takes long to read.
Status fill_times(engine::Engine& engine, engine::RunView& run) {
  constexpr std::uint64_t k_events_max = 50'000;
  if (run.events > k_events_max || run.steps.empty()) return {};
  PERDURE_TRY(plan, engine.plan(run.plan_hash));
  RunModel model(plan);
  PERDURE_TRY(code,
              each_event(engine, run.run, 1, k_events_max, [&](const engine::HistoryEntry& e) { model.apply(e); }));
  static_cast<void>(code);
  std::map<std::string_view, const StepLine*> by_path;
  for (const StepLine* line : model.lines()) by_path.emplace(line->path, line);
  for (engine::StepView& step : run.steps) {
    const auto found = by_path.find(step.path);
    if (found == by_path.end() || step.started_at != 0) continue;
    step.started_at = found->second->started_at;
    step.ended_at = found->second->ended_at;
    if (step.attempt == 0) step.attempt = found->second->attempt;
  }
  return {};
}

Result<int> show(Session& session) {
  PERDURE_TRY(key, session.run_key(session.args.text_or("RUN", "")));
  PERDURE_TRY(engine, session.open_existing(Drive::nothing));
  PERDURE_TRY(run, engine->describe(key));
  PERDURE_TRY_VOID(fill_times(*engine, run));
  if (session.json) {
    session.print_json(to_value(run));
    return k_exit_ok;
  }
  const Palette palette = session.out_palette();
  std::string out = field(palette, "run", run.run.id);
  out += field(palette, "workflow", run.workflow + (run.version.empty() ? "" : "@" + run.version));
  out += palette(Style::dim, padded("status", 13)) + palette(style_of(run.status), run.status) + "\n";
  out += field(palette, "parent", run.parent);
  out += field(palette, "started", time_text(run.started_at));
  out += field(palette, "ended", time_text(run.closed_at));
  if (run.closed_at > 0) out += field(palette, "took", short_duration(run.closed_at - run.started_at));
  else out += field(palette, "progress", fmt::format("{:.0f} %", run.progress * 100));
  out += field(palette, "events", std::to_string(run.events));
  if (run.error)
    out += field(palette, "error",
                 describe_fault(*run.error) + (run.error->step.empty() ? "" : " (step " + run.error->step + ")"));
  out += field(palette, "compensation", run.compensation);
  for (const Value& entry : run.repair) out += field(palette, "repair", to_json(entry));
  for (const std::string& what : run.waiting_for) out += field(palette, "waiting for", what);
  out += field(palette, "input", short_json(run.input));
  out += field(palette, "context", run.context.size() == 0 ? "" : short_json(run.context));
  out += field(palette, "output", short_json(run.output));
  session.print(out);
  if (!run.steps.empty()) {
    Table table{.headings = {"STEP", "KIND", "STATUS", "ATTEMPT", "TOOK", ""},
                .rows = {},
                .right_aligned = {false, false, false, true, true},
                .styles = {}};
    const TimeMs now = session.io.now_ms();
    for (const engine::StepView& step : run.steps) {
      const TimeMs end = step.ended_at > 0 ? step.ended_at : run.closed_at > 0 ? run.closed_at : now;
      std::string note = step.error ? describe_fault(*step.error) : step.summary;
      if (step.next_at > 0 && step.next_at != k_never && step.ended_at == 0) note = "until " + time_text(step.next_at);
      table.rows.push_back({step.path, step.kind, step.status, step.attempt > 0 ? std::to_string(step.attempt) : "",
                            step.started_at > 0 ? short_duration(end - step.started_at) : "", note});
      table.styles.push_back({Style::plain, Style::dim, style_of(step.status)});
    }
    session.print("\n" + table.render(palette, session.out_width()));
  }
  for (const engine::ReviewView& review : run.reviews) session.print("\n" + review_text(review, palette));
  return k_exit_ok;
}

Result<int> history(Session& session) {
  PERDURE_TRY(key, session.run_key(session.args.text_or("RUN", "")));
  PERDURE_TRY(limit, session.args.number("--limit", 1'000'000, 1, 100'000'000));
  PERDURE_TRY(from, session.args.number("--from", 1, 1, INT64_MAX));
  PERDURE_TRY(engine, session.open_existing(Drive::nothing));
  PERDURE_TRY(run, engine->describe(key));
  PERDURE_TRY(plan, engine->plan(run.plan_hash));
  const auto first = static_cast<std::uint64_t>(from);
  if (session.args.on("--cloudevents")) {
    engine::Lifecycle lifecycle(key, plan);
    return each_event(*engine, key, 1, limit, [&](const engine::HistoryEntry& entry) {
      for (const Value& event : lifecycle.next(entry))
        if (entry.seq >= first) session.print(to_json(event) + "\n");
    });
  }
  RunModel model(plan);
  model.keep_marks();
  if (session.json || session.args.on("--events")) {
    const Palette palette = session.out_palette();
    return each_event(*engine, key, 1, limit, [&](const engine::HistoryEntry& entry) {
      std::string step = model.step_of(entry.event);
      model.apply(entry);
      if (entry.seq < first) return;
      if (step.empty()) step = model.step_of(entry.event);
      Value line = history::to_value(entry.event, entry.seq, entry.at);
      if (!step.empty()) line.set("step_path", step);
      if (session.json) session.print(to_json(line) + "\n");
      else
        session.print(fmt::format("{}  {}  {}  {}\n", padded(std::to_string(entry.seq), 6, true),
                                  format_timestamp(entry.at),
                                  palette(Style::bold, padded(history::name_of(entry.event), 22)), printable(step)));
    });
  }
  PERDURE_TRY(done, each_event(*engine, key, 1, limit, [&](const engine::HistoryEntry& entry) { model.apply(entry); }));
  Table table{.headings = {"AT", "STEP", "WHAT", "OUTCOME", "TOOK", ""},
              .rows = {},
              .right_aligned = {true, false, false, false, true},
              .styles = {}};
  for (const Mark& mark : model.marks()) {
    if (mark.seq < first) continue;
    const bool moment = mark.ended_at == mark.started_at;
    table.rows.push_back({"+" + short_duration(mark.started_at - run.started_at), mark.step, mark.what, mark.outcome,
                          mark.ended_at == 0            ? ""
                          : moment && mark.step.empty() ? ""
                                                        : short_duration(mark.ended_at - mark.started_at),
                          mark.detail});
    table.styles.push_back({Style::dim, Style::bold, Style::plain, style_of(mark.outcome)});
  }
  session.print(table.render(session.out_palette(), session.out_width()));
  return done;
}

Result<int> query(Session& session) {
  PERDURE_TRY(key, session.run_key(session.args.text_or("RUN", "")));
  PERDURE_TRY(engine, session.open_existing(Drive::nothing));
  PERDURE_TRY(answer, engine->query(key, session.args.text_or("NAME", "")));
  session.print_json(answer);
  return k_exit_ok;
}

const Positional k_run{.name = "RUN", .help = "the run's id", .complete = Complete::run};

}  // namespace

void add_look_verbs(std::vector<Verb>& verbs) {
  verbs.push_back(
      {.name = "list",
       .group = "Look",
       .summary = "Runs of the store, the latest first",
       .positionals = {},
       .flags =
           {{.name = "--status", .value = "STATUS", .help = "only these: running, waiting, failed, …"},
            {.name = "--workflow", .value = "NAME", .help = "only of this workflow", .complete = Complete::workflow},
            {.name = "--parent", .value = "RUN", .help = "only sub-workflows of this run", .complete = Complete::run},
            {.name = "--from", .value = "TIME", .help = "started then or later: a time, or how long ago (24h)"},
            {.name = "--until", .value = "TIME", .help = "started before"},
            {.name = "--limit", .value = "N", .help = "at most so many (default 100)"},
            {.name = "--cursor", .value = "CURSOR", .help = "go on where the last list ended"},
            {.name = "--quiet", .value = "", .help = "only the ids", .short_name = "-q"}},
       .examples = {{"perdure list --status failed --from 24h", "what went wrong since yesterday"},
                    {"perdure list -q --status waiting", "ids for a loop in a script"}},
       .run = list});
  verbs.push_back({.name = "show",
                   .group = "Look",
                   .summary = "A run: status, steps, what it waits for, input and output",
                   .positionals = {k_run},
                   .flags = {},
                   .examples = {{"perdure show order-42", "where it stands"}},
                   .run = show});
  verbs.push_back(
      {.name = "history",
       .group = "Look",
       .summary = "What happened in a run: each attempt with its time, or every event",
       .positionals = {k_run},
       .flags = {{.name = "--events", .value = "", .help = "every event, one a line"},
                 {.name = "--cloudevents", .value = "", .help = "lifecycle events of the Open Workflow Specification"},
                 {.name = "--from", .value = "SEQ", .help = "from this event on"},
                 {.name = "--limit", .value = "N", .help = "read at most so many events"}},
       .notes = "With --json every event is a line with its payloads. With --cloudevents every change of the run and "
                "of its\n"
                "steps is a line: a CloudEvent whose id is the same each time, to be sent on or put into files.",
       .examples = {{"perdure history order-42", "the timeline"},
                    {"perdure history order-42 --json | jq 'select(.type == \"ActivityFailed\")'", "for a program"},
                    {"perdure history order-42 --cloudevents", "for whatever takes CloudEvents"}},
       .run = history});
  verbs.push_back({.name = "query",
                   .group = "Look",
                   .summary = "Ask a run one of its workflow's queries",
                   .positionals = {k_run, {.name = "NAME", .help = "a query the workflow declares"}},
                   .flags = {},
                   .examples = {{"perdure query order-42 eta", "read what a run knows"}},
                   .run = query});
}

}  // namespace perdure::cli
