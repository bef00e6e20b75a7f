#pragma once
// How many steps of the engine a core simulates in a second when nothing fails and nothing is checked: the bound for
// every figure of simulated steps.
#include <cstdint>

namespace perdure::sim {

struct Speed {
  std::uint64_t decisions = 0;  // committed batches: what DESIGN calls a step
  std::uint64_t events = 0;
  double cpu_seconds = 0;
};

// `runs` runs of fifty activities each, all at once, on the embedded store on the simulated disk.
Speed measure_speed(std::uint64_t runs);

}  // namespace perdure::sim
