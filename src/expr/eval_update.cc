// Assignments: |= = += and the like. All paths are found first, then the root is changed in place where nobody else
// holds its parts.
#include "expr/evaluator.h"
#include "expr/operations.h"

namespace perdure::expr {

struct Evaluator::PathList {
  std::vector<Value> keys;
  std::vector<std::size_t> ends;
  std::size_t size() const { return ends.size(); }
  std::span<const Value> path(std::size_t i) const {
    const std::size_t begin = i == 0 ? 0 : ends[i - 1];
    return std::span<const Value>(keys).subspan(begin, ends[i] - begin);
  }
};

void append_path(std::vector<Value>& keys, const PathLink* link) {
  const std::size_t base = keys.size();
  std::size_t length = 0;
  for (const PathLink* l = link; l != nullptr; l = l->parent) length += l->key != nullptr ? 1 : l->run.size();
  keys.resize(base + length);
  std::size_t at = base + length;
  for (const PathLink* l = link; l != nullptr; l = l->parent) {
    if (l->key != nullptr) {
      keys[--at] = *l->key;
    } else {
      for (std::size_t i = l->run.size(); i > 0; --i) keys[--at] = l->run[i - 1];
    }
  }
}

bool Evaluator::collect_paths(const Node& paths, const Value& root, const Env* env, PathList& out) {
  return run_paths(paths, PathItem{root}, env, [&](const PathItem& item) {
    if (!item.intact) return not_a_path(paths, item.value);
    append_path(out.keys, item.path);
    out.ends.push_back(out.keys.size());
    return charge(paths, 1) && allow_bytes(paths, out.keys.capacity() * sizeof(Value));
  });
}

bool Evaluator::update_each(const Node& node, Value& root, const PathList& paths, const Env* env,
                            FunctionRef<bool(Value& member)> change) {
  std::vector<Value> removed;
  for (std::size_t i = 0; i < paths.size(); ++i) {
    const auto path = paths.path(i);
    if (node.op == Operator::modify && !node.b->single) {
      // The program may give nothing, and then no container may have been made on the way to the member.
      const Value member = expr::get_path(*this, node, root, path);
      if (stopped()) return false;
      First next = first(*node.b, member, env);
      if (stopped()) return false;
      if (next.found && !set_path(*this, node, root, path, std::move(next.value))) return false;
      if (!next.found) removed.push_back(Value::array(std::vector<Value>(path.begin(), path.end())));
      continue;
    }
    if (!change_path(*this, node, root, path, change)) return false;
  }
  if (removed.empty()) return true;
  Value rest = delete_paths(*this, node, std::move(root), std::move(removed));
  root = std::move(rest);
  return !stopped();
}

// One assignment, whose right side gives one output (or is a program run per member).
Value Evaluator::one_update(const Node& node, Value root, const Env* env) {
  Value right;
  if (node.op != Operator::modify) {
    right = one(*node.b, root, env);
    if (stopped()) return {};
  }
  PathList paths;
  if (!collect_paths(*node.a, root, env, paths)) return {};
  const bool done = update_each(node, root, paths, env, [&](Value& member) {
    switch (node.op) {
      case Operator::assign: member = right; return true;
      case Operator::modify: {
        Value next = one_owned(*node.b, std::move(member), env);
        member = std::move(next);
        return !stopped();
      }
      default: {
        Value next = apply(*this, node, node.op, std::move(member), right);
        member = std::move(next);
        return !stopped();
      }
    }
  });
  return done ? root : Value();
}

bool Evaluator::run_update(const Node& node, Value root, const Env* env, Emit emit) {
  PathList paths;
  bool collected = false;  // only once there is something to set
  return run(*node.b, root, env, [&](Value&& right) {
    if (!collected && !collect_paths(*node.a, root, env, paths)) return false;
    collected = true;
    Value changed = root;
    const bool done = update_each(node, changed, paths, env, [&](Value& member) {
      if (node.op == Operator::assign) {
        member = right;
        return true;
      }
      Value next = apply(*this, node, node.op, std::move(member), right);
      member = std::move(next);
      return !stopped();
    });
    return done && emit(std::move(changed));
  });
}

}  // namespace perdure::expr
