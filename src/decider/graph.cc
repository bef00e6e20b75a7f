// dag and graph: a child starts when every edge into it is decided. In a dag every edge is taken; in a graph only those
// written in next_steps of a step that ran, and a child that no taken edge reaches is passed over (its own edges are
// then not taken either).
#include "decider/turn.h"

namespace perdure::decider {

void Turn::advance_graph(FrameId id) {
  const plan::Node& n = node(id);
  while (true) {
    const Frame& f = frame(id);
    if (f.child_fault) {
      fail(id, f.child_fault);
      return;
    }
    if (f.graph->ready.empty()) break;
    if (is_long()) {
      wake(id);
      return;
    }
    const std::uint32_t index = f.graph->ready.front();
    const NodeId child = n.children[index];
    if (f.graph->taken[index] == 0) emit(history::StepSkipped{id, child, index});
    else enter(child, id, index, Role::step);
  }
  if (frame(id).live_children == 0) complete(id, history::OutputKind::children);
}

}  // namespace perdure::decider
