// Fields of simple types.
#include <cmath>

#include "loaders/dialect.h"
#include "plan/json_schema.h"

namespace perdure::loaders {
namespace {

std::string_view type_of(const YamlNode& node) {
  if (node.type == YamlNode::Type::sequence) return "a list";
  if (node.type == YamlNode::Type::mapping) return "a mapping";
  const Value v = scalar_value(node);
  return v.is_null() ? "nothing" : v.is_bool() ? "a boolean" : v.is_number() ? "a number" : "a text";
}

std::string wants(std::string_view what, std::string_view type, const YamlNode& got) {
  return "`" + std::string(what) + "` takes " + std::string(type) + ", not " + std::string(type_of(got));
}

}  // namespace

std::optional<std::string> DialectReader::text(const YamlNode& node, std::string_view what) {
  if (node.type != YamlNode::Type::scalar || scalar_value(node).is_null()) {
    error(node, wants(what, "a text", node));
    return std::nullopt;
  }
  return std::string(node.text);
}

std::optional<bool> DialectReader::boolean(const YamlNode& node, std::string_view what) {
  if (node.type == YamlNode::Type::scalar) {
    if (const Value v = scalar_value(node); v.is_bool()) return v.as_bool();
    if (node.text == "yes" || node.text == "no" || node.text == "on" || node.text == "off") {
      error(node, wants(what, "true or false", node),
            node.text == "yes" || node.text == "on" ? "did you mean `true`?" : "did you mean `false`?");
      return std::nullopt;
    }
  }
  error(node, wants(what, "true or false", node));
  return std::nullopt;
}

std::optional<std::int64_t> DialectReader::integer(const YamlNode& node, std::string_view what, std::int64_t low,
                                                   std::int64_t high) {
  const Value v = node.type == YamlNode::Type::scalar ? scalar_value(node) : Value();
  if (!v.is_integer()) {
    error(node, wants(what, "a whole number", node));
    return std::nullopt;
  }
  if (v.as_int() < low || v.as_int() > high) {
    error(node, "`" + std::string(what) + "` must be from " + std::to_string(low) + " to " + std::to_string(high));
    return std::nullopt;
  }
  return v.as_int();
}

std::optional<double> DialectReader::real(const YamlNode& node, std::string_view what, double low) {
  const Value v = node.type == YamlNode::Type::scalar ? scalar_value(node) : Value();
  if (!v.is_number()) {
    error(node, wants(what, "a number", node));
    return std::nullopt;
  }
  if (!(v.as_double() >= low) || v.as_double() > 1e9) {
    error(node, "`" + std::string(what) + "` is out of range");
    return std::nullopt;
  }
  return v.as_double();
}

std::vector<const YamlNode*> DialectReader::name_list(const YamlNode& node, std::string_view what) {
  std::vector<const YamlNode*> names;
  const auto take = [&](const YamlNode& one) {
    if (one.type == YamlNode::Type::scalar && !scalar_value(one).is_null()) names.push_back(&one);
    else error(one, "`" + std::string(what) + "` takes a list of names, not " + std::string(type_of(one)));
  };
  if (node.type == YamlNode::Type::sequence) {
    for (std::size_t i = 0; i < tree_.size(node); ++i) take(tree_.item(node, i));
  } else if (node.type == YamlNode::Type::mapping || !scalar_value(node).is_null()) {
    take(node);
  }
  return names;
}

std::optional<std::size_t> DialectReader::choice(const YamlNode& node, std::string_view what,
                                                 std::initializer_list<std::string_view> choices) {
  const std::vector<std::string_view> all(choices);
  if (node.type == YamlNode::Type::scalar) {
    for (std::size_t i = 0; i < all.size(); ++i)
      if (node.text == all[i]) return i;
  }
  std::string list;
  for (const std::string_view c : all) list.append(list.empty() ? "" : ", ").append(c);
  error(node, "`" + std::string(what) + "` is one of " + list,
        node.type == YamlNode::Type::scalar ? did_you_mean(node.text, all) : "");
  return std::nullopt;
}

// A literal; numbers that JSON can't hold are refused where they stand.
Value DialectReader::value(const YamlNode& node) {
  if (node.type == YamlNode::Type::scalar) {
    std::string why;
    Value v = scalar_value(node, &why);
    if (!why.empty()) error(node, std::move(why));
    return v;
  }
  const bool sequence = node.type == YamlNode::Type::sequence;
  std::vector<Value> items;
  std::vector<Value::Member> members;
  for (std::size_t i = 0; i < tree_.size(node); ++i) {
    if (sequence) items.push_back(value(tree_.item(node, i)));
    else members.emplace_back(Value(tree_.key(node, i).text), value(tree_.value(node, i)));
  }
  return sequence ? Value::array(std::move(items)) : Value::object(std::move(members));
}

Value DialectReader::schema(const YamlNode& node, std::string_view what) {
  Value v = value(node);
  if (!v.is_object() && !v.is_bool()) {
    error(node, wants(what, "a JSON Schema (a mapping)", node));
    return {};
  }
  for (const plan::SchemaError& e : plan::check_schema(v)) {
    error(node, "`" + std::string(what) + "` is not a JSON Schema: " + plan::to_string(e, what));
  }
  return v;
}

Value DialectReader::budget(const YamlNode& node) {
  const Members m(*this, node, "budget", {"usd", "tokens", "on_exceed"});
  if (!m.valid()) return {};
  if (const YamlNode* n = m.get("usd"); n != nullptr) real(*n, "usd", 0);
  if (const YamlNode* n = m.get("tokens"); n != nullptr) integer(*n, "tokens", 0, INT64_MAX);
  if (const YamlNode* n = m.get("on_exceed"); n != nullptr) choice(*n, "on_exceed", {"fail", "pause", "fallback"});
  return value(node);
}

}  // namespace perdure::loaders
