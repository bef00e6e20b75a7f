#pragma once
// A scenario's world: the real engine on the real embedded store on a simulated disk, clients that send messages, and
// everything that goes wrong. First faults, then none, and everything must come to its end.
#include <cstdint>
#include <optional>

#include "sim/coverage.h"
#include "sim/report.h"
#include "sim/scenario.h"

namespace perdure::sim {

struct Outcome {
  std::optional<Violation> violation;
  std::size_t operations = 0;  // carried out until then
  std::uint64_t trace_hash = 0;
  std::uint64_t steps = 0;  // decisions that were committed and read back
  std::uint64_t events = 0;
  std::uint64_t runs = 0;
  std::uint64_t partial_runs = 0;  // whose history was compacted away before it was read
  std::uint64_t crashes = 0;
  std::uint64_t rots = 0, rots_told = 0;
  Coverage coverage;
};

Outcome live(const Scenario& scenario, bool print_trace);

}  // namespace perdure::sim
