#pragma once
// From what the store has of a run to its state, and the runtime's snapshot form: version 1, the plan's hash, the state.
#include "decider/decider.h"
#include "runtime/payloads.h"
#include "runtime/plans.h"
#include "storage/store.h"

namespace perdure::runtime {

struct LoadedState {
  PlanPtr plan;
  decider::State state;
};
// `corrupt`, `unsupported` or `not_found` (its plan).
// The store may be read again, and then give something else.
inline bool is_passing(const Error& error) { return error.code == ErrorCode::io; }

Result<LoadedState> load_state(Plans& plans, Payloads& payloads, const storage::LoadedRun& loaded);

Bytes encode_snapshot(const decider::State& state);

}  // namespace perdure::runtime
