// recurse, repeat, while and until: they may go on for long, so what is still to be visited is kept in a list instead of
// on the stack. The order is that of the recursive definitions; an error waits until it is its turn.
#include "expr/evaluator.h"

namespace perdure::expr {
namespace {

enum class Task : std::uint8_t { check, give, expand, give_and_expand, fail };
struct Visit {
  Task task;
  Value value;
};

}  // namespace

// The values still to be visited, the next one last.
struct Evaluator::Traversal {
  struct Failure {
    Stop stop = Stop::none;
    EvalError error;
    const Env* leaving = nullptr;
  };
  const Node& node;
  const Node* condition = nullptr;  // of while and until
  const Node* next = nullptr;
  const Node* filter = nullptr;  // of recurse(f; condition)
  Task start = Task::give_and_expand;
  std::vector<Visit> waiting;
  std::vector<Visit> found;       // by the current visit, in order
  std::vector<Failure> failures;  // as many as there are fail tasks waiting, the last one the first to be met

  explicit Traversal(const Node& node_) : node(node_) {
    const bool loop = node.special == Special::until || node.special == Special::while_loop;
    condition = loop ? node.list[0] : nullptr;
    next = loop ? node.list[1] : node.list[0];
    filter = !loop && node.list.size() == 2 ? node.list[1] : nullptr;
    if (loop) start = Task::check;
  }
};

// Puts what was found in the list; an error that may be caught waits there as well.
bool Evaluator::traverse_found(Traversal& t, bool done) {
  if (!done) {
    if (stop_ == Stop::error && !catchable()) return false;
    t.failures.push_back({stop_, std::move(error_), leaving_});
    error_ = {};
    stop_ = Stop::none;
    t.found.push_back({Task::fail, Value()});
  }
  if (!allow_bytes(t.node, (t.waiting.size() + t.found.size()) * sizeof(Visit))) return false;
  while (!t.found.empty()) {
    t.waiting.push_back(std::move(t.found.back()));
    t.found.pop_back();
  }
  return true;
}

bool Evaluator::traverse_check(Traversal& t, const Value& value, const Env* env) {
  return run(*t.condition, value, env, [&](Value&& yes) {
    if (t.node.special == Special::until) t.found.push_back({yes.truthy() ? Task::give : Task::expand, value});
    else if (yes.truthy()) t.found.push_back({Task::give_and_expand, value});
    return true;
  });
}

bool Evaluator::traverse_expand(Traversal& t, Value value, const Env* env) {
  if (t.next->single && t.filter == nullptr) {
    Value following = one_owned(*t.next, std::move(value), env);
    if (stopped()) return false;
    t.found.push_back({t.start, std::move(following)});
    return true;
  }
  return run(*t.next, value, env, [&](Value&& following) {
    if (t.filter == nullptr) {
      t.found.push_back({t.start, std::move(following)});
      return allow_bytes(t.node, t.found.size() * sizeof(Visit));
    }
    return run(*t.filter, following, env, [&](Value&& yes) {
      if (yes.truthy()) t.found.push_back({t.start, following});
      return true;
    });
  });
}

bool Evaluator::traverse(const Node& node, const Value& input, const Env* env, Emit emit) {
  Traversal t(node);
  t.waiting.push_back({t.start, input});
  while (!t.waiting.empty()) {
    Visit visit = std::move(t.waiting.back());
    t.waiting.pop_back();
    if (!step(node)) return false;
    if (visit.task == Task::fail) {
      stop_ = t.failures.back().stop;
      error_ = std::move(t.failures.back().error);
      leaving_ = t.failures.back().leaving;
      return false;
    }
    if (visit.task == Task::check) {
      if (!traverse_found(t, traverse_check(t, visit.value, env))) return false;
      continue;
    }
    if (visit.task != Task::expand && !emit(Value(visit.value))) return false;
    if (visit.task == Task::give) continue;
    if (!traverse_found(t, traverse_expand(t, std::move(visit.value), env))) return false;
  }
  return true;
}

}  // namespace perdure::expr
