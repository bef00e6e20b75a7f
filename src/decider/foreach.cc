// foreach on any step: a head frame that fans out, one frame an item; the output is the array of the items' outputs in
// the items' order, null for an item that was skipped or whose failure was let pass.
#include "base/json.h"
#include "base/limits.h"
#include "decider/turn.h"

namespace perdure::decider {

void Turn::begin_foreach(FrameId id) {
  const plan::Node& n = node(id);
  auto items = evaluate(state_, n.foreach, around(id));
  if (!items) {
    settle_failure(id, items.error());
    return;
  }
  if (items->is_null()) *items = Value::array();
  if (!items->is_array()) {
    settle_failure(
        id, fault(id, "expression", "foreach needs an array; the expression gave " + to_json(*items).substr(0, 80)));
    return;
  }
  if (items->size() > k_foreach_items_max) {
    settle_failure(id, fault(id, "foreach.limit",
                             "foreach over " + std::to_string(items->size()) + " items; the limit is " +
                                 std::to_string(k_foreach_items_max)));
    return;
  }
  emit(history::ItemsFixed{id, Bytes(to_json(*items))});
  wake(id);
}

void Turn::advance_foreach(FrameId id) {
  const plan::Node& n = node(id);
  if (!frame(id).items) return;
  while (true) {
    const Frame& f = frame(id);
    if (f.child_fault) {
      fail(id, f.child_fault);
      return;
    }
    if (f.cursor >= f.items->items.size()) break;
    if (n.foreach_parallel != 0 && f.live_children >= n.foreach_parallel) break;
    if (is_long()) {
      wake(id);
      return;
    }
    enter(f.node, id, f.cursor, Role::item);
  }
  const Frame& f = frame(id);
  if (f.live_children > 0) return;
  std::string out = "[";
  for (const Bytes& result : f.items->results) {
    if (out.size() > 1) out.push_back(',');
    out += result.empty() ? std::string_view("null") : result.view();
  }
  out.push_back(']');
  complete(id, history::OutputKind::inline_, k_none, Bytes(std::move(out)));
}

}  // namespace perdure::decider
