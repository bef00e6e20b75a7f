#include "cli/secrets.h"

#include <fmt/format.h>

#include "base/json.h"
#include "cli/text.h"
#include "loaders/load.h"
#include "plan/secrets.h"

namespace perdure::cli {
namespace {

constexpr std::string_view k_space = " \t\r";

std::string_view trimmed(std::string_view text) {
  const std::size_t first = text.find_first_not_of(k_space);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(k_space) - first + 1);
}

std::string_view next_line(std::string_view& text) {
  const std::size_t end = std::min(text.find('\n'), text.size());
  const std::string_view line = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  return line;
}

// The name before `=`, or nothing when the line is no assignment.
std::string_view assigned_name(std::string_view line) {
  if (line.starts_with("export ")) line = trimmed(line.substr(7));
  const std::size_t equals = line.find('=');
  if (equals == std::string_view::npos || equals == 0) return {};
  const std::string_view name = line.substr(0, equals);
  for (const char c : name) {
    const bool fine =
        (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-' || c == '.';
    if (!fine) return {};
  }
  return name;
}

bool is_assignments(std::string_view text) {
  while (!text.empty()) {
    const std::string_view line = trimmed(next_line(text));
    if (!line.empty() && line.front() != '#') return !assigned_name(line).empty();
  }
  return false;
}

Result<Value> parse_assignments(std::string_view text, std::string_view file_name) {
  auto secrets = Value::object();
  for (int number = 1; !text.empty(); ++number) {
    const std::string_view line = trimmed(next_line(text));
    if (line.empty() || line.front() == '#') continue;
    const std::string_view name = assigned_name(line);
    const auto wrong = [&](std::string_view why) {
      return fail(ErrorCode::invalid, fmt::format("{}:{}: {}", printable(std::string(file_name)), number, why));
    };
    if (name.empty()) return wrong("is no line NAME=VALUE");
    if (secrets.find(name) != nullptr) return wrong("names a secret a second time");
    std::string_view value = trimmed(line.substr(line.find('=') + 1));
    if (!value.empty() && (value.front() == '"' || value.front() == '\'')) {
      if (value.size() < 2 || value.back() != value.front()) return wrong("has a quote that does not end");
      value = value.substr(1, value.size() - 2);
    }
    secrets.set(std::string(name), Value(value));
  }
  return secrets;
}

}  // namespace

Result<Value> parse_secrets(std::string_view text, std::string_view file_name) {
  if (is_assignments(text)) return parse_assignments(text, file_name);
  auto secrets = loaders::yaml_value(text);
  if (secrets && secrets->is_object()) return std::move(*secrets);
  return fail(ErrorCode::invalid,
              printable(std::string(file_name)) +
                  " is no mapping of names to secrets; write lines like `token: …` (YAML), or like `TOKEN=…`");
}

std::optional<std::string> missing_secrets(const plan::Plan& plan, const SecretLookup& lookup) {
  std::vector<std::string> missing;
  for (const std::string& name : plan::read_secrets(plan))
    if (!lookup(name)) missing.push_back(name);
  if (missing.empty()) return std::nullopt;
  std::string names;
  for (const std::string& name : missing) names += (names.empty() ? "'" : ", '") + printable(name) + "'";
  return fmt::format("the secret{} {} {} no value here; give {} with --secret-file FILE, or set {}",
                     missing.size() == 1 ? "" : "s", names, missing.size() == 1 ? "has" : "have",
                     missing.size() == 1 ? "it" : "them", plan::secret_variable(missing.front()));
}

}  // namespace perdure::cli
