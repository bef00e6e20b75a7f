#pragma once
// What a `grpc` task asks for: a method of a service that .proto files describe, which becomes an HTTP/2 request; and
// what its answer means. Pure.
#include <functional>
#include <list>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

#include "activity/activity.h"
#include "activity/http/proto.h"
#include "activity/http/request.h"
#include "activity/http/resource.h"
#include "activity/http/response.h"
#include "base/value.h"

namespace perdure::activity {

struct GrpcCall {
  Resource proto;
  std::string service, method;
  Value arguments = Value::object();
  Value request = Value::object();  // arguments of the http request: where, and who asks
  std::string what;                 // "grpc greet.Greeter/SayHello on host:port", for messages
};

// The call, or the outcome `validation`.
std::variant<GrpcCall, Outcome> read_grpc_call(const Task& task);

// The files of a service, gathered one after the other: the one asked for, then what it imports, relative to that.
class ProtoFiles {
 public:
  explicit ProtoFiles(Resource root) : root_(std::move(root)) {}
  // What to get next; nothing when all are there. Errors: invalid.
  Result<std::optional<Resource>> next() const;
  Status add(std::string text);  // of what next() gave. Errors: invalid, exhausted
  const Proto::Files& files() const { return files_; }

 private:
  Resource root_;
  Proto::Files files_;
  std::vector<std::string> wanted_{""};  // paths, next at the end
};

// The request for the method, or the outcome `grpc.request`. `left_ms`: the task's time; it goes along as grpc-timeout.
std::variant<HttpRequest, Outcome> method_request(const Task& task, const std::shared_ptr<const Proto>& proto,
                                                  const GrpcCall& call, DurationMs left_ms,
                                                  std::string_view user_agent);
Outcome bad_proto(const GrpcCall& call, const std::string& why);  // `grpc.proto`

// What became of a method's request: its message, or all of them in a list when the server streams; or the error
// `grpc.CODE`, classed by the code.
Outcome grpc_outcome(const GrpcCall& call, const Proto& proto, const ProtoMethod& method, const HttpResponse& response);
// A message as a frame, and what a body of frames has. Errors: invalid.
std::string grpc_frame(std::string_view message);
Result<std::vector<std::string_view>> grpc_messages(std::string_view body);

// The services read last; bounded.
class ProtoCache {
 public:
  std::shared_ptr<const Proto> find(const std::string& key);
  void keep(std::string key, std::shared_ptr<const Proto> proto);

 private:
  std::list<std::pair<std::string, std::shared_ptr<const Proto>>> known_;  // the one used last is first
};

}  // namespace perdure::activity
