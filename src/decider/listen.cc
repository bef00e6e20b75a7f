// listen: waits for a signal; one that came early is taken at once, in the order of arrival.
#include "decider/turn.h"

namespace perdure::decider {

void Turn::begin_listen(FrameId id) {
  const plan::ListenSpec& spec = *node(id).listen;
  auto name = render_text(state_, spec.signal, around(id));
  if (!name) {
    settle_failure(id, name.error());
    return;
  }
  if (name->empty()) {
    settle_failure(id, fault(id, "expression", "listen needs the name of a signal; it is empty"));
    return;
  }
  emit(history::ListenOpened{id, std::move(*name)});
  if (spec.timeout_ms != 0) emit(history::TimerStarted{id, context_.now + spec.timeout_ms});
  advance_listen(id);
}

// Whether there was a signal to take.
bool Turn::advance_listen(FrameId id) {
  const Frame& f = frame(id);
  if (!f.wait || !state_.signals.contains(f.wait->name)) return false;
  emit(history::SignalConsumed{id, f.wait->name});
  complete(id, history::OutputKind::returned);
  return true;
}

}  // namespace perdure::decider
