#pragma once
// One evaluation of a program. Outputs are pushed to a callback, which says whether it wants more; a node known to give
// exactly one output is evaluated by a plain call instead. Everything unwinds by returning false: stop() then tells why.
#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <vector>

#include "base/value.h"
#include "expr/function_ref.h"
#include "expr/node.h"

namespace perdure::expr {

// A binding: a variable, a closure (program and the environment it was written in), or a label (its own address).
struct Env {
  const Env* parent = nullptr;
  Value value;
  const Node* body = nullptr;
  const Env* closure_env = nullptr;
};

// A path as a list that shares its beginning; a link is one key or a run of keys.
struct PathLink {
  const PathLink* parent = nullptr;
  const Value* key = nullptr;
  std::span<const Value> run;
};

// A value together with where in the root it was found. `intact` is false for a value that is not part of the root.
struct PathItem {
  const Value& value;
  const PathLink* path = nullptr;
  bool intact = true;
};

// The keys of the path, appended.
void append_path(std::vector<Value>& keys, const PathLink* link);

using Emit = FunctionRef<bool(Value&&)>;
using EmitPath = FunctionRef<bool(const PathItem&)>;
using EmitEnv = FunctionRef<bool(const Env*)>;

class Evaluator {
 public:
  enum class Stop : std::uint8_t { none, error, leave };

  Evaluator(const Value& input, std::span<const Value> variables, std::size_t declared, const Limits& limits);

  // Pushes every output of `node`. False: stopped, by an error, a break, or because `emit` said so.
  bool run(const Node& node, const Value& input, const Env* env, Emit emit);
  // The output of a node that is `single`; null when stopped.
  Value one(const Node& node, const Value& input, const Env* env);
  // The same, where the input is no longer needed by the caller and may be changed in place.
  Value one_owned(const Node& node, Value input, const Env* env);
  // The same without a copy where the output is part of something alive; otherwise it is put into `hold`.
  const Value* one_ref(const Node& node, const Value& input, const Env* env, Value& hold);
  // Pushes every output with its path; `node` must be a path expression where it matters.
  bool run_paths(const Node& node, const PathItem& input, const Env* env, EmitPath emit);
  // The first output; `found` false when there is none or on a stop.
  struct First {
    bool found = false;
    Value value;
  };
  First first(const Node& node, const Value& input, const Env* env);

  // For native functions. Each returns false (or null) so that it can be the last thing a function does.
  Value raise(const Node& at, std::string message);
  bool raise_value(const Node& at, Value value);
  bool exceed(const Node& at, EvalError::Kind kind);
  bool charge(const Node& at, std::uint64_t steps) {
    if (steps > fuel_) return exceed(at, EvalError::Kind::fuel);
    fuel_ -= steps;
    return true;
  }
  // Before work that reads all of `value`, down to its leaves.
  bool charge_reading(const Node& at, const Value& value) { return charge(at, value.footprint() / 64); }
  // Before making `bytes` of text or items; after a value was built: its size, nesting, and all that is alive.
  bool allow_bytes(const Node& at, std::size_t bytes);
  bool allow_value(const Node& at, const Value& value);

  bool stopped() const { return stop_ != Stop::none; }
  Stop stop() const { return stop_; }
  const EvalError& error() const { return error_; }
  EvalError take_error() { return std::move(error_); }
  // Is the stop an error that `try` may have? Takes it.
  bool catch_error(Value& value);
  bool catchable() const { return stop_ == Stop::error && error_.kind == EvalError::Kind::raised; }

  const Regex* regex(const Node& at, const Value& pattern, const Value& flags);

 private:
  // Counts nesting of the evaluator's own calls.
  struct Frame {
    explicit Frame(Evaluator& evaluator_) : evaluator(evaluator_), entered(evaluator_.frames_left_ > 0) {
      if (entered) --evaluator.frames_left_;
    }
    ~Frame() {
      if (entered) ++evaluator.frames_left_;
    }
    Frame(const Frame&) = delete;
    Frame& operator=(const Frame&) = delete;
    Evaluator& evaluator;
    bool entered;
  };
  bool step(const Node& at) { return charge(at, 1); }
  const Value* member_ref(const Node& node, const Value& base);

