// Preloaded into the real binary by the crash tests: counts its calls that change the store, and at the chosen one dies,
// tears the write, or answers with an error. Everything is asked for by the environment:
//
//   PERDURE_FAULT_DIR    the store; calls on files elsewhere are neither counted nor touched
//   PERDURE_FAULT_COUNT  file to append "COUNT\n" to when the process ends by itself
//   PERDURE_FAULT_AT     the call to act at, from 1; 0 or absent: only count
//   PERDURE_FAULT_KIND   kill: SIGKILL before the call · after: SIGKILL after it · torn: half of a write, then SIGKILL
//                        EIO, ENOSPC: the call fails so, once · EIO+, ENOSPC+: it and all calls after it
#include <dlfcn.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <climits>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace {

enum class Act { nothing, kill_before, kill_after, tear, fail };

struct Orders {
  char dir[PATH_MAX] = "";
  std::size_t dir_size = 0;
  long at = 0;
  Act act = Act::nothing;
  int error = 0;
  bool from_then_on = false;
};

std::atomic<long> g_calls{0};

const Orders& orders() {
  static const Orders read = [] {
    Orders o;
    const char* dir = std::getenv("PERDURE_FAULT_DIR");
    const char* at = std::getenv("PERDURE_FAULT_AT");
    const char* kind = std::getenv("PERDURE_FAULT_KIND");
    if (dir == nullptr) return o;
    o.dir_size = std::strlen(dir);
    if (o.dir_size >= sizeof o.dir) return Orders{};
    std::memcpy(o.dir, dir, o.dir_size + 1);
    if (at == nullptr || kind == nullptr) return o;
    o.at = std::atol(at);
    if (std::strcmp(kind, "kill") == 0) o.act = Act::kill_before;
    if (std::strcmp(kind, "after") == 0) o.act = Act::kill_after;
    if (std::strcmp(kind, "torn") == 0) o.act = Act::tear;
    if (std::strncmp(kind, "EIO", 3) == 0) o.error = EIO;
    if (std::strncmp(kind, "ENOSPC", 6) == 0) o.error = ENOSPC;
    if (o.error != 0) o.act = Act::fail;
    o.from_then_on = kind[std::strlen(kind) - 1] == '+';
    return o;
  }();
  return read;
}

bool is_ours(const char* path) {
  const Orders& o = orders();
  return o.dir_size > 0 && path != nullptr && std::strncmp(path, o.dir, o.dir_size) == 0;
}

bool is_ours(int fd) {
  if (orders().dir_size == 0) return false;
  char link[64];
  char path[PATH_MAX];
  std::snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  const ssize_t size = readlink(link, path, sizeof path - 1);
  if (size < 0) return false;
  path[size] = 0;
  return is_ours(path);
}

[[noreturn]] void die() {
  kill(getpid(), SIGKILL);
  for (;;) pause();
}

Act next() {
  const Orders& o = orders();
  const long call = ++g_calls;
  if (o.at == 0 || call < o.at || (call > o.at && !o.from_then_on)) return Act::nothing;
  return o.act;
}

template <class F>
F real(const char* name) {
  return reinterpret_cast<F>(dlsym(RTLD_NEXT, name));
}

// A call without bytes to tear: `tear` kills before it.
template <class F>
auto guarded(bool ours, F call) -> decltype(call()) {
  if (!ours) return call();
  switch (next()) {
    case Act::kill_before:
    case Act::tear: die();
    case Act::fail: errno = orders().error; return -1;
    case Act::kill_after: call(); die();
    case Act::nothing: break;
  }
  return call();
}

// A write of `size` bytes; `call(n)` writes the first n.
template <class F>
ssize_t guarded_write(int fd, std::size_t size, F call) {
  if (!is_ours(fd)) return call(size);
  switch (next()) {
    case Act::kill_before: die();
    case Act::tear:
      // Whole 512-byte sectors, as a disk does; an unaligned tail would be refused by a file opened with O_DIRECT.
      if (size >= 1024) call(size / 2 / 512 * 512);
      die();
    case Act::fail: errno = orders().error; return -1;
    case Act::kill_after: call(size); die();
    case Act::nothing: break;
  }
  return call(size);
}

bool takes_mode(int flags) { return (flags & O_CREAT) != 0 || (flags & O_TMPFILE) == O_TMPFILE; }

