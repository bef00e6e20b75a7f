// Native functions of strings, and conversions from and to them.
#include <cmath>

#include "base/json.h"
#include "expr/formats.h"
#include "expr/functions.h"
#include "expr/operations.h"
#include "expr/utf8.h"

namespace perdure::expr {
namespace {

Value to_string(Evaluator& evaluator, const Node& at, const Value& input, const Value*) {
  return format_value(evaluator, at, Format::text, input);
}
Value to_json_text(Evaluator& evaluator, const Node& at, const Value& input, const Value*) {
  return format_value(evaluator, at, Format::json, input);
}

Value from_json(Evaluator& evaluator, const Node& at, const Value& input, const Value*) {
  if (!input.is_string()) return evaluator.raise(at, describe(input) + " only strings can be parsed");
  if (!evaluator.charge(at, input.size() / 8)) return {};
  if (input.as_string() == "nan") return Value(std::nan(""));
  auto value = parse_json(input.as_string());
  if (!value) return evaluator.raise(at, value.error().message + " (while parsing " + describe(input) + ")");
  return evaluator.allow_value(at, *value) ? std::move(*value) : Value();
}

Value to_number(Evaluator& evaluator, const Node& at, const Value& input, const Value*) {
  if (input.is_number()) return input;
  if (!input.is_string()) return evaluator.raise(at, describe(input) + " cannot be parsed as a number");
  if (!evaluator.charge(at, input.size() / 8)) return {};
  if (input.as_string() == "nan") return Value(std::nan(""));
  auto value = parse_json(input.as_string());
  if (!value || !value->is_number()) return evaluator.raise(at, describe(input) + " cannot be parsed as a number");
  return std::move(*value);
}

Value explode(Evaluator& evaluator, const Node& at, const Value& input, const Value*) {
  if (!input.is_string()) return evaluator.raise(at, "explode input must be a string");
  if (!evaluator.charge(at, input.size()) || !evaluator.allow_bytes(at, input.size() * sizeof(Value))) return {};
  std::vector<Value> points;
  const std::string_view text = input.as_string();
  for (std::size_t i = 0; i < text.size();) points.emplace_back(static_cast<std::int64_t>(next_code_point(text, i)));
  return Value::array(std::move(points));
}

Value implode(Evaluator& evaluator, const Node& at, const Value& input, const Value*) {
  if (!input.is_array()) return evaluator.raise(at, "implode input must be an array");
  if (!evaluator.charge(at, input.size())) return {};
  std::string text;
  for (const Value& point : input.items()) {
    if (!point.is_number()) {
      return evaluator.raise(at, describe(point) + " can't be imploded, unicode codepoint needs to be numeric");
    }
    const double d = point.as_double();
    append_utf8(text, d >= 0 && d <= 0x10FFFF ? static_cast<std::uint32_t>(d) : 0xFFFD);
  }
  return Value(std::string_view(text));
}

Value split(Evaluator& evaluator, const Node& at, const Value& input, const Value* arguments) {
  if (!input.is_string() || !arguments[0].is_string()) {
    return evaluator.raise(at, "split input and separator must be strings");
  }
  return apply(evaluator, at, Operator::divide, input, arguments[0]);
}

Value join(Evaluator& evaluator, const Node& at, const Value& input, const Value* arguments) {
  const Value& separator = arguments[0];
  if (!input.is_array() && !input.is_object()) { return evaluator.raise(at, "Cannot iterate over " + describe(input)); }
  std::string out;
  for (std::size_t i = 0; i < input.size(); ++i) {
    const Value& item = input.is_array() ? input.items()[i] : input.members()[i].second;
    if (!evaluator.charge(at, 1)) return {};
    if (i > 0 && !separator.is_null()) {
      if (!separator.is_string()) return evaluator.raise(at, describe(separator) + " cannot join strings");
      out += separator.as_string();
    }
    if (item.is_array() || item.is_object()) {
      return evaluator.raise(at, "string (" + to_json(Value(std::string_view(out).substr(0, 20))) + ") and " +
                                     describe(item) + " cannot be added");
    }
    if (!item.is_null()) out += to_text(item);
    if (!evaluator.allow_bytes(at, out.size())) return {};
  }
  return Value(std::string_view(out));
}

Value starts_with(Evaluator& evaluator, const Node& at, const Value& input, const Value* arguments) {
  if (!input.is_string() || !arguments[0].is_string()) {
    return evaluator.raise(at, "startswith() requires string inputs");
  }
  return Value(input.as_string().starts_with(arguments[0].as_string()));
}
Value ends_with(Evaluator& evaluator, const Node& at, const Value& input, const Value* arguments) {
  if (!input.is_string() || !arguments[0].is_string()) {
    return evaluator.raise(at, "endswith() requires string inputs");
  }
  return Value(input.as_string().ends_with(arguments[0].as_string()));
}
Value strip_start(Evaluator&, const Node&, const Value& input, const Value* arguments) {
  if (!input.is_string() || !arguments[0].is_string()) return input;
  const std::string_view text = input.as_string();
  return text.starts_with(arguments[0].as_string()) ? Value(text.substr(arguments[0].size())) : input;
}
Value strip_end(Evaluator&, const Node&, const Value& input, const Value* arguments) {
  if (!input.is_string() || !arguments[0].is_string()) return input;
  const std::string_view text = input.as_string();
  return text.ends_with(arguments[0].as_string()) ? Value(text.substr(0, text.size() - arguments[0].size())) : input;
}

enum class Sides : std::uint8_t { left, right, both };
Value trim_sides(Evaluator& evaluator, const Node& at, const Value& input, Sides sides) {
  if (!input.is_string()) return evaluator.raise(at, describe(input) + " cannot be trimmed");
  if (!evaluator.charge(at, input.size() / 64)) return {};
  std::string_view text = input.as_string();
  const auto blank = [](char c) { return c == ' ' || (c >= '\t' && c <= '\r'); };
  while (sides != Sides::right && !text.empty() && blank(text.front())) text.remove_prefix(1);
  while (sides != Sides::left && !text.empty() && blank(text.back())) text.remove_suffix(1);
  return text.size() == input.size() ? input : Value(text);
}
Value trim(Evaluator& evaluator, const Node& at, const Value& input, const Value*) {
  return trim_sides(evaluator, at, input, Sides::both);
}
Value trim_left(Evaluator& evaluator, const Node& at, const Value& input, const Value*) {
  return trim_sides(evaluator, at, input, Sides::left);
}
Value trim_right(Evaluator& evaluator, const Node& at, const Value& input, const Value*) {
  return trim_sides(evaluator, at, input, Sides::right);
}

Value change_case(Evaluator& evaluator, const Node& at, const Value& input, char from, char to) {
  if (!input.is_string()) return evaluator.raise(at, "explode input must be a string");
  if (!evaluator.charge(at, input.size() / 64)) return {};
  std::string text(input.as_string());
  for (char& c : text) {
    if (c >= from && c <= from + 25) c = static_cast<char>(c - from + to);
  }
  return Value(std::string_view(text));
}
Value lower_case(Evaluator& evaluator, const Node& at, const Value& input, const Value*) {
  return change_case(evaluator, at, input, 'A', 'a');
}
Value upper_case(Evaluator& evaluator, const Node& at, const Value& input, const Value*) {
  return change_case(evaluator, at, input, 'a', 'A');
}
Value ascii(Evaluator& evaluator, const Node& at, const Value& input, const Value*) {
  if (!input.is_number() || !(input.as_double() >= 0) || input.as_double() > 127) {
    return evaluator.raise(at, describe(input) + " is not an ASCII code");
  }
  const char c = static_cast<char>(input.as_double());
  return Value(std::string_view(&c, 1));
}

Value byte_length(Evaluator& evaluator, const Node& at, const Value& input, const Value*) {
  if (!input.is_string()) return evaluator.raise(at, describe(input) + " only strings have UTF-8 byte length");
  return static_cast<std::int64_t>(input.size());
}

Value indices(Evaluator& evaluator, const Node& at, const Value& input, const Value* arguments) {
  const Value& wanted = arguments[0];
  if (input.is_array() && !wanted.is_array()) return get(evaluator, at, input, Value::array({wanted}));
  if (!input.is_string() || !wanted.is_string()) return get(evaluator, at, input, wanted);
  if (!evaluator.charge(at, input.size() / 16)) return {};
  if (wanted.size() == 0) return {};
  std::vector<Value> found;
  const std::string_view text = input.as_string();
  std::size_t counted = 0;  // bytes
  std::int64_t points = 0;
  for (std::size_t i = text.find(wanted.as_string()); i != std::string_view::npos;
       i = text.find(wanted.as_string(), i + 1)) {
    if (!evaluator.charge(at, 1)) return {};
    points += static_cast<std::int64_t>(count_code_points(text.substr(counted, i - counted)));
    counted = i;
    found.emplace_back(points);
  }
  return Value::array(std::move(found));
}
Value index(Evaluator& evaluator, const Node& at, const Value& input, const Value* arguments) {
  const Value found = indices(evaluator, at, input, arguments);
  return evaluator.stopped() ? Value() : get(evaluator, at, found, Value(0));
}
Value last_index(Evaluator& evaluator, const Node& at, const Value& input, const Value* arguments) {
  const Value found = indices(evaluator, at, input, arguments);
  return evaluator.stopped() ? Value() : get(evaluator, at, found, Value(-1));
}

Value format(Evaluator& evaluator, const Node& at, const Value& input, const Value* arguments) {
  Format f = Format::text;
  if (!arguments[0].is_string()) return evaluator.raise(at, describe(arguments[0]) + " is not a valid format");
  if (!find_format(arguments[0].as_string(), f)) {
    return evaluator.raise(at, std::string(arguments[0].as_string()) + " is not a valid format");
  }
  return format_value(evaluator, at, f, input);
}

constexpr NativeFunction k_functions[] = {
    {"tostring", 0, to_string},
    {"tojson", 0, to_json_text},
    {"fromjson", 0, from_json},
    {"tonumber", 0, to_number},
    {"explode", 0, explode},
    {"implode", 0, implode},
    {"split", 1, split},
    {"join", 1, join},
    {"startswith", 1, starts_with},
    {"endswith", 1, ends_with},
    {"ltrimstr", 1, strip_start},
    {"rtrimstr", 1, strip_end},
    {"trim", 0, trim},
    {"ltrim", 0, trim_left},
    {"rtrim", 0, trim_right},
    {"ascii_downcase", 0, lower_case},
    {"ascii_upcase", 0, upper_case},
    {"ascii", 0, ascii},
    {"utf8bytelength", 0, byte_length},
    {"indices", 1, indices},
    {"index", 1, index},
    {"rindex", 1, last_index},
    {"format", 1, format},
};

}  // namespace

std::span<const NativeFunction> string_functions() { return k_functions; }

}  // namespace perdure::expr
