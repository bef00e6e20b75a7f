#pragma once
// Runs as people see them.
#include <vector>

#include "decider/decider.h"
#include "engine/engine.h"

namespace perdure::runtime {

engine::RunView run_view(const decider::State& state);
std::vector<engine::ReviewView> review_views(const decider::State& state);
// Whether nothing will happen until a message or a timer comes: paused, or waiting for more than a next attempt.
bool is_idle(const decider::State& state);

}  // namespace perdure::runtime
