#pragma once
// CHECK: what must be true in our own code. On in every build; prints the expression and place and aborts.
// Never applied to bytes that came from a disk, a network or a user: those are validated and give an Error.
namespace perdure {
[[noreturn]] void check_failed(const char* expression, const char* file, int line) noexcept;
}
#define CHECK(condition) \
  (static_cast<bool>(condition) ? static_cast<void>(0) : ::perdure::check_failed(#condition, __FILE__, __LINE__))
