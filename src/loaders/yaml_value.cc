// Scalars to values by the YAML 1.2 core schema, and places inside scalars.
#include <charconv>
#include <cmath>
#include <limits>

#include "loaders/yaml_tree.h"

namespace perdure::loaders {
namespace {

bool digits(std::string_view text) {
  if (text.empty()) return false;
  for (const char c : text)
    if (c < '0' || c > '9') return false;
  return true;
}

// An integer in `base`, or the nearest real when it doesn't fit.
std::optional<Value> integer(std::string_view text, int base, bool negative) {
  std::uint64_t v = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), v, base);
  if (text.empty() || end != text.data() + text.size()) return std::nullopt;
  constexpr auto k_most = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
  if (error == std::errc() && v <= k_most + (negative ? 1 : 0)) {
    return Value(static_cast<std::int64_t>(negative ? ~v + 1 : v));
  }
  if (base != 10) return std::nullopt;
  double real = 0;
  std::from_chars(text.data(), text.data() + text.size(), real);
  return Value(negative ? -real : real);
}

std::optional<Value> number(std::string_view text) {
  if (text.starts_with("0o")) return integer(text.substr(2), 8, false);
  if (text.starts_with("0x")) return integer(text.substr(2), 16, false);
  std::string_view body = text;
  const bool negative = body.starts_with('-');
  if (negative || body.starts_with('+')) body.remove_prefix(1);
  if (digits(body)) return integer(body, 10, negative);
  // [0-9]* ( . [0-9]* )? ( [eE] [-+]? [0-9]+ )? with a digit before the exponent
  std::size_t at = 0, before = 0;
  const auto run = [&] {
    const std::size_t start = at;
    while (at < body.size() && body[at] >= '0' && body[at] <= '9') ++at;
    return at - start;
  };
  before = run();
  if (at < body.size() && body[at] == '.') {
    ++at;
    before += run();
  }
  if (before == 0) return std::nullopt;
  if (at < body.size() && (body[at] == 'e' || body[at] == 'E')) {
    ++at;
    if (at < body.size() && (body[at] == '-' || body[at] == '+')) ++at;
    if (run() == 0) return std::nullopt;
  }
  if (at != body.size()) return std::nullopt;
  double v = 0;
  if (std::from_chars(body.data(), body.data() + body.size(), v).ec == std::errc::result_out_of_range) {
    v = body.find("e-") != std::string_view::npos || body.find("E-") != std::string_view::npos
            ? 0.0
            : std::numeric_limits<double>::max();
  }
  return Value(negative ? -v : v);
}

bool one_of(std::string_view text, std::string_view a, std::string_view b, std::string_view c) {
  return text == a || text == b || text == c;
}

bool not_json(std::string_view text) {
  if (one_of(text, ".nan", ".NaN", ".NAN")) return true;
  if (text.starts_with('-') || text.starts_with('+')) text.remove_prefix(1);
  return one_of(text, ".inf", ".Inf", ".INF");
}

std::size_t utf8_length(std::uint32_t code) { return code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4; }

bool is_blank(char c) { return c == ' ' || c == '\t'; }

// Walks over the raw text of a plain or quoted scalar and says how many bytes of content each piece gave.
class RawWalk {
 public:
  RawWalk(std::string_view raw, YamlNode::Style style, std::size_t at) : raw_(raw), style_(style), at_(at) {}
  std::size_t at() const { return at_; }
  // Moves over one piece; the bytes of content it stands for.
  std::size_t step() {
    if (at_ >= raw_.size()) return std::numeric_limits<std::size_t>::max() / 2;
    if (breaks_ahead()) return fold();
    const char c = raw_[at_];
    if (style_ == YamlNode::Style::single_quoted && c == '\'') {
      at_ += 2;
      return 1;
    }
    if (style_ == YamlNode::Style::double_quoted && c == '\\') return escape();
    ++at_;
    return 1;
  }

 private:
  bool breaks_ahead() const {
    std::size_t i = at_;
    while (i < raw_.size() && is_blank(raw_[i])) ++i;
    return i < raw_.size() && (raw_[i] == '\n' || raw_[i] == '\r');
  }
  std::size_t fold() {
    std::size_t lines = 0;
    while (at_ < raw_.size() && (is_blank(raw_[at_]) || raw_[at_] == '\n' || raw_[at_] == '\r')) {
      if (raw_[at_] == '\n') ++lines;
      ++at_;
    }
    return lines <= 1 ? 1 : lines - 1;
  }
  std::size_t escape() {
    const char kind = at_ + 1 < raw_.size() ? raw_[at_ + 1] : 'n';
    const std::size_t length = kind == 'x' ? 2 : kind == 'u' ? 4 : kind == 'U' ? 8 : 0;
    if (kind == '\n' || kind == '\r') {
      at_ += 1;
      fold();
      return 0;
    }
    if (length == 0) {
      at_ += 2;
      return kind == 'N' || kind == '_' ? 2 : kind == 'L' || kind == 'P' ? 3 : 1;
    }
    std::uint32_t code = 0;
    const std::string_view hex = raw_.substr(std::min(at_ + 2, raw_.size()), length);
    std::from_chars(hex.data(), hex.data() + hex.size(), code, 16);
    at_ += 2 + length;
    return utf8_length(code);
  }

