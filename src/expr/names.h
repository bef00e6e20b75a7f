#pragma once
// Which functions there are: native ones, those of the prelude, and those that are refused with a reason.
#include <string>
#include <string_view>
#include <vector>

#include "expr/node.h"

namespace perdure::expr {

struct NativeFunction {
  std::string_view name;
  unsigned arity = 0;
  BuiltinFunction builtin = nullptr;  // or
  Special special = Special::not_a_function;
  int mode = 0;              // tells apart specials that share their code
  bool each = false;         // the builtin's array is given item by item
  bool takes_regex = false;  // the first argument is a regular expression
};
const NativeFunction* find_native(std::string_view name, std::size_t arity);
const Function* find_prelude(std::string_view name, std::size_t arity);
bool find_format(std::string_view name, Format& format);

// Why a name that jq knows is not available here; empty when it is not one of those.
struct Refusal {
  std::string_view why;
  std::string_view hint;
};
Refusal find_refusal(std::string_view name);

// "name/arity" of all functions, for spelling hints and `builtins`.
std::vector<std::string> all_function_names();

}  // namespace perdure::expr
