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
  emit(history::ListenOpened{id, std::move(*name)});
  if (spec.timeout_ms != 0) emit(history::TimerStarted{id, context_.now + spec.timeout_ms});
  advance_listen(id);
}

void Turn::advance_listen(FrameId id) {
  const Frame& f = frame(id);
  if (!f.wait || state_.signals.find(f.wait->name) == state_.signals.end()) return;
  emit(history::SignalConsumed{id, f.wait->name});
  complete(id, history::OutputKind::returned);
}

}  // namespace perdure::decider
