#include "cli/drive.h"

#include <fmt/format.h>

#include <algorithm>
#include <condition_variable>
#include <map>
#include <mutex>
#include <set>

#include "base/json.h"
#include "cli/json_views.h"
#include "cli/progress_view.h"
#include "cli/review_prompt.h"
#include "cli/run_model.h"

namespace perdure::cli {
namespace {

// Events on their way from the engine's threads to ours. Bounded: what does not fit is read from the history later.
class Feed {
 public:
  void push(const engine::Progress& progress) {
    const std::lock_guard lock(mutex_);
    for (const engine::HistoryEntry& entry : progress.events) {
      if (entries_.size() >= k_entries_max) {
        dropped_ = true;
        break;
      }
      entries_.push_back(entry);
    }
    news_ = true;
    closed_ = closed_ || progress.closed;
    changed_.notify_one();
  }
  struct Taken {
    std::vector<engine::HistoryEntry> entries;
    bool news = false, incomplete = false;
  };
  Taken take(std::chrono::milliseconds at_most) {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, at_most, [&] { return news_; });
    Taken taken{.entries = std::move(entries_), .news = news_, .incomplete = dropped_ || closed_};
    entries_.clear();
    news_ = dropped_ = false;
    return taken;
  }

 private:
  static constexpr std::size_t k_entries_max = 10'000;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<engine::HistoryEntry> entries_;
  bool news_ = false, dropped_ = false, closed_ = false;
};

std::optional<DurationMs> usual_duration(engine::Engine& engine, const engine::RunView& run) {
  engine::ListRequest request;
  request.workflow = run.workflow;
  request.status = "completed";
  request.limit = 25;
  const Result<engine::RunList> list = engine.list(request);
  if (!list) return std::nullopt;  // no estimate is no reason to fail
  std::vector<DurationMs> durations;
  for (const engine::RunSummary& one : list->runs)
    if (one.closed_at > one.started_at) durations.push_back(one.closed_at - one.started_at);
  if (durations.size() < 2) return std::nullopt;
  std::nth_element(durations.begin(), durations.begin() + static_cast<std::ptrdiff_t>(durations.size() / 2),
                   durations.end());
  return durations[durations.size() / 2];
}

class Driver {
 public:
  Driver(Session& session, engine::Engine& engine, RunKey run, const DriveOptions& options)
      : session_(session), engine_(engine), run_(std::move(run)), options_(options) {
    const bool dumb = session.io.env("TERM").value_or("") == "dumb";
    live_ = session.io.err_is_terminal() && !dumb && !session.json && !options.quiet;
    lines_ = !live_ && !session.json && !options.quiet;
    view_ = {.run_id = run_.id, .palette = session.err_palette(), .unicode = session.unicode()};
  }

  Result<int> drive() {
    auto subscription = engine_.watch(run_, [feed = feed_](const engine::Progress& p) { feed->push(p); });
    PERDURE_TRY(run, engine_.describe(run_));
    PERDURE_TRY(plan, engine_.plan(run.plan_hash));
    if (!options_.starting && !options_.stopping) PERDURE_TRY_VOID(session_.require_secrets(*plan));
    model_ = std::make_unique<RunModel>(plan);
    view_.usual_ms = live_ ? usual_duration(engine_, run) : std::nullopt;
    session_.io.catch_interrupts();
    PERDURE_TRY_VOID(catch_up());
    flush_line();
    PERDURE_TRY(end, watch());
    flush_line();
    subscription.reset();
    if (live_) show_frame();
    redraw_.keep();
    if (end == End::interrupted) {
      say_interrupted();
      return k_exit_interrupted;
    }
    PERDURE_TRY(last, engine_.describe(run_));
    return print_result(session_, last, options_, model_->outlook().signals);
  }

 private:
  enum class End { closed, stuck, interrupted };

