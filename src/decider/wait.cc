// wait: a durable timer.
#include <algorithm>

#include "base/json.h"
#include "decider/turn.h"

namespace perdure::decider {
namespace {
// A number is milliseconds since the epoch.
Result<TimeMs> point_in_time(const Value& value) {
  if (value.is_string()) return parse_timestamp(value.as_string());
  if (value.is_integer()) return value.as_int();
  return fail(ErrorCode::invalid,
              "needs a timestamp such as 2026-01-02T03:04:05Z; it is " + to_json(value).substr(0, 80));
}
}  // namespace

// When the wait that began at `from` is over.
Evaluated<TimeMs> Turn::wait_due(FrameId id, TimeMs from) const {
  const plan::WaitSpec& spec = *plan_.nodes[state_.frames[id].node].wait;
  const bool until = !spec.until.is_null();
  const auto value = render(state_, until ? spec.until : spec.duration, around(id));
  if (!value) return tl::unexpected<FaultPtr>(value.error());
  const auto wrong = [&](std::string title) {
    return tl::unexpected<FaultPtr>(fault(id, "expression", std::move(title)));
  };
  if (until) {
    const auto at = point_in_time(*value);
    if (!at) return wrong("wait_until: " + at.error().message);
    return *at;
  }
  const Calendar calendar = plan_.data_flow ? Calendar::nominal : Calendar::refused;
  const auto length = value->is_string() ? parse_duration(value->as_string(), calendar) : Result<DurationMs>(0);
  if (!length || !value->is_string())
    return wrong("wait needs a duration such as 10m; it is " + to_json(*value).substr(0, 80));
  return *length > k_never - from ? k_never - 1 : from + *length;
}

// The step's time may be over before its wait is. A native review has no other time than its own.
TimeMs Turn::wait_deadline(FrameId id) const {
  const plan::Node& n = plan_.nodes[state_.frames[id].node];
  const DurationMs limit = n.flow || n.kind == plan::Kind::wait ? time_limit(id).value_or(0) : 0;
  return limit != 0 ? state_.frames[id].started_at + limit : k_never;
}

void Turn::begin_wait(FrameId id) {
  const auto due = wait_due(id, context_.now);
  if (!due) settle_failure(id, due.error());
  else if (*due <= context_.now) complete(id, history::OutputKind::none);
  else emit(history::TimerStarted{id, std::min(*due, wait_deadline(id))});
}

void Turn::wait_over(FrameId id) {
  if (wait_deadline(id) <= context_.now) {
    const auto due = wait_due(id, frame(id).started_at);
    if (!due || *due > context_.now) {
      fail(id, due ? timeout(id, "timeout.start_to_close", "step '" + node(id).name + "' exceeded its time limit")
                   : due.error());
      return;
    }
  }
  complete(id, history::OutputKind::none);
}

}  // namespace perdure::decider
