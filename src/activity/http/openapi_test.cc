#include "activity/http/openapi.h"

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
using testing_http::Then;

constexpr std::string_view k_swagger =
    R"json({"swagger":"2.0","host":"pets.example","basePath":"/v2/","schemes":["http","https"],
  "parameters":{"trace":{"name":"X-Trace","in":"header","type":"string"}},
  "paths":{"/pet/{petId}":{
      "parameters":[{"name":"petId","in":"path","required":true,"type":"integer"},{"$ref":"#/parameters/trace"}],
      "get":{"operationId":"getPet","parameters":[
        {"name":"tag","in":"query","type":"array","items":{},"collectionFormat":"multi"},
        {"name":"color","in":"query","type":"array","items":{}},
        {"name":"size","in":"query","type":"array","items":{},"collectionFormat":"pipes"}]},
      "put":{"operationId":"putPet","parameters":[{"name":"pet","in":"body","required":true,"schema":{}}]},
      "post":{"operationId":"formPet","consumes":["application/json","application/x-www-form-urlencoded"],"parameters":[
        {"name":"name","in":"formData","type":"string"},{"name":"status","in":"formData","type":"string"}]},
      "patch":{"operationId":"filePet","consumes":["multipart/form-data"],"parameters":[
        {"name":"note","in":"formData","type":"string"}]}}}})json";

constexpr std::string_view k_openapi =
    R"json({"openapi":"3.1.0","servers":[{"url":"{base}/api","variables":{"base":{"default":"/v3"}}}],
  "components":{
    "parameters":{"page":{"name":"page","in":"query","schema":{"type":"integer"}}},
    "schemas":{"Named":{"properties":{"name":{}}},"Pet":{"allOf":[{"$ref":"#/components/schemas/Named"},{"properties":{"age":{}}}]},
      "Loop":{"allOf":[{"$ref":"#/components/schemas/Loop"},{"$ref":"#/components/schemas/Loop"}]},
      "Self":{"$ref":"#/components/schemas/Self"}},
    "requestBodies":{"pet":{"required":true,"content":{"text/csv":{},"application/merge-patch+json":{"schema":{"$ref":"#/components/schemas/Pet"}}}}}},
  "paths":{
    "/pets":{"get":{"operationId":"list","parameters":[{"$ref":"#/components/parameters/page"},
        {"name":"tag","in":"query","schema":{}},{"name":"joined","in":"query","explode":false,"schema":{}},
        {"name":"spaced","in":"query","style":"spaceDelimited","explode":false,"schema":{}},
        {"name":"deep","in":"query","style":"deepObject","schema":{}},
        {"name":"json","in":"query","content":{"application/json":{}}},
        {"name":"session","in":"cookie","schema":{}},{"name":"lang","in":"cookie","schema":{}}]},
      "post":{"operationId":"add","requestBody":{"$ref":"#/components/requestBodies/pet"}},
      "put":{"operationId":"form","requestBody":{"content":{"application/x-www-form-urlencoded":{}}}},
      "patch":{"operationId":"text","requestBody":{"content":{"text/plain":{}}}},
      "delete":{"operationId":"loop","requestBody":{"content":{"application/json":{"schema":{"$ref":"#/components/schemas/Loop"}}}}},
      "head":{"operationId":"self","parameters":[{"$ref":"#/components/schemas/Self"}]}},
    "/ids/{ids}/{filter}":{"servers":[{"url":"https://other.example/x/"}],
      "get":{"operationId":"ids","parameters":[{"name":"ids","in":"path","schema":{}},
        {"name":"filter","in":"path","explode":true,"schema":{}}]}},
    "/lost/{id}":{"get":{"operationId":"lost"}},
    "/matrix/{id}":{"get":{"operationId":"matrix","parameters":[{"name":"id","in":"path","style":"matrix","schema":{}}]}},
    "/outside":{"get":{"operationId":"outside","parameters":[{"$ref":"other.json#/x"}]}},
    "/nowhere":{"get":{"operationId":"nowhere","parameters":[{"$ref":"#/components/parameters/gone"}]}}}})json";

Value parsed(std::string_view text) {
  auto value = parse_json(text);
  EXPECT_TRUE(value) << text;
  return value ? *value : Value();
}

