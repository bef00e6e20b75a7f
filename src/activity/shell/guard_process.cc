// Only what is allowed after fork() of a process with threads: system calls, no allocation, no locks, no exceptions.
#include "activity/shell/guard_process.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <csignal>
#include <cstring>
#include <ctime>

#include "activity/shell/guard.h"

namespace perdure::activity {
namespace {

// After the program has ended, what it left running gets this long to end by itself (a `tee` that writes its last
// line), then it is killed.
constexpr int k_leftover_grace_ms = 250;
// What does not die within this time of SIGKILL hangs in the kernel; it dies when it comes back.
constexpr int k_kill_patience_ms = 2000;

using Kind = GuardReport::Kind;

std::int64_t now_ms() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return std::int64_t{now.tv_sec} * 1000 + now.tv_nsec / 1'000'000;
}

void default_signals() {
  for (int number = 1; number < NSIG; ++number) {
    struct sigaction action {};
    action.sa_handler = SIG_DFL;
    sigaction(number, &action, nullptr);
  }
}
void ignore(std::initializer_list<int> numbers) {
  for (const int number : numbers) {
    struct sigaction action {};
    action.sa_handler = SIG_IGN;
    sigaction(number, &action, nullptr);
  }
}
void set_mask(int how, std::initializer_list<int> numbers) {
  sigset_t set;
  sigemptyset(&set);
  for (const int number : numbers) sigaddset(&set, number);
  sigprocmask(how, &set, nullptr);
}

// Everything from `first` on, whatever the engine had open: sockets, and locks that must fall when it dies.
void close_from(unsigned first) {
  if (syscall(SYS_close_range, first, ~0U, 0) == 0) return;
  for (int fd = static_cast<int>(first); fd < 65536; ++fd) close(fd);
}

// The strings of the request, in the shape execve wants.
struct Request {
  char* path = nullptr;
  char* cwd = nullptr;
  char** argv = nullptr;
  char** env = nullptr;
};

bool map_request(int fd, Request& request) {
  struct stat info {};
  if (fstat(fd, &info) != 0 || info.st_size < static_cast<off_t>(sizeof(GuardRequestHead))) return false;
  const auto size = static_cast<std::size_t>(info.st_size);
  void* blob = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
  if (blob == MAP_FAILED) return false;
  GuardRequestHead head{};
  std::memcpy(&head, blob, sizeof head);
  const std::size_t pointers = std::size_t{head.arguments} + head.variables + 2;
  void* table = mmap(nullptr, pointers * sizeof(char*), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (table == MAP_FAILED) return false;
  char* at = static_cast<char*>(blob) + sizeof head;
  const auto next = [&at] {
    char* text = at;
    at += std::strlen(at) + 1;
    return text;
  };
  request.path = next();
  request.cwd = next();
  request.argv = static_cast<char**>(table);
  for (std::uint32_t i = 0; i < head.arguments; ++i) request.argv[i] = next();
  request.env = request.argv + head.arguments + 1;
  for (std::uint32_t i = 0; i < head.variables; ++i) request.env[i] = next();
  return true;  // both lists end with the null that mmap gave
}

struct Fds {
  int control;
  int request;
  int input;
  int output;
  int errors;
};

[[noreturn]] void program_main(const Request& request, const Fds& fds, int failure_pipe, pid_t guard) {
  setpgid(0, 0);
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != guard) _exit(127);
  GuardReport failure{Kind::no_cwd, 0};
  if (request.cwd[0] == '\0' || chdir(request.cwd) == 0) {
    failure.kind = Kind::no_exec;
    dup2(fds.input, 0);
    dup2(fds.output, 1);
    dup2(fds.errors, 2);
    // Every descriptor of the guard closes on exec; a program gets three and no more.
    default_signals();
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, nullptr);
    execve(request.path, request.argv, request.env);
  }
  failure.value = static_cast<std::uint32_t>(errno);
  [[maybe_unused]] const ssize_t written = write(failure_pipe, &failure, sizeof failure);
  _exit(127);
}

