#include "policy/retry.h"

#include <algorithm>
#include <cmath>

namespace perdure::policy {
namespace {

// SplitMix64: one well-mixed number from a seed; the jitter needs no more.
std::uint64_t mix(std::uint64_t x) {
  x += 0x9e3779b97f4a7c15ULL;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebULL;
  return x ^ (x >> 31);
}

DurationMs base_delay(const RetryPolicy& policy, std::uint32_t attempt) {
  const auto initial = static_cast<double>(policy.initial_ms);
  double delay = initial;
  switch (policy.backoff) {
    case Backoff::fixed: break;
    case Backoff::linear: delay = initial * attempt; break;
    case Backoff::exponential:
      delay = initial * std::pow(policy.factor, std::min<std::uint32_t>(attempt - 1, 1000));
      break;
  }
  const auto cap = static_cast<double>(policy.max_interval_ms);
  return static_cast<DurationMs>(std::isfinite(delay) ? std::min(delay, cap) : cap);
}

DurationMs jittered(Jitter jitter, DurationMs delay, std::uint64_t seed) {
  if (delay <= 0 || jitter == Jitter::none) return std::max<DurationMs>(delay, 0);
  const double unit = static_cast<double>(mix(seed) >> 11) * 0x1.0p-53;
  const auto d = static_cast<double>(delay);
  return static_cast<DurationMs>(jitter == Jitter::full ? unit * d : d / 2 + unit * d / 2);
}

}  // namespace

std::string_view to_string(ErrorClass error_class) {
  switch (error_class) {
    case ErrorClass::transient: return "transient";
    case ErrorClass::recoverable: return "recoverable";
    case ErrorClass::throttled: return "throttled";
    case ErrorClass::fatal: return "fatal";
    case ErrorClass::ambiguous: return "ambiguous";
  }
  return "recoverable";
}

std::optional<RetryPolicy> preset(std::string_view name) {
  RetryPolicy p;
  if (name == "default") return p;
  if (name == "none") {
    p.max_attempts = 1;
    return p;
  }
  if (name == "idempotent_api_call") {
    p.max_attempts = 5;
    return p;
  }
  if (name == "financial_transaction") {
    p.initial_ms = 5'000;
    p.factor = 1.5;
    p.max_interval_ms = 30'000;
    p.non_retryable = {"duplicate", "duplicate.*", "duplicate_transaction", "insufficient_funds",
                       "insufficient_funds.*"};
    return p;
  }
  if (name == "user_notification") {
    p.initial_ms = 2'000;
    p.factor = 3.0;
    p.max_interval_ms = 120'000;
    p.max_attempts = 10;
    return p;
  }
  return std::nullopt;
}

std::vector<std::string> preset_names() {
  return {"default", "none", "idempotent_api_call", "financial_transaction", "user_notification"};
}

bool error_matches(std::string_view pattern, std::string_view type) {
  if (pattern == "*" || pattern == type) return true;
  if (!pattern.ends_with(".*")) return false;
  const auto prefix = pattern.substr(0, pattern.size() - 2);
  return type.starts_with(prefix) && (type.size() == prefix.size() || type[prefix.size()] == '.');
}

std::optional<DurationMs> next_delay(const RetryPolicy& policy, std::uint32_t attempt, const Failure& failure,
                                     std::uint64_t seed) {
  if (failure.error_class == ErrorClass::fatal) return std::nullopt;
  if (policy.max_attempts != 0 && attempt >= policy.max_attempts) return std::nullopt;
  for (const auto& pattern : policy.non_retryable)
    if (error_matches(pattern, failure.type)) return std::nullopt;
  if (failure.error_class == ErrorClass::transient && attempt == 1) return 0;
  const auto delay = jittered(policy.jitter, base_delay(policy, attempt), seed + attempt);
  return std::max(delay, failure.retry_after_ms);
}

}  // namespace perdure::policy
