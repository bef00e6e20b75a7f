#pragma once
// What an `asyncapi` task asks for: a document (AsyncAPI 2.6 or 3.0), a channel or operation of it, and a message for it
// or the messages from it, which become a request over http or ws. Pure, and total on hostile documents.
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "activity/activity.h"
#include "activity/http/request.h"
#include "activity/http/resource.h"
#include "base/value.h"

namespace perdure::activity {

struct AsyncApiCall {
  Resource document;
  std::string channel, operation;  // one of them
  std::string server, protocol;    // empty: the first that fits
  Value variables = Value::object();
  bool subscribe = false;
  Value payload, headers = Value::object();  // to publish
  std::optional<Value> auth;
};

// The call, or the outcome `validation`.
std::variant<AsyncApiCall, Outcome> read_asyncapi_call(const Task& task);

// What the document says of it.
struct MessageTarget {
  Value request = Value::object();  // arguments of the http request; a web socket is asked for by GET
  bool websocket = false;
  std::string text;         // of the message to publish
  std::string correlation;  // where in a message its correlation id is: "payload/a/b"; empty: not told
};
// Errors: invalid.
Result<MessageTarget> message_target(const Value& document, const Url& source, const AsyncApiCall& call);

// The request, or the outcome `asyncapi.request`. Of a subscription it has an inbox.
std::variant<HttpRequest, Outcome> message_request(const Task& task, const Value& document, const AsyncApiCall& call,
                                                   std::string_view user_agent);

}  // namespace perdure::activity
