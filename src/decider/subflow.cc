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
  const Frame& f = frame(id);
  StartChild c;
  c.frame = id;
  c.command = f.command;
  c.child = state_.info->run.id + "." + std::to_string(f.command);
  c.workflow = std::move(*name);
  c.version = spec.version;
  c.input = std::move(*input);
  c.wait = spec.wait;
  emit(history::ChildScheduled{id, c.child, c.workflow, c.version, "", c.input, c.wait});
  out_.commands.emplace_back(std::move(c));
}

// The activity that validated the tasks returned {"plan": HASH}.
void Turn::start_map_child(FrameId id) {
  const Frame& f = frame(id);
  const auto answer = parse_json(f.returned.view());
  const Value* hash = answer ? answer->find("plan") : nullptr;
  if (hash == nullptr || !hash->is_string()) {
    settle_failure(id, fault(id, "internal", "the task graph was not turned into a plan"));
    return;
  }
  StartChild c;
  c.frame = id;
  c.command = f.command;
  c.child = state_.info->run.id + "." + std::to_string(f.command);
  c.workflow = state_.info->workflow + "/" + node(id).name;
  c.plan_hash = std::string(hash->as_string());
  c.input = Bytes(std::string("null"));
  emit(history::ChildScheduled{id, c.child, c.workflow, "", c.plan_hash, c.input, true});
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
  else if (n.kind == plan::Kind::map || n.subflow->wait) record_child(id);
  if (f.cancel_wanted) settle_cancel(id);
  else complete(id, history::OutputKind::returned);
}

}  // namespace perdure::decider
