#include "decider/frames.h"

#include <algorithm>

#include "decider/document.h"

namespace perdure::decider {
namespace {

bool is_graph(plan::Kind kind) { return kind == plan::Kind::dag || kind == plan::Kind::graph; }

void link_child(State& state, Frame& parent, FrameId id) {
  Frame& child = state.frames[id];
  child.next_sibling = parent.first_child;
  child.previous_sibling = k_none;
  if (parent.first_child != k_none) state.frames[parent.first_child].previous_sibling = id;
  parent.first_child = id;
  ++parent.live_children;
}

void unlink_child(State& state, Frame& parent, FrameId id) {
  const Frame& child = state.frames[id];
  if (child.previous_sibling != k_none) state.frames[child.previous_sibling].next_sibling = child.next_sibling;
  else parent.first_child = child.next_sibling;
  if (child.next_sibling != k_none) state.frames[child.next_sibling].previous_sibling = child.previous_sibling;
  if (parent.live_children > 0) --parent.live_children;
}

std::uint32_t open_scope(State& state, plan::ScopeId id, std::uint32_t parent) {
  auto scope = std::make_unique<ScopeState>();
  scope->id = id;
  scope->parent = parent;
  scope->slots.resize(state.plan->scopes[id].slots);
  if (!state.free_scopes.empty()) {
    const auto place = state.free_scopes.back();
    state.free_scopes.pop_back();
    state.scopes[place] = std::move(scope);
    return place;
  }
  state.scopes.push_back(std::move(scope));
  return static_cast<std::uint32_t>(state.scopes.size() - 1);
}

void open_saga(State& state, Frame& frame) {
  frame.owns_saga = true;
  if (frame.parent == k_none && !state.sagas.empty()) {  // a run that is retried or undone: its old scope again
    frame.saga = 0;
    state.sagas[0].closed = state.sagas[0].undoing = false;
    return;
  }
  SagaScope saga;
  saga.parent = frame.saga;
  saga.first_entry = static_cast<std::uint32_t>(state.saga_log.size());
  state.sagas.push_back(saga);
  frame.saga = static_cast<std::uint32_t>(state.sagas.size() - 1);
}

// What was undone need not be remembered; steps know it of themselves.
void drop_undone_tail(State& state) {
  auto& log = state.saga_log;
  while (!log.empty() && log.back().done && !log.back().fault) log.pop_back();
  const auto size = static_cast<std::uint32_t>(log.size());
  for (auto& saga : state.sagas) {
    saga.first_entry = std::min(saga.first_entry, size);
    saga.floor = std::min(saga.floor, size);
  }
}

// A scope that ended hands its entries to the one around it. One that recorded nothing leaves no trace, so that a
// loop of scopes does not grow the state.
void close_saga(State& state, const Frame& frame) {
  if (!frame.owns_saga || frame.saga >= state.sagas.size()) return;
  SagaScope& saga = state.sagas[frame.saga];
  saga.closed = true;
  if (frame.parent != k_none) drop_undone_tail(state);
  while (state.sagas.size() > 1 && state.sagas.back().closed && state.sagas.back().first_entry >= state.saga_log.size())
    state.sagas.pop_back();
}

void init_graph(const plan::Node& node, Frame& frame) {
  frame.graph = std::make_unique<Frame::Graph>();
  frame.graph->waiting = node.indegree;
  frame.graph->waiting.resize(node.children.size());
  frame.graph->taken.assign(node.children.size(), node.kind == plan::Kind::dag ? 1 : 0);
  for (std::uint32_t i = 0; i < node.children.size(); ++i)
    if (frame.graph->waiting[i] == 0) frame.graph->ready.push_back(i);
  if (node.kind == plan::Kind::graph && !frame.graph->taken.empty()) frame.graph->taken[0] = 1;
}

bool owns_saga(const State& state, const plan::Node& node, const Frame* parent, Role role) {
  if (role == Role::compensation) return false;
  if (parent == nullptr) return true;
  if (!node.saga.empty() && (node.foreach == k_none || role != Role::item)) return true;
  return state.plan->nodes[parent->node].kind == plan::Kind::race && role == Role::step &&
         parent->phase == Phase::running;
}

// The edges out of child `index` are decided; `branch` selects one edge of a bare conditional.
void propagate(State& state, Frame& parent, std::uint32_t index, bool dead, std::uint32_t branch) {
  const auto& node = state.plan->nodes[parent.node];
  if (!parent.graph || index >= node.edges.size()) return;
  const auto& edges = node.edges[index];
  for (std::size_t e = 0; e < edges.size(); ++e) {
    const auto to = edges[e];
    if (to >= parent.graph->waiting.size()) continue;
    if (!dead && (branch == k_none || branch == e)) parent.graph->taken[to] = 1;
    if (parent.graph->waiting[to] > 0 && --parent.graph->waiting[to] == 0) parent.graph->ready.push_back(to);
  }
}

// A conditional without branches of its own, inside a graph, chooses among its edges by its result; one that was skipped
// or whose failure was let pass gave null.
std::uint32_t chosen_edge(const State& state, const Frame& parent, std::uint32_t index) {
  const auto& parent_node = state.plan->nodes[parent.node];
  if (parent_node.kind != plan::Kind::graph || index >= parent_node.children.size()) return k_none;
  const auto& node = state.plan->nodes[parent_node.children[index]];
  if (node.kind != plan::Kind::conditional || node.foreach != k_none) return k_none;
  const bool bare = std::all_of(node.children.begin(), node.children.end(), [](NodeId n) { return n == k_none; });
  if (!bare) return k_none;
  return slot_value(state, parent.scope, node.id).truthy() ? 0 : 1;
}

}  // namespace

Frame* live_frame(State& state, FrameId id) {
  return id < state.frames.size() && state.frames[id].live ? &state.frames[id] : nullptr;
}
const Frame* live_frame(const State& state, FrameId id) {
  return id < state.frames.size() && state.frames[id].live ? &state.frames[id] : nullptr;
}
const plan::Node& node_of(const State& state, const Frame& frame) { return state.plan->nodes[frame.node]; }

bool is_foreach_head(const State& state, const Frame& frame) {
  return frame.role != Role::item && frame.role != Role::compensation && node_of(state, frame).foreach != k_none;
}

bool is_body_of(const plan::Plan& plan, NodeId node, NodeId body) {
  return body == k_none || (body < plan.nodes.size() && plan.nodes[body].parent == node);
}

bool waits_for_child(const State& state, const Frame& frame) {
  if (frame.phase != Phase::waiting || !frame.wait) return false;
  const auto kind = node_of(state, frame).kind;
  return frame.role == Role::compensation || kind == plan::Kind::subflow || kind == plan::Kind::map;
}

void stop_listening(State& state, FrameId id) {
  const Frame& frame = state.frames[id];
  if (!frame.wait || frame.wait->name.empty()) return;
  const auto l = state.listeners.find(frame.wait->name);
  if (l == state.listeners.end()) return;
  l->second.erase({frame.command, id});
  if (l->second.empty()) state.listeners.erase(l);
}

Frame* open_frame(State& state, FrameId id, NodeId node_id, FrameId parent_id, std::uint32_t index, Role role,
                  TimeMs now) {
  if (node_id >= state.plan->nodes.size() || id > state.frames.size()) return nullptr;
  Frame* parent = nullptr;
  if (parent_id != k_none && (parent = live_frame(state, parent_id)) == nullptr) return nullptr;
  if (id == state.frames.size()) {
    state.frames.emplace_back();
  } else {
    if (state.frames[id].live) return nullptr;
    const auto free = std::find(state.free_frames.rbegin(), state.free_frames.rend(), id);
    if (free == state.free_frames.rend()) return nullptr;
    state.free_frames.erase(std::next(free).base());
  }
  const plan::Node& node = state.plan->nodes[node_id];
  Frame& frame = state.frames[id];
  frame.live = true;
  frame.role = role;
  frame.node = node_id;
  frame.parent = parent_id;
  frame.index = index;
  frame.command = state.last_seq;
  frame.started_at = now;
  frame.saga = k_none;
  if (parent != nullptr) {
    frame.scope = parent->scope;
    frame.saga = parent->saga;
    link_child(state, *parent, id);
    if (parent->graph && !parent->graph->ready.empty() && role == Role::step) {
      auto& ready = parent->graph->ready;
      if (const auto at = std::find(ready.begin(), ready.end(), index); at != ready.end()) ready.erase(at);
    }
    const auto kind = node_of(state, *parent).kind;
    const bool at_once = kind == plan::Kind::parallel || kind == plan::Kind::race;
    if (role == Role::item || (role == Role::step && at_once)) parent->cursor = std::max(parent->cursor, index + 1);
  }
  if (role == Role::item && node.inner_scope != k_none) frame.scope = open_scope(state, node.inner_scope, frame.scope);
  if (owns_saga(state, node, parent, role)) open_saga(state, frame);
  if (is_graph(node.kind) && !is_foreach_head(state, frame)) init_graph(node, frame);
  if (node.flow && role != Role::compensation) open_flow(state, frame, parent);
  if (role == Role::step || role == Role::fallback)
    if (Slot* slot = slot_of(state, frame, node_id)) {
      if (slot->status == StepStatus::none && slot->items) frame.items = std::make_unique<Items>(*slot->items);
      set_slot(*slot, StepStatus::running, history::OutputKind::none, k_none, {}, {});
    }
  return &frame;
}

void drop_frame(State& state, FrameId id) {
  Frame& frame = state.frames[id];
  for (FrameId child = frame.first_child; child != k_none;) {
    const FrameId next = state.frames[child].next_sibling;
    drop_frame(state, child);
    child = next;
  }
  clear_timer(state, id);
  if (frame.phase == Phase::in_flight && state.in_flight > 0) --state.in_flight;
  if (frame.phase == Phase::queued) std::erase(state.queued, id);
  stop_listening(state, id);
  const bool owns_scope = frame.role == Role::item && node_of(state, frame).inner_scope != k_none;
  if (owns_scope && frame.scope < state.scopes.size()) {
    state.scopes[frame.scope].reset();
    state.free_scopes.push_back(frame.scope);
  }
  close_saga(state, frame);
  frame = Frame{};
  state.free_frames.push_back(id);
}

void close_frame(State& state, FrameId id, ChildEnd end, const FaultPtr& fault) {
  Frame& frame = state.frames[id];
  Frame* parent = frame.parent == k_none ? nullptr : live_frame(state, frame.parent);
  if (parent != nullptr) {
    ++parent->done_children;
    if (end == ChildEnd::badly) parent->child_fault = fault;
    const auto& parent_node = node_of(state, *parent);
    if (frame.role == Role::step) {
      if (parent_node.kind == plan::Kind::sequential) parent->cursor = std::max(parent->cursor, frame.index + 1);
      if (parent_node.kind == plan::Kind::tasks && end == ChildEnd::well) go_on(*parent, frame.index);
      if (parent->graph && end == ChildEnd::well)
        propagate(state, *parent, frame.index, false, chosen_edge(state, *parent, frame.index));
    }
    unlink_child(state, *parent, id);
  }
  drop_frame(state, id);
}

void pass_over(State& state, Frame& parent, std::uint32_t index, bool dead_path) {
  ++parent.done_children;
  if (node_of(state, parent).kind == plan::Kind::tasks) go_on(parent, index);
  else parent.cursor = std::max(parent.cursor, index + 1);
  if (parent.graph) {
    auto& ready = parent.graph->ready;
    if (const auto at = std::find(ready.begin(), ready.end(), index); at != ready.end()) ready.erase(at);
    propagate(state, parent, index, dead_path, chosen_edge(state, parent, index));
  }
}

void set_timer(State& state, FrameId id, TimeMs due, std::uint64_t timer) {
  clear_timer(state, id);
  Frame& frame = state.frames[id];
  frame.due = due;
  frame.timer = timer;
  if (due != k_never) state.timers.emplace(due, id);
}

void clear_timer(State& state, FrameId id) {
  Frame& frame = state.frames[id];
  if (frame.due == k_never) return;
  state.timers.erase({frame.due, id});
  frame.due = k_never;
  frame.timer = 0;
}

const Slot* slot_of(const State& state, std::uint32_t scope, NodeId node) {
  if (node >= state.plan->nodes.size()) return nullptr;
  const auto& n = state.plan->nodes[node];
  while (scope < state.scopes.size() && state.scopes[scope]) {
    const ScopeState& s = *state.scopes[scope];
    if (s.id == n.scope) return n.slot < s.slots.size() ? &s.slots[n.slot] : nullptr;
    scope = s.parent;
  }
  return nullptr;
}

Slot* slot_of(State& state, const Frame& frame, NodeId node) {
  return const_cast<Slot*>(slot_of(static_cast<const State&>(state), frame.scope, node));  // NOLINT: same object
}

void set_slot(Slot& slot, StepStatus status, history::OutputKind kind, NodeId from, Bytes output, FaultPtr fault) {
  slot.status = status;
  slot.kind = kind;
  slot.carried = slot.undone = false;
  slot.items.reset();
  slot.from = from;
  slot.output = std::move(output);
  slot.fault = std::move(fault);
  slot.parsed = Value();
  slot.has_parsed = false;
}

}  // namespace perdure::decider
