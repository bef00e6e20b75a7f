// Durations, expressions, values and schemas of the standard.
#include <algorithm>

#include "base/json.h"
#include "base/time.h"
#include "loaders/ows.h"
#include "plan/spelling.h"

namespace perdure::loaders {
namespace {

constexpr DurationMs k_second = 1'000, k_minute = 60 * k_second, k_hour = 60 * k_minute, k_day = 24 * k_hour;
constexpr DurationMs k_duration_max = DurationMs{1000} * 365 * k_day;  // a thousand years
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

// ISO 8601; years are 365 days, months 30 (T12).
std::optional<DurationMs> iso_duration(std::string_view text) {
  const auto ms = text.starts_with('P') ? parse_duration(text, Calendar::nominal) : Result<DurationMs>(-1);
  if (!ms || *ms < 0 || *ms > k_duration_max) return std::nullopt;
  return *ms;
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
  else if (sum > static_cast<double>(k_duration_max))
    error(node, "`" + std::string(what) + "` is longer than a thousand years");
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
    error(node, "`" + std::string(what) + "` takes a fixed duration", std::string(k_duration_forms));
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

// Fixed, or computed when the task runs; then it gives 0.
DurationMs OwsLoader::duration(const YamlNode& node, std::string_view what, NodeId owner,
                               plan::RareTemplate& computed) {
  if (node.type != YamlNode::Type::scalar || node.text.find("${") == std::string_view::npos)
    return duration(node, what).value_or(0);
  if (auto t = duration_template(node, what, owner)) computed = *std::move(t);
  return 0;
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
  if (external != nullptr) return external_schema(*external, what);
  if (!m.slipped()) { error(node, "`" + std::string(what) + "` lacks `document`: the schema itself"); }
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
