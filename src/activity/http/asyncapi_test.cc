#include "activity/http/asyncapi.h"

#include <gtest/gtest.h>

#include "activity/http/inbox.h"
#include "activity/http/websocket.h"
#include "base/json.h"
#include "base/limits.h"

namespace perdure::activity {
namespace {

constexpr std::string_view k_two = R"json({"asyncapi":"2.6.0","defaultContentType":"application/json",
  "servers":{"kafka":{"url":"k.example:9092","protocol":"kafka"},
             "live":{"url":"{host}.example:8443/base/","protocol":"wss","variables":{"host":{"default":"ws"}}},
             "web":{"url":"https://web.example/v1","protocol":"https"}},
  "channels":{"/rooms/{room}":{"servers":["live","web"],"parameters":{"room":{"schema":{"default":"all rooms"}}},
      "publish":{"message":{"$ref":"#/components/messages/note"},"bindings":{"http":{"method":"PUT"}}},
      "subscribe":{"message":{"oneOf":[{"$ref":"#/components/messages/note"},{}]}}},
    "/only-kafka":{"servers":["kafka"],"publish":{}}},
  "components":{"messages":{"note":{"contentType":"text/plain","correlationId":{"location":"$message.header#/trace~1id"}}}}})json";

constexpr std::string_view k_three = R"json({"asyncapi":"3.0.0",
  "servers":{"a":{"host":"a.example","pathname":"/in","protocol":"http"},"b":{"host":"b.example","protocol":"ws"}},
  "channels":{"orders":{"address":"orders/{shop}/{kind}","servers":[{"$ref":"#/servers/a"}],
      "parameters":{"shop":{"location":"$message.payload#/shop/name"},"kind":{"default":"new"}}},
    "bare":{"address":null},"loop":{"$ref":"#/channels/loop"}},
  "operations":{"order":{"action":"receive","channel":{"$ref":"#/channels/orders"}},
    "bare":{"action":"send","channel":{"$ref":"#/channels/bare"}},"loop":{"channel":{"$ref":"#/channels/loop"}}}})json";

AsyncApiCall call(std::string_view arguments) {
  Task task;
  task.type = "asyncapi";
  std::string text(arguments);
  text.insert(1, R"("document":{"content":""},)");
  task.args = Bytes(text);
  auto read = read_asyncapi_call(task);
  const auto* wrong = std::get_if<Outcome>(&read);
  EXPECT_EQ(wrong, nullptr) << wrong->error.title;
  return std::get<AsyncApiCall>(read);
}
// What is asked for, or why not.
std::string target(std::string_view document, std::string_view arguments) {
  const auto found = message_target(*parse_json(document), Url(), call(arguments));
  if (!found) return found.error().message;
  return std::string(found->websocket ? "ws " : "") + std::string(found->request.find("method")->as_string()) + " " +
         std::string(found->request.find("url")->as_string()) + (found->text.empty() ? "" : " " + found->text) +
         (found->correlation.empty() ? "" : " by " + found->correlation);
}

TEST(AsyncApi, Version2IsCalledByChannel) {
  EXPECT_EQ(target(k_two, R"({"channel":"/rooms/{room}","message":{"payload":"hi"}})"),
            "ws GET https://ws.example:8443/base/rooms/all%20rooms hi by headers/trace~1id");
  EXPECT_EQ(target(k_two, R"({"channel":"/rooms/{room}","protocol":"http","message":{"payload":{"a":1}}})"),
            R"(PUT https://web.example/v1/rooms/all%20rooms {"a":1} by headers/trace~1id)");
  EXPECT_EQ(
      target(k_two,
             R"({"channel":"/rooms/{room}","server":{"name":"live","variables":{"host":"eu"}},"subscribe":true})"),
      "ws GET https://eu.example:8443/base/rooms/all%20rooms by headers/trace~1id");
}

TEST(AsyncApi, Version3IsCalledByOperation) {
  EXPECT_EQ(target(k_three, R"({"operation":"order","message":{"payload":{"shop":{"name":"a/b"}}}})"),
            R"(POST http://a.example/in/orders/a%2Fb/new {"shop":{"name":"a/b"}})");
  EXPECT_EQ(target(k_three, R"({"operation":"bare","subscribe":true})"), "GET http://a.example/in");
  EXPECT_EQ(target(k_three, R"({"operation":"bare","protocol":"ws","subscribe":true})"), "ws GET http://b.example");
}

TEST(AsyncApi, SaysWhatIsMissing) {
  EXPECT_EQ(target(k_two, R"({"channel":"/room/{room}"})"),
            "the document has no channel '/room/{room}'; did you mean '/rooms/{room}'?");
  EXPECT_EQ(target(k_two, R"({"channel":"/only-kafka","subscribe":true})"),
            "the channel '/only-kafka' has no operation 'subscribe'");
  EXPECT_EQ(target(k_two, R"({"channel":"/only-kafka"})"),
            "it has no server for this: http and ws are spoken here; 'kafka' speaks 'kafka'");
  EXPECT_EQ(target(k_two, R"({"channel":"/rooms/{room}","server":{"name":"lives"}})"),
            "the document has no server 'lives'; did you mean 'live'?");
  EXPECT_EQ(target(k_two, R"({"operation":"x"})"), "version 2 has no names of operations: give `channel` instead");
  EXPECT_EQ(target(k_three, R"({"channel":"orders"})"), "version 3 is called by `operation`, not `channel`");
  EXPECT_EQ(target(k_three, R"({"operation":"order"})"),
            "its channel's parameter 'shop' has no default, and no place in the message");
  EXPECT_EQ(target(k_three, R"({"operation":"loop"})"), "the operation 'loop' has no channel");
  EXPECT_EQ(target(R"({"openapi":"3.0.0"})", R"({"operation":"a"})"), "the document is neither AsyncAPI 2 nor 3");
}

