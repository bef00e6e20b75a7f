#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

#include "base/json.h"

namespace perdure {
namespace {

void append_string(std::string& out, std::string_view text) {
  static constexpr char k_digits[] = "0123456789abcdef";
  out.push_back('"');
  const char* p = text.data();
  const char* end = p + text.size();
  const char* from = p;
  for (; p < end; ++p) {
    const auto byte = static_cast<std::uint8_t>(*p);
    if (byte >= 0x20 && byte != '"' && byte != '\\' && byte != 0x7F) continue;
    out.append(from, p);
    from = p + 1;
    switch (byte) {
      case '"': out += "\\\""; break;
      case '\\': out += "\\\\"; break;
      case '\b': out += "\\b"; break;
      case '\f': out += "\\f"; break;
      case '\n': out += "\\n"; break;
      case '\r': out += "\\r"; break;
      case '\t': out += "\\t"; break;
      default:
        out += "\\u00";
        out.push_back(k_digits[byte >> 4]);
        out.push_back(k_digits[byte & 15]);
    }
  }
  out.append(from, end);
  out.push_back('"');
}

// Shortest digits that read back as the same double, laid out as jq does: plain unless that takes many zeros.
void append_real(std::string& out, double d) {
  if (std::isnan(d)) {
    out += "null";
    return;
  }
  if (std::isinf(d)) d = d > 0 ? std::numeric_limits<double>::max() : std::numeric_limits<double>::lowest();
  if (std::signbit(d)) {
    out.push_back('-');
    d = -d;
  }
  std::array<char, 32> buffer{};
  const char* end = std::to_chars(buffer.data(), buffer.data() + buffer.size(), d, std::chars_format::scientific).ptr;
  const char* mark = std::find(buffer.data(), buffer.data() + (end - buffer.data()), 'e');
  std::array<char, 20> digits{};
  int count = 0;
  for (const char* p = buffer.data(); p < mark; ++p) {
    if (*p != '.') digits[static_cast<std::size_t>(count++)] = *p;
  }
  int exponent = 0;
  std::from_chars(mark + (mark[1] == '+' ? 2 : 1), end, exponent);
  const int point = exponent + 1;  // digits before the decimal point
  const auto part = [&](int from, int to) { out.append(digits.data() + from, static_cast<std::size_t>(to - from)); };
  if (point <= -4 || point > count + 15) {
    part(0, 1);
    if (count > 1) {
      out.push_back('.');
      part(1, count);
    }
    out.append(mark, end);
  } else if (point <= 0) {
    out += "0.";
    out.append(static_cast<std::size_t>(-point), '0');
    part(0, count);
  } else if (point >= count) {
    part(0, count);
    out.append(static_cast<std::size_t>(point - count), '0');
  } else {
    part(0, point);
    out.push_back('.');
    part(point, count);
  }
}

struct Style {
  bool pretty = false;
  bool sorted = false;
};

class Printer {
 public:
  Printer(std::string& out, Style style) : out_(out), style_(style) {}

  void print(const Value& value, std::size_t indent) {
    switch (value.type()) {
      case Value::Type::null: out_ += "null"; break;
      case Value::Type::boolean: out_ += value.as_bool() ? "true" : "false"; break;
      case Value::Type::integer: {
        std::array<char, 24> buffer{};
        out_.append(buffer.data(), std::to_chars(buffer.data(), buffer.data() + buffer.size(), value.as_int()).ptr);
        break;
      }
      case Value::Type::real: append_real(out_, value.as_double()); break;
      case Value::Type::string: append_string(out_, value.as_string()); break;
      case Value::Type::array: print_array(value.items(), indent); break;
      case Value::Type::object: print_object(value.members(), indent); break;
    }
  }

 private:
  void line(std::size_t indent) {
    if (!style_.pretty) return;
    out_.push_back('\n');
    out_.append(indent * 2, ' ');
  }
  void print_array(const std::vector<Value>& items, std::size_t indent) {
    out_.push_back('[');
    bool first = true;
    for (const Value& item : items) {
      if (!first) out_.push_back(',');
      first = false;
      line(indent + 1);
      print(item, indent + 1);
    }
    if (!items.empty()) line(indent);
    out_.push_back(']');
  }
  void print_object(const std::vector<Value::Member>& members, std::size_t indent) {
    out_.push_back('{');
    bool first = true;
    const auto member = [&](const Value::Member& m) {
      if (!first) out_.push_back(',');
      first = false;
      line(indent + 1);
      append_string(out_, m.first.as_string());
      out_ += style_.pretty ? ": " : ":";
      print(m.second, indent + 1);
    };
    if (style_.sorted) {
      std::vector<const Value::Member*> order;
      order.reserve(members.size());
      for (const auto& m : members) order.push_back(&m);
      std::sort(order.begin(), order.end(), [](const Value::Member* a, const Value::Member* b) {
        return a->first.as_string() < b->first.as_string();
      });
      for (const auto* m : order) member(*m);
    } else {
      for (const auto& m : members) member(m);
    }
    if (!members.empty()) line(indent);
    out_.push_back('}');
  }

  std::string& out_;
  Style style_;
};

}  // namespace

void append_json(std::string& out, const Value& value) { Printer(out, {}).print(value, 0); }

std::string to_json(const Value& value) {
  std::string out;
  append_json(out, value);
  return out;
}

std::string to_pretty_json(const Value& value) {
  std::string out;
  Printer(out, {.pretty = true}).print(value, 0);
  return out;
}

std::string to_canonical_json(const Value& value) {
  std::string out;
  Printer(out, {.sorted = true}).print(value, 0);
  return out;
}

}  // namespace perdure
