#include "base/json.h"

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <cstring>
#include <limits>
#include <vector>

namespace perdure {
namespace {

constexpr std::string_view k_replacement = "\xEF\xBF\xBD";  // U+FFFD

void append_utf8(std::string& out, std::uint32_t c) {
  if (c < 0x80) {
    out.push_back(static_cast<char>(c));
  } else if (c < 0x800) {
    out.push_back(static_cast<char>(0xC0 | (c >> 6)));
    out.push_back(static_cast<char>(0x80 | (c & 0x3F)));
  } else if (c < 0x10000) {
    out.push_back(static_cast<char>(0xE0 | (c >> 12)));
    out.push_back(static_cast<char>(0x80 | ((c >> 6) & 0x3F)));
    out.push_back(static_cast<char>(0x80 | (c & 0x3F)));
  } else {
    out.push_back(static_cast<char>(0xF0 | (c >> 18)));
    out.push_back(static_cast<char>(0x80 | ((c >> 12) & 0x3F)));
    out.push_back(static_cast<char>(0x80 | ((c >> 6) & 0x3F)));
    out.push_back(static_cast<char>(0x80 | (c & 0x3F)));
  }
}

// Length of the well-formed UTF-8 sequence that starts at p with a byte >= 0x80, or 0.
std::size_t utf8_sequence(const char* p, const char* end) {
  const auto byte = [&](std::size_t i) { return static_cast<std::uint8_t>(p[i]); };
  const auto follows = [&](std::size_t i) { return (byte(i) & 0xC0) == 0x80; };
  const auto left = static_cast<std::size_t>(end - p);
  const std::uint8_t b = byte(0);
  if (b >= 0xC2 && b <= 0xDF) return left >= 2 && follows(1) ? 2 : 0;
  if (b >= 0xE0 && b <= 0xEF) {
    if (left < 3 || !follows(1) || !follows(2)) return 0;
    if ((b == 0xE0 && byte(1) < 0xA0) || (b == 0xED && byte(1) >= 0xA0)) return 0;
    return 3;
  }
  if (b >= 0xF0 && b <= 0xF4) {
    if (left < 4 || !follows(1) || !follows(2) || !follows(3)) return 0;
    if ((b == 0xF0 && byte(1) < 0x90) || (b == 0xF4 && byte(1) >= 0x90)) return 0;
    return 4;
  }
  return 0;
}

// High bit set in each byte of `word` that a string literal can't take as it is: quote, backslash, control, non-ASCII.
std::uint64_t special_bytes(std::uint64_t word) {
  constexpr std::uint64_t k_ones = 0x0101010101010101;
  constexpr std::uint64_t k_high = 0x8080808080808080;
  const std::uint64_t quote = word ^ (k_ones * '"');
  const std::uint64_t slash = word ^ (k_ones * '\\');
  return (((quote - k_ones) & ~quote) | ((slash - k_ones) & ~slash) | ((word - k_ones * 0x20) & ~word) | word) & k_high;
}

// First byte in [p, end) that needs a look.
const char* skip_plain(const char* p, const char* end) {
  while (end - p >= 8) {
    std::uint64_t word;
    std::memcpy(&word, p, 8);
    if (const std::uint64_t found = special_bytes(word); found != 0) return p + (__builtin_ctzll(found) >> 3);
    p += 8;
  }
  while (p < end && static_cast<std::uint8_t>(*p) >= 0x20 && static_cast<std::uint8_t>(*p) < 0x80 && *p != '"' &&
         *p != '\\') {
    ++p;
  }
  return p;
}

class Parser {
 public:
  Parser(std::string_view text, const JsonLimits& limits)
      : begin_(text.data()), p_(text.data()), end_(text.data() + text.size()), limits_(limits) {}

  Result<Value> document() {
    if (static_cast<std::size_t>(end_ - p_) > limits_.bytes) {
      return fail(ErrorCode::exhausted, "JSON text of " + std::to_string(end_ - p_) + " bytes is over the limit of " +
                                            std::to_string(limits_.bytes));
    }
    stack_.reserve(32);
    skip_space();
    Value value;
    if (!parse_value(value, 0)) return error();
    skip_space();
    if (p_ != end_) {
      bad("unexpected text after the value");
      return error();
    }
    return value;
  }

