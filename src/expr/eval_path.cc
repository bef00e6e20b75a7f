// Path expressions: outputs together with where they are.
#include "expr/evaluator.h"
#include "expr/operations.h"

namespace perdure::expr {
namespace {

const Env* up(const Env* env, std::uint32_t links) {
  for (; links > 0; --links) env = env->parent;
  return env;
}

// Is it the same value, as far as a path can tell: the same place for containers and strings, equal otherwise.
bool same_place(const Value& a, const Value& b) {
  if (a.type() != b.type()) return false;
  switch (a.type()) {
    case Value::Type::string: return a.as_string().data() == b.as_string().data() && a.size() == b.size();
    case Value::Type::array: return &a.items() == &b.items();
    case Value::Type::object: return &a.members() == &b.members();
    default: return a == b;
  }
}

// A value with its path that outlives the links it was found by.
struct PathState {
  Value value;
  std::vector<Value> path;
  bool intact = false;
  void set(const PathItem& item) {
    std::vector<Value> keys;
    append_path(keys, item.path);
    Value copy = item.value;
    value = std::move(copy);
    path = std::move(keys);
    intact = item.intact;
  }
};

}  // namespace

bool Evaluator::not_a_path(const Node& at, const Value& value) {
  raise(at, "Invalid path expression with result " + describe(value).substr(type_name(value).size() + 1));
  return false;
}

bool Evaluator::run_paths(const Node& node, const PathItem& input, const Env* env, EmitPath emit) {
  const Frame frame(*this);
  if (!frame.entered) return exceed(node, EvalError::Kind::depth);
  if (!step(node)) return false;
  switch (node.kind) {
    case Kind::identity: return emit(input);
    case Kind::field:
      return run_paths(*node.a, input, env,
                       [&](const PathItem& base) { return paths_access(node, base, node.literal, emit); });
    case Kind::index:
    case Kind::slice:
      return run_keyed(node, input.value, env, [&](const Value& key) {
        return run_paths(*node.a, input, env,
                         [&](const PathItem& base) { return paths_access(node, base, key, emit); });
      });
    case Kind::iterate:
      return run_paths(*node.a, input, env, [&](const PathItem& base) { return paths_iterate(node, base, emit); });
    case Kind::descend: return paths_descend(node, input, emit);
    case Kind::pipe: return paths_pipe(node, 0, input, env, emit);
    case Kind::comma:
      for (const Node* part : node.list) {
        if (!run_paths(*part, input, env, emit)) return false;
      }
      return true;
    case Kind::alternative: return paths_alternative(node, input, env, emit);
    case Kind::conditional:
      return run(*node.a, input.value, env, [&](Value&& condition) {
        const Node* branch = condition.truthy() ? node.b : node.c;
        return branch == nullptr ? emit(input) : run_paths(*branch, input, env, emit);
      });
    case Kind::attempt: return paths_attempt(node, input, env, emit);
    case Kind::bind: return paths_bind(node, input, env, emit);
    case Kind::reduce:
    case Kind::foreach: return paths_reduce(node, input, env, emit);
    case Kind::label: {
      Env label;
      label.parent = env;
      if (run_paths(*node.a, input, &label, emit)) return true;
      if (stop_ != Stop::leave || leaving_ != &label) return false;
      stop_ = Stop::none;
      return true;
    }
    case Kind::call:
      return run_call(node, env,
                      [&](const Node& body, const Env* inner) { return run_paths(body, input, inner, emit); });
    case Kind::closure: {
      const Env* found = up(env, node.number);
      return run_paths(*found->body, input, found->closure_env, emit);
    }
    case Kind::special: return paths_special(node, input, env, emit);
    default:  // a value of its own: a path only if it happens to be the input
      return run(node, input.value, env, [&](Value&& value) {
        return emit(PathItem{value, input.path, input.intact && same_place(value, input.value)});
      });
  }
}

bool Evaluator::paths_attempt(const Node& node, const PathItem& input, const Env* env, EmitPath emit) {
  bool downstream = false;
  const bool more = run_paths(*node.a, input, env, [&](const PathItem& item) {
    if (emit(item)) return true;
    downstream = true;
    return false;
  });
  Value error;
  if (more) return true;
  if (downstream || !catch_error(error)) return false;
  return node.b == nullptr ||
         run_paths(*node.b, PathItem{error, input.path, same_place(error, input.value)}, env, emit);
}

bool Evaluator::paths_bind(const Node& node, const PathItem& input, const Env* env, EmitPath emit) {
  return run(*node.a, input.value, env, [&](Value&& value) {
    bool downstream = false;
    return bind(node, value, env, downstream, [&](const Env* bound) {
      return run_paths(*node.b, input, bound, [&](const PathItem& item) {
        if (emit(item)) return true;
        downstream = true;
        return false;
      });
    });
  });
}

bool Evaluator::paths_pipe(const Node& node, std::size_t from, const PathItem& input, const Env* env, EmitPath emit) {
  if (from + 1 == node.list.size()) return run_paths(*node.list[from], input, env, emit);
  return run_paths(*node.list[from], input, env,
                   [&](const PathItem& item) { return paths_pipe(node, from + 1, item, env, emit); });
}

bool Evaluator::paths_access(const Node& node, const PathItem& base, const Value& key, EmitPath emit) {
  const auto give_up = [&] {
    Value ignored;
    return node.optional && catch_error(ignored);
  };
  if (!base.intact) {
    raise(node, "Invalid path expression with result " + describe(base.value) + " in an access");
    return give_up();
  }
  const PathLink link{base.path, &key, {}};
  if (const Value* found = get_ref(base.value, key)) return emit(PathItem{*found, &link});
  const Value member = get(*this, node, base.value, key);
  if (stopped()) return give_up();
  return emit(PathItem{member, &link});
}

bool Evaluator::paths_iterate(const Node& node, const PathItem& base, EmitPath emit) {
  if (!base.intact) {
    if (node.optional) return true;
    raise(node, "Invalid path expression with result " + describe(base.value) + " in an iteration");
    return false;
  }
  if (base.value.is_array()) {
    const auto& items = base.value.items();
    for (std::size_t i = 0; i < items.size(); ++i) {
      const Value key(static_cast<std::int64_t>(i));
      const PathLink link{base.path, &key, {}};
      if (!step(node) || !emit(PathItem{items[i], &link})) return false;
    }
    return true;
  }
  if (base.value.is_object()) {
    for (const auto& [key, value] : base.value.members()) {
      const PathLink link{base.path, &key, {}};
      if (!step(node) || !emit(PathItem{value, &link})) return false;
    }
    return true;
  }
  // null has no members, but as the place of an update it is an error like any other
  return iterate_items(node, base.value, [](const Value&) { return true; });
}

bool Evaluator::paths_descend(const Node& node, const PathItem& input, EmitPath emit) {
  const Frame frame(*this);
  if (!frame.entered) return exceed(node, EvalError::Kind::depth);
  if (!step(node) || !emit(input)) return false;
  if (!input.value.is_array() && !input.value.is_object()) return true;
  return paths_iterate(node, input, [&](const PathItem& item) { return paths_descend(node, item, emit); });
}

bool Evaluator::paths_alternative(const Node& node, const PathItem& input, const Env* env, EmitPath emit) {
  bool found = false;
  const bool more = run_paths(*node.a, input, env, [&](const PathItem& item) {
    if (!item.value.truthy()) return true;
    found = true;
    return emit(item);
  });
  return more && (found || run_paths(*node.b, input, env, emit));
}

bool Evaluator::paths_while(const Node& node, const PathItem& input, const Env* env, EmitPath emit) {
  const Frame frame(*this);
  if (!frame.entered) return exceed(node, EvalError::Kind::depth);
  const bool until = node.special == Special::until;
  return run(*node.list[0], input.value, env, [&](Value&& condition) {
    if (condition.truthy() == until) return !until || emit(input);
    if (!until && !emit(input)) return false;
    return run_paths(*node.list[1], input, env,
                     [&](const PathItem& item) { return paths_while(node, item, env, emit); });
  });
}

// reduce and foreach, whose state is a value with its path.
bool Evaluator::paths_reduce(const Node& node, const PathItem& input, const Env* env, EmitPath emit) {
  using State = PathState;
  return run_paths(*node.b, input, env, [&](const PathItem& initial) {
    State state;
    state.set(initial);
    const bool more = run(*node.a, input.value, env, [&](Value&& item) {
      bool downstream = false;
      return bind(node, item, env, downstream, [&](const Env* bound) {
        const State before = std::move(state);
        state = State{};
        const PathLink link{nullptr, nullptr, before.path};
        return run_paths(*node.c, PathItem{before.value, &link, before.intact}, bound, [&](const PathItem& next) {
          state.set(next);
          if (node.kind == Kind::reduce) return true;
          const State shown = state;
          const PathLink shown_link{nullptr, nullptr, shown.path};
          const PathItem current{shown.value, &shown_link, shown.intact};
          const auto out = [&](const PathItem& output) {
            if (emit(output)) return true;
            downstream = true;
            return false;
          };
          return node.d == nullptr ? out(current) : run_paths(*node.d, current, bound, out);
        });
      });
    });
    if (!more || node.kind == Kind::foreach) return more;
    const PathLink link{nullptr, nullptr, state.path};
    return emit(PathItem{state.value, &link, state.intact});
  });
}

bool Evaluator::paths_recurse(const Node& node, const PathItem& input, const Env* env, EmitPath emit) {
  const Frame frame(*this);
  if (!frame.entered) return exceed(node, EvalError::Kind::depth);
  if (!step(node) || !emit(input)) return false;
  return run_paths(*node.list[0], input, env, [&](const PathItem& item) {
    if (node.list.size() == 1) return paths_recurse(node, item, env, emit);
    return run(*node.list[1], item.value, env,
               [&](Value&& condition) { return !condition.truthy() || paths_recurse(node, item, env, emit); });
  });
}

bool Evaluator::paths_special(const Node& node, const PathItem& input, const Env* env, EmitPath emit) {
  const auto& list = node.list;
  switch (node.special) {
    case Special::empty: return true;
    case Special::error: return run(node, input.value, env, [](Value&&) { return true; });
    case Special::select:
      return run(*list[0], input.value, env, [&](Value&& condition) { return !condition.truthy() || emit(input); });
    case Special::recurse:
    case Special::repeat:
      return list.empty() ? paths_descend(node, input, emit) : paths_recurse(node, input, env, emit);
    case Special::get_path:
      return run(*list[0], input.value, env, [&](Value&& path) {
        if (!path.is_array()) return raise(node, "Path must be specified as an array"), false;
        if (!input.intact) return not_a_path(node, input.value);
        const Value found = expr::get_path(*this, node, input.value, path.items());
        if (stopped()) return false;
        const PathLink link{input.path, nullptr, path.items()};
        return emit(PathItem{found, &link});
      });
    case Special::first: {
      bool found = false;
      bool more = true;
      run_paths(*list[0], input, env, [&](const PathItem& item) {
        found = true;
        more = emit(item);
        return false;
      });
      return found ? more : !stopped();
    }
    case Special::limit:
      return run(*list[0], input.value, env, [&](Value&& count) {
        if (!count.is_number()) return raise(node, "limit needs a number, not " + describe(count)), false;
        double left = count.as_double();
        if (left < 0) return run_paths(*list[1], input, env, emit);
        if (!(left > 0)) return true;
        bool wanted = true;
        const bool more = run_paths(*list[1], input, env, [&](const PathItem& item) {
          left -= 1;
          wanted = emit(item);
          return wanted && left > 0;
        });
        return more || (wanted && !stopped());
      });
    case Special::last: {
      PathState state;
      const bool more = run_paths(*list[0], input, env, [&](const PathItem& item) {
        state.set(item);
        return true;
      });
      if (!more) return false;
      const PathLink link{nullptr, nullptr, state.path};
      return emit(PathItem{state.value, &link, state.intact});
    }
    case Special::until:
    case Special::while_loop: return paths_while(node, input, env, emit);
    default:
      return run(node, input.value, env, [&](Value&& value) {
        return emit(PathItem{value, input.path, input.intact && same_place(value, input.value)});
      });
  }
}

}  // namespace perdure::expr
