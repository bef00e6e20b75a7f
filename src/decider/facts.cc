// Facts: checked against the state, recorded, and what they concern is woken.
#include <algorithm>

#include "base/json.h"
#include "base/limits.h"
#include "decider/turn.h"

namespace perdure::decider {
namespace h = history;

namespace {

Error closed_error(const State& state) {
  return {ErrorCode::conflict, "run '" + state.info->run.id + "' is " + std::string(h::to_string(state.status)) +
                                   "; nothing more can be sent to it"};
}

// A message that was taken before: it is taken for granted, also after the end.
bool is_repeated(const State& state, const h::Event& fact) {
  if (const auto* signal = std::get_if<h::SignalReceived>(&fact)) {
    const auto& keys = state.signal_keys;
    return !signal->sender_key.empty() && std::find(keys.begin(), keys.end(), signal->sender_key) != keys.end();
  }
  const auto* update = std::get_if<h::UpdateReceived>(&fact);
  if (update == nullptr || update->id.empty()) return false;
  const auto& answers = state.update_answers;
  return std::any_of(answers.begin(), answers.end(), [&](const auto& known) { return known.first == update->id; });
}

bool may_retry(RunStatus status) {
  return status == RunStatus::failed || status == RunStatus::timed_out || status == RunStatus::cancelled ||
         status == RunStatus::terminated || status == RunStatus::compensation_failed;
}

}  // namespace

// Why a fact may not be applied, or nothing.
std::optional<Error> Turn::refuse(const h::Event& fact) {
  if (std::holds_alternative<h::RunStarted>(fact)) {
    if (state_.status != RunStatus::pending) return Error{ErrorCode::conflict, "the run has started already"};
    return std::nullopt;
  }
  if (!state_.info) return Error{ErrorCode::not_found, "the run has not started"};
  if (std::holds_alternative<h::RetryRequested>(fact)) {
    if (has_worked(state_) && state_.status == RunStatus::compensation_failed && !can_undo_again(state_))
      return Error{ErrorCode::conflict, "run '" + state_.info->run.id +
                                            "' has done its work; what could not be undone in it can't be tried again "
                                            "and is to be repaired by hand"};
    if (may_retry(state_.status)) return std::nullopt;
    return Error{ErrorCode::conflict, "run '" + state_.info->run.id + "' is " +
                                          std::string(h::to_string(visible_status(state_))) +
                                          "; only a run that failed or was stopped can be retried"};
  }
  if (std::holds_alternative<h::CompensateRequested>(fact)) {
    if (has_worked(state_)) return std::nullopt;
    return Error{ErrorCode::conflict, "only a completed run can be undone; cancel a running one instead"};
  }
  if (is_repeated(state_, fact)) return std::nullopt;
  if (closed()) return closed_error(state_);
  if (std::holds_alternative<h::SignalReceived>(fact) && state_.signals_buffered >= k_signals_buffered_max)
    return Error{ErrorCode::exhausted, "run '" + state_.info->run.id + "' has " +
                                           std::to_string(k_signals_buffered_max) +
                                           " signals waiting that no step has taken; the limit is reached"};
  if (const auto* decision = std::get_if<h::ReviewDecided>(&fact)) return refuse_review(*decision);
  return std::nullopt;
}

void Turn::take(std::size_t place, const h::Event& fact) {
  if (auto error = refuse(fact)) {
    out_.rejections.push_back({place, std::move(*error)});
    return;
  }
  if (const auto* e = std::get_if<h::RunStarted>(&fact)) {
    emit(*e);
    begin_run();
  } else if (const auto* completed = std::get_if<h::ActivityCompleted>(&fact)) {
    emit(*completed);
    wake(completed->frame);
  } else if (const auto* failed = std::get_if<h::ActivityFailed>(&fact)) {
    emit(*failed);
    wake(failed->frame);
  } else if (const auto* lost = std::get_if<h::ActivityLost>(&fact)) {
    emit(*lost);
    wake(lost->frame);
  } else if (const auto* timer = std::get_if<h::TimerFired>(&fact)) {
    const Frame* f = live_frame(state_, timer->frame);
    if (f == nullptr || f->timer != timer->timer || f->due > context_.now) return;  // cancelled, or not yet
    emit(*timer);
    wake(timer->frame);
  } else if (const auto* signal = std::get_if<h::SignalReceived>(&fact)) {
    if (is_repeated(state_, fact)) return;
    emit(*signal);
    if (const auto l = state_.listeners.find(signal->name); l != state_.listeners.end())
      for (const auto& [command, frame_id] : l->second) wake(frame_id);
  } else if (const auto* event = std::get_if<h::EventReceived>(&fact)) {
    const auto& keys = state_.signal_keys;
    if (std::find(keys.begin(), keys.end(), "event " + event->id) != keys.end()) return;
    const auto parsed = parse_json(event->event.view());
    if (!parsed || !may_want(*parsed)) return;
    if (state_.events.size() >= k_signals_buffered_max) return;  // one of many who are told must not fail the others
    emit(*event);
    out_.answers.emplace_back(place, Value(true));  // the run has it
    for (FrameId id = 0; id < state_.frames.size(); ++id)
      if (state_.frames[id].live && state_.frames[id].listening) wake(id);
  } else if (const auto* update = std::get_if<h::UpdateReceived>(&fact)) {
    take_update(place, *update);
  } else if (std::holds_alternative<h::ReviewDecided>(fact)) {
    emit(fact);
    wake(std::get<h::ReviewDecided>(fact).frame);
  } else if (const auto* child = std::get_if<h::ChildEnded>(&fact)) {
    emit(*child);
    wake(child->frame);
  } else if (std::holds_alternative<h::CancelRequested>(fact)) {
    if (state_.cancel_requested) return;
    emit(fact);
    if (state_.paused) {
      emit(h::ResumeRequested{std::get<h::CancelRequested>(fact).by, "cancelled"});
      wake_all();
    }
    cancel(0);
  } else if (std::holds_alternative<h::PauseRequested>(fact)) {
    if (!state_.paused) emit(fact);
  } else if (std::holds_alternative<h::ResumeRequested>(fact)) {
    if (!state_.paused) return;
    emit(fact);
    wake_all();
  } else if (const auto* terminate_request = std::get_if<h::TerminateRequested>(&fact)) {
    terminate(*terminate_request);
  } else if (std::holds_alternative<h::RetryRequested>(fact)) {
    emit(fact);
    if (state_.status == RunStatus::compensating) wake(0);  // what is left to undo, without a limit
    else begin_run();
  } else if (std::holds_alternative<h::CompensateRequested>(fact)) {
    emit(fact);
    wake(0);
  }
}

void Turn::begin_run() {
  if (plan_.timeout_ms != 0) emit(h::TimerStarted{0, context_.now + plan_.timeout_ms});
  if (!plan_.data_flow || prepare_task(0)) wake(0);
}

bool Turn::take_update(std::size_t place, const h::UpdateReceived& update) {
  const auto reject = [&](ErrorCode code, std::string message) {
    out_.rejections.push_back({place, {code, std::move(message)}});
    return false;
  };
  for (const auto& [id, answer] : state_.update_answers)
    if (!update.id.empty() && id == update.id) {
      auto told = parse_json(answer.view());
      out_.answers.emplace_back(place, told ? std::move(*told) : state_.context);  // forgotten: as it is by now
      return true;
    }
  const auto at =
      std::find_if(plan_.updates.begin(), plan_.updates.end(), [&](const auto& u) { return u.name == update.name; });
  if (at == plan_.updates.end())
    return reject(ErrorCode::not_found, "workflow '" + state_.info->workflow + "' has no update '" + update.name + "'");
  auto argument = parse_json(update.argument.view());
  if (!argument) return reject(ErrorCode::invalid, "update '" + update.name + "': " + argument.error().message);
  Surroundings s = around(0);
  const Value variables[] = {*argument};
  s.variables = variables;
  if (at->validate != plan::k_none) {
    const auto holds = evaluate_condition(state_, at->validate, s);
    if (!holds) return reject(ErrorCode::invalid, "update '" + update.name + "': " + holds.error()->title);
    if (!*holds)
      return reject(ErrorCode::invalid, "update '" + update.name + "' refuses this value: " +
                                            plan_.exprs[at->validate].source + " does not hold");
  }
  auto patch = render_json(state_, at->set, s);
  if (!patch) return reject(ErrorCode::invalid, "update '" + update.name + "': " + patch.error()->title);
  emit(update);
  emit(h::ContextSet{std::move(*patch)});
  out_.answers.emplace_back(place, state_.context);
  return true;
}

void Turn::terminate(const h::TerminateRequested& request) {
  emit(request);
  std::vector<FrameId> live = by_landing();  // what is still out has not come before what was answered
  std::stable_partition(live.begin(), live.end(), [this](FrameId id) { return frame(id).phase == Phase::returned; });
  for (const FrameId id : live) {
    record_possible(id);
    const Frame& f = frame(id);
    if (f.phase == Phase::in_flight) out_.commands.emplace_back(CancelActivity{id, f.command});
    if (waits_for_child(state_, f) && f.role != Role::compensation)
      out_.commands.emplace_back(CancelChild{id, f.command, std::string(f.wait->request.view())});
  }
  emit(h::RunFailed{
      RunStatus::terminated,
      make_fault("terminated", "terminated" + (request.reason.empty() ? std::string() : ": " + request.reason), "")});
  notify_parent();
}

}  // namespace perdure::decider
