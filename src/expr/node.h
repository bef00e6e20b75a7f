#pragma once
// The compiled form of a program: a tree of nodes in which names are resolved to distances in the environment.
//
// An environment is a linked list of bindings (variables, closures, labels) that only grows downwards, so a binding is
// found by walking a number of links known at compile time and no binding is ever overwritten.
#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "base/value.h"
#include "expr/expr.h"

namespace perdure::expr {

class Evaluator;
class Regex;
struct Node;

enum class Kind : std::uint8_t {
  identity,
  literal,      // literal
  field,        // a . literal
  index,        // a [b]
  slice,        // a [b:c], either may be missing
  iterate,      // a []
  descend,      // ..
  pipe,         // list, two or more
  comma,        // list, two or more
  negate,       // -a
  binary,       // a op b
  logic_and,    // a and b
  logic_or,     // a or b
  alternative,  // a // b
  conditional,  // if a then b else c; c may be missing
  attempt,      // try a catch b; b may be missing
  array,        // [a]; a may be missing
  object,       // list: key, value, key, value...
  string,       // list joined, each part that is no literal through `format`
  format,       // @format
  variable,     // `number` links up the environment
  global,       // the program's variable `number`
  bind,         // a as patterns | b
  reduce,       // reduce a as patterns (b; c)
  foreach,      // foreach a as patterns (b; c; d); d may be missing
  label,        // label | a
  leave,        // break to the label `number` links up
  call,         // function(list), defined `number` links up
  closure,      // the parameter `number` links up
  update,       // a op b: = |= += ...
  builtin,      // native function of values: list are its arguments
  special,      // native function of programs: list are its arguments
};

enum class Operator : std::uint8_t {
  add,
  subtract,
  multiply,
  divide,
  modulo,
  equal,
  not_equal,
  less,
  less_equal,
  greater,
  greater_equal,
  assign,
  modify,
  alternative
};

enum class Format : std::uint8_t { text, json, html, uri, csv, tsv, sh, base64, base64d };

// Native functions that take programs: how often, on what and with which paths they run is theirs to say.
enum class Special : std::uint8_t {
  all,
  any,
  delete_paths,
  each_path,
  empty,
  error,
  first,
  get_path,
  group_by,
  is_empty,
  last,
  limit,
  map,
  map_values,
  max_by,
  min_by,
  nth,
  range,
  recurse,
  repeat,
  select,
  sort_by,
  substitute,
  unique_by,
  until,
  walk,
  while_loop,
  with_entries,
  not_a_function
};

// A native function of values. On failure it has told the evaluator and the result does not matter.
using BuiltinFunction = Value (*)(Evaluator& evaluator, const Node& node, const Value& input, const Value* arguments);

struct Pattern {
  enum class Shape : std::uint8_t { variable, array, object };
  struct Part {
    Node* key = nullptr;      // of an object pattern; of an array pattern the position counts
    bool bind_whole = false;  // {$name: pattern}: the member itself is bound as well
    std::unique_ptr<Pattern> pattern;
  };
  Shape shape = Shape::variable;
  std::vector<Part> parts;
  bool plain = true;  // exactly one match: no key is computed
};

// The alternatives of `as p ?// q`. With several, the body sees the variables of all of them, `sources[i][j]` being the
// distance of variable j in the environment that alternative i leaves, or -1 where it is null.
struct Patterns {
  std::vector<Pattern> alternatives;
  std::vector<std::vector<int>> sources;
};

struct Function {
  std::string name;
  std::vector<std::string> parameters;
  Node* body = nullptr;
  std::uint32_t level = 0;  // length of the environment where it is defined
};

struct Node {
  Kind kind = Kind::identity;
  bool single = false;    // exactly one output, or an error
  bool optional = false;  // field, index, slice, iterate followed by `?`
  Operator op = Operator::add;
  Format format = Format::text;
  Special special = Special::not_a_function;
  std::uint16_t height = 1;  // of the tree below, bounded by the parser
  std::uint32_t offset = 0;
  std::uint32_t number = 0;
  Node* a = nullptr;
  Node* b = nullptr;
  Node* c = nullptr;
  Node* d = nullptr;
  std::vector<Node*> list;
  Value literal;
  const Function* function = nullptr;
  BuiltinFunction builtin = nullptr;
  std::unique_ptr<Patterns> patterns;
  std::shared_ptr<const Regex> regex;  // of a call whose pattern and flags are literals
};

// Owns the nodes and functions of one program or of the prelude.
struct Code {
  std::deque<Node> nodes;
  std::deque<Function> functions;
  const Node* root = nullptr;
  std::size_t variables = 0;
  RootUse root_use;
  bool constant = false;
};

}  // namespace perdure::expr
