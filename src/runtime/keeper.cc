#include "runtime/keeper.h"

#include <pthread.h>

#include <algorithm>
#include <chrono>
#include <iterator>

#include "runtime/shard.h"

namespace perdure::runtime {
namespace {

constexpr std::size_t k_page = 512;
constexpr std::size_t k_due_at_once = 64;       // timers, when there is no room for those to come
constexpr std::size_t k_recovering_max = 2048;  // handed to shards and not looked at yet
constexpr DurationMs k_window_ms = 30'000;      // how far ahead timers are held in memory
constexpr DurationMs k_tick_ms = 1'000;         // the clock may be set, so look at least that often
constexpr DurationMs k_back_off_max_ms = 5'000;
constexpr std::size_t k_purged_a_turn = 512;
constexpr const char* k_retention_key = "retention/purged";  // never there

}  // namespace

void Keeper::start_thread() {
  thread_ = std::thread([this] { loop(); });
}

void Keeper::stop() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  wake_.notify_one();
  if (thread_.joinable()) thread_.join();
}

void Keeper::poke() {
  {
    const std::lock_guard lock(mutex_);
    poked_ = true;
  }
  wake_.notify_one();
}

void Keeper::loop() {
  pthread_setname_np(pthread_self(), "keeper");
  std::unique_lock lock(mutex_);
  while (!stop_) {
    lock.unlock();
    const bool worked = turn();
    lock.lock();
    if (worked && !stop_) continue;
    const DurationMs left = std::clamp<DurationMs>(next_ - core_.clock->now_ms(), 1, k_tick_ms);
    // While shards are busy with what they were handed, look again soon.
    const DurationMs pause = taking_up_ ? std::min<DurationMs>(left, 2) : left;
    wake_.wait_for(lock, std::chrono::milliseconds(pause), [this] { return stop_ || poked_; });
    poked_ = false;
  }
}

bool Keeper::turn() {
  const TimeMs now = core_.clock->now_ms();
  if (core_.health.failed) {
    next_ = now + k_tick_ms;
    return recover_store();
  }
  if (core_.options.dormant) {
    next_ = now + k_tick_ms;
    return false;
  }
  next_ = std::min(now + k_tick_ms, core_.dispatcher.tick());
  bool worked = take_up_runs();
  worked = bring_timers(now) || worked;
  worked = retain(now) || worked;
  return worked;
}

bool Keeper::recover_store() {
  const TimeMs now = core_.clock->monotonic_us() / 1000;
  if (core_.health.parked < core_.shards.size() || now < retry_store_at_) return false;
  if (const Status recovered = core_.store->recover(); !recovered) {
    const std::lock_guard lock(core_.health.mutex);
    core_.health.reason = recovered.error().message;
    if (!core_.health.stuck.exchange(true))
      for (const auto& shard : core_.shards) shard->poke();
    store_back_off_ms_ = std::clamp<DurationMs>(store_back_off_ms_ * 2, 50, k_back_off_max_ms);
    retry_store_at_ = now + store_back_off_ms_;
    return false;
  }
  // It may fail again at the next commit: the pause grows until it has held for a while.
  store_back_off_ms_ = now - retry_store_at_ > 10 * k_back_off_max_ms
                           ? 50
                           : std::clamp<DurationMs>(store_back_off_ms_ * 2, 50, k_back_off_max_ms);
  retry_store_at_ = now + store_back_off_ms_;
  taking_up_ = true;
  taken_up_.reset();
  core_.horizon.set(1, RunKey{"", ""});
  core_.health.parked = 0;
  core_.health.stuck = false;
  core_.health.failed = false;
  for (const auto& shard : core_.shards) shard->poke();
  return true;
}

bool Keeper::take_up_runs() {
  if (!taking_up_ || core_.recovering >= k_recovering_max) return false;
  auto page = core_.store->wakes(storage::k_wake_active, storage::k_wake_active + 1, taken_up_, k_page);
  if (!page) return false;  // the store says so again at the next tick
  for (const storage::Wake& wake : *page) {
    core_.recovering.fetch_add(1);
    core_.shard_of(wake.run).post(VisitMessage{wake.run, 0});
  }
  if (page->size() < k_page) taking_up_ = false;
  else taken_up_ = page->back();
  return true;
}

