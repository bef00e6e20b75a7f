#pragma once
// Making outcomes, and the texts in them.
#include <cstddef>
#include <string>
#include <string_view>

#include "activity/activity.h"

namespace perdure::activity {

inline constexpr std::size_t k_error_detail_bytes_max = 4096;

struct Failure {
  std::string type;
  std::string title;
  ErrorClass error_class = ErrorClass::recoverable;
  std::string detail = {};  // its head is kept when it is too long
  int status = 0;
  DurationMs retry_after_ms = 0;
};
Outcome failure(Failure what);

// The answers to a task that a driver has to drop, that was cancelled before it began, and that it has no room for.
Outcome shutdown_outcome(bool may_have_had_an_effect);
Outcome cancelled_outcome();  // while it waited: certainly no effect
Outcome queue_full_outcome(std::string_view what_is_busy, std::size_t queue_max);

// Well-formed UTF-8: each byte that is part of no character becomes U+FFFD.
std::string valid_utf8(std::string text);
// At most `bytes_max` bytes of the end or start of `text`, cut between characters, with "..." where it was cut.
std::string tail(std::string_view text, std::size_t bytes_max);
std::string head(std::string_view text, std::size_t bytes_max);

}  // namespace perdure::activity