  Result<End> watch() {
    constexpr std::chrono::milliseconds k_tick{100};
    bool settled = false;  // looked at since the last event
    while (true) {
      if (is_closed(model_->status())) return End::closed;
      if (session_.io.interrupted()) return End::interrupted;
      const Feed::Taken taken = feed_->take(k_tick);
      for (const engine::HistoryEntry& entry : taken.entries) {
        if (entry.seq <= model_->last_seq()) continue;
        if (entry.seq > model_->last_seq() + 1) PERDURE_TRY_VOID(catch_up());
        if (entry.seq == model_->last_seq() + 1) apply(entry);
      }
      if (taken.incomplete) PERDURE_TRY_VOID(catch_up());
      if (live_) show_frame();
      flush_line();
      settled = settled && !taken.news;
      if (taken.news) continue;
      if (settled && model_->outlook().children.empty()) continue;  // of its sub-workflows no events come here
      settled = true;
      if (is_closed(model_->status()) || !is_stuck(*model_)) continue;
      if (options_.prompt && model_->outlook().reviews > 0) {
        PERDURE_TRY(answered, prompt());
        if (answered) {
          settled = false;
          continue;
        }
      }
      return session_.io.interrupted() ? End::interrupted : End::stuck;
    }
  }

  // Whether only somebody else can bring the run forward.
  bool is_stuck(const RunModel& model) {
    const Outlook ahead = model.outlook();
    if (ahead.moves) return false;
    if (model.status() == history::RunStatus::paused) return true;
    const bool alone = ahead.children.empty();
    switch (options_.patience) {
      case Patience::until_idle:
        if (model.status() != history::RunStatus::waiting) return false;
        break;
      case Patience::until_stuck:
        if (ahead.timers || (alone && !ahead.waits_for_somebody())) return false;
        break;
      case Patience::until_closed:
        if (ahead.timers || alone) return false;
        break;
    }
    return std::all_of(ahead.children.begin(), ahead.children.end(),
                       [&](const std::string& child) { return child_is_stuck(child); });
  }
  // A sub-workflow is looked at as the run itself is, down to the last.
  bool child_is_stuck(const std::string& id) {
    const RunKey key{.tenant = run_.tenant, .id = id};
    auto& model = children_[id];
    if (!model) {
      const auto run = engine_.describe(key);
      if (!run) return false;  // about to be started
      auto plan = engine_.plan(run->plan_hash);
      if (!plan) return false;
      model = std::make_unique<RunModel>(*plan);
    }
    const Status read = read_on(key, *model, [&](const engine::HistoryEntry& entry) { model->apply(entry); });
    return read && !is_closed(model->status()) && is_stuck(*model);
  }

  Status catch_up() {
    return read_on(run_, *model_, [this](const engine::HistoryEntry& entry) { apply(entry); });
  }
  // What of a run's history its model does not know yet.
  template <class Apply>
  Status read_on(const RunKey& run, const RunModel& model, Apply apply) {
    constexpr std::size_t k_page = 1'000;
    while (true) {
      PERDURE_TRY(page, engine_.history(run, model.last_seq() + 1, k_page));
      for (const engine::HistoryEntry& entry : page)
        if (entry.seq > model.last_seq()) apply(entry);
      if (page.size() < k_page) return {};
    }
  }

  void apply(const engine::HistoryEntry& entry) {
    const bool shown = entry.seq >= options_.from_seq;
    // A frame is known before its last event and after its first.
    std::string step = session_.json && shown ? model_->step_of(entry.event) : "";
    model_->apply(entry);
    if (!shown) return;
    if (session_.json) {
      if (step.empty()) step = model_->step_of(entry.event);
      Value line = history::to_value(entry.event, entry.seq, entry.at);
      line.set("run", run_.id);
      if (!step.empty()) line.set("step_path", step);
      session_.print(to_json(line) + "\n");
    } else if (lines_) {
      for (const StepLine* changed : model_->changed()) hold_line(*changed, entry.at);
    }
  }

