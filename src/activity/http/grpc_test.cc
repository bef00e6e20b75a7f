#include "activity/http/grpc.h"

#include <gtest/gtest.h>

#include "activity/conformance.h"
#include "activity/http/http.h"
#include "activity/http/test_server.h"
#include "base/json.h"

namespace perdure::activity {
namespace {

using conformance::run_one;
using testing_http::reply;
using testing_http::Seen;
using testing_http::TestServer;

constexpr const char* k_greet = R"(syntax = "proto3";
package greet;
import "google/protobuf/timestamp.proto";
import "common/person.proto";
service Greeter {
  rpc Hello(Request) returns (Reply);
  rpc Hellos(Request) returns (stream Reply);
}
message Request { common.Person person = 1; int32 count = 2; google.protobuf.Timestamp sent_at = 3; bytes raw = 4; }
message Reply { string message = 1; int64 total_calls = 2; repeated string tags = 3; Kind kind = 4; Reply inner = 5; }
enum Kind { NONE = 0; SOME = 1; }
)";
constexpr const char* k_person = "syntax = \"proto3\"; package common; message Person { string first_name = 1; }";

std::shared_ptr<const Proto> greeter() {
  auto made = Proto::make({{"", k_greet}, {"common/person.proto", k_person}});
  EXPECT_TRUE(made) << made.error().message;
  return *made;
}
Value value(std::string_view json) { return *parse_json(json); }

Task task(const std::string& arguments) {
  Task task;
  task.type = "grpc";
  task.args = Bytes(arguments);
  task.idempotency_key = "key";
  return task;
}
std::string call_of(const std::string& port = R"(,"port":50051)", const std::string& more = "") {
  return R"({"proto":{"content":"syntax = \"proto3\"; message A { string b = 1; } service S { rpc M(A) returns (A); }"},)"
         R"("service":{"name":"S","host":"127.0.0.1")" +
         port + R"(},"method":"M")" + more + "}";
}

TEST(Proto, NamesWhatAFileImportsButForWhatIsBuiltIn) {
  EXPECT_EQ(*Proto::imports_of(k_greet), std::vector<std::string>{"common/person.proto"});
}

TEST(Proto, MessagesGoThereAndBack) {
  const auto proto = greeter();
  const auto method = proto->find("greet.Greeter", "Hello");
  ASSERT_TRUE(method) << method.error().message;
  EXPECT_FALSE(method->many_answers);
  EXPECT_TRUE(proto->find("Greeter", "Hellos")->many_answers);  // also without its package
  const auto bytes = proto->encode(*method, value(R"({"person":{"firstName":"Ann"},"count":7})"));
  ASSERT_TRUE(bytes) << bytes.error().message;
  EXPECT_EQ(*bytes, std::string("\x0a\x05\x0a\x03"
                                "Ann\x10\x07"));
  EXPECT_EQ(*proto->encode(*method, value(R"({"person":{"first_name":"Ann"},"count":7})")), *bytes);
  // What is not in the message has its default; 64 bits are text, as JSON's numbers have 53.
  EXPECT_EQ(to_json(*proto->decode(*method, std::string_view("\x0a\x02hi\x10\x09", 6))),
            R"({"message":"hi","totalCalls":"9","tags":[],"kind":"NONE"})");
}

TEST(Proto, SaysWhatDoesNotFit) {
  const auto proto = greeter();
  const auto method = *proto->find("greet.Greeter", "Hello");
  const auto why = [&](std::string_view json) { return proto->encode(method, value(json)).error().message; };
  EXPECT_NE(why(R"({"persn":{}})").find("persn"), std::string::npos) << why(R"({"persn":{}})");
  EXPECT_NE(why(R"({"count":"many"})").find("count"), std::string::npos) << why(R"({"count":"many"})");
  EXPECT_FALSE(proto->decode(method, "\xff\xff\xff"));
  EXPECT_EQ(proto->find("greet.Greter", "Hello").error().message,
            "there is no service 'greet.Greter'; did you mean 'greet.Greeter'?");
  EXPECT_EQ(proto->find("greet.Greeter", "Helo").error().message,
            "the service 'greet.Greeter' has no method 'Helo'; did you mean 'Hello'?");
}

