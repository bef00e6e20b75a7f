#pragma once
// Time as data: milliseconds since the Unix epoch, UTC. The pure zone is given `now`; it never asks.
#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace perdure {

using TimeMs = std::int64_t;      // a point in time
using DurationMs = std::int64_t;  // a length of time
inline constexpr TimeMs k_never = INT64_MAX;

enum class Calendar : std::uint8_t {
  refused,  // years and months have no fixed length
  nominal,  // a year is 365 days, a month 30
};
// `500ms 30s 5m 24h 7d` (one or several parts, "1h30m") or ISO 8601 ("PT5M", "P1DT2H", and by `calendar` "P1Y6M").
Result<DurationMs> parse_duration(std::string_view text, Calendar calendar = Calendar::refused);
std::string format_duration(DurationMs duration);  // "1h 30m", "250ms": for people, two largest parts
// RFC 3339, "2026-01-02T03:04:05Z" or with an offset and fraction; also a bare date (midnight UTC).
Result<TimeMs> parse_timestamp(std::string_view text);
std::string format_timestamp(TimeMs time);  // "2026-01-02T03:04:05.678Z"

// The clock, as the outside hands it in. The simulator and tests have their own.
class Clock {
 public:
  virtual ~Clock() = default;
  virtual TimeMs now_ms() = 0;              // wall clock
  virtual std::int64_t monotonic_us() = 0;  // for measuring
};

}  // namespace perdure
