#pragma once
// How long the steps of a workflow usually take, learned from the histories of its latest completed runs.
#include <cstddef>
#include <string>

#include "base/result.h"
#include "engine/engine.h"
#include "plan/view.h"

namespace perdure::cli {

struct Estimate {
  plan::Durations by_step;  // medians, by path; items of a foreach count under their step
  std::size_t runs = 0;     // that were looked at
};
// Looks at few runs and the first events of each, so that it takes no time worth mentioning.
Result<Estimate> estimate(engine::Engine& engine, const std::string& workflow);

}  // namespace perdure::cli
