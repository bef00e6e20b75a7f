#include "expr/utf8.h"

namespace perdure::expr {
namespace {

constexpr std::uint32_t k_replacement = 0xFFFD;

std::uint8_t byte_at(std::string_view text, std::size_t at) { return static_cast<std::uint8_t>(text[at]); }

}  // namespace

void append_utf8(std::string& out, std::uint32_t c) {
  if (c > 0x10FFFF || (c >= 0xD800 && c < 0xE000)) c = k_replacement;
  const auto put = [&out](std::uint32_t byte) { out.push_back(static_cast<char>(byte)); };
  if (c < 0x80) {
    put(c);
  } else if (c < 0x800) {
    put(0xC0 | (c >> 6));
    put(0x80 | (c & 0x3F));
  } else if (c < 0x10000) {
    put(0xE0 | (c >> 12));
    put(0x80 | ((c >> 6) & 0x3F));
    put(0x80 | (c & 0x3F));
  } else {
    put(0xF0 | (c >> 18));
    put(0x80 | ((c >> 12) & 0x3F));
    put(0x80 | ((c >> 6) & 0x3F));
    put(0x80 | (c & 0x3F));
  }
}

std::uint32_t next_code_point(std::string_view text, std::size_t& at) {
  const std::uint8_t first = byte_at(text, at++);
  if (first < 0x80) return first;
  const std::size_t more = first >= 0xF0 && first <= 0xF4  ? 3
                           : first >= 0xE0 && first < 0xF0 ? 2
                           : first >= 0xC2 && first < 0xE0 ? 1
                                                           : 0;
  if (more == 0 || text.size() - at < more) return k_replacement;
  std::uint32_t c = first & (0x3FU >> more);
  for (std::size_t i = 0; i < more; ++i) {
    const std::uint8_t b = byte_at(text, at + i);
    if ((b & 0xC0) != 0x80) return k_replacement;
    c = (c << 6) | (b & 0x3F);
  }
  const bool too_long = (more == 2 && c < 0x800) || (more == 3 && c < 0x10000);
  if (too_long || c > 0x10FFFF || (c >= 0xD800 && c < 0xE000)) return k_replacement;
  at += more;
  return c;
}

std::size_t count_code_points(std::string_view text) {
  std::size_t count = 0;
  for (const char c : text) count += (static_cast<std::uint8_t>(c) & 0xC0) != 0x80 ? 1 : 0;
  return count;
}

std::size_t byte_of_code_point(std::string_view text, std::size_t index) {
  for (std::size_t at = 0; at < text.size(); ++at) {
    if ((byte_at(text, at) & 0xC0) == 0x80) continue;
    if (index == 0) return at;
    --index;
  }
  return text.size();
}

std::string to_valid_utf8(std::string_view bytes) {
  std::string out;
  out.reserve(bytes.size());
  for (std::size_t at = 0; at < bytes.size();) append_utf8(out, next_code_point(bytes, at));
  return out;
}

}  // namespace perdure::expr
