// subflow, and the second half of map: a child run with a history of its own. Once it has completed, the parent's saga
// undoes it by asking it to undo itself, unless the step states its own compensation.
#include "base/json.h"
#include "decider/turn.h"

namespace perdure::decider {

void Turn::begin_subflow(FrameId id) {
  const plan::SubflowSpec& spec = *node(id).subflow;
  auto name = render_text(state_, spec.name, around(id));
  auto input = render_json(state_, spec.with, around(id));
  if (!name || !input) {
    settle_failure(id, name ? input.error() : name.error());
    return;
  }
  StartChild c;
  c.frame = id;
  c.workflow = std::move(*name);
  c.version = spec.version;
  c.input = std::move(*input);
  c.wait = spec.wait;
  start_child(std::move(c));
}

// The activity that validated the tasks returned {"plan": HASH}; a further attempt runs the same plan.
void Turn::start_map_child(FrameId id) {
  const Frame& f = frame(id);
  StartChild c;
  c.frame = id;
  c.workflow = state_.info->workflow + "/" + node(id).name;
  c.input = Bytes(std::string("null"));
  if (f.wait) {
    c.plan_hash = f.wait->plan_hash;
  } else {
    const auto answer = parse_json(f.returned.view());
    const Value* hash = answer ? answer->find("plan") : nullptr;
    if (hash == nullptr || !hash->is_string()) {
      settle_failure(id, fault(id, "internal", "the task graph was not turned into a plan"));
      return;
    }
    c.plan_hash = std::string(hash->as_string());
    if (const DurationMs limit = node(id).timeouts.start_to_close_ms; limit != 0)
      emit(history::TimerStarted{id, context_.now + limit});
  }
  start_child(std::move(c));
}

// Each attempt is a child of its own, named after the event that asked for it.
void Turn::start_child(StartChild c) {
  c.command = state_.last_seq + 1;
  c.child = state_.info->run.id + "." + std::to_string(c.command);
  emit(history::ChildScheduled{c.frame, c.child, c.workflow, c.version, c.plan_hash, c.input, c.wait});
  out_.commands.emplace_back(std::move(c));
}

void Turn::child_returned(FrameId id) {
  const Frame& f = frame(id);
  if (f.role == Role::compensation) {
    compensation_ended(id, {});
    return;
  }
  const plan::Node& n = node(id);
  if (n.compensation != k_none) record_effect(id, false);
  else if (n.kind == plan::Kind::map || n.subflow->wait) record_child(id, false);
  if (f.cancel_wanted) settle_cancel(id);
  else if (f.fault) settle_failure(id, f.fault);  // too late: it had exceeded its time
  else complete(id, history::OutputKind::returned);
}

}  // namespace perdure::decider
