// Schemas themselves: whether they make sense, and the defaults they give.
#include <re2/re2.h>

#include <algorithm>
#include <cmath>

#include "plan/json_schema.h"
#include "plan/schema_format.h"

namespace perdure::plan {
namespace {

constexpr std::string_view k_types[] = {"null", "boolean", "number", "integer", "string", "array", "object"};
constexpr std::string_view k_schemas[] = {
    "additionalProperties", "propertyNames", "contains", "not", "if", "then", "else"};
constexpr std::string_view k_schema_lists[] = {"allOf", "anyOf", "oneOf", "prefixItems"};
constexpr std::string_view k_schema_maps[] = {"properties", "patternProperties", "$defs", "definitions",
                                              "dependentSchemas"};
constexpr std::string_view k_numbers[] = {"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"};
constexpr std::string_view k_sizes[] = {"minLength", "maxLength",     "minItems",
                                        "maxItems",  "minProperties", "maxProperties"};

class SchemaCheck {
 public:
  SchemaCheck(const Value& root, const SchemaLimits& limits) : root_(root), limits_(limits) {}
  std::vector<SchemaError> run() {
    schema(root_, "");
    return std::move(errors_);
  }

 private:
  void error(const std::string& at, std::string message) {
    if (errors_.size() < limits_.errors) errors_.push_back({at, std::move(message)});
  }

  static std::string under(const std::string& at, std::string_view token) {
    std::string deeper = at;
    append_pointer(deeper, token);
    return deeper;
  }

  void schema(const Value& s, const std::string& at) {
    if (s.is_bool() || too_much(at)) return;
    if (!s.is_object()) return error(at, "must be a schema: an object, true or false");
    ++depth_;
    types(s, at);
    values(s, at);
    for (const std::string_view key : k_schemas)
      if (const Value* sub = s.find(key); sub != nullptr) schema(*sub, under(at, key));
    for (const std::string_view key : k_schema_lists)
      if (const Value* sub = s.find(key); sub != nullptr) list(*sub, under(at, key));
    for (const std::string_view key : k_schema_maps)
      if (const Value* sub = s.find(key); sub != nullptr) map(*sub, under(at, key), key);
    if (const Value* items = s.find("items"); items != nullptr) {
      if (items->is_array()) list(*items, under(at, "items"));
      else schema(*items, under(at, "items"));
    }
    --depth_;
  }

  bool too_much(const std::string& at) {
    if (++work_ <= limits_.work && depth_ < limits_.depth) return false;
    if (!exhausted_) error(at, "nests too deeply or is too large");
    exhausted_ = true;
    return true;
  }

  void list(const Value& l, const std::string& at) {
    if (!l.is_array()) return error(at, "must be an array of schemas");
    for (std::size_t i = 0; i < l.size() && !exhausted_; ++i) schema(l.at(i), under(at, std::to_string(i)));
  }

  void map(const Value& m, const std::string& at, std::string_view key) {
    if (!m.is_object()) return error(at, "must be an object of schemas");
    for (const auto& [name, sub] : m.members()) {
      if (exhausted_) return;
      if (key == "patternProperties") pattern(name, under(at, name.as_string()));
      schema(sub, under(at, name.as_string()));
    }
  }

  void types(const Value& s, const std::string& at) {
    const Value* type = s.find("type");
    if (type == nullptr) return;
    const auto known = [](const Value& t) {
      return t.is_string() && std::find(std::begin(k_types), std::end(k_types), t.as_string()) != std::end(k_types);
    };
    const bool good = type->is_array()
                          ? !type->items().empty() && std::all_of(type->items().begin(), type->items().end(), known)
                          : known(*type);
    if (!good) error(under(at, "type"), "must be null, boolean, number, integer, string, array or object");
  }

