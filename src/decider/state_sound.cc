// Whether a decoded snapshot holds together: everything that deciding relies on without looking again. Linear in the
// size of the state.
#include <algorithm>

#include "decider/frames.h"

namespace perdure::decider {
namespace {

constexpr TimeMs k_time_max = TimeMs{1} << 53;  // so that sums with durations can't overflow

bool is_time(TimeMs t) { return t >= 0 && t < k_time_max; }

// The places in `free` are exactly the empty ones, each once.
template <class IsEmpty>
bool lists_the_empty(const std::vector<std::uint32_t>& free, std::size_t places, IsEmpty is_empty) {
  std::vector<bool> listed(places, false);
  for (const auto place : free) {
    if (place >= places || listed[place] || !is_empty(place)) return false;
    listed[place] = true;
  }
  for (std::uint32_t place = 0; place < places; ++place)
    if (is_empty(place) && !listed[place]) return false;
  return true;
}

bool scopes_fit(const State& state) {
  for (std::size_t i = 0; i < state.scopes.size(); ++i) {
    if (!state.scopes[i]) continue;
    const ScopeState& s = *state.scopes[i];
    if ((s.id == 0) != (i == 0) || (s.id == 0) != (s.parent == k_none)) return false;
    if (s.id == 0) continue;
    // Scopes of a plan are numbered from the outside inwards, so this rules out a circle.
    if (s.parent >= state.scopes.size() || !state.scopes[s.parent]) return false;
    if (state.scopes[s.parent]->id != state.plan->scopes[s.id].parent) return false;
  }
  return lists_the_empty(state.free_scopes, state.scopes.size(), [&](std::uint32_t i) { return !state.scopes[i]; });
}

// A result that is another step's is that of a body of the step, so that results are trees.
bool results_fit(const State& state) {
  const auto aliased = [](const auto& scope) {
    return scope && std::any_of(scope->slots.begin(), scope->slots.end(),
                                [](const Slot& s) { return s.kind == history::OutputKind::node; });
  };
  if (std::none_of(state.scopes.begin(), state.scopes.end(), aliased)) return true;
  std::vector<std::vector<NodeId>> owners(state.plan->scopes.size());
  for (std::size_t i = 0; i < owners.size(); ++i) owners[i].resize(state.plan->scopes[i].slots, k_none);
  for (const auto& node : state.plan->nodes) owners[node.scope][node.slot] = node.id;
  for (const auto& scope : state.scopes) {
    if (!scope) continue;
    for (std::size_t i = 0; i < scope->slots.size(); ++i)
      if (scope->slots[i].kind == history::OutputKind::node &&
          !is_body_of(*state.plan, owners[scope->id][i], scope->slots[i].from))
        return false;
  }
  return true;
}

bool saga_fits(const State& state) {
  for (const auto& entry : state.saga_log) {
    const auto& node = state.plan->nodes[entry.node];
    if (!entry.fault && !entry.done && entry.child.empty() && node.compensation == k_none) return false;
  }
  return true;
}

bool branch_fits(const Frame& f, const plan::Node& n) {
  if (f.branch == k_none) return true;
  const bool deciding = f.phase == Phase::running || f.phase == Phase::catching || f.phase == Phase::finalizing;
  if (f.branch == k_branch_fallback || f.branch == k_branch_breaker) return !deciding;
  switch (n.kind) {
    case plan::Kind::conditional:
    case plan::Kind::parallel:
    case plan::Kind::race: return f.branch < n.children.size();
    case plan::Kind::select: return f.branch < n.cases.size();
    case plan::Kind::attempt: return f.branch < n.catches.size();
    case plan::Kind::each: return f.branch < n.flow->case_then.size();
    case plan::Kind::tasks: return f.branch <= n.children.size();
    default: return false;
  }
}

// The phase is one that a step of this kind can be in, and has with it what that phase needs.
bool phase_fits(const State& state, const Frame& f, const plan::Node& n) {
  using plan::Kind;
  const bool head = is_foreach_head(state, f);
  const bool activity = n.kind == Kind::activity || n.kind == Kind::map;
  if (f.role == Role::compensation && !activity && n.kind != Kind::subflow) return false;
  if ((n.kind == Kind::dag || n.kind == Kind::graph) && !head && !f.graph) return false;
  switch (f.phase) {
    case Phase::queued:
    case Phase::in_flight: return activity && !head;
    case Phase::catching:
    case Phase::finalizing: return n.kind == Kind::attempt && !head;
    case Phase::waiting: return n.kind != Kind::review || f.wait;
    default: return true;
  }
}

bool frame_fits(const State& state, FrameId id) {
  const Frame& f = state.frames[id];
  if ((f.parent == k_none) != (id == 0) || (id == 0 && (f.role != Role::step || f.node != 0))) return false;
  if (f.parent != k_none && live_frame(state, f.parent) == nullptr) return false;
  if (f.scope >= state.scopes.size() || !state.scopes[f.scope] || f.saga >= state.sagas.size()) return false;
  if (f.attempt == 0 || !is_time(f.started_at) || f.due < 0) return false;
  if (state.plan->data_flow && f.role != Role::compensation && !f.data) return false;
  if (f.role == Role::compensation && f.index >= state.saga_log.size()) return false;
  const auto& node = state.plan->nodes[f.node];
  return branch_fits(f, node) && phase_fits(state, f, node);
}

// Every live frame hangs on the root by exactly one chain of siblings, whose length its parent knows.
bool tree_fits(const State& state, std::size_t live) {
  if (live == 0) return true;
  if (live_frame(state, 0) == nullptr || state.frames[0].next_sibling != k_none ||
      state.frames[0].previous_sibling != k_none)
    return false;
  std::vector<FrameId> work{0};
  std::size_t seen = 0;
  while (!work.empty()) {
    const FrameId id = work.back();
    work.pop_back();
    if (++seen > live) return false;
    std::size_t children = 0;
    FrameId before = k_none;
    for (FrameId c = state.frames[id].first_child; c != k_none; before = c, c = state.frames[c].next_sibling) {
      const Frame* child = live_frame(state, c);
      if (child == nullptr || child->parent != id || child->previous_sibling != before || ++children > live)
        return false;
      work.push_back(c);
    }
    if (children != state.frames[id].live_children) return false;
  }
  return seen == live;
}

bool queue_fits(const State& state) {
  std::vector<FrameId> queued(state.queued.begin(), state.queued.end()), expected;
  for (FrameId id = 0; id < state.frames.size(); ++id)
    if (state.frames[id].live && state.frames[id].phase == Phase::queued) expected.push_back(id);
  std::sort(queued.begin(), queued.end());
  return queued == expected;
}

}  // namespace

bool holds_together(const State& state) {
  for (const TimeMs t : {state.started_at, state.updated_at, state.closed_at})
    if (!is_time(t)) return false;
  std::size_t live = 0;
  for (const Frame& f : state.frames) live += f.live ? 1 : 0;
  const bool open = state.status == RunStatus::running || state.status == RunStatus::compensating;
  if (!open && state.status != RunStatus::pending && !history::is_closed(state.status)) return false;
  if ((state.info != nullptr) == (state.status == RunStatus::pending)) return false;
  if (open != (live > 0)) return false;
  if (state.info &&
      ((!state.plan->data_flow && !state.context.is_object()) || state.scopes.empty() || !state.scopes[0]))
    return false;
  if (!scopes_fit(state) || !results_fit(state) || !saga_fits(state)) return false;
  if (!lists_the_empty(state.free_frames, state.frames.size(), [&](std::uint32_t i) { return !state.frames[i].live; }))
    return false;
  for (FrameId id = 0; id < state.frames.size(); ++id)
    if (state.frames[id].live && !frame_fits(state, id)) return false;
  return tree_fits(state, live) && queue_fits(state);
}

}  // namespace perdure::decider
