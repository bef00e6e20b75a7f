// wait: a durable timer.
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

void Turn::begin_wait(FrameId id) {
  const plan::WaitSpec& spec = *node(id).wait;
  const bool until = !spec.until.is_null();
  const auto value = render(state_, until ? spec.until : spec.duration, around(id));
  if (!value) {
    settle_failure(id, value.error());
    return;
  }
  TimeMs due = 0;
  if (until) {
    const auto at = point_in_time(*value);
    if (!at) {
      settle_failure(id, fault(id, "expression", "wait_until: " + at.error().message));
      return;
    }
    due = *at;
  } else {
    const auto length = value->is_string() ? parse_duration(value->as_string()) : Result<DurationMs>(0);
    if (!length || !value->is_string()) {
      settle_failure(
          id, fault(id, "expression", "wait needs a duration such as 10m; it is " + to_json(*value).substr(0, 80)));
      return;
    }
    due = *length > k_never - context_.now ? k_never - 1 : context_.now + *length;
  }
  if (due <= context_.now) {
    complete(id, history::OutputKind::none);
    return;
  }
  emit(history::TimerStarted{id, due});
}

}  // namespace perdure::decider
