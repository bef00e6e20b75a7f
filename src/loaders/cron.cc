#include "loaders/cron.h"

#include <array>
#include <charconv>
#include <vector>

namespace perdure::loaders {
namespace {

struct Field {
  std::string_view name;
  int low, high;
  std::string_view words;  // three letters each, the first means `low`
};
constexpr std::array<Field, 5> k_fields{{{"minute", 0, 59, ""},
                                         {"hour", 0, 23, ""},
                                         {"day of the month", 1, 31, ""},
                                         {"month", 1, 12, "JANFEBMARAPRMAYJUNJULAUGSEPOCTNOVDEC"},
                                         {"day of the week", 0, 7, "SUNMONTUEWEDTHUFRISAT"}}};

std::vector<std::string_view> split(std::string_view text, char at) {
  std::vector<std::string_view> parts;
  for (;;) {
    const std::size_t end = text.find(at);
    parts.push_back(text.substr(0, end));
    if (end == std::string_view::npos) return parts;
    text.remove_prefix(end + 1);
  }
}

std::optional<int> number(std::string_view text, const Field& field) {
  int v = 0;
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), v);
  if (problem == std::errc() && end == text.data() + text.size() && !text.empty()) return v;
  std::string upper(text);
  for (char& c : upper)
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
  if (upper.size() != 3) return std::nullopt;
  for (std::size_t i = 0; i < field.words.size(); i += 3)
    if (field.words.substr(i, 3) == upper) return field.low + static_cast<int>(i / 3);
  return std::nullopt;
}

// `*`, `5`, `1-5`, each with `/2` or without.
bool is_part(std::string_view part, const Field& field) {
  const std::vector<std::string_view> by_step = split(part, '/');
  if (by_step.size() > 2) return false;
  if (by_step.size() == 2) {
    const auto step = number(by_step[1], {"step", 1, 1'000, ""});
    if (!step || *step < 1 || *step > field.high) return false;
  }
  if (by_step[0] == "*") return true;
  const std::vector<std::string_view> range = split(by_step[0], '-');
  if (range.size() > 2) return false;
  int last = field.low;
  for (const std::string_view end : range) {
    const auto v = number(end, field);
    if (!v || *v < last || *v > field.high) return false;
    last = *v;
  }
  return true;
}

}  // namespace

std::optional<std::string> cron_mistake(std::string_view text) {
  for (const char* named : {"@yearly", "@monthly", "@weekly", "@daily", "@hourly"})
    if (text == named) return std::nullopt;
  if (text.starts_with('@')) return "it is one of @yearly, @monthly, @weekly, @daily, @hourly";
  std::vector<std::string_view> fields;
  for (const std::string_view part : split(text, ' '))
    if (!part.empty()) fields.push_back(part);
  if (fields.size() != k_fields.size())
    return "it has " + std::to_string(fields.size()) +
           " fields instead of five: minute, hour, day of the month, month, day of the week";
  for (std::size_t i = 0; i < fields.size(); ++i) {
    for (const std::string_view part : split(fields[i], ',')) {
      if (is_part(part, k_fields[i])) continue;
      return "`" + std::string(part.substr(0, 40)) + "` is no " + std::string(k_fields[i].name) + " (" +
             std::to_string(k_fields[i].low) + " to " + std::to_string(k_fields[i].high) + ")";
    }
  }
  return std::nullopt;
}

}  // namespace perdure::loaders
