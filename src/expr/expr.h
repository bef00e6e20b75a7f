#pragma once
// Programs of the expression language (jq 1.6 without input streams, see README.md and docs/expressions.md): compiled
// once, evaluated any number of times. Values in, values out: no clock, file, environment, randomness or modules.
//
// Total on hostile sources and data: a source is refused with the place of its mistake, an evaluation ends by its
// limits. A compiled program is immutable and may be evaluated by several threads at once.
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <vector>

#include "base/limits.h"
#include "base/value.h"

namespace perdure::expr {

inline constexpr std::size_t k_expr_source_bytes_max = std::size_t{64} << 10;

struct CompileError {
  std::string message;
  std::size_t offset = 0;  // byte in the source
  std::string hint;        // what to write instead; may be empty
};

struct EvalError {
  enum class Kind : std::uint8_t { raised, fuel, memory, depth };
  std::string message;
  Kind kind = Kind::raised;
  Value value;             // what `catch` would have been given
  std::size_t offset = 0;  // byte in the source of the part that failed
};

struct Limits {
  std::uint64_t fuel = k_expr_fuel_max;                // steps of the evaluator; work on large values costs more
  std::size_t memory_bytes = k_expr_memory_bytes_max;  // beyond what the input itself takes
  std::size_t depth = k_expr_depth_max;                // calls of functions within one another
};

// What the program reads of its initial input `.`: all of it, or what is below these keys (at most three each, none a
// prefix of another), so that a caller need build only those parts. Reading none at all: not whole and no paths.
struct RootUse {
  bool whole = false;
  std::vector<std::vector<std::string>> paths;
};

struct CompileOptions {
  std::vector<std::string> variables;  // names without $, like {"out", "args"}; with "now", `now` is $now
};

struct Code;

class Program {
 public:
  static tl::expected<std::shared_ptr<const Program>, CompileError> compile(std::string_view source,
                                                                            const CompileOptions& options = {});
  Program(std::string source, std::unique_ptr<const Code> code);
  ~Program();
  Program(const Program&) = delete;
  Program& operator=(const Program&) = delete;

  // The first output; null when there is none. `variables` are in the order of CompileOptions::variables, those missing
  // at the end are null.
  tl::expected<Value, EvalError> evaluate(const Value& input, std::span<const Value> variables = {},
                                          const Limits& limits = {}) const;
  // Up to max_outputs outputs, in order; an error after some outputs is still an error.
  tl::expected<std::vector<Value>, EvalError> evaluate_all(const Value& input, std::span<const Value> variables,
                                                           const Limits& limits, std::size_t max_outputs) const;
  const RootUse& root_use() const;
  const std::string& source() const { return source_; }
  bool constant() const;  // uses neither the input nor a variable

 private:
  std::string source_;
  std::unique_ptr<const Code> code_;
};

}  // namespace perdure::expr
