#pragma once
// What people write for a value: JSON, @file, - for standard input, or key=value by the workflow's schema.
#include <string>
#include <vector>

#include "base/result.h"
#include "base/value.h"
#include "cli/io.h"

namespace perdure::cli {

// One JSON value: text, @file, or -.
Result<Value> read_value(Io& io, std::string_view what, const std::string& given);

// A run's input from all --input flags: at most one whole document (JSON, @file, -), then key=value members put into
// it. A value's type is the schema's for that key ("42" stays text where the schema says string); without one it is
// JSON if it parses, else text. A key of type array may repeat. None given: null, or {} when the schema wants an
// object.
Result<Value> read_input(Io& io, const std::vector<std::string>& given, const Value& schema);

// "42" by a schema ({"type": "integer"}), or as described above when the schema does not say. Pure.
Result<Value> typed_value(std::string_view key, const std::string& text, const Value* schema);

}  // namespace perdure::cli
