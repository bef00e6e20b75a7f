// sequential and parallel: children in order, or all at once.
#include "decider/turn.h"

namespace perdure::decider {

void Turn::advance_block(FrameId id) {
  const plan::Node& n = node(id);
  const bool at_once = n.kind == plan::Kind::parallel;
  while (true) {
    const Frame& f = frame(id);
    if (f.child_fault) {
      fail(id, f.child_fault);
      return;
    }
    if (state_.ending) break;
    if (f.cursor >= n.children.size() || (!at_once && f.live_children > 0)) break;
    if (is_long()) {
      wake(id);
      return;
    }
    enter(n.children[f.cursor], id, f.cursor, Role::step);
  }
  if (state_.ending) {  // a branch has ended the workflow: once, the others are told
    bool told = true;
    for (FrameId c = frame(id).first_child; c != k_none; c = frame(c).next_sibling)
      told = told && frame(c).cancel_wanted;
    if (!told) cancel_children(id);
  }
  if (frame(id).live_children == 0) complete(id, history::OutputKind::children);
}

}  // namespace perdure::decider
