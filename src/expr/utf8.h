#pragma once
// UTF-8 by code points. Values hold well-formed text only; malformed bytes are still read as U+FFFD one by one.
#include <cstdint>
#include <string>
#include <string_view>

namespace perdure::expr {

void append_utf8(std::string& out, std::uint32_t code_point);  // U+FFFD for surrogates and beyond U+10FFFF
std::uint32_t next_code_point(std::string_view text, std::size_t& at);
std::size_t count_code_points(std::string_view text);
// The byte at which code point `index` starts; the size when there are not as many.
std::size_t byte_of_code_point(std::string_view text, std::size_t index);
// Malformed bytes replaced by U+FFFD.
std::string to_valid_utf8(std::string_view bytes);

}  // namespace perdure::expr