// Timers before the horizon are in memory; it is pushed to `now` + window, as far as there is room.
bool Keeper::bring_timers(TimeMs now) {
  const storage::Wake from = core_.horizon.get();
  const std::size_t room_left =
      core_.options.timers_in_memory - std::min(core_.timers.load(), core_.options.timers_in_memory);
  // What is due goes at once and needs no room: what is held may be later by far.
  const bool full = room_left == 0;
  if (from.at > (full ? now : now + k_window_ms / 2)) return false;
  const TimeMs until = full ? now + 1 : now + k_window_ms;
  const std::size_t limit = full ? k_due_at_once : std::min(room_left, k_page);
  // Shards hold what they set from here on; what was set before is in the scan.
  core_.horizon.set(until, RunKey{"", ""});
  const std::optional<storage::Wake> after = from.run.id.empty() ? std::nullopt : std::optional<storage::Wake>(from);
  auto page = core_.store->wakes(from.at, until, after, limit);
  if (!page) {
    core_.horizon.lower(from.at, from.run);
    return false;
  }
  for (const storage::Wake& wake : *page) core_.shard_of(wake.run).post(VisitMessage{wake.run, wake.at});
  if (page->size() < limit) return !page->empty();
  // The smallest key after the last one: an id holds no NUL.
  core_.horizon.lower(page->back().at, RunKey{page->back().run.tenant, page->back().run.id + '\0'});
  return true;
}

// Also one that can't be read, until it can.
bool Keeper::is_below_an_open_run(const std::string& tenant, std::string above) {
  while (!above.empty()) {
    auto row = core_.store->row({tenant, std::move(above)});
    if (!row || (*row && !(*row)->closed)) return true;
    above = *row ? std::move((*row)->parent) : std::string();
  }
  return false;
}

// Blobs that no run has: a crash or a commit that failed has left them. Before anything is purged, so that what the
// store says of who needs them is durable.
bool Keeper::sweep_blobs() {
  const auto names = core_.store->scan_blobs(swept_until_, k_page);
  if (!names) return false;  // tried again at the next tick
  // One that can't be erased must not hold up retention: it waits for the next start.
  static_cast<void>(core_.payloads.erase_unused(*names));
  swept_ = names->size() < k_page;
  if (!swept_) swept_until_ = names->back();
  return true;
}

// A page of one tenant a turn, tenant by tenant.
bool Keeper::retain(TimeMs now) {
  const DurationMs keep = core_.options.retention_ms;
  if (keep <= 0) return false;
  if (!swept_) return sweep_blobs();
  if (purged_) {
    if (!purged_->told) return false;
    // What can't be erased now waits for the sweep of the next start.
    if (purged_->durable) static_cast<void>(core_.payloads.erase_unused(purged_->blobs));
    purged_.reset();
  }
  if (retain_tenants_.empty()) {
    if (now - retained_at_ < std::min<DurationMs>(k_tick_ms, keep)) return false;
    auto all = tenants(*core_.store);
    retained_at_ = now;
    if (!all) return false;
    retain_tenants_ = std::move(*all);
  }
  return purge_page(now - keep);
}

bool Keeper::purge_page(TimeMs until) {
  storage::ListQuery query;
  query.tenant = retain_tenants_.back();
  query.started_until = until;
  query.cursor = retain_cursor_;
  query.limit = k_purged_a_turn;
  auto page = core_.store->list(query);
  if (!page) return false;
  auto purged = std::make_shared<Purged>();
  bool any = false;
  for (const auto& [run, row] : page->rows) {
    if (!row.closed || row.closed_at > until) continue;
    if (is_below_an_open_run(run.tenant, row.parent)) continue;  // which may still ask how it ended, or undo it
    auto released = core_.payloads.release(run);
    if (!released || !core_.store->purge(run, std::move(released->keys))) continue;  // tried again at the next sweep
    any = true;
    std::move(released->blobs.begin(), released->blobs.end(), std::back_inserter(purged->blobs));
  }
  retain_cursor_ = page->next_cursor;
  if (retain_cursor_.empty()) retain_tenants_.pop_back();
  if (!any) return !retain_tenants_.empty();
  // Nobody waits for a purge: by this commit it becomes durable, or the failure of its write known.
  purged_ = purged;
  core_.shards[0]->post(KeyMessage{k_retention_key, std::nullopt, [this, purged](const Result<Value>& told) {
                                     purged->durable = told.has_value();
                                     purged->told = true;
                                     poke();
                                   }});
  return true;
}

}  // namespace perdure::runtime
