#include "plan/secrets.h"

#include <algorithm>
#include <charconv>

#include "base/hash.h"
#include "base/json.h"

namespace perdure::plan {
namespace {

constexpr std::string_view k_begin = "~~secret.";
constexpr std::string_view k_end = "~~";
constexpr std::size_t k_tag_digits = 32;

bool is_tag(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

}  // namespace

std::string secret_mark(std::uint64_t seed, ExprId expr) {
  const std::string id = std::to_string(expr);
  const std::string tag = sha256_hex("perdure secret " + std::to_string(seed) + " " + id).substr(0, k_tag_digits);
  return std::string(k_begin) + id + "." + tag + std::string(k_end);
}

std::optional<SecretMark> find_secret_mark(std::string_view text, std::size_t from) {
  for (std::size_t at = text.find(k_begin, from); at != std::string_view::npos; at = text.find(k_begin, at + 1)) {
    std::string_view rest = text.substr(at + k_begin.size());
    SecretMark mark{at, 0, 0};
    const auto [end, error] = std::from_chars(rest.data(), rest.data() + rest.size(), mark.expr);
    if (error != std::errc{}) continue;
    rest.remove_prefix(static_cast<std::size_t>(end - rest.data()));
    if (rest.size() < 1 + k_tag_digits + k_end.size() || rest.front() != '.') continue;
    if (!is_tag(rest.substr(1, k_tag_digits)) || !rest.substr(1 + k_tag_digits).starts_with(k_end)) continue;
    mark.length = text.size() - rest.size() + 1 + k_tag_digits + k_end.size() - at;
    return mark;
  }
  return std::nullopt;
}

std::optional<SecretUse> secret_use(const Expression& e) {
  if (e.source.find("$secrets") == std::string::npos) return SecretUse{};
  std::vector<std::string> others = e.variables;
  std::erase(others, "secrets");
  // Both what it reads of `.` and what it reads of the variable, as parts of one root.
  const auto traced =
      expr::Program::compile(".secrets as $secrets | .dot | (" + e.source + "\n)", {.variables = others});
  if (!traced) return std::nullopt;
  const expr::RootUse& root = (*traced)->root_use();
  SecretUse use{root.whole, root.whole, root.whole || !others.empty(), {}};
  for (const auto& path : root.paths) {
    if (path[0] != "secrets") {
      use.others = true;
      continue;
    }
    use.any = true;
    if (path.size() == 1) use.whole = true;
    else use.paths.emplace_back(path.begin() + 1, path.end());
  }
  return use;
}

std::string secret_source(const std::vector<std::string>& path) {
  std::string source = "$secrets";
  for (const std::string& key : path) source += "[" + to_json(Value(key)) + "]";
  return source;
}

ExprId find_secret_part(const Plan& plan, const std::vector<std::string>& path) {
  const std::string source = secret_source(path);
  for (ExprId id = 0; id < plan.exprs.size(); ++id)
    if (!plan.exprs[id].secrets.empty() && plan.exprs[id].source == source) return id;
  return k_none;
}

std::vector<std::string> listed_secrets(const Plan& plan) {
  std::vector<std::string> names;
  if (plan.secrets.is_array()) {
    for (const Value& name : plan.secrets.items())
      if (name.is_string()) names.emplace_back(name.as_string());
  } else if (plan.secrets.is_object()) {
    for (const auto& [name, reference] : plan.secrets.members()) names.emplace_back(name.as_string());
  }
  return names;
}

std::vector<std::string> read_secrets(const Plan& plan) {
  std::vector<std::string> names;
  for (const Expression& e : plan.exprs)
    for (const std::string& name : e.secrets)
      if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
  return names;
}

std::string secret_variable(std::string_view name) {
  std::string variable = "PERDURE_SECRET_";
  for (const char c : name) {
    const bool lower = c >= 'a' && c <= 'z';
    const bool kept = (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    variable.push_back(lower ? static_cast<char>(c - 'a' + 'A') : kept ? c : '_');
  }
  return variable;
}

}  // namespace perdure::plan
