#pragma once
// Random workflows of the Open Workflow Specification, over every construct the simulator can serve. Calls are of type
// "openapi", with the operation "do", undone by the operation "undo"; events have the types a, b and c and data {k, v}.
#include <string>

#include "sim/program.h"
#include "sim/random.h"

namespace perdure::sim {

inline constexpr const char* k_call_type = "openapi";

// JSON text. `subflows` are of either dialect; all have the version 1.0.0.
std::string random_flow(Random& random, const ProgramRules& rules);

}  // namespace perdure::sim
