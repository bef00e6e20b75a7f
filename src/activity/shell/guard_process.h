#pragma once
// What runs in the nursery and in the guards. See guard.h.
#include <cstddef>
#include <cstdint>

namespace perdure::activity {

inline constexpr std::size_t k_guard_fds = 5;  // control, request, stdin, stdout, stderr
// A message on the control socket is the grace in ms, a uint32, and asks for the end.

struct GuardRequestHead {
  std::uint32_t arguments;
  std::uint32_t variables;
};

[[noreturn]] void nursery_main(int socket);

}  // namespace perdure::activity
