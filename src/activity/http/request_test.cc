#include "activity/http/request.h"

#include <gtest/gtest.h>

#include "activity/http/response.h"
#include "base/json.h"

namespace perdure::activity {
namespace {

Task http(std::string args) {
  Task task;
  task.type = "http";
  task.args = Bytes(std::move(args));
  task.idempotency_key = "run:7";
  return task;
}

// The request on one line, or its mistakes.
std::string read(const std::string& args) {
  auto read = read_request(http(args), "agent");
  if (const auto* wrong = std::get_if<Outcome>(&read)) {
    EXPECT_EQ(wrong->error.type, "validation");
    EXPECT_EQ(wrong->error.error_class, ErrorClass::fatal);
    return wrong->error.detail;
  }
  const auto& request = std::get<HttpRequest>(read);
  std::string line = request.method + " " + request.url.text();
  for (const HttpHeader& header : request.headers) {
    if (header.name == "Idempotency-Key" || header.name == "User-Agent") continue;
    line += "|" + header.name + ": " + header.value + (header.secret ? " (secret)" : "");
  }
  if (request.body) line += "|" + *request.body;
  return line;
}

TEST(HttpRequest, IsReadFromArguments) {
  struct Case {
    const char* args;
    const char* request;
  };
  const Case cases[] = {
      {R"({"url":"http://a.example"})", "GET http://a.example/"},
      {R"({"url":"https://A.example:8443/p?q=1#frag","method":"get"})", "GET https://A.example:8443/p?q=1"},
      {R"({"url":"http://a.example/x y","query":{"q":"a b&c=d","n":1,"l":[1,true],"z":null}})",
       "GET http://a.example/x%20y?q=a%20b%26c%3Dd&n=1&l=1&l=true"},
      {R"({"url":"http://a.example/?a=1","query":{"ä":"ö"}})", "GET http://a.example/?a=1&%C3%A4=%C3%B6"},
      {R"({"url":"http://a.example","body":{"a":[1]}})",
       "POST http://a.example/|Content-Type: application/json|{\"a\":[1]}"},
      {R"({"url":"http://a.example","method":"PUT","body":"text"})", "PUT http://a.example/|text"},
      {R"({"url":"http://a.example","headers":{"content-type":"a/b"},"body":[]})",
       "POST http://a.example/|content-type: a/b|[]"},
      {R"({"url":"http://a.example","headers":{"X-N":1,"X-Gone":null,"X-Api-Key":"k"}})",
       "GET http://a.example/|X-N: 1|X-Api-Key: k (secret)"},
      {R"({"url":"http://a.example","auth":{"bearer":"tok"}})",
       "GET http://a.example/|Authorization: Bearer tok (secret)"},
      {R"({"url":"http://a.example","auth":{"basic":{"username":"Aladdin","password":"open sesame"}}})",
       "GET http://a.example/|Authorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ== (secret)"},
      {R"({"url":"http://a.example","auth":{"basic":{"username":"ab","password":"c"}}})",
       "GET http://a.example/|Authorization: Basic YWI6Yw== (secret)"},
      {R"({"url":"http://u:p%40@a.example/x"})", "GET http://a.example/x|Authorization: Basic dTpwQA== (secret)"},
      {R"({"url":"http://a.example","auth":{"header":{"name":"X-Token","value":"v"}}})",
       "GET http://a.example/|X-Token: v (secret)"},
      {R"({"url":"http://0x7f.1/"})", "GET http://127.0.0.1/"},
  };
  for (const Case& c : cases) EXPECT_EQ(read(c.args), c.request) << c.args;
}

TEST(HttpRequest, MistakesAreNamed) {
  struct Case {
    const char* args;
    const char* part;
  };
  const Case cases[] = {
      {R"({})", "'with.url' is missing"},
      {R"({"url":"ftp://a.example"})", "'with.url' is no URL of scheme http or https: its scheme is 'ftp'"},
      {R"({"url":"file:///etc/passwd"})", "is no URL of scheme http or https"},
      {R"({"url":"a.example/x"})", "it must start with http:// or https://"},
      {R"({"url":"http://a b.example"})", "is no URL of scheme http or https"},
      {R"({"url":"http://a\u0000.example"})", "NUL"},
      {R"({"url":"http://a.example","methd":"GET"})", "'with.methd' is unknown to http; did you mean 'method'?"},
      {R"({"url":"http://a.example","method":"GE T"})", "'with.method' is no method a workflow can use"},
      {R"({"url":"http://a.example","method":"CONNECT"})", "'with.method' is no method a workflow can use"},
      {R"({"url":"http://a.example","method":"HEAD","body":"x"})", "can't go with the method HEAD"},
      {R"({"url":"http://a.example","headers":{"A":"b\r\nEvil: 1"}})", "'with.headers.A' has a line break"},
      {R"({"url":"http://a.example","headers":{"A B":"c"}})", "'with.headers.A B' is no header name"},
      {R"({"url":"http://a.example","headers":{"Content-Length":"3"}})",
       "'with.headers.Content-Length' is set by the engine"},
      {R"({"url":"http://a.example","headers":{"A":{}}})", "'with.headers.A' must be a string, a number or a boolean"},
      {R"({"url":"http://a.example","auth":{}})", "exactly one of: bearer, basic, digest, oauth2, oidc, header"},
      {R"({"url":"http://a.example","auth":{"bearer":"a","basic":{"username":"b"}}})",
       "exactly one of: bearer, basic, digest, oauth2, oidc, header"},
      {R"({"url":"http://a.example","auth":{"bearer":"a\nb"}})", "'with.auth' can't be sent"},
      {R"({"url":"http://u:p@a.example","auth":{"bearer":"a"}})", "'with.auth' is given twice"},
      {R"({"url":"http://a.example","headers":{"Authorization":"x"},"auth":{"bearer":"a"}})",
       "which 'headers' has too"},
      {R"({"url":"http://a.example","query":{"a":{}}})", "'with.query.a' must be"},
      {R"({"url":"http://a.example","expect":[]})", "must name a status code"},
      {R"({"url":"http://a.example","expect":"ok"})", "must be status codes"},
      {R"({"url":"http://a.example","expect":[99]})", "must be status codes"},
      {R"({"url":"http://a.example","expect":"300-200"})", "must be status codes"},
      {R"({"url":"http://a.example","timeout":5})", "'with.timeout' must be a string, not a number"},
      {R"({"url":"http://a.example","redirects":21})", "'with.redirects' must be a whole number from 0 to 20"},
      {R"({"url":"http://a.example","proxy":"ftp://p"})", "'with.proxy' must start with"},
      {R"({"url":"http://a.example","max_body":0})", "'with.max_body'"},
  };
  for (const Case& c : cases) EXPECT_NE(read(c.args).find(c.part), std::string::npos) << c.args << "\n" << read(c.args);
}

TEST(HttpRequest, ExpectTakesCodesRangesAndHundreds) {
  const auto expects = [](const std::string& expect, int status) {
    auto read = read_request(http(R"({"url":"http://a.example","expect":)" + expect + "}"), "");
    return std::get<HttpRequest>(read).expects(status);
  };
  EXPECT_TRUE(expects("null", 204));
  EXPECT_FALSE(expects("null", 304));
  EXPECT_TRUE(expects("201", 201));
  EXPECT_FALSE(expects("201", 200));
  EXPECT_TRUE(expects("\"404\"", 404));
  EXPECT_TRUE(expects("\"4xx\"", 418));
  EXPECT_TRUE(expects(R"([200,"300-399",404])", 302));
  EXPECT_TRUE(expects(R"([200,"300-399",404])", 404));
  EXPECT_FALSE(expects(R"([200,"300-399",404])", 403));
}

HttpResponse response(int status, std::vector<std::pair<std::string, std::string>> headers, std::string body = "") {
  HttpResponse r;
  r.status = status;
  r.headers = std::move(headers);
  r.body = std::move(body);
  return r;
}

TEST(HttpResponse, BecomesTheOutput) {
  const auto output = [](HttpResponse r) { return std::string(success_of({}, std::move(r)).result.view()); };
  EXPECT_EQ(output(response(200, {{"content-type", "Application/JSON; charset=utf-8"}}, "{\"a\": 1}")),
            R"({"status":200,"headers":{"content-type":"Application/JSON; charset=utf-8"},"body":{"a":1}})");
  EXPECT_EQ(output(response(200, {{"content-type", "application/problem+json"}}, "[]")),
            R"({"status":200,"headers":{"content-type":"application/problem+json"},"body":[]})");
  EXPECT_EQ(output(response(200, {{"content-type", "application/json"}}, "{oops")),
            R"({"status":200,"headers":{"content-type":"application/json"},"body":"{oops"})");
  EXPECT_EQ(output(response(204, {{"content-type", "application/json"}})),
            R"({"status":204,"headers":{"content-type":"application/json"},"body":null})");
  EXPECT_EQ(
      output(response(200, {{"a", "1"}, {"a", "2"}, {"set-cookie", "x=1"}, {"set-cookie", "y=2"}}, "t\xFF")),
      "{\"status\":200,\"headers\":{\"a\":\"1, 2\",\"set-cookie\":[\"x=1\",\"y=2\"]},\"body\":\"t\xEF\xBF\xBD\"}");
}

TEST(HttpResponse, RefusalsAreClassedByStatusAndRetryAfter) {
  auto read = read_request(http(R"({"url":"http://a.example/p?token=q","auth":{"bearer":"sesame"}})"), "");
  const auto& request = std::get<HttpRequest>(read);
  constexpr TimeMs k_now = 1'767'323'045'000;  // 2026-01-02T03:04:05Z
  struct Case {
    int status;
    const char* retry_after;
    ErrorClass error_class;
    DurationMs wait;
  };
  const Case cases[] = {
      {400, nullptr, ErrorClass::fatal, 0},
      {404, "30", ErrorClass::fatal, 30'000},
      {408, nullptr, ErrorClass::recoverable, 0},
      {408, "2", ErrorClass::throttled, 2000},
      {425, nullptr, ErrorClass::recoverable, 0},
      {429, nullptr, ErrorClass::throttled, 0},
      {429, "120", ErrorClass::throttled, 120'000},
      {500, nullptr, ErrorClass::recoverable, 0},
      {503, nullptr, ErrorClass::recoverable, 0},
      {503, "Fri, 02 Jan 2026 03:04:35 GMT", ErrorClass::throttled, 30'000},
      {503, "Fri, 02 Jan 2026 03:04:00 GMT", ErrorClass::recoverable, 0},
      {503, "soon", ErrorClass::recoverable, 0},
      {503, "-5", ErrorClass::recoverable, 0},
      {503, "99999999999", ErrorClass::throttled, 86'400'000},
      {599, nullptr, ErrorClass::recoverable, 0},
      {302, nullptr, ErrorClass::fatal, 0},
  };
  for (const Case& c : cases) {
    std::vector<std::pair<std::string, std::string>> headers;
    if (c.retry_after != nullptr) headers.emplace_back("retry-after", c.retry_after);
    const auto error =
        refusal_of(request, response(c.status, headers, "no: Bearer sesame!"), request.secrets(), k_now).error;
    EXPECT_EQ(error.type, "http." + std::to_string(c.status));
    EXPECT_EQ(error.status, c.status);
    EXPECT_EQ(error.error_class, c.error_class) << c.status << (c.retry_after ? c.retry_after : "");
    EXPECT_EQ(error.retry_after_ms, c.wait) << c.status << (c.retry_after ? c.retry_after : "");
    EXPECT_EQ(error.title, "GET http://a.example/p answered " + std::to_string(c.status));
    EXPECT_EQ(error.detail, "no: ***!");
  }
}

}  // namespace
}  // namespace perdure::activity
