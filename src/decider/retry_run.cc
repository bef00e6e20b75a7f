// What a retried run takes over from the run as it ended: nothing of it starts anew but what has to.
#include <algorithm>

#include "decider/frames.h"

namespace perdure::decider {
namespace {

bool begins_afresh(const State& state, NodeId node) {
  const auto& slots = state.scopes[0]->slots;
  const auto is = [&](const plan::Node& n, StepStatus status) {
    return n.scope == 0 && n.slot < slots.size() && slots[n.slot].status == status;
  };
  for (NodeId up = state.plan->nodes[node].parent; up != k_none; node = up, up = state.plan->nodes[up].parent) {
    const auto& n = state.plan->nodes[up];
    if (is(n, StepStatus::completed)) continue;
    if (n.kind == plan::Kind::loop) return true;
    if (n.finally == node || n.fallback == node || (n.breaker && n.breaker->fallback == node)) return true;
    for (const auto& c : n.catches)
      if (c.body == node) return true;
  }
  return false;
}

// In a data flow the place of each list is kept instead (State::resume), and of a fork what each branch gave.
bool may_be_carried(const plan::Plan& plan, const plan::Node& node) {
  return !plan.data_flow || (node.parent != k_none && plan.nodes[node.parent].kind == plan::Kind::parallel);
}

// What was undone runs again and leaves the log. What could not be undone is still there: its step is not run again,
// and undoing it is still owed.
void settle_saga_log(State& state) {
  auto& slots = state.scopes[0]->slots;
  std::vector<std::uint32_t> kept_before;
  std::vector<SagaEntry> kept;
  for (auto& entry : state.saga_log) {
    kept_before.push_back(static_cast<std::uint32_t>(kept.size()));
    if (entry.done && !entry.fault) {
      forget_places(state);
      for (NodeId node = entry.node; node != k_none; node = state.plan->nodes[node].parent)
        if (state.plan->nodes[node].scope == 0 && state.plan->nodes[node].slot < slots.size())
          slots[state.plan->nodes[node].slot] = Slot{};
      continue;
    }
    if (entry.done && (!entry.args.empty() || !entry.child.empty())) entry.fault.reset();
    entry.done = false;
    kept.push_back(std::move(entry));
  }
  kept_before.push_back(static_cast<std::uint32_t>(kept.size()));
  const auto last = static_cast<std::uint32_t>(kept_before.size() - 1);
  for (auto& saga : state.sagas) {
    saga.first_entry = kept_before[std::min(saga.first_entry, last)];
    saga.floor = kept_before[std::min(saga.floor, last)];
  }
  state.saga_log = std::move(kept);
}

}  // namespace

// Completed results are kept and their steps passed over, except what was undone since, what lies in a loop that had
// not ended, and what a try, catch or fallback of a step that is done again did to mend it.
void carry_completed(State& state) {
  if (state.scopes.empty() || !state.scopes[0]) return;
  auto& slots = state.scopes[0]->slots;
  for (const auto& node : state.plan->nodes) {
    if (node.scope != 0 || node.slot >= slots.size()) continue;
    Slot& slot = slots[node.slot];
    const bool done = slot.status == StepStatus::completed || slot.status == StepStatus::skipped;
    if (done && may_be_carried(*state.plan, node) && !begins_afresh(state, node.id))
      slot.carried = slot.status == StepStatus::completed;
    else slot = Slot{};
  }
  settle_saga_log(state);
  if (!state.plan->nodes.empty()) slots[state.plan->nodes[0].slot] = Slot{};
  state.compensation.clear();
}

}  // namespace perdure::decider
