// The activities that files may call.
#include "base/json.h"
#include "loaders/load.h"

namespace perdure::loaders {
namespace {

ActivityType later() { return {{}, {}, true, false}; }

KnownActivities make_built_in() {
  KnownActivities known;
  known.types["http"] = {
      {"url"},
      {"method", "headers", "query", "body", "auth", "expect", "timeout", "redirects", "max_body", "proxy", "output"},
      false,
      true};
  known.types["openapi"] = {{"document", "operationId"},
                            {"parameters", "authentication", "output", "redirects", "expect", "timeout"},
                            false,
                            true};
  known.types["grpc"] = {{"proto", "service", "method"}, {"arguments"}, false, true};
  known.types["asyncapi"] = {{"document"},
                             {"channel", "operation", "server", "protocol", "message", "subscribe", "authentication"},
                             false,
                             true};
  known.types["container"] = {{"image"},
                              {"name", "command", "args", "stdin", "env", "ports", "volumes", "pullPolicy", "cleanup",
                               "cleanup_after", "return"},
                              false,
                              true};
  known.types["shell"] = {{"argv"}, {"stdin", "env", "cwd", "ok_codes", "parse", "return"}, false, true};
  known.types["notify"] = {{"message"}, {"channel", "title", "url", "data"}, false, true};
  for (const char* name : {"llm", "mcp", "memory", "file", "sql", "worker", "broker"}) known.types[name] = later();
  return known;
}

}  // namespace

const KnownActivities& KnownActivities::built_in() {
  static const KnownActivities known = make_built_in();
  return known;
}

KnownActivities KnownActivities::with(const std::vector<std::string>& in_process_types) {
  KnownActivities known = built_in();
  for (const std::string& type : in_process_types) known.types[type] = {{}, {}, true, true};
  return known;
}

namespace {

std::optional<plan::Template> member(const plan::Template& t, std::string_view name) {
  if (const Value* v = t.constant.find(name); v != nullptr) {
    plan::Template part;
    part.constant = *v;
    return part;
  }
  for (std::size_t i = 0; i < t.keys.size(); ++i)
    if (t.keys[i] == name) return t.parts[i];
  return std::nullopt;
}

// How a call proves who it is, where this build can't.
std::optional<std::string> unknown_authentication(const plan::ActivitySpec& activity) {
  std::vector<std::optional<plan::Template>> found;
  if (activity.type == "http") found.push_back(member(activity.with, "auth"));
  if (activity.type == "openapi") {
    found.push_back(member(activity.with, "authentication"));
    const auto document = member(activity.with, "document");
    const auto endpoint = document ? member(*document, "endpoint") : std::nullopt;
    found.push_back(endpoint ? member(*endpoint, "authentication") : std::nullopt);
  }
  if (activity.type == "grpc") {
    const auto service = member(activity.with, "service");
    found.push_back(service ? member(*service, "authentication") : std::nullopt);
  }
  for (const auto& auth : found)
    for (const std::string scheme : {"oauth2", "oidc"}) {
      const auto policy = auth ? member(*auth, scheme) : std::nullopt;
      const auto grant = policy ? member(*policy, "grant") : std::nullopt;
      if (!grant || !grant->constant.is_string()) continue;
      const std::string name(grant->constant.as_string());
      if (name == "authorization_code" || name == "refresh_token") return scheme + " with the grant " + name;
    }
  return std::nullopt;
}

}  // namespace

std::optional<std::string> not_available(const plan::Plan& plan, const KnownActivities& known) {
  for (const plan::Node& node : plan.nodes) {
    if (node.kind != plan::Kind::activity) continue;
    const std::string& type = node.activity->type;
    const auto found = known.types.find(type);
    const bool emits = type == "emit" && plan.data_flow;
    const bool runs = type == "script" || emits || (found != known.types.end() && found->second.available);
    const auto scheme = unknown_authentication(*node.activity);
    if (runs && !scheme) continue;
    if (scheme)
      return "line " + std::to_string(node.place.line) + ": step `" + node.name + "` authenticates by " + *scheme +
             ", which is not available in this build";
    const bool tool = type.starts_with("tool:");
    std::string what = "line " + std::to_string(node.place.line) + ": step `" + node.name + "` ";
    if (tool) what += "calls the tool `" + type.substr(5) + "`";
    else if (type == "agent_task") what += "is an agent_task";
    else what += "calls `" + type + "`";
    return what + ", which is not available in this build";
  }
  return std::nullopt;
}

Loaded load_tasks(const Value& tasks, std::string_view name, const LoadLimits& limits, const KnownActivities& known) {
  Value file = Value::object({{"name", Value(name)}, {"modules", tasks}});
  const std::string text = to_pretty_json(file);
  return load_native(text, "tasks", limits, known);
}

}  // namespace perdure::loaders
