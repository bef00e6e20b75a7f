// Sub-workflows: a run that starts, cancels and undoes others, and is told how they ended. Every message between runs is
// repeated after a crash (decider::recover), so each of these is idempotent.
#include <utility>

#include "base/json.h"
#include "base/limits.h"
#include "runtime/load.h"
#include "runtime/shard.h"

namespace perdure::runtime {
namespace {

history::FaultPtr make_fault(std::string type, std::string title) {
  auto fault = std::make_shared<history::Fault>();
  fault->type = std::move(type);
  fault->title = std::move(title);
  return fault;
}

history::ChildEnded failed(history::FrameId frame, std::uint64_t command, std::string type, std::string title) {
  return {frame, command, history::RunStatus::failed, {}, make_fault(std::move(type), std::move(title))};
}

history::ChildEnded begun(const history::StartInfo& child) {
  Bytes output(to_json(Value::object({{"run", Value(child.run.id)}})));
  return {child.parent_frame, child.parent_command, history::RunStatus::running, std::move(output), {}};
}

}  // namespace

void Shard::child_ended(const RunKey& parent, history::ChildEnded fact) {
  core_.shard_of(parent).post(FactMessage{parent, std::move(fact), {}});
}

void Shard::start_child(const Run& parent, const decider::StartChild& command) {
  const auto refuse = [&](std::string type, std::string title) {
    child_ended(parent.key, failed(command.frame, command.command, std::move(type), std::move(title)));
  };
  if (parent.state.info->depth + 1 > k_subflow_depth_max)
    return refuse("subflow.depth",
                  "sub-workflows are nested more than " + std::to_string(k_subflow_depth_max) + " deep");
  if (command.child.size() > k_id_bytes_max)
    return refuse("subflow.id",
                  "the sub-workflow's id would have more than " + std::to_string(k_id_bytes_max) + " bytes");
  auto plan = command.plan_hash.empty() ? core_.plans.by_name(command.workflow, command.version)
                                        : core_.plans.by_hash(command.plan_hash);
  if (!plan && is_passing(plan.error()))
    return defer(CallMessage{[this, key = parent.key, command] { start_child_again(key, command); }});
  if (!plan) return refuse("subflow.not_found", plan.error().message);
  if (!(*plan)->unavailable.empty()) return refuse("subflow.unavailable", (*plan)->unavailable);
  auto input = decider::check_input(*(*plan)->plan, command.input);
  if (!input) return refuse("validation", input.error().message);

  auto info = std::make_shared<history::StartInfo>();
  info->workflow = (*plan)->plan->name.empty() ? command.workflow : (*plan)->plan->name;
  info->version = (*plan)->plan->version;
  info->plan_hash = (*plan)->plan->hash;
  info->input = std::move(*input);
  info->seed = core_.random();
  info->run = RunKey{parent.key.tenant, command.child};
  info->parent = parent.key.id;
  info->parent_command = command.command;
  info->parent_frame = command.frame;
  info->depth = parent.state.info->depth + 1;
  Shard& home = core_.shard_of(info->run);
  home.post(CallMessage{[&home, plan = *plan, info, command] { home.begin_child(plan, info, command); }});
}

// Unless it was cancelled meanwhile: it was not there then, and the parent has been told so.
void Shard::start_child_again(const RunKey& parent, const decider::StartChild& command) {
  const auto run = find(parent);
  if (!run) {
    if (is_passing(run.error())) defer(CallMessage{[this, parent, command] { start_child_again(parent, command); }});
    return;
  }
  const decider::State& state = (*run)->state;
  if (history::is_closed(state.status) || command.frame >= state.frames.size()) return;
  const decider::Frame& frame = state.frames[command.frame];
  if (frame.live && frame.command == command.command && !frame.cancel_wanted) start_child(**run, command);
}

// On the child's shard.
void Shard::begin_child(const PlanPtr& plan, const std::shared_ptr<const history::StartInfo>& info,
                        const decider::StartChild& command) {
  if (auto existing = find(info->run)) {
    return when_durable(**existing, [this, info, command](const Status& status) {
      if (!status) return;  // the parent asks again after the store's recovery
      const auto child = find(info->run);
      if (child) child_found(**child, *info, command.wait);
      else if (is_passing(child.error())) begin_child_again(*info, command);
    });
  } else if (is_passing(existing.error())) {
    return begin_child_again(*info, command);
  } else if (existing.error().code != ErrorCode::not_found) {
    return child_ended({info->run.tenant, info->parent},
                       failed(info->parent_frame, info->parent_command, "subflow.failed", existing.error().message));
  }
  StartMessage message{plan,
                       info,
                       true,
                       [this, info, wait = command.wait](Result<engine::Started> started) {
                         if (started && !wait) child_ended({info->run.tenant, info->parent}, begun(*info));
                       },
                       {}};
  receive(message);
}

// By way of the parent, who may not want it any more by then.
void Shard::begin_child_again(const history::StartInfo& child, const decider::StartChild& command) {
  const RunKey parent{child.run.tenant, child.parent};
  Shard& home = core_.shard_of(parent);
  home.post(CallMessage{[&home, parent, command] {
    home.defer(CallMessage{[&home, parent, command] { home.start_child_again(parent, command); }});
  }});
}

void Shard::child_found(const Run& child, const history::StartInfo& wanted, bool wait) {
  const history::StartInfo& info = *child.state.info;
  const RunKey parent{wanted.run.tenant, wanted.parent};
  if (info.parent != wanted.parent || info.parent_command != wanted.parent_command)
    return child_ended(parent, failed(wanted.parent_frame, wanted.parent_command, "subflow.conflict",
                                      "another run has the id '" + wanted.run.id + "'"));
  if (!wait) return child_ended(parent, begun(wanted));
  if (!history::is_closed(child.state.status)) return;
  decider::NotifyParent notice = decider::notice_of_end(child.state);
  child_ended(parent, {wanted.parent_frame, wanted.parent_command, notice.status, std::move(notice.output),
                       std::move(notice.fault)});
}

void Shard::cancel_child(const RunKey& parent, const decider::CancelChild& command) {
  const RunKey child{parent.tenant, command.child};
  Shard& home = core_.shard_of(child);
  Reply reply = [this, &home, parent, command](Result<Value> result) {
    if (result) return;
    if (is_passing(result.error())) home.defer(CallMessage{[this, parent, command] { cancel_child(parent, command); }});
    if (result.error().code != ErrorCode::not_found) return;
    child_ended(parent, {command.frame, command.command, history::RunStatus::cancelled, {}, {}});
  };
  home.post(FactMessage{child, history::CancelRequested{"run " + parent.id, "the parent run cancelled it"},
                        std::move(reply)});
}

void Shard::undo_child(const Run& parent, const decider::UndoChild& command) {
  const RunKey child{parent.key.tenant, command.child};
  Shard& home = core_.shard_of(child);
  home.post(CallMessage{[&home, parent = parent.key, command, child] { home.begin_undo(parent, command, child); }});
}

// On the child's shard. A child that has not ended is cancelled, which undoes it as well.
void Shard::begin_undo(const RunKey& parent, const decider::UndoChild& command, const RunKey& child) {
  auto found = find(child);
  if (!found && found.error().code == ErrorCode::not_found && command.unknown_outcome)
    return child_ended(parent, {command.frame, command.command, history::RunStatus::completed, {}, {}});
  if (!found && is_passing(found.error()))
    return defer(CallMessage{[this, parent, command, child] { begin_undo(parent, command, child); }});
  if (!found) return child_ended(parent, failed(command.frame, command.command, "subflow.gone", found.error().message));
  Run& run = **found;
  undo_waiters_[child].emplace_back(parent, command);
  if (decider::has_worked(run.state)) {
    add_input(run, history::CompensateRequested{"run " + parent.id, "the parent run is undone"}, {});
  } else if (history::is_closed(run.state.status)) {
    when_durable(run, [this, child](const Status& durable) {
      if (durable) tell_undone(child);
    });
  }
}

void Shard::tell_undone(const RunKey& child) {
  const auto run = find(child);
  if (run) tell_undone(**run);
  else if (is_passing(run.error())) defer(CallMessage{[this, child] { tell_undone(child); }});
}

void Shard::tell_undone(Run& child) {
  if (!undo_waiters_.contains(child.key)) return;
  if (decider::has_worked(child.state))  // it was at work for itself when it was asked
    return add_input(child, history::CompensateRequested{"its parent", "the parent run is undone"}, {});
  auto waiters = undo_waiters_.extract(child.key);
  const decider::State& state = child.state;
  const bool well = state.status != history::RunStatus::compensation_failed;
  for (const auto& [parent, command] : waiters.mapped())
    child_ended(parent, {command.frame,
                         command.command,
                         well ? history::RunStatus::completed : history::RunStatus::compensation_failed,
                         {},
                         well ? nullptr : state.fault});
}

void Shard::notify_parent(const Run& run, const decider::NotifyParent& command) {
  if (undo_waiters_.contains(run.key)) return;  // told by tell_undone, under the command that asked for it
  child_ended({run.key.tenant, command.parent},
              {command.parent_frame, command.parent_command, command.status, command.output, command.fault});
}

}  // namespace perdure::runtime
