#include "cli/input.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <optional>

#include "base/json.h"
#include "cli/text.h"

namespace perdure::cli {
namespace {

std::string shown(std::string_view text) { return clipped(printable(text), 60); }

// Where the key of key=value ends; none when the text is something else.
std::optional<std::size_t> key_end(const std::string& text) {
  const std::size_t equals = text.find('=');
  if (equals == std::string::npos || equals == 0) return std::nullopt;
  const auto first = static_cast<unsigned char>(text[0]);
  if (std::isalpha(first) == 0 && text[0] != '_') return std::nullopt;
  for (std::size_t i = 0; i < equals; ++i) {
    const auto c = static_cast<unsigned char>(text[i]);
    if (std::isalnum(c) == 0 && c != '_' && c != '-' && c != '.') return std::nullopt;
  }
  return equals;
}

std::vector<std::string> types_of(const Value* schema) {
  std::vector<std::string> types;
  const Value* type = schema ? schema->find("type") : nullptr;
  if (type && type->is_string()) types.emplace_back(type->as_string());
  if (type && type->is_array())
    for (const Value& one : type->items())
      if (one.is_string()) types.emplace_back(one.as_string());
  return types;
}

bool is_of(const Value& value, const std::string& type) {
  if (type == "integer") return value.is_integer();
  if (type == "number") return value.is_number();
  if (type == "boolean") return value.is_bool();
  if (type == "null") return value.is_null();
  if (type == "array") return value.is_array();
  if (type == "object") return value.is_object();
  return false;
}

}  // namespace

Result<Value> typed_value(std::string_view key, const std::string& text, const Value* schema) {
  const std::vector<std::string> types = types_of(schema);
  const Result<Value> parsed = parse_json(text);
  bool text_allowed = types.empty();
  for (const std::string& type : types) {
    if (type == "string") text_allowed = true;
    else if (parsed && is_of(*parsed, type)) return *parsed;
  }
  if (types.empty() && parsed) return *parsed;
  if (text_allowed) return Value(text);
  return fail(ErrorCode::invalid,
              fmt::format("input {} is '{}'; the workflow wants {} {}", key, shown(text),
                          types.front().find_first_of("aeio") == 0 ? "an" : "a", fmt::join(types, " or ")));
}

Result<Value> read_value(Io& io, std::string_view what, const std::string& given) {
  std::string text = given;
  std::string origin(what);
  if (given == "-") {
    PERDURE_TRY(read, io.read_input(k_payload_bytes_max));
    text = std::move(read);
    origin = "standard input";
  } else if (given.starts_with('@')) {
    PERDURE_TRY(read, read_file(given.substr(1), k_payload_bytes_max));
    text = std::move(read);
    origin = given.substr(1);
  }
  Result<Value> parsed = parse_json(text);
  if (!parsed)
    return fail(ErrorCode::invalid, fmt::format("{} is no JSON: {}; give JSON, @file, or - for standard input", origin,
                                                parsed.error().message));
  return parsed;
}

Result<Value> read_input(Io& io, const std::vector<std::string>& given, const Value& schema) {
  const std::vector<std::string> types = types_of(&schema);
  const bool wants_object = std::find(types.begin(), types.end(), "object") != types.end();
  std::optional<Value> document;
  std::vector<std::pair<std::string, std::string>> members;
  for (const std::string& text : given) {
    if (const auto end = key_end(text)) {
      members.emplace_back(text.substr(0, *end), text.substr(*end + 1));
      continue;
    }
    if (document)
      return fail(ErrorCode::invalid, "--input has two documents; give one, and key=value for what is to change in it");
    PERDURE_TRY(read, read_value(io, "--input", text));
    document = std::move(read);
  }
  if (members.empty()) return document ? *document : wants_object ? Value::object() : Value();

  Value input = document.value_or(Value::object());
  if (!input.is_object())
    return fail(ErrorCode::invalid, "--input is no object, so key=value can't be put into it; give an object");
  const Value* properties = schema.find("properties");
  std::vector<std::string> begun;  // arrays that key=value started
  for (const auto& [key, text] : members) {
    const Value* property = properties ? properties->find(key) : nullptr;
    const std::vector<std::string> wanted = types_of(property);
    const bool appends = wanted.size() == 1 && wanted[0] == "array" && !text.starts_with('[');
    if (appends) {
      PERDURE_TRY(item, typed_value(key, text, property->find("items")));
      const bool first = std::find(begun.begin(), begun.end(), key) == begun.end();
      if (first) begun.push_back(key);
      Value items = first ? Value::array() : input.take(key);
      items.push_back(std::move(item));
      input.set(key, std::move(items));
    } else {
      PERDURE_TRY(value, typed_value(key, text, property));
      input.set(key, std::move(value));
    }
  }
  return input;
}

}  // namespace perdure::cli
