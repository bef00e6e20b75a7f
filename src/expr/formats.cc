#include "expr/formats.h"

#include <array>
#include <cmath>

#include "base/json.h"
#include "expr/names.h"
#include "expr/operations.h"
#include "expr/utf8.h"

namespace perdure::expr {
namespace {

constexpr std::string_view k_base64 = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void append_base64(std::string_view text, std::string& out) {
  for (std::size_t i = 0; i < text.size(); i += 3) {
    std::uint32_t bits = 0;
    const std::size_t n = std::min<std::size_t>(3, text.size() - i);
    for (std::size_t j = 0; j < 3; ++j) { bits = (bits << 8) | (j < n ? static_cast<unsigned char>(text[i + j]) : 0U); }
    for (std::size_t j = 0; j < 4; ++j) out.push_back(j <= n ? k_base64[(bits >> (18 - 6 * j)) & 63] : '=');
  }
}

bool append_decoded(Evaluator& evaluator, const Node& at, const Value& value, std::string_view text, std::string& out) {
  std::string bytes;
  std::uint32_t bits = 0;
  int held = 0;
  std::size_t digits = 0;
  std::size_t i = 0;
  for (; i < text.size() && text[i] != '='; ++i, ++digits) {
    const std::size_t digit = k_base64.find(text[i]);
    if (digit == std::string_view::npos) break;
    bits = (bits << 6) | static_cast<std::uint32_t>(digit);
    held += 6;
    if (held >= 8) {
      held -= 8;
      bytes.push_back(static_cast<char>((bits >> held) & 0xFF));
    }
  }
  while (i < text.size() && text[i] == '=') ++i;
  if (i != text.size() || digits % 4 == 1) {
    evaluator.raise(at, describe(value) + " is not valid base64 data");
    return false;
  }
  out += to_valid_utf8(bytes);
  return true;
}

void append_html(std::string_view text, std::string& out) {
  for (const char c : text) {
    switch (c) {
      case '<': out += "&lt;"; break;
      case '>': out += "&gt;"; break;
      case '&': out += "&amp;"; break;
      case '\'': out += "&#39;"; break;
      case '"': out += "&quot;"; break;
      default: out.push_back(c);
    }
  }
}

void append_uri(std::string_view text, std::string& out) {
  static constexpr char k_digits[] = "0123456789ABCDEF";
  for (const char c : text) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       std::string_view("-_.!~*'()").find(c) != std::string_view::npos;
    if (plain) {
      out.push_back(c);
    } else {
      const auto byte = static_cast<unsigned char>(c);
      out.push_back('%');
      out.push_back(k_digits[byte >> 4]);
      out.push_back(k_digits[byte & 15]);
    }
  }
}

void append_quoted(std::string_view text, char quote, std::string_view escaped, std::string& out) {
  out.push_back(quote);
  for (const char c : text) {
    if (c == quote) out += escaped;
    else out.push_back(c);
  }
  out.push_back(quote);
}

void append_tsv(std::string_view text, std::string& out) {
  for (const char c : text) {
    switch (c) {
      case '\t': out += "\\t"; break;
      case '\n': out += "\\n"; break;
      case '\r': out += "\\r"; break;
      case '\\': out += "\\\\"; break;
      default: out.push_back(c);
    }
  }
}

bool append_row(Evaluator& evaluator, const Node& at, bool csv, const Value& row, std::string& out) {
  if (!row.is_array()) {
    evaluator.raise(at, describe(row) + " cannot be " + (csv ? "csv" : "tsv") + "-formatted, only an array can be");
    return false;
  }
  bool first = true;
  for (const Value& cell : row.items()) {
    if (!first) out.push_back(csv ? ',' : '\t');
    first = false;
    if (cell.is_string()) {
      if (csv) append_quoted(cell.as_string(), '"', "\"\"", out);
      else append_tsv(cell.as_string(), out);
    } else if (cell.is_number()) {
      if (!(cell.type() == Value::Type::real && std::isnan(cell.as_double()))) append_json(out, cell);
    } else if (cell.is_bool()) {
      out += cell.as_bool() ? "true" : "false";
    } else if (!cell.is_null()) {
      evaluator.raise(at, describe(cell) + " is not valid in a csv row");
      return false;
    }
  }
  return true;
}

bool append_shell(Evaluator& evaluator, const Node& at, const Value& value, std::string& out) {
  const auto one = [&](const Value& word) {
    if (word.is_array() || word.is_object()) {
      evaluator.raise(at, describe(word) + " can not be escaped for shell");
      return false;
    }
    if (word.is_string()) append_quoted(word.as_string(), '\'', "'\\''", out);
    else append_json(out, word);
    return true;
  };
  if (!value.is_array()) return one(value);
  for (std::size_t i = 0; i < value.size(); ++i) {
    if (i > 0) out.push_back(' ');
    if (!one(value.items()[i])) return false;
  }
  return true;
}

}  // namespace

bool find_format(std::string_view name, Format& format) {
  static constexpr std::array<std::string_view, 9> k_names = {"text", "json", "html",   "uri",    "csv",
                                                              "tsv",  "sh",   "base64", "base64d"};
  for (std::size_t i = 0; i < k_names.size(); ++i) {
    if (k_names[i] == name) {
      format = static_cast<Format>(i);
      return true;
    }
  }
  return false;
}

bool append_format(Evaluator& evaluator, const Node& at, Format format, const Value& value, std::string& out) {
  if (!evaluator.charge_reading(at, value) || !evaluator.allow_bytes(at, value.footprint() / 4)) return false;
  const auto text = [&value]() -> std::string { return to_text(value); };
  switch (format) {
    case Format::text:
      if (value.is_string()) out += value.as_string();
      else append_json(out, value);
      break;
    case Format::json: append_json(out, value); break;
    case Format::html: append_html(text(), out); break;
    case Format::uri: append_uri(text(), out); break;
    case Format::csv: return append_row(evaluator, at, true, value, out);
    case Format::tsv: return append_row(evaluator, at, false, value, out);
    case Format::sh: return append_shell(evaluator, at, value, out);
    case Format::base64: append_base64(text(), out); break;
    case Format::base64d: return append_decoded(evaluator, at, value, text(), out);
  }
  return evaluator.allow_bytes(at, out.size());
}

Value format_value(Evaluator& evaluator, const Node& at, Format format, const Value& value) {
  if (format == Format::text && value.is_string()) return value;
  std::string out;
  return append_format(evaluator, at, format, value, out) ? Value(std::string_view(out)) : Value();
}

}  // namespace perdure::expr
