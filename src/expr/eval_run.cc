// Nodes with any number of outputs.
#include "expr/evaluator.h"
#include "expr/formats.h"
#include "expr/operations.h"

namespace perdure::expr {
namespace {

const Env* up(const Env* env, std::uint32_t links) {
  for (; links > 0; --links) env = env->parent;
  return env;
}

}  // namespace

bool Evaluator::run(const Node& node, const Value& input, const Env* env, Emit emit) {
  if (node.single) {
    Value value = one(node, input, env);
    return !stopped() && emit(std::move(value));
  }
  const Frame frame(*this);
  if (!frame.entered) return exceed(node, EvalError::Kind::depth);
  if (!step(node)) return false;
  switch (node.kind) {
    case Kind::field:
    case Kind::index:
    case Kind::slice: return run_access(node, input, env, emit);
    case Kind::iterate: return run_iterate(node, input, env, [&](const Value& item) { return emit(Value(item)); });
    case Kind::descend: return run_descend(node, input, emit);
    case Kind::pipe: return run_pipe(node, 0, input, env, emit);
    case Kind::comma:
      for (const Node* part : node.list) {
        if (!run(*part, input, env, emit)) return false;
      }
      return true;
    case Kind::negate:
      return run(*node.a, input, env, [&](Value&& value) {
        Value negated = expr::negate(*this, node, value);
        return !stopped() && emit(std::move(negated));
      });
    case Kind::binary: return run_binary(node, input, env, emit);
    case Kind::logic_and:
    case Kind::logic_or: return run_logic(node, input, env, emit);
    case Kind::alternative: return run_alternative(node, input, env, emit);
    case Kind::conditional:
      return run(*node.a, input, env, [&](Value&& condition) {
        const Node* branch = condition.truthy() ? node.b : node.c;
        return branch == nullptr ? emit(Value(input)) : run(*branch, input, env, emit);
      });
    case Kind::attempt: return run_attempt(node, input, env, emit);
    case Kind::object: return run_object(node, 0, Value::object(), input, env, emit);
    case Kind::string: return run_string(node, node.list.size(), {}, input, env, emit);
    case Kind::bind: return run_bind(node, input, env, emit);
    case Kind::reduce:
      return run(*node.b, input, env,
                 [&](Value&& state) { return fold(node, state, input, env) && emit(std::move(state)); });
    case Kind::foreach: return run_foreach(node, input, env, emit);
    case Kind::label: return run_label(node, input, env, emit);
    case Kind::leave:
      stop_ = Stop::leave;
      leaving_ = up(env, node.number);
      return false;
    case Kind::call:
      return run_call(node, env, [&](const Node& body, const Env* inner) { return run(body, input, inner, emit); });
    case Kind::closure: {
      const Env* found = up(env, node.number);
      return run(*found->body, input, found->closure_env, emit);
    }
    case Kind::update: return run_update(node, input, env, emit);
    case Kind::builtin: return run_builtin(node, input, env, emit);
    case Kind::special: return run_special(node, input, env, emit);
    default: return raise(node, "an output is missing"), false;
  }
}

bool Evaluator::run_pipe(const Node& node, std::size_t from, const Value& input, const Env* env, Emit emit) {
  const Node& part = *node.list[from];
  if (from + 1 == node.list.size()) return run(part, input, env, emit);
  const Frame frame(*this);
  if (!frame.entered) return exceed(node, EvalError::Kind::depth);
  const auto rest = [&](const Value& value) { return run_pipe(node, from + 1, value, env, emit); };
  if (part.single) {
    Value hold;
    const Value* value = one_ref(part, input, env, hold);
    return !stopped() && rest(*value);
  }
  if (part.kind == Kind::iterate) return run_iterate(part, input, env, rest);
  return run(part, input, env, [&](Value&& value) { return rest(value); });
}

bool Evaluator::run_iterate(const Node& node, const Value& input, const Env* env,
                            FunctionRef<bool(const Value&)> emit) {
  if (node.a->single) {
    Value hold;
    const Value* base = one_ref(*node.a, input, env, hold);
    return !stopped() && iterate_items(node, *base, emit);
  }
  return run(*node.a, input, env, [&](Value&& base) { return iterate_items(node, base, emit); });
}

bool Evaluator::iterate_items(const Node& node, const Value& base, FunctionRef<bool(const Value&)> emit) {
  if (base.is_array()) {
    for (const Value& item : base.items()) {
      if (!step(node) || !emit(item)) return false;
    }
    return true;
  }
  if (base.is_object()) {
    for (const auto& member : base.members()) {
      if (!step(node) || !emit(member.second)) return false;
    }
    return true;
  }
  if (node.optional) return true;
  raise(node, "Cannot iterate over " + (base.is_null() ? std::string("null (null)") : describe(base)));
  return false;
}

// The keys of an access, one after the other: of a field, an index or a slice.
bool Evaluator::run_keyed(const Node& node, const Value& input, const Env* env,
                          FunctionRef<bool(const Value& key)> with) {
  if (node.kind == Kind::field) return with(node.literal);
  if (node.kind == Kind::index) return run(*node.b, input, env, [&](Value&& key) { return with(key); });
  const auto with_from = [&](const Value& from) {
    if (node.c == nullptr) return with(slice_key(from, Value()));
    return run(*node.c, input, env, [&](Value&& to) { return with(slice_key(from, to)); });
  };
  if (node.b == nullptr) return with_from(Value());
  return run(*node.b, input, env, [&](Value&& from) { return with_from(from); });
}

bool Evaluator::run_access(const Node& node, const Value& input, const Env* env, Emit emit) {
  return run_keyed(node, input, env, [&](const Value& key) {
    return run(*node.a, input, env, [&](Value&& base) {
      Value member = get(*this, node, base, key);
      Value ignored;
      if (stopped()) return node.optional && catch_error(ignored);
      return emit(std::move(member));
    });
  });
}

bool Evaluator::run_descend(const Node& node, const Value& input, Emit emit) {
  const Frame frame(*this);
  if (!frame.entered) return exceed(node, EvalError::Kind::depth);
  if (!step(node) || !emit(Value(input))) return false;
  if (!input.is_array() && !input.is_object()) return true;
  return iterate_items(node, input, [&](const Value& item) { return run_descend(node, item, emit); });
}

bool Evaluator::run_binary(const Node& node, const Value& input, const Env* env, Emit emit) {
  return run(*node.b, input, env, [&](Value&& right) {
    return run(*node.a, input, env, [&](Value&& left) {
      Value result = apply(*this, node, node.op, std::move(left), right);
      return !stopped() && emit(std::move(result));
    });
  });
}

bool Evaluator::run_logic(const Node& node, const Value& input, const Env* env, Emit emit) {
  const bool decided = node.kind == Kind::logic_or;
  return run(*node.a, input, env, [&](Value&& left) {
    if (left.truthy() == decided) return emit(Value(decided));
    return run(*node.b, input, env, [&](Value&& right) { return emit(Value(right.truthy())); });
  });
}

bool Evaluator::run_alternative(const Node& node, const Value& input, const Env* env, Emit emit) {
  bool found = false;
  const bool more = run(*node.a, input, env, [&](Value&& value) {
    if (!value.truthy()) return true;
    found = true;
    return emit(std::move(value));
  });
  return more && (found || run(*node.b, input, env, emit));
}

bool Evaluator::run_attempt(const Node& node, const Value& input, const Env* env, Emit emit) {
  bool downstream = false;  // an error of what comes after is not ours to catch
  const bool more = run(*node.a, input, env, [&](Value&& value) {
    if (emit(std::move(value))) return true;
    downstream = true;
    return false;
  });
  Value error;
  if (more) return true;
  if (downstream || !catch_error(error)) return false;
  return node.b == nullptr || run(*node.b, error, env, emit);
}

bool Evaluator::run_object(const Node& node, std::size_t from, const Value& object, const Value& input, const Env* env,
                           Emit emit) {
  if (from == node.list.size()) return emit(Value(object));
  const Frame frame(*this);
  if (!frame.entered) return exceed(node, EvalError::Kind::depth);
  return run(*node.list[from], input, env, [&](Value&& key) {
    if (!key.is_string()) return raise(*node.list[from], "Cannot use " + describe(key) + " as object key"), false;
    return run(*node.list[from + 1], input, env, [&](Value&& value) {
      if (!charge(node, object.size() / 8)) return false;
      Value more = object;
      more.set(key.as_string(), std::move(value));
      return allow_value(node, more) && run_object(node, from + 2, more, input, env, emit);
    });
  });
}

// From the last part to the first: the first varies fastest.
bool Evaluator::run_string(const Node& node, std::size_t from, const std::string& tail, const Value& input,
                           const Env* env, Emit emit) {
  if (from == 0) return emit(Value(std::string_view(tail)));
  const Frame frame(*this);
  if (!frame.entered) return exceed(node, EvalError::Kind::depth);
  const Node& part = *node.list[from - 1];
  const auto with = [&](std::string text) {
    if (!allow_bytes(node, text.size() + tail.size()) || !charge(node, tail.size() / 64)) return false;
    text += tail;
    return run_string(node, from - 1, text, input, env, emit);
  };
  if (part.kind == Kind::literal) return with(std::string(part.literal.as_string()));
  return run(part, input, env, [&](Value&& value) {
    std::string text;
    return append_format(*this, part, node.format, value, text) && with(std::move(text));
  });
}

bool Evaluator::run_bind(const Node& node, const Value& input, const Env* env, Emit emit) {
  const auto with = [&](const Value& value) {
    bool downstream = false;
    return bind(node, value, env, downstream, [&](const Env* bound) {
      return run(*node.b, input, bound, [&](Value&& output) {
        if (emit(std::move(output))) return true;
        downstream = true;
        return false;
      });
    });
  };
  if (node.a->kind == Kind::iterate) return run_iterate(*node.a, input, env, with);
  return run(*node.a, input, env, [&](Value&& value) { return with(value); });
}

bool Evaluator::run_foreach(const Node& node, const Value& input, const Env* env, Emit emit) {
  return run(*node.b, input, env, [&](Value&& state) {
    return run(*node.a, input, env, [&](Value&& item) {
      bool downstream = false;
      const auto out = [&](Value&& output) {
        if (emit(std::move(output))) return true;
        downstream = true;
        return false;
      };
      return bind(node, item, env, downstream, [&](const Env* bound) {
        const auto extract = [&] { return node.d == nullptr ? out(Value(state)) : run(*node.d, state, bound, out); };
        if (node.c->single) {
          Value next = one_owned(*node.c, std::move(state), bound);
          if (stopped()) return false;
          state = std::move(next);
          return extract();
        }
        const Value before = std::move(state);
        state = Value();
        return run(*node.c, before, bound, [&](Value&& next) {
          state = std::move(next);
          return extract();
        });
      });
    });
  });
}

bool Evaluator::run_label(const Node& node, const Value& input, const Env* env, Emit emit) {
  Env label;
  label.parent = env;
  if (run(*node.a, input, &label, emit)) return true;
  if (stop_ != Stop::leave || leaving_ != &label) return false;
  stop_ = Stop::none;
  return true;
}

bool Evaluator::run_call(const Node& node, const Env* env, FunctionRef<bool(const Node& body, const Env* env)> with) {
  if (depth_left_ == 0) return exceed(node, EvalError::Kind::depth);
  const Env* inner = up(env, node.number);
  constexpr std::size_t k_few = 3;
  Env few[k_few];
  std::vector<Env> many(node.list.size() > k_few ? node.list.size() : 0);
  Env* closures = many.empty() ? few : many.data();
  for (std::size_t i = 0; i < node.list.size(); ++i) {
    Env& closure = closures[i];
    closure.parent = inner;
    closure.body = node.list[i];
    closure.closure_env = env;
    if (closure.body->kind == Kind::closure) {  // handed on: no chain of one calling the next
      const Env* given = up(env, closure.body->number);
      closure.body = given->body;
      closure.closure_env = given->closure_env;
    }
    inner = &closure;
  }
  --depth_left_;
  const bool more = with(*node.function->body, inner);
  ++depth_left_;
  return more;
}

bool Evaluator::run_builtin(const Node& node, const Value& input, const Env* env, Emit emit) {
  std::vector<Value> arguments(node.list.size());
  return run_builtin_arguments(node, node.list.size(), arguments.data(), input, env, emit);
}

// The last argument is the outermost loop.
bool Evaluator::run_builtin_arguments(const Node& node, std::size_t left, Value* arguments, const Value& input,
                                      const Env* env, Emit emit) {
  if (left > 0) {
    return run(*node.list[left - 1], input, env, [&](Value&& argument) {
      arguments[left - 1] = std::move(argument);
      return run_builtin_arguments(node, left - 1, arguments, input, env, emit);
    });
  }
  Value result = node.builtin(*this, node, input, arguments);
  if (stopped()) return false;
  if (node.number == 0) return emit(std::move(result));
  return iterate_items(node, result, [&](const Value& item) { return emit(Value(item)); });
}

Evaluator::First Evaluator::first(const Node& node, const Value& input, const Env* env) {
  First result;
  if (node.single) {
    result.value = one(node, input, env);
    result.found = !stopped();
    return result;
  }
  run(node, input, env, [&](Value&& value) {
    result.value = std::move(value);
    result.found = true;
    return false;
  });
  return result;
}

}  // namespace perdure::expr
