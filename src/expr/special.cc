// Native functions that take programs.
#include <cmath>

#include "expr/evaluator.h"
#include "expr/functions.h"
#include "expr/operations.h"

namespace perdure::expr {

Value Evaluator::one_special(const Node& node, const Value& input, const Env* env) {
  switch (node.special) {
    case Special::map: return special_map(node, input, env);
    case Special::map_values: return special_map_values(node, input, env);
    case Special::any:
    case Special::all: return special_any_all(node, input, env);
    case Special::sort_by:
    case Special::group_by:
    case Special::unique_by:
    case Special::min_by:
    case Special::max_by: return special_by(node, input, env);
    case Special::delete_paths: return special_delete(node, input, env);
    case Special::with_entries: return special_with_entries(node, input, env);
    case Special::is_empty: {
      const First found = first(*node.list[0], input, env);
      return Value(!found.found);
    }
    case Special::error: {
      Value value = node.list.empty() ? input : one(*node.list[0], input, env);
      if (!stopped()) raise_value(node, std::move(value));
      return {};
    }
    case Special::get_path: {
      const Value path = one(*node.list[0], input, env);
      if (stopped()) return {};
      if (!path.is_array()) return raise(node, "Path must be specified as an array");
      return expr::get_path(*this, node, input, path.items());
    }
    default: {  // walk and substitute, whose programs give one output each
      Value result;
      const auto keep = [&](Value&& value) {
        result = std::move(value);
        return true;
      };
      if (node.special == Special::walk) special_walk(node, input, env, keep);
      else special_substitute(node, input, env, keep);
      return stopped() ? Value() : result;
    }
  }
}

bool Evaluator::run_special(const Node& node, const Value& input, const Env* env, Emit emit) {
  const auto& list = node.list;
  switch (node.special) {
    case Special::empty: return true;
    case Special::error:
      return run(*list[0], input, env, [&](Value&& value) { return raise_value(node, std::move(value)); });
    case Special::select:
      if (list[0]->single) {
        Value hold;
        const bool yes = one_ref(*list[0], input, env, hold)->truthy();
        return !stopped() && (!yes || emit(Value(input)));
      }
      return run(*list[0], input, env, [&](Value&& yes) { return !yes.truthy() || emit(Value(input)); });
    case Special::each_path:
      return run_paths(*list[0], PathItem{input}, env, [&](const PathItem& item) {
        if (!item.intact) return not_a_path(node, item.value);
        std::vector<Value> keys;
        append_path(keys, item.path);
        return charge(node, keys.size() / 8) && emit(Value::array(std::move(keys)));
      });
    case Special::get_path:
      return run(*list[0], input, env, [&](Value&& path) {
        if (!path.is_array()) return raise(node, "Path must be specified as an array"), false;
        Value found = expr::get_path(*this, node, input, path.items());
        return !stopped() && emit(std::move(found));
      });
    case Special::first: return special_first(node, input, env, emit);
    case Special::last: return special_last(node, input, env, emit);
    case Special::nth: return special_nth(node, input, env, emit);
    case Special::limit: return special_limit(node, input, env, emit);
    case Special::range: return special_range(node, input, env, emit);
    case Special::recurse:
      if (list.empty()) return run_descend(node, input, emit);
      return traverse(node, input, env, emit);
    case Special::repeat:
    case Special::until:
    case Special::while_loop: return traverse(node, input, env, emit);
    case Special::walk: return special_walk(node, input, env, emit);
    case Special::substitute: return special_substitute(node, input, env, emit);
    default: {
      Value value = one_special(node, input, env);
      return !stopped() && emit(std::move(value));
    }
  }
}

bool Evaluator::special_first(const Node& node, const Value& input, const Env* env, Emit emit) {
  bool wanted = true;
  const bool more = run(*node.list[0], input, env, [&](Value&& value) {
    wanted = emit(std::move(value));
    return false;
  });
  return more || (wanted && !stopped());
}

bool Evaluator::special_last(const Node& node, const Value& input, const Env* env, Emit emit) {
  Value last;
  const bool more = run(*node.list[0], input, env, [&](Value&& value) {
    last = std::move(value);
    return true;
  });
  return more && emit(std::move(last));
}

// The last of the first n + 1, as in jq 1.6.
bool Evaluator::special_nth(const Node& node, const Value& input, const Env* env, Emit emit) {
  return run(*node.list[0], input, env, [&](Value&& count) {
    if (!count.is_number()) return raise(node, "nth needs a number, not " + describe(count)), false;
    double left = count.as_double();
    if (left < 0) return raise(node, "nth doesn't support negative indices"), false;
    Value last;
    const bool more = run(*node.list[1], input, env, [&](Value&& value) {
      last = std::move(value);
      left -= 1;
      return left >= 0;
    });
    return (more || !stopped()) && emit(std::move(last));
  });
}

bool Evaluator::special_limit(const Node& node, const Value& input, const Env* env, Emit emit) {
  return run(*node.list[0], input, env, [&](Value&& count) {
    if (!count.is_number()) return raise(node, "limit needs a number, not " + describe(count)), false;
    double left = count.as_double();
    if (left < 0) return run(*node.list[1], input, env, emit);
    if (!(left > 0)) return true;
    bool wanted = true;
    const bool more = run(*node.list[1], input, env, [&](Value&& value) {
      left -= 1;
      wanted = emit(std::move(value));
      return wanted && left > 0;
    });
    return more || (wanted && !stopped());
  });
}

bool Evaluator::range_from(const Node& node, const Value& from, const Value& to, const Value& by, Emit emit) {
  if (!from.is_number() || !to.is_number() || !by.is_number()) {
    return raise(node, "Range bounds must be numeric"), false;
  }
  if (from.is_integer() && by.is_integer()) {
    std::int64_t i = from.as_int();
    const std::int64_t step_by = by.as_int();
    while (step_by != 0 && (step_by > 0 ? Value::compare(i, to) < 0 : Value::compare(i, to) > 0)) {
      if (!step(node) || !emit(Value(i))) return false;
      if (__builtin_add_overflow(i, step_by, &i)) return true;
    }
    return true;
  }
  const double end = to.as_double();
  const double step_by = by.as_double();
  for (double d = from.as_double(); step_by > 0 ? d < end : step_by < 0 && d > end; d += step_by) {
    if (!step(node) || !emit(Value(d))) return false;
  }
  return true;
}

bool Evaluator::special_range(const Node& node, const Value& input, const Env* env, Emit emit) {
  const auto& list = node.list;
  if (list.size() == 1) {
    return run(*list[0], input, env, [&](Value&& to) { return range_from(node, 0, to, 1, emit); });
  }
  return run(*list[0], input, env, [&](Value&& from) {
    return run(*list[1], input, env, [&](Value&& to) {
      if (list.size() == 2) return range_from(node, from, to, 1, emit);
      return run(*list[2], input, env, [&](Value&& by) { return range_from(node, from, to, by, emit); });
    });
  });
}

Value Evaluator::special_map(const Node& node, const Value& input, const Env* env) {
  const Node& body = *node.list[0];
  ArrayBuilder items(*this, node);
  const bool done = iterate_items(node, input, [&](const Value& item) {
    if (body.single) {
      Value value = one(body, item, env);
      return !stopped() && items.add(std::move(value));
    }
    return run(body, item, env, [&](Value&& value) { return items.add(std::move(value)); });
  });
  return done ? items.take() : Value();
}

// A member for which there is no output goes.
Value Evaluator::special_map_values(const Node& node, const Value& input, const Env* env) {
  const Node& body = *node.list[0];
  if (input.is_object()) {
    std::vector<Value::Member> members;
    for (const auto& [key, value] : input.members()) {
      if (!step(node)) return {};
      First next = first(body, value, env);
      if (stopped()) return {};
      if (next.found) members.emplace_back(key, std::move(next.value));
    }
    Value object = Value::object(std::move(members));
    return allow_value(node, object) ? object : Value();
  }
  ArrayBuilder items(*this, node);
  const bool done = iterate_items(node, input, [&](const Value& item) {
    First next = first(body, item, env);
    return !stopped() && (!next.found || items.add(std::move(next.value)));
  });
  return done ? items.take() : Value();
}

Value Evaluator::special_any_all(const Node& node, const Value& input, const Env* env) {
  const bool looking_for = node.special == Special::any;
  bool found = false;
  const auto look = [&](const Value& condition) {
    found = condition.truthy() == looking_for;
    return !found;
  };
  const auto test = [&](const Value& item) {
    if (node.list.empty()) return look(item);
    const Node& condition = *node.list.back();
    if (condition.single) {
      Value hold;
      const Value* value = one_ref(condition, item, env, hold);
      return !stopped() && look(*value);
    }
    return run(condition, item, env, [&](Value&& value) { return look(value); });
  };
  const bool all_seen = node.list.size() == 2 ? run(*node.list[0], input, env, [&](Value&& item) { return test(item); })
                                              : iterate_items(node, input, test);
  if (!all_seen && stopped()) return {};
  return Value(found == looking_for);
}

Value Evaluator::special_by(const Node& node, const Value& input, const Env* env) {
  if (!input.is_array()) return raise(node, describe(input) + " cannot be sorted, as it is not an array");
  const Node& body = *node.list[0];
  std::vector<Value> keys;
  keys.reserve(input.size());
  for (const Value& item : input.items()) {
    if (!step(node)) return {};
    if (body.single) {
      keys.push_back(one(body, item, env));
    } else {
      ArrayBuilder several(*this, node);
      if (!run(body, item, env, [&](Value&& value) { return several.add(std::move(value)); })) return {};
      keys.push_back(several.take());
    }
    if (stopped()) return {};
  }
  return arrange(*this, node, node.special, input.items(), keys);
}

Value Evaluator::special_delete(const Node& node, const Value& input, const Env* env) {
  std::vector<Value> paths;
  const bool done = run_paths(*node.list[0], PathItem{input}, env, [&](const PathItem& item) {
    if (!item.intact) return not_a_path(node, item.value);
    std::vector<Value> keys;
    append_path(keys, item.path);
    paths.push_back(Value::array(std::move(keys)));
    return charge(node, 1) && allow_bytes(node, paths.capacity() * sizeof(Value));
  });
  return done ? delete_paths(*this, node, input, std::move(paths)) : Value();
}

Value Evaluator::special_with_entries(const Node& node, const Value& input, const Env* env) {
  const Value entries = to_entries(*this, node, input, nullptr);
  if (stopped()) return {};
  const Value mapped = special_map(node, entries, env);
  return stopped() ? Value() : from_entries(*this, node, mapped, nullptr);
}

// `walked` is the input with every member walked; members without output go, of several outputs an object takes the
// last and an array all.
bool Evaluator::walk_members(const Node& node, const Value& input, const Env* env, Value& walked) {
  if (input.is_object()) {
    std::vector<Value::Member> members;
    for (const auto& [key, value] : input.members()) {
      bool found = false;
      Value last;
      if (!special_walk(node, value, env, [&](Value&& output) {
            last = std::move(output);
            found = true;
            return true;
          }))
        return false;
      if (found) members.emplace_back(key, std::move(last));
    }
    walked = Value::object(std::move(members));
    return allow_value(node, walked);
  }
  ArrayBuilder items(*this, node);
  for (const Value& item : input.items()) {
    if (!special_walk(node, item, env, [&](Value&& output) { return items.add(std::move(output)); })) return false;
  }
  walked = items.take();
  return !stopped();
}

bool Evaluator::special_walk(const Node& node, const Value& input, const Env* env, Emit emit) {
  const Frame frame(*this);
  if (!frame.entered) return exceed(node, EvalError::Kind::depth);
  if (!step(node)) return false;
  if (!input.is_array() && !input.is_object()) return run(*node.list[0], input, env, emit);
  Value walked;
  return walk_members(node, input, env, walked) && run(*node.list[0], walked, env, emit);
}

}  // namespace perdure::expr
