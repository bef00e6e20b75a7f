#include "expr/parser.h"

#include "expr/grammar.h"
#include "expr/root_use.h"

namespace perdure::expr {

tl::expected<std::unique_ptr<Code>, CompileError> parse_program(std::string_view source,
                                                                const CompileOptions& options) {
  if (source.size() > k_expr_source_bytes_max) {
    return tl::unexpected(CompileError{"the expression has " + std::to_string(source.size()) +
                                           " bytes, more than the limit of " + std::to_string(k_expr_source_bytes_max),
                                       0, "move the data into the input"});
  }
  auto code = std::make_unique<Code>();
  Grammar grammar(source, *code, Grammar::Names::all);
  code->root = grammar.program(options);
  if (code->root == nullptr) return tl::unexpected(grammar.error());
  code->variables = options.variables.size();
  find_root_use(*code);
  return code;
}

tl::expected<std::unique_ptr<Code>, CompileError> parse_prelude(std::string_view source) {
  auto code = std::make_unique<Code>();
  Grammar grammar(source, *code, Grammar::Names::native);
  if (!grammar.definitions()) return tl::unexpected(grammar.error());
  return code;
}

}  // namespace perdure::expr
