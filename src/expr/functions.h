#pragma once
// Native functions used by other native functions.
#include <span>

#include "expr/evaluator.h"
#include "expr/names.h"

namespace perdure::expr {

// The native functions, by subject. names.cc puts them together.
std::span<const NativeFunction> collection_functions();
std::span<const NativeFunction> string_functions();
std::span<const NativeFunction> regex_functions();
std::span<const NativeFunction> math_functions();
std::span<const NativeFunction> date_functions();
std::span<const NativeFunction> program_functions();

// Sorts, groups or picks `items` by `keys` (as many): what sort_by, group_by, unique_by, min_by and max_by share.
Value arrange(Evaluator& evaluator, const Node& at, Special what, const std::vector<Value>& items,
              const std::vector<Value>& keys);
Value to_entries(Evaluator& evaluator, const Node& at, const Value& input, const Value* arguments);
Value from_entries(Evaluator& evaluator, const Node& at, const Value& input, const Value* arguments);
Value find_matches(Evaluator& evaluator, const Node& at, const Value& input, const Value& pattern, const Value& flags,
                   bool global);

}  // namespace perdure::expr
