#pragma once
// Breakers and rate limits as their steps' files state them, kept beside the engine's: what it may not let through.
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>

#include "activity/activity.h"
#include "base/time.h"

namespace perdure::sim {

class Services {
 public:
  // An attempt begins: why it may not, or nothing. What holds for it stands in its arguments (program.cc).
  std::optional<std::string> begins(const activity::Task& task, TimeMs now);
  void ended(const activity::Task& task, const activity::Outcome& outcome, TimeMs now);
  // The engine may see that, without beginning anything.
  void clock_set_back(TimeMs now);
  // All that happened until now is on disk; the process is gone.
  void all_durable();
  void process_died();

 private:
  struct Rules {
    std::string service;
    std::int64_t failures = 0, per_second = 0;  // 0: no breaker; no limit
    DurationMs open_for_ms = 0;
  };
  enum class Phase : std::uint8_t { closed, open, probing };
  struct Breaker {
    Phase phase = Phase::closed;
    std::int64_t failures = 0;  // in a row
    TimeMs opened_at = 0;
    bool durable = false;
    std::optional<std::pair<RunKey, std::uint64_t>> probe;
  };
  struct Bucket {
    double tokens = 0;
    TimeMs filled_at = 0;
  };
  static Rules rules_of(const activity::Task& task);

  std::map<std::string, Breaker> breakers_;
  std::map<std::string, Bucket> buckets_;
  std::map<std::pair<RunKey, std::uint64_t>, Phase> admitted_;  // those in flight under a breaker, and its phase then
};

}  // namespace perdure::sim
