// Authentication policies: written out, by name, or from a secret.
#include "base/json.h"
#include "loaders/ows.h"

namespace perdure::loaders {

// {basic: {username, password}}, {bearer: TOKEN}, {digest: …}, {oauth2: …} or {oidc: …}.
std::optional<Template> OwsLoader::authentication(const YamlNode& node, NodeId owner) {
  if (node.type == YamlNode::Type::scalar) {
    error(node, "`authentication` takes a policy, or the name of one",
          "write {use: " + std::string(node.text.substr(0, 60)) + "}");
    return std::nullopt;
  }
  const Members m(*this, node, "authentication", {"use", "basic", "bearer", "digest", "oauth2", "oidc"});
  if (!m.valid() || m.slipped()) return std::nullopt;
  if (tree_.size(node) != 1) {
    error(node, "an authentication is one of use, basic, bearer, digest, oauth2, oidc");
    return std::nullopt;
  }
  if (const YamlNode* use = m.get("use"); use != nullptr) {
    const YamlNode* policy = defined(*use, "authentication", authentications_);
    if (policy == nullptr) return std::nullopt;
    if (policy->type == YamlNode::Type::mapping && tree_.find(*policy, "use") != nullptr) {
      error(*policy, "a policy of `use.authentications` is written out: it can't refer to another");
      return std::nullopt;
    }
    return authentication(*policy, owner);
  }
  const std::string_view scheme = tree_.key(node, 0).text;
  return object_template({{std::string(scheme), credentials(tree_.value(node, 0), owner, scheme)}});
}

Template OwsLoader::credentials(const YamlNode& node, NodeId owner, std::string_view scheme) {
  if (node.type == YamlNode::Type::mapping && tree_.find(node, "use") != nullptr) {
    const Members m(*this, node, scheme, {"use"});
    return secret_members(*m.get("use"), owner, scheme);
  }
  if (scheme == "oauth2" || scheme == "oidc") return token_request(node, owner, scheme);
  const auto word = [&](const Members& m, std::string_view name) {
    const YamlNode* n = m.get(name);
    return n != nullptr && text(*n, name) ? data(*n, owner) : Template{};
  };
  if (scheme == "bearer") {
    const Members m(*this, node, scheme, {"token"});
    required(m, node, scheme, {"token"});
    return word(m, "token");
  }
  const Members m(*this, node, scheme, {"username", "password"});
  required(m, node, scheme, {"username", "password"});
  Template username = word(m, "username");
  return object_template({{"username", std::move(username)}, {"password", word(m, "password")}});
}

Template OwsLoader::secret_members(const YamlNode& secret, NodeId owner, std::string_view scheme) {
  const auto name = text(secret, "use");
  if (!name) return {};
  unbound_ = 0;
  const auto read = [&](std::string_view member) {
    Template t;
    t.expr = add_derived(secret, "$secrets[" + to_json(Value(*name)) + "]" + std::string(member), owner);
    if (t.expr != k_none) t.type = Template::Type::expression;
    return t;
  };
  if (scheme == "bearer") return read(".token");
  if (scheme == "oauth2" || scheme == "oidc") return read("");
  Template username = read(".username");
  return object_template({{"username", std::move(username)}, {"password", read(".password")}});
}

Template OwsLoader::token_request(const YamlNode& node, NodeId owner, std::string_view scheme) {
  Strings members{"authority", "grant",    "client",   "request", "issuers", "scopes",
                  "audiences", "username", "password", "subject", "actor"};
  if (scheme == "oauth2") members.push_back("endpoints");
  const Members m(*this, node, scheme, std::move(members));
  if (!required(m, node, scheme, {"authority", "grant"})) return {};
  choice(*m.get("grant"), "grant",
         {"authorization_code", "client_credentials", "password", "refresh_token",
          "urn:ietf:params:oauth:grant-type:token-exchange"});
  TemplatePairs pairs{{"authority", uri(*m.get("authority"), "authority", owner)}};
  const auto checked = [&](const char* name, Strings parts, Strings needed) {
    const YamlNode* n = m.get(name);
    if (n == nullptr) return;
    const Members inner(*this, *n, name, std::move(parts));
    required(inner, *n, name, std::move(needed));
    if (const YamlNode* a = inner.get("authentication"); a != nullptr)
      choice(*a, "authentication",
             {"client_secret_basic", "client_secret_post", "client_secret_jwt", "private_key_jwt", "none"});
    if (const YamlNode* e = inner.get("encoding"); e != nullptr)
      choice(*e, "encoding", {"application/x-www-form-urlencoded", "application/json"});
    pairs.emplace_back(name, data(*n, owner));
  };
  checked("client", {"id", "secret", "assertion", "authentication"}, {});
  checked("request", {"encoding"}, {});
  checked("endpoints", {"token", "revocation", "introspection"}, {});
  checked("subject", {"token", "type"}, {"token", "type"});
  checked("actor", {"token", "type"}, {"token", "type"});
  for (const char* name : {"issuers", "scopes", "audiences"}) {
    const YamlNode* n = m.get(name);
    if (n == nullptr) continue;
    if (n->type != YamlNode::Type::sequence) error(*n, "`" + std::string(name) + "` takes a list");
    pairs.emplace_back(name, data(*n, owner));
  }
  for (const char* name : {"grant", "username", "password"})
    if (const YamlNode* n = m.get(name); n != nullptr && text(*n, name)) pairs.emplace_back(name, data(*n, owner));
  return object_template(std::move(pairs));
}

}  // namespace perdure::loaders
