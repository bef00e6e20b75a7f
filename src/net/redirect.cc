#include "net/redirect.h"

#include <algorithm>
#include <array>

namespace perdure::net {

bool is_redirect(int status) {
  return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

Status check_redirect(const Origin& from, const Origin& to) {
  if (to.scheme != "http" && to.scheme != "https") {
    return fail(ErrorCode::invalid, "a redirect to '" + to.scheme + ":' is not followed; only http and https are");
  }
  if (from.scheme == "https" && to.scheme == "http") {
    return fail(ErrorCode::invalid, "a redirect from https to http (" + to.host + ") is not followed");
  }
  return {};
}

std::string method_after_redirect(int status, std::string_view method) {
  if (status == 303 && method != "HEAD") return "GET";
  if ((status == 301 || status == 302) && method == "POST") return "GET";
  return std::string(method);
}

bool carries_credentials(std::string_view header_name) {
  static constexpr std::array<std::string_view, 9> k_marks = {"auth",     "cookie",  "token",     "secret",    "key",
                                                              "password", "session", "signature", "credential"};
  std::string name(header_name);
  std::transform(name.begin(), name.end(), name.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  if (name == "idempotency-key") return false;
  return std::any_of(k_marks.begin(), k_marks.end(),
                     [&name](std::string_view mark) { return name.find(mark) != std::string::npos; });
}

}  // namespace perdure::net
