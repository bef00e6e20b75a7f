#include "sim/services.h"

#include <algorithm>

#include "base/json.h"

namespace perdure::sim {

Services::Rules Services::rules_of(const activity::Task& task) {
  Rules rules;
  if (task.args.view().find("\"service\"") == std::string_view::npos) return rules;
  const auto args = parse_json(task.args.view());
  if (!args || args->find("service") == nullptr) return rules;
  rules.service = std::string(args->find("service")->as_string());
  if (const Value* failures = args->find("failures")) rules.failures = failures->as_int();
  if (const Value* open_for = args->find("open_for")) rules.open_for_ms = 1000 * open_for->as_int();
  if (const Value* rate = args->find("rate")) rules.per_second = rate->as_int();
  return rules;
}

std::optional<std::string> Services::begins(const activity::Task& task, TimeMs now) {
  const Rules rules = rules_of(task);
  if (rules.per_second > 0) {
    Bucket& bucket = buckets_[rules.service];
    const auto burst = static_cast<double>(rules.per_second);
    if (bucket.filled_at == 0 || now < bucket.filled_at) bucket.tokens = burst;  // set back: who knows what passed
    const DurationMs passed = std::max<DurationMs>(0, now - bucket.filled_at);
    bucket.tokens = std::min(burst, bucket.tokens + static_cast<double>(passed) * burst / 1000.0);
    bucket.filled_at = now;
    bucket.tokens -= 1.0;
    if (bucket.tokens < -1e-6) return "more than " + std::to_string(rules.per_second) + " a second";
  }
  if (rules.failures == 0) return std::nullopt;
  Breaker& breaker = breakers_[rules.service];
  if (now < breaker.opened_at) breaker = Breaker{};  // the clock was set back: that is for the breaker to judge
  if (breaker.phase == Phase::open) {
    if (now == breaker.opened_at) {  // let in with others, before one of those failed
      admitted_[{task.run, task.command.seq}] = Phase::closed;
      return std::nullopt;
    }
    if (now - breaker.opened_at < rules.open_for_ms) return "its breaker is open";
    breaker.phase = Phase::probing;
    breaker.probe.reset();
  }
  const std::pair<RunKey, std::uint64_t> command{task.run, task.command.seq};
  if (breaker.phase == Phase::probing) {
    if (breaker.probe) return "its breaker waits for another probe";
    breaker.probe = command;
  }
  admitted_[command] = breaker.phase;
  return std::nullopt;
}

void Services::ended(const activity::Task& task, const activity::Outcome& outcome, TimeMs now) {
  const auto found = admitted_.find({task.run, task.command.seq});
  if (found == admitted_.end()) return;
  const Phase admitted = found->second;
  admitted_.erase(found);
  const Rules rules = rules_of(task);
  Breaker& breaker = breakers_[rules.service];
  if (breaker.phase != admitted) return;
  using activity::ErrorClass;
  const bool probe = admitted == Phase::probing;
  if (probe && breaker.probe != std::pair{task.run, task.command.seq}) return;
  if (probe) breaker.probe.reset();
  if (outcome.ok || (outcome.error.error_class == ErrorClass::fatal && outcome.error.type != "cancelled")) {
    breaker = Breaker{};
    return;
  }
  if (outcome.error.type == "cancelled" || outcome.error.error_class == ErrorClass::throttled) return;
  if (!probe && ++breaker.failures < rules.failures) return;
  breaker = Breaker{Phase::open, 0, now, false, {}};
}

void Services::clock_set_back(TimeMs now) {
  buckets_.clear();  // who knows what passed: they are full
  for (auto& [service, breaker] : breakers_)
    if (now < breaker.opened_at) breaker = Breaker{};
}

void Services::all_durable() {
  for (auto& [service, breaker] : breakers_) breaker.durable = breaker.phase == Phase::open;
}

void Services::process_died() {
  admitted_.clear();
  buckets_.clear();
  // What was counted is gone with the process; so may be a breaker that opened just now.
  std::erase_if(breakers_, [](const auto& item) { return !item.second.durable; });
  for (auto& [service, breaker] : breakers_) {  // that it was being probed is not written down
    breaker.phase = Phase::open;
    breaker.probe.reset();
  }
}

}  // namespace perdure::sim
