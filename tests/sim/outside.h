#pragma once
// The world beyond the engine: remote parties that do what "sim.do" and "sim.undo" ask for, in their own time, and a
// ledger of what is in effect, which survives every crash of the engine.
#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "activity/activity.h"
#include "base/time.h"
#include "sim/random.h"
#include "sim/report.h"
#include "sim/scenario.h"
#include "sim/services.h"

namespace perdure::sim {

using Effect = std::pair<RunKey, std::uint64_t>;  // the command that asked for it

// What befell an activity; columns of the coverage table.
enum class Fate : std::uint8_t { ok, late, refused, lost_answer, hung, cancelled };
inline constexpr std::array<const char*, 6> k_fate_names{"ok", "late", "refused", "lost answer", "hung", "cancelled"};

class Outside {
 public:
  Outside(const Settings& settings, Judge& judge, Trace& trace) : settings_(settings), judge_(judge), trace_(trace) {}

  // One per life of the engine's process.
  std::shared_ptr<activity::Driver> driver(std::shared_ptr<Clock> clock);

  bool wild = true;  // false: everything is done at once, and well
  std::function<void(const RunKey&, Fate)> on_fate;

  std::size_t held() const { return held_.size(); }
  void answer_one(Random& random);  // any of those in flight, somehow
  void answer_some(Random& random);
  void answer_all();      // well
  void answer_overdue();  // those whose time is over
  // The process is gone: what it had in flight happened, or did not; nobody tells.
  void process_died();

  void all_durable() { services_.all_durable(); }  // what the engine knows now

  void clock_set_back() { services_.clock_set_back(clock_->now_ms()); }

  bool in_effect(const Effect& effect) const;
  // Attempts that were handed to a driver, in order.
  struct HandedOut {
    Effect effect;
    std::uint32_t attempt = 0;
  };
  const std::vector<HandedOut>& handed_out() const { return handed_out_; }
  bool was_handed_out(const RunKey& run, std::uint64_t command, std::uint32_t attempt) const;
  static bool takes(std::string_view activity_type);  // it is ours

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
  activity::Outcome outcome_of(const activity::Task& task, Fate fate);
  void take_effect(const activity::Task& task);
  Bytes answer_of(const activity::Task& task) const;
  // The attempt's own random numbers for a question about it.
  Random random_of(const activity::Task& task, std::uint64_t question) const;

  const Settings& settings_;
  Judge& judge_;
  Trace& trace_;
  std::shared_ptr<Clock> clock_;
  std::uint32_t life_ = 0;
  std::vector<Held> held_;
  struct Command {
    std::uint32_t last_attempt = 0, out_in_life = 0;
    bool in_effect = false;
  };
  using Commands = std::unordered_map<std::uint64_t, Command>;
  Commands& commands_of(const RunKey& run);
  std::unordered_map<std::string, Commands> commands_;       // by run
  std::unordered_map<std::uint64_t, std::uint64_t> by_key_;  // checksum of an idempotency key: whose it is
  Services services_;
  std::vector<HandedOut> handed_out_;
};

}  // namespace perdure::sim
