#include "activity/args.h"

#include <algorithm>

#include "activity/outcome.h"
#include "base/json.h"

namespace perdure::activity {
namespace {

std::string_view kind_name(const Value& value) {
  switch (value.type()) {
    case Value::Type::null: return "null";
    case Value::Type::boolean: return "a boolean";
    case Value::Type::integer:
    case Value::Type::real: return "a number";
    case Value::Type::string: return "a string";
    case Value::Type::array: return "a list";
    case Value::Type::object: return "an object";
  }
  return "null";
}

// Edits (insert, delete, replace, swap of neighbours) from one word to another.
std::size_t distance(std::string_view a, std::string_view b) {
  std::vector<std::vector<std::size_t>> d(a.size() + 1, std::vector<std::size_t>(b.size() + 1));
  for (std::size_t i = 0; i <= a.size(); ++i) d[i][0] = i;
  for (std::size_t j = 0; j <= b.size(); ++j) d[0][j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t same = a[i - 1] == b[j - 1] ? 0 : 1;
      d[i][j] = std::min({d[i - 1][j] + 1, d[i][j - 1] + 1, d[i - 1][j - 1] + same});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
        d[i][j] = std::min(d[i][j], d[i - 2][j - 2] + 1);
    }
  }
  return d[a.size()][b.size()];
}

}  // namespace

std::optional<std::string> scalar_text(const Value& value) {
  if (value.is_string()) return std::string(value.as_string());
  if (value.is_bool() || value.is_number()) return to_json(value);
  return std::nullopt;
}

std::optional<std::string> nearest(std::string_view name, const std::vector<std::string>& names) {
  constexpr std::size_t k_longest = 64;
  if (name.empty() || name.size() > k_longest) return std::nullopt;
  std::optional<std::string> best;
  std::size_t best_distance = std::max<std::size_t>(1, name.size() / 3) + 1;
  for (const std::string& candidate : names) {
    const std::size_t d = distance(name, candidate);
    if (d < best_distance) {
      best_distance = d;
      best = candidate;
    }
  }
  return best;
}

Args::Args(std::string activity, std::string_view json) : activity_(std::move(activity)) {
  auto parsed = parse_json(json.empty() ? "{}" : json);
  if (!parsed) {
    mistakes_.push_back("the arguments are no JSON: " + parsed.error().message);
  } else if (parsed->is_object()) {
    value_ = std::move(*parsed);
  } else if (!parsed->is_null()) {
    mistakes_.push_back("'with' must be an object, not " + std::string(kind_name(*parsed)));
  }
}

const Value* Args::member(std::string_view name) {
  known_.emplace_back(name);
  return value_.find(name);
}

void Args::wrong(std::string_view name, std::string what) {
  mistakes_.push_back("'" + path_ + "." + std::string(name) + "' " + std::move(what));
}

void Args::expect(std::string_view name, std::string_view kind, const Value& got) {
  wrong(name, "must be " + std::string(kind) + ", not " + std::string(kind_name(got)));
}

bool Args::has(std::string_view name) const {
  const Value* found = value_.find(name);
  return found != nullptr && !found->is_null();
}

const Value* Args::any(std::string_view name) { return member(name); }

std::optional<std::string> Args::text(std::string_view name) {
  const Value* found = member(name);
  if (found == nullptr || found->is_null()) return std::nullopt;
  if (!found->is_string()) {
    expect(name, "a string", *found);
    return std::nullopt;
  }
  return std::string(found->as_string());
}

std::string Args::required_text(std::string_view name) {
  const Value* found = value_.find(name);
  if (found == nullptr || found->is_null() || (found->is_string() && found->size() == 0)) {
    member(name);
    wrong(name, "is missing");
    return {};
  }
  return text(name).value_or("");
}

std::optional<std::int64_t> Args::integer(std::string_view name, std::int64_t low, std::int64_t high) {
  const Value* found = member(name);
  if (found == nullptr || found->is_null()) return std::nullopt;
  if (!found->is_integer() || found->as_int() < low || found->as_int() > high) {
    expect(name, "a whole number from " + std::to_string(low) + " to " + std::to_string(high), *found);
    return std::nullopt;
  }
  return found->as_int();
}

