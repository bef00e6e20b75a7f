#include "cli/io.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>

namespace perdure::cli {
namespace {

std::atomic<bool> g_interrupted{false};
static_assert(std::atomic<bool>::is_always_lock_free, "set in a signal handler");

extern "C" void on_interrupt(int) { g_interrupted.store(true); }

std::string reason() { return std::strerror(errno); }

class ProcessIo final : public Io {
 public:
  ProcessIo() { std::signal(SIGPIPE, SIG_IGN); }  // a reader that leaves must not end a run

  void out(std::string_view text) override { write_all(STDOUT_FILENO, text); }
  void err(std::string_view text) override { write_all(STDERR_FILENO, text); }
  bool out_is_terminal() const override { return ::isatty(STDOUT_FILENO) == 1; }
  bool err_is_terminal() const override { return ::isatty(STDERR_FILENO) == 1; }
  bool in_is_terminal() const override { return ::isatty(STDIN_FILENO) == 1; }

  Size size() const override {
    winsize window{};
    Size size;
    if (::ioctl(STDERR_FILENO, TIOCGWINSZ, &window) == 0 && window.ws_col > 0 && window.ws_row > 0)
      size = {window.ws_col, window.ws_row};
    return size;
  }
  bool output_failed() const override { return failed_; }

  Result<std::string> read_input(std::size_t limit) override {
    std::string bytes;
    std::array<char, 65536> buffer;
    while (true) {
      const ssize_t n = ::read(STDIN_FILENO, buffer.data(), buffer.size());
      if (n < 0 && errno == EINTR && !interrupted()) continue;
      if (n < 0) return fail(ErrorCode::io, "cannot read standard input: " + reason());
      if (n == 0) return bytes;
      bytes.append(buffer.data(), static_cast<std::size_t>(n));
      if (bytes.size() > limit)
        return fail(ErrorCode::exhausted, "standard input is larger than " + std::to_string(limit) + " bytes");
    }
  }

  std::optional<std::string> read_line() override {
    while (true) {
      if (const auto end = pending_.find('\n'); end != std::string::npos) {
        std::string line = pending_.substr(0, end);
        pending_.erase(0, end + 1);
        return line;
      }
      if (interrupted() || pending_.size() > k_line_bytes_max) return std::nullopt;
      // Polled in slices, so that Ctrl-C ends the wait even where another thread took the signal.
      pollfd input{STDIN_FILENO, POLLIN, 0};
      const int ready = ::poll(&input, 1, 200);
      if (ready <= 0) continue;
      std::array<char, 4096> buffer;
      const ssize_t n = ::read(STDIN_FILENO, buffer.data(), buffer.size());
      if (n < 0 && errno == EINTR) continue;
      if (n <= 0) return std::nullopt;
      pending_.append(buffer.data(), static_cast<std::size_t>(n));
    }
  }

  std::optional<std::string> env(const char* name) const override {
    const char* value = std::getenv(name);
    if (!value || !*value) return std::nullopt;
    return std::string(value);
  }
  TimeMs now_ms() override {
    return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::system_clock::now().time_since_epoch())
        .count();
  }

  void catch_interrupts() override {
    struct sigaction action {};
    action.sa_handler = on_interrupt;
    action.sa_flags = SA_RESETHAND;  // the second one ends the process; the run is safe on disk
    sigemptyset(&action.sa_mask);
    ::sigaction(SIGINT, &action, nullptr);
    ::sigaction(SIGTERM, &action, nullptr);
  }
  bool interrupted() const override { return g_interrupted.load(); }

 private:
  static constexpr std::size_t k_line_bytes_max = std::size_t{1} << 20;

  void write_all(int fd, std::string_view text) {
    while (!text.empty()) {
      const ssize_t n = ::write(fd, text.data(), text.size());
      if (n < 0 && errno == EINTR) continue;
      if (n < 0 && errno == EAGAIN) {  // a terminal somebody made non-blocking
        pollfd output{fd, POLLOUT, 0};
        ::poll(&output, 1, 1000);
        continue;
      }
      if (n < 0) {
        if (errno != EPIPE && fd == STDOUT_FILENO) failed_ = true;
        return;
      }
      text.remove_prefix(static_cast<std::size_t>(n));
    }
  }

  std::string pending_;
  bool failed_ = false;
};

class File {
 public:
  explicit File(int fd) : fd_(fd) {}
  ~File() {
    if (fd_ >= 0) ::close(fd_);
  }
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  int get() const { return fd_; }

