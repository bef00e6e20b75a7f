#pragma once
// What an http task asks for, from its arguments.
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "activity/activity.h"
#include "activity/http/token.h"
#include "activity/http/url.h"

namespace perdure::activity {

struct HttpHeader {
  std::string name;
  std::string value;
  bool secret = false;  // not for another origin, nor for messages
};

// Answers to a challenge of the server (RFC 7616).
struct Digest {
  std::string username;
  std::string password;
};

struct StatusRange {
  int low;
  int high;
};

// What of the answer becomes the step's output.
enum class HttpOutput {
  whole,     // {status, headers, body}
  content,   // the body as a value
  raw,       // the body's bytes as base64
  response,  // {request, statusCode, headers, content}
  bytes,     // the body as it is, no JSON: for the driver itself
};

struct HttpResponse;
class Inbox;

struct HttpRequest {
  std::string method = "GET";
  Url url;
  std::vector<HttpHeader> headers;
  std::optional<std::string> body;
  std::vector<StatusRange> expect{{200, 299}};
  DurationMs timeout_ms = 0;  // 0: not told
  int redirects = 5;
  HttpOutput output = HttpOutput::whole;
  std::string asked_method;   // as the workflow wrote it
  std::int64_t max_body = 0;  // 0: the driver's
  std::string proxy;          // empty: the driver's
  bool http2 = false;         // and nothing else; known beforehand where there is no TLS to agree on it
  // What an expected answer means, where it is more than `output` says.
  std::function<Outcome(const HttpResponse&)> read_answer = {};
  bool websocket = false;             // `body` is the one message to send by it, if there is one
  std::shared_ptr<Inbox> inbox = {};  // what comes is messages for it, as long as it comes

  bool expects(int status) const;
  std::optional<TokenGrant> grant;  // a token is to be fetched first
  std::optional<Digest> digest;

  // Texts that no message may show.
  std::vector<std::string> secrets() const;
};

std::string base64(std::string_view bytes);

// Asking twice has no more effect than asking once (RFC 9110); whether it has none at all.
bool is_idempotent(std::string_view method);
bool is_safe(std::string_view method);

// The request, or the outcome `validation`.
std::variant<HttpRequest, Outcome> read_request(const Task& task, std::string_view user_agent);

}  // namespace perdure::activity