// The request on one line, or what is wrong.
std::string asked(std::string_view document, std::string operation, std::string_view parameters) {
  OpenApiCall call;
  call.operation = std::move(operation);
  call.parameters = parsed(parameters);
  const auto made =
      operation_arguments(parsed(document), *Url::parse("https://docs.example:8443/a/doc.json?k=1"), call);
  if (!made) return made.error().message;
  std::string line = std::string(made->find("method")->as_string()) + " " + std::string(made->find("url")->as_string());
  for (const auto& [name, value] : made->find("headers")->members())
    if (name.as_string() != "Accept")
      line += "|" + std::string(name.as_string()) + ": " + std::string(value.as_string());
  if (const Value* body = made->find("body")) line += "|" + std::string(body->as_string());
  return line;
}

struct Case {
  const char* operation;
  const char* parameters;
  const char* request;
};

TEST(OpenApi, SwaggerParametersGoWhereTheDocumentSays) {
  const Case cases[] = {
      {"getPet", R"({"petId":7})", "GET https://pets.example/v2/pet/7"},
      {"getPet", R"({"petId":"a/b c","tag":["x","y&z"],"color":["red","blue"],"size":[1,2],"X-Trace":"t"})",
       "GET https://pets.example/v2/pet/a%2Fb%20c?tag=x&tag=y%26z&color=red,blue&size=1%7C2|X-Trace: t"},
      {"getPet", R"({"petId":7,"tag":"one","color":null})", "GET https://pets.example/v2/pet/7?tag=one"},
      {"putPet", R"({"petId":7,"pet":{"name":"Rex"}})",
       R"(PUT https://pets.example/v2/pet/7|Content-Type: application/json|{"name":"Rex"})"},
      {"putPet", R"({"petId":7,"pet":"text"})",
       R"(PUT https://pets.example/v2/pet/7|Content-Type: application/json|"text")"},
      {"formPet", R"({"petId":7,"name":"R x","status":"a&b"})",
       "POST https://pets.example/v2/pet/7|Content-Type: application/x-www-form-urlencoded|name=R%20x&status=a%26b"},
      {"getPet", R"({"petId":".."})", "its parameter 'petId' would name another path: it is empty, '.' or '..'"},
      {"getPet", R"({"petId":""})", "its parameter 'petId' would name another path: it is empty, '.' or '..'"},
      {"getPet", R"({"tag":"a"})", "its parameter 'petId' is required and missing"},
      {"putPet", R"({"petId":7})", "its parameter 'pet' is required and missing"},
      {"getPet", R"({"petId":7,"tga":1})", "it has no parameter 'tga'; did you mean 'tag'?"},
      {"getPet", R"({"petId":7,"tag":[[1]]})",
       "its parameter 'tag' can't be written: there is a list or object within it"},
      {"getPte", "{}", "the document has no such operation; did you mean 'getPet'?"},
  };
  for (const Case& c : cases) EXPECT_EQ(asked(k_swagger, c.operation, c.parameters), c.request) << c.parameters;
  const std::string multipart = asked(k_swagger, "filePet", R"({"petId":7,"note":"hi"})");
  EXPECT_NE(multipart.find("|Content-Type: multipart/form-data; boundary=perdure-"), std::string::npos) << multipart;
  EXPECT_NE(multipart.find("name=\"note\"\r\n\r\nhi\r\n--perdure-"), std::string::npos) << multipart;
}

