#pragma once
// Tokens that are fetched before a request is made (OAuth 2.0; OpenID Connect for where to ask). Pure.
#include <optional>
#include <string>
#include <string_view>

#include "activity/args.h"
#include "base/result.h"
#include "base/value.h"

namespace perdure::activity {

struct TokenGrant {
  std::string endpoint;   // where tokens are given; empty: `discovery` tells
  std::string discovery;  // the provider's configuration
  Value fields = Value::object();
  bool json = false;   // the fields as JSON, else as a form
  Value client_login;  // {username, password} of client_secret_basic, else null
};

// Of `auth: {oauth2: …}` or `{oidc: …}`; mistakes are noted in `args`.
TokenGrant read_grant(Args& args, bool oidc);
// Arguments of the http request for the token, or for the configuration that says where tokens are given.
Value grant_arguments(const TokenGrant& grant, const std::string& proxy);
// Of the answers. Errors: invalid.
Result<std::string> endpoint_of(std::string_view configuration);
Result<std::string> token_of(std::string_view answer);
// `auth.token` for what stands in the way of a token; other outcomes (no time, blocked, cancelled) as they are.
Outcome no_token(const TokenGrant& grant, const Outcome& fetched);
Outcome no_token(const TokenGrant& grant, std::string_view why);

}  // namespace perdure::activity
