// Durations, and what `{name}` in a text means.
#include <algorithm>

#include "base/json.h"
#include "base/time.h"
#include "loaders/native.h"

namespace perdure::loaders {
namespace {

std::string quoted(std::string_view text) { return to_json(Value(text)); }

}  // namespace

std::optional<DurationMs> NativeLoader::duration(const YamlNode& node, std::string_view what) {
  static constexpr std::string_view k_forms = "write it like 500ms, 30s, 5m, 24h, 7d or PT5M";
  if (node.type != YamlNode::Type::scalar || scalar_value(node).is_null()) {
    error(node, "`" + std::string(what) + "` takes a duration", std::string(k_forms));
    return std::nullopt;
  }
  if (scalar_value(node).is_number()) {
    error(node, "`" + std::string(what) + "` is a number without a unit",
          "did you mean `" + std::string(node.text.substr(0, 20)) + "s`?");
    return std::nullopt;
  }
  const auto parsed = parse_duration(node.text);
  if (!parsed || *parsed < 0) {
    error(node, "`" + std::string(node.text.substr(0, 60)) + "` is not a duration", std::string(k_forms));
    return std::nullopt;
  }
  return *parsed;
}

// `{name}`: now that all steps are known, what the name means.
void NativeLoader::settle_placeholders() {
  std::vector<std::string_view> outputs;
  for (const plan::Node& n : plan_->nodes) outputs.insert(outputs.end(), n.outputs.begin(), n.outputs.end());
  std::sort(outputs.begin(), outputs.end());
  std::vector<std::string_view> inputs, context;
  const Value* properties = plan_->input_schema.find("properties");
  if (properties != nullptr && properties->is_object())
    for (const auto& [key, schema] : properties->members()) inputs.push_back(key.as_string());
  for (const auto& [key, v] : plan_->context.members()) context.push_back(key.as_string());
  const auto has = [](const std::vector<std::string_view>& names, std::string_view n) {
    return std::find(names.begin(), names.end(), n) != names.end();
  };
  for (ExprId id = 0; id < plan_->exprs.size(); ++id) {
    const std::string& name = sites_[id].placeholder;
    if (name.empty()) continue;
    std::string source;
    const auto from = [&](std::string_view root) {
      source.append(source.empty() ? "" : " // ")
          .append(".")
          .append(root)
          .append("[")
          .append(quoted(name))
          .append("]?");
    };
    if (std::binary_search(outputs.begin(), outputs.end(), std::string_view(name))) from("outputs");
    if (has(inputs, name) || properties == nullptr) from("input");
    if (has(context, name)) from("context");
    if (source.empty()) {
      std::vector<std::string_view> all = outputs;
      all.insert(all.end(), inputs.begin(), inputs.end());
      all.insert(all.end(), context.begin(), context.end());
      error(plan_->exprs[id].place, "`{" + name + "}`: no output, input or context value is called so",
            did_you_mean(name, all));
      source = "null";
    }
    plan_->exprs[id].source = std::move(source);
  }
}

}  // namespace perdure::loaders
