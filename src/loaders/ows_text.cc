// Durations, expressions, values and schemas of the standard.
#include <algorithm>
#include <cmath>

#include "base/json.h"
#include "loaders/ows.h"
#include "plan/spelling.h"

namespace perdure::loaders {
namespace {

constexpr DurationMs k_second = 1'000, k_minute = 60 * k_second, k_hour = 60 * k_minute, k_day = 24 * k_hour;
constexpr double k_duration_max = 1'000.0 * 365 * k_day;  // a thousand years
// Makes of an object what the engine takes.
constexpr std::string_view k_as_duration =
    "\n) | if type == \"object\" then (((.days // 0) * 86400 + (.hours // 0) * 3600 + (.minutes // 0) * 60 + "
    "(.seconds // 0)) * 1000 + (.milliseconds // 0) | tostring) + \"ms\" else . end";
constexpr std::string_view k_duration_forms = "write it like PT30S, PT5M, P1DT2H, or {minutes: 5}";

enum Bound : std::uint8_t {  // bits in the order of plan::k_flow_variables
  context = 1,
  input = 2,
  output = 4,
  task = 8,
  workflow = 16,
  runtime = 32,
  secrets = 64,
  authorization = 128,
};
static_assert(plan::k_flow_variables[7] == "authorization");

unsigned bound_in(Stage stage) {
  constexpr unsigned always = workflow | runtime | secrets;
  switch (stage) {
    case Stage::workflow_input: return always;
    case Stage::workflow_output: return always | context;
    case Stage::entry: return always | context | task;
    case Stage::work: return always | context | input | task | authorization;
    case Stage::asked: return always | context | input | task;
    case Stage::output: return always | context | input | task | authorization;
    case Stage::export_: return always | context | input | output | task | authorization;
  }
  return always;
}

struct Unit {
  char letter;
  double ms;
};
constexpr Unit k_date_units[] = {{'Y', 365.0 * k_day}, {'M', 30.0 * k_day}, {'W', 7.0 * k_day}, {'D', 1.0 * k_day}};
constexpr Unit k_time_units[] = {{'H', 1.0 * k_hour}, {'M', 1.0 * k_minute}, {'S', 1.0 * k_second}};

// "1.5" at the front of the text, taken off it.
std::optional<double> take_number(std::string_view& text) {
  double v = 0, scale = 1;
  std::size_t at = 0;
  bool fraction = false, digit = false;
  for (; at < text.size(); ++at) {
    const char c = text[at];
    if (c == '.' && digit && !fraction) {
      fraction = true;
      digit = false;
      continue;
    }
    if (c < '0' || c > '9') break;
    digit = true;
    if (fraction) scale /= 10;
    v = fraction ? v + scale * (c - '0') : 10 * v + (c - '0');
  }
  if (!digit) return std::nullopt;
  text.remove_prefix(at);
  return v;
}

template <std::size_t N>
bool take_parts(std::string_view& text, const Unit (&units)[N], double& sum, bool& any) {
  std::size_t unit = 0;
  while (!text.empty() && text.front() != 'T') {
    const auto v = take_number(text);
    if (!v || text.empty()) return false;
    while (unit < N && units[unit].letter != text.front()) ++unit;
    if (unit == N) return false;
    sum += *v * units[unit++].ms;
    text.remove_prefix(1);
    any = true;
  }
  return true;
}

// ISO 8601; years are 365 days, months 30 (T12).
std::optional<DurationMs> iso_duration(std::string_view text) {
  if (!text.starts_with('P')) return std::nullopt;
  text.remove_prefix(1);
  double sum = 0;
  bool any = false;
  if (!take_parts(text, k_date_units, sum, any)) return std::nullopt;
  if (text.starts_with('T')) {
    text.remove_prefix(1);
    any = false;
    if (!take_parts(text, k_time_units, sum, any)) return std::nullopt;
  }
  if (!any || !text.empty() || sum > k_duration_max) return std::nullopt;
  return static_cast<DurationMs>(std::llround(sum));
}

bool is_identifier(std::string_view name) {
  const auto letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; };
  return !name.empty() && letter(name[0]) &&
         std::all_of(name.begin(), name.end(), [&](char c) { return letter(c) || (c >= '0' && c <= '9'); });
}

}  // namespace

// ---- durations

std::optional<DurationMs> OwsLoader::duration_members(const YamlNode& node, std::string_view what) {
  const Members m(*this, node, what, {"days", "hours", "minutes", "seconds", "milliseconds"});
  const std::size_t before = errors_;
  double sum = 0;
  const auto one = [&](std::string_view name, DurationMs unit) {
    if (const YamlNode* n = m.get(name); n != nullptr)
      sum += static_cast<double>(unit) * static_cast<double>(integer(*n, name, 0, 1'000'000'000'000).value_or(0));
  };
  one("days", k_day);
  one("hours", k_hour);
  one("minutes", k_minute);
  one("seconds", k_second);
  one("milliseconds", 1);
  if (tree_.size(node) == 0) error(node, "`" + std::string(what) + "` is an empty duration", "write {seconds: 30}");
  else if (sum > k_duration_max) error(node, "`" + std::string(what) + "` is longer than a thousand years");
  if (errors_ != before || m.slipped()) return std::nullopt;
  return static_cast<DurationMs>(sum);
}

