#include "expr/root_use.h"

#include <algorithm>
#include <optional>

namespace perdure::expr {
namespace {

constexpr std::size_t k_keys_max = 3;

// What is known of a value: a part of the root (by keys), or nothing.
struct Known {
  bool of_root = false;
  std::vector<std::string> path;
};

// Follows the root through the program. Where it can't tell, the part of the root in hand counts as read whole.
class Follower {
 public:
  explicit Follower(Code& code) : code_(code) {}

  void run() {
    const Known result = follow(*code_.root, Known{true, {}});
    read(result);
    code_.root_use = finish();
    code_.constant = !code_.root_use.whole && code_.root_use.paths.empty() && !globals_;
  }

 private:
  void read(const Known& known) {
    if (!known.of_root) return;
    if (known.path.empty()) whole_ = true;
    else paths_.push_back(known.path);
  }
  Known read_and_forget(const Known& known) {
    read(known);
    return {};
  }

  Known follow(const Node& node, const Known& input) {
    switch (node.kind) {
      case Kind::identity: return input;
      case Kind::literal: return {};
      case Kind::variable: return node.number < bound_.size() ? bound_[bound_.size() - 1 - node.number] : Known{};
      case Kind::global: globals_ = true; return {};
      case Kind::field: return member(follow(*node.a, input), node.literal);
      case Kind::index: {
        if (node.b->kind == Kind::literal && node.b->literal.is_string()) {
          return member(follow(*node.a, input), node.b->literal);
        }
        break;
      }
      case Kind::pipe: {
        Known known = input;
        for (const Node* part : node.list) known = follow(*part, known);
        return known;
      }
      case Kind::format:
      case Kind::descend: return read_and_forget(input);
      case Kind::bind:
      case Kind::reduce:
      case Kind::foreach: return follow_binding(node, input);
      case Kind::label: {
        bound_.push_back({});
        Known result = follow(*node.a, input);
        bound_.pop_back();
        return result;
      }
      case Kind::call: return follow_call(node, input);
      case Kind::attempt:  // what is caught is a value of its own
        read(follow(*node.a, input));
        if (node.b != nullptr) read(follow(*node.b, {}));
        return {};
      case Kind::closure: return read_and_forget(input);
      case Kind::update:
        read(input);
        read(follow(*node.a, {}));
        read(follow(*node.b, node.op == Operator::modify ? Known{} : input));
        return {};
      case Kind::special: return follow_special(node, input);
      case Kind::builtin: read(input); break;
      case Kind::conditional:
        if (node.c == nullptr) read(input);
        break;
      default: break;
    }
    for (const Node* child : {node.a, node.b, node.c, node.d}) {
      if (child != nullptr) read(follow(*child, input));
    }
    for (const Node* child : node.list) read(follow(*child, input));
    return {};
  }

  Known member(Known base, const Value& key) {
    if (base.of_root && base.path.size() < k_keys_max) base.path.emplace_back(key.as_string());
    return base;
  }

  static void count_variables(const Pattern& pattern, std::size_t& count) {
    if (pattern.shape == Pattern::Shape::variable) ++count;
    for (const auto& part : pattern.parts) {
      count += part.bind_whole ? 1 : 0;
      count_variables(*part.pattern, count);
    }
  }

  // Keys of a pattern are run on the value that is matched, with what was bound before them.
  void follow_keys(const Pattern& pattern) {
    if (pattern.shape == Pattern::Shape::variable) bound_.push_back({});
    for (const auto& part : pattern.parts) {
      if (part.key != nullptr) read(follow(*part.key, {}));
      if (part.bind_whole) bound_.push_back({});
      follow_keys(*part.pattern);
    }
  }

  Known follow_binding(const Node& node, const Known& input) {
    const std::size_t outside = bound_.size();
    Known source = follow(*node.a, input);
    if (node.kind != Kind::bind) read(follow(*node.b, input));
    const auto& alternatives = node.patterns->alternatives;
    if (alternatives.size() == 1 && alternatives.front().shape == Pattern::Shape::variable) {
      bound_.push_back(std::move(source));
    } else {
      read(source);
      for (const Pattern& pattern : alternatives) {
        bound_.resize(outside);
        follow_keys(pattern);
      }
      if (alternatives.size() > 1) bound_.resize(outside + node.patterns->sources.front().size());
    }
    Known result;
    if (node.kind == Kind::bind) {
      result = follow(*node.b, input);
    } else {  // the state is made of what the first program gave, which has been counted
      read(follow(*node.c, {}));
      if (node.d != nullptr) read(follow(*node.d, {}));
    }
    bound_.resize(outside);
    return result;
  }

  // A function may read all of its input; its arguments may run on any part of that, and see variables of here.
  Known follow_call(const Node& node, const Known& input) {
    read(input);
    for (const Node* argument : node.list) read(follow(*argument, {}));
    const Function& function = *node.function;
    if (std::find(followed_.begin(), followed_.end(), &function) != followed_.end()) return {};
    followed_.push_back(&function);
    // The body sees the variables of the place of its definition, then one binding per parameter.
    std::vector<Known> here = std::move(bound_);
    const std::size_t level = here.size() - std::min<std::size_t>(node.number, here.size());
    bound_.assign(here.begin(), here.begin() + static_cast<std::ptrdiff_t>(level));
    bound_.resize(level + function.parameters.size());
    read(follow(*function.body, {}));
    bound_ = std::move(here);
    return {};
  }

  Known follow_special(const Node& node, const Known& input) {
    switch (node.special) {
      case Special::empty: return {};
      case Special::select: read(follow(*node.list[0], input)); return input;
      case Special::first:
      case Special::last: return follow(*node.list[0], input);
      case Special::limit:
      case Special::nth: read(follow(*node.list[0], input)); return follow(*node.list[1], input);
      case Special::error:
        if (node.list.empty()) read(input);
        break;
      case Special::range:
      case Special::is_empty: break;
      case Special::any:
      case Special::all:
        if (node.list.size() == 2) {
          read(follow(*node.list[0], input));
          read(follow(*node.list[1], {}));
          return {};
        }
        [[fallthrough]];
      default:
        read(input);
        for (const Node* argument : node.list) read(follow(*argument, {}));
        return {};
    }
    for (const Node* argument : node.list) read(follow(*argument, input));
    return {};
  }

  RootUse finish() {
    RootUse use;
    use.whole = whole_;
    if (whole_) return use;
    std::sort(paths_.begin(), paths_.end());
    for (auto& path : paths_) {
      const bool covered = !use.paths.empty() && use.paths.back().size() <= path.size() &&
                           std::equal(use.paths.back().begin(), use.paths.back().end(), path.begin());
      if (!covered) use.paths.push_back(std::move(path));
    }
    return use;
  }

  Code& code_;
  std::vector<Known> bound_;
  std::vector<const Function*> followed_;
  std::vector<std::vector<std::string>> paths_;
  bool whole_ = false;
  bool globals_ = false;
};

}  // namespace

void find_root_use(Code& code) { Follower(code).run(); }

}  // namespace perdure::expr
