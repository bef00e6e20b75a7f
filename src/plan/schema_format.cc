#include "plan/schema_format.h"

#include <re2/re2.h>

#include <algorithm>
#include <charconv>
#include <cmath>

#include "base/time.h"

namespace perdure::plan {
namespace {

constexpr std::int64_t k_pattern_memory_bytes = 1 << 20;

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_hex(char c) { return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'); }
bool is_alnum(char c) { return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

bool is_uuid(std::string_view text) {
  if (text.size() != 36) return false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool dash = i == 8 || i == 13 || i == 18 || i == 23;
    if (dash ? text[i] != '-' : !is_hex(text[i])) return false;
  }
  return true;
}

bool is_ipv4(std::string_view text) {
  for (int part = 0; part < 4; ++part) {
    const std::size_t end = std::min(text.find('.'), text.size());
    const std::string_view number = text.substr(0, end);
    int v = -1;
    if (number.empty() || number.size() > 3 || (number.size() > 1 && number[0] == '0')) return false;
    const auto [at, problem] = std::from_chars(number.data(), number.data() + number.size(), v);
    if (problem != std::errc() || at != number.data() + number.size() || v < 0 || v > 255) return false;
    if ((end == text.size()) != (part == 3)) return false;
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return true;
}

bool is_hostname(std::string_view text) {
  if (text.empty() || text.size() > 253) return false;
  std::size_t label = 0;
  char before = '.';
  for (const char c : text) {
    if (c == '.') {
      if (label == 0 || before == '-') return false;
      label = 0;
    } else if ((!is_alnum(c) && c != '-') || (c == '-' && label == 0) || ++label > 63) {
      return false;
    }
    before = c;
  }
  return label > 0 && before != '-';
}

bool is_email(std::string_view text) {
  const std::size_t at = text.find('@');
  if (at == std::string_view::npos || at == 0 || text.find('@', at + 1) != std::string_view::npos) return false;
  return text.find_first_of(" \t\r\n") == std::string_view::npos && is_hostname(text.substr(at + 1));
}

bool is_uri(std::string_view text) {
  const std::size_t colon = text.find(':');
  if (colon == std::string_view::npos || colon == 0 || colon + 1 == text.size() || is_digit(text[0])) return false;
  const std::string_view scheme = text.substr(0, colon);
  const bool good =
      std::all_of(scheme.begin(), scheme.end(), [](char c) { return is_alnum(c) || c == '+' || c == '-' || c == '.'; });
  return good && std::none_of(text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) <= 0x20; });
}

bool is_date(std::string_view text) { return text.size() == 10 && parse_timestamp(text).has_value(); }
bool is_date_time(std::string_view text) { return text.size() > 10 && parse_timestamp(text).has_value(); }

}  // namespace

bool is_of_type(const Value& v, std::string_view type) {
  if (type == "null") return v.is_null();
  if (type == "boolean") return v.is_bool();
  if (type == "number") return v.is_number();
  if (type == "integer") return v.is_integer() || (v.is_number() && v.as_double() == std::floor(v.as_double()));
  if (type == "string") return v.is_string();
  if (type == "array") return v.is_array();
  return type == "object" && v.is_object();
}

std::string_view type_name(const Value& v) {
  switch (v.type()) {
    case Value::Type::null: return "null";
    case Value::Type::boolean: return "boolean";
    case Value::Type::integer:
    case Value::Type::real: return "number";
    case Value::Type::string: return "string";
    case Value::Type::array: return "array";
    case Value::Type::object: return "object";
  }
  return "null";
}

std::string_view article(std::string_view type) {
  if (type == "null") return "null";
  if (type == "boolean") return "true or false";
  if (type == "number") return "a number";
  if (type == "integer") return "a whole number";
  if (type == "string") return "a string";
  if (type == "array") return "an array";
  if (type == "object") return "an object";
  return "of an unknown type";
}

bool fits_format(std::string_view format, std::string_view text) {
  if (format == "date-time") return is_date_time(text);
  if (format == "date") return is_date(text);
  if (format == "time")
    return is_date_time("2000-01-01T" + std::string(text)) || is_date_time("2000-01-01T" + std::string(text) + "Z");
  if (format == "duration") return text.starts_with('P') && parse_duration(text).has_value();
  if (format == "email") return is_email(text);
  if (format == "uri") return is_uri(text);
  if (format == "uuid") return is_uuid(text);
  if (format == "ipv4") return is_ipv4(text);
  if (format == "hostname") return is_hostname(text);
  return true;
}

std::string_view format_in_words(std::string_view format) {
  if (format == "date-time") return "a point in time like 2026-01-31T09:00:00Z";
  if (format == "date") return "a date like 2026-01-31";
  if (format == "time") return "a time like 09:00:00";
  if (format == "duration") return "a duration like PT5M";
  if (format == "email") return "an e-mail address";
  if (format == "uri") return "a URI like https://example.com/";
  if (format == "uuid") return "a UUID";
  if (format == "ipv4") return "an IPv4 address";
  return "a host name";
}

void append_pointer(std::string& pointer, std::string_view token) {
  pointer.push_back('/');
  for (const char c : token) {
    if (c == '~') pointer += "~0";
    else if (c == '/') pointer += "~1";
    else pointer.push_back(c);
  }
}

const Value* find_reference(const Value& root, std::string_view reference) {
  if (reference.empty() || reference[0] != '#') return nullptr;
  reference.remove_prefix(1);
  const Value* at = &root;
  while (!reference.empty()) {
    if (reference[0] != '/') return nullptr;
    reference.remove_prefix(1);
    const std::size_t end = std::min(reference.find('/'), reference.size());
    std::string token;
    for (std::size_t i = 0; i < end; ++i) {
      const bool escaped = reference[i] == '~' && i + 1 < end;
      token.push_back(escaped ? (reference[++i] == '1' ? '/' : '~') : reference[i]);
    }
    reference.remove_prefix(end);
    if (at->is_array()) {
      std::size_t index = 0;
      const auto [stop, problem] = std::from_chars(token.data(), token.data() + token.size(), index);
      if (problem != std::errc() || stop != token.data() + token.size() || index >= at->size()) return nullptr;
      at = &at->at(index);
    } else {
      at = at->find(token);
      if (at == nullptr) return nullptr;
    }
  }
  return at;
}

std::unique_ptr<re2::RE2> compile_pattern(std::string_view pattern) {
  RE2::Options options;
  options.set_log_errors(false);
  options.set_max_mem(k_pattern_memory_bytes);
  return std::make_unique<RE2>(re2::StringPiece(pattern.data(), pattern.size()), options);
}

}  // namespace perdure::plan
