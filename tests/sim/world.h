#pragma once
// One seed's world: the real engine on the real embedded store on a simulated disk, clients that send messages, and
// everything that goes wrong. First faults, then none, and everything must come to its end.
#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "engine/engine.h"
#include "sim/check.h"
#include "sim/coverage.h"
#include "sim/outside.h"
#include "sim/random.h"
#include "sim/report.h"

namespace perdure::sim {

struct Outcome {
  std::optional<Violation> violation;
  std::uint64_t trace_hash = 0;
  std::uint64_t decisions = 0;  // committed batches: what DESIGN calls a step
  std::uint64_t events = 0;
  std::uint64_t runs = 0;
  std::uint64_t crashes = 0;
  Coverage coverage;
};

Outcome live(std::uint64_t seed, bool print_trace);

}  // namespace perdure::sim
