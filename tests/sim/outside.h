#pragma once
// The world beyond the engine: remote parties that do what "sim.do" and "sim.undo" ask for, in their own time, and a
// ledger of what is in effect, which survives every crash of the engine.
#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "activity/activity.h"
#include "base/time.h"
#include "sim/random.h"
#include "sim/report.h"

namespace perdure::sim {

using Effect = std::pair<RunKey, std::uint64_t>;  // the command that asked for it

// What befell an activity; columns of the coverage table.
enum class Fate : std::uint8_t { ok, late, refused, lost_answer, hung, cancelled, crashed };
inline constexpr std::size_t k_fates = 7;
inline constexpr std::array<const char*, k_fates> k_fate_names{"ok",   "late",      "refused", "lost answer",
                                                               "hung", "cancelled", "crash"};

class Outside {
 public:
  Outside(Random random, Judge& judge, Trace& trace) : random_(random), judge_(judge), trace_(trace) {}

  // One per life of the engine's process.
  std::shared_ptr<activity::Driver> driver(std::shared_ptr<Clock> clock);

  bool wild = true;  // false: everything is done at once, and well
  std::size_t in_flight_max = 10'000;
  std::function<void(const RunKey&, Fate)> on_fate;

  std::size_t held() const { return held_.size(); }
  void answer_one();      // any of those in flight, somehow
  void answer_all();      // well
  void answer_overdue();  // those whose time is over
  // The process is gone: what it had in flight happened, or did not; nobody tells.
  void process_died();

  bool in_effect(const Effect& effect) const { return effects_.contains(effect); }
  // By (run, command): attempts that were handed to a driver.
  const std::map<Effect, std::set<std::uint32_t>>& attempts() const { return attempts_; }
  std::uint64_t count(Fate fate) const { return fates_[static_cast<std::size_t>(fate)]; }

 private:
  friend class SimulatedDriver;
  struct Held {
    activity::Task task;
    activity::OnDone done;
    TimeMs started_at = 0;
    std::uint32_t life = 0;
  };

  void start(activity::Task task, activity::OnDone done);
  void cancel(const RunKey& run, CommandId command);
  void finish(Held held, Fate fate);
  void take_effect(const activity::Task& task);
  void met(Fate fate) { ++fates_[static_cast<std::size_t>(fate)]; }

  Random random_;
  Judge& judge_;
  Trace& trace_;
  std::shared_ptr<Clock> clock_;
  std::uint32_t life_ = 0;
  bool stopped_ = false;
  std::vector<Held> held_;
  std::set<Effect> effects_;
  std::map<std::string, Effect> by_key_;  // a remote party that knows an idempotency key does nothing again
  std::map<Effect, std::set<std::uint32_t>> attempts_;
  std::array<std::uint64_t, k_fates> fates_{};
};

}  // namespace perdure::sim
