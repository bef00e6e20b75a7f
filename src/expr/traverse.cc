// recurse, repeat, while and until: they may go on for long, so what is still to be visited is kept in a list instead of
// on the stack. The order is that of the recursive definitions; an error waits until it is its turn.
#include "expr/evaluator.h"

namespace perdure::expr {

bool Evaluator::traverse(const Node& node, const Value& input, const Env* env, Emit emit) {
  enum class Task : std::uint8_t { check, give, expand, give_and_expand, fail };
  struct Visit {
    Task task;
    Value value;
  };
  struct Failure {
    Stop stop = Stop::none;
    EvalError error;
    const Env* leaving = nullptr;
  };
  const bool loop = node.special == Special::until || node.special == Special::while_loop;
  const Node* condition = loop ? node.list[0] : nullptr;
  const Node* next = loop ? node.list[1] : node.list[0];
  const Node* filter = !loop && node.list.size() == 2 ? node.list[1] : nullptr;
  const Task start = loop ? Task::check : Task::give_and_expand;
  std::vector<Visit> waiting;
  std::vector<Failure> failures;  // as many as there are fail tasks waiting, the last one first to be met
  waiting.push_back({start, input});

  // What came up while visiting, last first so that the first is next.
  std::vector<Visit> found;
  const auto collected = [&](bool done) {
    if (!done) {
      if (stop_ == Stop::error && !catchable()) return false;
      failures.push_back({stop_, std::move(error_), leaving_});
      error_ = {};
      stop_ = Stop::none;
      found.push_back({Task::fail, Value()});
    }
    if (!allow_bytes(node, (waiting.size() + found.size()) * sizeof(Visit))) return false;
    while (!found.empty()) {
      waiting.push_back(std::move(found.back()));
      found.pop_back();
    }
    return true;
  };

  while (!waiting.empty()) {
    Visit visit = std::move(waiting.back());
    waiting.pop_back();
    if (!step(node)) return false;
    if (visit.task == Task::fail) {
      stop_ = failures.back().stop;
      error_ = std::move(failures.back().error);
      leaving_ = failures.back().leaving;
      return false;
    }
    if (visit.task == Task::check) {
      const bool done = run(*condition, visit.value, env, [&](Value&& yes) {
        if (node.special == Special::until) found.push_back({yes.truthy() ? Task::give : Task::expand, visit.value});
        else if (yes.truthy()) found.push_back({Task::give_and_expand, visit.value});
        return true;
      });
      visit.value = Value();
      if (!collected(done)) return false;
      continue;
    }
    if (visit.task != Task::expand && !emit(Value(visit.value))) return false;
    if (visit.task == Task::give) continue;
    bool done = true;
    if (next->single && filter == nullptr) {
      Value value = one_owned(*next, std::move(visit.value), env);
      done = !stopped();
      if (done) found.push_back({start, std::move(value)});
    } else {
      done = run(*next, visit.value, env, [&](Value&& value) {
        if (filter == nullptr) {
          found.push_back({start, std::move(value)});
          return allow_bytes(node, found.size() * sizeof(Visit));
        }
        return run(*filter, value, env, [&](Value&& yes) {
          if (yes.truthy()) found.push_back({start, value});
          return true;
        });
      });
    }
    if (!collected(done)) return false;
  }
  return true;
}

}  // namespace perdure::expr