TEST(OpenApi, ParametersGoWhereTheDocumentSays) {
  const Case cases[] = {
      {"list", "{}", "GET https://docs.example:8443/v3/api/pets"},
      {"list", R"({"page":2,"tag":["a","b"],"joined":["c","d e"],"spaced":[1,2]})",
       "GET https://docs.example:8443/v3/api/pets?page=2&tag=a&tag=b&joined=c,d%20e&spaced=1%202"},
      {"list", R"({"deep":{"a":1,"b":"x"},"json":{"a":1},"tag":{"k":"v"}})",
       "GET https://docs.example:8443/v3/api/pets?k=v&deep[a]=1&deep[b]=x&json=%7B%22a%22%3A1%7D"},
      {"list", R"({"session":"a;b","lang":"de"})",
       "GET https://docs.example:8443/v3/api/pets|Cookie: session=a%3Bb; lang=de"},
      {"ids", R"({"ids":[1,2],"filter":{"a":1,"b":2}})", "GET https://other.example/x/ids/1,2/a=1,b=2"},
      {"add", R"({"body":{"any":1}})",
       R"(POST https://docs.example:8443/v3/api/pets|Content-Type: application/merge-patch+json|{"any":1})"},
      {"add", R"({"name":"Rex","age":3})",
       R"(POST https://docs.example:8443/v3/api/pets|Content-Type: application/merge-patch+json|{"name":"Rex","age":3})"},
      {"add", "{}", "its body is required and missing: the parameter 'body'"},
      {"add", R"({"weight":3})", "its body is required and missing: the parameter 'body'"},
      {"add", R"({"name":"Rex","weight":3})", "it has no parameter 'weight'"},
      {"form", R"({"body":{"a":[1,2],"b":{"c":1}}})",
       "PUT https://docs.example:8443/v3/api/pets|Content-Type: "
       "application/x-www-form-urlencoded|a=1&a=2&b=%7B%22c%22%3A1%7D"},
      {"form", R"({"body":"text"})", "its body can't be written as application/x-www-form-urlencoded; give an object"},
      {"text", R"({"body":"as it is"})",
       "PATCH https://docs.example:8443/v3/api/pets|Content-Type: text/plain|as it is"},
      {"text", R"({"body":{}})", "its body can't be written as text/plain; give a text"},
      {"lost", R"({"id":1})", "it has no parameter 'id'"},
      {"lost", "{}", "the document does not say what 'id' is in its path"},
      {"matrix", R"({"id":1})", "its parameter 'id' has the style 'matrix', which is not supported"},
      {"outside", "{}",
       "one of its parameters refers to 'other.json#/x': only references within the document are followed"},
      {"nowhere", "{}", "one of its parameters refers to '#/components/parameters/gone', which is not there"},
      {"loop", R"({"x":1})", "it has no parameter 'x'"},
      {"self", "{}", "one of its parameters has references in a circle, or too many: '#/components/schemas/Self'"},
  };
  for (const Case& c : cases) EXPECT_EQ(asked(k_openapi, c.operation, c.parameters), c.request) << c.parameters;
}