  // A step may change several times in one moment (it waits, for what, until when): the last line says it all.
  void hold_line(const StepLine& line, TimeMs now) {
    std::string text = plain_line(*model_, line, now, view_);
    if (text.empty()) return;
    if (held_path_ != line.path || held_phase_ != line.phase) flush_line();
    held_path_ = line.path;
    held_phase_ = line.phase;
    held_line_ = std::move(text);
  }
  void flush_line() {
    if (!held_line_.empty()) session_.io.err(held_line_ + "\n");
    held_line_.clear();
  }

  void show_frame() {
    const Io::Size size = session_.io.size();
    view_.columns = static_cast<std::size_t>(std::max(size.columns, 10));
    view_.rows = static_cast<std::size_t>(std::max(size.rows, 4));
    std::vector<std::string> lines = frame(*model_, session_.io.now_ms(), view_);
    if (lines == drawn_ && view_.columns == drawn_columns_) return;
    session_.io.err(redraw_.draw(lines, view_.columns));
    drawn_ = std::move(lines);
    drawn_columns_ = view_.columns;
  }

  // Asks about the open reviews that were not put off. Whether any was decided.
  Result<bool> prompt() {
    PERDURE_TRY(all, engine_.reviews(run_.tenant));
    bool decided = false;
    for (const engine::ReviewView& review : all) {
      if (review.run.id != run_.id || put_off_.contains(review.id)) continue;
      redraw_.keep();
      PERDURE_TRY(answer, ask_review(session_, review));
      drawn_.clear();
      if (!answer) {
        put_off_.insert(review.id);
        if (session_.io.interrupted()) return false;
        continue;
      }
      if (const Status recorded = engine_.review(review.run, *answer); !recorded)
        session_.io.err("perdure: " + printable(recorded.error().message) + "\n");  // asked again: it is still open
      decided = true;
    }
    return decided;
  }

  void say_interrupted() {
    const std::string command = fmt::format("perdure resume {}{}", run_.id, session_.store_words());
    if (session_.json) {
      session_.print(to_json(Value::object({{"type", "RunResult"},
                                            {"run", run_.id},
                                            {"status", "interrupted"},
                                            {"exit_code", k_exit_interrupted},
                                            {"resume", command}})) +
                     "\n");
      return;
    }
    session_.io.err(fmt::format("interrupted; the run is kept as it is. To go on:\n  {}\n", command));
  }

  Session& session_;
  engine::Engine& engine_;
  const RunKey run_;
  const DriveOptions options_;
  // Shared with the watcher, which the engine may still be calling while it is taken off.
  std::shared_ptr<Feed> feed_ = std::make_shared<Feed>();
  std::unique_ptr<RunModel> model_;
  std::map<std::string, std::unique_ptr<RunModel>> children_;  // of open sub-workflows, however deep, as last looked at
  ViewOptions view_;
  Redraw redraw_;
  std::vector<std::string> drawn_;
  std::size_t drawn_columns_ = 0;
  std::string held_path_, held_line_;
  StepPhase held_phase_ = StepPhase::pending;
  std::set<std::string> put_off_;
  bool live_ = false, lines_ = false;
};

// How to answer what the run waits for, as commands.
std::string how_to_answer(const Session& session, const engine::RunView& run, const std::vector<std::string>& signals) {
  const std::string store = session.store_words();
  const std::string id = run.run.id;
  std::string text;
  for (const std::string& what : run.waiting_for) text += fmt::format("waiting for {}\n", printable(what));
  if (run.status == "paused") return text + fmt::format("  perdure resume {}{}\n", id, store);
  for (const engine::ReviewView& review : run.reviews) {
    const std::string name = run.reviews.size() > 1 ? " " + printable(review.step) : "";
    text += fmt::format("  perdure review approve {0}{1}{2}\n  perdure review reject {0}{1}{2} --comment WHY\n", id,
                        name, store);
  }
  for (const std::string& signal : signals)
    text += fmt::format("  perdure signal {} {} --data JSON{}\n", id, printable(signal), store);
  const bool events = std::any_of(run.waiting_for.begin(), run.waiting_for.end(),
                                  [](const std::string& what) { return what.starts_with("event "); });
  if (events) text += fmt::format("  perdure emit TYPE --data JSON{}\n", store);
  else if (run.reviews.empty() && signals.empty()) text += fmt::format("  perdure resume {}{}\n", id, store);
  return text;
}

int exit_code_of(const engine::RunView& run, const DriveOptions& options) {
  if (options.message) return k_exit_ok;
  const auto status = history::parse_run_status(run.status);
  if (!status || !is_closed(*status)) return k_exit_waiting;
  if (*status == history::RunStatus::completed) return k_exit_ok;
  const bool stopped = *status == history::RunStatus::cancelled || *status == history::RunStatus::terminated;
  return options.stopping && stopped && run.compensation != "failed" ? k_exit_ok : k_exit_failed;
}

}  // namespace

