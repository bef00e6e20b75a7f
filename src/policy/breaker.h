#pragma once
// A circuit breaker as a value (SPEC 2.5). One for each service, shared by all runs; who owns it serialises access and
// writes it down at each transition.
//
//   closed --(failures in a row, or failure rate in a window)--> open --(open_for)--> half-open --(successes)--> closed
//                                                                  ^----(one failure)----'
#include <cstdint>
#include <string_view>

#include "base/bytes.h"
#include "base/result.h"
#include "base/time.h"

namespace perdure::policy {

struct BreakerRules {
  std::uint32_t failures = 5;         // in a row; 0: never by count
  double failure_rate = 0;            // 0..1 of the calls of a window; 0: never by rate
  std::uint32_t rate_min_calls = 20;  // a window with fewer calls says nothing
  DurationMs window_ms = 60'000;
  DurationMs open_for_ms = 60'000;
  std::uint32_t probes = 1;     // calls let through at a time while half-open
  std::uint32_t successes = 2;  // of probes, then it closes
};

enum class BreakerPhase : std::uint8_t { closed, open, half_open };
std::string_view to_string(BreakerPhase phase);

struct Breaker {
  BreakerPhase phase = BreakerPhase::closed;
  std::uint32_t failures_in_row = 0;
  std::uint32_t successes = 0;   // of probes since it became half-open
  std::uint32_t probes_out = 0;  // not kept over a restart: those calls are lost
  TimeMs changed_at = 0;         // of the phase
  TimeMs window_start = 0;
  std::uint32_t window_calls = 0, window_failures = 0;
  friend bool operator==(const Breaker&, const Breaker&) = default;
};

enum class Admission : std::uint8_t { call, probe, refused };
// Asks for one call. `call` and `probe` must be followed by exactly one record() with what was given here. A breaker
// whose time is over becomes half-open by being asked.
Admission admit(Breaker& breaker, const BreakerRules& rules, TimeMs now);

// What the call says about the service: a refused argument says it is well, a cancelled call says nothing.
enum class CallResult : std::uint8_t { success, failure, nothing };
// Returns whether the phase changed. Results of calls admitted before the present phase change nothing.
bool record(Breaker& breaker, const BreakerRules& rules, TimeMs now, Admission admitted, CallResult result);

// How long calls will still be refused; 0 when not open. When the clock was set back its time counts from now.
DurationMs remaining_open(Breaker& breaker, const BreakerRules& rules, TimeMs now);

// One byte of version, then the fields but probes_out, in order. decode is total.
Bytes encode(const Breaker& breaker);
Result<Breaker> decode_breaker(std::string_view bytes);

}  // namespace perdure::policy