TEST(Proto, RefusesWhatItCanNotRead) {
  const auto why = [](const std::string& text) {
    const auto made = Proto::make({{"", text}});
    return made ? "made" : made.error().message;
  };
  EXPECT_EQ(why("syntax = \"proto3\"; message {"), "line 1, column 28: Expected message name.");
  EXPECT_EQ(why("syntax = \"proto3\"; message A { B b = 1; }"), "A.b: \"B\" is not defined.");
  EXPECT_EQ(why("import \"b.proto\";"), "'b.proto' is imported and not there");
  std::string deep = "syntax = \"proto3\";";
  for (int i = 0; i < 10'000; ++i) deep += "message A {";
  EXPECT_EQ(why(deep), "it nests deeper than 64 levels");
  EXPECT_EQ(why(std::string(2 << 20, ' ')), "it has more than 1048576 bytes");
  const auto round = Proto::make({{"", "import \"a.proto\";"}, {"a.proto", "import \"a.proto\";"}});
  EXPECT_EQ(round.error().message, "'a.proto' imports itself");
}

TEST(Grpc, FramesAreCutWhereTheyEnd) {
  EXPECT_EQ(grpc_frame("abc"), std::string("\0\0\0\0\3abc", 8));
  const std::string two = grpc_frame("abc") + grpc_frame("");
  const auto messages = grpc_messages(two);
  ASSERT_TRUE(messages);
  EXPECT_EQ(*messages, (std::vector<std::string_view>{"abc", ""}));
  for (const auto& bad : {std::string("\0\0\0", 3), std::string("\0\0\0\0\4abc", 8), std::string("\1\0\0\0\0", 5),
                          std::string("\0\xff\xff\xff\xff", 5)})
    EXPECT_FALSE(grpc_messages(bad));
}

TEST(Grpc, GoesByTlsWhereThePortIsThatOfHttps) {
  const auto url = [](const std::string& port) {
    return std::string(std::get<GrpcCall>(read_grpc_call(task(call_of(port)))).request.find("url")->as_string());
  };
  EXPECT_EQ(url(""), "https://127.0.0.1:443");
  EXPECT_EQ(url(R"(,"port":443)"), "https://127.0.0.1:443");
  EXPECT_EQ(url(R"(,"port":50051)"), "http://127.0.0.1:50051");
}

TEST(Grpc, AHostIsNoWayToAnotherPlace) {
  Task bad = task(R"({"proto":{"content":""},"service":{"name":"S","host":"a/b@c"},"method":"M"})");
  const auto outcome = std::get<Outcome>(read_grpc_call(bad));
  EXPECT_EQ(outcome.error.type, "validation");
  EXPECT_NE(outcome.error.title.find("is no name of a host"), std::string::npos) << outcome.error.title;
}

TEST(Grpc, TheRequestCarriesItsTimeAndItsKey) {
  const auto call = std::get<GrpcCall>(read_grpc_call(task(call_of("", R"(,"arguments":{"b":"x"})"))));
  const auto proto = *Proto::make({{"", *call.proto.content}});
  const auto made = method_request(task(""), proto, call, 1500, "agent");
  const auto* request = std::get_if<HttpRequest>(&made);
  ASSERT_NE(request, nullptr) << std::get<Outcome>(made).error.detail;
  EXPECT_EQ(request->url.text(), "https://127.0.0.1:443/S/M");
  EXPECT_TRUE(request->http2);
  EXPECT_EQ(*request->body, std::string("\0\0\0\0\3\x0a\1x", 8));
  const auto header = [&](std::string_view name) {
    for (const auto& one : request->headers)
      if (one.name == name) return one.value;
    return std::string("none");
  };
  EXPECT_EQ(header("grpc-timeout"), "1500m");
  EXPECT_EQ(header("Idempotency-Key"), "key");
  EXPECT_EQ(header("TE"), "trailers");
}

TEST(Grpc, StatusesAreErrorsOfTheirClass) {
  const auto call = std::get<GrpcCall>(read_grpc_call(task(call_of())));
  const auto proto = *Proto::make({{"", *call.proto.content}});
  const auto method = *proto->find("S", "M");
  const auto outcome = [&](std::vector<std::pair<std::string, std::string>> headers, std::string body = "") {
    HttpResponse response;
    response.headers = std::move(headers);
    response.body = std::move(body);
    return grpc_outcome(call, *proto, method, response);
  };
  EXPECT_EQ(outcome({{"grpc-status", "0"}}, grpc_frame("\x0a\1y")).result.view(), R"({"b":"y"})");
  const auto error = outcome({{"grpc-status", "5"}, {"grpc-message", "no %C3%BC%zz"}}).error;
  EXPECT_EQ(error.type, "grpc.NOT_FOUND");
  EXPECT_EQ(error.title, "grpc S/M on 127.0.0.1:50051 answered NOT_FOUND: no ü%zz");
  EXPECT_EQ(error.status, 404);
  EXPECT_EQ(error.error_class, ErrorClass::fatal);
  const auto busy = outcome({{"grpc-status", "8"}, {"grpc-retry-pushback-ms", "250"}}).error;
  EXPECT_EQ(busy.error_class, ErrorClass::throttled);
  EXPECT_EQ(busy.retry_after_ms, 250);
  EXPECT_EQ(outcome({{"grpc-status", "14"}}).error.error_class, ErrorClass::recoverable);
  EXPECT_EQ(outcome({{"grpc-status", "4"}}).error.error_class, ErrorClass::ambiguous);
  EXPECT_EQ(outcome({{"grpc-status", "99"}}).error.type, "grpc.UNKNOWN");
  for (const auto& bad :
       {outcome({}), outcome({{"grpc-status", "x"}}), outcome({{"grpc-status", "0"}}),
        outcome({{"grpc-status", "0"}}, "junk"), outcome({{"grpc-status", "0"}}, grpc_frame("\xff\xff"))})
    EXPECT_EQ(bad.error.type, "grpc.answer") << bad.error.title;
}

TEST(Grpc, FilesAreFetchedWithWhatTheyImport) {
  TestServer server([](const Seen& seen) {
    if (seen.target == "/p/greet.proto") return reply(200, k_greet);
    if (seen.target == "/p/common/person.proto") return reply(200, k_person);
    return reply(404);
  });
  HttpOptions options;
  options.addresses.allow_loopback = true;
  const auto driver = make_http(options);
  const auto call = [&](const std::string& file, const std::string& method) {
    return run_one(*driver, task(R"({"proto":{"endpoint":")" + server.url(file) +
                                 R"("},"service":{"name":"greet.Greeter","host":"127.0.0.1","port":1},"method":")" +
                                 method + "\"}"));
  };
  EXPECT_EQ(call("/p/greet.proto", "Nothing").error.type, "grpc.request");
  EXPECT_EQ(server.seen().size(), 2U);
  EXPECT_EQ(call("/p/greet.proto", "Hello").error.type, "http.connect");  // known; nobody listens there
  EXPECT_EQ(server.seen().size(), 2U);
  EXPECT_EQ(call("/p/none.proto", "Hello").error.type, "http.404");
}

TEST(Grpc, ImportsStayInTheirFolder) {
  for (const char* path : {"../a.proto", "/etc/passwd", "http://a.example/x.proto"}) {
    ProtoFiles files{Resource{}};
    EXPECT_FALSE(files.add("import \"" + std::string(path) + "\";")) << path;
  }
}

TEST(Grpc, TheGuardHoldsForCallsToo) {
  const auto closed = make_http({});
  EXPECT_EQ(run_one(*closed, task(call_of())).error.type, "http.blocked");
}

}  // namespace
}  // namespace perdure::activity
