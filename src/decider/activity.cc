// Activities: scheduling, what comes back, and further attempts.
#include "base/json.h"
#include "base/limits.h"
#include "decider/turn.h"

namespace perdure::decider {

std::optional<DurationMs> delay_before(const plan::Retry& retry, std::uint32_t attempt, const history::Fault& fault,
                                       std::uint64_t seed);

// `existing`: a frame that waited in the queue, or k_none to make one.
void Turn::schedule_activity(NodeId node_id, FrameId parent, std::uint32_t index, Role role, FrameId existing) {
  const plan::Node& n = plan_.nodes[node_id];
  Surroundings s = around(existing != k_none ? existing : parent);
  s.step = node_id;
  if (existing == k_none && role == Role::item) {
    s.item = &frame(parent).items->items.at(index);
    s.index = index;
  }
  auto args = [&]() -> Evaluated<Bytes> {
    if (n.kind != plan::Kind::map) return render_json(state_, n.activity->with, s);
    auto tasks = render_json(state_, n.map->tasks, s);
    if (!tasks) return tasks;
    return Bytes("{\"tasks\":" + std::string(tasks->view()) + "}");
  }();
  Evaluated<std::string> key = std::string();
  if (args && !n.idempotency_key.is_null()) key = render_text(state_, n.idempotency_key, s);
  if (!args || !key) {
    const FrameId id = existing != k_none ? existing : open(node_id, parent, index, role);
    settle_failure(id, args ? key.error() : args.error());
    return;
  }
  // All that feeds one subscription comes by one connection, which is known by the subscription's command.
  const FrameId above = existing != k_none ? frame(existing).parent : parent;
  if (fed_by(above, node_id) != nullptr) *key = std::to_string(frame(above).command);
  const FrameId id = existing != k_none ? existing : next_frame();
  emit(history::ActivityScheduled{id, node_id, parent, index, role, std::move(*args), std::move(*key)});
  dispatch(id);
}

void Turn::dispatch(FrameId id) {
  const Frame& f = frame(id);
  const plan::Node& n = node(id);
  DispatchActivity d;
  d.frame = id;
  d.command = f.command;
  d.attempt = f.attempt;
  d.node = f.node;
  d.args = f.args;
  d.idempotency_key = std::string(f.key.view());
  d.start_to_close_ms = time_limit(id).value_or(0);
  if (n.timeouts.schedule_to_close_ms != 0) {
    const DurationMs left = std::max<DurationMs>(1, f.started_at + n.timeouts.schedule_to_close_ms - context_.now);
    d.start_to_close_ms = d.start_to_close_ms == 0 ? left : std::min(d.start_to_close_ms, left);
  }
  if (const auto* spec = fed_by(f.parent, f.node); spec != nullptr && spec->for_ms != 0) {
    const DurationMs left = std::max<DurationMs>(1, frame(f.parent).started_at + spec->for_ms - context_.now);
    d.start_to_close_ms = d.start_to_close_ms == 0 ? left : std::min(d.start_to_close_ms, left);
  }
  out_.commands.emplace_back(std::move(d));
}

// The subscription whose messages come by this activity, or nullptr.
const plan::EventsSpec* Turn::fed_by(FrameId parent, NodeId activity) const {
  if (parent == k_none) return nullptr;
  const plan::Node& n = plan_.nodes[state_.frames[parent].node];
  const bool feeds = n.flow && n.flow->events && n.flow->events->mode == plan::EventMode::fed;
  return feeds && n.children.back() == activity ? n.flow->events.get() : nullptr;
}

void Turn::activity_returned(FrameId id) {
  const Frame& f = frame(id);
  if (f.role == Role::compensation) {
    compensation_ended(id, {});
    return;
  }
  if (node(id).kind == plan::Kind::map) {
    if (f.cancel_wanted) settle_cancel(id);
    else start_map_child(id);
    return;
  }
  if (node(id).compensation != k_none) record_effect(id, false);
  if (f.cancel_wanted && node(id).pivot && f.role != Role::item)
    emit(history::PivotPassed{id});  // it happened all the same
  if (node(id).flow && node(id).activity->type == "emit")
    if (const auto event = parse_json(f.returned.view()); event && event->find("type") != nullptr)
      emit(history::EventEmitted{id, std::string(event->find("type")->as_string()), f.returned});
  if (f.cancel_wanted) settle_cancel(id);
  else complete(id, history::OutputKind::returned);
}

// An attempt ended badly or was lost: again, later, or not at all.
void Turn::attempt_failed(FrameId id) {
  const Frame& f = frame(id);
  const plan::Node& n = node(id);
  const FaultPtr why = f.fault;
  const auto give_up = [&] {
    if (f.maybe_effect && f.role != Role::compensation && n.compensation != k_none) record_effect(id, true);
    if (f.cancel_wanted) settle_cancel(id);
    else settle_failure(id, why);
  };
  if (f.cancel_wanted) return give_up();

  static const plan::Retry k_planning;  // turning tasks into a plan has no effect: the default policy
  const plan::Retry& retry = n.retry ? *n.retry : k_planning;
  std::optional<DurationMs> delay;
  const bool lost = why->type == "attempt.lost";
  const bool breaker = why->type == "breaker.open";
  if (lost || breaker) {
    // Neither uses up the policy's attempts, and both are bounded; one attempt at most means no second one, except in a
    // data flow, where it is the default and nobody's wish, and of a compensation: undoing twice is better than not at all.
    const bool has_other_way = n.on_error != plan::OnError::fail || (n.breaker && n.breaker->fallback != k_none);
    if ((retry.max_attempts != 1 || n.flow || f.role == Role::compensation) && f.lost <= k_lost_attempts_max &&
        !(breaker && has_other_way))
      delay = breaker ? std::clamp<DurationMs>(why->retry_after_ms, 1, DurationMs{24} * 3600 * 1000) : 0;
  } else {
    delay = delay_before(retry, f.attempt - std::min<std::uint32_t>(f.lost, f.attempt - 1), *why,
                         state_.info->seed ^ f.command);
  }
  if (delay && n.timeouts.schedule_to_close_ms != 0 &&
      context_.now + *delay >= f.started_at + n.timeouts.schedule_to_close_ms)
    delay.reset();
  if (!delay) return give_up();
  const std::uint32_t next = f.attempt + 1;
  const bool full = plan_.parallel != 0 && state_.in_flight >= plan_.parallel;
  if (*delay > 0 || full) {  // with a delay of 0 its timer fires at once, and it takes its place in the queue
    emit(history::ActivityRetryScheduled{id, next, context_.now + *delay});
    return;
  }
  emit(history::ActivityAttemptStarted{id, next});
  dispatch(id);
}

}  // namespace perdure::decider
