// What must not be reachable: addresses inside, plain text behind TLS, unverified servers, secrets at another origin.
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>

#include "activity/conformance.h"
#include "activity/http/http.h"
#include "activity/http/test_server.h"
#include "base/json.h"

namespace perdure::activity {
namespace {

using conformance::run_one;
using testing_http::Certificate;
using testing_http::json;
using testing_http::Reply;
using testing_http::reply;
using testing_http::Seen;
using testing_http::TestServer;

Task http(const std::string& url, const std::string& more = "") {
  Task task;
  task.type = "http";
  task.args = Bytes("{\"url\":" + to_json(Value(url)) + (more.empty() ? "" : ",") + more + "}");
  return task;
}
Reply redirect(int status, const std::string& location) { return reply(status, "", "Location: " + location + "\r\n"); }

HttpOptions with(bool loopback) {
  HttpOptions options;
  options.addresses.allow_loopback = loopback;
  return options;
}

TEST(HttpGuard, AddressesInsideAreBlockedHoweverTheyAreWritten) {
  TestServer server([](const Seen&) { return json("{}"); });
  auto driver = make_http(with(false));
  const std::string port = ":" + std::to_string(server.port());
  for (const std::string host :
       {"127.0.0.1",       "localhost", "LocalHost",  "2130706433",         "0x7f.1",
        "0177.0.0.1",      "127.1",     "[::1]",      "[::ffff:127.0.0.1]", "[64:ff9b::7f00:1]",
        "0.0.0.0",         "0",         "10.0.0.1",   "192.168.0.1",        "169.254.169.254",
        "[fd00:ec2::254]", "[fe80::1]", "100.64.0.1", "224.0.0.1",          "[2002:7f00:1::]"}) {
    const Outcome outcome = run_one(*driver, http("http://" + host + port + "/"));
    EXPECT_EQ(outcome.error.type, "http.blocked") << host << " " << outcome.error.title;
    EXPECT_EQ(outcome.error.error_class, ErrorClass::fatal) << host;
  }
  EXPECT_TRUE(server.seen().empty());
}

TEST(HttpGuard, TheMessageSaysWhyAndHowToAllow) {
  auto driver = make_http(with(false));
  EXPECT_EQ(
      run_one(*driver, http("http://10.1.2.3/x?token=canary")).error.title,
      "GET http://10.1.2.3/x is blocked: connections to 10.1.2.3 are not allowed: it is a private network address; an "
      "operator can allow private networks, or its range");
}

TEST(HttpGuard, RedirectsArePutThroughTheSameGuard) {
  std::string target;
  TestServer server([&target](const Seen&) { return redirect(302, target); });
  auto driver = make_http(with(true));
  for (const char* inside :
       {"http://10.0.0.1/", "http://169.254.169.254/latest/meta-data/", "//192.168.0.1/x", "http://[fd00::1]/",
        "file:///etc/passwd", "ftp://127.0.0.1/", "gopher://127.0.0.1/", "http://", "http://a b/"}) {
    target = inside;
    const Outcome outcome = run_one(*driver, http(server.url()));
    EXPECT_EQ(outcome.error.type, "http.blocked") << inside << " " << outcome.error.title;
  }
}

TEST(HttpGuard, RedirectsAreFollowedWithinTheirNumber) {
  TestServer server([](const Seen& seen) {
    const int left = std::stoi(seen.target.substr(1));
    return left == 0 ? json("\"" + seen.method + seen.body + "\"") : redirect(307, std::to_string(left - 1));
  });
  auto driver = make_http(with(true));
  const auto body = [&](const std::string& path, const std::string& more) {
    const Outcome outcome = run_one(*driver, http(server.url(path), more));
    return outcome.ok ? std::string(parse_json(outcome.result.view())->find("body")->as_string()) : outcome.error.type;
  };
  EXPECT_EQ(body("/0", ""), "GET");
  EXPECT_EQ(body("/5", R"("method":"POST","body":"b")"), "POSTb");
  EXPECT_EQ(body("/6", ""), "http.redirects");
  EXPECT_EQ(body("/3", R"("redirects":2)"), "http.redirects");
  EXPECT_EQ(body("/9", R"("redirects":10)"), "GET");
  EXPECT_EQ(body("/1", R"("redirects":0)"), "http.307");
}

TEST(HttpGuard, SecretsStayAtTheirOrigin) {
  TestServer other([](const Seen&) { return json("{}"); });
  TestServer server([&other](const Seen& seen) {
    return seen.target == "/away"   ? redirect(303, other.url("/landed"))
           : seen.target == "/here" ? redirect(303, "/landed")
                                    : json("{}");
  });
  auto driver = make_http(with(true));
  const std::string more =
      R"("method":"POST","body":{"a":1},"auth":{"bearer":"sesame"},"headers":{"X-Api-Key":"k","Cookie":"c=1","X-Plain":"p"})";
  ASSERT_TRUE(run_one(*driver, http(server.url("/away"), more)).ok);
  const Seen away = other.seen().at(0);
  EXPECT_EQ(away.method, "GET");
  EXPECT_EQ(away.body, "");
  for (const char* gone : {"authorization", "x-api-key", "cookie", "content-type"})
    EXPECT_FALSE(away.headers.contains(gone)) << gone;
  EXPECT_EQ(away.headers.at("x-plain"), "p");
  ASSERT_TRUE(run_one(*driver, http(server.url("/here"), more)).ok);
  EXPECT_EQ(server.seen().back().target, "/landed");
  EXPECT_EQ(server.seen().back().headers.at("authorization"), "Bearer sesame");
}

TEST(HttpGuard, AfterASeeOtherTheEffectMayHaveHappened) {
  TestServer server([](const Seen&) { return redirect(303, "http://10.0.0.1/result"); });
  auto driver = make_http(with(true));
  EXPECT_EQ(run_one(*driver, http(server.url(), R"("method":"POST")")).error.error_class, ErrorClass::ambiguous);
  EXPECT_EQ(run_one(*driver, http(server.url())).error.error_class, ErrorClass::fatal);
}

class HttpTls : public testing::Test {
 protected:
  Certificate certificate_;
  std::string ca_file_ = (std::filesystem::temp_directory_path() / ("perdure-ca-" + std::to_string(getpid()))).string();
  HttpTls() { certificate_.write_pem(ca_file_); }
  ~HttpTls() override { std::filesystem::remove(ca_file_); }
  HttpOptions trusting() const {
    HttpOptions options = with(true);
    options.ca_file = ca_file_;
    return options;
  }
};

TEST_F(HttpTls, AnUnknownCertificateIsRefused) {
  TestServer server([](const Seen&) { return json("{}"); }, &certificate_);
  auto driver = make_http(with(true));
  const ActivityError error = run_one(*driver, http(server.url())).error;
  EXPECT_EQ(error.type, "http.tls") << error.title;
  EXPECT_EQ(error.error_class, ErrorClass::fatal);
  EXPECT_TRUE(server.seen().empty());
}

TEST_F(HttpTls, AKnownOneIsAcceptedForItsNamesOnly) {
  TestServer server([](const Seen&) { return json("{}"); }, &certificate_);
  auto driver = make_http(trusting());
  EXPECT_TRUE(run_one(*driver, http(server.url())).ok);
  EXPECT_TRUE(run_one(*driver, http(server.url("/", "localhost"))).ok);
  EXPECT_EQ(run_one(*driver, http(server.url("/", "127.0.0.2"))).error.type, "http.connect");  // nobody listens there
  EXPECT_EQ(run_one(*driver, http(server.url("/", "other.localhost"))).error.type, "http.tls");
}

TEST_F(HttpTls, ConnectToLeadsAHostElsewhereUnderItsOwnNameAndPastNoGuard) {
  TestServer server([](const Seen&) { return json("{}"); }, &certificate_);
  TestServer plain([](const Seen&) { return json("{}"); });
  HttpOptions options = trusting();
  options.connect_to = {"localhost:443:127.0.0.1:" + std::to_string(server.port()),
                        "shop.invalid:443:127.0.0.1:" + std::to_string(server.port()),
                        "shop.invalid:80:127.0.0.1:" + std::to_string(plain.port())};
  auto driver = make_http(options);
  EXPECT_TRUE(run_one(*driver, http("https://localhost/")).ok);
  EXPECT_EQ(run_one(*driver, http("https://shop.invalid/")).error.type,
            "http.tls");  // the certificate is for localhost
  EXPECT_TRUE(run_one(*driver, http("http://shop.invalid/a")).ok);
  EXPECT_EQ(plain.seen().at(0).headers.at("host"), "shop.invalid");
  options.addresses.allow_loopback = false;
  EXPECT_EQ(run_one(*make_http(options), http("http://shop.invalid/a")).error.type, "http.blocked");
}

TEST_F(HttpTls, PlainTextWhereTlsIsExpectedIsNoSecureConnection) {
  TestServer plain([](const Seen&) { return json("{}"); });
  HttpOptions options = trusting();
  options.connect_timeout_ms = 50;  // that server waits for the end of a header that never comes
  auto driver = make_http(options);
  const ActivityError error = run_one(*driver, http("https://127.0.0.1:" + std::to_string(plain.port()))).error;
  EXPECT_EQ(error.type, "http.connect");
  EXPECT_EQ(error.error_class, ErrorClass::recoverable);
  EXPECT_TRUE(plain.seen().empty());
}

TEST_F(HttpTls, ARedirectNeverStepsDownToPlainText) {
  TestServer plain([](const Seen&) { return json("{}"); });
  TestServer server([&plain](const Seen&) { return redirect(302, plain.url()); }, &certificate_);
  auto driver = make_http(trusting());
  const ActivityError error = run_one(*driver, http(server.url())).error;
  EXPECT_EQ(error.type, "http.blocked");
  EXPECT_TRUE(plain.seen().empty());
}

TEST(HttpProxy, IsUsedWhenGivenAndNeverFromTheEnvironment) {
  TestServer proxy([](const Seen& seen) { return json(to_json(Value(seen.target))); });
  TestServer server([](const Seen&) { return json("\"direct\""); });
  setenv("http_proxy", proxy.url().c_str(), 1);
  setenv("all_proxy", proxy.url().c_str(), 1);
  HttpOptions options = with(true);
  auto driver = make_http(options);
  const auto body = [](Driver& d, const Task& task) {
    const Outcome outcome = run_one(d, task);
    return outcome.ok ? std::string(parse_json(outcome.result.view())->find("body")->as_string()) : outcome.error.type;
  };
  EXPECT_EQ(body(*driver, http(server.url())), "direct");
  unsetenv("http_proxy");
  unsetenv("all_proxy");
  EXPECT_EQ(body(*driver, http("http://a.example/x", R"("proxy":")" + proxy.url() + "\"")), "http://a.example/x");
  // Through a proxy the guard still judges what is written as an address; a workflow's own proxy is judged itself.
  EXPECT_EQ(body(*driver, http("http://10.0.0.1/", R"("proxy":")" + proxy.url() + "\"")), "http.blocked");
  auto strict = make_http(with(false));
  EXPECT_EQ(body(*strict, http("http://a.example/", R"("proxy":")" + proxy.url() + "\"")), "http.blocked");
  EXPECT_EQ(body(*strict, http("http://localhost/", R"("proxy":")" + proxy.url() + "\"")), "http.blocked");
  options = with(false);
  options.proxy = proxy.url();
  auto behind = make_http(options);
  EXPECT_EQ(body(*behind, http("http://a.example/x")), "http://a.example/x");
  EXPECT_EQ(body(*behind, http("http://127.0.0.1/")), "http.blocked");
}

}  // namespace
}  // namespace perdure::activity
