#include "runtime/dispatcher.h"

#include <algorithm>
#include <utility>

#include "base/json.h"
#include "base/limits.h"

namespace perdure::runtime {
namespace {

constexpr std::size_t k_progress_kept = 10'000;
constexpr std::size_t k_launches_at_once = 64;

policy::BreakerRules rules_of(const plan::Node& node) {
  policy::BreakerRules rules;
  if (!node.breaker) return rules;
  rules.failures = node.breaker->failures;
  rules.successes = node.breaker->successes;
  rules.open_for_ms = node.breaker->open_for_ms;
  return rules;
}

// "https://api.example.com:8443/x" -> "api.example.com:8443"; empty when there is none.
std::string host_of(const Bytes& args) {
  const auto value = parse_json(args.view());
  const Value* url = value ? value->find("url") : nullptr;
  if (url == nullptr || !url->is_string()) return {};
  std::string_view text = url->as_string();
  const auto scheme = text.find("://");
  if (scheme == std::string_view::npos) return {};
  text = text.substr(scheme + 3);
  text = text.substr(0, text.find_first_of("/?#"));
  if (const auto at = text.rfind('@'); at != std::string_view::npos) text = text.substr(at + 1);
  std::string host(text.substr(0, k_id_bytes_max));
  std::transform(host.begin(), host.end(), host.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  return host;
}

// Whose breaker and limits an attempt falls under; empty: nobody's.
std::string service_of(const Attempt& attempt) {
  const plan::Node& node = attempt.plan->plan->nodes[attempt.node];
  const Route& route = attempt.plan->routes[attempt.node];
  if (node.breaker && !node.breaker->service.empty()) return node.breaker->service;
  if (route.by_host) return host_of(attempt.args);
  if (node.breaker || node.rate_limit.per_second > 0) return route.type;
  return {};
}

bool has_breaker(const Attempt& attempt) {
  return attempt.plan->plan->nodes[attempt.node].breaker != nullptr || attempt.plan->routes[attempt.node].by_host;
}

policy::CallResult verdict(const activity::Outcome& outcome) {
  if (outcome.ok) return policy::CallResult::success;
  const std::string& type = outcome.error.type;
  if (type == "cancelled" || type == "engine.shutdown" || type == "queue.full" || type.starts_with("secret."))
    return policy::CallResult::nothing;
  switch (outcome.error.error_class) {
    case activity::ErrorClass::fatal: return policy::CallResult::success;  // it answered: the service is well
    case activity::ErrorClass::throttled: return policy::CallResult::nothing;
    case activity::ErrorClass::transient:
    case activity::ErrorClass::recoverable:
    case activity::ErrorClass::ambiguous: return policy::CallResult::failure;
  }
  return policy::CallResult::nothing;
}

history::FaultPtr fault_of(const Attempt& attempt, activity::ActivityError error) {
  auto fault = std::make_shared<history::Fault>();
  fault->type = std::move(error.type);
  fault->title = std::move(error.title);
  fault->detail = std::move(error.detail);
  fault->status = error.status;
  fault->step = attempt.plan->plan->nodes[attempt.node].name;
  fault->attempt = attempt.attempt;
  fault->fault_class = static_cast<history::FaultClass>(error.error_class);
  fault->retry_after_ms = error.retry_after_ms;
  return fault;
}

}  // namespace

Dispatcher::Dispatcher(DispatcherOptions options, std::shared_ptr<Clock> clock, Answer answer, Persist persist,
                       Nudge nudge)
    : options_(std::move(options)),
      clock_(std::move(clock)),
      answer_(std::move(answer)),
      persist_(std::move(persist)),
      nudge_(std::move(nudge)) {}

void Dispatcher::restore(std::string_view service, const policy::Breaker& breaker) {
  breakers_[std::string(service)] = breaker;
}

void Dispatcher::dispatch(Attempt attempt) {
  if (stopping_) return;
  const Route& route = attempt.plan->routes[attempt.node];
  if (route.driver == nullptr)
    return refuse(attempt, "activity.unavailable", "'" + route.type + "' is not available in this build",
                  history::FaultClass::fatal);
  if (route.plain && waiting_.load(std::memory_order_relaxed) == 0) {
    if (in_flight_.fetch_add(1, std::memory_order_relaxed) < options_.in_flight) return launch(std::move(attempt), {});
    in_flight_.fetch_sub(1, std::memory_order_relaxed);
  }
  const plan::Node& node = attempt.plan->plan->nodes[attempt.node];
  const bool timed = node.rate_limit.per_second > 0 || node.timeouts.schedule_to_start_ms > 0;
  enqueue(std::move(attempt));
  drain();
  if (timed && waiting_ > 0) nudge_();
}

std::string Dispatcher::lane_of(const Attempt& attempt, const std::string& service) const {
  if (!service.empty()) return "service " + service;
  const std::string& type = attempt.plan->routes[attempt.node].type;
  return options_.in_flight_by_type.contains(type) ? "type " + type : std::string();
}

void Dispatcher::enqueue(Attempt attempt) {
  const plan::Node& node = attempt.plan->plan->nodes[attempt.node];
  const std::string service = service_of(attempt);
  const std::string name = lane_of(attempt, service);
  Waiting waiting;
  if (node.timeouts.schedule_to_start_ms > 0) waiting.deadline = clock_->now_ms() + node.timeouts.schedule_to_start_ms;
  const auto priority = static_cast<std::size_t>(node.priority);
  const std::string type = attempt.plan->routes[attempt.node].type;
  waiting.attempt = std::move(attempt);
  const std::lock_guard lock(mutex_);
  waiting.number = ++arrivals_;
  auto [at, fresh] = lanes_.try_emplace(name);
  Lane& lane = at->second;
  if (fresh && !name.empty()) {
    if (const auto limit = options_.bulkheads.find(service); limit != options_.bulkheads.end())
      lane.bulkhead_limit = limit->second;
    if (const auto limit = options_.in_flight_by_type.find(type);
        service.empty() && limit != options_.in_flight_by_type.end())
      lane.bulkhead_limit = static_cast<std::uint32_t>(limit->second);
  }
  lane.by_priority[priority].push_back(std::move(waiting));
  ++lane.size;
  ++waiting_;
}

bool Dispatcher::startable(Lane& lane, const Waiting& head, TimeMs now) {
  if (lane.bulkhead_limit != 0 && lane.bulkhead.in_flight >= lane.bulkhead_limit) return false;
  const double rate = head.attempt.plan->plan->nodes[head.attempt.node].rate_limit.per_second;
  if (!(rate > 0)) return true;
  if (lane.blocked_until > now && lane.blocked_until - now <= 1000) return false;
  const DurationMs wait = policy::take(lane.bucket, rate, now);
  lane.blocked_until = now + wait;
  lane.rested_at = policy::full_at(lane.bucket, rate);
  return wait == 0;
}

// Takes the first attempt that may go: highest priority, then first come. A refused one (open breaker) needs no room.
bool Dispatcher::next(std::vector<Launch>& launches, std::vector<Attempt>& refused) {
  const TimeMs now = clock_->now_ms();
  for (int priority = 3; priority >= 0; --priority) {
    std::vector<std::pair<std::uint64_t, Lane*>> heads;
    for (auto& [name, lane] : lanes_)
      if (const auto& queue = lane.by_priority[static_cast<std::size_t>(priority)]; !queue.empty())
        heads.emplace_back(queue.front().number, &lane);
    std::sort(heads.begin(), heads.end());
    for (const auto& [number, lane] : heads) {
      auto& queue = lane->by_priority[static_cast<std::size_t>(priority)];
      Attempt& head = queue.front().attempt;
      Admitted admitted;
      const std::string service = service_of(head);
      const bool guarded = has_breaker(head) && !service.empty();
      const policy::BreakerRules rules = rules_of(head.plan->plan->nodes[head.node]);
      const auto pop = [&, lane = lane] {
        Attempt attempt = std::move(head);
        queue.pop_front();
        --lane->size;
        --waiting_;
        return attempt;
      };
      if (guarded) {
        policy::Breaker& breaker = breakers_[service];
        if (policy::remaining_open(breaker, rules, now) > 0 ||
            (breaker.phase == policy::BreakerPhase::half_open && breaker.probes_out >= rules.probes)) {
          refused.push_back(pop());
          return true;
        }
      }
      if (in_flight_.load() >= options_.in_flight || !startable(*lane, queue.front(), now)) continue;
      if (guarded) {
        admitted.service = service;
        admitted.rules = rules;
        admitted.admission = policy::admit(breakers_[service], rules, now);
      }
      admitted.lane = lane_of(head, service);
      policy::enter(lane->bulkhead, lane->bulkhead_limit);
      ++in_flight_;
      launches.push_back({pop(), std::move(admitted), {}});
      return true;
    }
  }
  return false;
}

void Dispatcher::drain() {
  // A driver may answer inside start(), which comes back here: the outer call goes on instead of nesting.
  thread_local bool draining = false;
  if (draining) return;
  draining = true;
  bool more = true;
  while (more && !stopping_) {
    std::vector<Launch> launches;
    std::vector<Attempt> refused;
    {
      const std::lock_guard lock(mutex_);
      while (more && launches.size() + refused.size() < k_launches_at_once)
        more = waiting_ > 0 && next(launches, refused);
    }
    for (const Attempt& attempt : refused) {
      const plan::Node& node = attempt.plan->plan->nodes[attempt.node];
      const std::string service = service_of(attempt);
      DurationMs wait = 0;
      {
        const std::lock_guard lock(mutex_);
        wait = policy::remaining_open(breakers_[service], rules_of(node), clock_->now_ms());
      }
      refuse(attempt, "breaker.open", "service '" + service + "' has failed too often; its breaker is open",
             history::FaultClass::recoverable, wait);
    }
    for (Launch& launched : launches) launch(std::move(launched.attempt), std::move(launched.admitted));
    if (!more) {  // an answer given inside launch() may have made room
      const std::lock_guard lock(mutex_);
      more = waiting_ > 0 && !launches.empty();
    }
  }
  draining = false;
}

void Dispatcher::launch(Attempt attempt, Admitted admitted) {
  const plan::Node& node = attempt.plan->plan->nodes[attempt.node];
  const Route& route = attempt.plan->routes[attempt.node];
  activity::Task task;
  task.run = attempt.run;
  task.command = CommandId{attempt.command};
  task.attempt = attempt.attempt;
  task.step = node.name;
  task.type = route.type;
  std::vector<std::string> secrets;
  if (attempt.plan->secrets.empty()) {
    task.args = attempt.args;
  } else {
    auto opened =
        open_secrets(*attempt.plan->plan, attempt.seed, *route.driver, route.type, attempt.args, options_.secrets);
    if (auto* wrong = std::get_if<activity::ActivityError>(&opened))
      return ended(attempt, admitted, activity::Outcome::failure(std::move(*wrong)));
    auto& [args, values] = std::get<OpenedArguments>(opened);
    task.args = std::move(args);
    task.confidential = !values.empty();
    secrets = std::move(values);
  }
  task.idempotency_key = attempt.idempotency_key.empty() ? idempotency_key(attempt.run, CommandId{attempt.command})
                                                         : attempt.idempotency_key;
  task.start_to_close_ms = attempt.start_to_close_ms;
  task.heartbeat_ms = node.timeouts.heartbeat_ms;
  if (task.heartbeat_ms > 0) {
    task.last_progress = progress_of(attempt.run, attempt.command);
    task.on_progress = [this, run = attempt.run, command = attempt.command, secrets](Bytes progress) {
      progress = masked_json(progress, secrets);
      const std::lock_guard lock(progress_mutex_);
      const auto [at, fresh] = progress_.insert_or_assign({run, command}, std::move(progress));
      if (!fresh) return;
      progress_order_.push_back(at->first);
      if (progress_order_.size() > k_progress_kept) {
        progress_.erase(progress_order_.front());
        progress_order_.pop_front();
      }
    };
  }
  // Shared, because std::function must be able to copy what it holds.
  auto state = std::make_shared<Launch>(Launch{std::move(attempt), std::move(admitted), std::move(secrets)});
  route.driver->start(std::move(task), [this, state = std::move(state)](activity::Outcome outcome) {
    ended(state->attempt, state->admitted, masked(std::move(outcome), state->secrets));
  });
}

void Dispatcher::ended(const Attempt& attempt, const Admitted& admitted, activity::Outcome outcome) {
  in_flight_.fetch_sub(1, std::memory_order_relaxed);
  if (!admitted.lane.empty() || !admitted.service.empty()) {
    std::string key;
    Bytes value;
    if (give_back(admitted, outcome, key, value) && !stopping_) persist_(std::move(key), std::move(value));
  }
  if (stopping_) return;  // the attempt is durable; the next start deals with it
  if (outcome.ok && outcome.result.size() > k_payload_bytes_max) {
    activity::ActivityError error;
    error.type = "payload.limit";
    error.title = "the result has " + std::to_string(outcome.result.size()) + " bytes; the limit is " +
                  std::to_string(k_payload_bytes_max);
    error.error_class = activity::ErrorClass::fatal;
    outcome = activity::Outcome::failure(std::move(error));
  }
  if (outcome.ok) {
    answer_(attempt.run,
            history::ActivityCompleted{attempt.frame, attempt.command, attempt.attempt, std::move(outcome.result)});
  } else {
    answer_(attempt.run, history::ActivityFailed{attempt.frame, attempt.command, attempt.attempt,
                                                 fault_of(attempt, std::move(outcome.error))});
  }
  if (waiting_.load(std::memory_order_relaxed) > 0) drain();
}

bool Dispatcher::give_back(const Admitted& admitted, const activity::Outcome& outcome, std::string& key, Bytes& value) {
  const std::lock_guard lock(mutex_);
  if (!admitted.lane.empty()) {
    const auto lane = lanes_.find(admitted.lane);
    if (lane != lanes_.end()) policy::leave(lane->second.bulkhead);
  }
  if (admitted.service.empty()) return false;
  policy::Breaker& breaker = breakers_[admitted.service];
  if (!policy::record(breaker, admitted.rules, clock_->now_ms(), admitted.admission, verdict(outcome))) return false;
  constexpr std::size_t k_service_bytes_max = 900;  // a key of the store holds 1 KiB; longer ones live until a restart
  if (admitted.service.size() > k_service_bytes_max) return false;
  key = "breaker/" + admitted.service;
  value = policy::encode(breaker);
  return true;
}

void Dispatcher::refuse(const Attempt& attempt, std::string type, std::string title, history::FaultClass fault_class,
                        DurationMs retry_after_ms) {
  auto fault = std::make_shared<history::Fault>();
  fault->type = std::move(type);
  fault->title = std::move(title);
  fault->step = attempt.plan->plan->nodes[attempt.node].name;
  fault->attempt = attempt.attempt;
  fault->fault_class = fault_class;
  fault->retry_after_ms = retry_after_ms;
  if (!stopping_)
    answer_(attempt.run, history::ActivityFailed{attempt.frame, attempt.command, attempt.attempt, std::move(fault)});
}

void Dispatcher::cancel(const RunKey& run, const PlanEntry& plan, history::NodeId node, std::uint64_t command) {
  std::vector<Attempt> taken;
  if (waiting_ > 0) {
    const std::lock_guard lock(mutex_);
    for (auto& [name, lane] : lanes_) {
      for (auto& queue : lane.by_priority) {
        const auto at = std::find_if(queue.begin(), queue.end(), [&](const Waiting& waiting) {
          return waiting.attempt.command == command && waiting.attempt.run == run;
        });
        if (at == queue.end()) continue;
        taken.push_back(std::move(at->attempt));
        queue.erase(at);
        --lane.size;
        --waiting_;
      }
    }
  }
  for (const Attempt& attempt : taken)
    refuse(attempt, "cancelled", "cancelled before it began", history::FaultClass::fatal);
  if (!taken.empty() || node >= plan.routes.size() || plan.routes[node].driver == nullptr) return;
  plan.routes[node].driver->cancel(run, CommandId{command});
}

TimeMs Dispatcher::tick() {
  if (waiting_ == 0) return k_never;
  const TimeMs now = clock_->now_ms();
  TimeMs again = k_never;
  std::vector<Attempt> late;
  {
    const std::lock_guard lock(mutex_);
    for (auto& [name, lane] : lanes_) {
      if (lane.size > 0 && lane.blocked_until > now) again = std::min(again, lane.blocked_until);
      for (auto& queue : lane.by_priority) {
        for (auto at = queue.begin(); at != queue.end();) {
          again = std::min(again, at->deadline);
          if (at->deadline > now) {
            ++at;
            continue;
          }
          late.push_back(std::move(at->attempt));
          at = queue.erase(at);
          --lane.size;
          --waiting_;
        }
      }
    }
    std::erase_if(lanes_, [&](const auto& item) {
      return item.second.size == 0 && item.second.bulkhead.in_flight == 0 && item.second.rested_at <= now;
    });
  }
  for (const Attempt& attempt : late)
    refuse(attempt, "timeout.schedule_to_start", "waited too long for its turn", history::FaultClass::recoverable);
  drain();
  return waiting_ == 0 ? k_never : std::max(again, now + 1);
}

Bytes Dispatcher::progress_of(const RunKey& run, std::uint64_t command) {
  const std::lock_guard lock(progress_mutex_);
  const auto found = progress_.find({run, command});
  return found == progress_.end() ? Bytes() : found->second;
}

std::vector<BreakerView> Dispatcher::breakers() {
  const std::lock_guard lock(mutex_);
  std::vector<BreakerView> all;
  for (const auto& [service, breaker] : breakers_) all.push_back({service, breaker});
  return all;
}

}  // namespace perdure::runtime