 private:
  bool bad(const char* message) {
    if (message_ == nullptr) message_ = message;
    return false;
  }
  tl::unexpected<Error> error() const {
    const auto line = 1 + std::count(begin_, p_, '\n');
    const char* start = p_;
    while (start > begin_ && start[-1] != '\n') --start;
    return fail(ErrorCode::invalid,
                "line " + std::to_string(line) + ", column " + std::to_string(p_ - start + 1) + ": " + message_);
  }
  void skip_space() {
    while (p_ < end_ && (*p_ == ' ' || *p_ == '\n' || *p_ == '\t' || *p_ == '\r')) ++p_;
  }
  bool word(std::string_view expected) {
    if (static_cast<std::size_t>(end_ - p_) < expected.size() || std::string_view(p_, expected.size()) != expected) {
      return bad("expected a value");
    }
    p_ += expected.size();
    return true;
  }

  bool parse_value(Value& out, std::size_t depth) {
    if (p_ == end_) return bad("the text ends where a value is expected");
    switch (*p_) {
      case '{': return parse_object(out, depth);
      case '[': return parse_array(out, depth);
      case '"': return parse_string(out);
      case 't': out = Value(true); return word("true");
      case 'f': out = Value(false); return word("false");
      case 'n': out = Value(); return word("null");
      default: return parse_number(out);
    }
  }

  // Items wait on stack_ until their container closes, which then gets a list of the exact size.
  bool parse_array(Value& out, std::size_t depth) {
    if (depth >= limits_.depth) return bad("nested too deep");
    const std::size_t base = stack_.size();
    ++p_;
    skip_space();
    if (p_ < end_ && *p_ == ']') {
      ++p_;
      out = Value::array();
      return true;
    }
    for (;;) {
      Value item;
      if (!parse_value(item, depth + 1)) return false;
      stack_.push_back(std::move(item));
      skip_space();
      if (p_ == end_) return bad("the array is not closed");
      if (*p_ == ']') break;
      if (*p_ != ',') return bad("expected ',' or ']'");
      ++p_;
      skip_space();
    }
    ++p_;
    const auto from = stack_.begin() + static_cast<std::ptrdiff_t>(base);
    std::vector<Value> items(std::make_move_iterator(from), std::make_move_iterator(stack_.end()));
    stack_.resize(base);
    out = Value::array(std::move(items));
    return true;
  }

  bool parse_object(Value& out, std::size_t depth) {
    if (depth >= limits_.depth) return bad("nested too deep");
    const std::size_t base = stack_.size();
    ++p_;
    skip_space();
    if (p_ < end_ && *p_ == '}') {
      ++p_;
      out = Value::object();
      return true;
    }
    for (;;) {
      if (p_ == end_) return bad("the object is not closed");
      if (*p_ != '"') return bad("expected a member's name in quotes");
      Value key;
      if (!parse_string(key)) return false;
      skip_space();
      if (p_ == end_ || *p_ != ':') return bad("expected ':'");
      ++p_;
      skip_space();
      Value value;
      if (!parse_value(value, depth + 1)) return false;
      stack_.push_back(std::move(key));
      stack_.push_back(std::move(value));
      skip_space();
      if (p_ == end_) return bad("the object is not closed");
      if (*p_ == '}') break;
      if (*p_ != ',') return bad("expected ',' or '}'");
      ++p_;
      skip_space();
    }
    ++p_;
    std::vector<Value::Member> members;
    members.reserve((stack_.size() - base) / 2);
    for (std::size_t i = base; i < stack_.size(); i += 2) {
      members.emplace_back(std::move(stack_[i]), std::move(stack_[i + 1]));
    }
    stack_.resize(base);
    out = Value::object(std::move(members));
    return true;
  }

  bool parse_string(Value& out) {
    const char* start = ++p_;
    p_ = skip_plain(p_, end_);
    while (p_ < end_ && static_cast<std::uint8_t>(*p_) >= 0x80) {  // well-formed text beyond ASCII needs no copy
      const std::size_t length = utf8_sequence(p_, end_);
      if (length == 0) break;
      p_ = skip_plain(p_ + length, end_);
    }
    if (p_ < end_ && *p_ == '"') {
      out = Value(std::string_view(start, static_cast<std::size_t>(p_ - start)));
      ++p_;
      return true;
    }
    text_.assign(start, p_);
    while (p_ < end_ && *p_ != '"') {
      const auto byte = static_cast<std::uint8_t>(*p_);
      if (byte < 0x20) return bad("a control character in a string must be escaped");
      if (byte >= 0x80) {
        const std::size_t length = utf8_sequence(p_, end_);
        if (length == 0) text_ += k_replacement;
        else text_.append(p_, length);
        p_ += length == 0 ? 1 : length;
      } else if (byte == '\\') {
        if (!parse_escape()) return false;
      } else {
        const char* from = p_;
        p_ = skip_plain(p_, end_);
        text_.append(from, p_);
      }
    }
    if (p_ == end_) return bad("the string is not closed");
    ++p_;
    out = Value(std::string_view(text_));
    return true;
  }

