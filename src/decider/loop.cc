// loop: while is asked before each iteration, until after it; times counts. Steps of the body keep their last results
// until they run again, so that a condition can look at them.
#include "base/json.h"
#include "decider/turn.h"

namespace perdure::decider {

void Turn::advance_loop(FrameId id) {
  const plan::Node& n = node(id);
  const plan::LoopSpec& spec = *n.loop;
  const NodeId body = n.children.at(0);
  const bool counted = !spec.times.is_null();
  while (true) {
    const Frame& f = frame(id);
    if (f.live_children > 0) return;
    if (f.child_fault) {
      settle_failure(id, f.child_fault);
      return;
    }
    bool done = false;
    const auto ask = [&](plan::ExprId expr, bool stop_when) {
      if (expr == plan::k_none || done) return true;
      const auto holds = evaluate_condition(state_, expr, around(id));
      if (!holds) {
        settle_failure(id, holds.error());
        return false;
      }
      done = *holds == stop_when;
      return true;
    };
    if (f.iteration > 0 && !ask(spec.until, true)) return;
    if (!done && counted) {
      const auto times = render(state_, spec.times, around(id));
      if (!times || !times->is_number() || times->as_double() < 0) {
        settle_failure(id, times ? fault(id, "expression",
                                         "times needs a number of at least 0; it is " + to_json(*times).substr(0, 80))
                                 : times.error());
        return;
      }
      done = static_cast<double>(f.iteration) >= times->as_double();
    }
    if (!done && !ask(spec.while_, false)) return;
    if (done) {
      std::string out = "{\"iterations\":" + std::to_string(f.iteration) + ",\"last\":";
      out += (f.iteration == 0 ? "null" : slot_json(state_, f.scope, body)) + std::string("}");
      complete(id, history::OutputKind::inline_, k_none, Bytes(std::move(out)));
      return;
    }
    if (!counted && f.iteration >= spec.max_iterations) {
      settle_failure(id, fault(id, "loop.limit",
                               "the loop reached its limit of " + std::to_string(spec.max_iterations) +
                                   " iterations (max_iterations)"));
      return;
    }
    if (is_long()) {
      wake(id);
      return;
    }
    emit(history::LoopIterated{id, f.iteration + 1});
    enter(body, id, 0, Role::step);
    if (live_frame(state_, id) == nullptr) return;
    if (frame(id).live_children > 0) return;
  }
}

}  // namespace perdure::decider
