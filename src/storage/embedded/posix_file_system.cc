#include "storage/embedded/posix_file_system.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>

#include "base/time.h"
#include "storage/embedded/whole_io.h"

namespace perdure::storage {
namespace {

tl::unexpected<Error> refused(const char* call, const std::string& path, int error) {
  const ErrorCode code = error == ENOENT                      ? ErrorCode::not_found
                         : error == ENOSPC || error == EDQUOT ? ErrorCode::exhausted
                                                              : ErrorCode::io;
  std::string message = path + ": " + call + ": " + std::strerror(error);
  if (code == ErrorCode::exhausted) message += "; free some space and try again";
  return fail(code, std::move(message));
}

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  int get() const { return fd_; }
  explicit operator bool() const { return fd_ >= 0; }

 private:
  int fd_;
};

int open_retrying(const std::string& path, int flags, mode_t mode = 0644) {
  for (;;) {
    const int fd = ::open(path.c_str(), flags | O_CLOEXEC, mode);
    if (fd >= 0 || errno != EINTR) return fd;
  }
}

Status write_all(int fd, std::string_view bytes, std::uint64_t offset, const std::string& path) {
  const int error = write_whole(bytes, offset, [fd](const char* data, std::size_t size, std::uint64_t at) {
    return ::pwrite(fd, data, size, static_cast<off_t>(at));
  });
  return error == 0 ? Status() : refused("write", path, error);
}

Result<std::string> read_at(int fd, std::uint64_t offset, std::size_t size, const std::string& path) {
  std::string bytes(size, '\0');
  const int error = read_whole(bytes, offset, [fd](char* data, std::size_t length, std::uint64_t at) {
    return ::pread(fd, data, length, static_cast<off_t>(at));
  });
  if (error != 0) return refused("read", path, error);
  return bytes;
}

// Writes go around the page cache and are durable on return (O_DIRECT | O_DSYNC); where the file system knows no direct
// writes, pwrite and fdatasync do. Reads use a descriptor of their own.
class PosixBlockFile final : public BlockFile {
 public:
  PosixBlockFile(std::string path, int write_fd, bool direct, int read_fd, std::uint64_t size)
      : path_(std::move(path)), write_(write_fd), read_(read_fd), direct_(direct), size_(size) {}

  Status write(std::uint64_t offset, std::string_view bytes) override {
    PERDURE_TRY_VOID(write_all(write_.get(), bytes, offset, path_));
    if (!direct_ && ::fdatasync(write_.get()) != 0) return refused("fdatasync", path_, errno);
    return {};
  }
  Result<std::string> read(std::uint64_t offset, std::size_t size) override {
    return read_at(read_.get(), offset, size, path_);
  }
  std::uint64_t size() const override { return size_; }

 private:
  std::string path_;
  Descriptor write_, read_;
  bool direct_;
  std::uint64_t size_;
};

class PosixLock final : public FileLock {
 public:
  explicit PosixLock(int fd) : fd_(fd) {}

 private:
  Descriptor fd_;  // closing releases the flock
};

// Makes a directory's name durable, in the directory that holds it.
Status sync_entry(const std::string& path) {
  const auto slash = path.find_last_of('/');
  const std::string parent = slash == std::string::npos ? "." : slash == 0 ? "/" : path.substr(0, slash);
  const Descriptor fd(open_retrying(parent, O_RDONLY | O_DIRECTORY));
  if (!fd && errno == EACCES) return {};  // one we may pass through and not read was not made by us
  if (!fd) return refused("open", parent, errno);
  if (::fsync(fd.get()) != 0) return refused("fsync", parent, errno);
  return {};
}

class PosixFileSystem final : public FileSystem {
 public:
  Status create_filled(const std::string& path, std::uint64_t size) override {
    const Descriptor fd(open_retrying(path, O_RDWR | O_CREAT | O_TRUNC));
    if (!fd) return refused("create", path, errno);
    // Reserves first, so that a full disk is told before anything is written.
    if (const int error = ::posix_fallocate(fd.get(), 0, static_cast<off_t>(size)); error != 0) {
      ::unlink(path.c_str());
      return refused("allocate", path, error);
    }
    const std::string zeros(std::min<std::uint64_t>(size, 1U << 20), '\0');
    for (std::uint64_t at = 0; at < size; at += zeros.size())
      PERDURE_TRY_VOID(write_all(fd.get(), std::string_view(zeros).substr(0, size - at), at, path));
    if (::fsync(fd.get()) != 0) return refused("fsync", path, errno);
    ::posix_fadvise(fd.get(), 0, 0, POSIX_FADV_DONTNEED);
    return {};
  }

  Result<std::unique_ptr<BlockFile>> open_blocks(const std::string& path) override {
    bool direct = true;
    int write_fd = open_retrying(path, O_RDWR | O_DIRECT | O_DSYNC);
    if (write_fd < 0 && errno == EINVAL) {
      direct = false;
      write_fd = open_retrying(path, O_RDWR);
    }
    if (write_fd < 0) return refused("open", path, errno);
    const int read_fd = open_retrying(path, O_RDONLY);
    struct stat info {};
    if (read_fd < 0 || ::fstat(read_fd, &info) != 0) {
      const int error = errno;
      ::close(write_fd);
      if (read_fd >= 0) ::close(read_fd);
      return refused("open", path, error);
    }
    return std::make_unique<PosixBlockFile>(path, write_fd, direct, read_fd, static_cast<std::uint64_t>(info.st_size));
  }