TEST(OpenApi, TheServerIsTheFirstThatTheDocumentNames) {
  const auto where = [](const std::string& head) {
    return asked("{" + head + R"(,"paths":{"/p":{"get":{"operationId":"o"}}}})", "o", "{}");
  };
  EXPECT_EQ(where(R"("swagger":"2.0")"), "GET https://docs.example:8443/p");
  EXPECT_EQ(where(R"("swagger":2.0,"schemes":["http"])"), "GET http://docs.example/p");
  EXPECT_EQ(where(R"("swagger":"2.0","host":"a.example:81")"), "GET https://a.example:81/p");
  EXPECT_EQ(where(R"("openapi":"3.0.0")"), "GET https://docs.example:8443/p");
  EXPECT_EQ(where(R"("openapi":"3.0.0","servers":[{"url":"v1"},{"url":"/v2"}])"),
            "GET https://docs.example:8443/a/v1/p");
  EXPECT_EQ(where(R"("openapi":"3.0.0","servers":[{"url":"http://u:p@a.example/?q=1"}])"), "GET http://a.example/p");
  EXPECT_EQ(where(R"("openapi":"3.0.0","servers":[{"url":"https://{h}/"}])"),
            "its server has a variable without a default: 'h'");
  EXPECT_EQ(where(R"("openapi":"3.0.0","servers":[{"url":"file:///etc/"}])"),
            "its server is no URL of scheme http or https: its scheme is 'file'");
  EXPECT_EQ(where(R"("openapi":"4.0.0")"), "the document is neither Swagger 2.0 nor OpenAPI 3");
}

TEST(OpenApi, HostileDocumentsAreRefusedSoon) {
  std::string many = R"({"openapi":"3.0.0","paths":{"/p":{"get":{"operationId":"o","parameters":[)";
  for (int i = 0; i < 501; ++i) many += (i > 0 ? "," : "") + (R"({"in":"query","name":")" + std::to_string(i)) + "\"}";
  EXPECT_EQ(asked(many + "]}}}}", "o", "{}"), "it has more than 500 parameters");
  // Each path leads in a circle: all of them together follow a bounded number of references.
  std::string circles = R"({"openapi":"3.0.0","x":{"$ref":"#/x"},"paths":{)";
  for (int i = 0; i < 50'000; ++i) circles += "\"/" + std::to_string(i) + R"(":{"$ref":"#/x"},)";
  circles += R"("/last":{"get":{"operationId":"o"}}}})";
  EXPECT_EQ(asked(circles, "o", "{}"), "GET https://docs.example:8443/last");
  for (const char* odd : {"[]", "7", R"({"openapi":{},"paths":1})", R"({"openapi":"3.0.0","paths":[]})",
                          R"({"openapi":"3.0.0","paths":{"/":7}})", R"({"openapi":"3.0.0","paths":{"/":{"get":[]}}})"})
    EXPECT_TRUE(asked(odd, "o", "{}").starts_with("the document")) << odd;
}

// ---- the activity ----

Task openapi(const std::string& document, const std::string& more) {
  Task task;
  task.type = "openapi";
  task.args = Bytes(R"({"document":{"endpoint":{"uri":)" + to_json(Value(document)) + "}}," + more + "}");
  return task;
}

HttpOptions on_loopback() {
  HttpOptions options;
  options.addresses.allow_loopback = true;
  return options;
}

constexpr const char* k_simple =
    R"({"openapi":"3.0.0","paths":{"/pets/{id}":{"get":{"operationId":"get","parameters":[{"name":"id","in":"path"}]}}}})";

Reply pets(const Seen& seen) {
  if (seen.target == "/doc") return reply(200, k_simple, "Content-Type: application/octet-stream\r\n");
  if (seen.target == "/endless") return {"", Then::stall};
  if (seen.target == "/doc-to-endless")
    return json(R"({"openapi":"3.0.0","paths":{"/endless":{"get":{"operationId":"get"}}}})");
  if (seen.target == "/moved") return reply(302, "", "Location: /doc\r\n");
  if (seen.target == "/pets/302") return reply(302, "there", "Content-Type: text/plain\r\n");
  if (seen.target == "/pets/503") return reply(503, "busy");
  if (seen.target.starts_with("/pets/")) return json(R"({"id":7})");
  return reply(404);
}

struct OpenApiTraits {
  TestServer server{pets};
  static std::unique_ptr<Driver> make() { return make_http(on_loopback()); }
  Task quick() const { return openapi(server.url("/doc"), R"("operationId":"get","parameters":{"id":7})"); }
  Task endless() const { return openapi(server.url("/doc-to-endless"), R"("operationId":"get")"); }
  Task refused() const { return openapi(server.url("/doc"), R"("operationID":"get")"); }
};

TEST(OpenApi, CallsTheOperationAndGivesTheFormThatIsAskedFor) {
  TestServer server(pets);
  auto driver = make_http(on_loopback());
  const auto call = [&](const char* more) {
    const Outcome outcome =
        run_one(*driver, openapi(server.url("/doc"), std::string(R"("operationId":"get",)") + more));
    return outcome.ok ? std::string(outcome.result.view())
                      : outcome.error.type + " " + std::to_string(outcome.error.status);
  };
  EXPECT_EQ(call(R"("parameters":{"id":7},"output":"content","redirects":0)"), R"({"id":7})");
  EXPECT_EQ(call(R"("parameters":{"id":7},"output":"raw")"), R"("eyJpZCI6N30=")");
  const Value whole =
      parsed(call(R"("parameters":{"id":7},"output":"response","authentication":{"bearer":"token-1"})"));
  EXPECT_EQ(whole.find("request")->find("uri")->as_string(), server.url("/pets/7"));
  EXPECT_EQ(whole.find("request")->find("headers")->find("authorization")->as_string(), "***");
  EXPECT_EQ(call(R"("parameters":{"id":302},"output":"content","redirects":0)"), "http.302 302");
  EXPECT_EQ(call(R"("parameters":{"id":302},"output":"content","redirects":20,"expect":"200-399")"), R"("there")");
  EXPECT_EQ(call(R"("parameters":{"id":503})"), "http.503 503");
  EXPECT_EQ(call(R"("parameters":{"id":7},"output":"contents")"), "openapi.request 0");
  const auto seen = server.seen();
  EXPECT_EQ(seen.at(0).target, "/doc");
  EXPECT_FALSE(seen.at(0).headers.contains("idempotency-key"));
  EXPECT_EQ(seen.at(1).headers.at("idempotency-key"), "conformance:1");
  EXPECT_EQ(seen.at(3).headers.at("authorization"), "Bearer token-1");
  EXPECT_FALSE(seen.at(0).headers.contains("authorization"));
}

TEST(OpenApi, ADocumentIsReadOnceAndAgainForWhatItDoesNotHave) {
  int version = 0;
  TestServer server([&](const Seen& seen) {
    if (seen.target != "/doc") return json("{}");
    return json(R"({"openapi":"3.0.0","paths":{"/p":{"get":{"operationId":"v)" + std::to_string(++version) + "\"}}}}");
  });
  auto driver = make_http(on_loopback());
  const auto call = [&](const std::string& name) {
    return run_one(*driver, openapi(server.url("/doc"), R"("operationId":")" + name + "\"")).error.type;
  };
  EXPECT_EQ(call("v1"), "");
  EXPECT_EQ(call("v1"), "");
  EXPECT_EQ(server.seen().size(), 3U);
  EXPECT_EQ(call("v2"), "");
  EXPECT_EQ(call("v9"), "openapi.request");
}

TEST(OpenApi, ADocumentSeenWithCredentialsIsNotForOthers) {
  TestServer server([](const Seen& seen) {
    if (seen.target != "/doc") return json("{}");
    return seen.headers.contains("authorization")
               ? json(R"({"openapi":"3.0.0","paths":{"/p":{"get":{"operationId":"o"}}}})")
               : reply(401);
  });
  auto driver = make_http(on_loopback());
  Task task;
  task.type = "openapi";
  task.args = Bytes(R"({"document":{"endpoint":{"uri":")" + server.url("/doc") +
                    R"(","authentication":{"bearer":"tok"}}},"operationId":"o"})");
  EXPECT_TRUE(run_one(*driver, task).ok);
  EXPECT_EQ(run_one(*driver, openapi(server.url("/doc"), R"("operationId":"o")")).error.type, "http.401");
  for (const Seen& seen : server.seen()) EXPECT_TRUE(seen.target == "/doc" || !seen.headers.contains("authorization"));
}

