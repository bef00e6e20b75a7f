#include "decider/turn.h"

#include <algorithm>
#include <tuple>

#include "base/limits.h"

namespace perdure::decider {

std::size_t payload_bytes(const history::Event& event) {
  return std::visit(
      [](const auto& e) {
        std::size_t bytes = 0;
        if constexpr (requires { e.result.view(); }) bytes += e.result.size();
        if constexpr (requires { e.payload.view(); }) bytes += e.payload.size();
        if constexpr (requires { e.argument.view(); }) bytes += e.argument.size();
        if constexpr (requires { e.data.view(); }) bytes += e.data.size();
        if constexpr (requires { e.output.view(); }) bytes += e.output.size();
        if constexpr (requires { e.event.view(); }) bytes += e.event.size();
        if constexpr (requires { e.args.view(); }) bytes += e.args.size();
        if constexpr (requires { e.items.view(); }) bytes += e.items.size();
        if constexpr (requires { e.patch.view(); }) bytes += e.patch.size();
        if constexpr (requires { e.request.view(); }) bytes += e.request.size();
        if constexpr (requires { e.input.view(); }) bytes += e.input.size();
        if constexpr (requires { e.context.view(); }) bytes += e.context.size();
        return bytes;
      },
      event);
}

bool Turn::is_long() const {
  return out_.events.size() >= k_decision_events_soft || payload_bytes_ >= k_decision_bytes_soft;
}

void Turn::emit(history::Event event) {
  evolve(state_, event, context_.now);
  payload_bytes_ += payload_bytes(event);
  out_.events.push_back(std::move(event));
}

FrameId Turn::next_frame() const {
  return state_.free_frames.empty() ? static_cast<FrameId>(state_.frames.size()) : state_.free_frames.back();
}

FaultPtr Turn::fault(FrameId id, std::string type, std::string title) const {
  return make_fault(std::move(type), std::move(title), id == 0 ? std::string() : place_name(node(id)));
}

// Worth another attempt where the step has a retry of its own.
FaultPtr Turn::timeout(FrameId id, std::string type, std::string title) const {
  auto made = std::make_shared<history::Fault>(*fault(id, std::move(type), std::move(title)));
  made->fault_class = history::FaultClass::recoverable;
  return made;
}

// The live frames: what was answered in the order of the answers.
std::vector<FrameId> Turn::by_landing() const {
  std::vector<FrameId> live;
  for (FrameId id = 0; id < state_.frames.size(); ++id)
    if (state_.frames[id].live) live.push_back(id);
  std::sort(live.begin(), live.end(), [&](FrameId a, FrameId b) {
    const Frame &x = state_.frames[a], &y = state_.frames[b];
    return std::tie(x.landed, x.command) < std::tie(y.landed, y.command);
  });
  return live;
}

// As they would have been taken without the pause or the cut.
void Turn::wake_all() {
  const std::vector<FrameId> live = by_landing();
  awake_.insert(awake_.end(), live.begin(), live.end());
}

void Turn::drain() {
  if (state_.paused || closed()) return;
  if (context_.hold) {
    if (!out_.events.empty()) emit(history::DecisionCut{true});
    return;
  }
  if (state_.cut) {
    emit(history::DecisionCut{false});
    wake_all();
  }
  // First in, first out: siblings that end in one batch are taken in the order in which they ended.
  std::size_t next = 0;
  while (!closed()) {
    if (is_long()) {
      emit(history::DecisionCut{true});
      out_.more = true;
      return;
    }
    if (!soon_.empty()) {
      const FrameId id = soon_.back();
      soon_.pop_back();
      advance(id);
      continue;
    }
    if (next < awake_.size()) {
      advance(awake_[next++]);
      continue;
    }
    awake_.clear();
    next = 0;
    serve_queue();
    if (awake_.empty() && soon_.empty()) return;
  }
}

// Activities that wait for the run's limit of parallel attempts, and attempts whose back-off is over.
void Turn::serve_queue() {
  while (!state_.queued.empty() && (plan_.parallel == 0 || state_.in_flight < plan_.parallel)) {
    if (is_long() && !awake_.empty()) return;
    const FrameId id = state_.queued.front();
    const Frame& f = frame(id);
    if (f.attempt > 1) {
      emit(history::ActivityAttemptStarted{id, f.attempt});
      dispatch(id);
    } else {
      schedule_activity(f.node, f.parent, f.index, f.role, id);
    }
  }
}

void Turn::advance(FrameId id) {
  if (live_frame(state_, id) == nullptr) return;
  Frame& f = frame(id);
  if (f.timer == k_timer_fired && f.phase != Phase::returned && f.phase != Phase::failing) {
    on_timer(id);
    return;
  }
  const auto& n = node(id);
  const bool head = is_foreach_head(state_, f);
  const bool attempts = !head && (n.kind == plan::Kind::activity || (n.kind == plan::Kind::map && !f.wait));
  switch (f.phase) {
    case Phase::queued:
    case Phase::in_flight:
    case Phase::backing_off: return;
    case Phase::running:
      if (head) {
        advance_foreach(id);
        return;
      }
      break;
    case Phase::waiting:
      if (n.kind == plan::Kind::listen && n.flow) advance_events(id);
      else if (n.kind == plan::Kind::listen) advance_listen(id);
      else if (n.kind == plan::Kind::review) advance_review(id);
      return;
    case Phase::returned:
      if (attempts) activity_returned(id);
      else if (n.kind == plan::Kind::subflow || n.kind == plan::Kind::map) child_returned(id);
      else if (f.cancel_wanted) settle_cancel(id);
      else complete(id, history::OutputKind::returned);
      return;
    case Phase::failing:
      if (f.live_children > 0) return;
      if (attempts && f.command != 0 && f.fault) attempt_failed(id);
      else if (f.role == Role::compensation) compensation_ended(id, f.fault);
      else if (f.cancel_wanted) settle_cancel(id);
      else stopped(id, f.fault);
      return;
    case Phase::fallback:
      if (f.live_children > 0) return;
      if (f.child_fault) {
        settle_failure(id, f.child_fault);
      } else {
        const bool by_breaker = f.branch == k_branch_breaker && n.breaker;
        complete(id, history::OutputKind::node, by_breaker ? n.breaker->fallback : n.fallback);
      }
      return;
    case Phase::catching:
    case Phase::finalizing: advance_try(id); return;
    case Phase::cancelling:
      if (f.live_children == 0) settle_cancel(id);
      return;
    case Phase::compensating: advance_compensation(id); return;
  }
  switch (n.kind) {
    case plan::Kind::sequential:
    case plan::Kind::parallel: advance_block(id); return;
    case plan::Kind::dag:
    case plan::Kind::graph: advance_graph(id); return;
    case plan::Kind::race: advance_race(id); return;
    case plan::Kind::conditional:
    case plan::Kind::select: advance_branch(id); return;
    case plan::Kind::loop: advance_loop(id); return;
    case plan::Kind::attempt: advance_try(id); return;
    case plan::Kind::tasks: advance_tasks(id); return;
    case plan::Kind::each: advance_each(id); return;
    default: return;
  }
}

void Turn::on_timer(FrameId id) {
  const Frame& f = frame(id);
  if (f.phase == Phase::backing_off) {
    emit(history::BlockRetried{id, f.attempt});
    begin(id);
    return;
  }
  if (f.phase == Phase::waiting) {
    switch (node(id).kind) {
      case plan::Kind::wait: wait_over(id); return;
      case plan::Kind::listen:
        if (node(id).flow) break;
        if (!advance_listen(id))
          fail(id, timeout(id, "timeout.listen",
                           "no signal '" + (f.wait ? f.wait->name : std::string()) + "' arrived in time"));
        return;
      case plan::Kind::review:
        if (!advance_review(id)) review_timeout(id);
        return;
      default: break;
    }
  }
  if (f.parent == k_none) {
    fail(id, timeout(id, "timeout.run", "the run exceeded its time limit"));
    return;
  }
  fail(id, timeout(id, "timeout.start_to_close", "step '" + node(id).name + "' exceeded its time limit"));
}

}  // namespace perdure::decider
