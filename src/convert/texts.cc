#include "convert/texts.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/json.h"

namespace perdure::convert {
namespace {

bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
bool is_word(char c) { return is_letter(c) || (c >= '0' && c <= '9'); }
bool is_space(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

bool is_identifier(std::string_view text) {
  return !text.empty() && is_letter(text.front()) && std::all_of(text.begin(), text.end(), is_word);
}

}  // namespace

std::string one_line(std::string_view jq) {
  std::string out;
  std::vector<char> open;  // '"' in a string, '(' in its \( )
  for (std::size_t i = 0; i < jq.size(); ++i) {
    const char c = jq[i];
    if (!open.empty() && open.back() == '"') {
      if (c == '\n') {
        out += "\\n";
        continue;
      }
      out.push_back(c);
      if (c == '"') open.pop_back();
      if (c != '\\' || i + 1 >= jq.size()) continue;
      out.push_back(jq[++i]);
      if (jq[i] == '(') open.push_back('(');
      continue;
    }
    if (c == '#') {
      while (i + 1 < jq.size() && jq[i + 1] != '\n') ++i;
      continue;
    }
    if (is_space(c)) {
      if (!out.empty() && out.back() != ' ') out.push_back(' ');
      continue;
    }
    if (c == '"') open.push_back('"');
    if (c == '(' && !open.empty()) open.push_back('(');
    if (c == ')' && !open.empty()) open.pop_back();
    out.push_back(c);
  }
  while (!out.empty() && out.back() == ' ') out.pop_back();
  return out;
}

bool is_path(std::string_view jq) {
  if (jq.empty() || jq.front() != '.') return false;
  std::size_t i = 0;
  while (i < jq.size()) {
    if (jq[i] == '.' && i + 1 < jq.size() && is_letter(jq[i + 1])) {
      ++i;
      while (i < jq.size() && is_word(jq[i])) ++i;
      continue;
    }
    const bool dotted = jq[i] == '.' && i + 1 < jq.size() && jq[i + 1] == '[';
    if (jq[i] != '[' && !dotted) return false;
    i += dotted ? 2 : 1;
    const std::size_t end = jq.find(']', i);
    if (end == std::string_view::npos || end == i) return false;
    const std::string_view inner = jq.substr(i, end - i);
    const bool number = std::all_of(inner.begin(), inner.end(), [](char c) { return c >= '0' && c <= '9'; });
    const bool key = inner.size() >= 2 && inner.front() == '"' && inner.back() == '"' &&
                     inner.substr(1, inner.size() - 2).find_first_of("\"\\") == std::string_view::npos;
    if (!number && !key) return false;
    i = end + 1;
  }
  return true;
}

bool mentions(std::string_view jq, std::string_view word) {
  for (std::size_t at = jq.find(word); at != std::string_view::npos; at = jq.find(word, at + 1)) {
    const bool begins = at == 0 || word.front() == '$' || !is_word(jq[at - 1]);
    const std::size_t end = at + word.size();
    if (begins && (end == jq.size() || !is_word(jq[end]))) return true;
  }
  return false;
}

std::string as_term(const std::string& jq) {
  const bool variable = jq.starts_with('$') && (is_identifier(std::string_view(jq).substr(1)) || [&] {
                          const std::size_t end = jq.find_first_of(".[");
                          return end != std::string::npos && is_identifier(std::string_view(jq).substr(1, end - 1)) &&
                                 is_path((jq[end] == '[' ? "." : "") + jq.substr(end));
                        }());
  return variable || jq == "." || is_path(jq) || jq == "null" ? jq : "(" + jq + ")";
}

std::string piped(const std::string& first, const std::string& second) {
  if (first == ".") return second;
  if (second == ".") return first;
  const bool joins = as_term(first) == first && first != "null" && is_path(second);
  if (joins) return first + (second.starts_with(".[") ? second.substr(1) : second);
  return first + " | " + second;
}

std::string quoted(std::string_view text) { return perdure::to_json(Value(text)); }

std::string member(const std::string& of, std::string_view key) {
  static constexpr std::string_view k_reserved[] = {"and",    "or",      "not",   "if",     "then",    "elif",
                                                    "else",   "end",     "as",    "def",    "try",     "catch",
                                                    "reduce", "foreach", "label", "import", "include", "__loc__"};
  const bool simple =
      is_identifier(key) && std::find(std::begin(k_reserved), std::end(k_reserved), key) == std::end(k_reserved);
  if (simple) return (of == "." ? "" : of) + "." + std::string(key);
  return of + "[" + quoted(key) + "]";
}

std::string wrapped(std::string_view jq) { return "${ " + std::string(jq) + " }"; }

std::string literal(std::string_view text) {
  std::string out(text);
  for (std::size_t at = out.find("${"); at != std::string::npos; at = out.find("${", at + 3)) out.insert(at, "$");
  return out;
}

std::string iso_duration(DurationMs ms) {
  const DurationMs days = ms / 86'400'000, hours = ms / 3'600'000 % 24, minutes = ms / 60'000 % 60;
  const DurationMs seconds = ms / 1000 % 60, rest = ms % 1000;
  std::string out = "P";
  if (days > 0) out += fmt::format("{}D", days);
  if (ms % 86'400'000 == 0 && days > 0) return out;
  out += "T";
  if (hours > 0) out += fmt::format("{}H", hours);
  if (minutes > 0) out += fmt::format("{}M", minutes);
  if (rest > 0) out += fmt::format("{}.{:03}S", seconds, rest);
  else if (seconds > 0 || out == "PT") out += fmt::format("{}S", seconds);
  return out;
}

std::string short_duration(DurationMs ms) {
  if (ms % 1000 != 0 || ms == 0) return fmt::format("{}ms", ms);
  if (ms % 86'400'000 == 0) return fmt::format("{}d", ms / 86'400'000);
  if (ms % 3'600'000 == 0) return fmt::format("{}h", ms / 3'600'000);
  if (ms % 60'000 == 0) return fmt::format("{}m", ms / 60'000);
  return fmt::format("{}s", ms / 1000);
}

}  // namespace perdure::convert
