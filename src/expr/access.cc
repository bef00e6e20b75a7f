// Access by key and by path: reading, setting, deleting.
#include <algorithm>
#include <cmath>
#include <limits>

#include "expr/operations.h"
#include "expr/utf8.h"

namespace perdure::expr {
namespace {

constexpr double k_index_max = 536870911;  // jq's own

struct Range {
  std::size_t begin = 0;
  std::size_t end = 0;
};

// Of a slice of something of `size` items; bounds are rounded outwards and clamped.
bool slice_range(std::size_t size, const Value& from, const Value& to, Range& range) {
  if (!(from.is_null() || from.is_number()) || !(to.is_null() || to.is_number())) return false;
  const auto length = static_cast<double>(size);
  double begin = from.is_null() ? 0 : from.as_double();
  double end = to.is_null() ? length : to.as_double();
  if (std::isnan(begin)) begin = 0;
  if (std::isnan(end)) end = length;
  if (begin < 0) begin += length;
  if (end < 0) end += length;
  begin = std::clamp(std::floor(begin), 0.0, length);
  end = std::clamp(std::ceil(end), begin, length);
  range = {static_cast<std::size_t>(begin), static_cast<std::size_t>(end)};
  return true;
}

bool is_slice_key(const Value& key) {
  return key.is_object() && (key.find("start") != nullptr || key.find("end") != nullptr);
}

// The position an index names, or -1 when it is outside. As in jq a fraction finds nothing when reading, and is cut off
// when writing.
enum class Use : std::uint8_t { read, write };
std::ptrdiff_t position(const Value& index, std::size_t size, Use use) {
  if (index.is_integer()) {
    const std::int64_t i = index.as_int();
    const std::int64_t at = i < 0 ? i + static_cast<std::int64_t>(size) : i;
    return at >= 0 && static_cast<std::uint64_t>(at) < size ? static_cast<std::ptrdiff_t>(at) : -1;
  }
  double d = index.as_double();
  if (std::isnan(d) || (use == Use::read && d != std::trunc(d))) return -1;
  d = std::trunc(d);
  if (d < 0) d += static_cast<double>(size);
  return d >= 0 && d < static_cast<double>(size) ? static_cast<std::ptrdiff_t>(d) : -1;
}

Value cannot_index(Evaluator& evaluator, const Node& at, const Value& value, const Value& key) {
  std::string message = "Cannot index " + std::string(type_name(value)) + " with ";
  if (key.is_string()) {
    const std::string_view name = key.as_string();
    message += "string \"" + std::string(name.substr(0, byte_of_code_point(name, 80))) + "\"";
  } else {
    message += type_name(key);
  }
  return evaluator.raise(at, std::move(message));
}

Value find_runs(Evaluator& evaluator, const Node& at, const Value& list, const Value& wanted) {
  std::vector<Value> found;
  const auto& items = list.items();
  const auto& run = wanted.items();
  if (!evaluator.charge(at, items.size() / 8)) return {};
  for (std::size_t i = 0; !run.empty() && i + run.size() <= items.size(); ++i) {
    std::size_t same = 0;
    while (same < run.size() && items[i + same] == run[same]) ++same;
    if (!evaluator.charge(at, same / 8 + (run.front().size() > 64 ? 1 : 0))) return {};
    if (same == run.size()) found.emplace_back(static_cast<std::int64_t>(i));
  }
  return Value::array(std::move(found));
}

}  // namespace

const Value* get_ref(const Value& value, const Value& key) {
  if (value.is_object() && key.is_string()) return value.find(key.as_string());
  if (value.is_array() && key.is_number()) {
    const std::ptrdiff_t i = position(key, value.size(), Use::read);
    return i < 0 ? nullptr : &value.items()[static_cast<std::size_t>(i)];
  }
  return nullptr;
}

Value slice(Evaluator& evaluator, const Node& at, const Value& value, const Value& from, const Value& to) {
  if (value.is_null()) return {};
  if (!value.is_array() && !value.is_string()) return cannot_index(evaluator, at, value, Value::object());
  Range range;
  const std::size_t size = value.is_array() ? value.size() : count_code_points(value.as_string());
  if (!slice_range(size, from, to, range)) {
    return evaluator.raise(at, "Start and end indices of an array slice must be numbers");
  }
  if (!evaluator.charge(at, (value.is_array() ? range.end - range.begin : value.size() / 8) / 8)) return {};
  if (value.is_string()) {
    const std::string_view text = value.as_string();
    const std::size_t begin = byte_of_code_point(text, range.begin);
    const std::string_view rest = text.substr(begin);
    return Value(rest.substr(0, byte_of_code_point(rest, range.end - range.begin)));
  }
  const auto& items = value.items();
  return Value::array(std::vector<Value>(items.begin() + static_cast<std::ptrdiff_t>(range.begin),
                                         items.begin() + static_cast<std::ptrdiff_t>(range.end)));
}

Value slice_key(const Value& from, const Value& to) { return Value::object({{"start", from}, {"end", to}}); }

Value get(Evaluator& evaluator, const Node& at, const Value& value, const Value& key) {
  if (const Value* found = get_ref(value, key)) return *found;
  if (value.is_object() && key.is_string()) return {};
  if (value.is_array() && key.is_number()) return {};
  if (value.is_null() && (key.is_string() || key.is_number() || key.is_null())) {
    return key.is_null() ? cannot_index(evaluator, at, value, key) : Value();
  }
  if (key.is_object() && (value.is_array() || value.is_string() || value.is_null())) {
    if (!is_slice_key(key)) { return evaluator.raise(at, "Start and end indices of an array slice must be numbers"); }
    const Value* from = key.find("start");
    const Value* to = key.find("end");
    return slice(evaluator, at, value, from == nullptr ? Value() : *from, to == nullptr ? Value() : *to);
  }
  if (value.is_array() && key.is_array()) return find_runs(evaluator, at, value, key);
  return cannot_index(evaluator, at, value, key);
}

Value get_path(Evaluator& evaluator, const Node& at, const Value& root, std::span<const Value> path) {
  Value value = root;
  for (const Value& key : path) {
    if (value.is_null()) return {};
    if (!evaluator.charge(at, 1)) return {};
    value = get(evaluator, at, value, key);
    if (evaluator.stopped()) return {};
  }
  return value;
}

namespace {

bool change_slice(Evaluator& evaluator, const Node& at, Value& root, std::span<const Value> path,
                  FunctionRef<bool(Value&)> change) {
  const Value& key = path.front();
  if (!root.is_array() && !root.is_null()) {
    evaluator.raise(at, "Cannot update field at object index of " + std::string(type_name(root)));
    return false;
  }
  const Value* from = key.find("start");
  const Value* to = key.find("end");
  Range range;
  if (!slice_range(root.size(), from == nullptr ? Value() : *from, to == nullptr ? Value() : *to, range)) {
    evaluator.raise(at, "Start and end indices of an array slice must be numbers");
    return false;
  }
  if (!evaluator.charge(at, root.size() / 8)) return false;
  Value part;
  if (root.is_array()) {
    const auto& items = root.items();
    part = Value::array(std::vector<Value>(items.begin() + static_cast<std::ptrdiff_t>(range.begin),
                                           items.begin() + static_cast<std::ptrdiff_t>(range.end)));
  }
  if (!change_path(evaluator, at, part, path.subspan(1), change)) return false;
  if (!part.is_array()) {
    evaluator.raise(at, "A slice of an array can only be assigned another array");
    return false;
  }
  std::vector<Value> items = root.is_array() ? root.items() : std::vector<Value>();
  items.erase(items.begin() + static_cast<std::ptrdiff_t>(range.begin),
              items.begin() + static_cast<std::ptrdiff_t>(range.end));
  items.insert(items.begin() + static_cast<std::ptrdiff_t>(range.begin), part.items().begin(), part.items().end());
  root = Value::array(std::move(items));
  return evaluator.allow_value(at, root);
}

bool change_item(Evaluator& evaluator, const Node& at, Value& root, std::span<const Value> path,
                 FunctionRef<bool(Value&)> change) {
  double wanted = path.front().as_double();
  if (std::isnan(wanted)) wanted = 0;
  wanted = std::trunc(wanted);
  if (wanted < 0) wanted += static_cast<double>(root.size());
  if (wanted < 0) {
    evaluator.raise(at, "Out of bounds negative array index");
    return false;
  }
  if (wanted > k_index_max) {
    evaluator.raise(at, "Array index too large");
    return false;
  }
  const auto index = static_cast<std::size_t>(wanted);
  if (index >= root.size() && !evaluator.allow_bytes(at, (index + 1) * sizeof(Value))) return false;
  if (!evaluator.charge(at, index >= root.size() ? (index - root.size()) / 8 : 0)) return false;
  Value member = root.take_at(index);
  if (!change_path(evaluator, at, member, path.subspan(1), change)) return false;
  root.set_at(index, std::move(member));
  return evaluator.allow_value(at, root);
}

}  // namespace

bool change_path(Evaluator& evaluator, const Node& at, Value& root, std::span<const Value> path,
                 FunctionRef<bool(Value&)> change) {
  if (path.empty()) return change(root);
  if (path.size() > k_json_depth_max) return evaluator.exceed(at, EvalError::Kind::depth);
  const std::uint64_t copied = root.sole_holder() ? 0 : root.size() / 8;
  if (!evaluator.charge(at, 1 + (root.is_string() ? 0 : copied))) return false;
  const Value& key = path.front();
  if (key.is_string() && (root.is_object() || root.is_null())) {
    Value member = root.take(key.as_string());
    if (!change_path(evaluator, at, member, path.subspan(1), change)) return false;
    root.set(key.as_string(), std::move(member));
    return evaluator.allow_value(at, root);
  }
  if (key.is_number() && (root.is_array() || root.is_null())) return change_item(evaluator, at, root, path, change);
  if (key.is_object()) return change_slice(evaluator, at, root, path, change);
  if (key.is_array() && root.is_array()) {
    evaluator.raise(at, "Cannot update field at array index of array");
    return false;
  }
  cannot_index(evaluator, at, root, key);
  return false;
}

bool set_path(Evaluator& evaluator, const Node& at, Value& root, std::span<const Value> path, Value value) {
  return change_path(evaluator, at, root, path, [&value](Value& member) {
    member = std::move(value);
    return true;
  });
}

namespace {

// Deletes from `root` the members that `keys` name (sorted, all at this level).
bool delete_keys(Evaluator& evaluator, const Node& at, Value& root, const std::vector<const Value*>& keys) {
  if (root.is_null() || keys.empty()) return true;
  if (!evaluator.charge(at, keys.size() + (root.is_string() ? 0 : root.size() / 8))) return false;
  if (root.is_object()) {
    for (const Value* key : keys) {
      if (!key->is_string()) {
        evaluator.raise(at, "Cannot delete field at object index of " + std::string(type_name(*key)));
        return false;
      }
    }
    if (keys.size() == 1) {
      root.erase(keys.front()->as_string());
      return true;
    }
    std::vector<Value::Member> kept;
    for (const auto& member : root.members()) {
      const auto named = std::lower_bound(keys.begin(), keys.end(), member.first,
                                          [](const Value* a, const Value& b) { return Value::compare(*a, b) < 0; });
      if (named == keys.end() || !(**named == member.first)) kept.push_back(member);
    }
    root = Value::object(std::move(kept));
    return true;
  }
  if (!root.is_array()) {
    evaluator.raise(at, "Cannot delete fields from " + std::string(type_name(root)));
    return false;
  }
  std::vector<bool> gone(root.size(), false);
  for (const Value* key : keys) {
    if (key->is_number()) {
      if (const std::ptrdiff_t i = position(*key, root.size(), Use::write); i >= 0)
        gone[static_cast<std::size_t>(i)] = true;
    } else if (key->is_object()) {
      const Value* from = key->find("start");
      const Value* to = key->find("end");
      Range range;
      if (!slice_range(root.size(), from == nullptr ? Value() : *from, to == nullptr ? Value() : *to, range)) {
        evaluator.raise(at, "Start and end indices of an array slice must be numbers");
        return false;
      }
      if (!evaluator.charge(at, (range.end - range.begin) / 64)) return false;
      std::fill(gone.begin() + static_cast<std::ptrdiff_t>(range.begin),
                gone.begin() + static_cast<std::ptrdiff_t>(range.end), true);
    } else {
      evaluator.raise(at, "Cannot delete field at array index of " + std::string(type_name(*key)));
      return false;
    }
  }
  std::vector<Value> kept;
  for (std::size_t i = 0; i < gone.size(); ++i) {
    if (!gone[i]) kept.push_back(root.items()[i]);
  }
  root = Value::array(std::move(kept));
  return true;
}

// paths[from, to) are sorted and share their first `depth` keys, which lead to `root`.
bool delete_below(Evaluator& evaluator, const Node& at, Value& root, std::span<const Value> paths, std::size_t depth) {
  if (paths.empty() || root.is_null()) return true;
  if (depth > k_json_depth_max) return evaluator.exceed(at, EvalError::Kind::depth);
  if (paths.front().size() == depth) {  // sorted: a path that ends here comes first
    root = Value();
    return true;
  }
  std::vector<const Value*> ending;
  for (std::size_t i = paths.size(); i > 0;) {  // from the last to the first, so that positions hold
    const Value& key = paths[i - 1].items()[depth];
    std::size_t begin = i - 1;
    while (begin > 0 && paths[begin - 1].items()[depth] == key) --begin;
    const auto group = paths.subspan(begin, i - begin);
    if (!evaluator.charge(at, group.size())) return false;
    if (group.front().size() == depth + 1) {
      ending.push_back(&key);
    } else if (root.is_null()) {
      // nothing below
    } else {
      Value member = get(evaluator, at, root, key);
      if (evaluator.stopped()) return false;
      if (!member.is_null()) {
        if (key.is_string()) root.take(key.as_string());
        if (!delete_below(evaluator, at, member, group, depth + 1)) return false;
        if (!set_path(evaluator, at, root, std::span<const Value>(&key, 1), std::move(member))) return false;
      }
    }
    i = begin;
  }
  std::reverse(ending.begin(), ending.end());
  return delete_keys(evaluator, at, root, ending);
}

}  // namespace

Value delete_paths(Evaluator& evaluator, const Node& at, Value root, std::vector<Value> paths) {
  for (const Value& path : paths) {
    if (!path.is_array()) return evaluator.raise(at, "Path must be specified as an array");
    if (!evaluator.charge(at, 1 + path.size())) return {};
  }
  std::sort(paths.begin(), paths.end(), [](const Value& a, const Value& b) { return Value::compare(a, b) < 0; });
  if (!delete_below(evaluator, at, root, paths, 0)) return {};
  return root;
}

}  // namespace perdure::expr