  std::string_view raw_;
  YamlNode::Style style_;
  std::size_t at_;
};

Place place_of_offset(const SourceText& source, Place from, std::size_t from_offset, std::size_t offset) {
  Place place = from;
  const std::string_view text = source.text();
  for (std::size_t i = from_offset; i < offset && i < text.size(); ++i) {
    if (text[i] == '\n') {
      ++place.line;
      place.column = 1;
    } else if ((static_cast<unsigned char>(text[i]) & 0xc0) != 0x80) ++place.column;
  }
  return place;
}

std::size_t indent_of(std::string_view line) {
  const std::size_t n = line.find_first_not_of(' ');
  return n == std::string_view::npos ? line.size() : n;
}

// Content of a block scalar begins on the line after its header; its indentation is that of its first line with text.
Place place_in_block(const SourceText& source, const YamlNode& scalar, std::size_t offset) {
  std::uint32_t line = scalar.place.line + 1;
  std::uint32_t probe = line;
  while (probe < source.lines() && source.line(probe).find_first_not_of(' ') == std::string_view::npos) ++probe;
  const std::size_t indent = indent_of(source.line(probe));
  std::size_t left = std::min(offset, scalar.text.size());
  while (line <= source.lines()) {
    const std::string_view raw = source.line(line);
    const std::size_t content = raw.size() > indent ? raw.size() - indent : 0;
    if (left <= content) return {line, static_cast<std::uint32_t>(indent + left + 1)};
    left -= content;
    // In a folded scalar the first break of several gives nothing, a lone one a space.
    const bool blank_next =
        line < source.lines() && source.line(line + 1).find_first_not_of(' ') == std::string_view::npos;
    if (!(scalar.style == YamlNode::Style::folded && blank_next && content > 0)) --left;
    ++line;
  }
  return scalar.place;
}

}  // namespace

Value scalar_value(const YamlNode& scalar, std::string* why) {
  using Core = YamlNode::Core;
  const std::string_view text = scalar.text;
  const auto wrong = [&](std::string message) {
    if (why != nullptr) *why = std::move(message);
    return Value(text);
  };
  if (scalar.core == Core::string || (scalar.style != YamlNode::Style::plain && scalar.core == Core::resolve))
    return Value(text);
  const bool any = scalar.core == Core::resolve;
  if ((any || scalar.core == Core::null) && (text.empty() || text == "~" || one_of(text, "null", "Null", "NULL")))
    return Value();
  if (any || scalar.core == Core::boolean) {
    if (one_of(text, "true", "True", "TRUE")) return Value(true);
    if (one_of(text, "false", "False", "FALSE")) return Value(false);
  }
  if (any || scalar.core == Core::integer || scalar.core == Core::real) {
    if (not_json(text)) return wrong("`" + std::string(text) + "` is a number that JSON can't hold");
    if (auto v = number(text)) {
      if (scalar.core == Core::real) return Value(v->as_double());
      if (scalar.core != Core::integer || v->is_integer()) return *v;
    }
  }
  return any ? Value(text) : wrong("`" + std::string(text.substr(0, 80)) + "` is not of the type that its tag says");
}

Value to_value(const YamlTree& tree, const YamlNode& node) {
  if (node.type == YamlNode::Type::scalar) return scalar_value(node);
  if (node.type == YamlNode::Type::sequence) {
    std::vector<Value> items;
    items.reserve(tree.size(node));
    for (std::size_t i = 0; i < tree.size(node); ++i) items.push_back(to_value(tree, tree.item(node, i)));
    return Value::array(std::move(items));
  }
  std::vector<Value::Member> members;
  members.reserve(tree.size(node));
  for (std::size_t i = 0; i < tree.size(node); ++i) {
    members.emplace_back(Value(tree.key(node, i).text), to_value(tree, tree.value(node, i)));
  }
  return Value::object(std::move(members));
}

Place place_in(const SourceText& source, const YamlNode& scalar, std::size_t offset) {
  using Style = YamlNode::Style;
  if (scalar.style == Style::literal || scalar.style == Style::folded) return place_in_block(source, scalar, offset);
  const std::size_t start = source.byte_offset(scalar.index);
  RawWalk walk(source.text(), scalar.style, start + (scalar.style == Style::plain ? 0 : 1));
  std::size_t content = 0;
  while (content < offset && walk.at() < source.text().size()) content += walk.step();
  return place_of_offset(source, scalar.place, start, walk.at());
}

}  // namespace perdure::loaders
