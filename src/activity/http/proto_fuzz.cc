// Any .proto file, and any answer by it: messages or an error, in bounded time.
#include <cstddef>
#include <cstdint>
#include <string>

#include "activity/http/grpc.h"
#include "base/check.h"
#include "base/json.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace perdure;
  using namespace perdure::activity;
  const std::string text(reinterpret_cast<const char*>(data), size);
  static const std::string k_other = "syntax = \"proto3\"; package o; message O { string s = 1; O o = 2; }";
  (void)Proto::imports_of(text);
  if (const auto proto = Proto::make({{"", text}, {"o.proto", k_other}}))
    if (const auto method = (*proto)->find("S", "M")) {
      static const Value arguments = *parse_json(R"({"s":"x","n":[1,2.5,null],"o":{"s":true}})");
      if (const auto sent = (*proto)->encode(*method, arguments)) (void)(*proto)->decode(*method, *sent);
    }
  static const auto known = *Proto::make(
      {{"",
        "syntax = \"proto3\"; import \"google/protobuf/struct.proto\"; import \"google/protobuf/any.proto\";"
        "message A { A a = 1; repeated int32 n = 2; map<string, A> m = 3; google.protobuf.Value v = 4;"
        " google.protobuf.Any any = 5; bytes b = 6; } service S { rpc M(A) returns (stream A); }"}});
  static const auto method = *known->find("S", "M");
  if (const auto messages = grpc_messages(text))
    for (const std::string_view message : *messages) (void)known->decode(method, message);
  (void)known->decode(method, text);
  return 0;
}
