// How any step begins and ends, whatever its kind.
#include <algorithm>

#include "base/json.h"
#include "decider/turn.h"
#include "history/standard_error.h"
#include "policy/retry.h"

namespace perdure::decider {
namespace {

policy::ErrorClass to_policy(history::FaultClass c) { return static_cast<policy::ErrorClass>(c); }

// Of kinds whose time the engine itself keeps.
bool has_own_timer(const plan::Node& node) {
  return node.kind == plan::Kind::activity || node.kind == plan::Kind::wait || node.kind == plan::Kind::review;
}

DurationMs block_timeout(const plan::Node& node) {
  switch (node.kind) {
    case plan::Kind::activity:
    case plan::Kind::wait:
    case plan::Kind::listen:
    case plan::Kind::review: return 0;
    default:
      return node.timeouts.start_to_close_ms != 0 ? node.timeouts.start_to_close_ms
                                                  : node.timeouts.schedule_to_close_ms;
  }
}

}  // namespace

policy::RetryPolicy retry_policy(const plan::Retry& r) {
  policy::RetryPolicy p;
  p.initial_ms = r.initial_ms;
  p.factor = r.factor;
  p.max_interval_ms = r.max_interval_ms;
  p.max_attempts = r.max_attempts;
  p.backoff = static_cast<policy::Backoff>(r.backoff);
  p.jitter = static_cast<policy::Jitter>(r.jitter);
  p.non_retryable = r.non_retryable;
  return p;
}

std::optional<DurationMs> delay_before(const plan::Retry& retry, std::uint32_t attempt, const history::Fault& fault,
                                       std::uint64_t seed) {
  constexpr DurationMs k_longest = DurationMs{100} * 365 * 24 * 3600 * 1000;  // whatever a server asks for
  auto delay = policy::next_delay(retry_policy(retry), attempt,
                                  {fault.type, to_policy(fault.fault_class), fault.retry_after_ms}, seed);
  if (delay) *delay = std::clamp<DurationMs>(*delay, 0, k_longest);
  return delay;
}

// A `when` that looks at the item is asked once an item, any other once.
void Turn::enter(NodeId node_id, FrameId parent, std::uint32_t index, Role role) {
  const plan::Node& n = plan_.nodes[node_id];
  if (role == Role::item && !frame(parent).items->results.at(index).empty()) {  // kept by a retried run
    emit(history::StepSkipped{parent, node_id, index});
    return;
  }
  if (role == Role::step)
    if (const Slot* slot = slot_of(state_, frame(parent), node_id); slot != nullptr && slot->carried) {
      emit(history::StepSkipped{parent, node_id, index});
      return;
    }
  if (n.flow && role == Role::step) {
    enter_task(node_id, parent, index);
    return;
  }
  if (n.when != plan::k_none) {
    const auto& e = plan_.exprs[n.when];
    const bool per_item = n.foreach != plan::k_none && (e.uses_item || e.uses_index);
    if (per_item == (role == Role::item)) {
      Surroundings s = around(parent);
      s.step = node_id;
      if (role == Role::item) {
        s.item = &frame(parent).items->items.at(index);
        s.index = index;
      }
      const auto holds = evaluate_condition(state_, n.when, s);
      if (!holds) {
        settle_failure(open(node_id, parent, index, role), holds.error());
        return;
      }
      if (!*holds) {
        emit(history::StepSkipped{parent, node_id, index});
        return;
      }
    }
  }
  const bool head = n.foreach != plan::k_none && role != Role::item;
  const bool at_once = plan_.parallel == 0 || (state_.queued.empty() && state_.in_flight < plan_.parallel);
  if (!head && (n.kind == plan::Kind::activity || n.kind == plan::Kind::map)) {
    if (at_once) schedule_activity(node_id, parent, index, role, k_none);
    else open(node_id, parent, index, role);
    return;
  }
  begin(open(node_id, parent, index, role));
}

FrameId Turn::open(NodeId node_id, FrameId parent, std::uint32_t index, Role role) {
  const FrameId id = next_frame();
  emit(history::StepStarted{id, node_id, parent, index, role});
  return id;
}

void Turn::begin(FrameId id) {
  const plan::Node& n = node(id);
  if (is_foreach_head(state_, frame(id))) {
    begin_foreach(id);
    return;
  }
  const DurationMs limit = !n.flow ? block_timeout(n) : has_own_timer(n) ? 0 : time_limit(id).value_or(0);
  if (limit != 0) {
    const TimeMs from = n.flow ? frame(id).started_at : context_.now;  // in a data flow retries are within it
    emit(history::TimerStarted{id, from + limit});
  }
  switch (n.kind) {
    case plan::Kind::wait: begin_wait(id); return;
    case plan::Kind::listen:
      if (n.flow) advance_events(id);
      else begin_listen(id);
      return;
    case plan::Kind::review: begin_review(id); return;
    case plan::Kind::subflow: begin_subflow(id); return;
    case plan::Kind::set:
    case plan::Kind::emit:
    case plan::Kind::raise: begin_instant(id); return;
    case plan::Kind::map: start_map_child(id); return;
    default: wake(id); return;
  }
}

std::string Turn::output_json(const Frame& f, history::OutputKind kind, NodeId from) const {
  if (kind == history::OutputKind::node) return slot_json(state_, f.scope, from);
  if (kind == history::OutputKind::children) {
    std::string out = "{";
    for (const NodeId child : plan_.nodes[f.node].children) {
      if (child == k_none) continue;
      if (out.size() > 1) out.push_back(',');
      append_json(out, Value(plan_.nodes[child].name));
      out.push_back(':');
      out += slot_json(state_, f.scope, child);
    }
    out.push_back('}');
    return out;
  }
  return "null";
}

// Another branch has won, in this very decision.
bool Turn::lost_race(const Frame& f) const {
  const Frame& parent = state_.frames[f.parent];
  return f.role == Role::step && parent.branch != k_none && parent.phase == Phase::running &&
         node_of(state_, parent).kind == plan::Kind::race;
}

void Turn::complete(FrameId id, history::OutputKind kind, NodeId from, Bytes output) {
  const Frame& f = frame(id);
  const plan::Node& n = node(id);
  if (f.parent != k_none && (f.cancel_wanted || lost_race(f))) {
    settle_cancel(id);
    return;
  }
  if (n.pivot && f.role != Role::item) emit(history::PivotPassed{id});
  if (n.flow && f.role == Role::step) {
    complete_task(id, kind, from, std::move(output));
    return;
  }
  if (f.parent == k_none) {
    complete_run(kind, from, std::move(output));
    return;
  }
  const bool by_reference = kind == history::OutputKind::node || kind == history::OutputKind::children;
  if (by_reference && (f.role == Role::item || !n.outputs.empty())) {
    output = Bytes(output_json(f, kind, from));
    kind = history::OutputKind::inline_;
    from = k_none;
  }
  const FrameId parent = f.parent;
  emit(history::StepCompleted{id, kind, from, std::move(output)});
  wake_parent(parent);
}

// The step's own work has failed: whatever of it still runs is stopped first.
void Turn::fail(FrameId id, FaultPtr why) {
  const Frame& f = frame(id);
  if (waits_for_child(state_, f)) {
    emit(history::FrameFailing{id, std::move(why)});
    out_.commands.emplace_back(CancelChild{id, f.command, std::string(f.wait->request.view())});
    return;
  }
  if (f.live_children == 0) {
    stopped(id, std::move(why));
    return;
  }
  emit(history::FrameFailing{id, std::move(why)});
  cancel_children(id);
}

// Nothing of the step runs any more, and it was not its own construct that ended it: a try has its finally to come.
bool Turn::owes_finally(const Frame& f) const {
  const plan::Node& n = plan_.nodes[f.node];
  const bool replaced = f.branch == k_branch_fallback || f.branch == k_branch_breaker;
  return n.kind == plan::Kind::attempt && n.finally != k_none && !f.finalized && !replaced &&
         !is_foreach_head(state_, f);
}

void Turn::stopped(FrameId id, FaultPtr why) {
  const Frame& f = frame(id);
  if (owes_finally(f)) end_try(id, std::move(why));
  else settle_failure(id, std::move(why));
}

// The step has failed: undo its saga, try again, take the fallback, or hand the fault up.
void Turn::settle_failure(FrameId id, FaultPtr why) {
  const Frame& f = frame(id);
  const plan::Node& n = node(id);
  if (!why) why = fault(id, "internal", "the step failed without a reason");
  if (f.role == Role::compensation) {
    compensation_ended(id, why);
    return;
  }
  if (f.owns_saga && has_undo(f)) {
    compensate(id, why);
    return;
  }
  if (f.parent == k_none) {
    end_run(why->type == "timeout.run" ? RunStatus::timed_out : RunStatus::failed, why);
    return;
  }
  const bool head = is_foreach_head(state_, f);
  const bool used_fallback = f.branch == k_branch_fallback || f.branch == k_branch_breaker;
  if (!used_fallback && !head) {  // of a foreach step they apply to each item
    if (retry_block(id, why)) return;
    if (why->type == "breaker.open" && n.breaker && n.breaker->fallback != k_none) {
      emit(history::BranchTaken{id, k_branch_breaker, why});
      enter(n.breaker->fallback, id, 0, Role::fallback);
      wake(id);
      return;
    }
    if (n.on_error == plan::OnError::fallback && n.fallback != k_none) {
      emit(history::BranchTaken{id, k_branch_fallback, why});
      enter(n.fallback, id, 0, Role::fallback);
      wake(id);
      return;
    }
  }
  const FrameId parent = f.parent;
  emit(history::StepFailed{id, why, n.on_error == plan::OnError::proceed});
  wake_parent(parent);
}

bool Turn::retry_block(FrameId id, const FaultPtr& why) {
  const plan::Node& n = node(id);
  const Frame& f = frame(id);
  if (!n.retry || n.kind == plan::Kind::activity || (n.kind == plan::Kind::map && !f.wait)) return false;
  const auto delay = delay_before(*n.retry, f.attempt, *why, state_.info->seed ^ f.command);
  if (!delay) return false;
  const std::uint32_t next = f.attempt + 1;
  if (*delay > 0) {
    emit(history::ActivityRetryScheduled{id, next, context_.now + *delay});
    return true;
  }
  emit(history::BlockRetried{id, next});
  begin(id);
  return true;
}

void Turn::cancel_children(FrameId id) {
  std::vector<FrameId> children;
  for (FrameId c = frame(id).first_child; c != k_none; c = frame(c).next_sibling) children.push_back(c);
  for (auto c = children.rbegin(); c != children.rend(); ++c)
    if (live_frame(state_, *c) != nullptr && frame(*c).parent == id) cancel(*c);
  wake(id);
}

void Turn::cancel(FrameId id) {
  const Frame& f = frame(id);
  if (f.role == Role::compensation || f.cancel_wanted) return;
  const bool ending = f.phase == Phase::failing || f.phase == Phase::compensating;
  if (f.parent == k_none && ending) return;  // the run is failing already and will say why
  switch (f.phase) {
    case Phase::in_flight:
      emit(history::ActivityCancelRequested{id});
      out_.commands.emplace_back(CancelActivity{id, f.command});
      return;
    case Phase::waiting:
      if (waits_for_child(state_, f)) {
        const std::string child(f.wait->request.view());
        emit(history::ChildCancelRequested{id, child, false});
        out_.commands.emplace_back(CancelChild{id, f.command, child});
        return;
      }
      if (f.live_children > 0) {  // a listen at work on what it took
        emit(history::FrameCancelling{id});
        cancel_children(id);
        return;
      }
      settle_cancel(id);
      return;
    case Phase::queued:
    case Phase::backing_off:
      if (f.maybe_effect && node(id).compensation != k_none) record_effect(id, true);
      settle_cancel(id);
      return;
    case Phase::running:
    case Phase::fallback:
    case Phase::catching:
      emit(history::FrameCancelling{id});
      cancel_children(id);
      return;
    case Phase::returned:
    case Phase::failing:
    case Phase::finalizing:
    case Phase::cancelling:
    case Phase::compensating:
      emit(history::FrameCancelling{id});
      wake(id);
      return;
  }
}

void Turn::settle_cancel(FrameId id) {
  const Frame& f = frame(id);
  const plan::Node& n = node(id);
  if (owes_finally(f)) {
    if (!f.cancel_wanted) emit(history::FrameCancelling{id});
    emit(history::FinallyEntered{id, {}});
    enter(n.finally, id, 0, Role::step);
    wake(id);
    return;
  }
  if (f.owns_saga && has_undo(f)) {
    if (!f.cancel_wanted) emit(history::FrameCancelling{id});
    compensate(id, f.fault);
    return;
  }
  if (f.parent == k_none) {
    end_run(RunStatus::cancelled,
            f.fault && f.fault->type == "cancelled" ? f.fault : fault(id, "cancelled", "the run was cancelled"));
    return;
  }
  const FrameId parent = f.parent;
  emit(history::StepCancelled{id});
  wake_parent(parent);
}

void Turn::complete_run(history::OutputKind kind, NodeId from, Bytes output) {
  if (plan_.has_output) {
    auto made = render_json(state_, plan_.output, around(0));
    if (!made) {
      settle_failure(0, made.error());
      return;
    }
    output = std::move(*made);
  } else if (kind != history::OutputKind::inline_) {
    output = Bytes(output_json(frame(0), kind, from));
  }
  emit(history::RunCompleted{std::move(output)});
  notify_parent();
}

void Turn::end_run(RunStatus status, FaultPtr why) {
  if (!state_.output.empty()) {  // it had worked, and a part of it was undone once more
    emit(history::RunCompleted{state_.output});
    notify_parent();
    return;
  }
  if (plan_.data_flow && why) why = history::standard_fault(*why);
  for (const auto& entry : state_.saga_log)
    if (entry.done && entry.fault) {
      status = RunStatus::compensation_failed;
      break;
    }
  emit(history::RunFailed{status, std::move(why)});
  notify_parent();
}

void Turn::notify_parent() {
  if (!state_.info->parent.empty()) out_.commands.emplace_back(notice_of_end(state_));
}

}  // namespace perdure::decider
