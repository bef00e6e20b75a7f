#include "expr/operations.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/json.h"

namespace perdure::expr {
namespace {

constexpr std::size_t k_described_bytes = 30;  // of a value in a message
constexpr std::size_t k_describable = 4096;    // a larger value is only named

Value two_values(Evaluator& evaluator, const Node& at, const Value& left, const Value& right, std::string_view what) {
  return evaluator.raise(at, describe(left) + " and " + describe(right) + " cannot be " + std::string(what));
}

// Whole numbers are exact while they fit 64 bits and become doubles beyond.
template <class Exact, class Rounded>
Value number(const Value& left, const Value& right, Exact exact, Rounded rounded) {
  if (left.is_integer() && right.is_integer()) {
    std::int64_t result = 0;
    if (!exact(left.as_int(), right.as_int(), &result)) return result;
  }
  return rounded(left.as_double(), right.as_double());
}

Value subtract(Evaluator& evaluator, const Node& at, const Value& left, const Value& right) {
  if (left.is_number() && right.is_number()) {
    return number(
        left, right, [](auto a, auto b, auto* r) { return __builtin_sub_overflow(a, b, r); },
        [](double a, double b) { return a - b; });
  }
  if (!left.is_array() || !right.is_array()) return two_values(evaluator, at, left, right, "subtracted");
  // Sorted once, so that large lists cost n log n.
  std::vector<Value> removed = right.items();
  if (!evaluator.charge(at, left.size() + right.size()) || !evaluator.charge_reading(at, left) ||
      !evaluator.charge_reading(at, right))
    return {};
  const auto below = [](const Value& a, const Value& b) { return Value::compare(a, b) < 0; };
  std::sort(removed.begin(), removed.end(), below);
  std::vector<Value> kept;
  for (const Value& item : left.items()) {
    if (!std::binary_search(removed.begin(), removed.end(), item, below)) kept.push_back(item);
  }
  return Value::array(std::move(kept));
}

Value merge_deep(Evaluator& evaluator, const Node& at, Value left, const Value& right) {
  if (!evaluator.charge(at, right.size())) return {};
  for (const auto& [key, value] : right.members()) {
    Value old = value.is_object() ? left.take(key.as_string()) : Value();
    left.set(key.as_string(),
             old.is_object() && value.is_object() ? merge_deep(evaluator, at, std::move(old), value) : value);
    if (evaluator.stopped()) return {};
  }
  return left;
}

Value repeat_text(Evaluator& evaluator, const Node& at, const Value& text, double times) {
  if (!(times > 0)) return {};
  const double wanted = std::max(1.0, std::floor(times));
  const double bytes = wanted * static_cast<double>(text.size());
  if (!evaluator.allow_bytes(
          at, bytes > 1e18 ? std::numeric_limits<std::size_t>::max() / 2 : static_cast<std::size_t>(bytes)))
    return {};
  if (text.size() == 0) return text;
  std::string out;
  out.reserve(static_cast<std::size_t>(bytes));
  for (auto n = static_cast<std::size_t>(wanted); n > 0; --n) out += text.as_string();
  return Value(out);
}

Value multiply(Evaluator& evaluator, const Node& at, Value left, const Value& right) {
  if (left.is_number() && right.is_number()) {
    return number(
        left, right, [](auto a, auto b, auto* r) { return __builtin_mul_overflow(a, b, r); },
        [](double a, double b) { return a * b; });
  }
  if (left.is_string() && right.is_number()) return repeat_text(evaluator, at, left, right.as_double());
  if (left.is_number() && right.is_string()) return repeat_text(evaluator, at, right, left.as_double());
  if (left.is_object() && right.is_object()) return merge_deep(evaluator, at, std::move(left), right);
  return two_values(evaluator, at, left, right, "multiplied");
}

std::vector<Value> split_text(std::string_view text, std::string_view separator) {
  std::vector<Value> parts;
  if (text.empty()) return parts;
  if (separator.empty()) {
    for (std::size_t i = 0; i < text.size();) {
      std::size_t next = i + 1;
      while (next < text.size() && (static_cast<unsigned char>(text[next]) & 0xC0) == 0x80) ++next;
      parts.emplace_back(text.substr(i, next - i));
      i = next;
    }
    return parts;
  }
  for (std::size_t from = 0;;) {
    const std::size_t found = text.find(separator, from);
    parts.emplace_back(text.substr(from, found == std::string_view::npos ? found : found - from));
    if (found == std::string_view::npos) return parts;
    from = found + separator.size();
  }
}

Value divide(Evaluator& evaluator, const Node& at, const Value& left, const Value& right) {
  if (left.is_number() && right.is_number()) {
    if (right.as_double() == 0) return two_values(evaluator, at, left, right, "divided because the divisor is zero");
    if (left.is_integer() && right.is_integer() && right.as_int() != -1 && left.as_int() % right.as_int() == 0) {
      return left.as_int() / right.as_int();
    }
    const double quotient = left.as_double() / right.as_double();
    if (right.is_integer() && right.as_int() == -1 && left.is_integer() &&
        left.as_int() != std::numeric_limits<std::int64_t>::min())
      return -left.as_int();
    return quotient;
  }
  if (left.is_string() && right.is_string()) {
    if (!evaluator.charge(at, right.size() == 0 ? left.size() : left.size() / std::max<std::size_t>(right.size(), 8))) {
      return {};
    }
    Value parts = Value::array(split_text(left.as_string(), right.as_string()));
    evaluator.charge(at, parts.size());
    return parts;
  }
  return two_values(evaluator, at, left, right, "divided");
}

std::int64_t truncate_number(const Value& value) {
  if (value.is_integer()) return value.as_int();
  const double d = value.as_double();
  if (std::isnan(d)) return 0;
  if (d >= 0x1p63) return std::numeric_limits<std::int64_t>::max();
  if (d < -0x1p63) return std::numeric_limits<std::int64_t>::min();
  return static_cast<std::int64_t>(d);
}

Value modulo(Evaluator& evaluator, const Node& at, const Value& left, const Value& right) {
  if (!left.is_number() || !right.is_number()) return two_values(evaluator, at, left, right, "divided (remainder)");
  const std::int64_t divisor = truncate_number(right);
  if (divisor == 0) {
    return two_values(evaluator, at, left, right, "divided (remainder) because the divisor is zero");
  }
  return divisor == -1 ? Value(0) : Value(truncate_number(left) % divisor);
}

}  // namespace

std::string_view type_name(const Value& value) {
  switch (value.type()) {
    case Value::Type::null: return "null";
    case Value::Type::boolean: return "boolean";
    case Value::Type::integer:
    case Value::Type::real: return "number";
    case Value::Type::string: return "string";
    case Value::Type::array: return "array";
    case Value::Type::object: return "object";
  }
  return "null";
}

std::string describe(const Value& value) {
  std::string text;
  if (value.footprint() <= k_describable) append_json(text, value);
  else text = "...";
  if (text.size() > k_described_bytes) {
    std::size_t end = k_described_bytes - 3;
    while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) --end;
    text = text.substr(0, end) + "...";
  }
  return std::string(type_name(value)) + " (" + text + ")";
}

