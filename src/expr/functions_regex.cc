// Native functions of regular expressions.
#include "expr/functions.h"
#include "expr/operations.h"
#include "expr/regex.h"
#include "expr/utf8.h"

namespace perdure::expr {
namespace {

constexpr std::uint64_t k_bytes_a_step = 16;  // of text searched
constexpr std::uint64_t k_bytes_read_ahead_a_step = 1024;

// The arguments may be (pattern), (pattern; flags) or one array of both.
struct Arguments {
  Value pattern;
  Value flags;
};
Arguments read(const Node& at, const Value* arguments) {
  if (at.list.size() > 1) return {arguments[0], arguments[1]};
  if (!arguments[0].is_array()) return {arguments[0], Value()};
  const auto& pair = arguments[0].items();
  return {pair.empty() ? Value() : pair[0], pair.size() > 1 ? pair[1] : Value()};
}

const Regex* prepare(Evaluator& evaluator, const Node& at, const Value& input, const Arguments& arguments) {
  if (!input.is_string()) {
    evaluator.raise(at, describe(input) + " cannot be matched, as it is not a string");
    return nullptr;
  }
  if (at.regex != nullptr) return at.regex.get();
  return evaluator.regex(at, arguments.pattern, arguments.flags);
}

struct Match {
  std::vector<Regex::Group> groups;
};

// All matches, or the first. An empty match moves on by one character.
bool search(Evaluator& evaluator, const Node& at, const Regex& regex, std::string_view text, bool all,
            std::vector<Match>& out) {
  std::size_t from = 0;
  while (from <= text.size()) {
    // Most searches read little more than what they pass over; a nasty one reads the whole rest.
    if (!evaluator.charge(at, 1 + (text.size() - from) / k_bytes_read_ahead_a_step)) return false;
    auto groups = regex.find(text, from);
    const std::size_t end = groups.empty() ? text.size() : groups.front().end;
    if (!evaluator.charge(at, (end - std::min(from, end)) / k_bytes_a_step)) return false;
    if (groups.empty()) return true;
    const Regex::Group whole = groups.front();
    const bool empty = whole.begin == whole.end;
    from = whole.end;
    if (empty) {
      std::size_t next = from;
      if (next < text.size()) next_code_point(text, next);
      from = from < text.size() ? next : text.size() + 1;
    }
    if (empty && regex.skip_empty()) continue;
    out.push_back({std::move(groups)});
    if (!all || !evaluator.allow_bytes(at, out.size() * sizeof(Regex::Group) * 2)) return !evaluator.stopped();
  }
  return true;
}

// Byte positions to code points, for positions that mostly rise.
class Positions {
 public:
  explicit Positions(std::string_view text) : text_(text) {}
  std::int64_t of(std::size_t byte) {
    if (byte < byte_) {
      byte_ = 0;
      points_ = 0;
    }
    points_ += count_code_points(text_.substr(byte_, byte - byte_));
    byte_ = byte;
    return static_cast<std::int64_t>(points_);
  }