struct AtExit {
  ~AtExit() {
    const char* path = std::getenv("PERDURE_FAULT_COUNT");
    if (path == nullptr) return;
    if (std::FILE* file = std::fopen(path, "a")) {
      std::fprintf(file, "%ld\n", g_calls.load());
      std::fclose(file);
    }
  }
} g_at_exit;

}  // namespace

extern "C" {

ssize_t write(int fd, const void* data, size_t size) {
  static const auto f = real<ssize_t (*)(int, const void*, size_t)>("write");
  return guarded_write(fd, size, [&](size_t n) { return f(fd, data, n); });
}
ssize_t pwrite(int fd, const void* data, size_t size, off_t at) {
  static const auto f = real<ssize_t (*)(int, const void*, size_t, off_t)>("pwrite");
  return guarded_write(fd, size, [&](size_t n) { return f(fd, data, n, at); });
}
ssize_t pwrite64(int fd, const void* data, size_t size, off64_t at) {
  static const auto f = real<ssize_t (*)(int, const void*, size_t, off64_t)>("pwrite64");
  return guarded_write(fd, size, [&](size_t n) { return f(fd, data, n, at); });
}
ssize_t writev(int fd, const iovec* parts, int count) {
  static const auto f = real<ssize_t (*)(int, const iovec*, int)>("writev");
  return guarded(is_ours(fd), [&] { return f(fd, parts, count); });
}
ssize_t pwritev(int fd, const iovec* parts, int count, off_t at) {
  static const auto f = real<ssize_t (*)(int, const iovec*, int, off_t)>("pwritev");
  return guarded(is_ours(fd), [&] { return f(fd, parts, count, at); });
}
ssize_t pwritev2(int fd, const iovec* parts, int count, off_t at, int flags) {
  static const auto f = real<ssize_t (*)(int, const iovec*, int, off_t, int)>("pwritev2");
  return guarded(is_ours(fd), [&] { return f(fd, parts, count, at, flags); });
}
int fsync(int fd) {
  static const auto f = real<int (*)(int)>("fsync");
  return guarded(is_ours(fd), [&] { return f(fd); });
}
int fdatasync(int fd) {
  static const auto f = real<int (*)(int)>("fdatasync");
  return guarded(is_ours(fd), [&] { return f(fd); });
}
int ftruncate(int fd, off_t size) noexcept {
  static const auto f = real<int (*)(int, off_t)>("ftruncate");
  return guarded(is_ours(fd), [&] { return f(fd, size); });
}
int fallocate(int fd, int mode, off_t at, off_t size) {
  static const auto f = real<int (*)(int, int, off_t, off_t)>("fallocate");
  return guarded(is_ours(fd), [&] { return f(fd, mode, at, size); });
}
int rename(const char* from, const char* to) noexcept {
  static const auto f = real<int (*)(const char*, const char*)>("rename");
  return guarded(is_ours(to), [&] { return f(from, to); });
}
int unlink(const char* path) noexcept {
  static const auto f = real<int (*)(const char*)>("unlink");
  return guarded(is_ours(path), [&] { return f(path); });
}
int link(const char* from, const char* to) noexcept {
  static const auto f = real<int (*)(const char*, const char*)>("link");
  return guarded(is_ours(to), [&] { return f(from, to); });
}
int mkdir(const char* path, mode_t mode) noexcept {
  static const auto f = real<int (*)(const char*, mode_t)>("mkdir");
  return guarded(is_ours(path), [&] { return f(path, mode); });
}
int posix_fallocate(int fd, off_t at, off_t size) {
  static const auto f = real<int (*)(int, off_t, off_t)>("posix_fallocate");
  const int result = guarded(is_ours(fd), [&] { return f(fd, at, size); });
  return result < 0 ? errno : result;
}
// Creating or emptying a file counts; opening one does not.
int open(const char* path, int flags, ...) {
  static const auto f = real<int (*)(const char*, int, ...)>("open");
  va_list list;
  va_start(list, flags);
  const mode_t mode = takes_mode(flags) ? va_arg(list, mode_t) : 0;
  va_end(list);
  return guarded((flags & (O_CREAT | O_TRUNC)) != 0 && is_ours(path), [&] { return f(path, flags, mode); });
}
int open64(const char* path, int flags, ...) {
  static const auto f = real<int (*)(const char*, int, ...)>("open64");
  va_list list;
  va_start(list, flags);
  const mode_t mode = takes_mode(flags) ? va_arg(list, mode_t) : 0;
  va_end(list);
  return guarded((flags & (O_CREAT | O_TRUNC)) != 0 && is_ours(path), [&] { return f(path, flags, mode); });
}

}  // extern "C"