  bool hex4(const char* at, std::uint32_t& out) const {
    if (end_ - at < 4) return false;
    const auto [stop, status] = std::from_chars(at, at + 4, out, 16);
    return status == std::errc() && stop == at + 4;
  }

  bool parse_escape() {
    if (end_ - p_ < 2) return bad("the string is not closed");
    const char c = p_[1];
    switch (c) {
      case '"':
      case '\\':
      case '/': text_.push_back(c); break;
      case 'b': text_.push_back('\b'); break;
      case 'f': text_.push_back('\f'); break;
      case 'n': text_.push_back('\n'); break;
      case 'r': text_.push_back('\r'); break;
      case 't': text_.push_back('\t'); break;
      case 'u': {
        std::uint32_t code = 0;
        if (!hex4(p_ + 2, code)) return bad("expected four hexadecimal digits after \\u");
        p_ += 6;
        std::uint32_t low = 0;
        if (code >= 0xD800 && code < 0xDC00 && end_ - p_ >= 6 && p_[0] == '\\' && p_[1] == 'u' && hex4(p_ + 2, low) &&
            low >= 0xDC00 && low < 0xE000) {
          code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
          p_ += 6;
        }
        if (code >= 0xD800 && code < 0xE000) text_ += k_replacement;
        else append_utf8(text_, code);
        return true;
      }
      default: return bad("unknown escape in a string");
    }
    p_ += 2;
    return true;
  }

  bool parse_number(Value& out) {
    const char* start = p_;
    const auto digit = [this] { return p_ < end_ && *p_ >= '0' && *p_ <= '9'; };
    if (p_ < end_ && *p_ == '-') ++p_;
    if (!digit()) {
      p_ = start;
      return bad("expected a value");
    }
    if (*p_ == '0' && p_ + 1 < end_ && p_[1] >= '0' && p_[1] <= '9') return bad("a number can't start with 0");
    while (digit()) ++p_;
    bool whole = true;
    if (p_ < end_ && *p_ == '.') {
      whole = false;
      ++p_;
      if (!digit()) return bad("expected a digit after '.'");
      while (digit()) ++p_;
    }
    if (p_ < end_ && (*p_ == 'e' || *p_ == 'E')) {
      whole = false;
      ++p_;
      if (p_ < end_ && (*p_ == '+' || *p_ == '-')) ++p_;
      if (!digit()) return bad("expected a digit in the exponent");
      while (digit()) ++p_;
    }
    if (whole) {
      std::int64_t i = 0;
      if (std::from_chars(start, p_, i).ec == std::errc()) {
        out = Value(i);
        return true;
      }
    }
    out = Value(read_double(start, p_));
    return true;
  }

  // Beyond the doubles' range: the largest double, or zero when the number is too small.
  static double read_double(const char* start, const char* stop) {
    double d = 0;
    if (std::from_chars(start, stop, d).ec == std::errc()) return d;
    const bool negative = *start == '-';
    const char* p = negative ? start + 1 : start;
    std::int64_t magnitude = 0;  // decimal exponent of the first digit that is not zero
    const char* point = std::find(p, stop, '.');
    const char* exponent = std::find_if(p, stop, [](char c) { return c == 'e' || c == 'E'; });
    const char* first = std::find_if(p, exponent, [](char c) { return c >= '1' && c <= '9'; });
    magnitude = std::min(point, exponent) - first;
    if (exponent != stop) {
      const char* digits = exponent + 1 + (exponent[1] == '+' ? 1 : 0);
      std::int64_t e = 0;
      if (std::from_chars(digits, stop, e).ec != std::errc()) {
        e = *digits == '-' ? std::numeric_limits<std::int32_t>::min() : std::numeric_limits<std::int32_t>::max();
      }
      magnitude += e;
    }
    d = magnitude > 0 ? std::numeric_limits<double>::max() : 0;
    return negative ? -d : d;
  }

  const char* begin_;
  const char* p_;
  const char* end_;
  const JsonLimits& limits_;
  const char* message_ = nullptr;
  std::vector<Value> stack_;
  std::string text_;
};

}  // namespace

Result<Value> parse_json(std::string_view text, const JsonLimits& limits) { return Parser(text, limits).document(); }

}  // namespace perdure
