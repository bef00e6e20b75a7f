#pragma once
// Arithmetic, access by key, paths and comparison, as jq defines them. On failure the evaluator has been told and the
// result is null.
#include <span>

#include "expr/evaluator.h"

namespace perdure::expr {

// "number (5)": how messages name a value.
std::string describe(const Value& value);
std::string_view type_name(const Value& value);

Value apply(Evaluator& evaluator, const Node& at, Operator op, Value left, const Value& right);
Value add(Evaluator& evaluator, const Node& at, Value left, const Value& right);
Value negate(Evaluator& evaluator, const Node& at, const Value& value);
// -1 below, 0 equal, 1 above; a NaN is below everything, itself included.
bool compare_with(Operator op, const Value& left, const Value& right);

// value[key]. `key` may be a {start, end} slice.
Value get(Evaluator& evaluator, const Node& at, const Value& value, const Value& key);
// The member itself when it needs no making; null when there is none or it must be made (slices, searches).
const Value* get_ref(const Value& value, const Value& key);
Value slice(Evaluator& evaluator, const Node& at, const Value& value, const Value& from, const Value& to);
Value slice_key(const Value& from, const Value& to);

Value get_path(Evaluator& evaluator, const Node& at, const Value& root, std::span<const Value> path);
// In place where nobody else holds the parts concerned.
bool set_path(Evaluator& evaluator, const Node& at, Value& root, std::span<const Value> path, Value value);
// Replaces what is at `path` by what `change` makes of it; false from it stops.
bool change_path(Evaluator& evaluator, const Node& at, Value& root, std::span<const Value> path,
                 FunctionRef<bool(Value& member)> change);
// Deletes all the paths (arrays), from the last to the first.
Value delete_paths(Evaluator& evaluator, const Node& at, Value root, std::vector<Value> paths);

// Items as jq's length() and keys order them.
std::vector<Value> sorted_keys(const Value& object);
// Compact JSON, or the string itself.
std::string to_text(const Value& value);

}  // namespace perdure::expr