std::optional<DurationMs> Args::duration(std::string_view name) {
  const auto given = text(name);
  if (!given) return std::nullopt;
  auto parsed = parse_duration(*given);
  if (parsed && *parsed > 0) return *parsed;
  wrong(name, parsed ? "must be longer than nothing" : "is no duration: " + parsed.error().message);
  return std::nullopt;
}

std::optional<std::vector<std::string>> Args::texts(std::string_view name) {
  const Value* found = member(name);
  if (found == nullptr || found->is_null()) return std::nullopt;
  if (!found->is_array()) {
    expect(name, "a list of strings", *found);
    return std::nullopt;
  }
  std::vector<std::string> list;
  for (std::size_t i = 0; i < found->size(); ++i) {
    auto item = scalar_text(found->at(i));
    if (!item) {
      expect(std::string(name) + "[" + std::to_string(i) + "]", "a string or a number", found->at(i));
      return std::nullopt;
    }
    list.push_back(std::move(*item));
  }
  return list;
}

std::optional<TextPairs> Args::text_pairs(std::string_view name) {
  const Value* found = object(name);
  if (found == nullptr) return std::nullopt;
  TextPairs pairs;
  for (const auto& [key, value] : found->members()) {
    if (value.is_null()) continue;
    auto as_text = scalar_text(value);
    if (!as_text) {
      expect(std::string(name) + "." + std::string(key.as_string()), "a string, a number or a boolean", value);
      continue;
    }
    pairs.emplace_back(std::string(key.as_string()), std::move(*as_text));
  }
  return pairs;
}

const Value* Args::object(std::string_view name) {
  const Value* found = member(name);
  if (found == nullptr || found->is_null()) return nullptr;
  if (found->is_object()) return found;
  expect(name, "an object", *found);
  return nullptr;
}

std::string Args::one_of(std::string_view name, std::initializer_list<std::string_view> choices,
                         std::string_view otherwise) {
  const auto given = text(name);
  if (!given) return std::string(otherwise);
  if (std::find(choices.begin(), choices.end(), *given) != choices.end()) return *given;
  std::string list;
  std::vector<std::string> names;
  for (const std::string_view choice : choices) {
    list += (list.empty() ? "" : ", ") + std::string(choice);
    names.emplace_back(choice);
  }
  const auto near = nearest(*given, names);
  wrong(name,
        "is '" + head(*given, 64) + "', which is none of: " + list + (near ? "; did you mean '" + *near + "'?" : ""));
  return std::string(otherwise);
}

void Args::nested(std::string_view name, const std::function<void(Args&)>& read) {
  const Value* found = object(name);
  if (found == nullptr) return;
  Args inner(activity_, path_ + "." + std::string(name), *found);
  read(inner);
  inner.note_unknown();
  mistakes_.insert(mistakes_.end(), inner.mistakes_.begin(), inner.mistakes_.end());
}

void Args::note_unknown() {
  if (!value_.is_object()) return;
  for (const auto& [key, value] : value_.members()) {
    const std::string name(key.as_string());
    if (std::find(known_.begin(), known_.end(), name) != known_.end()) continue;
    const auto near = nearest(name, known_);
    wrong(head(valid_utf8(name), 64), "is unknown to " + activity_ + (near ? "; did you mean '" + *near + "'?" : ""));
  }
}

std::optional<Outcome> Args::finish() {
  note_unknown();
  if (mistakes_.empty()) return std::nullopt;
  std::string all;
  for (const std::string& mistake : mistakes_) all += (all.empty() ? "" : "\n") + mistake;
  return failure({.type = "validation",
                  .title = activity_ + ": " + mistakes_.front(),
                  .error_class = ErrorClass::fatal,
                  .detail = std::move(all)});
}

}  // namespace perdure::activity
