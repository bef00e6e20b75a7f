#include "expr/lexer.h"

#include <array>
#include <charconv>
#include <cstdint>

#include "expr/utf8.h"

namespace perdure::expr {
namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool starts_name(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
bool in_name(char c) { return starts_name(c) || is_digit(c); }

// Longest first.
constexpr std::array<std::string_view, 37> k_symbols = {
    "?//", "//=", "!=", "==", "<=", ">=", "|=", "+=", "-=", "*=", "/=", "%=", "//", "..", "::", ".", "[", "]", "{",
    "}",   "(",   ")",  "|",  ",",  ":",  ";",  "=",  "<",  ">",  "+",  "-",  "*",  "/",  "%",  "?", "$", "!"};

}  // namespace

void Lexer::skip_blank() {
  while (at_ < source_.size()) {
    const char c = source_[at_];
    if (c == '#') {
      while (at_ < source_.size() && source_[at_] != '\n') ++at_;
    } else if (c == ' ' || c == '\t' || c == '\n' || c == '\r') {
      ++at_;
    } else {
      return;
    }
  }
}

Token Lexer::take(TokenKind kind, std::size_t length, std::size_t mark) {
  const Token token{kind, source_.substr(at_ + mark, length - mark), at_};
  at_ += length;
  return token;
}

Token Lexer::next() {
  skip_blank();
  const std::string_view rest = source_.substr(at_);
  if (rest.empty()) return {TokenKind::end, {}, at_};
  const char c = rest.front();
  const auto name_end = [rest](std::size_t from) {
    while (from < rest.size() && in_name(rest[from])) ++from;
    return from;
  };
  if (starts_name(c)) return take(TokenKind::name, name_end(1));
  if (c == '.' && rest.size() > 1 && starts_name(rest[1])) return take(TokenKind::field, name_end(2), 1);
  if (c == '@' && rest.size() > 1 && in_name(rest[1])) return take(TokenKind::format, name_end(2), 1);
  if (c == '"') return take(TokenKind::quote, 1);
  if (is_digit(c) || (c == '.' && rest.size() > 1 && is_digit(rest[1]))) {
    std::size_t n = 0;
    while (n < rest.size() && is_digit(rest[n])) ++n;
    if (n < rest.size() && rest[n] == '.') {
      ++n;
      while (n < rest.size() && is_digit(rest[n])) ++n;
    }
    if (n < rest.size() && (rest[n] == 'e' || rest[n] == 'E')) {
      std::size_t e = n + 1;
      if (e < rest.size() && (rest[e] == '+' || rest[e] == '-')) ++e;
      if (e < rest.size() && is_digit(rest[e])) {
        while (e < rest.size() && is_digit(rest[e])) ++e;
        n = e;
      }
    }
    return take(TokenKind::number, n);
  }
  for (const std::string_view symbol : k_symbols) {
    if (rest.starts_with(symbol)) return take(TokenKind::symbol, symbol.size());
  }
  return take(TokenKind::bad, 1);
}

StringPart Lexer::string_part() {
  StringPart part;
  while (at_ < source_.size()) {
    const char c = source_[at_];
    if (c == '"') {
      ++at_;
      part.end = StringPart::End::quote;
      return part;
    }
    if (c != '\\') {
      const std::size_t stop = std::min(source_.find_first_of("\"\\", at_), source_.size());
      part.text += to_valid_utf8(source_.substr(at_, stop - at_));
      at_ = stop;
      continue;
    }
    if (source_.substr(at_, 2) == "\\(") {
      at_ += 2;
      part.end = StringPart::End::interpolation;
      return part;
    }
    part.problem = escape(part.text);
    if (!part.problem.empty()) return part;
  }
  part.problem = "the string is not closed";
  return part;
}

std::string_view Lexer::escape(std::string& out) {
  static constexpr std::string_view k_names = "\"\\/bfnrt";
  static constexpr std::string_view k_values = "\"\\/\b\f\n\r\t";
  const char c = at_ + 1 < source_.size() ? source_[at_ + 1] : '\0';
  if (const std::size_t i = k_names.find(c); i != std::string_view::npos) {
    out.push_back(k_values[i]);
    at_ += 2;
    return {};
  }
  const auto hex4 = [this](std::size_t from, std::uint32_t& code) {
    if (source_.size() < from + 6 || source_.substr(from, 2) != "\\u") return false;
    const char* begin = source_.data() + from + 2;
    return std::from_chars(begin, begin + 4, code, 16).ptr == begin + 4;
  };
  std::uint32_t code = 0;
  if (c != 'u') return "unknown escape in a string";
  if (!hex4(at_, code)) return "\\u needs four hexadecimal digits";
  at_ += 6;
  std::uint32_t low = 0;
  if (code >= 0xD800 && code < 0xDC00 && hex4(at_, low) && low >= 0xDC00 && low < 0xE000) {
    code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
    at_ += 6;
  }
  append_utf8(out, code);
  return {};
}

}  // namespace perdure::expr