HttpResponse answer(std::string type) {
  HttpResponse response;
  response.headers = {{"content-type", std::move(type)}, {"set-cookie", "secret"}};
  return response;
}
std::string all(Inbox& inbox) {
  std::string out;
  while (!inbox.empty()) out += to_json(inbox.next()) + "\n";
  return out;
}

TEST(Inbox, CutsMessagesWhereverTheBytesAreCut) {
  const std::string events =
      "\xEF\xBB\xBF: hello\nevent: a\nid: 7\ndata: {\"n\":\ndata: 1}\n\ndata:two\r\n\r\nid: 8\n\ndata: lost";
  const std::string lines = "{\"n\":1}\r\n\n two\n3";
  for (std::size_t size = 1; size < 20; ++size) {
    Inbox inbox("payload/n");
    inbox.begin(answer("text/event-stream; charset=utf-8"));
    for (std::size_t at = 0; at < events.size(); at += size)
      EXPECT_TRUE(inbox.take_piece(std::string_view(events).substr(at, size)));
    inbox.end();
    EXPECT_EQ(all(inbox), R"({"payload":{"n":1},"headers":{"event":"a","id":"7"},"correlationId":1})"
                          "\n"
                          R"({"payload":"two","headers":{"id":"7"}})"
                          "\n");
    inbox.begin(answer("application/x-ndjson"));
    for (std::size_t at = 0; at < lines.size(); at += size)
      EXPECT_TRUE(inbox.take_piece(std::string_view(lines).substr(at, size)));
    inbox.end();
    EXPECT_EQ(all(inbox), R"({"payload":{"n":1},"headers":{},"correlationId":1})"
                          "\n"
                          R"({"payload":" two","headers":{}})"
                          "\n"
                          R"({"payload":3,"headers":{}})"
                          "\n");
  }
}

TEST(Inbox, AnythingElseIsOneMessageAnAnswer) {
  Inbox inbox("");
  inbox.begin(answer("application/json"));
  inbox.take_piece("{\"a\"");
  inbox.take_piece(":1}");
  EXPECT_TRUE(inbox.empty());
  inbox.end();
  EXPECT_EQ(all(inbox), "{\"payload\":{\"a\":1},\"headers\":{\"content-type\":\"application/json\"}}\n");
  inbox.begin(answer("application/json"));
  inbox.end();  // an empty answer is none
  EXPECT_TRUE(inbox.empty());
}

TEST(Inbox, IsBounded) {
  Inbox inbox("");
  inbox.begin(answer("application/json"));
  EXPECT_FALSE(inbox.take_piece(std::string(k_message_bytes_max + 1, ' ')));
  Inbox many("");
  for (std::size_t i = 0; i < k_messages_waiting_max; ++i) {
    EXPECT_FALSE(many.full());
    many.take_frame(true, "1");
  }
  EXPECT_TRUE(many.full());
  many.next();
  EXPECT_FALSE(many.full());
}

HttpRequest request(const std::string& url) {
  HttpRequest made;
  made.url = *Url::parse(url);
  made.headers = {{"Authorization", "Bearer x", true}, {"Host", "other"}};
  return made;
}

TEST(WebSocket, AsksAsRfc6455Says) {
  WebSocket socket(request("http://a.example:81/p?q=1"), {});
  const std::string asked(socket.output());
  EXPECT_TRUE(asked.starts_with("GET /p?q=1 HTTP/1.1\r\nHost: a.example:81\r\nUpgrade: websocket\r\n")) << asked;
  EXPECT_NE(asked.find("Authorization: Bearer x\r\n"), std::string::npos);
  EXPECT_EQ(asked.find("other"), std::string::npos);
}

TEST(WebSocket, AnAnswerThatIsNoneIsRefused) {
  WebSocket refused(request("http://a.example/"), {});
  EXPECT_TRUE(refused.take("HTTP/1.1 404 Not Found\r\nX: y\r\n\r\nno"));
  EXPECT_TRUE(refused.answered());
  EXPECT_FALSE(refused.open());
  EXPECT_EQ(refused.answer().status, 404);
  EXPECT_EQ(refused.answer().reason, "Not Found");
  WebSocket wrong(request("http://a.example/"), {});
  EXPECT_FALSE(wrong.take("HTTP/1.1 101 S\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: nonsense\r\n\r\n"));
  WebSocket endless(request("http://a.example/"), {});
  EXPECT_FALSE(endless.take(std::string(70'000, 'x')));
}

}  // namespace
}  // namespace perdure::activity
