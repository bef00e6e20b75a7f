#pragma once
// Tokens of a source. Strings are read by the parser, which calls back for what is inside \( ).
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace perdure::expr {

enum class TokenKind : std::uint8_t { end, name, field, format, number, quote, symbol, bad };

struct Token {
  TokenKind kind = TokenKind::end;
  std::string_view text;  // of a field or format without its mark
  std::size_t offset = 0;
  bool is(std::string_view symbol) const { return kind == TokenKind::symbol && text == symbol; }
  bool is_name(std::string_view name) const { return kind == TokenKind::name && text == name; }
};

struct StringPart {
  enum class End : std::uint8_t { quote, interpolation, bad } end = End::bad;
  std::string text;
  std::string_view problem;  // of a bad one; the position is Lexer::position()
};

class Lexer {
 public:
  explicit Lexer(std::string_view source, std::size_t at = 0) : source_(source), at_(at) {}
  Token next();
  // After a quote token or the parenthesis that closes an interpolation: the text up to the next \( or quote.
  StringPart string_part();
  std::size_t position() const { return at_; }

 private:
  void skip_blank();
  Token take(TokenKind kind, std::size_t length, std::size_t mark = 0);
  std::string_view escape(std::string& out);
  std::string_view source_;
  std::size_t at_ = 0;
};

}  // namespace perdure::expr
