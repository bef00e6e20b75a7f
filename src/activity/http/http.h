#pragma once
// The activity `http`: one request to an HTTP service, with redirects; and `openapi`: the same for an operation that an
// OpenAPI document describes (docs/activities.md).
//
// All transfers run on one thread. TLS is always verified. Connections are opened only to addresses that the policy
// allows, checked after name resolution, for redirects as well. A proxy of the operator is trusted to reach what it
// may; through any proxy, only targets written as addresses can be checked here.
#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "activity/activity.h"
#include "base/limits.h"
#include "base/result.h"
#include "base/time.h"
#include "base/value.h"
#include "net/address.h"

namespace perdure::activity {

struct HttpOptions {
  net::AddressPolicy addresses = {};
  std::size_t concurrency = 256;                       // requests at a time
  std::size_t queue_max = 1'000'000;                   // tasks waiting beyond; then "queue.full", class throttled
  std::size_t body_bytes_max = k_http_body_bytes_max;  // of a response; a request may ask for less
  std::size_t header_bytes_max = std::size_t{256} << 10;
  std::size_t header_lines_max = 1000;
  DurationMs timeout_ms = 300'000;         // of a task that has no time limit of its own
  DurationMs connect_timeout_ms = 15'000;  // name resolution, connection and TLS
  std::string user_agent = "perdure";
  std::string ca_file = {};  // PEM; empty: the system's
  // "HOST:PORT:ADDRESS:PORT": what is for the first goes to the second, without a look-up; the guard judges the address.
  std::vector<std::string> connect_to = {};
  std::string proxy = {};  // of the operator; empty: none (environment variables are not read)
  std::function<Result<Value>(std::string_view)> read_yaml = {};  // for OpenAPI documents; empty: JSON alone
  Clock* clock = nullptr;                                         // for dates in Retry-After; nullptr: the system's
};

std::unique_ptr<Driver> make_http(HttpOptions options = {});

}  // namespace perdure::activity
