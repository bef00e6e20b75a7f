#include "activity/http/token.h"

#include <gtest/gtest.h>

#include "activity/conformance.h"
#include "activity/http/http.h"
#include "activity/http/test_server.h"
#include "base/json.h"

namespace perdure::activity {
namespace {

using conformance::run_one;
using testing_http::json;
using testing_http::Reply;
using testing_http::reply;
using testing_http::Seen;
using testing_http::TestServer;

// The token's request on one line, or what is wrong.
std::string asked(const std::string& json, bool oidc = false) {
  Args args("http", json);
  const TokenGrant grant = read_grant(args, oidc);
  if (const auto wrong = args.finish()) return wrong->error.detail;
  const Value request = grant_arguments(grant, "");
  const auto text = [&request](const char* name) {
    const Value* found = request.find(name);
    return found == nullptr ? "-" : found->is_string() ? std::string(found->as_string()) : to_json(*found);
  };
  return text("url") + " " + text("auth") + " " + text("body");
}

TEST(Token, IsAskedForAsThePolicySays) {
  EXPECT_EQ(asked(R"({"authority":"https://a.example/","grant":"client_credentials","client":{"id":"i d","secret":"s&"},
                      "scopes":["x","y"],"audiences":["z"]})"),
            "https://a.example/oauth2/token - "
            "grant_type=client_credentials&client_id=i%20d&client_secret=s%26&scope=x%20y&audience=z");
  EXPECT_EQ(asked(R"({"authority":"https://a.example/realm","grant":"password","username":"u","password":"p",
                      "client":{"id":"i","secret":"s","authentication":"client_secret_basic"},
                      "endpoints":{"token":"/t"},"request":{"encoding":"application/json"}})"),
            R"(https://a.example/realm/t {"basic":{"username":"i","password":"s"}} )"
            R"({"grant_type":"password","username":"u","password":"p"})");
  EXPECT_EQ(asked(R"({"authority":"https://a.example","grant":"urn:ietf:params:oauth:grant-type:token-exchange",
                      "subject":{"token":"t","type":"k"},"endpoints":{"token":"https://b.example/t"},
                      "client":{"id":"i","authentication":"none","secret":"s"}})"),
            "https://b.example/t - grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Atoken-exchange&client_id=i&"
            "subject_token=t&subject_token_type=k");
  EXPECT_EQ(asked(R"({"authority":"https://a.example/o/","grant":"client_credentials"})", true),
            "https://a.example/o/.well-known/openid-configuration - -");
  EXPECT_NE(
      asked(R"({"authority":"https://a.example","grant":"authorization_code"})").find("must be client_credentials"),
      std::string::npos);
  EXPECT_NE(
      asked(R"({"authority":"https://a.example","grant":"password","client":{"authentication":"private_key_jwt"}})")
          .find("assertion"),
      std::string::npos);
}

TEST(Token, IsWhatTheAnswerSays) {
  EXPECT_EQ(*token_of(R"({"access_token":"abc"})"), "abc");
  for (const char* bad :
       {"", "[]", "{}", R"({"access_token":7})", R"({"access_token":""})", R"({"access_token":"a\r\nX: y"})"})
    EXPECT_FALSE(token_of(bad)) << bad;
}

HttpOptions on_loopback() {
  HttpOptions options;
  options.addresses.allow_loopback = true;
  return options;
}

Task http(const std::string& url, const std::string& more) {
  Task task;
  task.type = "http";
  task.args = Bytes("{\"url\":" + to_json(Value(url)) + "," + more + "}");
  return task;
}

std::string auth(const std::string& scheme, const std::string& authority) {
  return R"("method":"POST","body":{"n":1},"output":"response","auth":{")" + scheme + R"(":{"authority":")" +
         authority + R"(","grant":"client_credentials","client":{"id":"me","secret":"canary"}}})";
}

