// race: children at once; the first that completes wins, the others are cancelled and what they did is undone. It
// fails when all have failed.
#include "base/json.h"
#include "decider/turn.h"

namespace perdure::decider {

void Turn::advance_race(FrameId id) {
  const plan::Node& n = node(id);
  while (frame(id).branch == k_none && frame(id).cursor < n.children.size()) {
    const std::uint32_t index = frame(id).cursor;
    enter(n.children[index], id, index, Role::step);
  }
  const Frame& f = frame(id);
  if (f.branch != k_none && f.live_children > 0) {
    std::vector<FrameId> losers;
    for (FrameId c = f.first_child; c != k_none; c = frame(c).next_sibling) losers.push_back(c);
    for (auto c = losers.rbegin(); c != losers.rend(); ++c) cancel(*c);
  }
  if (frame(id).live_children > 0) return;
  if (frame(id).branch == k_none) {
    if (frame(id).child_fault) settle_failure(id, frame(id).child_fault);
    else complete(id, history::OutputKind::inline_, k_none, Bytes(std::string("{\"winner\":null,\"output\":null}")));
    return;
  }
  const NodeId winner = n.children[frame(id).branch];
  std::string out = "{\"winner\":" + to_json(Value(plan_.nodes[winner].name)) + ",\"output\":";
  out += slot_json(state_, frame(id).scope, winner) + "}";
  complete(id, history::OutputKind::inline_, k_none, Bytes(std::move(out)));
}

}  // namespace perdure::decider
