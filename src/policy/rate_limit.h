#pragma once
// A token bucket as a value: at most `per_second` calls a second on average, bursts of one second's worth.
#include "base/time.h"

namespace perdure::policy {

struct TokenBucket {
  double tokens = 0;
  TimeMs filled_at = 0;  // 0: never asked, it starts full
};

// Takes one token and returns 0, or takes none and returns how long to wait before asking again (at least 1 ms).
// `per_second` <= 0: no limit.
DurationMs take(TokenBucket& bucket, double per_second, TimeMs now);
// When it will be full again if nothing more is taken; a bucket that was never asked is as good then.
TimeMs full_at(const TokenBucket& bucket, double per_second);

}  // namespace perdure::policy