int print_result(Session& session, const engine::RunView& run, const DriveOptions& options,
                 const std::vector<std::string>& signals) {
  const int code = exit_code_of(run, options);
  if (session.json) {
    Value line = Value::object({{"type", "RunResult"}});
    const Value view = to_value(run);
    for (const char* name : {"run", "workflow", "version", "status", "output", "error", "compensation", "repair",
                             "waiting_for", "started_at", "closed_at"})
      if (const Value* member = view.find(name)) line.set(name, *member);
    line.set("exit_code", code);
    session.print(to_json(line) + "\n");
    return code;
  }
  const auto status = history::parse_run_status(run.status);
  const ViewOptions view{.run_id = run.run.id, .palette = session.err_palette(), .unicode = session.unicode()};
  if (!status || !is_closed(*status)) {
    session.io.err(fmt::format("run {} is {}\n{}", run.run.id, run.status, how_to_answer(session, run, signals)));
    return code;
  }
  if (!options.quiet || code != k_exit_ok) session.io.err(ending(run, view) + "\n");
  if (run.compensation == "complete") session.say("what it had done was undone");
  if (run.compensation == "failed") {
    session.io.err("some of what it had done could not be undone; mend these by hand:\n");
    for (const Value& entry : run.repair) session.io.err("  " + printable(to_json(entry)) + "\n");
  }
  if (*status == history::RunStatus::completed) {
    if (!run.output.is_null()) session.print_json(run.output);
  } else if (!options.quiet) {
    const std::string store = session.store_words();
    session.io.err(fmt::format("  perdure history {0}{1}   shows what happened\n", run.run.id, store));
    if (*status == history::RunStatus::failed)
      session.io.err(fmt::format("  perdure retry {0}{1}   goes on from the step that failed\n", run.run.id, store));
  }
  return code;
}

Result<int> drive(Session& session, engine::Engine& engine, const RunKey& run, const DriveOptions& options) {
  return Driver(session, engine, run, options).drive();
}

void add_drive_flags(std::vector<Flag>& flags) {
  flags.push_back(
      {.name = "--until-idle", .value = "", .help = "come back as soon as nothing runs; don't sit out timers"});
  flags.push_back(
      {.name = "--to-end", .value = "", .help = "sit out deadlines of signals and reviews too, until the run is over"});
  flags.push_back({.name = "--secret-file",
                   .value = "FILE",
                   .help = "values of secrets: a YAML or JSON mapping, or lines NAME=VALUE",
                   .complete = Complete::file});
  flags.push_back(
      {.name = "--quiet", .value = "", .help = "no progress, only the output and errors", .short_name = "-q"});
}

DriveOptions drive_options(const Session& session) {
  DriveOptions options;
  if (session.args.on("--until-idle")) options.patience = Patience::until_idle;
  if (session.args.on("--to-end")) options.patience = Patience::until_closed;
  options.quiet = session.args.on("--quiet");
  options.prompt = !session.json && session.io.in_is_terminal() && session.io.err_is_terminal();
  return options;
}

}  // namespace perdure::cli