std::optional<DurationMs> OwsLoader::duration(const YamlNode& node, std::string_view what) {
  if (node.type == YamlNode::Type::mapping) return duration_members(node, what);
  if (node.type == YamlNode::Type::sequence || !scalar_value(node).is_string()) {
    error(node, "`" + std::string(what) + "` takes a duration", std::string(k_duration_forms));
    return std::nullopt;
  }
  const auto ms = iso_duration(node.text);
  if (ms) return ms;
  if (node.text.find("${") != std::string_view::npos) {
    error(node, "`" + std::string(what) + "` takes a fixed duration in this build", std::string(k_duration_forms));
  } else {
    error(node, "`" + std::string(node.text.substr(0, 60)) + "` is not an ISO 8601 duration",
          std::string(k_duration_forms));
  }
  return std::nullopt;
}

// A text for the engine, or an expression that gives one or an object.
std::optional<Template> OwsLoader::duration_template(const YamlNode& node, std::string_view what, NodeId owner) {
  if (node.type == YamlNode::Type::scalar && node.text.find("${") != std::string_view::npos) {
    Template t = data(node, owner);
    if (t.type != Template::Type::expression) return t;
    plan_->exprs[t.expr].source = "(" + plan_->exprs[t.expr].source + std::string(k_as_duration);
    sites_[t.expr].offset -= 1;
    return t;
  }
  const auto ms = duration(node, what);
  if (!ms) return std::nullopt;
  return constant_template(Value(std::to_string(*ms) + "ms"));
}

// ---- expressions and values

ExprId OwsLoader::expression(const YamlNode* node, std::string_view what, NodeId owner, Stage stage) {
  if (node == nullptr) return k_none;
  unbound_ = static_cast<std::uint8_t>(~bound_in(stage));
  return condition(*node, what, owner);
}

Template OwsLoader::data(const YamlNode& node, NodeId owner, Stage stage) {
  unbound_ = static_cast<std::uint8_t>(~bound_in(stage));
  return make_template(node, owner, loose_ ? Braces::loose : Braces::literal);
}

Template OwsLoader::uri(const YamlNode& node, std::string_view what, NodeId owner) {
  unbound_ = static_cast<std::uint8_t>(~bound_in(Stage::work));
  if (node.type != YamlNode::Type::scalar || !scalar_value(node).is_string()) {
    error(node, "`" + std::string(what) + "` takes a URI");
    return {};
  }
  if (node.text.find_first_not_of(" \t\n") == std::string_view::npos) error(node, "the URI is empty");
  return make_template(node, owner, Braces::uri);
}

// `from` and `as`: a text is one expression, anything else is data with expressions inside.
Template OwsLoader::transform(const YamlNode& node, std::string_view what, NodeId owner, Stage stage) {
  if (node.type != YamlNode::Type::scalar) return data(node, owner, stage);
  if (!scalar_value(node).is_string()) {
    error(node, "`" + std::string(what) + "` takes an expression or an object");
    return {};
  }
  Template t;
  t.expr = expression(&node, what, owner, stage);
  if (t.expr != k_none) t.type = Template::Type::expression;
  return t;
}

// A mapping, or `${ }` that gives one.
Template OwsLoader::mapping(const YamlNode& node, std::string_view what, NodeId owner) {
  const bool is_text = node.type == YamlNode::Type::scalar && node.text.find("${") != std::string_view::npos;
  if (node.type != YamlNode::Type::mapping && !is_text) {
    error(node, "`" + std::string(what) + "` takes a mapping, or an expression `${ … }` that gives one");
    return {};
  }
  return data(node, owner);
}

Value OwsLoader::data_schema(const YamlNode& node, std::string_view what) {
  const Members m(*this, node, what, {"format", "document", "resource"});
  if (!m.valid()) return {};
  if (const YamlNode* n = m.get("format"); n != nullptr) {
    const auto format = text(*n, "format");
    if (format && *format != "json" && !format->starts_with("json:"))
      error(*n, "schemas of the format `" + format->substr(0, 60) + "` are not known", "it is `json` here");
  }
  const YamlNode* document = m.get("document");
  const YamlNode* external = m.get("resource");
  if (document != nullptr && external != nullptr) error(*external, "a schema has `document` or `resource`, not both");
  if (document != nullptr) return schema(*document, "document");
  if (external != nullptr) {
    (void)resource(*external, 0, "resource");
    error(*external, "schemas of another file can't be read in this build", "write the schema under `document`");
  } else if (!m.slipped()) {
    error(node, "`" + std::string(what) + "` lacks `document`: the schema itself");
  }
  return {};
}

// Whether all are there; what lacks may have been misspelt, which was told.
bool OwsLoader::required(const Members& m, const YamlNode& node, std::string_view what, Strings names) {
  if (!m.valid()) return false;
  bool all = true;
  for (const std::string_view name : names) {
    if (m.get(name) != nullptr) continue;
    all = false;
    if (!m.slipped()) error(node, "`" + std::string(what) + "` lacks `" + std::string(name) + "`");
  }
  return all;
}

// The name of a variable that a loop or catch makes (E10).
std::string OwsLoader::variable(const YamlNode* node, std::string_view what, std::string_view otherwise) {
  if (node == nullptr) return std::string(otherwise);
  const auto name = text(*node, what);
  if (!name) return std::string(otherwise);
  if (std::find(plan::k_flow_variables.begin(), plan::k_flow_variables.end(), *name) != plan::k_flow_variables.end()) {
    error(*node,
          "`" + std::string(what) + "` can't be `" + *name + "`: the standard's `$" + *name + "` would be hidden");
  } else if (!is_identifier(*name)) {
    error(*node, "`" + std::string(what) + "` takes the name of a variable",
          name->starts_with('$') && is_identifier(std::string_view(*name).substr(1))
              ? "did you mean `" + name->substr(1) + "`?"
              : "letters, digits and `_`, not a digit first");
  } else {
    return *name;
  }
  return std::string(otherwise);
}

}  // namespace perdure::loaders