std::string to_text(const Value& value) { return value.is_string() ? std::string(value.as_string()) : to_json(value); }

std::vector<Value> sorted_keys(const Value& object) {
  std::vector<Value> keys;
  keys.reserve(object.size());
  for (const auto& member : object.members()) keys.push_back(member.first);
  std::sort(keys.begin(), keys.end(), [](const Value& a, const Value& b) { return a.as_string() < b.as_string(); });
  return keys;
}

Value add(Evaluator& evaluator, const Node& at, Value left, const Value& right) {
  if (left.is_number() && right.is_number()) {
    return number(
        left, right, [](auto a, auto b, auto* r) { return __builtin_add_overflow(a, b, r); },
        [](double a, double b) { return a + b; });
  }
  if (left.is_null()) return right;
  if (right.is_null()) return left;
  if (!left.sole_holder() && !evaluator.charge(at, left.size() / (left.is_string() ? 64 : 8))) return {};
  if (left.is_string() && right.is_string()) {
    if (!evaluator.charge(at, right.size() / 64) || !evaluator.allow_bytes(at, left.size() + right.size())) return {};
    left.append(right.as_string());
    return left;
  }
  if (left.is_array() && right.is_array()) {
    if (!evaluator.charge(at, right.size()) || !evaluator.allow_bytes(at, right.size() * sizeof(Value))) return {};
    // `right` may be `left` itself, whose list must not grow under the loop.
    const Value items = right;
    for (const Value& item : items.items()) left.push_back(item);
    evaluator.allow_value(at, left);
    return left;
  }
  if (left.is_object() && right.is_object()) {
    if (!evaluator.charge(at, right.size())) return {};
    const Value members = right;
    for (const auto& [key, value] : members.members()) left.set(key.as_string(), value);
    evaluator.allow_value(at, left);
    return left;
  }
  return two_values(evaluator, at, left, right, "added");
}

Value negate(Evaluator& evaluator, const Node& at, const Value& value) {
  if (value.is_integer() && value.as_int() != std::numeric_limits<std::int64_t>::min()) return -value.as_int();
  if (value.is_number()) return -value.as_double();
  return evaluator.raise(at, describe(value) + " cannot be negated");
}

bool compare_with(Operator op, const Value& left, const Value& right) {
  int order = Value::compare(left, right);
  if (order == 0 && left.type() == Value::Type::real && std::isnan(left.as_double())) order = -1;
  switch (op) {
    case Operator::equal: return order == 0;
    case Operator::not_equal: return order != 0;
    case Operator::less: return order < 0;
    case Operator::less_equal: return order <= 0;
    case Operator::greater: return order > 0;
    default: return order >= 0;
  }
}

Value apply(Evaluator& evaluator, const Node& at, Operator op, Value left, const Value& right) {
  switch (op) {
    case Operator::add: return add(evaluator, at, std::move(left), right);
    case Operator::subtract: return subtract(evaluator, at, left, right);
    case Operator::multiply: {
      Value product = multiply(evaluator, at, std::move(left), right);
      if (product.is_object()) evaluator.allow_value(at, product);
      return product;
    }
    case Operator::divide: return divide(evaluator, at, left, right);
    case Operator::modulo: return modulo(evaluator, at, left, right);
    case Operator::alternative: return left.truthy() ? left : right;
    default:
      if (left.type() >= Value::Type::string && left.type() == right.type() &&
          !evaluator.charge(at, std::min(left.footprint(), right.footprint()) / 64))
        return {};
      return compare_with(op, left, right);
  }
}

}  // namespace perdure::expr
