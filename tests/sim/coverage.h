#pragma once
// Which construct was alive when which fault struck. An empty cell is a blind spot of the generator.
#include <array>
#include <cstdint>
#include <string>
#include <utility>

#include "plan/plan.h"

namespace perdure::sim {

enum class Fault : std::uint8_t {
  crash,
  failed_write,
  full_disk,
  clock_back,
  clock_ahead,
  shutdown,
  pause,
  cancel,
  terminate,
  refused,
  lost_answer,
  hung
};
inline constexpr std::size_t k_faults = 12;
inline constexpr std::array<const char*, k_faults> k_fault_names{"crash",     "EIO",      "ENOSPC", "clock-",
                                                                 "clock+",    "shutdown", "pause",  "cancel",
                                                                 "terminate", "refused",  "lost",   "hung"};
inline constexpr std::size_t k_kinds = static_cast<std::size_t>(plan::Kind::map) + 1;

// Over in one decision, so that nothing can happen while they are at work.
constexpr bool is_instant(plan::Kind kind) {
  return kind == plan::Kind::set || kind == plan::Kind::emit || kind == plan::Kind::raise;
}

// Of the Open Workflow Specification, what lasts.
inline constexpr std::array k_flow_kinds{
    std::pair{plan::Kind::activity, "call"}, std::pair{plan::Kind::tasks, "do"},
    std::pair{plan::Kind::each, "for"},      std::pair{plan::Kind::parallel, "fork"},
    std::pair{plan::Kind::race, "compete"},  std::pair{plan::Kind::attempt, "try"},
    std::pair{plan::Kind::wait, "wait"},     std::pair{plan::Kind::listen, "listen"},
    std::pair{plan::Kind::subflow, "run"}};

struct Coverage {
  std::array<std::array<std::uint64_t, k_faults>, k_kinds> cells{};
  std::array<std::array<std::uint64_t, k_faults>, k_flow_kinds.size()> flows{};  // tasks of the OWS
  std::array<std::uint64_t, k_faults> compensating{};                            // a saga was being undone

  void add(const Coverage& other);
  std::size_t empty_cells() const;
  std::string table() const;
};

}  // namespace perdure::sim
