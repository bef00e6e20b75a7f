// The order and equality of values.
#include <algorithm>
#include <cmath>
#include <numeric>

#include "base/value.h"

namespace perdure {
namespace {

int rank(Value::Type type) {
  switch (type) {
    case Value::Type::null: return 0;
    case Value::Type::boolean: return 1;
    case Value::Type::integer:
    case Value::Type::real: return 3;
    case Value::Type::string: return 4;
    case Value::Type::array: return 5;
    case Value::Type::object: return 6;
  }
  return 0;
}

// Exact: an int64 is never rounded to a double to be compared.
int compare_int_real(std::int64_t i, double d) {
  if (std::isnan(d)) return 1;
  if (d >= 0x1p63) return -1;
  if (d < -0x1p63) return 1;
  const auto whole = static_cast<std::int64_t>(d);
  if (i != whole) return i < whole ? -1 : 1;
  const double fraction = d - static_cast<double>(whole);
  return fraction > 0 ? -1 : fraction < 0 ? 1 : 0;
}

int compare_numbers(const Value& a, const Value& b) {
  if (a.is_integer() && b.is_integer()) return a.as_int() < b.as_int() ? -1 : a.as_int() > b.as_int() ? 1 : 0;
  if (a.is_integer()) return compare_int_real(a.as_int(), b.as_double());
  if (b.is_integer()) return -compare_int_real(b.as_int(), a.as_double());
  const double x = a.as_double();
  const double y = b.as_double();
  if (std::isnan(x) || std::isnan(y)) return std::isnan(x) ? (std::isnan(y) ? 0 : -1) : 1;
  return x < y ? -1 : x > y ? 1 : 0;
}

std::vector<std::uint32_t> sorted_order(const std::vector<Value::Member>& members) {
  std::vector<std::uint32_t> order(members.size());
  std::iota(order.begin(), order.end(), 0U);
  std::sort(order.begin(), order.end(), [&](std::uint32_t i, std::uint32_t j) {
    return members[i].first.as_string() < members[j].first.as_string();
  });
  return order;
}

// jq's: first the sorted lists of keys, then the values in that order.
int compare_objects(const Value& a, const Value& b) {
  const auto& x = a.members();
  const auto& y = b.members();
  const auto ox = sorted_order(x);
  const auto oy = sorted_order(y);
  for (std::size_t i = 0; i < std::min(ox.size(), oy.size()); ++i) {
    if (const int c = x[ox[i]].first.as_string().compare(y[oy[i]].first.as_string()); c != 0) return c;
  }
  if (ox.size() != oy.size()) return ox.size() < oy.size() ? -1 : 1;
  for (std::size_t i = 0; i < ox.size(); ++i) {
    if (const int c = Value::compare(x[ox[i]].second, y[oy[i]].second); c != 0) return c;
  }
  return 0;
}

}  // namespace

int Value::compare(const Value& a, const Value& b) {
  if (const int c = rank(a.type_) - rank(b.type_); c != 0) return c;
  if (a.shared() && a.u_.rep == b.u_.rep) return 0;
  switch (a.type_) {
    case Type::null: return 0;
    case Type::boolean: return static_cast<int>(a.u_.integer - b.u_.integer);
    case Type::integer:
    case Type::real: return compare_numbers(a, b);
    case Type::string: return a.as_string().compare(b.as_string());
    case Type::array: {
      const auto& x = a.items();
      const auto& y = b.items();
      for (std::size_t i = 0; i < std::min(x.size(), y.size()); ++i) {
        if (const int c = compare(x[i], y[i]); c != 0) return c;
      }
      return x.size() < y.size() ? -1 : x.size() > y.size() ? 1 : 0;
    }
    case Type::object: return compare_objects(a, b);
  }
  return 0;
}

bool Value::equal(const Value& a, const Value& b) {
  if (rank(a.type_) != rank(b.type_)) return false;
  if (a.shared() && a.u_.rep == b.u_.rep) return true;
  if (a.type_ < Type::array) return compare(a, b) == 0;
  if (a.size() != b.size()) return false;
  if (a.type_ == Type::array) {
    const auto& x = a.items();
    const auto& y = b.items();
    return std::equal(x.begin(), x.end(), y.begin());
  }
  const auto& members = a.members();
  return std::all_of(members.begin(), members.end(), [&](const Member& member) {
    const Value* other = b.find(member.first.as_string());
    return other != nullptr && equal(member.second, *other);
  });
}

}  // namespace perdure
