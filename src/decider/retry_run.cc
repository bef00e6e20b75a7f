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

void forget_undone(State& state) {
  const auto& slots = state.scopes[0]->slots;
  const bool any = std::any_of(state.saga_log.begin(), state.saga_log.end(),
                               [](const SagaEntry& entry) { return entry.done && !entry.fault; }) ||
                   std::any_of(slots.begin(), slots.end(), [](const Slot& slot) { return slot.undone; });
  if (any) forget_places(state);
  std::vector<std::uint32_t> kept_before;
  std::vector<SagaEntry> kept;
  for (auto& entry : state.saga_log) {
    kept_before.push_back(static_cast<std::uint32_t>(kept.size()));
    if (!entry.done || entry.fault) kept.push_back(std::move(entry));
  }
  kept_before.push_back(static_cast<std::uint32_t>(kept.size()));
  const auto last = static_cast<std::uint32_t>(kept_before.size() - 1);
  for (auto& saga : state.sagas) {
    saga.first_entry = kept_before[std::min(saga.first_entry, last)];
    saga.floor = kept_before[std::min(saga.floor, last)];
  }
  state.saga_log = std::move(kept);
}

// Steps of the run's own scope that are done again because something before them is.
class Aftermath {
 public:
  explicit Aftermath(State& state)
      : state_(state), plan_(*state.plan), still_there_(plan_.nodes.size(), false), begun_(plan_.nodes.size(), false) {
    for (const auto& entry : state.saga_log)
      for (NodeId node = entry.node; node != k_none; node = plan_.nodes[node].parent) still_there_[node] = true;
  }

  // What comes after what was undone may rest on it: later children of a sequence, what edges lead to. What could not
  // be undone is there already.
  void undo_results() {
    for (const auto& node : plan_.nodes) {
      const Slot* slot = slot_at(node.id);
      if (slot != nullptr && slot->undone && node.parent != k_none) begin_after(node);
    }
    for (const auto& node : plan_.nodes)
      if (Slot* slot = slot_at(node.id); slot != nullptr && slot->undone) *slot = Slot{};
  }

 private:
  Slot* slot_at(NodeId id) {
    const auto& node = plan_.nodes[id];
    auto& slots = state_.scopes[0]->slots;
    return node.scope == 0 && node.slot < slots.size() ? &slots[node.slot] : nullptr;
  }
  void begin_after(const plan::Node& undone) {
    const auto& parent = plan_.nodes[undone.parent];
    if (undone.index >= parent.children.size() || parent.children[undone.index] != undone.id) return;
    if (parent.kind == plan::Kind::sequential) {  // behind what was begun before, all was
      for (std::size_t i = undone.index + 1; i < parent.children.size() && !begun_[parent.children[i]]; ++i)
        begin(parent.children[i]);
      return;
    }
    std::vector<std::uint32_t> work{undone.index};
    while (!work.empty()) {
      const std::uint32_t at = work.back();
      work.pop_back();
      if (at >= parent.edges.size()) continue;
      for (const auto next : parent.edges[at]) {
        if (begun_[parent.children[next]]) continue;
        begin(parent.children[next]);
        work.push_back(next);
      }
    }
  }
  void begin(NodeId id) {
    if (id == k_none) return;
    begun_[id] = true;
    if (still_there_[id]) return;
    if (Slot* slot = slot_at(id)) *slot = Slot{};
    const auto& node = plan_.nodes[id];
    for (const NodeId child : node.children) begin(child);
    for (const auto& c : node.cases) begin(c.body);
    for (const auto& c : node.catches) begin(c.body);
    for (const NodeId body : {node.finally, node.fallback}) begin(body);
    if (node.breaker) begin(node.breaker->fallback);
  }

  State& state_;
  const plan::Plan& plan_;
  std::vector<bool> still_there_;  // its effect, or that of a part
  std::vector<bool> begun_;
};

}  // namespace

void mark_undone(State& state, const SagaEntry& entry) {
  auto& slots = state.scopes[0]->slots;
  for (NodeId id = entry.node; id != k_none; id = state.plan->nodes[id].parent) {
    const auto& node = state.plan->nodes[id];
    if (node.scope == 0 && node.slot < slots.size()) slots[node.slot].undone = true;
  }
}

bool may_try_again(const SagaEntry& entry) {
  return entry.done && entry.fault && (!entry.args.empty() || !entry.child.empty());
}

// With `only_these` they make a scope of their own, which the root then undoes.
void owe_again(State& state, bool only_these) {
  if (only_these) {
    SagaScope scope;
    scope.parent = 0;
    scope.undoing = true;
    state.sagas.push_back(scope);
    state.frames[0].saga = static_cast<std::uint32_t>(state.sagas.size() - 1);
  }
  for (auto& entry : state.saga_log) {
    const bool broken_off = only_these && !entry.done && state.sagas[entry.saga].undoing;  // the try before was stopped
    if (!may_try_again(entry) && !broken_off) continue;
    entry.done = false;
    entry.fault.reset();
    if (only_these) entry.saga = state.frames[0].saga;
  }
}

// Completed results are kept and their steps passed over, except what was undone since and what comes after that, what
// lies in a loop that had not ended, and what a try, catch or fallback of a step that is done again did to mend it.
void carry_completed(State& state) {
  if (state.scopes.empty() || !state.scopes[0]) return;
  auto& slots = state.scopes[0]->slots;
  forget_undone(state);
  Aftermath(state).undo_results();
  for (const auto& node : state.plan->nodes) {
    if (node.scope != 0 || node.slot >= slots.size()) continue;
    Slot& slot = slots[node.slot];
    const bool afresh = begins_afresh(state, node.id) || !may_be_carried(*state.plan, node);
    if (!afresh && (slot.status == StepStatus::completed || slot.status == StepStatus::skipped)) {
      slot.carried = slot.status == StepStatus::completed;
      continue;
    }
    const auto items = afresh ? nullptr : std::move(slot.items);
    slot = Slot{};
    slot.items = items;
  }
  if (!state.plan->nodes.empty()) slots[state.plan->nodes[0].slot] = Slot{};
  state.compensation.clear();
}

}  // namespace perdure::decider
