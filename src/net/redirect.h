#pragma once
// The rules for following an HTTP redirect by hand: what may be followed, with which method, and which headers may go
// along. Pure. The address guard is applied besides, to every connection.
#include <string>
#include <string_view>

#include "base/result.h"

namespace perdure::net {

// Scheme and host in lower case, port explicit.
struct Origin {
  std::string scheme;
  std::string host;
  int port = 0;
  friend bool operator==(const Origin&, const Origin&) = default;
};

bool is_redirect(int status);  // 301, 302, 303, 307, 308

// Error `invalid` for a scheme other than http and https, and for a step from https down to http.
Status check_redirect(const Origin& from, const Origin& to);

// 303 turns everything but HEAD into GET, 301 and 302 turn POST into GET, as browsers do; 307 and 308 keep the method
// and the body. A method that was turned loses its body.
std::string method_after_redirect(int status, std::string_view method);

// Whether a request header is likely to carry a secret, and so must not go to another origin nor be printed:
// Authorization, Cookie, and names that contain token, secret, key, auth, password, session, signature, credential.
// Idempotency-Key does not.
bool carries_credentials(std::string_view header_name);

}  // namespace perdure::net
