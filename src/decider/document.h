#pragma once
// Expressions and templates in the context of a running step: builds just the part of `.` they read.
#include <span>
#include <string>

#include "decider/state.h"

namespace perdure::decider {

// A step's output as a value; null when it has none. O(size of the output), parsed once.
Value slot_value(const State& state, std::uint32_t scope, NodeId node);
std::string slot_json(const State& state, std::uint32_t scope, NodeId node);
Value fault_value(const history::Fault& fault);

struct Surroundings {
  FrameId frame = k_none;                 // whose names are seen; k_none: the run's
  NodeId step = k_none;                   // whose fault it is where the step has no frame yet
  const history::Fault* error = nullptr;  // `.error` where it is not that of an enclosing catch
  const Value* item = nullptr;            // `.item`, `.index` where they are not those of an enclosing item
  std::uint32_t index = 0;
  std::span<const Value> variables;  // $out, $args or $arg
  // Data flow: what `.` is, if not the task's input, and what $output is.
  const Value* dot = nullptr;
  const Value* input = nullptr;  // $input, if not the frame's
  const Value* output = nullptr;
  const Value* raw_output = nullptr;  // $task.output
  const Value* secrets = nullptr;     // $secrets: marks
};

// An error is the workflow's fault `expression`, with the place in the file.
template <class T>
using Evaluated = tl::expected<T, FaultPtr>;
Evaluated<Value> evaluate(const State& state, plan::ExprId expr, const Surroundings& around);
Evaluated<bool> evaluate_condition(const State& state, plan::ExprId expr, const Surroundings& around);
Evaluated<Value> render(const State& state, const plan::Template& text, const Surroundings& around);
// The same as JSON text; constants cost nothing.
Evaluated<Bytes> render_json(const State& state, const plan::Template& text, const Surroundings& around);
// A string; other values as compact JSON.
Evaluated<std::string> render_text(const State& state, const plan::Template& text, const Surroundings& around);

// What a fault says it happened at: the step's name, in a data flow the task's JSON pointer.
const std::string& place_name(const plan::Node& node);

// flow_document.cc: expressions of a data flow.
tl::expected<Value, expr::EvalError> evaluate_flow(const State& state, const plan::Expression& e,
                                                   const Surroundings& around);

FaultPtr make_fault(std::string type, std::string title, std::string step,
                    history::FaultClass fault_class = history::FaultClass::fatal);

}  // namespace perdure::decider