 private:
  std::string_view text_;
  std::size_t byte_ = 0;
  std::size_t points_ = 0;
};

Value part(std::string_view text, const Regex::Group& group) {
  return group.matched() ? Value(text.substr(group.begin, group.end - group.begin)) : Value();
}

Value describe_group(std::string_view text, const Regex::Group& group, Positions& positions) {
  std::vector<Value::Member> members;
  const std::int64_t begin = group.matched() ? positions.of(group.begin) : -1;
  const std::int64_t length = group.matched() ? positions.of(group.end) - begin : 0;
  members.emplace_back(Value("offset"), begin);
  members.emplace_back(Value("length"), length);
  members.emplace_back(Value("string"), part(text, group));
  return Value::object(std::move(members));
}

Value match(Evaluator& evaluator, const Node& at, const Value& input, const Value* arguments) {
  const Arguments read_arguments = read(at, arguments);
  return find_matches(evaluator, at, input, read_arguments.pattern, read_arguments.flags, false);
}

Value test(Evaluator& evaluator, const Node& at, const Value& input, const Value* arguments) {
  const Regex* regex = prepare(evaluator, at, input, read(at, arguments));
  if (regex == nullptr || !evaluator.charge(at, input.size() / k_bytes_a_step)) return {};
  if (!regex->skip_empty()) return Value(regex->matches(input.as_string()));
  std::vector<Match> found;
  return search(evaluator, at, *regex, input.as_string(), false, found) ? Value(!found.empty()) : Value();
}

Value captures_of(const Regex& regex, std::string_view text, const Match& match) {
  std::vector<Value::Member> members;
  for (std::size_t i = 0; i < regex.names().size(); ++i) {
    if (!regex.names()[i].empty()) members.emplace_back(Value(regex.names()[i]), part(text, match.groups[i + 1]));
  }
  return Value::object(std::move(members));
}

Value capture(Evaluator& evaluator, const Node& at, const Value& input, const Value* arguments) {
  const Regex* regex = prepare(evaluator, at, input, read(at, arguments));
  std::vector<Match> found;
  if (regex == nullptr || !search(evaluator, at, *regex, input.as_string(), regex->global(), found)) return {};
  std::vector<Value> out;
  for (const Match& m : found) out.push_back(captures_of(*regex, input.as_string(), m));
  return Value::array(std::move(out));
}

Value scan(Evaluator& evaluator, const Node& at, const Value& input, const Value* arguments) {
  const Regex* regex = prepare(evaluator, at, input, read(at, arguments));
  std::vector<Match> found;
  if (regex == nullptr || !search(evaluator, at, *regex, input.as_string(), true, found)) return {};
  std::vector<Value> out;
  for (const Match& m : found) {
    if (m.groups.size() == 1) {
      out.push_back(part(input.as_string(), m.groups.front()));
      continue;
    }
    std::vector<Value> groups;
    for (std::size_t i = 1; i < m.groups.size(); ++i) groups.push_back(part(input.as_string(), m.groups[i]));
    out.push_back(Value::array(std::move(groups)));
  }
  return Value::array(std::move(out));
}

Value split(Evaluator& evaluator, const Node& at, const Value& input, const Value* arguments) {
  const Regex* regex = prepare(evaluator, at, input, read(at, arguments));
  std::vector<Match> found;
  if (regex == nullptr || !search(evaluator, at, *regex, input.as_string(), true, found)) return {};
  const std::string_view text = input.as_string();
  std::vector<Value> out;
  std::size_t from = 0;
  for (const Match& m : found) {
    const Regex::Group& whole = m.groups.front();
    out.emplace_back(text.substr(from, whole.begin - from));
    from = whole.end;
  }
  out.emplace_back(text.substr(from));
  return Value::array(std::move(out));
}

constexpr NativeFunction k_functions[] = {
    {.name = "test", .arity = 1, .builtin = test, .takes_regex = true},
    {.name = "test", .arity = 2, .builtin = test, .takes_regex = true},
    {.name = "match", .arity = 1, .builtin = match, .each = true, .takes_regex = true},
    {.name = "match", .arity = 2, .builtin = match, .each = true, .takes_regex = true},
    {.name = "capture", .arity = 1, .builtin = capture, .each = true, .takes_regex = true},
    {.name = "capture", .arity = 2, .builtin = capture, .each = true, .takes_regex = true},
    {.name = "scan", .arity = 1, .builtin = scan, .each = true, .takes_regex = true},
    {.name = "scan", .arity = 2, .builtin = scan, .each = true, .takes_regex = true},
    {.name = "split", .arity = 2, .builtin = split, .takes_regex = true},
    {.name = "splits", .arity = 1, .builtin = split, .each = true, .takes_regex = true},
    {.name = "splits", .arity = 2, .builtin = split, .each = true, .takes_regex = true},
};

}  // namespace

std::span<const NativeFunction> regex_functions() { return k_functions; }

Value find_matches(Evaluator& evaluator, const Node& at, const Value& input, const Value& pattern, const Value& flags,
                   bool global) {
  static const Value k_captures("captures");
  static const Value k_name("name");
  const Regex* regex = prepare(evaluator, at, input, {pattern, flags});
  std::vector<Match> found;
  if (regex == nullptr || !search(evaluator, at, *regex, input.as_string(), global || regex->global(), found)) {
    return {};
  }
  const std::string_view text = input.as_string();
  Positions positions(text);
  std::vector<Value> out;
  for (const Match& m : found) {
    if (!evaluator.charge(at, m.groups.size())) return {};
    Value object = describe_group(text, m.groups.front(), positions);
    std::vector<Value> captures;
    for (std::size_t i = 1; i < m.groups.size(); ++i) {
      Value group = describe_group(text, m.groups[i], positions);
      const std::string& name = regex->names()[i - 1];
      group.set("name", name.empty() ? Value() : Value(name));
      captures.push_back(std::move(group));
    }
    object.set("captures", Value::array(std::move(captures)));
    out.push_back(std::move(object));
    if (!evaluator.allow_bytes(at, out.size() * sizeof(Value))) return {};
  }
  return Value::array(std::move(out));
}

// sub and gsub: the replacement is run on an object of the named groups, for the last match first.
bool Evaluator::special_substitute(const Node& node, const Value& input, const Env* env, Emit emit) {
  const bool global = node.number == 1;
  const auto with = [&](const Value& pattern, const Value& flags) {
    const Regex* regex = prepare(*this, node, input, {pattern, flags});
    std::vector<Match> found;
    if (regex == nullptr || !search(*this, node, *regex, input.as_string(), global || regex->global(), found))
      return false;
    const std::string_view text = input.as_string();
    // For each match from the last: what stands before it, its groups, what stands behind the last one.
    std::vector<Value> pieces;
    std::size_t from = 0;
    for (const Match& m : found) {
      pieces.emplace_back(text.substr(from, m.groups.front().begin - from));
      pieces.push_back(captures_of(*regex, text, m));
      from = m.groups.front().end;
    }
    return substitute_from(node, found.size(), Value::array(std::move(pieces)), std::string(text.substr(from)), input,
                           env, emit);
  };
  return run(*node.list[0], input, env, [&](Value&& pattern) {
    if (node.list.size() < 3) return with(pattern, Value());
    return run(*node.list[2], input, env, [&](Value&& flags) { return with(pattern, flags); });
  });
}

bool Evaluator::substitute_from(const Node& node, std::size_t left, const Value& pieces, const std::string& tail,
                                const Value& input, const Env* env, Emit emit) {
  const Node& replacement = *node.list[1];
  const auto put = [&](std::size_t i, const Value& text, std::string& out) {
    if (!text.is_string()) return raise(node, describe(text) + " cannot be added to a string"), false;
    out = std::string(pieces.items()[2 * i].as_string()) + std::string(text.as_string());
    return true;
  };
  if (replacement.single) {  // one text: put together from its parts at the end
    std::vector<std::string> parts(left);
    std::size_t size = tail.size();
    for (std::size_t i = left; i > 0; --i) {
      const Value text = one(replacement, pieces.items()[2 * i - 1], env);
      if (stopped() || !put(i - 1, text, parts[i - 1])) return false;
      size += parts[i - 1].size();
      if (!allow_bytes(node, size)) return false;
    }
    std::string out;
    out.reserve(size);
    for (const std::string& text : parts) out += text;
    out += tail;
    return emit(Value(std::string_view(out)));
  }
  if (left == 0) return emit(Value(std::string_view(tail)));
  const Frame frame(*this);
  if (!frame.entered) return exceed(node, EvalError::Kind::depth);
  return run(replacement, pieces.items()[2 * left - 1], env, [&](Value&& text) {
    std::string out;
    if (!put(left - 1, text, out) || !allow_bytes(node, out.size() + tail.size()) || !charge(node, tail.size() / 64))
      return false;
    out += tail;
    return substitute_from(node, left - 1, pieces, out, input, env, emit);
  });
}

}  // namespace perdure::expr
