#pragma once
// From "this attempt is durable" to "the driver has it": the line of waiting attempts in priority order, limits in
// flight, rate limits, bulkheads and breakers. One for the engine, shared by all shards.
//
// An attempt whose node asks for nothing and that finds room goes straight to its driver, on the caller's thread and
// without a lock. Everything else goes through the lanes: one a service (or activity type with a limit), each in
// priority order; a lane whose limit is reached does not hold up the others.
#include <array>
#include <atomic>
#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <unordered_map>
#include <vector>

#include "activity/activity.h"
#include "history/event.h"
#include "policy/breaker.h"
#include "policy/bulkhead.h"
#include "policy/rate_limit.h"
#include "runtime/plans.h"
#include "runtime/secrets.h"

namespace perdure::runtime {

struct Attempt {
  RunKey run;
  PlanPtr plan;
  history::NodeId node = 0;
  history::FrameId frame = 0;
  std::uint64_t command = 0;
  std::uint32_t attempt = 1;
  Bytes args;
  std::string idempotency_key;  // empty: the command's
  DurationMs start_to_close_ms = 0;
  std::uint64_t seed = 0;  // the run's
};

struct DispatcherOptions {
  std::size_t in_flight = 10'000;
  std::map<std::string, std::size_t> in_flight_by_type;
  std::map<std::string, std::uint32_t> bulkheads;
  SecretSource secrets;
};

struct BreakerView {
  std::string service;
  policy::Breaker breaker;
};

class Dispatcher {
 public:
  // `answer` gets exactly one ActivityCompleted or ActivityFailed an attempt, from any thread, unless the engine stops
  // first. `persist` writes a key; it is called with no lock held.
  using Answer = std::function<void(const RunKey&, history::Event)>;
  using Persist = std::function<void(std::string key, Bytes value)>;
  // `nudge`: tick() should be called soon.
  using Nudge = std::function<void()>;
  Dispatcher(DispatcherOptions options, std::shared_ptr<Clock> clock, Answer answer, Persist persist, Nudge nudge);

  void restore(std::string_view service, const policy::Breaker& breaker);  // before the first dispatch

  void dispatch(Attempt attempt);
  // Asks a waiting or running attempt to stop; it is still answered.
  void cancel(const RunKey& run, const PlanEntry& plan, history::NodeId node, std::uint64_t command);
  // Lets go what has become possible and ends what waited too long; returns when to be called again.
  TimeMs tick();
  // Nothing is started or answered any more.
  void stop() { stopping_ = true; }

  // The last progress an attempt reported by heartbeat.
  Bytes progress_of(const RunKey& run, std::uint64_t command);
  std::vector<BreakerView> breakers();
  std::size_t waiting() const { return waiting_; }
  std::size_t in_flight() const { return in_flight_; }

 private:
  struct Waiting {
    Attempt attempt;
    std::uint64_t number = 0;   // order of arrival
    TimeMs deadline = k_never;  // schedule_to_start
  };
  struct Lane {
    std::array<std::deque<Waiting>, 4> by_priority;
    std::size_t size = 0;
    policy::Bulkhead bulkhead;
    std::uint32_t bulkhead_limit = 0;
    policy::TokenBucket bucket;
    TimeMs blocked_until = 0;  // by its rate limit
    TimeMs rested_at = 0;      // when its bucket is full again
  };
  struct Admitted {       // what must be given back when the attempt ends
    std::string lane;     // empty: none
    std::string service;  // whose breaker admitted it; empty: none
    policy::Admission admission = policy::Admission::refused;
    policy::BreakerRules rules;
  };
  struct Launch {
    Attempt attempt;
    Admitted admitted;
    std::vector<std::string> secrets;  // texts that its answer may not have
  };

  void launch(Attempt attempt, Admitted admitted);
  void ended(const Attempt& attempt, const Admitted& admitted, activity::Outcome outcome);
  bool give_back(const Admitted& admitted, const activity::Outcome& outcome, std::string& key, Bytes& value);
  void enqueue(Attempt attempt);
  void drain();
  bool next(std::vector<Launch>& launches, std::vector<Attempt>& refused);  // mutex held
  bool startable(Lane& lane, const Waiting& head, TimeMs now);              // mutex held
  void refuse(const Attempt& attempt, std::string type, std::string title, history::FaultClass fault_class,
              DurationMs retry_after_ms = 0);
  std::string lane_of(const Attempt& attempt, const std::string& service) const;

  const DispatcherOptions options_;
  const std::shared_ptr<Clock> clock_;
  const Answer answer_;
  const Persist persist_;
  const Nudge nudge_;

  std::atomic<std::size_t> in_flight_{0};
  std::atomic<std::size_t> waiting_{0};
  std::atomic<bool> stopping_{false};

  std::mutex mutex_;
  std::map<std::string, Lane> lanes_;
  std::map<std::string, policy::Breaker> breakers_;
  std::uint64_t arrivals_ = 0;
  std::mutex progress_mutex_;
  std::map<std::pair<RunKey, std::uint64_t>, Bytes> progress_;
  std::deque<std::pair<RunKey, std::uint64_t>> progress_order_;
};

}  // namespace perdure::runtime
