#pragma once
// Result<T>: the value, or an Error that says what failed, which one, where, and what to do next.
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <utility>

namespace perdure {

// What a caller can act upon. The CLI maps `invalid` to exit code 2; a server would map these to HTTP statuses.
enum class ErrorCode {
  invalid,      // the caller's input is wrong; the message says where and how to mend it
  not_found,    // the named thing does not exist
  conflict,     // exists already with other content, or is in a state that does not allow this
  lease_lost,   // another owner has the store or shard
  corrupt,      // stored bytes are damaged; the message has the offset
  unsupported,  // written by a newer version, or not available in this build
  exhausted,    // a configured limit was reached; the message names limit and value
  io,           // the operating system refused
  cancelled,    // the operation was asked to stop
  internal,     // ours
};
std::string_view to_string(ErrorCode code);

struct Error {
  ErrorCode code = ErrorCode::internal;
  std::string message;
};

template <class T>
using Result = tl::expected<T, Error>;
using Status = Result<void>;

inline tl::unexpected<Error> fail(ErrorCode code, std::string message) {
  return tl::unexpected<Error>(Error{code, std::move(message)});
}
// The same error with "context: " put before its message.
inline tl::unexpected<Error> wrap(Error error, std::string_view context) {
  error.message = std::string(context) + ": " + error.message;
  return tl::unexpected<Error>(std::move(error));
}

}  // namespace perdure

// Hands an error on: `PERDURE_TRY(thing, make_thing());` declares `thing` or returns the error.
#define PERDURE_TRY_CAT2(a, b) a##b
#define PERDURE_TRY_CAT(a, b) PERDURE_TRY_CAT2(a, b)
#define PERDURE_TRY_IMPL(tmp, var, expression)                               \
  auto tmp = (expression);                                                   \
  if (!tmp) return tl::unexpected<::perdure::Error>(std::move(tmp).error()); \
  auto var = std::move(*tmp)
#define PERDURE_TRY(var, expression) PERDURE_TRY_IMPL(PERDURE_TRY_CAT(try_result_, __LINE__), var, expression)
#define PERDURE_TRY_VOID(expression)                                           \
  do {                                                                         \
    if (auto try_status_ = (expression); !try_status_)                         \
      return tl::unexpected<::perdure::Error>(std::move(try_status_).error()); \
  } while (false)
