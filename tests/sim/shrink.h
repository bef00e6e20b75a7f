#pragma once
// From a scenario that fails to a small one that fails in the same way: operations, faults, settings and parts of the
// programs are left out for as long as it still does.
#include <cstddef>

#include "sim/report.h"
#include "sim/scenario.h"

namespace perdure::sim {

struct Shrunk {
  Scenario scenario;
  Violation violation;
  std::size_t tried = 0;  // worlds lived
};

// `scenario` must fail. Ends after `cpu_seconds`, with the smallest so far.
Shrunk shrink(const Scenario& scenario, double cpu_seconds);

// The scenario as text, with what it shows.
std::string write_shrunk(const Shrunk& shrunk);

}  // namespace perdure::sim
