#pragma once
// Source to nodes in one pass, names resolved as they are met.
#include <string_view>
#include <tl/expected.hpp>

#include "expr/expr.h"
#include "expr/node.h"

namespace perdure::expr {

tl::expected<std::unique_ptr<Code>, CompileError> parse_program(std::string_view source, const CompileOptions& options);
// Definitions only, of the prelude: fills `functions` and `nodes`. They may use native functions and those before them.
tl::expected<std::unique_ptr<Code>, CompileError> parse_prelude(std::string_view source);

}  // namespace perdure::expr
