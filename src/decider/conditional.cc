// conditional and switch: one branch is chosen when the step starts. A conditional without branches gives its truth
// and, in a graph, chooses its edge.
#include <algorithm>

#include "decider/turn.h"

namespace perdure::decider {

void Turn::advance_branch(FrameId id) {
  const plan::Node& n = node(id);
  if (frame(id).branch == k_none) {
    std::uint32_t chosen = k_none;
    if (n.kind == plan::Kind::conditional) {
      const auto holds = evaluate_condition(state_, n.condition, around(id));
      if (!holds) {
        settle_failure(id, holds.error());
        return;
      }
      chosen = *holds ? 0 : 1;
    } else {
      for (std::uint32_t i = 0; i < n.cases.size() && chosen == k_none; ++i) {
        if (n.cases[i].when == plan::k_none) continue;
        const auto holds = evaluate_condition(state_, n.cases[i].when, around(id));
        if (!holds) {
          settle_failure(id, holds.error());
          return;
        }
        if (*holds) chosen = i;
      }
      for (std::uint32_t i = 0; i < n.cases.size() && chosen == k_none; ++i)
        if (n.cases[i].when == plan::k_none) chosen = i;
      if (chosen == k_none) {
        complete(id, history::OutputKind::none);
        return;
      }
    }
    emit(history::BranchTaken{id, chosen, {}});
    const bool bare = n.kind == plan::Kind::conditional &&
                      std::all_of(n.children.begin(), n.children.end(), [](NodeId c) { return c == k_none; });
    if (bare) {
      complete(id, history::OutputKind::inline_, k_none, Bytes(std::string(chosen == 0 ? "true" : "false")));
      return;
    }
    const NodeId body = n.kind == plan::Kind::select ? n.cases[chosen].body
                        : chosen < n.children.size() ? n.children[chosen]
                                                     : k_none;
    if (body == k_none) {
      complete(id, history::OutputKind::none);
      return;
    }
    enter(body, id, chosen, Role::step);
  }
  const Frame& f = frame(id);
  if (f.live_children > 0) return;
  if (f.child_fault) {
    settle_failure(id, f.child_fault);
    return;
  }
  complete(id, history::OutputKind::node, n.kind == plan::Kind::select ? n.cases[f.branch].body : n.children[f.branch]);
}

}  // namespace perdure::decider
