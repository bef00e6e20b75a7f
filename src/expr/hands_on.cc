#include "expr/hands_on.h"

#include <algorithm>

#include "expr/parser.h"

namespace perdure::expr {
namespace {

// What of the variable is in a node's output.
enum class Holds : std::uint8_t {
  nothing,
  parts,     // as they are
  computed,  // something that depends on them
};

class HandsOn {
 public:
  explicit HandsOn(std::uint32_t variable) : variable_(variable) {}

  Holds of(const Node& node) {
    if (is_part(node)) return Holds::parts;
    switch (node.kind) {
      case Kind::global: return node.number == variable_ ? Holds::computed : Holds::nothing;
      case Kind::object: return of_object(node);
      case Kind::array: return node.a != nullptr ? of(*node.a) : Holds::nothing;
      case Kind::comma: return most(node.list);
      case Kind::alternative: return std::max(of(*node.a), of(*node.b));
      case Kind::pipe: return after(most({node.list.begin(), node.list.end() - 1}), of(*node.list.back()));
      case Kind::binary:
        if (node.op == Operator::add) return std::max(of(*node.a), of(*node.b));
        break;
      case Kind::string:
        if (node.format == Format::text) return most(node.list);
        break;
      case Kind::conditional:
        return after(of(*node.a), std::max(of(*node.b), node.c != nullptr ? of(*node.c) : Holds::nothing));
      case Kind::bind: return after(std::max(of(*node.a), keys_of(node)), of(*node.b));
      default: break;
    }
    return any(node) ? Holds::computed : Holds::nothing;
  }

 private:
  // $name.key, however deep.
  bool is_part(const Node& node) const {
    const bool field = node.kind == Kind::field;
    const bool index = node.kind == Kind::index && node.b->kind == Kind::literal && node.b->literal.is_string();
    if (!field && !index) return false;
    return is_part(*node.a) || (node.a->kind == Kind::global && node.a->number == variable_);
  }

  Holds after(Holds before, Holds then) { return before == Holds::nothing ? then : Holds::computed; }

  Holds most(const std::vector<Node*>& nodes) {
    Holds all = Holds::nothing;
    for (const Node* node : nodes) all = std::max(all, of(*node));
    return all;
  }

  Holds of_object(const Node& node) {
    Holds keys = Holds::nothing, values = Holds::nothing;
    for (std::size_t i = 0; i < node.list.size(); ++i) {
      Holds& into = i % 2 == 0 ? keys : values;
      if (node.list[i] != nullptr) into = std::max(into, of(*node.list[i]));
    }
    return after(keys, values);
  }

  Holds keys_of(const Node& node) {
    Holds all = Holds::nothing;
    const auto look = [&](const Pattern& pattern, const auto& again) -> void {
      for (const Pattern::Part& part : pattern.parts) {
        if (part.key != nullptr) all = std::max(all, of(*part.key));
        again(*part.pattern, again);
      }
    };
    if (node.patterns)
      for (const Pattern& pattern : node.patterns->alternatives) look(pattern, look);
    return all;
  }

  // Whether anything below reads it.
  bool any(const Node& node) {
    for (const Node* child : {node.a, node.b, node.c, node.d})
      if (child != nullptr && of(*child) != Holds::nothing) return true;
    if (most(node.list) != Holds::nothing || keys_of(node) != Holds::nothing) return true;
    if (node.function == nullptr || node.function->body == nullptr) return false;
    if (std::find(seen_.begin(), seen_.end(), node.function) != seen_.end()) return false;
    seen_.push_back(node.function);
    return of(*node.function->body) != Holds::nothing;
  }

  const std::uint32_t variable_;
  std::vector<const Function*> seen_;
};

}  // namespace

bool hands_on(std::string_view source, const CompileOptions& options, std::string_view variable) {
  const auto at = std::find(options.variables.begin(), options.variables.end(), variable);
  const auto code = parse_program(source, options);
  if (!code || at == options.variables.end()) return false;
  return HandsOn(static_cast<std::uint32_t>(at - options.variables.begin())).of(*(*code)->root) != Holds::computed;
}

}  // namespace perdure::expr
