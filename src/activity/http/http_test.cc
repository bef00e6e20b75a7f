#include "activity/http/http.h"

#include <gtest/gtest.h>
#include <zlib.h>

#include <filesystem>
#include <thread>

#include "activity/conformance.h"
#include "activity/http/test_server.h"
#include "base/json.h"

namespace perdure::activity {
namespace {

using conformance::Answers;
using conformance::numbered;
using conformance::run_one;
using testing_http::Certificate;
using testing_http::json;
using testing_http::Reply;
using testing_http::reply;
using testing_http::Seen;
using testing_http::TestServer;
using testing_http::Then;

HttpOptions on_loopback() {
  HttpOptions options;
  options.addresses.allow_loopback = true;
  return options;
}

Task http(const std::string& url, const std::string& more = "") {
  Task task;
  task.type = "http";
  task.args = Bytes("{\"url\":" + to_json(Value(url)) + (more.empty() ? "" : ",") + more + "}");
  return task;
}

struct HttpTraits {
  TestServer server{[](const Seen& seen) { return seen.target == "/endless" ? Reply{"", Then::stall} : json("{}"); }};
  static std::unique_ptr<Driver> make() { return make_http(on_loopback()); }
  Task quick() const { return http(server.url()); }
  Task endless() const { return http(server.url("/endless")); }
  Task refused() const { return http("gopher://a.example/"); }
};

class Http : public testing::Test {
 protected:
  std::unique_ptr<Driver> driver_ = make_http(on_loopback());
  Value result_of(Task task) {
    const Outcome outcome = run_one(*driver_, std::move(task));
    EXPECT_TRUE(outcome.ok) << outcome.error.type << ": " << outcome.error.title << "\n" << outcome.error.detail;
    auto value = parse_json(outcome.ok ? outcome.result.view() : "{}");
    return value ? *value : Value();
  }
  ActivityError error_of(Task task) {
    const Outcome outcome = run_one(*driver_, std::move(task));
    EXPECT_FALSE(outcome.ok) << outcome.result.view();
    return outcome.error;
  }
};

TEST_F(Http, GivesTheFormOfTheAnswerThatIsAskedFor) {
  TestServer server([](const Seen& seen) {
    if (seen.target.starts_with("/bytes"))
      return reply(200, std::string("a\0b", 3), "Content-Type: application/octet-stream\r\n");
    if (seen.target.starts_with("/nothing")) return reply(204, "", "Content-Type: application/json\r\n");
    if (seen.target.starts_with("/moved")) return reply(302, "there", "Content-Type: text/plain\r\n");
    return reply(200, R"({"id":7})", "Content-Type: application/json\r\nSet-Cookie: s=1\r\n");
  });
  const auto get = [&](const char* path, const char* more) { return to_json(result_of(http(server.url(path), more))); };
  EXPECT_EQ(get("/", R"("output":"content")"), R"({"id":7})");
  EXPECT_EQ(get("/bytes", R"("output":"content")"), R"("YQBi")");
  EXPECT_EQ(get("/nothing", R"("output":"content")"), "null");
  EXPECT_EQ(get("/nothing", R"("output":"raw")"), R"("")");
  EXPECT_EQ(get("/", R"("output":"raw")"), R"("eyJpZCI6N30=")");
  EXPECT_EQ(get("/moved", R"("output":"content","redirects":20,"expect":"200-399")"), R"("there")");
  EXPECT_EQ(error_of(http(server.url("/moved"), R"("output":"content","redirects":0)")).status, 302);
  const Value whole = result_of(http(server.url("/a?b=1"), R"("method":"get","query":{"c":2},"output":"response",
      "headers":{"X-Own":"v"},"auth":{"bearer":"token-1"})"));
  const Value& request = *whole.find("request");
  EXPECT_EQ(request.find("method")->as_string(), "get");
  EXPECT_EQ(request.find("uri")->as_string(), server.url("/a?b=1&c=2"));
  EXPECT_EQ(request.find("headers")->find("x-own")->as_string(), "v");
  EXPECT_EQ(request.find("headers")->find("authorization")->as_string(), "***");
  EXPECT_EQ(whole.find("statusCode")->as_int(), 200);
  EXPECT_EQ(whole.find("headers")->find("content-type")->as_string(), "application/json");
  EXPECT_EQ(whole.find("headers")->find("set-cookie")->as_string(), "***");
  EXPECT_EQ(to_json(*whole.find("content")), R"({"id":7})");
  EXPECT_EQ(error_of(http(server.url(), R"("output":"contents")")).type, "validation");
}

TEST_F(Http, SendsWhatIsAskedAndGivesTheAnswer) {
  TestServer server(
      [](const Seen&) { return reply(201, R"({"id":7})", "Content-Type: application/json\r\nX-A: b\r\n"); });
  Task task =
      http(server.url("/orders?x=1"), R"("method":"POST","query":{"q":"a b"},"body":{"n":1},"headers":{"X-Own":"v"},
                   "auth":{"bearer":"tok"})");
  task.traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
  const Value result = result_of(task);
  EXPECT_EQ(
      to_json(result),
      R"({"status":201,"headers":{"content-length":"8","content-type":"application/json","x-a":"b"},"body":{"id":7}})");
  const Seen seen = server.seen().at(0);
  EXPECT_EQ(seen.method, "POST");
  EXPECT_EQ(seen.target, "/orders?x=1&q=a%20b");
  EXPECT_EQ(seen.body, R"({"n":1})");
  EXPECT_EQ(seen.headers.at("content-type"), "application/json");
  EXPECT_EQ(seen.headers.at("x-own"), "v");
  EXPECT_EQ(seen.headers.at("authorization"), "Bearer tok");
  EXPECT_EQ(seen.headers.at("idempotency-key"), "conformance:1");
  EXPECT_EQ(seen.headers.at("traceparent"), task.traceparent);
  EXPECT_EQ(seen.headers.at("user-agent"), "perdure");
  EXPECT_FALSE(seen.headers.contains("expect"));
}

TEST_F(Http, EachMethodGoesOutAsItIs) {
  TestServer server([](const Seen& seen) {
    Reply answer = reply(200, seen.method);
    if (seen.method == "HEAD") answer.raw = "HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n";
    return answer;
  });
  for (const char* method : {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PURGE"}) {
    const Value result = result_of(http(server.url(), std::string("\"method\":\"") + method + "\""));
    EXPECT_EQ(result.find("body")->as_string(), std::string(method) == "HEAD" ? "" : method);
  }
  const auto seen = server.seen();
  EXPECT_EQ(seen.at(2).headers.at("content-length"), "0");
  EXPECT_FALSE(seen.at(2).headers.contains("content-type"));
  EXPECT_FALSE(seen.at(0).headers.contains("content-length"));
}

TEST_F(Http, TextBodiesKeepTheirBytesAndHaveNoMadeUpType) {
  TestServer server([](const Seen& seen) { return reply(200, seen.body, "Content-Type: text/plain\r\n"); });
  const std::string large(3'000'000, 'x');
  EXPECT_EQ(result_of(http(server.url(), R"("method":"PUT","body":")" + large + "\"")).find("body")->as_string(),
            large);
  EXPECT_FALSE(server.seen().at(0).headers.contains("content-type"));
}

TEST_F(Http, ConnectionsAreReused) {
  TestServer server([](const Seen&) { return json("{}"); });
  for (int i = 0; i < 5; ++i) result_of(http(server.url()));
  for (const Seen& seen : server.seen()) EXPECT_EQ(seen.connection, 1);
}

TEST_F(Http, MoreThanItsPlacesWaitAndAreServed) {
  TestServer server([](const Seen&) { return json("{}"); });
  HttpOptions options = on_loopback();
  options.concurrency = 2;
  auto narrow = make_http(options);
  Answers answers;
  for (std::uint64_t seq = 1; seq <= 100; ++seq) {
    narrow->start(numbered(http(seq % 10 == 0 ? "http://10.0.0.1/" : server.url()), seq),
                  answers.expect(CommandId{seq}));
  }
  ASSERT_TRUE(answers.wait_all());
  for (std::uint64_t seq = 1; seq <= 100; ++seq) {
    EXPECT_EQ(answers.of(seq).ok, seq % 10 != 0) << seq << answers.of(seq).error.title;
  }
  for (const Seen& seen : server.seen()) EXPECT_LE(seen.connection, 2);
}

TEST_F(Http, RefusalsCarryStatusClassAndWait) {
  TestServer server([](const Seen& seen) {
    return reply(std::stoi(seen.target.substr(1)), "told you: Bearer sesame", "Retry-After: 3\r\n");
  });
  const ActivityError error =
      error_of(http(server.url("/503?key=canary"), R"("auth":{"bearer":"sesame"},"query":{"t":"canary"})"));
  EXPECT_EQ(error.type, "http.503");
  EXPECT_EQ(error.error_class, ErrorClass::throttled);
  EXPECT_EQ(error.retry_after_ms, 3000);
  EXPECT_EQ(error.title, "GET " + server.url("/503") + " answered 503 Reason");
  EXPECT_EQ(error.detail, "told you: ***");
  EXPECT_EQ(error_of(http(server.url("/404"))).error_class, ErrorClass::fatal);
  EXPECT_EQ(error_of(http(server.url("/200"), R"("expect":[201])")).type, "http.200");
  EXPECT_EQ(result_of(http(server.url("/404"), R"("expect":["2xx",404])")).find("status")->as_int(), 404);
}

TEST_F(Http, ConnectionsThatAreRefusedAreRetried) {
  std::string gone;
  {
    TestServer server([](const Seen&) { return json("{}"); });
    gone = server.url("/path?secret=1", "127.0.0.1");
  }
  const ActivityError error = error_of(http(gone, R"("method":"POST")"));
  EXPECT_EQ(error.type, "http.connect");
  EXPECT_EQ(error.error_class, ErrorClass::recoverable);
  EXPECT_EQ(error.title.find("secret"), std::string::npos);
  const ActivityError name = error_of(http("http://no-such-host.invalid/"));
  EXPECT_EQ(name.type, "http.connect");
  EXPECT_EQ(name.error_class, ErrorClass::recoverable);
}

TEST_F(Http, AHandshakeThatBreaksIsNoVerdictOnTheCertificate) {
  const int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  ASSERT_EQ(bind(listener, reinterpret_cast<sockaddr*>(&address), size), 0);
  ASSERT_EQ(listen(listener, 8), 0);
  getsockname(listener, reinterpret_cast<sockaddr*>(&address), &size);
  for (const bool hard : {false, true}) {
    std::thread server([&] {
      const int fd = accept(listener, nullptr, nullptr);
      char hello[1];
      recv(fd, hello, 1, 0);
      const linger now{hard ? 1 : 0, 0};
      setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
      close(fd);
    });
    const ActivityError error =
        error_of(http("https://127.0.0.1:" + std::to_string(ntohs(address.sin_port)), R"("method":"POST")"));
    server.join();
    EXPECT_EQ(error.type, "http.connect") << error.title;
    EXPECT_EQ(error.error_class, ErrorClass::recoverable);
  }
  close(listener);
}

TEST_F(Http, LostConnectionsAreClassedByTheMethod) {
  TestServer server([](const Seen& seen) {
    if (seen.target == "/reset") return Reply{"", Then::reset};
    if (seen.target == "/half") return Reply{"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf", Then::close};
    return Reply{"", Then::close};
  });
  for (const char* path : {"/close", "/reset", "/half"}) {
    for (const char* method : {"GET", "PUT", "DELETE"}) {
      const ActivityError error = error_of(http(server.url(path), std::string("\"method\":\"") + method + "\""));
      EXPECT_EQ(error.type, "http.connect") << path << method;
      EXPECT_EQ(error.error_class, ErrorClass::recoverable) << path << method;
    }
    for (const char* more : {R"("method":"POST","body":"x")", R"("method":"POST")", R"("method":"PATCH","body":"x")"}) {
      EXPECT_EQ(error_of(http(server.url(path), more)).error_class, ErrorClass::ambiguous) << path << more;
    }
  }
}

// libcurl sends a request again when a connection it kept turns out to be dead. A POST must not be doubled that way.
TEST_F(Http, APostOnADeadConnectionIsNotSentTwice) {
  std::atomic<int> posts{0};
  TestServer server([&posts](const Seen& seen) {
    if (seen.method == "GET") return json("{}");
    ++posts;
    return Reply{"", Then::close};  // it took effect, and the answer is lost
  });
  for (const char* more : {R"("method":"POST")", R"("method":"POST","body":"x")", R"("method":"PATCH","body":{}})"}) {
    posts = 0;
    result_of(http(server.url()));  // leaves a connection to reuse
    std::string args = more;
    if (args.ends_with("}}")) args.pop_back();
    EXPECT_EQ(error_of(http(server.url(), args)).error_class, ErrorClass::ambiguous) << more;
    EXPECT_EQ(posts, 1) << more;
  }
}

TEST_F(Http, TimeLimitsEndWhatHangs) {
  TestServer server([](const Seen& seen) {
    if (seen.target == "/body") return Reply{"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nsome", Then::stall};
    if (seen.target == "/headers") return Reply{"HTTP/1.1 200 OK\r\nX-Slow: ", Then::stall};
    return Reply{"", Then::stall};
  });
  for (const char* path : {"/silent", "/headers", "/body"}) {
    const ActivityError get = error_of(http(server.url(path), R"("timeout":"40ms")"));
    EXPECT_EQ(get.type, "timeout.start_to_close") << path;
    EXPECT_EQ(get.error_class, ErrorClass::recoverable) << path;
    EXPECT_EQ(get.title, "GET " + server.url(path) + " was not answered within 40ms");
    const ActivityError post = error_of(http(server.url(path), R"("method":"POST","timeout":"40ms")"));
    EXPECT_EQ(post.error_class, ErrorClass::ambiguous) << path;
  }
  Task silent = http(server.url("/body"));
  silent.heartbeat_ms = 40;
  EXPECT_EQ(error_of(silent).type, "timeout.heartbeat");
}

TEST_F(Http, CancelIsCertainOnlyForSafeMethods) {
  TestServer server([](const Seen&) { return Reply{"", Then::stall}; });
  for (const bool post : {false, true}) {
    Answers answers;
    driver_->start(numbered(http(server.url(), post ? R"("method":"POST")" : ""), 1), answers.expect(CommandId{1}));
    while (server.seen().size() < (post ? 2u : 1u)) std::this_thread::yield();
    driver_->cancel({"default", "conformance"}, CommandId{1});
    ASSERT_TRUE(answers.wait_all());
    EXPECT_EQ(answers.of(1).error.type, "cancelled");
    EXPECT_EQ(answers.of(1).error.error_class, post ? ErrorClass::ambiguous : ErrorClass::fatal);
  }
}

TEST_F(Http, LargeAnswersAndHeaderFloodsAreRefused) {
  TestServer server([](const Seen& seen) {
    const std::string body(200'000, 'x');
    if (seen.target == "/told") return reply(200, body);
    if (seen.target == "/untold") return Reply{"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + body, Then::close};
    if (seen.target == "/refusal") return reply(500, body);
    if (seen.target == "/endless-header")
      return Reply{"HTTP/1.1 200 OK\r\nX: " + std::string(1'000'000, 'h'), Then::stall};
    std::string flood = "HTTP/1.1 200 OK\r\n";
    for (int i = 0; i < 5000; ++i) flood += "X-" + std::to_string(i) + ": y\r\n";
    return Reply{flood, Then::stall};
  });
  for (const char* path : {"/told", "/untold"}) {
    const ActivityError error = error_of(http(server.url(path), R"("max_body":100000)"));
    EXPECT_EQ(error.type, "http.body_too_large") << path;
    EXPECT_EQ(error.error_class, ErrorClass::fatal);
    EXPECT_EQ(error.title, "GET " + server.url(path) + " answered with more than 100000 bytes");
    EXPECT_EQ(result_of(http(server.url(path), R"("max_body":200000)")).find("body")->size(), 200'000u);
  }
  EXPECT_EQ(error_of(http(server.url("/refusal"), R"("max_body":100000)")).type, "http.500");
  EXPECT_EQ(error_of(http(server.url("/flood"))).type, "http.headers_too_large");
  const ActivityError endless = error_of(http(server.url("/endless-header"), R"("timeout":"5s")"));
  EXPECT_TRUE(endless.type == "http.headers_too_large" || endless.type == "http.connect") << endless.type;
}

TEST_F(Http, CompressedBombsStopAtTheLimit) {
  const std::string zeros(20'000'000, '\0');
  std::string bomb(100'000, '\0');
  uLongf size = bomb.size();
  ASSERT_EQ(compress(reinterpret_cast<Bytef*>(bomb.data()), &size, reinterpret_cast<const Bytef*>(zeros.data()),
                     zeros.size()),
            Z_OK);
  bomb.resize(size);
  TestServer server([&bomb](const Seen& seen) {
    EXPECT_NE(seen.headers.at("accept-encoding").find("deflate"), std::string::npos);
    return reply(200, seen.target == "/bomb" ? bomb : "no such encoding", "Content-Encoding: deflate\r\n");
  });
  EXPECT_EQ(error_of(http(server.url("/bomb"), R"("max_body":1000000)")).type, "http.body_too_large");
  EXPECT_EQ(error_of(http(server.url("/broken"))).type, "http.connect");
}

TEST_F(Http, NonsenseInPlaceOfHttpIsAnError) {
  TestServer server([](const Seen& seen) {
    if (seen.target == "/9") return Reply{"hello\n", Then::close};
    if (seen.target == "/binary") return Reply{std::string("\0\xff\x01\r\n\r\n", 7), Then::close};
    return Reply{"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n", Then::close};
  });
  for (const char* path : {"/9", "/binary", "/length"})
    EXPECT_EQ(error_of(http(server.url(path))).type, "http.connect") << path;
}

}  // namespace

namespace conformance {
INSTANTIATE_TYPED_TEST_SUITE_P(Http, DriverConformance, HttpTraits);
}
}  // namespace perdure::activity
