// What others see of a state: status, steps, progress, soundness. Nothing here changes it.
#include <fmt/format.h>

#include <algorithm>
#include <unordered_map>

#include "decider/decider.h"
#include "decider/frames.h"

namespace perdure::decider {

bool has_worked(const State& state) { return history::is_closed(state.status) && !state.output.empty(); }

bool can_undo_again(const State& state) {
  if (state.status == RunStatus::terminated) return !state.sagas.empty() && state.sagas[0].undoing;
  return state.status == RunStatus::compensation_failed &&
         std::any_of(state.saga_log.begin(), state.saga_log.end(), may_try_again);
}

TimeMs next_timer(const State& state) {
  if (state.paused || state.timers.empty()) return k_never;
  return state.timers.begin()->first;
}

bool has_work_in_flight(const State& state) {
  if (history::is_closed(state.status)) return false;
  return state.in_flight > 0 || state.children_out > 0 || (!state.paused && (state.cut || !state.queued.empty()));
}

RunStatus visible_status(const State& state) {
  if (history::is_closed(state.status) || state.status == RunStatus::pending) return state.status;
  if (state.paused) return RunStatus::paused;
  if (state.status == RunStatus::compensating) return state.status;
  if (state.in_flight == 0 && state.queued.empty() && !state.cut && state.children_out == 0) return RunStatus::waiting;
  return RunStatus::running;
}

std::size_t footprint(const State& state) {
  std::size_t bytes = sizeof(State) + state.frames.size() * (sizeof(Frame) + 64) +
                      state.saga_log.size() * (sizeof(SagaEntry) + 64) + state.context.footprint() +
                      state.output.size() + state.update_answers_bytes + state.sagas.size() * sizeof(SagaScope);
  if (state.info) bytes += sizeof(history::StartInfo) + state.info->input.size() * 2;
  for (const auto& scope : state.scopes)
    if (scope) bytes += scope->slots.size() * sizeof(Slot);
  return bytes;
}

double progress(const State& state) {
  if (history::is_closed(state.status)) return has_worked(state) ? 1.0 : 0.0;
  if (state.scopes.empty() || !state.scopes[0] || state.plan == nullptr || state.plan->nodes.empty()) return 0;
  const auto& children = state.plan->nodes[0].children;
  if (children.empty()) return 0;
  std::size_t done = 0;
  for (const NodeId child : children) {
    const Slot* slot = slot_of(state, 0, child);
    if (slot != nullptr && slot->status != StepStatus::none && slot->status != StepStatus::running) ++done;
  }
  return static_cast<double>(done) / static_cast<double>(children.size());
}

namespace {

struct Lister {
  const State& state;
  std::size_t max_items;
  std::unordered_map<std::uint64_t, FrameId> by_parent_and_node;  // looked up only
  std::vector<StepState> out;

  static std::uint64_t key(FrameId parent, NodeId node) { return (static_cast<std::uint64_t>(parent) << 32) | node; }

  void describe_frame(StepState& s, const Frame& f) const {
    s.live = true;
    s.phase = f.phase;
    s.status = StepStatus::running;
    s.attempt = f.attempt;
    s.command = f.command;
    s.started_at = f.started_at;
    s.next_at = f.due;
    s.fault = f.fault;
  }

  void children(const plan::Node& n, FrameId frame, std::uint32_t scope, const std::string& path) {
    const auto visit = [&](NodeId child) {
      if (child != k_none) one(state.plan->nodes[child], frame, scope, path);
    };
    for (const NodeId child : n.children) visit(child);
    for (const auto& c : n.cases) visit(c.body);
    for (const auto& c : n.catches) visit(c.body);
    visit(n.finally);
    visit(n.fallback);
    if (n.breaker) visit(n.breaker->fallback);
  }

