#pragma once
// Messages of gRPC services, by the .proto files that describe them: JSON to their wire form and back, by protobuf's own
// JSON mapping. Pure, and total on hostile files and bytes: sizes, nesting and the number of files are bounded.
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/value.h"

namespace perdure::activity {

struct ProtoMethod {
  std::string service;  // as the wire names it, "package.Service"
  std::string name;
  bool many_answers = false;  // the server streams
  int index = 0, service_index = 0;
};

class Proto {
 public:
  using Files = std::map<std::string, std::string>;  // text by the path that imports name; what was asked for is ""

  // What a file imports, but for what comes with protobuf. Errors: invalid.
  static Result<std::vector<std::string>> imports_of(const std::string& text);
  // `files` has what they import, and what that imports. Errors: invalid.
  static Result<std::shared_ptr<const Proto>> make(const Files& files);
  virtual ~Proto() = default;

  // `service` by its full name, or by its own where no package makes that ambiguous. Errors: invalid.
  virtual Result<ProtoMethod> find(const std::string& service, const std::string& method) const = 0;
  virtual Result<std::string> encode(const ProtoMethod& method, const Value& arguments) const = 0;
  virtual Result<Value> decode(const ProtoMethod& method, std::string_view answer) const = 0;
};

}  // namespace perdure::activity
