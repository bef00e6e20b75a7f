#include "decider/decider.h"

#include <algorithm>

#include "base/json.h"
#include "decider/document.h"
#include "decider/frames.h"
#include "decider/turn.h"
#include "plan/json_schema.h"

namespace perdure::decider {
namespace {

// The command that started a child, made again from what its frame keeps.
StartChild restart_child(const State& state, FrameId id) {
  const Frame& f = state.frames[id];
  const plan::Node& n = node_of(state, f);
  StartChild c;
  c.frame = id;
  c.command = f.command;
  c.child = std::string(f.wait->request.view());
  c.input = f.args;
  if (n.kind == plan::Kind::map) {
    c.workflow = state.info->workflow + "/" + n.name;
    c.plan_hash = f.wait->plan_hash;
  } else {
    c.workflow = std::string(f.key.view());
    c.version = n.subflow->version;
    c.wait = n.subflow->wait;
  }
  return c;
}

}  // namespace

State empty_state(const plan::Plan& plan) {
  State state;
  state.plan = &plan;
  return state;
}

Result<Bytes> check_input(const plan::Plan& plan, const Bytes& input) {
  auto value = input.empty() ? Result<Value>(Value()) : parse_json(input.view());
  if (!value) return wrap(value.error(), "input");
  if (plan.data_flow && value->is_null()) return Bytes(std::string("{}"));
  if (!plan.input_schema.is_object()) return input.empty() ? Bytes(std::string("null")) : input;
  if (value->is_null()) *value = Value::object();
  *value = plan::fill_defaults(plan.input_schema, *value);
  const auto errors = plan::validate_schema(plan.input_schema, *value);
  if (errors.empty()) return Bytes(to_json(*value));
  std::string message = "the input does not fit workflow '" + plan.name + "':";
  for (std::size_t i = 0; i < errors.size() && i < 10; ++i) message += "\n  " + to_string(errors[i], "input");
  return fail(ErrorCode::invalid, std::move(message));
}

Decision decide(const plan::Plan& plan, State& state, std::span<const history::Event> facts, const Context& context) {
  Decision decision;
  Turn turn(plan, state, context, decision);
  for (std::size_t i = 0; i < facts.size(); ++i) turn.take(i, facts[i]);
  turn.drain();
  return decision;
}

NotifyParent notice_of_end(const State& state) {
  const bool worked = has_worked(state);
  return {state.info->parent,
          state.info->parent_frame,
          state.info->parent_command,
          worked ? RunStatus::completed : state.status,
          state.output,
          worked ? nullptr : state.fault};
}

Recovery recover(const plan::Plan&, const State& state) {
  Recovery recovery;
  if (!state.info) return recovery;
  if (history::is_closed(state.status)) {
    if (!state.info->parent.empty()) recovery.commands.emplace_back(notice_of_end(state));
    return recovery;
  }
  for (FrameId id = 0; id < state.frames.size(); ++id) {
    const Frame& f = state.frames[id];
    if (!f.live) continue;
    if (f.phase == Phase::in_flight) recovery.facts.emplace_back(history::ActivityLost{id, f.command, f.attempt});
    if (!waits_for_child(state, f)) continue;
    const std::string child(f.wait->request.view());
    if (f.role == Role::compensation) {
      const bool unknown = f.index < state.saga_log.size() && state.saga_log[f.index].unknown_outcome;
      recovery.commands.emplace_back(UndoChild{id, f.command, child, unknown});
    } else {
      recovery.commands.emplace_back(restart_child(state, id));
      if (f.cancel_wanted || f.fault) recovery.commands.emplace_back(CancelChild{id, f.command, child});
    }
  }
  return recovery;
}

std::vector<history::Event> due_timers(const State& state, TimeMs now, std::size_t limit) {
  std::vector<history::Event> facts;
  if (state.paused) return facts;
  for (const auto& [due, id] : state.timers) {
    if (due > now || facts.size() >= limit) break;
    facts.emplace_back(history::TimerFired{id, state.frames[id].timer});
  }
  return facts;
}

Result<Value> run_query(const plan::Plan& plan, const State& state, std::string_view name) {
  const auto at = std::find_if(plan.queries.begin(), plan.queries.end(), [&](const auto& q) { return q.name == name; });
  if (at == plan.queries.end()) {
    std::string known;
    for (const auto& q : plan.queries) known += (known.empty() ? "" : ", ") + q.name;
    return fail(ErrorCode::not_found, "workflow '" + plan.name + "' has no query '" + std::string(name) + "'" +
                                          (known.empty() ? "; it declares none" : "; it has " + known));
  }
  auto value = evaluate(state, at->expr, Surroundings{});
  if (!value) return fail(ErrorCode::invalid, "query '" + std::string(name) + "': " + value.error()->title);
  return std::move(*value);
}

Result<std::vector<history::Carried>> carry_for_restart(const State& state, const plan::Plan& new_plan,
                                                        std::string_view step) {
  const plan::Node& root = new_plan.nodes.at(0);
  const auto by_name = [](const plan::Plan& plan, std::string_view name) {
    for (const NodeId child : plan.nodes[0].children)
      if (plan.nodes[child].name == name) return child;
    return k_none;
  };
  const NodeId from = by_name(new_plan, step);
  if (from == k_none) {
    std::string names;
    for (std::size_t i = 0; i < root.children.size() && i < 20; ++i)
      names += (i == 0 ? "" : ", ") + new_plan.nodes[root.children[i]].name;
    return fail(ErrorCode::not_found, "no top-level step '" + std::string(step) + "'; there are: " + names);
  }
  // What comes after: later children of a sequence, everything reachable over edges otherwise.
  std::vector<bool> after(root.children.size(), false);
  std::vector<std::uint32_t> work{new_plan.nodes[from].index};
  while (!work.empty()) {
    const auto i = work.back();
    work.pop_back();
    if (after[i]) continue;
    after[i] = true;
    if (root.kind == plan::Kind::sequential) {
      if (i + 1 < after.size()) work.push_back(i + 1);
    } else if (i < root.edges.size()) {
      for (const auto next : root.edges[i]) work.push_back(next);
    }
  }
  std::vector<history::Carried> carried;
  for (std::size_t i = 0; i < root.children.size(); ++i) {
    if (after[i]) continue;
    const NodeId old_node = by_name(*state.plan, new_plan.nodes[root.children[i]].name);
    const Slot* slot = old_node == k_none ? nullptr : slot_of(state, 0, old_node);
    if (slot == nullptr || slot->status != StepStatus::completed) continue;
    carried.push_back({root.children[i], StepStatus::completed, Bytes(slot_json(state, 0, old_node))});
  }
  return carried;
}

}  // namespace perdure::decider
