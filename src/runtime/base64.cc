#include "runtime/base64.h"

#include <array>
#include <cstdint>

namespace perdure::runtime {
namespace {

constexpr std::string_view k_alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

constexpr std::array<std::int8_t, 256> digits() {
  std::array<std::int8_t, 256> table{};
  for (auto& digit : table) digit = -1;
  for (std::size_t i = 0; i < k_alphabet.size(); ++i)
    table[static_cast<unsigned char>(k_alphabet[i])] = static_cast<std::int8_t>(i);
  return table;
}
constexpr auto k_digits = digits();

}  // namespace

std::string to_base64(std::string_view bytes) {
  std::string out;
  out.reserve((bytes.size() + 2) / 3 * 4);
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    std::uint32_t group = 0;
    for (std::size_t k = 0; k < 3; ++k)
      group = group << 8 | (i + k < bytes.size() ? static_cast<unsigned char>(bytes[i + k]) : 0U);
    for (std::size_t k = 0; k < 4; ++k) out += i + k <= bytes.size() ? k_alphabet[(group >> (18 - 6 * k)) & 63] : '=';
  }
  return out;
}

Result<std::string> from_base64(std::string_view text) {
  if (text.size() % 4 != 0) return fail(ErrorCode::invalid, "base64: the length is no multiple of 4");
  std::string out;
  out.reserve(text.size() / 4 * 3);
  for (std::size_t i = 0; i < text.size(); i += 4) {
    const bool last = i + 4 == text.size();
    const std::size_t padding = !last ? 0 : text[i + 3] != '=' ? 0 : text[i + 2] != '=' ? 1 : 2;
    std::uint32_t group = 0;
    for (std::size_t k = 0; k < 4; ++k) {
      const int digit = k >= 4 - padding ? 0 : k_digits[static_cast<unsigned char>(text[i + k])];
      if (digit < 0) return fail(ErrorCode::invalid, "base64: character " + std::to_string(i + k) + " is not allowed");
      group = group << 6 | static_cast<std::uint32_t>(digit);
    }
    for (std::size_t k = 0; k + padding < 3; ++k) out += static_cast<char>(group >> (16 - 8 * k));
  }
  return out;
}

}  // namespace perdure::runtime
