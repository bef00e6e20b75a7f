#pragma once
// @text @json @html ...: values as text.
#include <string>

#include "expr/evaluator.h"

namespace perdure::expr {

bool append_format(Evaluator& evaluator, const Node& at, Format format, const Value& value, std::string& out);
Value format_value(Evaluator& evaluator, const Node& at, Format format, const Value& value);

}  // namespace perdure::expr