  void values(const Value& s, const std::string& at) {
    for (const std::string_view key : k_numbers) {
      if (const Value* n = s.find(key); n != nullptr && !n->is_number()) error(under(at, key), "must be a number");
    }
    for (const std::string_view key : k_sizes) {
      const Value* n = s.find(key);
      if (n != nullptr && (!is_of_type(*n, "integer") || n->as_double() < 0))
        error(under(at, key), "must be a whole number, zero or more");
    }
    if (const Value* all = s.find("enum"); all != nullptr && (!all->is_array() || all->items().empty()))
      error(under(at, "enum"), "must be an array of values");
    if (const Value* names = s.find("required"); names != nullptr) {
      const bool good = names->is_array() && std::all_of(names->items().begin(), names->items().end(),
                                                         [](const Value& n) { return n.is_string(); });
      if (!good) error(under(at, "required"), "must be an array of names");
    }
    if (const Value* p = s.find("pattern"); p != nullptr) pattern(*p, under(at, "pattern"));
    if (const Value* ref = s.find("$ref"); ref != nullptr) {
      if (!ref->is_string() || find_reference(root_, ref->as_string()) == nullptr) {
        error(under(at, "$ref"), "must point into this document, like #/$defs/name");
      }
    }
  }

  void pattern(const Value& p, const std::string& at) {
    if (!p.is_string()) return error(at, "must be a regular expression");
    const auto re = compile_pattern(p.as_string());
    if (!re->ok()) error(at, "is not a regular expression of RE2: " + re->error());
  }

  const Value& root_;
  const SchemaLimits& limits_;
  std::vector<SchemaError> errors_;
  std::size_t work_ = 0, depth_ = 0;
  bool exhausted_ = false;
};

class Defaults {
 public:
  Defaults(const Value& root, const SchemaLimits& limits) : root_(root), limits_(limits) {}

  Value fill(const Value& schema, Value v) {
    if (!schema.is_object() || ++work_ > limits_.work || depth_ >= limits_.depth) return v;
    ++depth_;
    if (const Value* ref = schema.find("$ref"); ref != nullptr && ref->is_string()) {
      if (const Value* target = find_reference(root_, ref->as_string()); target != nullptr)
        v = fill(*target, std::move(v));
    }
    if (const Value* all = schema.find("allOf"); all != nullptr && all->is_array())
      for (const Value& s : all->items()) v = fill(s, std::move(v));
    if (v.is_object()) v = members(schema, std::move(v));
    if (const Value* items = schema.find("items"); items != nullptr && items->is_object() && v.is_array()) {
      for (std::size_t i = 0; i < v.size(); ++i) {
        Value filled = fill(*items, v.at(i));
        if (!(filled == v.at(i))) v.set_at(i, std::move(filled));
      }
    }
    --depth_;
    return v;
  }

 private:
  Value members(const Value& schema, Value v) {
    const Value* properties = schema.find("properties");
    if (properties == nullptr || !properties->is_object()) return v;
    for (const auto& [name, sub] : properties->members()) {
      const Value* present = v.find(name.as_string());
      const Value* given = sub.find("default");
      if (present == nullptr && given == nullptr) continue;
      Value filled = fill(sub, present != nullptr ? *present : *given);
      if (present == nullptr || !(filled == *present)) v.set(name.as_string(), std::move(filled));
    }
    return v;
  }

  const Value& root_;
  const SchemaLimits& limits_;
  std::size_t work_ = 0, depth_ = 0;
};

}  // namespace

std::vector<SchemaError> check_schema(const Value& schema, const SchemaLimits& limits) {
  if (schema.is_null()) return {};
  return SchemaCheck(schema, limits).run();
}

Value fill_defaults(const Value& schema, const Value& instance, const SchemaLimits& limits) {
  return Defaults(schema, limits).fill(schema, instance);
}

std::string to_string(const SchemaError& error, std::string_view what) {
  std::string out(what);
  for (std::size_t at = 0; at < error.pointer.size();) {
    const std::size_t end = std::min(error.pointer.find('/', at + 1), error.pointer.size());
    std::string token;
    for (std::size_t i = at + 1; i < end; ++i) {
      const bool escaped = error.pointer[i] == '~' && i + 1 < end;
      token.push_back(escaped ? (error.pointer[++i] == '1' ? '/' : '~') : error.pointer[i]);
    }
    const bool index = !token.empty() && token.find_first_not_of("0123456789") == std::string::npos;
    out.append(index ? "[" : ".").append(token).append(index ? "]" : "");
    at = end;
  }
  return out + " " + error.message;
}

}  // namespace perdure::plan
