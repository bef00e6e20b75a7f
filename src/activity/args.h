#pragma once
// Reads the arguments of a task (its evaluated `with`, a JSON object) member by member. Collects every mistake instead
// of stopping at the first; finish() adds the members nobody asked for, with the nearest name that was asked for.
//
//   Args args("http", task.args.view());
//   request.url = args.required_text("url");
//   const auto timeout = args.duration("timeout");
//   if (auto wrong = args.finish()) return *wrong;
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "activity/activity.h"
#include "base/value.h"

namespace perdure::activity {

using TextPairs = std::vector<std::pair<std::string, std::string>>;

class Args {
 public:
  // `activity` names the step's kind in messages. Text that is no JSON object is a mistake too.
  Args(std::string activity, std::string_view json);

  // Each returns nothing when the member is absent or null, and when it is wrong (which is then noted).
  std::optional<std::string> text(std::string_view name);
  std::optional<std::int64_t> integer(std::string_view name, std::int64_t low, std::int64_t high);
  std::optional<DurationMs> duration(std::string_view name);             // "30s"
  std::optional<std::vector<std::string>> texts(std::string_view name);  // list of strings and numbers
  // An object whose values are strings, numbers or booleans, as text; null members are left out.
  std::optional<TextPairs> text_pairs(std::string_view name);
  const Value* object(std::string_view name);
  const Value* any(std::string_view name);  // also null

  std::string required_text(std::string_view name);
  std::string one_of(std::string_view name, std::initializer_list<std::string_view> choices,
                     std::string_view otherwise);

  // Reads an object member's members by `read`, with the member's name put before theirs in messages.
  void nested(std::string_view name, const std::function<void(Args&)>& read);
  void wrong(std::string_view name, std::string what);  // notes "with.NAME WHAT"
  bool has(std::string_view name) const;

  // Nothing, or the outcome `validation`, fatal, that names every mistake.
  std::optional<Outcome> finish();

 private:
  Args(std::string activity, std::string path, Value value)
      : activity_(std::move(activity)), path_(std::move(path)), value_(std::move(value)) {}
  const Value* member(std::string_view name);
  void expect(std::string_view name, std::string_view kind, const Value& got);
  void note_unknown();

  std::string activity_;
  std::string path_ = "with";
  Value value_;
  std::vector<std::string> known_;
  std::vector<std::string> mistakes_;
};

// A string, number or boolean as text; nothing for the rest.
std::optional<std::string> scalar_text(const Value& value);
// The nearest of `names` to a misspelt one, or nothing when none is near.
std::optional<std::string> nearest(std::string_view name, const std::vector<std::string>& names);

}  // namespace perdure::activity
