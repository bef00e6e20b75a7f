// A subscription of a plan with a data flow: a listen that is fed by an activity of its own, which is asked again and
// again for one message more (docs/ows.md, C14). What it gave is recorded, so that no crash loses it.
#include "base/json.h"
#include "decider/turn.h"

namespace perdure::decider {

// Takes the answer that has come. False when there are no more, or the task has ended with a fault.
bool Turn::take_message(FrameId id) {
  const plan::EventsSpec& spec = *node(id).flow->events;
  const auto answer = parse_json(frame(id).data->now.view());
  const Value* message = answer ? answer->find("message") : nullptr;
  if (message == nullptr) {  // a look that found nothing, or the last
    const bool over = !answer || answer->find("over") != nullptr;
    emit(history::EventConsumed{id, 0, 0, true, {}});
    return !over;
  }
  bool wanted = true;
  if (spec.filter != plan::k_none) {
    Surroundings s = around(id);
    s.dot = message;
    const auto holds = evaluate_condition(state_, spec.filter, s);
    if (!holds) {
      end_subscription(id, holds.error());
      return false;
    }
    wanted = *holds;
  }
  emit(history::EventConsumed{id, 0, 0, !wanted, {}});
  return true;
}

// Whether it has all it wants; nothing when the task has ended with a fault.
std::optional<bool> Turn::subscription_over(FrameId id) {
  const plan::EventsSpec& spec = *node(id).flow->events;
  const Value& taken = frame(id).items->items;
  if (spec.amount != 0 && taken.size() >= spec.amount) return true;
  if (spec.for_ms != 0 && context_.now >= frame(id).started_at + spec.for_ms) return true;
  Surroundings s = around(id);
  s.dot = &taken;
  for (const plan::ExprId asked : {spec.while_, spec.until}) {
    if (asked == plan::k_none || (asked == spec.until && taken.size() == 0)) continue;
    const auto holds = evaluate_condition(state_, asked, s);
    if (!holds) {
      end_subscription(id, holds.error());
      return std::nullopt;
    }
    if (*holds == (asked == spec.until)) return true;
  }
  return false;
}

// Well, or with a fault. The connection is not needed any more.
void Turn::end_subscription(FrameId id, FaultPtr why) {
  out_.commands.emplace_back(CancelActivity{id, frame(id).command, node(id).children.back()});
  if (why) settle_failure(id, std::move(why));
  else complete_listen(id);
}

void Turn::advance_subscription(FrameId id) {
  const plan::EventsSpec& spec = *node(id).flow->events;
  const auto feed = static_cast<std::uint32_t>(node(id).children.size() - 1);
  while (true) {
    const Frame& f = frame(id);
    if (f.live_children > 0 || !f.listening) return;
    if (f.child_fault) return end_subscription(id, f.child_fault);
    if (is_long()) return wake(id);
    if (state_.ending) break;
    if (f.listening->answered) {
      if (take_message(id)) continue;
      if (frame(id).live && frame(id).listening) break;
      return;
    }
    if (spec.foreach && f.iteration < f.items->items.size()) {
      emit(history::LoopIterated{id, f.iteration + 1});
      enter(node(id).children.at(0), id, 0, Role::step);
      continue;
    }
    const auto over = subscription_over(id);
    if (!over) return;
    if (*over) break;
    enter(node(id).children.at(feed), id, feed, Role::step);
  }
  end_subscription(id, nullptr);
}

}  // namespace perdure::decider
