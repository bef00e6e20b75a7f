// Limits, errors and bindings of an evaluation.
#include "expr/evaluator.h"
#include "expr/operations.h"
#include "expr/regex.h"

namespace perdure::expr {
namespace {

// Calls of the evaluator's own functions within one another; with the largest frames they take about 2 MB of stack.
constexpr std::size_t k_frames_max = 4000;
constexpr std::size_t k_regexes_kept = 16;
constexpr std::uint64_t k_regex_steps = 500;  // what making a regular expression costs

}  // namespace

Evaluator::Evaluator(const Value& input, std::span<const Value> variables, std::size_t declared, const Limits& limits)
    : fuel_(limits.fuel),
      depth_left_(limits.depth),
      frames_left_(k_frames_max),
      footprint_max_(limits.memory_bytes),
      live_base_(Value::live_bytes()),
      variables_(variables.first(std::min(variables.size(), declared))) {
  const auto add_footprint = [this](const Value& value) {
    if (__builtin_add_overflow(footprint_max_, value.footprint(), &footprint_max_)) {
      footprint_max_ = std::numeric_limits<std::size_t>::max();
    }
  };
  add_footprint(input);
  for (const Value& value : variables_) add_footprint(value);
}

Value Evaluator::raise(const Node& at, std::string message) {
  if (stopped()) return {};
  Value value = Value(std::string_view(message));
  error_ = {std::move(message), EvalError::Kind::raised, std::move(value), at.offset};
  stop_ = Stop::error;
  return {};
}

bool Evaluator::raise_value(const Node& at, Value value) {
  if (stopped()) return false;
  std::string message = value.is_string() ? std::string(value.as_string()) : describe(value) + " (not a string)";
  error_ = {std::move(message), EvalError::Kind::raised, std::move(value), at.offset};
  stop_ = Stop::error;
  return false;
}

bool Evaluator::exceed(const Node& at, EvalError::Kind kind) {
  if (stop_ == Stop::error && error_.kind != EvalError::Kind::raised) return false;
  const char* message = kind == EvalError::Kind::fuel     ? "the expression takes too many steps"
                        : kind == EvalError::Kind::memory ? "the expression takes too much memory"
                                                          : "the expression is nested too deep";
  error_ = {message, kind, Value(), at.offset};
  stop_ = Stop::error;
  return false;
}

bool Evaluator::allow_bytes(const Node& at, std::size_t bytes) {
  // Wraps to a huge number only if values of before were freed meanwhile, which counts as nothing alive.
  const std::size_t live = Value::live_bytes() - live_base_;
  const bool freed = live > std::numeric_limits<std::size_t>::max() / 2;
  if (bytes <= footprint_max_ && (freed || live <= footprint_max_ - bytes)) return true;
  return exceed(at, EvalError::Kind::memory);
}

bool Evaluator::allow_value(const Node& at, const Value& value) {
  if (value.footprint() > footprint_max_) return exceed(at, EvalError::Kind::memory);
  if (value.depth() > k_json_depth_max) return exceed(at, EvalError::Kind::depth);
  return allow_bytes(at, 0);
}

bool Evaluator::catch_error(Value& value) {
  if (!catchable()) return false;
  value = std::move(error_.value);
  error_ = {};
  stop_ = Stop::none;
  return true;
}

const Regex* Evaluator::regex(const Node& at, const Value& pattern, const Value& flags) {
  for (const CachedRegex& cached : regexes_) {
    if (cached.pattern == pattern && cached.flags == flags) return cached.regex.get();
  }
  if (!charge(at, k_regex_steps + pattern.size())) return nullptr;
  auto made = Regex::make(pattern, flags);
  if (!made) {
    raise(at, made.error());
    return nullptr;
  }
  if (regexes_.size() == k_regexes_kept) regexes_.erase(regexes_.begin());
  regexes_.push_back({pattern, flags, std::move(*made)});
  return regexes_.back().regex.get();
}

// --- bindings

bool Evaluator::bind(const Node& at, const Value& value, const Env* env, const bool& downstream, EmitEnv with) {
  const Patterns& patterns = *at.patterns;
  if (patterns.alternatives.size() == 1) return match(patterns.alternatives.front(), at, value, env, with);
  for (std::size_t i = 0; i < patterns.alternatives.size(); ++i) {
    const bool last = i + 1 == patterns.alternatives.size();
    const bool more = match(patterns.alternatives[i], at, value, env,
                            [&](const Env* matched) { return bind_union(patterns.sources[i], 0, matched, env, with); });
    if (more) return true;
    Value ignored;
    if (last || downstream || !catch_error(ignored)) return false;
  }
  return true;
}

bool Evaluator::bind_union(const std::vector<int>& sources, std::size_t from, const Env* matched, const Env* env,
                           EmitEnv with) {
  if (from == sources.size()) return with(env);
  Env binding;
  binding.parent = env;
  if (sources[from] >= 0) {
    const Env* found = matched;
    for (int i = sources[from]; i > 0; --i) found = found->parent;
    binding.value = found->value;
  }
  return bind_union(sources, from + 1, matched, &binding, with);
}

bool Evaluator::match(const Pattern& pattern, const Node& at, const Value& value, const Env* env, EmitEnv with) {
  if (pattern.shape != Pattern::Shape::variable) return match_parts(pattern, 0, at, value, env, with);
  Env binding;
  binding.parent = env;
  binding.value = value;
  return with(&binding);
}

bool Evaluator::match_parts(const Pattern& pattern, std::size_t from, const Node& at, const Value& value,
                            const Env* env, EmitEnv with) {
  if (from == pattern.parts.size()) return with(env);
  if (!step(at)) return false;
  if (frames_left_ == 0) return exceed(at, EvalError::Kind::depth);
  --frames_left_;
  const Pattern::Part& part = pattern.parts[from];
  const auto with_member = [&](const Value& member, const Env* inner) {
    return match(*part.pattern, at, member, inner,
                 [&](const Env* bound) { return match_parts(pattern, from + 1, at, value, bound, with); });
  };
  const auto with_key = [&](const Value& key) {
    if (pattern.shape == Pattern::Shape::object && !key.is_string()) {
      raise(at, "Cannot index " + std::string(type_name(value)) + " with " + std::string(type_name(key)));
      return false;
    }
    const Value member = get(*this, at, value, key);
    if (stopped()) return false;
    if (!part.bind_whole) return with_member(member, env);
    Env whole;
    whole.parent = env;
    whole.value = member;
    return with_member(member, &whole);
  };
  const bool more = part.key == nullptr ? with_key(Value(static_cast<std::int64_t>(from)))
                    : part.key->kind == Kind::literal
                        ? with_key(part.key->literal)
                        : run(*part.key, value, env, [&](Value&& key) { return with_key(key); });
  ++frames_left_;
  return more;
}

}  // namespace perdure::expr
