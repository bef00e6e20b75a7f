#include "policy/breaker.h"

namespace perdure::policy {
namespace {

constexpr std::uint8_t k_version = 1;

void enter(Breaker& breaker, BreakerPhase phase, TimeMs now) {
  breaker = Breaker{};
  breaker.phase = phase;
  breaker.changed_at = now;
  breaker.window_start = now;
}

DurationMs since(TimeMs then, TimeMs now) { return now > then ? now - then : 0; }

bool too_many(const Breaker& breaker, const BreakerRules& rules) {
  if (rules.failures > 0 && breaker.failures_in_row >= rules.failures) return true;
  return rules.failure_rate > 0 && breaker.window_calls >= rules.rate_min_calls &&
         breaker.window_failures >= rules.failure_rate * breaker.window_calls;
}

void count(Breaker& breaker, const BreakerRules& rules, TimeMs now, bool failed) {
  if (since(breaker.window_start, now) >= rules.window_ms) {
    breaker.window_start = now;
    breaker.window_calls = breaker.window_failures = 0;
  }
  ++breaker.window_calls;
  if (failed) ++breaker.window_failures;
  breaker.failures_in_row = failed ? breaker.failures_in_row + 1 : 0;
}

}  // namespace

std::string_view to_string(BreakerPhase phase) {
  switch (phase) {
    case BreakerPhase::closed: return "closed";
    case BreakerPhase::open: return "open";
    case BreakerPhase::half_open: return "half_open";
  }
  return "unknown";
}

Admission admit(Breaker& breaker, const BreakerRules& rules, TimeMs now) {
  if (breaker.phase == BreakerPhase::closed) return Admission::call;
  if (breaker.phase == BreakerPhase::open) {
    if (remaining_open(breaker, rules, now) > 0) return Admission::refused;
    enter(breaker, BreakerPhase::half_open, now);
  }
  if (breaker.probes_out >= rules.probes) return Admission::refused;
  ++breaker.probes_out;
  return Admission::probe;
}

bool record(Breaker& breaker, const BreakerRules& rules, TimeMs now, Admission admitted, CallResult result) {
  if (admitted == Admission::probe) {
    if (breaker.phase != BreakerPhase::half_open) return false;
    if (breaker.probes_out > 0) --breaker.probes_out;
    if (result == CallResult::nothing) return false;
    if (result == CallResult::failure) {
      enter(breaker, BreakerPhase::open, now);
      return true;
    }
    if (++breaker.successes < rules.successes) return false;
    enter(breaker, BreakerPhase::closed, now);
    return true;
  }
  if (admitted != Admission::call || breaker.phase != BreakerPhase::closed || result == CallResult::nothing)
    return false;
  count(breaker, rules, now, result == CallResult::failure);
  if (!too_many(breaker, rules)) return false;
  enter(breaker, BreakerPhase::open, now);
  return true;
}

DurationMs remaining_open(Breaker& breaker, const BreakerRules& rules, TimeMs now) {
  if (breaker.phase != BreakerPhase::open) return 0;
  // A clock that was set back must not keep a breaker open for longer than its time.
  if (now < breaker.changed_at) breaker.changed_at = now;
  const DurationMs passed = since(breaker.changed_at, now);
  return passed >= rules.open_for_ms ? 0 : rules.open_for_ms - passed;
}

Bytes encode(const Breaker& breaker) {
  Writer out;
  out.u8(k_version);
  out.u8(static_cast<std::uint8_t>(breaker.phase));
  out.varint(breaker.failures_in_row);
  out.varint(breaker.successes);
  out.zigzag(breaker.changed_at);
  out.zigzag(breaker.window_start);
  out.varint(breaker.window_calls);
  out.varint(breaker.window_failures);
  return Bytes(out.take());
}

Result<Breaker> decode_breaker(std::string_view bytes) {
  Reader in(bytes);
  if (const std::uint8_t version = in.u8(); in.ok() && version != k_version)
    return fail(ErrorCode::unsupported,
                "breaker: written in format " + std::to_string(version) + "; use a newer perdure");
  Breaker breaker;
  const std::uint8_t phase = in.u8();
  if (phase > static_cast<std::uint8_t>(BreakerPhase::half_open)) in.fail_here();
  breaker.phase = static_cast<BreakerPhase>(phase);
  const auto small = [&in] {
    const std::uint64_t wide = in.varint();
    if (wide > UINT32_MAX) in.fail_here();
    return static_cast<std::uint32_t>(wide);
  };
  breaker.failures_in_row = small();
  breaker.successes = small();
  breaker.changed_at = in.zigzag();
  breaker.window_start = in.zigzag();
  breaker.window_calls = small();
  breaker.window_failures = small();
  PERDURE_TRY_VOID(in.finish("breaker"));
  return breaker;
}

}  // namespace perdure::policy
