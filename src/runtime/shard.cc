// The loop: what comes in, and when to sleep.
#include "runtime/shard.h"

#include <pthread.h>

#include <algorithm>
#include <chrono>
#include <utility>

#include "base/json.h"
#include "runtime/load.h"

namespace perdure::runtime {
namespace {

thread_local Shard* t_current = nullptr;  // whose turn runs on this thread
constexpr std::size_t k_fired_a_turn = 1024;
constexpr std::size_t k_due_a_run = 1024;
constexpr DurationMs k_read_again_ms = 500;

bool same_json(const Bytes& a, const Bytes& b) {
  if (a == b) return true;
  const auto left = parse_json(a.view()), right = parse_json(b.view());
  return left && right && *left == *right;
}

struct Current {
  explicit Current(Shard* shard) : before(std::exchange(t_current, shard)) {}
  ~Current() { t_current = before; }
  Current(const Current&) = delete;
  Current& operator=(const Current&) = delete;
  Shard* before;
};

}  // namespace

Shard::Shard(Core& core, std::size_t index, std::size_t cache_bytes)
    : core_(core), index_(index), cache_bytes_(cache_bytes) {}

Shard::~Shard() { stop_thread(); }

void Shard::start_thread() {
  thread_ = std::thread([this] { loop(); });
}

void Shard::stop_thread() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  wake_.notify_one();
  if (thread_.joinable()) thread_.join();
}

void Shard::post(Message message) {
  if (t_current == this) {
    local_.push_back(std::move(message));
    return;
  }
  bool wake = false;
  {
    const std::lock_guard lock(mutex_);
    inbox_.push_back(std::move(message));
    wake = std::exchange(sleeping_, false);
  }
  if (wake) wake_.notify_one();
}

void Shard::poke() {
  {
    const std::lock_guard lock(mutex_);
    poked_ = true;
    sleeping_ = false;
  }
  wake_.notify_one();
}

void Shard::loop() {
  pthread_setname_np(pthread_self(), ("shard/" + std::to_string(index_)).c_str());
  while (true) {
    if (turn()) continue;
    {
      const std::lock_guard lock(mutex_);
      if (stop_ && inbox_.empty() && pending_.empty()) return;
    }
    if (!pending_.empty() && core_.store->lend_thread()) continue;
    sleep();
  }
}

