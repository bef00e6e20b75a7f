// Runs in memory: loading, recovery, the budget.
#include <algorithm>
#include <utility>

#include "base/json.h"
#include "runtime/load.h"
#include "runtime/shard.h"

namespace perdure::runtime {
namespace {

// Beside what decider::footprint counts: the run itself and the empty containers of its state.
constexpr std::size_t k_run_overhead_bytes = sizeof(Run) + 3000;
// Runs that only wait may fill this part of the budget; they cost a read when their message or timer comes.
constexpr std::size_t k_idle_share = 8;

}  // namespace

Run* Shard::cached(const RunKey& key) {
  const auto found = runs_.find(key);
  return found == runs_.end() ? nullptr : found->second.get();
}

Result<Run*> Shard::find(const RunKey& key) {
  if (Run* run = cached(key)) {
    if (!run->state.info && run->inputs.empty())
      return fail(ErrorCode::not_found, "run '" + key.id + "' does not exist");
    if (!run->state.info) {  // its start came in this very turn; nobody may meet it without its beginning
      step(*run);
      flush();  // a run is once in a commit
    }
    use(*run);
    return run;
  }
  return load(key);
}

Result<Run*> Shard::load(const RunKey& key) {
  auto loaded = core_.store->load(key);
  if (!loaded) {
    if (loaded.error().code == ErrorCode::corrupt) quarantine(key, nullptr, loaded.error());
    return tl::unexpected<Error>(std::move(loaded).error());
  }
  auto state = load_state(core_.plans, core_.payloads, *loaded);
  if (!state) {
    Error error = std::move(state).error();
    error.message = "run '" + key.id + "' can't be read: " + error.message;
    if (!is_passing(error)) quarantine(key, &*loaded, error);
    return tl::unexpected<Error>(std::move(error));
  }
  auto owned = std::make_unique<Run>();
  Run& run = *owned;
  run.key = key;
  run.plan = std::move(state->plan);
  run.state = std::move(state->state);
  run.row_status = history::parse_run_status(loaded->row.status).value_or(history::RunStatus::pending);
  run.published = run.row_status;
  run.wake = loaded->wake;
  run.snapshot_bytes = loaded->snapshot.size();
  run.watched = interests_.contains(key);
  for (const Bytes& bytes : loaded->tail) run.tail_bytes += bytes.size();
  release(run, *loaded);
  run.listening = run.plan->listens && !history::is_closed(run.state.status);
  if (run.plan->has_reviews)
    for (const decider::Frame& frame : run.state.frames)
      run.reviews_open = run.reviews_open || (frame.live && frame.wait && !frame.wait->request.empty() &&
                                              run.plan->plan->nodes[frame.node].kind == plan::Kind::review);
  runs_[key] = std::move(owned);
  use(run);
  weigh(run);
  if (history::is_closed(run.state.status)) {
    visitors_.push_back(key);
    return &run;
  }
  const auto away = away_.extract(key);
  if (const TimeMs due = decider::next_timer(run.state); timers_.contains({due, key})) run.timer = due;
  if (core_.options.dormant) return &run;
  run.held = !away && !run.state.cancel_requested && lacks_secret(run);
  if (run.held) return &run;
  hold_timer(run);
  if (run.wake == storage::k_wake_active) PERDURE_TRY_VOID(recover(run, away ? &away.mapped() : nullptr));
  return &run;
}

bool Shard::lacks_secret(const Run& run) const {
  const auto& source = core_.options.secrets;
  const auto& names = run.plan->secrets;
  return std::any_of(names.begin(), names.end(), [&](const std::string& name) { return !source || !source(name); });
}

// Started here: what it lacks it will not get, and its steps say so.
Status Shard::let_go(Run& run) {
  if (!std::exchange(run.held, false)) return {};
  hold_timer(run);
  if (run.wake == storage::k_wake_active) return recover(run, nullptr);
  touch(run);
  return {};
}

// What was out when the process ended, or a commit failed, is dealt with; what this process has out stays out.
Status Shard::recover(Run& run, const Away* away) {
  if (away != nullptr) run.dispatched = away->dispatched;
  decider::Recovery recovery = decider::recover(*run.plan->plan, run.state);
  for (history::Event& fact : recovery.facts) {
    if (const auto* lost = std::get_if<history::ActivityLost>(&fact))
      if (is_out(run.dispatched, {lost->command, lost->attempt})) continue;
    add_input(run, std::move(fact), {});
  }
  if (away != nullptr && away->recovered) return {};
  for (decider::Command& command : recovery.commands) carry_out(run, command);
  touch(run);
  return {};
}

// The run is set aside with its error; all others go on. Lists show it, and the next start of the process tries again.
void Shard::quarantine(const RunKey& key, const storage::LoadedRun* loaded, Error error) {
  {
    const std::lock_guard lock(core_.quarantine_mutex);
    if (!core_.quarantined.emplace(key, error).second) return;
  }
  Value reason = Value::object({{"error", Value(error.message)}});
  commit_.keys.push_back({quarantine_key(key), Bytes(to_json(reason))});
  if (loaded == nullptr) return;
  storage::RunWrite write;
  write.run = key;
  write.first_seq = loaded->last_seq + 1;
  write.row = loaded->row;
  write.row->status = history::to_string(history::RunStatus::quarantined);
  write.row->updated_at = core_.clock->now_ms();
  commit_.runs.push_back(std::move(write));
}

// If it was set aside: it can be read again (a newer build, a repaired store).
void Shard::release(Run& run, const storage::LoadedRun& loaded) {
  {
    const std::lock_guard lock(core_.quarantine_mutex);
    const bool was_set_aside = core_.quarantined.erase(run.key) > 0;
    if (!was_set_aside && run.row_status != history::RunStatus::quarantined) return;
  }
  commit_.keys.push_back({quarantine_key(run.key), std::nullopt});
  storage::RunWrite write;
  write.run = run.key;
  write.first_seq = loaded.last_seq + 1;
  write.row = loaded.row;
  run.row_status = run.published = decider::visible_status(run.state);
  write.row->status = history::to_string(run.row_status);
  write.row->updated_at = core_.clock->now_ms();
  commit_.runs.push_back(std::move(write));
}

void Shard::use(Run& run) {
  if (newest_ == &run) return;
  unlink(run);
  run.older = newest_;
  if (newest_ != nullptr) newest_->newer = &run;
  newest_ = &run;
  if (oldest_ == nullptr) oldest_ = &run;
}

void Shard::unlink(Run& run) {
  if (run.newer != nullptr) run.newer->older = run.older;
  if (run.older != nullptr) run.older->newer = run.newer;
  if (newest_ == &run) newest_ = run.older;
  if (oldest_ == &run) oldest_ = run.newer;
  run.newer = run.older = nullptr;
}

// Weighing costs as much as the state is large, so large states are weighed seldom.
void Shard::weigh(Run& run) {
  if (run.until_weighed > 0) {
    --run.until_weighed;
    return;
  }
  cached_bytes_ -= run.footprint;
  run.footprint = decider::footprint(run.state) + k_run_overhead_bytes;
  cached_bytes_ += run.footprint;
  run.until_weighed = static_cast<std::uint32_t>(15 + run.footprint / 1024);
}

void Shard::evict() {
  Run* run = oldest_;
  std::size_t looked = 0;
  while (run != nullptr && cached_bytes_ > cache_bytes_ && looked++ < 1024) {
    Run* next = run->newer;
    if (run->commits_pending == 0 && run->inputs.empty() && !run->touched) leave(*run);
    run = next;
  }
}

// A run that has nothing to do until a message or a distant timer comes.
bool Shard::may_rest(const Run& run) const {
  return cached_bytes_ > cache_bytes_ / k_idle_share && run.wake != storage::k_wake_active && !run.touched &&
         run.inputs.empty() && run.commits_pending == 0 && !core_.horizon.covers(run.timer, run.key);
}

void Shard::leave(Run& run) {
  if (run.on_closed)  // outlives the run's stay in memory
    add_interest(run.key,
                 {0, false, [on_closed = std::move(run.on_closed)](const engine::Progress& progress, const Run&) {
                    if (progress.closed) on_closed(progress);
                    return !progress.closed;
                  }});
  if (run.wake == storage::k_wake_active && !history::is_closed(run.state.status) && !run.held)
    away_[run.key] = {std::move(run.dispatched), true};
  unlink(run);
  cached_bytes_ -= run.footprint;
  runs_.erase(run.key);
}

void Shard::forget(Run& run) {
  if (run.timer != k_never && timers_.erase({run.timer, run.key}) > 0) core_.timers.fetch_sub(1);
  unlink(run);
  cached_bytes_ -= run.footprint;
  const RunKey key = std::move(run.key);
  runs_.erase(key);
}

void Shard::let_visitors_go() {
  if (visitors_.empty()) return;
  std::vector<RunKey> visitors;
  visitors.swap(visitors_);
  for (const RunKey& key : visitors) {
    Run* run = cached(key);
    if (run == nullptr) continue;
    const bool ended = !run->state.info || history::is_closed(run->state.status);
    if (ended && run->commits_pending == 0 && run->inputs.empty() && !run->touched) forget(*run);
  }
}

}  // namespace perdure::runtime
