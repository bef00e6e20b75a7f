#pragma once
// What an `openapi` task asks for: a document (Swagger 2.0, OpenAPI 3.0 and 3.1), an operation of it, and parameters,
// which become the http request that the document describes. Pure, and total on hostile documents: references are
// followed within the document only, and their number is bounded, as is that of the parameters.
#include <functional>
#include <list>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

#include "activity/activity.h"
#include "activity/http/request.h"
#include "activity/http/resource.h"
#include "base/value.h"

namespace perdure::activity {

struct OpenApiCall {
  Resource document;
  std::string operation;
  Value parameters = Value::object();
  Value request = Value::object();  // arguments that the operation's request takes as they are: auth, output, …
};

// The call, or the outcome `validation`.
std::variant<OpenApiCall, Outcome> read_openapi_call(const Task& task);

using ReadYaml = std::function<Result<Value>(std::string_view)>;
// JSON when it begins with a brace, else YAML. Errors: invalid; unsupported for YAML without a reader.
Result<Value> read_document(std::string_view text, const ReadYaml& read_yaml);

// The arguments of the http request that the operation is. `source` is where the document is from. Errors: invalid.
Result<Value> operation_arguments(const Value& document, const Url& source, const OpenApiCall& call);
// The same as a request, or the outcome `openapi.request`.
std::variant<HttpRequest, Outcome> operation_request(const Task& task, const Value& document, const Url& source,
                                                     const OpenApiCall& call, std::string_view user_agent);
Outcome bad_document(std::string_view kind, const Resource& resource, const std::string& why);  // `KIND.document`

// The documents read last, in memory; bounded by number and by bytes.
class DocumentCache {
 public:
  const Value* find(const std::string& key);  // valid until keep()
  void keep(std::string key, Value document);

 private:
  std::list<std::pair<std::string, Value>> documents_;  // the one used last is first
};

}  // namespace perdure::activity
