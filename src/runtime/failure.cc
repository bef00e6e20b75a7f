// A failed commit (DESIGN rule 10). The states in memory are ahead of the disk and must go; what the outside has told
// us and won't tell again (results of activities, ends of children) is kept and decided anew. All shards park, the store
// is recovered by the keeper, and they go on.
#include <utility>

#include "runtime/shard.h"

namespace perdure::runtime {

void Shard::note_failure(const Error& error) {
  failing_ = true;
  if (core_.health.failed.exchange(true)) return;
  {
    const std::lock_guard lock(core_.health.mutex);
    core_.health.reason = error.message;
  }
  core_.health.failures.fetch_add(1);
  for (const auto& shard : core_.shards)
    if (shard.get() != this) shard->poke();
}

void Shard::salvage(PendingStep& step) {
  for (history::Event& event : step.events) {
    if (const auto* done = std::get_if<history::ActivityCompleted>(&event))
      away_[step.run->key].dispatched.push_back({done->command, done->attempt});
    else if (const auto* failed = std::get_if<history::ActivityFailed>(&event))
      away_[step.run->key].dispatched.push_back({failed->command, failed->attempt});
    else if (!std::holds_alternative<history::ChildEnded>(event)) continue;
    salvaged_.push_back(FactMessage{step.run->key, std::move(event), {}});
  }
}

tl::unexpected<Error> Shard::refusal() const {
  const std::lock_guard lock(core_.health.mutex);
  return fail(ErrorCode::io,
              "the store does not take writes now (" + core_.health.reason + "); it is being recovered, try again");
}

// While parked, clients' messages are refused at once and everything else waits: reads, too, which a recovery that
// succeeds delays by milliseconds. Once one has failed they are refused as well.
void Shard::hold(Message& message) {
  if (auto* start = std::get_if<StartMessage>(&message)) return start->done(refusal());
  if (auto* fact = std::get_if<FactMessage>(&message); fact != nullptr && fact->reply) return fact->reply(refusal());
  if (auto* key = std::get_if<KeyMessage>(&message); key != nullptr && key->reply) return key->reply(refusal());
  salvaged_.push_back(std::move(message));
  if (core_.health.stuck) refuse_calls();
}

void Shard::refuse_calls() {
  std::erase_if(salvaged_, [this](Message& message) {
    auto* call = std::get_if<CallMessage>(&message);
    if (call == nullptr || !call->refuse) return false;
    call->refuse(refusal().value());
    return true;
  });
}

// Returns true when the turn is over: nothing may be decided now.
bool Shard::settle_failure() {
  if (core_.health.failed) failing_ = true;
  if (parked_) {
    if (core_.health.failed) {
      take_inbox();
      for (Message& message : batch_) hold(message);
      batch_.clear();
      if (core_.health.stuck) refuse_calls();
      report_parked();
      return true;
    }
    parked_ = failing_ = false;
    for (Message& message : std::exchange(salvaged_, {})) local_.push_back(std::move(message));
    return false;
  }
  if (!pending_.empty()) return true;  // their completions come first
  for (auto& [key, run] : runs_) {
    for (Input& input : run->inputs) {
      Message message = FactMessage{key, std::move(input.fact), std::move(input.reply)};
      hold(message);
    }
    if (run->on_closed)
      add_interest(key,
                   {0, false, [on_closed = std::move(run->on_closed)](const engine::Progress& progress, const Run&) {
                      if (progress.closed) on_closed(progress);
                      return !progress.closed;
                    }});
    auto& away = away_[key];
    away.dispatched.insert(away.dispatched.end(), run->dispatched.begin(), run->dispatched.end());
  }
  for (auto& [key, away] : away_) away.recovered = false;
  runs_.clear();
  newest_ = oldest_ = nullptr;
  cached_bytes_ = 0;
  touched_.clear();
  visitors_.clear();
  tenants_known_.clear();
  core_.timers.fetch_sub(timers_.size());
  timers_.clear();
  for (const auto& reply : std::exchange(building_, {}).replies) reply(fail(ErrorCode::io, "the store has failed"));
  commit_ = {};
  core_.payloads.unpin(std::exchange(building_blobs_, {}));
  building_bytes_ = 0;
  parked_ = true;
  report_parked();
  return true;
}

// Once a failure: the store may have been recovered and have failed again while this shard slept.
void Shard::report_parked() {
  if (parked_since_ == core_.health.failures) return;
  parked_since_ = core_.health.failures;
  core_.health.parked.fetch_add(1);
  core_.keeper_poke();
}

}  // namespace perdure::runtime