  Status write(const std::string& path, std::string_view content) override {
    const Descriptor fd(open_retrying(path, O_WRONLY | O_CREAT | O_TRUNC));
    if (!fd) return refused("create", path, errno);
    PERDURE_TRY_VOID(write_all(fd.get(), content, 0, path));
    if (::fsync(fd.get()) != 0) return refused("fsync", path, errno);
    return {};
  }

  Result<std::string> read(const std::string& path) override {
    const Descriptor fd(open_retrying(path, O_RDONLY));
    if (!fd) return refused("open", path, errno);
    struct stat info {};
    if (::fstat(fd.get(), &info) != 0) return refused("stat", path, errno);
    return read_at(fd.get(), 0, static_cast<std::size_t>(info.st_size), path);
  }

  Status rename(const std::string& from, const std::string& to) override {
    if (::rename(from.c_str(), to.c_str()) != 0) return refused("rename", from, errno);
    return {};
  }

  Status remove(const std::string& path) override {
    if (::unlink(path.c_str()) != 0) return refused("remove", path, errno);
    return {};
  }

  Result<bool> exists(const std::string& path) override {
    struct stat info {};
    if (::stat(path.c_str(), &info) == 0) return true;
    if (errno == ENOENT || errno == ENOTDIR) return false;
    return refused("stat", path, errno);
  }

  Result<std::uint64_t> size(const std::string& path) override {
    struct stat info {};
    if (::stat(path.c_str(), &info) != 0) return refused("stat", path, errno);
    return static_cast<std::uint64_t>(info.st_size);
  }

  Result<std::vector<std::string>> list(const std::string& directory) override {
    DIR* const open = ::opendir(directory.c_str());
    if (open == nullptr) return refused("list", directory, errno);
    std::vector<std::string> names;
    while (const dirent* entry = ::readdir(open)) {
      const std::string_view name = entry->d_name;
      if (name != "." && name != "..") names.emplace_back(name);
    }
    ::closedir(open);
    std::sort(names.begin(), names.end());
    return names;
  }

  Status make_directory(const std::string& path) override {
    for (std::size_t at = 1; at <= path.size(); ++at) {
      if (at != path.size() && path[at] != '/') continue;
      const bool made = ::mkdir(path.substr(0, at).c_str(), 0755) == 0;
      if (!made && errno != EEXIST) return refused("make directory", path.substr(0, at), errno);
      // The last one also when it is there: whoever made it may have died right then.
      if (made || at == path.size()) PERDURE_TRY_VOID(sync_entry(path.substr(0, at)));
    }
    struct stat info {};
    if (::stat(path.c_str(), &info) != 0 || !S_ISDIR(info.st_mode)) return refused("make directory", path, ENOTDIR);
    return {};
  }

  Status sync_directory(const std::string& path) override {
    const Descriptor fd(open_retrying(path, O_RDONLY | O_DIRECTORY));
    if (!fd) return refused("open", path, errno);
    if (::fsync(fd.get()) != 0) return refused("fsync", path, errno);
    return {};
  }

  Status copy(const std::string& from, const std::string& to) override {
    if (::link(from.c_str(), to.c_str()) == 0) return {};
    PERDURE_TRY(content, read(from));
    return write(to, content);
  }

  Result<std::unique_ptr<FileLock>> lock(const std::string& path, std::string_view holder) override {
    const int fd = open_retrying(path, O_RDWR | O_CREAT);
    if (fd < 0) return refused("open", path, errno);
    auto lock = std::make_unique<PosixLock>(fd);
    if (::flock(fd, LOCK_EX | LOCK_NB) != 0) {
      if (errno != EWOULDBLOCK) return refused("lock", path, errno);
      auto present = read_at(fd, 0, 4096, path);
      return fail(ErrorCode::conflict, present && !present->empty() ? *present : "an unknown process");
    }
    if (::ftruncate(fd, 0) != 0) return refused("write", path, errno);
    PERDURE_TRY_VOID(write_all(fd, holder, 0, path));
    return lock;
  }
};

}  // namespace

std::unique_ptr<FileSystem> make_posix_file_system() { return std::make_unique<PosixFileSystem>(); }

std::string describe_this_process() {
  std::array<char, 256> host{};
  ::gethostname(host.data(), host.size() - 1);
  std::string command;
  if (const Descriptor fd(open_retrying("/proc/self/cmdline", O_RDONLY)); fd) {
    if (auto line = read_at(fd.get(), 0, 512, "/proc/self/cmdline")) command = *line;
  }
  // The program and its verb only: later arguments may hold what nobody else should read.
  command.resize(std::min(command.size(), command.find('\0', command.find('\0') + 1)));
  command.erase(0, command.rfind('/', command.find('\0')) + 1);
  for (char& c : command) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = ' ';
  }
  const auto now =
      std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::system_clock::now().time_since_epoch());
  return "pid " + std::to_string(::getpid()) + " on " + host.data() + " (" + command + ", since " +
         format_timestamp(now.count()) + ")";
}

}  // namespace perdure::storage