 private:
  int fd_;
};

Status write_bytes(int fd, std::string_view bytes, const std::string& name) {
  while (!bytes.empty()) {
    const ssize_t n = ::write(fd, bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return fail(ErrorCode::io, "cannot write " + name + ": " + reason());
    bytes.remove_prefix(static_cast<std::size_t>(n));
  }
  if (::fsync(fd) != 0 && errno != EINVAL) return fail(ErrorCode::io, "cannot write " + name + ": " + reason());
  return {};
}

}  // namespace

std::unique_ptr<Io> make_io() { return std::make_unique<ProcessIo>(); }

Result<std::string> read_file(const std::filesystem::path& path, std::size_t limit) {
  const std::string name = path.string();
  // Non-blocking, so that a FIFO without a writer is refused and not waited for.
  const File file(::open(name.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (file.get() < 0) {
    if (errno == ENOENT) return fail(ErrorCode::invalid, name + " does not exist; check the path");
    return fail(ErrorCode::io, "cannot open " + name + ": " + reason());
  }
  struct stat info {};
  if (::fstat(file.get(), &info) != 0) return fail(ErrorCode::io, "cannot read " + name + ": " + reason());
  if (S_ISDIR(info.st_mode)) return fail(ErrorCode::invalid, name + " is a folder; name a file in it");
  const bool pipe = S_ISFIFO(info.st_mode);  // <(command)
  if (!S_ISREG(info.st_mode) && !pipe) return fail(ErrorCode::invalid, name + " is not a plain file");
  if (pipe) ::fcntl(file.get(), F_SETFL, 0);
  std::string bytes;
  std::array<char, 65536> buffer;
  while (true) {
    const ssize_t n = ::read(file.get(), buffer.data(), buffer.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return fail(ErrorCode::io, "cannot read " + name + ": " + reason());
    if (n == 0) return bytes;
    bytes.append(buffer.data(), static_cast<std::size_t>(n));
    if (bytes.size() > limit)
      return fail(ErrorCode::invalid, name + " is larger than " + std::to_string(limit >> 20) + " MiB, the limit");
  }
}

Status write_file(const std::filesystem::path& path, std::string_view bytes, bool exclusive) {
  const std::string name = path.string();
  if (exclusive) {
    const File file(::open(name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644));
    if (file.get() < 0) {
      if (errno == EEXIST) return fail(ErrorCode::conflict, name + " exists already; name another file or remove it");
      return fail(ErrorCode::io, "cannot create " + name + ": " + reason());
    }
    return write_bytes(file.get(), bytes, name);
  }
  struct stat info {};
  const mode_t mode = ::stat(name.c_str(), &info) == 0 ? info.st_mode & 07777 : 0644;
  std::string temporary = name + ".XXXXXX";
  {
    const File file(::mkostemp(temporary.data(), O_CLOEXEC));
    if (file.get() < 0) return fail(ErrorCode::io, "cannot write beside " + name + ": " + reason());
    ::fchmod(file.get(), mode);
    if (Status status = write_bytes(file.get(), bytes, name); !status) {
      ::unlink(temporary.c_str());
      return status;
    }
  }
  if (::rename(temporary.c_str(), name.c_str()) != 0) {
    Status status = fail(ErrorCode::io, "cannot replace " + name + ": " + reason());
    ::unlink(temporary.c_str());
    return status;
  }
  return {};
}

Result<std::string> edit_text(Io& io, std::string_view text, std::string_view suffix) {
  std::string editor = io.env("VISUAL").value_or(io.env("EDITOR").value_or("vi"));
  std::string name = io.env("TMPDIR").value_or("/tmp") + "/perdure-XXXXXX" + std::string(suffix);
  {
    const File file(::mkostemps(name.data(), static_cast<int>(suffix.size()), O_CLOEXEC));  // mode 0600
    if (file.get() < 0) return fail(ErrorCode::io, "cannot make a file to edit: " + reason());
    PERDURE_TRY_VOID(write_bytes(file.get(), text, name));
  }
  // The variable may hold options ("code --wait"), so a shell splits it; the file is its argument, never its text.
  const std::string command = editor + " \"$1\"";
  const pid_t child = ::fork();
  if (child == 0) {
    ::execl("/bin/sh", "sh", "-c", command.c_str(), "sh", name.c_str(), static_cast<char*>(nullptr));
    ::_exit(127);
  }
  int status = -1;
  if (child > 0)
    while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {}
  Result<std::string> edited = read_file(name);
  ::unlink(name.c_str());
  if (child < 0 || !WIFEXITED(status) || WEXITSTATUS(status) != 0)
    return fail(ErrorCode::io, "the editor '" + editor + "' failed; set EDITOR to one that works");
  return edited;
}

}  // namespace perdure::cli
