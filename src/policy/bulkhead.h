#pragma once
// A bulkhead as a value: at most `limit` calls of one service at a time, so that a slow one can't hold everything.
#include <cstdint>

namespace perdure::policy {

struct Bulkhead {
  std::uint32_t in_flight = 0;
};

// `limit` 0: none. true must be followed by exactly one leave().
inline bool enter(Bulkhead& bulkhead, std::uint32_t limit) {
  if (limit != 0 && bulkhead.in_flight >= limit) return false;
  ++bulkhead.in_flight;
  return true;
}
inline void leave(Bulkhead& bulkhead) {
  if (bulkhead.in_flight > 0) --bulkhead.in_flight;
}

}  // namespace perdure::policy
