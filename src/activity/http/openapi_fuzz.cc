// Any document, and a call of any operation: an http request or an error, in bounded time; and what goes out is a
// request that could have been written as a step of its own.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "activity/http/openapi.h"
#include "base/check.h"
#include "base/json.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace perdure;
  using namespace perdure::activity;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  static const Url source = *Url::parse("https://docs.example/a/doc.json");
  static const Value parameters =
      *parse_json(R"({"id":7,"tag":["a",null],"deep":{"a":1},"body":{"name":"x"},"..":".."})");
  const auto document = read_document(text, {});
  if (!document) return 0;
  OpenApiCall call;
  call.operation = "o";
  call.parameters = parameters;
  Task task;
  auto made = operation_request(task, *document, source, call, "agent");
  if (const auto* wrong = std::get_if<Outcome>(&made)) {
    CHECK(wrong->error.type == "openapi.request" && wrong->error.error_class == ErrorClass::fatal);
    return 0;
  }
  const auto& request = std::get<HttpRequest>(made);
  CHECK(request.url.text().find_first_of("\r\n") == std::string::npos);
  for (const HttpHeader& header : request.headers)
    CHECK(header.value.find_first_of(std::string_view("\r\n\0", 3)) == std::string::npos);
  return 0;
}