// Sends a signal to each child this process has, also those it inherited from parents that died.
void signal_children(int number) {
  const int list = open("/proc/thread-self/children", O_RDONLY | O_CLOEXEC);
  if (list < 0) return;
  std::array<char, 4096> text{};
  pid_t pid = 0;
  ssize_t n = 0;
  while ((n = read(list, text.data(), text.size())) > 0) {
    for (ssize_t i = 0; i < n; ++i) {
      const char c = text[static_cast<std::size_t>(i)];
      if (c >= '0' && c <= '9') {
        pid = pid * 10 + (c - '0');
      } else {
        if (pid > 1) kill(pid, number);
        pid = 0;
      }
    }
  }
  close(list);
}

void sleep_ms(int ms) {
  const timespec time{0, ms * 1'000'000L};
  nanosleep(&time, nullptr);
}

// The guard of one program.
class Guard {
 public:
  Guard(pid_t program, int control, int children) : program_(program), control_(control), children_(children) {}

  // Returns when nothing is left.
  void watch() {
    while (!empty_) {
      const int timeout = deadline_ == 0 ? -1 : static_cast<int>(std::max<std::int64_t>(0, deadline_ - now_ms()));
      std::array<pollfd, 2> waits = {pollfd{control_, POLLIN, 0}, pollfd{children_, POLLIN, 0}};
      const int ready = poll(waits.data(), waits.size(), timeout);
      if (ready < 0 && errno != EINTR) break;
      if (waits[1].revents != 0) {
        signalfd_siginfo info{};
        [[maybe_unused]] const ssize_t n = read(children_, &info, sizeof info);
        reap();
      }
      if (waits[0].revents != 0) hear();
      if (deadline_ != 0 && now_ms() >= deadline_) kill_all();
    }
  }
  GuardReport report() const {
    if (WIFSIGNALED(status_)) return {Kind::signalled, static_cast<std::uint32_t>(WTERMSIG(status_))};
    return {Kind::exited, static_cast<std::uint32_t>(WEXITSTATUS(status_))};
  }

 private:
  void hear() {
    std::uint32_t grace_ms = 0;
    if (recv(control_, &grace_ms, sizeof grace_ms, MSG_DONTWAIT) == static_cast<ssize_t>(sizeof grace_ms)) {
      if (asked_ || ended_) return;
      asked_ = true;
      kill(-program_, SIGTERM);
      kill(-program_, SIGCONT);  // a stopped process gets its SIGTERM only then
      deadline_ = now_ms() + grace_ms;
      return;
    }
    kill_all();  // the engine is gone, or has lost patience
  }

  void reap() {
    int status = 0;
    pid_t pid = 0;
    bool some = false;
    while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
      some = true;
      if (pid != program_) continue;
      ended_ = true;
      status_ = status;
      if (!asked_) deadline_ = now_ms() + k_leftover_grace_ms;
    }
    // Those outside the group are this process's own children once their parents are gone.
    if (some && asked_) signal_children(SIGTERM);
    empty_ = pid < 0 && errno == ECHILD;
  }

  void kill_all() {
    if (!ended_) kill(-program_, SIGKILL);
    const std::int64_t until = now_ms() + k_kill_patience_ms;
    while (true) {
      signal_children(SIGKILL);
      reap();
      if (empty_ || now_ms() >= until) break;
      sleep_ms(1);
    }
    empty_ = true;
  }

  const pid_t program_;
  const int control_;
  const int children_;
  std::int64_t deadline_ = 0;  // then everything is killed; 0: no reason yet
  bool asked_ = false;         // to end it
  bool ended_ = false;         // the program itself
  bool empty_ = false;         // and all below it
  int status_ = 0;
};

