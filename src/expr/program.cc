#include "expr/evaluator.h"
#include "expr/expr.h"
#include "expr/parser.h"

namespace perdure::expr {

tl::expected<std::shared_ptr<const Program>, CompileError> Program::compile(std::string_view source,
                                                                            const CompileOptions& options) {
  auto code = parse_program(source, options);
  if (!code) return tl::unexpected(std::move(code).error());
  return std::make_shared<const Program>(std::string(source), std::unique_ptr<const Code>(std::move(*code)));
}

Program::Program(std::string source, std::unique_ptr<const Code> code)
    : source_(std::move(source)), code_(std::move(code)) {}
Program::~Program() = default;

tl::expected<Value, EvalError> Program::evaluate(const Value& input, std::span<const Value> variables,
                                                 const Limits& limits) const {
  Evaluator evaluator(input, variables, code_->variables, limits);
  Evaluator::First first = evaluator.first(*code_->root, input, nullptr);
  if (evaluator.stopped()) return tl::unexpected(evaluator.take_error());
  return std::move(first.value);
}

tl::expected<std::vector<Value>, EvalError> Program::evaluate_all(const Value& input, std::span<const Value> variables,
                                                                  const Limits& limits, std::size_t max_outputs) const {
  Evaluator evaluator(input, variables, code_->variables, limits);
  std::vector<Value> outputs;
  if (max_outputs == 0) return outputs;
  evaluator.run(*code_->root, input, nullptr, [&](Value&& output) {
    outputs.push_back(std::move(output));
    return outputs.size() < max_outputs;
  });
  if (evaluator.stopped()) return tl::unexpected(evaluator.take_error());
  return outputs;
}

const RootUse& Program::root_use() const { return code_->root_use; }
bool Program::constant() const { return code_->constant; }

}  // namespace perdure::expr