void Shard::sleep() {
  std::unique_lock lock(mutex_);
  if (!inbox_.empty() || !completions_.empty() || poked_) {
    poked_ = false;
    return;
  }
  if (stop_ && pending_.empty()) return;
  sleeping_ = true;
  const auto woken = [this] { return !sleeping_ || stop_; };
  TimeMs due = parked_ ? k_never : next_due();
  if (!deferred_.empty()) due = std::min(due, core_.clock->now_ms() + k_read_again_ms);
  if (due == k_never) {
    wake_.wait(lock, woken);
  } else {
    const DurationMs left = std::clamp<DurationMs>(due - core_.clock->now_ms(), 0, 60'000);
    wake_.wait_for(lock, std::chrono::milliseconds(left), woken);
  }
  sleeping_ = false;
  poked_ = false;
}

bool Shard::take_inbox() {
  batch_.clear();
  batch_.swap(local_);
  const std::lock_guard lock(mutex_);
  if (batch_.empty()) batch_.swap(inbox_);
  else {
    std::move(inbox_.begin(), inbox_.end(), std::back_inserter(batch_));
    inbox_.clear();
  }
  return !batch_.empty();
}

bool Shard::turn() {
  const Current current(this);
  bool worked = take_completions();
  if (core_.health.failed || failing_ || parked_) {
    if (settle_failure() || parked_) return worked;
  }
  now_ = core_.clock->now_ms();
  take_up_deferred();
  if (take_inbox()) {
    worked = true;
    for (Message& message : batch_) std::visit([this](auto& m) { receive(m); }, message);
    batch_.clear();
  }
  fire_timers();
  if (!touched_.empty() || !building_.replies.empty() || !commit_.keys.empty()) {
    worked = true;
    decide_touched();
  }
  let_visitors_go();
  evict();
  return worked;
}

void Shard::touch(Run& run) {
  if (run.touched) return;
  run.touched = true;
  touched_.push_back(&run);
}

void Shard::add_input(Run& run, history::Event fact, Reply reply) {
  if (!run.plan->secrets.empty() && run.state.info) fact = without_marks(std::move(fact), run.state.info->seed);
  run.inputs.push_back({std::move(fact), std::move(reply)});
  touch(run);
}

void Shard::receive(StartMessage& message) {
  const history::StartInfo& info = *message.info;
  if (!message.fresh_id) {
    auto existing = find(info.run);
    if (existing) {
      const history::StartInfo& known = *(*existing)->state.info;
      if (known.plan_hash == info.plan_hash && same_json(known.input, info.input)) {
        if (info.parent.empty())
          if (auto gone_on = let_go(**existing); !gone_on)
            return message.done(tl::unexpected<Error>(std::move(gone_on).error()));
        return when_durable(**existing, [done = std::move(message.done), run = info.run](const Status& status) {
          if (status) done(engine::Started{run, true});
          else done(tl::unexpected<Error>(status.error()));
        });
      }
      return message.done(fail(ErrorCode::conflict, "run '" + info.run.id + "' exists already with another " +
                                                        (known.plan_hash == info.plan_hash ? "input" : "workflow") +
                                                        "; choose another id"));
    }
    if (existing.error().code != ErrorCode::not_found) return message.done(tl::unexpected<Error>(existing.error()));
  }
  auto owned = std::make_unique<Run>();
  Run& run = *owned;
  run.key = info.run;
  run.plan = message.plan;
  run.state = decider::empty_state(*message.plan->plan);
  runs_[run.key] = std::move(owned);
  use(run);
  run.on_closed = std::move(message.on_closed);
  run.watched = run.on_closed || (!interests_.empty() && interests_.contains(run.key));
  add_input(run, history::RunStarted{message.info},
            [done = std::move(message.done), key = info.run](Result<Value> result) {
              if (result) done(engine::Started{key, false});
              else done(tl::unexpected<Error>(std::move(result).error()));
            });
}

void Shard::receive(FactMessage& message) {
  auto run = find(message.run);
  if (run) return add_input(**run, std::move(message.fact), std::move(message.reply));
  if (message.reply) return message.reply(tl::unexpected<Error>(std::move(run).error()));
  if (is_passing(run.error())) defer(std::move(message));
}

void Shard::receive(VisitMessage& message) {
  if (message.timer == 0) {
    const bool known =
        cached(message.run) != nullptr || (away_.contains(message.run) && away_.at(message.run).recovered);
    if (!known)  // loading recovers it; what is damaged is quarantined there
      if (const auto run = find(message.run); !run && is_passing(run.error())) return defer(message);
    core_.recovering.fetch_sub(1);
    return;
  }
  if (timers_.emplace(message.timer, message.run).second) core_.timers.fetch_add(1);
}

void Shard::receive(KeyMessage& message) {
  commit_.keys.push_back({message.key, message.value});
  building_.replies.push_back([this, message = std::move(message)](const Status& status) mutable {
    if (!status && !message.reply) salvaged_.push_back(std::move(message));  // nobody will say it again
    else if (!status) message.reply(tl::unexpected<Error>(status.error()));
    else if (message.reply) message.reply(Value());
  });
}

void Shard::defer(Message message) {
  if (deferred_.empty()) deferred_until_us_ = core_.clock->monotonic_us() + k_read_again_ms * 1000;
  deferred_.push_back(std::move(message));
}

void Shard::take_up_deferred() {
  if (deferred_.empty() || core_.clock->monotonic_us() < deferred_until_us_) return;
  for (Message& message : std::exchange(deferred_, {})) local_.push_back(std::move(message));
}

void Shard::fire_timers() {
  for (std::size_t fired = 0; fired < k_fired_a_turn && next_due() <= now_; ++fired) {
    const auto [due, key] = *timers_.begin();
    timers_.erase(timers_.begin());
    core_.timers.fetch_sub(1);
    auto run = find(key);
    // Held as a later one it could be left to the disk, which knows it by its own time.
    if (!run && is_passing(run.error())) defer(VisitMessage{key, due});
    if (!run || (*run)->held) continue;  // gone since, or quarantined
    (*run)->timer = k_never;
    for (history::Event& fact : decider::due_timers((*run)->state, now_, k_due_a_run))
      add_input(**run, std::move(fact), {});
    // The clock was set back: it is not due yet. A paused run's timers wait for its going on.
    if ((*run)->inputs.empty() && decider::next_timer((*run)->state) > now_) hold_timer(**run);
  }
}

// Makes the shard's timers agree with the run's.
void Shard::hold_timer(Run& run) {
  if (run.held) return;
  const TimeMs due = decider::next_timer(run.state);
  // What was left to the disk must be held once the run is at work or the horizon has passed it.
  const bool held = due == k_never || timers_.contains({due, run.key}) ||
                    (run.wake != storage::k_wake_active && !core_.horizon.covers(due, run.key));
  if (due == run.timer && held) return;
  if (run.timer != k_never && timers_.erase({run.timer, run.key}) > 0) core_.timers.fetch_sub(1);
  run.timer = due;
  if (due == k_never) return;
  // The row of a run at work says "active" instead of its timer, so no scan finds it: held however far away.
  if (run.wake != storage::k_wake_active && !core_.horizon.covers(due, run.key)) return;
  if (timers_.emplace(due, run.key).second) core_.timers.fetch_add(1);
  const std::size_t limit = core_.options.timers_in_memory / core_.shards.size() + 1;
  if (timers_.size() <= limit) return;
  const auto last = std::prev(timers_.end());
  const Run* owner = cached(last->second);
  if ((owner != nullptr && owner->wake == storage::k_wake_active) || away_.contains(last->second)) return;
  core_.horizon.lower(last->first);
  timers_.erase(last);
  core_.timers.fetch_sub(1);
}

std::uint64_t Shard::add_interest(const RunKey& key, Interest interest) {
  interest.id = ++last_interest_;
  if (Run* run = cached(key)) run->watched = true;
  interests_[key].push_back(std::move(interest));
  return last_interest_;
}

void Shard::drop_interest(const RunKey& key, std::uint64_t id) {
  const auto found = interests_.find(key);
  if (found == interests_.end()) return;
  std::erase_if(found->second, [id](const Interest& interest) { return interest.id == id; });
  if (found->second.empty()) interests_.erase(found);
}

}  // namespace perdure::runtime
