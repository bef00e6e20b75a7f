#include "policy/rate_limit.h"

#include <algorithm>
#include <cmath>

namespace perdure::policy {

DurationMs take(TokenBucket& bucket, double per_second, TimeMs now) {
  if (!(per_second > 0)) return 0;
  const double burst = std::max(1.0, per_second);
  if (bucket.filled_at == 0) bucket.tokens = burst;
  else if (now > bucket.filled_at)
    bucket.tokens = std::min(burst, bucket.tokens + static_cast<double>(now - bucket.filled_at) * per_second / 1000.0);
  bucket.filled_at = now;  // also when the clock was set back: no tokens for that time, none taken away
  if (bucket.tokens >= 1.0) {
    bucket.tokens -= 1.0;
    return 0;
  }
  const double wait_ms = std::ceil((1.0 - bucket.tokens) * 1000.0 / per_second);
  constexpr double k_longest_ms = 24.0 * 3600 * 1000;  // asked again at least once a day
  return std::max<DurationMs>(1, static_cast<DurationMs>(std::min(wait_ms, k_longest_ms)));
}

TimeMs full_at(const TokenBucket& bucket, double per_second) {
  if (!(per_second > 0)) return bucket.filled_at;
  constexpr double k_longest_ms = 1e15;
  const double missing = std::max(1.0, per_second) - bucket.tokens;
  return bucket.filled_at + static_cast<DurationMs>(std::min(std::ceil(missing * 1000.0 / per_second), k_longest_ms));
}

}  // namespace perdure::policy
