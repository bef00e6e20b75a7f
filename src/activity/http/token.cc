#include "activity/http/token.h"

#include <algorithm>

#include "activity/http/url.h"
#include "activity/outcome.h"
#include "base/json.h"

namespace perdure::activity {
namespace {

constexpr std::string_view k_exchange = "urn:ietf:params:oauth:grant-type:token-exchange";
constexpr std::string_view k_assertion = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
constexpr std::int64_t k_answer_bytes_max = 1 << 20;

void set(TokenGrant& grant, std::string_view name, const std::optional<std::string>& value) {
  if (value) grant.fields.set(name, Value(*value));
}

std::string spaced(const std::vector<std::string>& words) {
  std::string out;
  for (const std::string& word : words) out += (out.empty() ? "" : " ") + word;
  return out;
}

void read_client(Args& client, TokenGrant& grant) {
  const auto id = client.text("id");
  const auto secret = client.text("secret");
  const auto assertion = client.text("assertion");
  const std::string how = client.one_of(
      "authentication", {"client_secret_basic", "client_secret_post", "client_secret_jwt", "private_key_jwt", "none"},
      "client_secret_post");
  if (how == "client_secret_basic") {
    grant.client_login = Value::object({{"username", id.value_or("")}, {"password", secret.value_or("")}});
    return;
  }
  set(grant, "client_id", id);
  if (how == "client_secret_post") set(grant, "client_secret", secret);
  if (!how.ends_with("_jwt")) return;
  if (!assertion) return client.wrong("assertion", "is needed with this authentication: it is not made here");
  grant.fields.set("client_assertion_type", Value(k_assertion));
  set(grant, "client_assertion", assertion);
}

void read_party(Args& args, const std::string& name, TokenGrant& grant) {
  args.nested(name, [&](Args& party) {
    set(grant, name + "_token", party.required_text("token"));
    set(grant, name + "_token_type", party.required_text("type"));
  });
}

Result<std::string> text_in(std::string_view answer, std::string_view name) {
  const auto value = parse_json(answer);
  const Value* found = value ? value->find(name) : nullptr;
  if (found == nullptr || !found->is_string() || found->size() == 0)
    return fail(ErrorCode::invalid, "its answer has no " + std::string(name));
  return std::string(found->as_string());
}

}  // namespace

TokenGrant read_grant(Args& args, bool oidc) {
  TokenGrant grant;
  std::string authority = args.required_text("authority");
  while (authority.ends_with('/')) authority.pop_back();
  const std::string kind = args.required_text("grant");
  if (kind != "client_credentials" && kind != "password" && kind != k_exchange && !kind.empty())
    args.wrong("grant", "must be client_credentials, password or " + std::string(k_exchange));
  set(grant, "grant_type", kind);
  args.nested("client", [&grant](Args& client) { read_client(client, grant); });
  args.nested("request", [&grant](Args& request) {
    grant.json = request.one_of("encoding", {"application/x-www-form-urlencoded", "application/json"},
                                "application/x-www-form-urlencoded") == "application/json";
  });
  (void)args.any("issuers");  // the token's receiver judges it
  if (const auto scopes = args.texts("scopes")) set(grant, "scope", spaced(*scopes));
  if (const auto audiences = args.texts("audiences")) set(grant, "audience", spaced(*audiences));
  set(grant, "username", args.text("username"));
  set(grant, "password", args.text("password"));
  read_party(args, "subject", grant);
  read_party(args, "actor", grant);
  if (oidc) {
    grant.discovery = authority + "/.well-known/openid-configuration";
    return grant;
  }
  std::string endpoint = "/oauth2/token";
  args.nested("endpoints", [&endpoint](Args& endpoints) {
    endpoint = endpoints.text("token").value_or(endpoint);
    (void)endpoints.any("revocation");
    (void)endpoints.any("introspection");
  });
  const bool absolute = endpoint.find("://") != std::string::npos;
  grant.endpoint = absolute ? endpoint : authority + (endpoint.starts_with('/') ? "" : "/") + endpoint;
  return grant;
}

Value grant_arguments(const TokenGrant& grant, const std::string& proxy) {
  Value headers = Value::object({{"Accept", "application/json"}});
  Value arguments = Value::object({{"max_body", k_answer_bytes_max}});
  if (!proxy.empty()) arguments.set("proxy", Value(proxy));
  if (grant.endpoint.empty()) {
    arguments.set("url", Value(grant.discovery));
    arguments.set("headers", std::move(headers));
    return arguments;
  }
  std::string form;
  for (const auto& [name, value] : grant.fields.members())
    form += (form.empty() ? "" : "&") + percent_encoded(name.as_string()) + "=" + percent_encoded(value.as_string());
  headers.set("Content-Type", Value(grant.json ? "application/json" : "application/x-www-form-urlencoded"));
  arguments.set("url", Value(grant.endpoint));
  arguments.set("method", Value("POST"));
  arguments.set("headers", std::move(headers));
  arguments.set("body", Value(grant.json ? to_json(grant.fields) : form));
  arguments.set("redirects", 0);  // no secrets to where an answer points
  if (!grant.client_login.is_null()) arguments.set("auth", Value::object({{"basic", grant.client_login}}));
  return arguments;
}

Result<std::string> endpoint_of(std::string_view configuration) { return text_in(configuration, "token_endpoint"); }
Result<std::string> token_of(std::string_view answer) {
  PERDURE_TRY(token, text_in(answer, "access_token"));
  const auto plain = [](char c) { return c > ' ' && c < '\x7f'; };
  if (!std::all_of(token.begin(), token.end(), plain))
    return fail(ErrorCode::invalid, "its access_token can't be sent: it has spaces or control characters");
  return token;
}

Outcome no_token(const TokenGrant& grant, const Outcome& fetched) {
  const ActivityError& error = fetched.error;
  const bool http = error.type.starts_with("http.") || error.type == "validation";
  if (!http || error.type == "http.blocked") return fetched;
  Outcome outcome = no_token(grant, error.status != 0 ? "the answer was " + std::to_string(error.status) : error.title);
  // Asking for a token is no effect of the step.
  outcome.error.error_class = error.error_class == ErrorClass::ambiguous ? ErrorClass::recoverable : error.error_class;
  outcome.error.retry_after_ms = error.retry_after_ms;
  return outcome;
}

Outcome no_token(const TokenGrant& grant, std::string_view why) {
  const std::string& at = grant.endpoint.empty() ? grant.discovery : grant.endpoint;
  const auto url = Url::parse(at);
  return failure({.type = "auth.token",
                  .title = "no token from " + (url ? url->printable() : "its authority") + ": " + std::string(why),
                  .error_class = ErrorClass::fatal});
}

}  // namespace perdure::activity
