#pragma once
// Engine structs as JSON, one shape each: what `--json` prints and scripts rely on (docs/cli.md).
#include "base/value.h"
#include "cli/run_model.h"
#include "engine/engine.h"

namespace perdure::cli {

Value to_value(const history::Fault& fault);
Value to_value(const engine::StepView& step);
Value to_value(const engine::ReviewView& review);
Value to_value(const engine::RunView& run);
Value to_value(const engine::RunSummary& run);
Value to_value(const engine::WorkflowInfo& workflow);
Value to_value(const engine::ReplayReport& report);
Value to_value(const engine::DoctorReport& report);
Value to_value(const Mark& mark);
Value time_value(TimeMs time);  // RFC 3339 text; null for 0 and never

}  // namespace perdure::cli
