// Any AsyncAPI document, and any bytes of a stream of messages: a request or an error, messages or none, in bounded time.
#include <cstddef>
#include <cstdint>
#include <string>

#include "activity/http/asyncapi.h"
#include "activity/http/inbox.h"
#include "activity/http/websocket.h"
#include "base/check.h"
#include "base/json.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace perdure;
  using namespace perdure::activity;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (const auto document = parse_json(text)) {
    for (const bool subscribe : {false, true}) {
      AsyncApiCall call;
      call.operation = "o";
      call.channel = document->find("channels") != nullptr ? "c" : "";
      call.payload = Value::object({{"a", 1}});
      call.subscribe = subscribe;
      const auto made = message_request({}, *document, call, "agent");
      if (const auto* request = std::get_if<HttpRequest>(&made))
        CHECK(request->url.text().find_first_of("\r\n") == std::string::npos);
    }
  }
  for (const char* type : {"text/event-stream", "application/x-ndjson", "text/plain"}) {
    Inbox inbox("payload/a");
    HttpResponse response;
    response.headers = {{"content-type", type}};
    inbox.begin(response);
    for (std::size_t at = 0; at < size; at += 7) (void)inbox.take_piece(text.substr(at, 7));
    inbox.end();
    while (!inbox.empty()) (void)inbox.next();
  }
  HttpRequest asked;
  asked.url = *Url::parse("http://a.example/");
  WebSocket socket(asked, [](bool, std::string_view) { return true; });
  (void)socket.take(text);
  return 0;
}