  // run, by kind (eval_run.cc)
  bool run_pipe(const Node& node, std::size_t from, const Value& input, const Env* env, Emit emit);
  bool run_iterate(const Node& node, const Value& input, const Env* env, FunctionRef<bool(const Value&)> emit);
  bool iterate_items(const Node& node, const Value& base, FunctionRef<bool(const Value&)> emit);
  bool run_access(const Node& node, const Value& input, const Env* env, Emit emit);
  bool run_keyed(const Node& node, const Value& input, const Env* env, FunctionRef<bool(const Value& key)> with);
  bool run_binary(const Node& node, const Value& input, const Env* env, Emit emit);
  bool run_logic(const Node& node, const Value& input, const Env* env, Emit emit);
  bool run_alternative(const Node& node, const Value& input, const Env* env, Emit emit);
  bool run_attempt(const Node& node, const Value& input, const Env* env, Emit emit);
  bool run_object(const Node& node, std::size_t from, const Value& object, const Value& input, const Env* env,
                  Emit emit);
  bool run_string(const Node& node, std::size_t from, const std::string& tail, const Value& input, const Env* env,
                  Emit emit);
  bool run_bind(const Node& node, const Value& input, const Env* env, Emit emit);
  bool run_foreach(const Node& node, const Value& input, const Env* env, Emit emit);
  bool run_label(const Node& node, const Value& input, const Env* env, Emit emit);
  bool run_update(const Node& node, Value root, const Env* env, Emit emit);
  bool run_builtin(const Node& node, const Value& input, const Env* env, Emit emit);
  bool run_builtin_arguments(const Node& node, std::size_t left, Value* arguments, const Value& input, const Env* env,
                             Emit emit);
  bool run_descend(const Node& node, const Value& input, Emit emit);
  bool run_call(const Node& node, const Env* env, FunctionRef<bool(const Node& body, const Env* env)> with);
  bool run_special(const Node& node, const Value& input, const Env* env, Emit emit);
  // one, by kind (eval_one.cc)
  Value one_slice(const Node& node, const Value& input, const Env* env);
  Value one_pipe(const Node& node, const Value& input, const Env* env);
  Value one_binary(const Node& node, const Value& input, const Env* env);
  Value one_logic(const Node& node, const Value& input, const Env* env);
  Value one_call(const Node& node, const Value& input, const Env* env);
  Value one_object(const Node& node, const Value& input, const Env* env);
  Value one_string(const Node& node, const Value& input, const Env* env);
  Value one_array(const Node& node, const Value& input, const Env* env);
  bool fold(const Node& node, Value& state, const Value& input, const Env* env);
  Value one_bind(const Node& node, const Value& input, const Env* env);
  Value one_builtin(const Node& node, const Value& input, const Env* env);
  Value one_special(const Node& node, const Value& input, const Env* env);
  Value one_update(const Node& node, Value root, const Env* env);
  // environment (eval_bind.cc)
  // `downstream`, set by `with`, keeps an error of what comes after the body from reaching the next alternative.
  bool bind(const Node& node, const Value& value, const Env* env, const bool& downstream, EmitEnv with);
  bool match(const Pattern& pattern, const Node& at, const Value& value, const Env* env, EmitEnv with);
  bool match_parts(const Pattern& pattern, std::size_t from, const Node& at, const Value& value, const Env* env,
                   EmitEnv with);
  bool bind_union(const std::vector<int>& sources, std::size_t from, const Env* matched, const Env* env, EmitEnv with);
  // updates (eval_update.cc)
  struct PathList;
  bool collect_paths(const Node& paths, const Value& root, const Env* env, PathList& out);
  bool update_each(const Node& node, Value& root, const PathList& paths, const Env* env,
                   FunctionRef<bool(Value& member)> change);
  // paths (eval_path.cc)
  bool paths_pipe(const Node& node, std::size_t from, const PathItem& input, const Env* env, EmitPath emit);
  bool paths_attempt(const Node& node, const PathItem& input, const Env* env, EmitPath emit);
  bool paths_bind(const Node& node, const PathItem& input, const Env* env, EmitPath emit);
  bool paths_access(const Node& node, const PathItem& base, const Value& key, EmitPath emit);
  bool paths_iterate(const Node& node, const PathItem& base, EmitPath emit);
  bool paths_descend(const Node& node, const PathItem& input, EmitPath emit);
  bool paths_alternative(const Node& node, const PathItem& input, const Env* env, EmitPath emit);
  bool paths_reduce(const Node& node, const PathItem& input, const Env* env, EmitPath emit);
  bool paths_special(const Node& node, const PathItem& input, const Env* env, EmitPath emit);
  bool paths_while(const Node& node, const PathItem& input, const Env* env, EmitPath emit);
  bool paths_recurse(const Node& node, const PathItem& input, const Env* env, EmitPath emit);
  bool not_a_path(const Node& at, const Value& value);
  // native functions of programs (special.cc, traverse.cc, regex_functions.cc)
  bool special_range(const Node& node, const Value& input, const Env* env, Emit emit);
  bool range_from(const Node& node, const Value& from, const Value& to, const Value& by, Emit emit);
  bool special_limit(const Node& node, const Value& input, const Env* env, Emit emit);
  bool special_first(const Node& node, const Value& input, const Env* env, Emit emit);
  bool special_nth(const Node& node, const Value& input, const Env* env, Emit emit);
  bool special_last(const Node& node, const Value& input, const Env* env, Emit emit);
  struct Traversal;
  bool traverse_found(Traversal& t, bool done);
  bool traverse_check(Traversal& t, const Value& value, const Env* env);
  bool traverse_expand(Traversal& t, Value value, const Env* env);
  bool traverse(const Node& node, const Value& input, const Env* env, Emit emit);
  Value special_map(const Node& node, const Value& input, const Env* env);
  Value special_map_values(const Node& node, const Value& input, const Env* env);
  Value special_any_all(const Node& node, const Value& input, const Env* env);
  Value special_by(const Node& node, const Value& input, const Env* env);
  Value special_delete(const Node& node, const Value& input, const Env* env);
  Value special_with_entries(const Node& node, const Value& input, const Env* env);
  bool special_walk(const Node& node, const Value& input, const Env* env, Emit emit);
  bool walk_members(const Node& node, const Value& input, const Env* env, Value& walked);
  bool special_substitute(const Node& node, const Value& input, const Env* env, Emit emit);
  bool substitute_from(const Node& node, std::size_t left, const Value& matches, const std::string& tail,
                       const Value& input, const Env* env, Emit emit);

  std::uint64_t fuel_;
  std::size_t depth_left_;
  std::size_t frames_left_;
  std::size_t footprint_max_;
  std::size_t live_base_;
  std::span<const Value> variables_;
  Stop stop_ = Stop::none;
  EvalError error_;
  const Env* leaving_ = nullptr;
  struct CachedRegex {
    Value pattern;
    Value flags;
    std::shared_ptr<const Regex> regex;
  };
  std::vector<CachedRegex> regexes_;
};

// Builds an array item by item within the limits.
class ArrayBuilder {
 public:
  ArrayBuilder(Evaluator& evaluator, const Node& at) : evaluator_(evaluator), at_(at) {}
  bool add(Value&& item) {
    if (items_.size() == items_.capacity() && !evaluator_.allow_bytes(at_, (items_.size() * 2 + 4) * sizeof(Value)))
      return false;
    items_.push_back(std::move(item));
    return true;
  }
  std::size_t size() const { return items_.size(); }
  Value take() {
    Value array = Value::array(std::move(items_));
    evaluator_.allow_value(at_, array);
    return array;
  }

 private:
  Evaluator& evaluator_;
  const Node& at_;
  std::vector<Value> items_;
};

}  // namespace perdure::expr
