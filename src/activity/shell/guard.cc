#include "activity/shell/guard.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>

#include "activity/shell/guard_process.h"

namespace perdure::activity {
namespace {

Error os_error(std::string_view what) { return Error{ErrorCode::io, std::string(what) + ": " + std::strerror(errno)}; }

Result<Fd> memory_file(const char* name, std::string_view content) {
  Fd file(memfd_create(name, MFD_CLOEXEC));
  if (!file) return tl::unexpected(os_error("can't make a memory file"));
  std::size_t done = 0;
  while (done < content.size()) {
    const ssize_t n = write(file.get(), content.data() + done, content.size() - done);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return tl::unexpected(os_error("can't write a memory file"));
    done += static_cast<std::size_t>(n);
  }
  lseek(file.get(), 0, SEEK_SET);
  return file;
}

// The order in which guard_process.cc reads it: a head, then strings that each end with a NUL.
std::string encode(const Program& program) {
  const GuardRequestHead head{static_cast<std::uint32_t>(program.argv.size()),
                              static_cast<std::uint32_t>(program.env.size())};
  std::string blob(reinterpret_cast<const char*>(&head), sizeof head);
  const auto add = [&blob](const std::string& text) { blob.append(text.c_str(), text.size() + 1); };
  add(program.path);
  add(program.cwd);
  for (const std::string& argument : program.argv) add(argument);
  for (const std::string& variable : program.env) add(variable);
  return blob;
}

struct Pair {
  Fd near;
  Fd far;
};
Result<Pair> make_pipe() {
  std::array<int, 2> ends{};
  if (pipe2(ends.data(), O_CLOEXEC) != 0) return tl::unexpected(os_error("can't make a pipe"));
  Pair pair{Fd(ends[0]), Fd(ends[1])};
  if (fcntl(ends[0], F_SETFL, O_NONBLOCK) != 0) return tl::unexpected(os_error("can't set up a pipe"));
  return pair;
}
Result<Pair> make_socket_pair() {
  std::array<int, 2> ends{};
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends.data()) != 0) {
    return tl::unexpected(os_error("can't make a socket pair"));
  }
  return Pair{Fd(ends[0]), Fd(ends[1])};
}

}  // namespace

void Fd::reset() {
  if (fd_ >= 0) close(fd_);
  fd_ = -1;
}

Nursery::~Nursery() {
  socket_.reset();  // the nursery ends at its end of file
  if (pid_ > 0) {
    while (waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {}
  }
}

Status Nursery::start() {
  if (pid_ > 0) {
    socket_.reset();
    waitpid(pid_, nullptr, 0);
    pid_ = -1;
  }
  PERDURE_TRY(pair, make_socket_pair());
  // No handler of the engine may run in the copy.
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  const pid_t pid = fork();
  if (pid == 0) nursery_main(pair.far.get());
  const int error = errno;
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  if (pid < 0) {
    errno = error;
    return tl::unexpected(os_error("can't fork"));
  }
  pid_ = pid;
  socket_ = std::move(pair.near);
  return {};
}

Status Nursery::send(const int* fds, std::size_t count) {
  char byte = 'S';
  iovec data{&byte, 1};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int) * k_guard_fds)> control{};
  msghdr message{};
  message.msg_iov = &data;
  message.msg_iovlen = 1;
  message.msg_control = control.data();
  message.msg_controllen = CMSG_SPACE(sizeof(int) * count);
  cmsghdr* head = CMSG_FIRSTHDR(&message);
  head->cmsg_level = SOL_SOCKET;
  head->cmsg_type = SCM_RIGHTS;
  head->cmsg_len = CMSG_LEN(sizeof(int) * count);
  std::memcpy(CMSG_DATA(head), fds, sizeof(int) * count);
  while (sendmsg(socket_.get(), &message, MSG_NOSIGNAL) < 0) {
    if (errno != EINTR) return tl::unexpected(os_error("can't reach the process that starts programs"));
  }
  return {};
}

Result<Guarded> Nursery::spawn(const Program& program) {
  PERDURE_TRY(control, make_socket_pair());
  PERDURE_TRY(output, make_pipe());
  PERDURE_TRY(errors, make_pipe());
  PERDURE_TRY(request, memory_file("perdure-program", encode(program)));
  Fd input;
  if (program.input != nullptr) {
    PERDURE_TRY(file, memory_file("perdure-stdin", *program.input));
    input = std::move(file);
  } else {
    input = Fd(open("/dev/null", O_RDONLY | O_CLOEXEC));
    if (!input) return tl::unexpected(os_error("can't open /dev/null"));
  }
  const std::array<int, k_guard_fds> fds = {control.far.get(), request.get(), input.get(), output.far.get(),
                                            errors.far.get()};
  if (pid_ <= 0 || !send(fds.data(), fds.size())) {
    PERDURE_TRY_VOID(start());
    PERDURE_TRY_VOID(send(fds.data(), fds.size()));
  }
  return Guarded{std::move(control.near), std::move(output.near), std::move(errors.near)};
}

void ask_to_end(const Fd& control, std::uint32_t grace_ms) {
  // When this fails the guard is gone or about to be, which its end of file tells.
  [[maybe_unused]] const ssize_t sent = ::send(control.get(), &grace_ms, sizeof grace_ms, MSG_NOSIGNAL | MSG_DONTWAIT);
}

}  // namespace perdure::activity
