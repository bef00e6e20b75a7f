// Nodes that give exactly one output.
#include "base/json.h"
#include "expr/evaluator.h"
#include "expr/formats.h"
#include "expr/operations.h"

namespace perdure::expr {
namespace {

const Value k_null;

const Env* up(const Env* env, std::uint32_t links) {
  for (; links > 0; --links) env = env->parent;
  return env;
}

}  // namespace

const Value* Evaluator::member_ref(const Node& node, const Value& base) {
  if (base.is_object()) {
    const Value* found = base.find(node.literal.as_string());
    return found == nullptr ? &k_null : found;
  }
  if (!base.is_null()) get(*this, node, base, node.literal);  // says why not
  return &k_null;
}

// What is pointed to is part of the input, of the program, of a variable, or of `hold`. `hold` is only written once the
// value it held, which may contain the input, is no longer needed.
const Value* Evaluator::one_ref(const Node& node, const Value& input, const Env* env, Value& hold) {
  if (!step(node)) return &k_null;
  switch (node.kind) {
    case Kind::identity: return &input;
    case Kind::literal: return &node.literal;
    case Kind::variable: return &up(env, node.number)->value;
    case Kind::global: return node.number < variables_.size() ? &variables_[node.number] : &k_null;
    case Kind::field: {
      const Node& below = *node.a;
      if (below.kind == Kind::identity) return member_ref(node, input);
      const Frame frame(*this);
      if (!frame.entered) return exceed(node, EvalError::Kind::depth), &k_null;
      const Value* base = one_ref(below, input, env, hold);
      return stopped() ? &k_null : member_ref(node, *base);
    }
    case Kind::index: {
      const Frame frame(*this);
      if (!frame.entered) return exceed(node, EvalError::Kind::depth), &k_null;
      Value key_hold;
      const Value* key = one_ref(*node.b, input, env, key_hold);
      if (stopped()) return &k_null;
      // The key may be part of the input, which may be part of what `hold` is about to lose.
      if (key != &key_hold && key != &node.b->literal) key_hold = *key;
      if (key != &node.b->literal) key = &key_hold;
      const Value* base = one_ref(*node.a, input, env, hold);
      if (stopped()) return &k_null;
      if (const Value* found = get_ref(*base, *key)) return found;
      Value made = get(*this, node, *base, *key);
      hold = std::move(made);
      return &hold;
    }
    case Kind::pipe: {
      const Frame frame(*this);
      if (!frame.entered) return exceed(node, EvalError::Kind::depth), &k_null;
      const Value* current = &input;
      for (const Node* part : node.list) {
        current = one_ref(*part, *current, env, hold);
        if (stopped()) return &k_null;
      }
      return current;
    }
    default: {
      Value made = one(node, input, env);
      hold = std::move(made);
      return &hold;
    }
  }
}

Value Evaluator::one(const Node& node, const Value& input, const Env* env) {
  switch (node.kind) {
    case Kind::identity: return step(node) ? input : Value();
    case Kind::literal: return step(node) ? node.literal : Value();
    case Kind::variable:
    case Kind::global:
    case Kind::field:
    case Kind::index: {
      Value hold;
      const Value* found = one_ref(node, input, env, hold);
      return found == &hold ? std::move(hold) : *found;
    }
    default: break;
  }
  const Frame frame(*this);
  if (!frame.entered) return exceed(node, EvalError::Kind::depth), Value();
  if (!step(node)) return {};
  switch (node.kind) {
    case Kind::slice: return one_slice(node, input, env);
    case Kind::pipe: return one_pipe(node, input, env);
    case Kind::negate: {
      Value hold;
      const Value* value = one_ref(*node.a, input, env, hold);
      return stopped() ? Value() : negate(*this, node, *value);
    }
    case Kind::binary: return one_binary(node, input, env);
    case Kind::logic_and:
    case Kind::logic_or: return one_logic(node, input, env);
    case Kind::alternative: {
      Value left = one(*node.a, input, env);
      if (stopped() || left.truthy()) return left;
      return one(*node.b, input, env);
    }
    case Kind::conditional: {
      Value hold;
      const bool yes = one_ref(*node.a, input, env, hold)->truthy();
      if (stopped()) return {};
      const Node* branch = yes ? node.b : node.c;
      return branch == nullptr ? input : one(*branch, input, env);
    }
    case Kind::array: return one_array(node, input, env);
    case Kind::object: return one_object(node, input, env);
    case Kind::string: return one_string(node, input, env);
    case Kind::format: return format_value(*this, node, node.format, input);
    case Kind::bind: return one_bind(node, input, env);
    case Kind::reduce: {
      Value state = one(*node.b, input, env);
      if (stopped() || !fold(node, state, input, env)) return {};
      return state;
    }
    case Kind::update: return one_update(node, input, env);
    case Kind::call: return one_call(node, input, env);
    case Kind::builtin: return one_builtin(node, input, env);
    case Kind::special: return one_special(node, input, env);
    default: return raise(node, "not a single output");
  }
}

Value Evaluator::one_pipe(const Node& node, const Value& input, const Env* env) {
  Value hold;
  const Value* current = &input;
  for (std::size_t i = 0; i + 1 < node.list.size(); ++i) {
    current = one_ref(*node.list[i], *current, env, hold);
    if (stopped()) return {};
  }
  const Node& last = *node.list.back();
  return current == &hold ? one_owned(last, std::move(hold), env) : one(last, *current, env);
}

// The right side first: its error is the one that shows.
Value Evaluator::one_binary(const Node& node, const Value& input, const Env* env) {
  Value right_hold;
  const Value* right = one_ref(*node.b, input, env, right_hold);
  if (stopped()) return {};
  if (node.op < Operator::equal) {
    Value left = one(*node.a, input, env);
    return stopped() ? Value() : apply(*this, node, node.op, std::move(left), *right);
  }
  Value left_hold;
  const Value* left = one_ref(*node.a, input, env, left_hold);
  if (stopped()) return {};
  if (left->is_integer() && right->is_integer()) return compare_with(node.op, *left, *right);
  return apply(*this, node, node.op, *left, *right);
}

Value Evaluator::one_owned(const Node& node, Value input, const Env* env) {
  switch (node.kind) {
    case Kind::identity: return input;
    case Kind::pipe:
      for (const Node* part : node.list) {
        Value next = one_owned(*part, std::move(input), env);
        if (stopped()) return {};
        input = std::move(next);
      }
      return input;
    case Kind::binary: {
      if (node.op >= Operator::equal) break;
      const Frame frame(*this);
      if (!frame.entered) return exceed(node, EvalError::Kind::depth), Value();
      if (!step(node)) return {};
      Value right = one(*node.b, input, env);
      if (stopped()) return {};
      Value left = one_owned(*node.a, std::move(input), env);
      return stopped() ? Value() : apply(*this, node, node.op, std::move(left), right);
    }
    case Kind::conditional: {
      const Frame frame(*this);
      if (!frame.entered) return exceed(node, EvalError::Kind::depth), Value();
      Value hold;
      const bool yes = one_ref(*node.a, input, env, hold)->truthy();
      if (stopped()) return {};
      hold = Value();
      const Node* branch = yes ? node.b : node.c;
      return branch == nullptr ? input : one_owned(*branch, std::move(input), env);
    }
    case Kind::update: {
      const Frame frame(*this);
      if (!frame.entered) return exceed(node, EvalError::Kind::depth), Value();
      return step(node) ? one_update(node, std::move(input), env) : Value();
    }
    default: break;
  }
  return one(node, input, env);
}

Value Evaluator::one_slice(const Node& node, const Value& input, const Env* env) {
  const Value from = node.b == nullptr ? Value() : one(*node.b, input, env);
  if (stopped()) return {};
  const Value to = node.c == nullptr ? Value() : one(*node.c, input, env);
  if (stopped()) return {};
  Value hold;
  const Value* base = one_ref(*node.a, input, env, hold);
  return stopped() ? Value() : slice(*this, node, *base, from, to);
}

Value Evaluator::one_logic(const Node& node, const Value& input, const Env* env) {
  const bool decided = node.kind == Kind::logic_or;  // by a left side that is this
  Value hold;
  const bool left = one_ref(*node.a, input, env, hold)->truthy();
  if (stopped() || left == decided) return decided;
  return one_ref(*node.b, input, env, hold)->truthy();
}

Value Evaluator::one_array(const Node& node, const Value& input, const Env* env) {
  ArrayBuilder items(*this, node);
  if (node.a != nullptr && !run(*node.a, input, env, [&](Value&& item) { return items.add(std::move(item)); })) {
    return {};
  }
  return items.take();
}

Value Evaluator::one_object(const Node& node, const Value& input, const Env* env) {
  std::vector<Value::Member> members;
  members.reserve(node.list.size() / 2);
  for (std::size_t i = 0; i < node.list.size(); i += 2) {
    Value key = one(*node.list[i], input, env);
    if (stopped()) return {};
    if (!key.is_string()) return raise(*node.list[i], "Cannot use " + describe(key) + " as object key");
    Value value = one(*node.list[i + 1], input, env);
    if (stopped()) return {};
    members.emplace_back(std::move(key), std::move(value));
  }
  Value object = Value::object(std::move(members));
  return allow_value(node, object) ? object : Value();
}

Value Evaluator::one_string(const Node& node, const Value& input, const Env* env) {
  std::string out;
  // The last part first, as in any sum: its error is the one that shows.
  std::vector<std::string> parts(node.list.size());
  std::size_t size = 0;
  for (std::size_t i = node.list.size(); i > 0; --i) {
    const Node& part = *node.list[i - 1];
    if (part.kind != Kind::literal) {
      Value hold;
      const Value* value = one_ref(part, input, env, hold);
      if (stopped() || !append_format(*this, part, node.format, *value, parts[i - 1])) return {};
    }
    size += part.kind == Kind::literal ? part.literal.size() : parts[i - 1].size();
    if (!allow_bytes(node, size)) return {};
  }
  out.reserve(size);
  for (std::size_t i = 0; i < parts.size(); ++i) {
    if (node.list[i]->kind == Kind::literal) out += node.list[i]->literal.as_string();
    else out += parts[i];
  }
  return Value(std::string_view(out));
}

Value Evaluator::one_bind(const Node& node, const Value& input, const Env* env) {
  Value hold;
  const Value* value = one_ref(*node.a, input, env, hold);
  if (stopped()) return {};
  Value result;
  const bool downstream = false;
  bind(node, *value, env, downstream, [&](const Env* bound) {
    result = one(*node.b, input, bound);
    return !stopped();
  });
  return result;
}

// Runs the body of a reduction over its source; `state` is changed in place where possible.
bool Evaluator::fold(const Node& node, Value& state, const Value& input, const Env* env) {
  const bool downstream = false;
  return run(*node.a, input, env, [&](Value&& item) {
    return bind(node, item, env, downstream, [&](const Env* bound) {
      if (node.c->single) {
        Value next = one_owned(*node.c, std::move(state), bound);
        state = std::move(next);
        return !stopped();
      }
      const Value before = std::move(state);
      state = Value();
      return run(*node.c, before, bound, [&](Value&& next) {
        state = std::move(next);
        return true;
      });
    });
  });
}

Value Evaluator::one_call(const Node& node, const Value& input, const Env* env) {
  Value result;
  run_call(node, env, [&](const Node& body, const Env* inner) {
    result = one(body, input, inner);
    return !stopped();
  });
  return result;
}

Value Evaluator::one_builtin(const Node& node, const Value& input, const Env* env) {
  constexpr std::size_t k_few = 3;
  Value few[k_few];
  std::vector<Value> many(node.list.size() > k_few ? node.list.size() : 0);
  Value* arguments = many.empty() ? few : many.data();
  for (std::size_t i = node.list.size(); i > 0; --i) {
    arguments[i - 1] = one(*node.list[i - 1], input, env);
    if (stopped()) return {};
  }
  return node.builtin(*this, node, input, arguments);
}

}  // namespace perdure::expr
