#pragma once
// Retry policies as values (SPEC 2.2, 2.3): presets, back-off with jitter, and the question "again, and when?".
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.h"

namespace perdure::policy {

enum class Backoff : std::uint8_t { exponential, linear, fixed };
enum class Jitter : std::uint8_t { none, equal, full };
// The same classes as activity::ErrorClass; kept here so that the pure zone needs no port.
enum class ErrorClass : std::uint8_t { transient, recoverable, throttled, fatal, ambiguous };
std::string_view to_string(ErrorClass error_class);

struct RetryPolicy {
  DurationMs initial_ms = 1'000;
  double factor = 2.0;  // exponential: each delay is the last times this; linear: initial + (n-1)*initial
  DurationMs max_interval_ms = 60'000;
  std::uint32_t max_attempts = 3;  // the first one included; 0 means without limit
  Backoff backoff = Backoff::exponential;
  Jitter jitter = Jitter::full;
  std::vector<std::string> non_retryable;  // error types, "prefix.*" matches
  friend bool operator==(const RetryPolicy&, const RetryPolicy&) = default;
};

// "idempotent_api_call", "financial_transaction", "user_notification", "none", "default"; nullopt when unknown.
std::optional<RetryPolicy> preset(std::string_view name);
std::vector<std::string> preset_names();

// "http.503" matches "http.503", "http.*" and "*".
bool error_matches(std::string_view pattern, std::string_view type);

struct Failure {
  std::string_view type;
  ErrorClass error_class = ErrorClass::recoverable;
  DurationMs retry_after_ms = 0;
};
// The delay before attempt `attempt + 1`, or nullopt: no further attempt. Pure: `seed` decides the jitter.
// fatal and non-retryable errors end at once; a transient error's first retry is immediate; a throttled one waits at
// least retry_after_ms; an ambiguous one is retried like a recoverable one (the idempotency key is stable).
std::optional<DurationMs> next_delay(const RetryPolicy& policy, std::uint32_t attempt, const Failure& failure,
                                     std::uint64_t seed);

}  // namespace perdure::policy