  void one(const plan::Node& n, FrameId parent, std::uint32_t scope, const std::string& prefix) {
    StepState s;
    s.path = prefix.empty() ? n.name : prefix + "." + n.name;
    s.node = n.id;
    if (const Slot* slot = slot_of(state, scope, n.id)) {
      s.status = slot->status;
      s.fault = slot->fault;
    }
    FrameId id = k_none;
    if (const auto at = by_parent_and_node.find(key(parent, n.id));
        parent != k_none && at != by_parent_and_node.end()) {
      id = at->second;
      describe_frame(s, state.frames[id]);
    }
    const std::string path = s.path;
    out.push_back(std::move(s));
    if (n.foreach == k_none) {
      children(n, id, scope, path);
      return;
    }
    if (id == k_none) return;
    std::vector<FrameId> items;
    for (FrameId c = state.frames[id].first_child; c != k_none; c = state.frames[c].next_sibling)
      if (state.frames[c].role == Role::item) items.push_back(c);
    std::sort(items.begin(), items.end(),
              [&](FrameId a, FrameId b) { return state.frames[a].index < state.frames[b].index; });
    if (items.size() > max_items) items.resize(max_items);
    for (const FrameId item : items) {
      StepState i;
      i.path = fmt::format("{}[{}]", path, state.frames[item].index);
      i.node = n.id;
      describe_frame(i, state.frames[item]);
      const std::string item_path = i.path;
      out.push_back(std::move(i));
      children(n, item, state.frames[item].scope, item_path);
    }
  }
};

}  // namespace

std::vector<StepState> steps(const State& state, std::size_t max_items) {
  Lister lister{state, max_items, {}, {}};
  if (state.plan == nullptr || state.plan->nodes.empty()) return {};
  for (FrameId id = 0; id < state.frames.size(); ++id) {
    const Frame& f = state.frames[id];
    if (f.live && f.role != Role::item && f.role != Role::compensation && f.parent != k_none)
      lister.by_parent_and_node.emplace(Lister::key(f.parent, f.node), id);
  }
  const FrameId root = live_frame(state, 0) != nullptr ? 0 : k_none;
  lister.children(state.plan->nodes[0], root, 0, "");
  for (FrameId id = 0; id < state.frames.size(); ++id) {
    const Frame& f = state.frames[id];
    if (!f.live || f.role != Role::compensation) continue;
    StepState s;
    s.path = "undo " + (f.index < state.saga_log.size() ? state.plan->nodes[state.saga_log[f.index].node].name
                                                        : std::string("?"));
    s.node = f.node;
    lister.describe_frame(s, f);
    lister.out.push_back(std::move(s));
  }
  return std::move(lister.out);
}

namespace {
// What a frame is that no answer, timer or child will ever move on; nullptr when all is well. Holds between decisions.
const char* stuck_as(const State& state, const Frame& f) {
  if (f.timer == k_timer_fired) return "out of time";
  switch (f.phase) {
    case Phase::queued:
    case Phase::in_flight:
    case Phase::backing_off: return nullptr;
    case Phase::returned: return "answered";
    case Phase::waiting: {
      const bool timed = f.role != Role::compensation && node_of(state, f).kind == plan::Kind::wait;
      return (timed ? f.due == k_never : !f.wait && !f.listening) ? "waiting for nothing" : nullptr;
    }
    default: return f.live_children == 0 ? "left without children" : nullptr;
  }
}
}  // namespace

std::vector<std::string> check_state(const State& state) {
  std::vector<std::string> findings;
  std::uint32_t in_flight = 0, children = 0;
  std::size_t timers = 0, queued = 0;
  const bool settled = !state.paused && !state.cut;
  for (FrameId id = 0; id < state.frames.size(); ++id) {
    const Frame& f = state.frames[id];
    if (!f.live) continue;
    if (f.phase == Phase::in_flight) ++in_flight;
    if (f.phase == Phase::queued) ++queued;
    if (waits_for_child(state, f)) ++children;
    if (const char* stuck = settled ? stuck_as(state, f) : nullptr)
      findings.push_back(
          fmt::format("step '{}' is {} and nothing will move it on", state.plan->nodes[f.node].name, stuck));
    if (f.due != k_never) {
      ++timers;
      if (!state.timers.contains({f.due, id}))
        findings.push_back(fmt::format("frame {} has a timer that is not indexed", id));
    }
    if (f.parent != k_none && live_frame(state, f.parent) == nullptr)
      findings.push_back(
          fmt::format("frame {} has no parent: step '{}' is orphaned", id, state.plan->nodes[f.node].name));
    if (f.phase == Phase::backing_off && f.due == k_never && f.timer != k_timer_fired)
      findings.push_back(
          fmt::format("step '{}' waits for its next attempt without a timer", state.plan->nodes[f.node].name));
  }
  if (queued != state.queued.size())
    findings.push_back(fmt::format("{} steps are in the queue, {} wait in it", state.queued.size(), queued));
  if (timers != state.timers.size())
    findings.push_back(fmt::format("{} timers are indexed, {} belong to frames", state.timers.size(), timers));
  if (in_flight != state.in_flight)
    findings.push_back(fmt::format("{} attempts are counted in flight, {} are", state.in_flight, in_flight));
  if (children != state.children_out)
    findings.push_back(fmt::format("{} child runs are counted, {} are waited for", state.children_out, children));
  const bool open = state.info && !history::is_closed(state.status);
  if (open && live_frame(state, 0) == nullptr) findings.push_back("the run is open but nothing of it is left to run");
  if (open && !state.paused && !state.cut && state.in_flight == 0 && state.children_out == 0 && state.queued.empty() &&
      state.timers.empty()) {
    const bool somebody = std::any_of(state.frames.begin(), state.frames.end(),
                                      [](const Frame& f) { return f.live && f.phase == Phase::waiting; });
    if (!somebody) findings.push_back("the run is open but waits for nothing");
  }
  return findings;
}

}  // namespace perdure::decider
