// set, emit, raise: done as soon as they start.
#include "base/json.h"
#include "decider/turn.h"

namespace perdure::decider {

void Turn::begin_instant(FrameId id) {
  const plan::Node& n = node(id);
  if (n.kind == plan::Kind::set) {
    auto patch = render_json(state_, n.set, around(id));
    if (!patch) {
      settle_failure(id, patch.error());
      return;
    }
    if (!n.flow) emit(history::ContextSet{*patch});
    complete(id, history::OutputKind::inline_, k_none, std::move(*patch));
    return;
  }
  if (n.kind == plan::Kind::emit) {
    auto type = render_text(state_, n.emit->type, around(id));
    auto data = render_json(state_, n.emit->data, around(id));
    if (!type || !data) {
      settle_failure(id, type ? data.error() : type.error());
      return;
    }
    const auto command = frame(id).command;
    emit(history::EventEmitted{id, *type, *data});
    out_.commands.emplace_back(PublishEvent{command, std::move(*type), std::move(*data)});
    complete(id, history::OutputKind::inline_, k_none,
             Bytes(to_json(Value(idempotency_key(state_.info->run, {command})))));
    return;
  }
  const auto text = [&](const plan::Template& t) { return render_text(state_, t, around(id)); };
  auto type = text(n.raise->type);
  auto title = text(n.raise->title);
  auto detail = text(n.raise->detail);
  auto status = render(state_, n.raise->status, around(id));
  for (const auto* part : {&type, &title, &detail})
    if (!*part) {
      settle_failure(id, part->error());
      return;
    }
  auto raised = std::make_shared<history::Fault>();
  const auto or_empty = [](const plan::Template& t, std::string& s) {
    return t.is_null() ? std::string() : std::move(s);
  };
  raised->type = or_empty(n.raise->type, *type);
  raised->title = or_empty(n.raise->title, *title);
  raised->detail = or_empty(n.raise->detail, *detail);
  if (status && status->is_number())
    raised->status = static_cast<int>(std::max(-1e9, std::min(1e9, status->as_double())));
  raised->step = place_name(n);
  raised->fault_class = history::FaultClass::recoverable;  // a block around it may have a retry
  settle_failure(id, std::move(raised));
}

}  // namespace perdure::decider
