#pragma once
// A file that a call refers to: a description of the service, by its URI or itself.
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "activity/activity.h"
#include "activity/args.h"
#include "activity/http/request.h"
#include "base/value.h"

namespace perdure::activity {

struct Resource {
  Value request = Value::object();     // arguments of the http request for it
  std::string path;                    // on this machine instead, of `file:///…`
  std::optional<std::string> content;  // it itself: nothing is to be fetched
  Value files;                         // likewise what it imports, by path
  std::size_t bytes_max = 0;

  std::string uri() const;        // as it was named
  std::string printable() const;  // likewise, for people: without a query
  Url url() const;                // where it is from; empty when that is no place of http
  std::string key() const;        // what identifies it: where it is and what is shown to get it
  Result<Resource> beside(const std::string& relative) const;  // another one, relative to this. Errors: invalid
};

// The member `name`: `{endpoint: URI or {uri, authentication}, content}`; mistakes are noted in `args`.
Resource read_resource(Args& args, std::string_view name, std::size_t bytes_max);
// The request for it: its answer is the body's bytes. Or the outcome `error_type`.
std::variant<HttpRequest, Outcome> resource_request(const Task& task, const Resource& resource,
                                                    std::string_view user_agent, std::string_view error_type);
// Of a resource on this machine. Errors: io, exhausted.
Result<std::string> read_local(const Resource& resource);

}  // namespace perdure::activity
