#include "activity/http/openapi_parameters.h"

#include <algorithm>
#include <functional>

#include "activity/http/url.h"
#include "activity/outcome.h"
#include "base/json.h"

namespace perdure::activity {
namespace {

constexpr std::size_t k_reference_bytes_max = 4096;

int hex(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// One step of a JSON pointer in a URI fragment.
std::string unescaped(std::string_view step) {
  std::string plain;
  for (std::size_t i = 0; i < step.size(); ++i) {
    const bool coded = step[i] == '%' && i + 2 < step.size() && hex(step[i + 1]) >= 0 && hex(step[i + 2]) >= 0;
    plain.push_back(coded ? static_cast<char>(hex(step[i + 1]) * 16 + hex(step[i + 2])) : step[i]);
    if (coded) i += 2;
  }
  std::string out;
  for (std::size_t i = 0; i < plain.size(); ++i) {
    const bool tilde = plain[i] == '~' && i + 1 < plain.size() && (plain[i + 1] == '0' || plain[i + 1] == '1');
    out.push_back(!tilde ? plain[i] : plain[++i] == '0' ? '~' : '/');
  }
  return out;
}

const Value* pointed(const Value& root, std::string_view pointer) {  // "/a/b"
  const Value* at = &root;
  while (at != nullptr && !pointer.empty()) {
    pointer.remove_prefix(1);
    const std::size_t end = std::min(pointer.find('/'), pointer.size());
    at = at->find(unescaped(pointer.substr(0, end)));
    pointer.remove_prefix(end);
  }
  return at;
}

std::string text_member(const Value& value, std::string_view name) {
  const Value* found = value.find(name);
  return found != nullptr && found->is_string() ? std::string(found->as_string()) : std::string();
}

// How lists and objects are written.
struct Style {
  bool repeat = false;  // each item and member by itself
  bool deep = false;    // name[member]=value
  bool equals = false;  // member=value between separators
  char separator = ',';
};

Result<Style> swagger_style(const Parameter& p) {
  const std::string format = text_member(*p.definition, "collectionFormat");
  if (format == "multi") return Style{.repeat = true};
  if (format == "ssv") return Style{.separator = ' '};
  if (format == "tsv") return Style{.separator = '\t'};
  if (format == "pipes") return Style{.separator = '|'};
  return Style{};
}

Result<Style> style_of(const Parameter& p) {
  if (p.definition->find("collectionFormat") != nullptr || p.definition->find("type") != nullptr)
    return swagger_style(p);
  const bool in_query = p.in == "query" || p.in == "cookie";
  std::string style = text_member(*p.definition, "style");
  if (style.empty()) style = in_query ? "form" : "simple";
  const Value* told = p.definition->find("explode");
  const bool explode = told != nullptr && told->is_bool() ? told->as_bool() : style == "form";
  if (style == "simple" && !in_query) return Style{.equals = explode};
  if (style == "deepObject" && in_query) return Style{.repeat = true, .deep = true};
  if (style == "form" && in_query) return Style{.repeat = explode};
  if (style == "spaceDelimited" && in_query) return Style{.repeat = explode, .separator = ' '};
  if (style == "pipeDelimited" && in_query) return Style{.repeat = explode, .separator = '|'};
  return fail(ErrorCode::invalid, "has the style '" + head(valid_utf8(style), 64) + "', which is not supported");
}

std::string encoded(std::string_view text, Encoding encoding) {
  return encoding == Encoding::percent ? percent_encoded(text) : std::string(text);
}

// A value's parts, flat: items without a name, members with theirs.
Result<TextPairs> parts_of(const Value& value) {
  TextPairs parts;
  const auto add = [&parts](std::string name, const Value& part) -> Status {
    if (part.is_null()) return {};
    auto text = scalar_text(part);
    if (!text) return fail(ErrorCode::invalid, "can't be written: there is a list or object within it");
    parts.emplace_back(std::move(name), *std::move(text));
    return {};
  };
  if (value.is_array()) {
    for (const Value& item : value.items()) PERDURE_TRY_VOID(add({}, item));
  } else if (value.is_object()) {
    for (const auto& [name, member] : value.members()) PERDURE_TRY_VOID(add(std::string(name.as_string()), member));
  } else {
    PERDURE_TRY_VOID(add({}, value));
  }
  return parts;
}

std::string joined(const TextPairs& parts, const Style& style, Encoding encoding) {
  const std::string separator = style.separator == ',' ? "," : encoded(std::string(1, style.separator), encoding);
  std::string out;
  bool first = true;
  for (const auto& [name, text] : parts) {
    if (!first) out += separator;
    first = false;
    if (!name.empty()) out += encoded(name, encoding) + (style.equals ? "=" : separator);
    out += encoded(text, encoding);
  }
  return out;
}

// A value described by a media type instead of a schema.
bool has_content(const Parameter& p) { return p.definition->find("content") != nullptr; }

bool is_json_type(std::string_view type) {
  return type == "application/json" || type == "text/json" || type.ends_with("+json") || type == "*/*" ||
         type == "application/*";
}
constexpr std::string_view k_form = "application/x-www-form-urlencoded";
constexpr std::string_view k_multipart = "multipart/form-data";

TextPairs form_fields(const Value& value) {
  TextPairs fields;
  const auto add = [&fields](const Value& name, const Value& field) {
    if (field.is_null()) return;
    const auto text = scalar_text(field);
    fields.emplace_back(std::string(name.as_string()), text ? *text : to_json(field));
  };
  for (const auto& [name, field] : value.members()) {
    if (!field.is_array()) add(name, field);
    else
      for (const Value& item : field.items()) add(name, item);
  }
  return fields;
}

Body form(const TextPairs& fields) {
  std::string text;
  for (const auto& [name, value] : fields)
    text += (text.empty() ? "" : "&") + percent_encoded(name) + "=" + percent_encoded(value);
  return {std::string(k_form), std::move(text)};
}

Body multipart(const TextPairs& fields) {
  // Made of the data, so that data can't be made to hold it.
  std::size_t hash = fields.size();
  for (const auto& field : fields) hash = hash * 31 + std::hash<std::string>()(field.second);
  std::string boundary;
  const auto taken = [&](const auto& field) { return field.second.find(boundary) != std::string::npos; };
  do boundary = "perdure-" + std::to_string(++hash);
  while (std::any_of(fields.begin(), fields.end(), taken));
  std::string text;
  for (const auto& [name, value] : fields)
    text += "--" + boundary + "\r\nContent-Disposition: form-data; name=\"" + percent_encoded(name) + "\"\r\n\r\n" +
            value + "\r\n";
  text += "--" + boundary + "--\r\n";
  return {std::string(k_multipart) + "; boundary=" + boundary, std::move(text)};
}

}  // namespace

Result<const Value*> References::follow(const Value& node) {
  const Value* at = &node;
  while (true) {
    const Value* reference = at->find("$ref");
    if (reference == nullptr || !reference->is_string()) return at;
    const std::string_view text = reference->as_string();
    const std::string shown = "'" + head(text, 100) + "'";
    if (!text.starts_with("#/") || text.size() > k_reference_bytes_max)
      return fail(ErrorCode::invalid, "refers to " + shown + ": only references within the document are followed");
    if (left_-- <= 0) return fail(ErrorCode::invalid, "has references in a circle, or too many: " + shown);
    at = pointed(root_, text.substr(1));
    if (at == nullptr) return fail(ErrorCode::invalid, "refers to " + shown + ", which is not there");
  }
}

Result<TextPairs> pairs_of(const Parameter& p, const Value& value, Encoding encoding) {
  const std::string name = encoded(p.name, encoding);
  if (has_content(p)) return TextPairs{{name, encoded(to_json(value), encoding)}};
  PERDURE_TRY(style, style_of(p));
  PERDURE_TRY(parts, parts_of(value));
  const bool one = !value.is_array() && !value.is_object();
  if (!one && !style.repeat) return TextPairs{{name, joined(parts, style, encoding)}};
  TextPairs pairs;
  for (const auto& [member, text] : parts) {
    const std::string inner = encoded(member, encoding);
    std::string key = !value.is_object() ? name : style.deep ? name + "[" + inner + "]" : inner;
    pairs.emplace_back(std::move(key), encoded(text, encoding));
  }
  return pairs;
}

Result<std::string> text_of(const Parameter& p, const Value& value, Encoding encoding) {
  if (has_content(p)) return encoded(to_json(value), encoding);
  PERDURE_TRY(style, style_of(p));
  PERDURE_TRY(parts, parts_of(value));
  return joined(parts, style, encoding);
}

Result<Body> body_of(const Value& value, const std::vector<std::string>& accepted) {
  const auto json = std::find_if(accepted.begin(), accepted.end(), is_json_type);
  if (json != accepted.end() || accepted.empty()) {
    const bool any = accepted.empty() || json->find('*') != std::string::npos;
    return Body{any ? "application/json" : *json, to_json(value)};
  }
  const auto has = [&](std::string_view type) {
    return std::find(accepted.begin(), accepted.end(), type) != accepted.end();
  };
  if (value.is_object() && has(k_form)) return form(form_fields(value));
  if (value.is_object() && has(k_multipart)) return multipart(form_fields(value));
  const std::string& type = accepted.front();
  if (type != k_form && type != k_multipart && value.is_string()) return Body{type, std::string(value.as_string())};
  return fail(ErrorCode::invalid, "can't be written as " + head(valid_utf8(type), 100) + "; give " +
                                      (type == k_form || type == k_multipart ? "an object" : "a text"));
}

}  // namespace perdure::activity
