#include "loaders/patterns.h"

#include <algorithm>

namespace perdure::loaders {
namespace {

constexpr std::string_view k_order[] = {
    "sequential", "fan_out_fan_in", "map_reduce",      "retry_fallback",         "saga",
    "approval",   "event_driven",   "research_report", "review_fix_test_deploy", "provisioning"};

std::string_view member(std::string_view text, std::string_view key) {
  const std::size_t at = text.find("\n" + std::string(key) + ": ");
  if (at == std::string_view::npos) return {};
  const std::size_t from = at + key.size() + 3;
  return text.substr(from, text.find('\n', from) - from);
}

std::vector<Pattern> make() {
  std::vector<Pattern> all;
  for (std::size_t i = 0; i < k_pattern_file_count; ++i) {
    all.push_back({k_pattern_files[i].name, member(k_pattern_files[i].text, "description"), k_pattern_files[i].text});
  }
  const auto rank = [](const Pattern& p) {
    return std::find(std::begin(k_order), std::end(k_order), p.name) - std::begin(k_order);
  };
  std::stable_sort(all.begin(), all.end(), [&](const Pattern& a, const Pattern& b) { return rank(a) < rank(b); });
  return all;
}

}  // namespace

const std::vector<Pattern>& patterns() {
  static const std::vector<Pattern> all = make();
  return all;
}

const Pattern* find_pattern(std::string_view name) {
  std::string folded(name);
  std::replace(folded.begin(), folded.end(), '-', '_');
  for (const Pattern& p : patterns())
    if (p.name == folded) return &p;
  return nullptr;
}

std::string instantiate(const Pattern& pattern, std::string_view workflow_name) {
  std::string text(pattern.text);
  const std::string line = "\nname: " + std::string(member(pattern.text, "name"));
  if (const std::size_t at = text.find(line); at != std::string::npos)
    text.replace(at, line.size(), "\nname: " + std::string(workflow_name));
  for (std::size_t at = text.find("NAME.yaml"); at != std::string::npos; at = text.find("NAME.yaml", at)) {
    text.replace(at, 4, workflow_name);
    at += workflow_name.size();
  }
  return text;
}

}  // namespace perdure::loaders
