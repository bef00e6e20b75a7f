// Calls of services: http, openapi, grpc, asyncapi, mcp, a2a.
#include <algorithm>

#include "loaders/ows.h"

namespace perdure::loaders {
namespace {

constexpr std::int64_t k_redirects = 20;

std::shared_ptr<const plan::Retry> never_again() {
  static const auto once = std::make_shared<const plan::Retry>(
      plan::Retry{0, 1.0, 0, 1, plan::BackoffKind::fixed, plan::JitterKind::none, {}});
  return once;
}

}  // namespace

// Calls are retried by an enclosing `try` only (C8).
void OwsLoader::activity(NodeId id, std::string type, TemplatePairs with) {
  plan::Node& node = at(id);
  node.kind = plan::Kind::activity;
  node.retry = never_again();
  node.activity = std::make_unique<plan::ActivitySpec>();
  node.activity->type = std::move(type);
  node.activity->with = object_template(std::move(with));
}

void OwsLoader::call_body(NodeId id, const Members& m, const YamlNode& node) {
  static constexpr std::string_view k_services[] = {"http", "openapi", "grpc", "asyncapi", "mcp", "a2a"};
  const auto name = text(node, "call");
  if (!name) return;
  if (std::find(std::begin(k_services), std::end(k_services), *name) == std::end(k_services))
    return function_body(id, m, node);
  activity(id, *name, {});
  const YamlNode* with = m.get("with");
  if (with == nullptr) return error(node, "`call: " + *name + "` lacks `with`: its arguments");
  if (*name == "http") return http_body(id, *with);
  if (*name == "openapi") return openapi_body(id, *with);
  if (*name == "grpc") return grpc_body(id, *with);
  if (*name == "asyncapi") return asyncapi_body(id, *with);
  if (*name == "mcp") return mcp_body(id, *with);
  return a2a_body(id, *with);
}

// A URI, or `{uri, authentication}`; where the caller takes the authentication apart, it comes in `auth`.
Template OwsLoader::endpoint(const YamlNode& node, NodeId owner, std::string_view what, std::optional<Template>* auth) {
  if (node.type == YamlNode::Type::scalar) {
    Template one = uri(node, what, owner);
    return auth != nullptr ? one : object_template({{"uri", std::move(one)}});
  }
  const Members m(*this, node, what, {"uri", "authentication"});
  Template one;
  if (const YamlNode* n = m.get("uri"); n != nullptr) one = uri(*n, "uri", owner);
  else required(m, node, what, {"uri"});
  std::optional<Template> with;
  if (const YamlNode* n = m.get("authentication"); n != nullptr) with = authentication(*n, owner);
  if (auth != nullptr) {
    *auth = std::move(with);
    return one;
  }
  TemplatePairs pairs{{"uri", std::move(one)}};
  if (with) pairs.emplace_back("authentication", *std::move(with));
  return object_template(std::move(pairs));
}

// `output` and `redirect` of http and openapi (C3 to C6).
void OwsLoader::answer(const Members& m, TemplatePairs& into) {
  std::string form = "content";
  if (const YamlNode* n = m.get("output"); n != nullptr) {
    if (choice(*n, "output", {"raw", "content", "response"})) form = std::string(n->text);
  }
  bool redirect = false;
  if (const YamlNode* n = m.get("redirect"); n != nullptr) redirect = boolean(*n, "redirect").value_or(false);
  into.emplace_back("output", constant_template(Value(form)));
  into.emplace_back("redirects", constant_template(Value(redirect ? k_redirects : std::int64_t{0})));
  if (redirect) into.emplace_back("expect", constant_template(Value("200-399")));
}

void OwsLoader::http_body(NodeId id, const YamlNode& with) {
  const Members m(*this, with, "with", {"method", "endpoint", "headers", "body", "query", "output", "redirect"});
  if (!required(m, with, "with", {"method", "endpoint"})) return;
  TemplatePairs pairs;
  std::optional<Template> auth;
  if (text(*m.get("method"), "method")) pairs.emplace_back("method", data(*m.get("method"), id));
  pairs.emplace_back("url", endpoint(*m.get("endpoint"), id, "endpoint", &auth));
  for (const char* name : {"headers", "query"})
    if (const YamlNode* n = m.get(name); n != nullptr) pairs.emplace_back(name, mapping(*n, name, id));
  if (const YamlNode* n = m.get("body"); n != nullptr) pairs.emplace_back("body", data(*n, id));
  if (auth) pairs.emplace_back("auth", *std::move(auth));
  answer(m, pairs);
  activity(id, "http", std::move(pairs));
}

void OwsLoader::openapi_body(NodeId id, const YamlNode& with) {
  const Members m(*this, with, "with",
                  {"document", "operationId", "parameters", "authentication", "output", "redirect"});
  if (!required(m, with, "with", {"document", "operationId"})) return;
  TemplatePairs pairs;
  pairs.emplace_back("document", resource(*m.get("document"), id, "document"));
  if (text(*m.get("operationId"), "operationId")) pairs.emplace_back("operationId", data(*m.get("operationId"), id));
  if (const YamlNode* n = m.get("parameters"); n != nullptr)
    pairs.emplace_back("parameters", mapping(*n, "parameters", id));
  if (const YamlNode* n = m.get("authentication"); n != nullptr)
    if (auto auth = authentication(*n, id)) pairs.emplace_back("authentication", *std::move(auth));
  answer(m, pairs);
  activity(id, "openapi", std::move(pairs));
}

void OwsLoader::grpc_body(NodeId id, const YamlNode& with) {
  const Members m(*this, with, "with", {"proto", "service", "method", "arguments"});
  if (!required(m, with, "with", {"proto", "service", "method"})) return;
  TemplatePairs pairs;
  pairs.emplace_back("proto", resource(*m.get("proto"), id, "proto"));
  const YamlNode& service = *m.get("service");
  const Members s(*this, service, "service", {"name", "host", "port", "authentication"});
  required(s, service, "service", {"name", "host"});
  TemplatePairs parts;
  for (const char* name : {"name", "host"})
    if (const YamlNode* n = s.get(name); n != nullptr && text(*n, name)) parts.emplace_back(name, data(*n, id));
  if (const YamlNode* n = s.get("port"); n != nullptr)
    parts.emplace_back("port", constant_template(Value(integer(*n, "port", 0, 65535).value_or(0))));
  if (const YamlNode* n = s.get("authentication"); n != nullptr)
    if (auto auth = authentication(*n, id)) parts.emplace_back("authentication", *std::move(auth));
  pairs.emplace_back("service", object_template(std::move(parts)));
  if (text(*m.get("method"), "method")) pairs.emplace_back("method", data(*m.get("method"), id));
  if (const YamlNode* n = m.get("arguments"); n != nullptr)
    pairs.emplace_back("arguments", mapping(*n, "arguments", id));
  activity(id, "grpc", std::move(pairs));
}

void OwsLoader::mcp_body(NodeId id, const YamlNode& with) {
  const Members m(*this, with, "with", {"protocolVersion", "method", "parameters", "timeout", "transport", "client"});
  if (!required(m, with, "with", {"method", "transport"})) return;
  choice(*m.get("method"), "method",
         {"tools/list", "tools/call", "prompts/list", "prompts/get", "resources/list", "resources/read",
          "resources/templates/list"});
  const YamlNode& transport = *m.get("transport");
  const Members t(*this, transport, "transport", {"http", "stdio", "options"});
  const YamlNode* http = t.get("http");
  const YamlNode* stdio = t.get("stdio");
  if (t.valid() && !t.slipped() && (http == nullptr) == (stdio == nullptr))
    error(transport, "`transport` has one of `http` and `stdio`");
  if (http != nullptr) {
    const Members h(*this, *http, "http", {"endpoint", "headers"});
    required(h, *http, "http", {"endpoint"});
    if (const YamlNode* n = h.get("endpoint"); n != nullptr) aside([&] { (void)endpoint(*n, id, "endpoint"); });
  }
  if (stdio != nullptr) {
    const Members s(*this, *stdio, "stdio", {"command", "arguments", "environment"});
    required(s, *stdio, "stdio", {"command"});
  }
  if (const YamlNode* n = m.get("client"); n != nullptr) {
    const Members c(*this, *n, "client", {"name", "version"});
    required(c, *n, "client", {"name", "version"});
  }
  TemplatePairs pairs;
  if (const YamlNode* n = m.get("timeout"); n != nullptr)
    pairs.emplace_back("timeout", constant_template(Value(std::to_string(duration(*n, "timeout").value_or(0)) + "ms")));
  for (const char* name : {"protocolVersion", "method", "parameters", "transport", "client"})
    if (const YamlNode* n = m.get(name); n != nullptr) pairs.emplace_back(name, data(*n, id));
  activity(id, "mcp", std::move(pairs));
}

void OwsLoader::a2a_body(NodeId id, const YamlNode& with) {
  const Members m(*this, with, "with", {"agentCard", "server", "method", "parameters"});
  if (!required(m, with, "with", {"method"})) return;
  choice(*m.get("method"), "method",
         {"message/send", "message/stream", "tasks/get", "tasks/list", "tasks/cancel", "tasks/resubscribe",
          "tasks/pushNotificationConfig/set", "tasks/pushNotificationConfig/get", "tasks/pushNotificationConfig/list",
          "tasks/pushNotificationConfig/delete", "agent/getAuthenticatedExtendedCard"});
  TemplatePairs pairs{{"method", constant_template(Value(m.get("method")->text))}};
  if (m.get("agentCard") == nullptr && m.get("server") == nullptr && !m.slipped())
    error(with, "an a2a call needs `agentCard` or `server`: whom to call");
  if (const YamlNode* n = m.get("agentCard"); n != nullptr)
    pairs.emplace_back("agentCard", resource(*n, id, "agentCard"));
  if (const YamlNode* n = m.get("server"); n != nullptr) pairs.emplace_back("server", endpoint(*n, id, "server"));
  if (const YamlNode* n = m.get("parameters"); n != nullptr)
    pairs.emplace_back("parameters", mapping(*n, "parameters", id));
  activity(id, "a2a", std::move(pairs));
}

}  // namespace perdure::loaders
