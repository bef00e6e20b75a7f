// Native functions of arrays and objects.
#include <algorithm>
#include <array>
#include <numeric>

#include "base/json.h"
#include "expr/functions.h"
#include "expr/operations.h"

namespace perdure::expr {
namespace {

Value length(Evaluator& evaluator, const Node& at, const Value& input, const Value*) {
  switch (input.type()) {
    case Value::Type::null: return 0;
    case Value::Type::boolean: return evaluator.raise(at, describe(input) + " has no length");
    case Value::Type::integer:
    case Value::Type::real: return input.as_double() < 0 ? negate(evaluator, at, input) : input;
    case Value::Type::string: {
      if (!evaluator.charge(at, input.size() / 64)) return {};
      std::int64_t count = 0;
      for (const char c : input.as_string()) count += (static_cast<unsigned char>(c) & 0xC0) != 0x80 ? 1 : 0;
      return count;
    }
    default: return static_cast<std::int64_t>(input.size());
  }
}

Value keys_of(Evaluator& evaluator, const Node& at, const Value& input, bool sorted) {
  if (!input.is_array() && !input.is_object()) return evaluator.raise(at, describe(input) + " has no keys");
  if (!evaluator.charge(at, input.size())) return {};
  std::vector<Value> keys;
  if (input.is_array()) {
    for (std::size_t i = 0; i < input.size(); ++i) keys.emplace_back(static_cast<std::int64_t>(i));
  } else if (sorted) {
    keys = sorted_keys(input);
  } else {
    for (const auto& member : input.members()) keys.push_back(member.first);
  }
  return Value::array(std::move(keys));
}
Value keys(Evaluator& evaluator, const Node& at, const Value& input, const Value*) {
  return keys_of(evaluator, at, input, true);
}
Value keys_unsorted(Evaluator& evaluator, const Node& at, const Value& input, const Value*) {
  return keys_of(evaluator, at, input, false);
}

Value has(Evaluator& evaluator, const Node& at, const Value& input, const Value* arguments) {
  const Value& key = arguments[0];
  if (input.is_object() && key.is_string()) return Value(input.find(key.as_string()) != nullptr);
  if (input.is_array() && key.is_number()) {
    const double i = key.as_double();
    return Value(i >= 0 && i < static_cast<double>(input.size()));
  }
  if (input.is_null()) return Value(false);
  return evaluator.raise(
      at, "Cannot check whether " + std::string(type_name(input)) + " has a " + std::string(type_name(key)) + " key");
}
Value in(Evaluator& evaluator, const Node& at, const Value& input, const Value* arguments) {
  return has(evaluator, at, arguments[0], &input);
}

Value contains_value(Evaluator& evaluator, const Node& at, const Value& outer, const Value& inner) {
  if (!evaluator.charge(at, 1)) return {};
  if (outer.is_object() && inner.is_object()) {
    for (const auto& [key, value] : inner.members()) {
      const Value* member = outer.find(key.as_string());
      if (member == nullptr) return Value(false);
      const Value found = contains_value(evaluator, at, *member, value);
      if (evaluator.stopped() || !found.truthy()) return Value(false);
    }
    return Value(true);
  }
  if (outer.is_array() && inner.is_array()) {
    for (const Value& wanted : inner.items()) {
      bool found = false;
      for (const Value& item : outer.items()) {
        if (type_name(item) != type_name(wanted)) continue;
        found = contains_value(evaluator, at, item, wanted).truthy();
        if (evaluator.stopped()) return {};
        if (found) break;
      }
      if (!found) return Value(false);
    }
    return Value(true);
  }
  if (outer.is_string() && inner.is_string()) {
    if (!evaluator.charge(at, outer.size() / 64)) return {};
    return Value(outer.as_string().find(inner.as_string()) != std::string_view::npos);
  }
  return Value(outer == inner);
}
Value contains_checked(Evaluator& evaluator, const Node& at, const Value& outer, const Value& inner) {
  if (type_name(outer) != type_name(inner) || (outer.is_bool() && !(outer == inner))) {
    return evaluator.raise(at, describe(outer) + " and " + describe(inner) + " cannot have their containment checked");
  }
  return contains_value(evaluator, at, outer, inner);
}
Value contains(Evaluator& evaluator, const Node& at, const Value& input, const Value* arguments) {
  return contains_checked(evaluator, at, input, arguments[0]);
}
Value inside(Evaluator& evaluator, const Node& at, const Value& input, const Value* arguments) {
  return contains_checked(evaluator, at, arguments[0], input);
}

Value sum(Evaluator& evaluator, const Node& at, const Value& input, const Value*) {
  Value total;
  const auto add_one = [&](const Value& item) {
    if (!evaluator.charge(at, 1)) return false;
    Value next = add(evaluator, at, std::move(total), item);
    total = std::move(next);
    return !evaluator.stopped();
  };
  if (input.is_array()) {
    for (const Value& item : input.items()) {
      if (!add_one(item)) return {};
    }
  } else if (input.is_object()) {
    for (const auto& member : input.members()) {
      if (!add_one(member.second)) return {};
    }
  } else {
    return evaluator.raise(at, "Cannot iterate over " + describe(input));
  }
  return total;
}

bool flatten_into(Evaluator& evaluator, const Node& at, const Value& input, double depth, std::vector<Value>& out) {
  const auto take = [&](const Value& item) {
    if (!evaluator.charge(at, 1)) return false;
    if (item.is_array() && depth > 0) return flatten_into(evaluator, at, item, depth - 1, out);
    out.push_back(item);
    return true;
  };
  if (input.is_object()) {
    return std::all_of(input.members().begin(), input.members().end(), [&](const auto& m) { return take(m.second); });
  }
  return std::all_of(input.items().begin(), input.items().end(), take);
}
Value flatten_to(Evaluator& evaluator, const Node& at, const Value& input, const Value* arguments) {
  const Value& depth = arguments[0];
  if (Value::compare(depth, Value(0)) < 0) return evaluator.raise(at, "flatten depth must not be negative");
  if (!input.is_array() && !input.is_object()) { return evaluator.raise(at, "Cannot iterate over " + describe(input)); }
  const auto is_array = [](const Value& item) { return item.is_array(); };
  if (!depth.is_number() && input.is_array() && std::any_of(input.items().begin(), input.items().end(), is_array)) {
    return evaluator.raise(at, "flatten depth must be a number, not " + describe(depth));
  }
  std::vector<Value> out;
  if (!flatten_into(evaluator, at, input, depth.is_number() ? depth.as_double() : 0, out)) return {};
  Value flat = Value::array(std::move(out));
  return evaluator.allow_value(at, flat) ? flat : Value();
}
Value flatten(Evaluator& evaluator, const Node& at, const Value& input, const Value*) {
  const Value all(static_cast<std::int64_t>(k_json_depth_max) + 1);
  return flatten_to(evaluator, at, input, &all);
}

Value by_itself(Evaluator& evaluator, const Node& at, const Value& input, Special what) {
  if (!input.is_array()) return evaluator.raise(at, describe(input) + " cannot be sorted, as it is not an array");
  return arrange(evaluator, at, what, input.items(), input.items());
}
Value sort(Evaluator& evaluator, const Node& at, const Value& input, const Value*) {
  return by_itself(evaluator, at, input, Special::sort_by);
}
Value unique(Evaluator& evaluator, const Node& at, const Value& input, const Value*) {
  return by_itself(evaluator, at, input, Special::unique_by);
}
Value smallest(Evaluator& evaluator, const Node& at, const Value& input, const Value*) {
  return by_itself(evaluator, at, input, Special::min_by);
}
Value largest(Evaluator& evaluator, const Node& at, const Value& input, const Value*) {
  return by_itself(evaluator, at, input, Special::max_by);
}

// What jq takes for an empty list where it only asks for the length.
bool has_no_length(const Value& value) {
  return value.is_null() || (value.is_number() ? value.as_double() == 0 : !value.is_bool() && value.size() == 0);
}

Value reverse(Evaluator& evaluator, const Node& at, const Value& input, const Value*) {
  if (has_no_length(input)) return Value::array();
  if (!input.is_array()) return evaluator.raise(at, "Cannot reverse " + describe(input));
  if (!evaluator.charge(at, input.size() / 8)) return {};
  std::vector<Value> items(input.items().rbegin(), input.items().rend());
  return Value::array(std::move(items));
}

Value transpose(Evaluator& evaluator, const Node& at, const Value& input, const Value*) {
  if (!input.is_array()) return evaluator.raise(at, "Cannot transpose " + describe(input));
  std::size_t width = 0;
  for (const Value& row : input.items()) {
    if (!row.is_array() && !row.is_null())
      return evaluator.raise(at, "Cannot transpose a row that is " + describe(row));
    width = std::max(width, row.size());
  }
  if (!evaluator.charge(at, width * input.size()) || !evaluator.allow_bytes(at, width * input.size() * sizeof(Value)))
    return {};
  std::vector<Value> columns;
  for (std::size_t i = 0; i < width; ++i) {
    std::vector<Value> column;
    column.reserve(input.size());
    for (const Value& row : input.items()) column.push_back(i < row.size() ? row.items()[i] : Value());
    columns.push_back(Value::array(std::move(column)));
  }
  Value result = Value::array(std::move(columns));
  return evaluator.allow_value(at, result) ? result : Value();
}

Value combinations_of(Evaluator& evaluator, const Node& at, const std::vector<Value>& lists) {
  std::vector<Value> out;
  std::vector<std::size_t> chosen(lists.size(), 0);
  for (const Value& list : lists) {
    if (!list.is_array() && !list.is_object()) return evaluator.raise(at, "Cannot iterate over " + describe(list));
    if (list.size() == 0) return Value::array();
  }
  const auto member = [](const Value& list, std::size_t i) {
    return list.is_array() ? list.items()[i] : list.members()[i].second;
  };
  for (;;) {
    if (!evaluator.charge(at, 1 + lists.size())) return {};
    std::vector<Value> row;
    row.reserve(lists.size());
    for (std::size_t i = 0; i < lists.size(); ++i) row.push_back(member(lists[i], chosen[i]));
    out.push_back(Value::array(std::move(row)));
    if (!evaluator.allow_bytes(at, out.size() * sizeof(Value))) return {};
    std::size_t i = lists.size();
    while (i > 0 && ++chosen[i - 1] == lists[i - 1].size()) chosen[--i] = 0;
    if (i == 0) return Value::array(std::move(out));
  }
}
Value combinations(Evaluator& evaluator, const Node& at, const Value& input, const Value*) {
  if (!input.is_array() && !has_no_length(input)) return evaluator.raise(at, "Cannot combine " + describe(input));
  return combinations_of(evaluator, at, input.is_array() ? input.items() : std::vector<Value>());
}
Value combinations_n(Evaluator& evaluator, const Node& at, const Value& input, const Value* arguments) {
  if (!arguments[0].is_number()) return evaluator.raise(at, "combinations needs a number");
  const double n = std::max(0.0, arguments[0].as_double());
  if (n > 1000) return evaluator.raise(at, "combinations of more than 1000 are not supported");
  return combinations_of(evaluator, at, std::vector<Value>(static_cast<std::size_t>(n), input));
}

Value search_sorted(Evaluator& evaluator, const Node& at, const Value& input, const Value* arguments) {
  if (has_no_length(input)) return -1;
  if (!input.is_array()) return evaluator.raise(at, describe(input) + " cannot be searched from");
  if (!evaluator.charge_reading(at, arguments[0])) return {};
  const auto& items = input.items();
  const auto found = std::lower_bound(items.begin(), items.end(), arguments[0],
                                      [](const Value& a, const Value& b) { return Value::compare(a, b) < 0; });
  const auto i = static_cast<std::int64_t>(found - items.begin());
  return found != items.end() && *found == arguments[0] ? i : -1 - i;
}

Value to_array(Evaluator&, const Node&, const Value& input, const Value*) {
  return input.is_array() ? input : Value::array({input});
}

Value set_path_function(Evaluator& evaluator, const Node& at, const Value& input, const Value* arguments) {
  if (!arguments[0].is_array()) return evaluator.raise(at, "Path must be specified as an array");
  Value root = input;
  return set_path(evaluator, at, root, arguments[0].items(), arguments[1]) ? root : Value();
}
Value delete_paths_function(Evaluator& evaluator, const Node& at, const Value& input, const Value* arguments) {
  if (!arguments[0].is_array()) return evaluator.raise(at, "Paths must be specified as an array");
  return delete_paths(evaluator, at, input, arguments[0].items());
}

// [path, leaf] pairs and the closing [path] of each container that has members.
bool stream(Evaluator& evaluator, const Node& at, const Value& value, std::vector<Value>& path,
            std::vector<Value>& out) {
  if (!evaluator.charge(at, 1 + path.size() / 4)) return false;
  if (value.size() == 0 || !(value.is_array() || value.is_object())) {
    out.push_back(Value::array({Value::array(path), value}));
    return evaluator.allow_bytes(at, out.size() * sizeof(Value));
  }
  path.emplace_back();
  for (std::size_t i = 0; i < value.size(); ++i) {
    path.back() = value.is_array() ? Value(static_cast<std::int64_t>(i)) : value.members()[i].first;
    const Value& member = value.is_array() ? value.items()[i] : value.members()[i].second;
    if (!stream(evaluator, at, member, path, out)) return false;
  }
  out.push_back(Value::array({Value::array(path)}));
  path.pop_back();
  return true;
}
Value to_stream(Evaluator& evaluator, const Node& at, const Value& input, const Value*) {
  std::vector<Value> path;
  std::vector<Value> out;
  return stream(evaluator, at, input, path, out) ? Value::array(std::move(out)) : Value();
}

Value type(Evaluator&, const Node&, const Value& input, const Value*) {
  static const std::array<Value, 6> k_names = {Value("null"),   Value("boolean"), Value("number"),
                                               Value("string"), Value("array"),   Value("object")};
  const auto i = static_cast<std::size_t>(input.type());
  return k_names[i <= 2 ? i : i - 1];
}
Value logical_not(Evaluator&, const Node&, const Value& input, const Value*) { return Value(!input.truthy()); }

// first, last, nth(n) of an array are plain accesses.
Value builtins(Evaluator&, const Node&, const Value&, const Value*) {
  std::vector<Value> names;
  for (const std::string& name : all_function_names()) {
    if (name.front() != '_') names.emplace_back(name);
  }
  return Value::array(std::move(names));
}

constexpr NativeFunction k_functions[] = {
    {"length", 0, length},
    {"keys", 0, keys},
    {"keys_unsorted", 0, keys_unsorted},
    {"has", 1, has},
    {"in", 1, in},
    {"contains", 1, contains},
    {"inside", 1, inside},
    {"add", 0, sum},
    {"flatten", 0, flatten},
    {"flatten", 1, flatten_to},
    {"sort", 0, sort},
    {"unique", 0, unique},
    {"min", 0, smallest},
    {"max", 0, largest},
    {"reverse", 0, reverse},
    {"transpose", 0, transpose},
    {.name = "combinations", .arity = 0, .builtin = combinations, .each = true},
    {.name = "combinations", .arity = 1, .builtin = combinations_n, .each = true},
    {"bsearch", 1, search_sorted},
    {"to_entries", 0, to_entries},
    {"from_entries", 0, from_entries},
    {"toarray", 0, to_array},
    {"setpath", 2, set_path_function},
    {"delpaths", 1, delete_paths_function},
    {.name = "tostream", .arity = 0, .builtin = to_stream, .each = true},
    {"type", 0, type},
    {"not", 0, logical_not},
    {"builtins", 0, builtins},
};

}  // namespace

std::span<const NativeFunction> collection_functions() { return k_functions; }

Value arrange(Evaluator& evaluator, const Node& at, Special what, const std::vector<Value>& items,
              const std::vector<Value>& keys) {
  // The keys are read about log n times.
  std::uint64_t reading = items.size();
  for (const Value& key : keys) reading += key.footprint() / 64;
  std::uint64_t passes = 1;
  for (std::size_t n = items.size(); n > 1; n /= 2) ++passes;
  if (what == Special::min_by || what == Special::max_by) passes = 1;
  if (!evaluator.charge(at, reading * (1 + passes / 8))) return {};
  const auto below = [&keys](std::size_t a, std::size_t b) { return Value::compare(keys[a], keys[b]) < 0; };
  if (what == Special::min_by || what == Special::max_by) {
    std::size_t best = 0;
    for (std::size_t i = 1; i < items.size(); ++i) {
      if (what == Special::min_by ? below(i, best) : !below(i, best)) best = i;
    }
    return items.empty() ? Value() : items[best];
  }
  std::vector<std::size_t> order(items.size());
  std::iota(order.begin(), order.end(), 0U);
  std::stable_sort(order.begin(), order.end(), below);
  std::vector<Value> out;
  for (std::size_t i = 0; i < order.size(); ++i) {
    const bool new_group = i == 0 || below(order[i - 1], order[i]);
    const Value& item = items[order[i]];
    if (what == Special::group_by) {
      if (new_group) out.push_back(Value::array());
      out.back().push_back(item);
    } else if (what == Special::sort_by || new_group) {
      out.push_back(item);
    }
  }
  return Value::array(std::move(out));
}

Value to_entries(Evaluator& evaluator, const Node& at, const Value& input, const Value*) {
  static const Value k_key("key");
  static const Value k_value("value");
  if (!input.is_array() && !input.is_object()) return evaluator.raise(at, describe(input) + " has no keys");
  if (!evaluator.charge(at, input.size())) return {};
  std::vector<Value> entries;
  entries.reserve(input.size());
  for (std::size_t i = 0; i < input.size(); ++i) {
    std::vector<Value::Member> entry;
    entry.reserve(2);
    const bool list = input.is_array();
    entry.emplace_back(k_key, list ? Value(static_cast<std::int64_t>(i)) : input.members()[i].first);
    entry.emplace_back(k_value, list ? input.items()[i] : input.members()[i].second);
    entries.push_back(Value::object(std::move(entry)));
  }
  Value result = Value::array(std::move(entries));
  return evaluator.allow_value(at, result) ? result : Value();
}

Value from_entries(Evaluator& evaluator, const Node& at, const Value& input, const Value*) {
  if (!input.is_array() && !input.is_object()) { return evaluator.raise(at, "Cannot iterate over " + describe(input)); }
  if (!evaluator.charge(at, input.size())) return {};
  std::vector<Value::Member> members;
  for (std::size_t i = 0; i < input.size(); ++i) {
    const Value& entry = input.is_array() ? input.items()[i] : input.members()[i].second;
    if (!entry.is_object()) {
      return evaluator.raise(at, "Cannot index " + std::string(type_name(entry)) + " with string \"key\"");
    }
    const auto any_of = [&entry](std::initializer_list<std::string_view> names) {
      const Value* last = nullptr;
      for (const std::string_view name : names) {
        last = entry.find(name);
        if (last != nullptr && last->truthy()) return *last;
      }
      return last == nullptr ? Value() : *last;
    };
    Value key = any_of({"key", "Key", "name", "Name"});
    if (const Value* first = entry.find("key"); key.is_null() && first != nullptr) key = *first;
    if (key.is_number() || key.is_bool()) key = Value(to_text(key));
    if (!key.is_string()) return evaluator.raise(at, "Cannot use " + describe(key) + " as object key");
    const Value* value = entry.find("value");
    if (value == nullptr) value = entry.find("Value");
    members.emplace_back(std::move(key), value == nullptr ? Value() : *value);
  }
  Value result = Value::object(std::move(members));
  return evaluator.allow_value(at, result) ? result : Value();
}

}  // namespace perdure::expr
