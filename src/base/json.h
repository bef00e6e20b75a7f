#pragma once
// JSON text to Value and back. Reader and writer are total: any bytes give a Value or an Error with line and column.
#include <cstddef>
#include <string>
#include <string_view>

#include "base/limits.h"
#include "base/result.h"
#include "base/value.h"

namespace perdure {

struct JsonLimits {
  std::size_t depth = k_json_depth_max;
  std::size_t bytes = std::size_t{64} << 20;
};

// RFC 8259, one value and nothing after it. Lone surrogates and invalid UTF-8 become U+FFFD. A number that fits int64
// and has no fraction or exponent is an integer. Errors: invalid, "line L, column C: what".
Result<Value> parse_json(std::string_view text, const JsonLimits& limits = {});

// Compact, members in insertion order, shortest round-trip numbers; NaN is null and infinities are +-1.797e308 (as jq).
std::string to_json(const Value& value);
void append_json(std::string& out, const Value& value);
// Two-space indentation, for people.
std::string to_pretty_json(const Value& value);
// Members sorted by key at every level: the canonical form that is hashed and compared.
std::string to_canonical_json(const Value& value);

}  // namespace perdure