TEST(OpenApi, BothRequestsAreGuarded) {
  TestServer server([](const Seen&) {
    return json(R"({"swagger":"2.0","host":"10.0.0.1","paths":{"/p":{"get":{"operationId":"o"}}}})");
  });
  auto closed = make_http();
  EXPECT_EQ(run_one(*closed, openapi(server.url("/doc"), R"("operationId":"o")")).error.type, "http.blocked");
  EXPECT_TRUE(server.seen().empty());
  auto open = make_http(on_loopback());
  const ActivityError error = run_one(*open, openapi(server.url("/doc"), R"("operationId":"o")")).error;
  EXPECT_EQ(error.type, "http.blocked");
  EXPECT_NE(error.title.find("10.0.0.1"), std::string::npos) << error.title;
}

TEST(OpenApi, DocumentsThatCantBeReadAreErrors) {
  TestServer server([](const Seen& seen) {
    if (seen.target == "/huge") return reply(200, "{\"a\":\"" + std::string(11'000'000, 'x') + "\"}");
    if (seen.target == "/broken") return json("{\"openapi\":");
    if (seen.target == "/yaml") return reply(200, "openapi: 3.0.0\n");
    if (seen.target == "/html") return reply(200, R"({"swagger":"1.2"})");
    return pets(seen);
  });
  HttpOptions options = on_loopback();
  auto plain = make_http(options);
  options.read_yaml = [](std::string_view) -> Result<Value> { return parsed(k_simple); };
  auto with_yaml = make_http(options);
  const auto error = [&](Driver& driver, const std::string& path) {
    return run_one(driver, openapi(server.url(path), R"("operationId":"get","parameters":{"id":1})")).error.type;
  };
  EXPECT_EQ(error(*plain, "/huge"), "http.body_too_large");
  EXPECT_EQ(error(*plain, "/broken"), "openapi.document");
  EXPECT_EQ(error(*plain, "/yaml"), "openapi.document");
  EXPECT_EQ(error(*with_yaml, "/yaml"), "");
  EXPECT_EQ(error(*plain, "/html"), "openapi.request");
  EXPECT_EQ(error(*plain, "/none"), "http.404");
  EXPECT_EQ(error(*plain, "/moved"), "");
  EXPECT_EQ(run_one(*plain, openapi("doc.json", R"("operationId":"get")")).error.type, "openapi.document");
}

TEST(OpenApi, BothRequestsShareTheTimeOfTheTask) {
  TestServer server(pets);
  auto driver = make_http(on_loopback());
  Task task = openapi(server.url("/doc-to-endless"), R"("operationId":"get")");
  task.start_to_close_ms = 300;
  EXPECT_EQ(run_one(*driver, task).error.type, "timeout.start_to_close");
}

TEST(OpenApi, TheCacheIsBounded) {
  DocumentCache cache;
  const Value document = parsed(k_simple);
  for (int i = 0; i < 100; ++i) {
    cache.keep(std::to_string(i), document);
    EXPECT_NE(cache.find("0"), nullptr);  // in use
  }
  EXPECT_EQ(cache.find("30"), nullptr);
  EXPECT_NE(cache.find("99"), nullptr);
  cache.keep("large", Value(std::string(65 << 20, 'x')));
  EXPECT_EQ(cache.find("large"), nullptr);
}

}  // namespace

namespace conformance {
INSTANTIATE_TYPED_TEST_SUITE_P(OpenApi, DriverConformance, OpenApiTraits);
}

}  // namespace perdure::activity
