#include "activity/outcome.h"

#include <cstdint>

namespace perdure::activity {
namespace {

constexpr DurationMs k_queue_full_retry_ms = 1000;
constexpr std::string_view k_cut = "...";

bool continues(char c) { return (static_cast<std::uint8_t>(c) & 0xC0) == 0x80; }

// Bytes of the well-formed character at the start of `text`, or 0.
std::size_t character_size(std::string_view text) {
  const auto byte = [&text](std::size_t i) { return static_cast<std::uint8_t>(text[i]); };
  const std::uint8_t first = byte(0);
  if (first < 0x80) return 1;
  const std::size_t size = first >= 0xC2 && first <= 0xDF   ? 2
                           : (first & 0xF0) == 0xE0         ? 3
                           : first >= 0xF0 && first <= 0xF4 ? 4
                                                            : 0;
  if (size == 0 || text.size() < size) return 0;
  for (std::size_t i = 1; i < size; ++i) {
    if (!continues(text[i])) return 0;
  }
  // Overlong forms, surrogates, and what lies beyond the last character.
  if ((first == 0xE0 && byte(1) < 0xA0) || (first == 0xED && byte(1) > 0x9F)) return 0;
  if ((first == 0xF0 && byte(1) < 0x90) || (first == 0xF4 && byte(1) > 0x8F)) return 0;
  return size;
}

}  // namespace

Outcome failure(Failure what) {
  ActivityError error;
  error.type = std::move(what.type);
  error.title = head(what.title, k_error_detail_bytes_max);
  error.detail = head(what.detail, k_error_detail_bytes_max);
  error.status = what.status;
  error.error_class = what.error_class;
  error.retry_after_ms = what.retry_after_ms;
  return Outcome::failure(std::move(error));
}

Outcome shutdown_outcome(bool may_have_had_an_effect) {
  return failure({.type = "engine.shutdown",
                  .title = may_have_had_an_effect ? "the engine stopped while this ran"
                                                  : "the engine stopped before this had an effect",
                  .error_class = may_have_had_an_effect ? ErrorClass::ambiguous : ErrorClass::transient});
}

Outcome cancelled_outcome() {
  return failure({.type = "cancelled", .title = "cancelled before it began", .error_class = ErrorClass::fatal});
}

Outcome queue_full_outcome(std::string_view what_is_busy, std::size_t queue_max) {
  return failure({.type = "queue.full",
                  .title = "all " + std::string(what_is_busy) + " are busy and " + std::to_string(queue_max) +
                           " tasks wait already",
                  .error_class = ErrorClass::throttled,
                  .retry_after_ms = k_queue_full_retry_ms});
}

std::string valid_utf8(std::string text) {
  std::size_t at = 0;
  while (at < text.size()) {
    const std::size_t size = character_size(std::string_view(text).substr(at));
    if (size == 0) break;
    at += size;
  }
  if (at == text.size()) return text;
  std::string out = text.substr(0, at);
  while (at < text.size()) {
    const std::string_view rest = std::string_view(text).substr(at);
    const std::size_t size = character_size(rest);
    if (size == 0) out += "\xEF\xBF\xBD";
    else out += rest.substr(0, size);
    at += size == 0 ? 1 : size;
  }
  return out;
}

std::string tail(std::string_view text, std::size_t bytes_max) {
  if (text.size() <= bytes_max) return std::string(text);
  text.remove_prefix(text.size() - (bytes_max - k_cut.size()));
  while (!text.empty() && continues(text.front())) text.remove_prefix(1);
  return std::string(k_cut) + std::string(text);
}

std::string head(std::string_view text, std::size_t bytes_max) {
  if (text.size() <= bytes_max) return std::string(text);
  std::size_t end = bytes_max - k_cut.size();
  while (end > 0 && continues(text[end])) --end;
  return std::string(text.substr(0, end)) + std::string(k_cut);
}

}  // namespace perdure::activity