// Forks the program; tells why when it could not be executed.
GuardReport start_program(const Request& request, const Fds& fds, pid_t& program) {
  std::array<int, 2> failure_pipe{};
  if (pipe2(failure_pipe.data(), O_CLOEXEC) != 0) return {Kind::no_process, static_cast<std::uint32_t>(errno)};
  const pid_t guard = getpid();
  program = _Fork();
  if (program < 0) return {Kind::no_process, static_cast<std::uint32_t>(errno)};
  if (program == 0) program_main(request, fds, failure_pipe[1], guard);
  setpgid(program, program);  // both set it: neither can know who is first
  close(failure_pipe[1]);
  // Only the program and what it starts may hold its ends.
  close(fds.input);
  close(fds.output);
  close(fds.errors);
  close(fds.request);
  GuardReport failure{Kind::exited, 0};
  ssize_t n = 0;
  do { n = read(failure_pipe[0], &failure, sizeof failure); } while (n < 0 && errno == EINTR);
  close(failure_pipe[0]);
  if (n == static_cast<ssize_t>(sizeof failure)) {
    waitpid(program, nullptr, 0);
    return failure;
  }
  return {Kind::exited, 0};
}

[[noreturn]] void guard_main(const Fds& fds) {
  setsid();
  prctl(PR_SET_NAME, "perdure-guard");
  prctl(PR_SET_CHILD_SUBREAPER, 1);
  default_signals();
  ignore({SIGPIPE, SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2});
  set_mask(SIG_BLOCK, {SIGCHLD});
  sigset_t child;
  sigemptyset(&child);
  sigaddset(&child, SIGCHLD);
  const int children = signalfd(-1, &child, SFD_CLOEXEC | SFD_NONBLOCK);
  Request request;
  pid_t program = -1;
  GuardReport report{Kind::no_process, static_cast<std::uint32_t>(errno)};
  if (children >= 0 && map_request(fds.request, request)) {
    report = start_program(request, fds, program);
    if (report.kind == Kind::exited) {
      Guard guard(program, fds.control, children);
      guard.watch();
      report = guard.report();
    }
  }
  send(fds.control, &report, sizeof report, MSG_NOSIGNAL);
  _exit(0);
}

// The descriptors that came with a message, or false at the end of the engine.
bool receive(int socket, Fds& fds) {
  char byte = 0;
  iovec data{&byte, 1};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int) * k_guard_fds)> control{};
  msghdr message{};
  message.msg_iov = &data;
  message.msg_iovlen = 1;
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  ssize_t n = 0;
  do { n = recvmsg(socket, &message, MSG_CMSG_CLOEXEC); } while (n < 0 && errno == EINTR);
  if (n <= 0) return false;
  const cmsghdr* head = CMSG_FIRSTHDR(&message);
  if (head == nullptr || head->cmsg_len != CMSG_LEN(sizeof(int) * k_guard_fds)) return false;
  std::array<int, k_guard_fds> received{};
  std::memcpy(received.data(), CMSG_DATA(head), sizeof received);
  fds = {received[0], received[1], received[2], received[3], received[4]};
  return true;
}

}  // namespace

void nursery_main(int socket) {
  setsid();  // Ctrl-C at the terminal is for the engine, which then ends programs in order
  prctl(PR_SET_NAME, "perdure-nursery");
  default_signals();
  ignore({SIGPIPE, SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGCHLD});  // ignored SIGCHLD: guards leave no zombies
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  constexpr int k_socket = 3;
  if (socket != k_socket) dup2(socket, k_socket);
  fcntl(k_socket, F_SETFD, FD_CLOEXEC);
  close_from(k_socket + 1);
  const int null = open("/dev/null", O_RDWR | O_CLOEXEC);
  for (int fd = 0; fd < 3; ++fd) dup2(null, fd);
  if (null > k_socket) close(null);
  Fds fds{};
  while (receive(k_socket, fds)) {
    const pid_t guard = _Fork();
    if (guard == 0) {
      close(k_socket);
      guard_main(fds);
    }
    if (guard < 0) {
      const GuardReport report{Kind::no_process, static_cast<std::uint32_t>(errno)};
      send(fds.control, &report, sizeof report, MSG_NOSIGNAL);
    }
    for (const int fd : {fds.control, fds.request, fds.input, fds.output, fds.errors}) close(fd);
  }
  _exit(0);
}

}  // namespace perdure::activity
