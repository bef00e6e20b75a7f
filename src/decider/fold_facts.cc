// What facts change in a state. What they lead to is in evolve.cc.
#include <utility>

#include "base/json.h"
#include "base/limits.h"
#include "decider/document.h"
#include "decider/fold.h"

namespace perdure::decider {

namespace h = history;

namespace {
void carry(Slot& slot, StepStatus status, const Bytes& output) {
  set_slot(slot, status, output.empty() ? h::OutputKind::none : h::OutputKind::inline_, k_none, output, {});
  slot.carried = true;
}

Value or_null(Result<Value> value) { return value ? std::move(*value) : Value(); }

// As the reviewers before have edited it, or as proposed.
Value review_data(const Frame& f) {
  if (const auto answer = parse_json(f.returned.view()); answer && !f.wait->votes.empty())
    if (const Value* edited = answer->find("data")) return *edited;
  const auto request = parse_json(f.wait->request.view());
  const Value* data = request ? request->find("data") : nullptr;
  return data != nullptr ? *data : Value();
}
}  // namespace

Frame* FactFolder::awaited(FrameId id, std::uint64_t command, std::uint32_t attempt) {
  Frame* f = live_frame(state, id);
  return f != nullptr && f->phase == Phase::in_flight && f->command == command && f->attempt == attempt ? f : nullptr;
}

void FactFolder::land(Frame& f) {
  f.landed = state.last_seq;
  if (state.in_flight > 0) --state.in_flight;
}

// A fault says whose it is; a driver need not know.
FaultPtr FactFolder::placed(const Frame& f, const FaultPtr& fault) const {
  const bool pointed = node_of(state, f).flow != nullptr;  // a data flow says where by the task's pointer
  if (!fault || (!pointed && !fault->step.empty() && fault->attempt != 0)) return fault;
  auto mine = std::make_shared<h::Fault>(*fault);
  if (pointed || mine->step.empty()) mine->step = step_name(f);
  if (mine->attempt == 0) mine->attempt = f.attempt;
  return mine;
}

// A compensation bears the name of the step it undoes.
const std::string& FactFolder::step_name(const Frame& f) const {
  const auto& node = node_of(state, f);
  return f.role == Role::compensation && node.parent != k_none ? place_name(state.plan->nodes[node.parent])
                                                               : place_name(node);
}

void FactFolder::open_root() {
  if (state.scopes.empty()) {
    state.scopes.push_back(std::make_unique<ScopeState>());
    state.scopes[0]->slots.resize(state.plan->scopes.empty() ? state.plan->nodes.size() : state.plan->scopes[0].slots);
  }
  open_frame(state, 0, 0, k_none, 0, Role::step, now);
}

void FactFolder::reopen(RunStatus status) {
  state.status = status;
  state.closed_at = 0;
  state.cancel_requested = false;
  state.fault.reset();
  state.output = Bytes();
  state.frames.clear();
  state.free_frames.clear();
  state.ending = false;
  state.resuming = !state.resume.empty();
  for (auto& saga : state.sagas) saga.closed = true;  // the root's is opened again with the root
}

void FactFolder::operator()(const h::RunStarted& e) {
  state.info = e.info;
  state.status = RunStatus::running;
  state.started_at = now;
  state.context = state.plan->context.is_object() ? state.plan->context : Value::object();
  if (!e.info->carried_context.empty())
    if (auto context = parse_json(e.info->carried_context.view()); context && context->is_object())
      state.context = std::move(*context);
  open_root();
  for (const auto& c : e.info->carried)
    if (Slot* slot = slot_of(state, state.frames[0], c.node)) {
      carry(*slot, c.status, c.output);
      const auto& node = state.plan->nodes[c.node];
      for (const auto& name : node.outputs) state.outputs[name] = named_output(*slot, node, name);
    }
}

void FactFolder::operator()(const h::ActivityCompleted& e) {
  Frame* f = awaited(e.frame, e.command, e.attempt);
  if (f == nullptr) return;
  land(*f);
  f->returned = e.result;
  f->phase = Phase::returned;
}

void FactFolder::operator()(const h::ActivityFailed& e) {
  Frame* f = awaited(e.frame, e.command, e.attempt);
  if (f == nullptr) return;
  land(*f);
  f->fault = placed(*f, e.fault);
  if (e.fault && e.fault->fault_class == h::FaultClass::ambiguous) f->maybe_effect = true;
  if (e.fault && e.fault->type == "breaker.open" && f->lost < 255) ++f->lost;  // costs no attempt
  f->phase = Phase::failing;
}

void FactFolder::operator()(const h::ActivityLost& e) {
  Frame* f = awaited(e.frame, e.command, e.attempt);
  if (f == nullptr) return;
  land(*f);
  f->maybe_effect = true;
  if (f->lost < 255) ++f->lost;
  auto fault = std::make_shared<h::Fault>();
  fault->type = "attempt.lost";
  fault->title = "the engine stopped while this attempt ran; its outcome is unknown";
  fault->fault_class = h::FaultClass::ambiguous;
  fault->attempt = e.attempt;
  fault->step = step_name(*f);
  f->fault = std::move(fault);
  f->phase = Phase::failing;
}

void FactFolder::operator()(const h::TimerFired& e) {
  Frame* f = live_frame(state, e.frame);
  if (f == nullptr || f->due == k_never || f->timer != e.timer) return;
  clear_timer(state, e.frame);
  f->landed = state.last_seq;
  const auto kind = node_of(state, *f).kind;
  const bool attempts = kind == plan::Kind::activity || (kind == plan::Kind::map && !f->wait);
  if (f->phase == Phase::backing_off && attempts && !is_foreach_head(state, *f)) {
    f->phase = Phase::queued;
    state.queued.push_back(e.frame);
  } else {
    f->timer = k_timer_fired;
  }
}

void FactFolder::operator()(const h::SignalReceived& e) {
  if (!e.sender_key.empty()) {
    state.signal_keys.push_back(e.sender_key);
    if (state.signal_keys.size() > k_recent_keys_max) state.signal_keys.pop_front();
  }
  state.signals[e.name].push_back(e.payload);
  ++state.signals_buffered;
}

void FactFolder::operator()(const h::EventReceived& e) {
  state.signal_keys.push_back("event " + e.id);
  if (state.signal_keys.size() > k_recent_keys_max) state.signal_keys.pop_front();
  state.events.push_back({state.last_seq, e.event});
}

void FactFolder::operator()(const h::UpdateReceived& e) {
  if (e.id.empty()) return;
  state.update_answers.emplace_back(e.id, Bytes());  // answered by the ContextSet that follows
  if (state.update_answers.size() <= k_recent_keys_max) return;
  state.update_answers_bytes -= state.update_answers.front().second.size();
  state.update_answers.pop_front();
}

void FactFolder::operator()(const h::ReviewDecided& e) {
  Frame* f = live_frame(state, e.frame);
  if (f == nullptr || f->command != e.command || !f->wait) return;
  auto data = e.data.empty() ? review_data(*f) : or_null(parse_json(e.data.view()));
  f->wait->votes.emplace_back(e.reviewer, e.approved);
  f->landed = state.last_seq;
  auto answer = Value::object();
  answer.set("approved", e.approved);
  answer.set("reviewer", e.reviewer.empty() ? Value() : Value(e.reviewer));
  answer.set("feedback", e.comment);
  answer.set("data", std::move(data));
  f->returned = Bytes(to_json(answer));
}

void FactFolder::operator()(const h::ChildEnded& e) {
  Frame* f = live_frame(state, e.frame);
  if (f == nullptr || f->command != e.command || f->phase != Phase::waiting) return;
  if (state.children_out > 0) --state.children_out;
  f->landed = state.last_seq;
  const bool undone = f->role == Role::compensation && e.status == RunStatus::cancelled;
  if (e.status == RunStatus::completed || e.status == RunStatus::running || undone) {
    f->returned = e.output;
    f->phase = Phase::returned;
    return;
  }
  f->phase = Phase::failing;
  if (f->fault) return;  // it had exceeded its time
  auto fault = std::make_shared<h::Fault>();
  if (e.fault) *fault = *e.fault;
  if (fault->type.empty()) fault->type = e.status == RunStatus::cancelled ? "cancelled" : "subflow.failed";
  if (fault->title.empty()) fault->title = "the sub-workflow ended " + std::string(h::to_string(e.status));
  fault->step = place_name(node_of(state, *f));
  fault->fault_class = h::FaultClass::recoverable;
  f->fault = std::move(fault);
}

void FactFolder::operator()(const h::CancelRequested&) { state.cancel_requested = true; }

void FactFolder::operator()(const h::PauseRequested&) { state.paused = true; }

void FactFolder::operator()(const h::ResumeRequested&) { state.paused = false; }

void FactFolder::operator()(const h::TerminateRequested&) {}

// A run whose undoing failed or was broken off is undone to its end first, and ends as it would have.
void FactFolder::operator()(const h::RetryRequested&) {
  if (!can_undo_again(state)) {
    reopen(RunStatus::running);
    carry_completed(state);
    open_root();
    return;
  }
  const Bytes output = state.output;
  const FaultPtr fault = state.fault;
  open_undoing(fault, fault && (fault->type == "cancelled" || fault->type == "terminated"));
  owe_again(state, !output.empty());
  state.output = output;
}

void FactFolder::operator()(const h::CompensateRequested& e) {
  auto fault = std::make_shared<h::Fault>();
  fault->type = "cancelled";
  fault->title = "undone on request" + (e.reason.empty() ? std::string() : ": " + e.reason);
  open_undoing(std::move(fault), true);
  owe_again(state, false);
}

void FactFolder::open_undoing(FaultPtr fault, bool cancelled) {
  reopen(RunStatus::compensating);
  open_root();
  state.frames[0].fault = std::move(fault);
  state.frames[0].phase = Phase::failing;
  state.frames[0].cancel_wanted = cancelled;
}

}  // namespace perdure::decider