TEST(Token, IsFetchedFirstAndShownToNobodyElse) {
  std::string self;
  TestServer server([&self](const Seen& seen) -> Reply {
    if (seen.target == "/oauth2/token") return json(R"({"access_token":"token-1"})");
    if (seen.target == "/.well-known/openid-configuration")
      return json(R"({"token_endpoint":")" + self + "oauth2/token\"}");
    const bool known = seen.headers.contains("authorization") && seen.headers.at("authorization") == "Bearer token-1";
    return known ? json(R"({"ok":true})") : reply(401);
  });
  self = server.url();
  auto driver = make_http(on_loopback());
  const Outcome outcome = run_one(*driver, http(server.url("/work"), auth("oauth2", server.url())));
  ASSERT_TRUE(outcome.ok) << outcome.error.title;
  EXPECT_EQ(outcome.result.view().find("token-1"), std::string_view::npos);
  EXPECT_EQ(outcome.result.view().find("canary"), std::string_view::npos);
  EXPECT_TRUE(run_one(*driver, http(server.url("/work"), auth("oidc", server.url()))).ok);
  std::string targets;
  for (const Seen& seen : server.seen()) {
    targets += seen.method + " " + seen.target + "\n";
    EXPECT_EQ(seen.headers.contains("idempotency-key"), seen.target == "/work") << seen.target;
  }
  EXPECT_EQ(targets,
            "POST /oauth2/token\nPOST /work\n"
            "GET /.well-known/openid-configuration\nPOST /oauth2/token\nPOST /work\n");
}

TEST(Token, NoneIsAnErrorOfItsOwnAndNothingIsSent) {
  int status = 401;
  TestServer server([&status](const Seen& seen) {
    return status == 200 ? json("{}") : reply(status, seen.body);  // which repeats the secret
  });
  auto driver = make_http(on_loopback());
  const auto error = [&] { return run_one(*driver, http(server.url("/work"), auth("oauth2", server.url()))).error; };
  const ActivityError refused = error();
  EXPECT_EQ(refused.type, "auth.token");
  EXPECT_EQ(refused.error_class, ErrorClass::fatal);
  EXPECT_EQ(refused.title, "no token from " + server.url("/oauth2/token") + ": the answer was 401");
  EXPECT_EQ(refused.detail, "");
  status = 503;
  EXPECT_EQ(error().error_class, ErrorClass::recoverable);
  status = 307;
  EXPECT_EQ(error().type, "auth.token");
  status = 200;
  EXPECT_EQ(error().title, "no token from " + server.url("/oauth2/token") + ": its answer has no access_token");
  for (const Seen& seen : server.seen()) EXPECT_EQ(seen.target, "/oauth2/token");
  auto closed = make_http();
  EXPECT_EQ(run_one(*closed, http("https://a.example/", auth("oauth2", server.url()))).error.type, "http.blocked");
  EXPECT_EQ(run_one(*driver, http(server.url(), auth("oauth2", "nowhere"))).error.type, "auth.token");
}

TEST(Token, DigestAnswersTheChallengeWithTheWholeBodyAndNotElsewhere) {
  TestServer other([](const Seen&) { return json("{}"); });
  TestServer server([&other](const Seen& seen) {
    if (!seen.headers.contains("authorization"))
      return reply(401, "who?",
                   "WWW-Authenticate: Digest realm=\"r\", nonce=\"n\", qop=\"auth\", algorithm=SHA-256\r\n");
    if (seen.target == "/moved") return reply(307, "", "Location: " + other.url("/") + "\r\n");
    return json(R"({"ok":true})");
  });
  auto driver = make_http(on_loopback());
  const std::string how = R"("method":"POST","body":{"n":1},"auth":{"digest":{"username":"ann","password":"pass"}})";
  const Outcome outcome = run_one(*driver, http(server.url("/work"), how));
  ASSERT_TRUE(outcome.ok) << outcome.error.title;
  const auto seen = server.seen();
  EXPECT_EQ(seen.back().body, R"({"n":1})");
  EXPECT_TRUE(seen.back().headers.at("authorization").starts_with("Digest username=\"ann\""));
  EXPECT_EQ(seen.back().headers.at("authorization").find("pass"), std::string::npos);
  EXPECT_TRUE(run_one(*driver, http(server.url("/moved"), how)).ok);
  EXPECT_FALSE(other.seen().at(0).headers.contains("authorization"));
  EXPECT_EQ(other.seen().at(0).body, R"({"n":1})");
}

}  // namespace
}  // namespace perdure::activity
