// Any arguments: a request or the outcome `validation`, nothing else; and what goes out has no line break to smuggle
// by.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "activity/http/request.h"
#include "activity/http/response.h"
#include "base/check.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace perdure;
  using namespace perdure::activity;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  Task task;
  task.type = "http";
  task.args = Bytes::copy(text);
  auto read = read_request(task, "agent");
  if (const auto* wrong = std::get_if<Outcome>(&read)) {
    CHECK(wrong->error.type == "validation" && wrong->error.error_class == ErrorClass::fatal);
    return 0;
  }
  const auto& request = std::get<HttpRequest>(read);
  CHECK(request.url.origin().scheme == "http" || request.url.origin().scheme == "https");
  CHECK(request.url.text().find_first_of("\r\n") == std::string::npos);
  for (const HttpHeader& header : request.headers) {
    CHECK(header.name.find_first_of("\r\n:") == std::string::npos);
    CHECK(header.value.find_first_of(std::string_view("\r\n\0", 3)) == std::string::npos);
  }
  if (auto next = request.url.resolve(std::string(text.substr(0, text.find('\0'))))) {
    CHECK(next->text().find_first_of("\r\n") == std::string::npos);
    CHECK(next->user().empty() && next->password().empty());
  }
  return 0;
}
