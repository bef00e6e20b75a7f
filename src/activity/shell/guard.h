#pragma once
// Processes that die with the engine.
//
//   engine ── nursery ── guard ── program ── whatever it starts
//
// The nursery is forked once, while the engine is small. For each program it forks a guard. The guard is the reaper of
// everything below it, and holds one end of a socket whose other end only the engine has: when that closes, because the
// engine said so or because the kernel closed it after SIGKILL, the guard kills the program's process group and every
// descendant, also those that made themselves a session of their own, and ends. It does the same when the program ends.
//
// The code of nursery and guard runs after fork() of a process with threads: only system calls, no allocation, no
// locks.
#include <sys/types.h>

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"

namespace perdure::activity {

// A file descriptor that closes itself.
class Fd {
 public:
  Fd() = default;
  explicit Fd(int fd) : fd_(fd) {}
  Fd(Fd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Fd& operator=(Fd&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~Fd() { reset(); }
  int get() const { return fd_; }
  explicit operator bool() const { return fd_ >= 0; }
  void reset();

 private:
  int fd_ = -1;
};

struct Program {
  std::string path;  // of the file to execute
  std::vector<std::string> argv;
  std::vector<std::string> env;        // NAME=VALUE
  std::string cwd;                     // empty: stay
  const std::string* input = nullptr;  // nullptr: /dev/null
};

// What a guard tells when nothing of its program is left.
struct GuardReport {
  enum class Kind : std::uint32_t { exited, signalled, no_cwd, no_exec, no_process };
  Kind kind;
  std::uint32_t value;  // exit code, signal, or errno
};

struct Guarded {
  Fd control;  // readable: a GuardReport, then the end. Closing it kills everything at once.
  Fd output;   // non-blocking
  Fd errors;   // non-blocking
};

class Nursery {
 public:
  Nursery() = default;
  ~Nursery();
  Nursery(const Nursery&) = delete;
  Nursery& operator=(const Nursery&) = delete;

  Status start();
  // Begins a program; starts the nursery again when something has killed it. Errors: io.
  Result<Guarded> spawn(const Program& program);
  pid_t pid() const { return pid_; }

 private:
  Status send(const int* fds, std::size_t count);
  Fd socket_;
  pid_t pid_ = -1;
};

// Asks a guard to end its program: SIGTERM to the group, SIGKILL to all that is left after the grace.
void ask_to_end(const Fd& control, std::uint32_t grace_ms);

}  // namespace perdure::activity
