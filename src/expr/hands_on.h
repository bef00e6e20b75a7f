#pragma once
// What a program does with one of its variables.
#include <string_view>

#include "expr/expr.h"

namespace perdure::expr {

// Whether parts of the variable, like `$name.key`, are only handed on: as members, items, parts of texts and of sums, so that
// whatever stands for them goes where they would. False when the program does not compile.
bool hands_on(std::string_view source, const CompileOptions& options, std::string_view variable);

}  // namespace perdure::expr
