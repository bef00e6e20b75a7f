#pragma once
// A disk in memory that forgets what was not synced and can fail or stop at any call. For tests and simulation: one
// thread, everything decided by the seed.
//
// What it may do to a store: a write that fails or is cut short changes any of its sectors. After a write that failed,
// what is read may be newer than what a power loss leaves (the kernel's cache took it, the disk did not). A file's name
// is durable once its directory was synced; until then it is as before or as after.
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "storage/file_system.h"

namespace perdure::storage {

enum class DiskFault : std::uint8_t {
  none,
  error,     // the call fails with `io`; a write may have changed any of its sectors
  no_space,  // the call fails with `exhausted`, having changed nothing
  crash,     // as `error`, and every later call fails too, until restart()
};

// A call that is about to happen.
struct DiskCall {
  enum class Changes : std::uint8_t {
    nothing,
    blocks,  // some, in place
    file,    // the whole of it
    size,    // a file of zeros
    directory,
  };
  const char* name = "";
  const std::string& path;
  Changes changes = Changes::nothing;
  const void* blocks = nullptr;  // which file, when it changes in place
  std::uint64_t offset = 0;      // or the size
  std::string_view bytes = {};
};

class FaultyFileSystem final : public FileSystem {
 public:
  explicit FaultyFileSystem(std::uint64_t seed) : random_(seed) {}

  // Called before every call with its number, from 1.
  void set_faults(std::function<DiskFault(std::uint64_t call)> decide) { decide_ = std::move(decide); }
  // Called before every call, and before its fault is decided. It may ask what a power loss right then would leave.
  void set_observer(std::function<void(const DiskCall&)> observe) { observe_ = std::move(observe); }
  std::uint64_t calls() const { return calls_; }
  bool crashed() const { return crashed_; }
  // From here on every call fails.
  void stop() { crashed_ = true; }
  // The machine comes back after a power loss: what was not durable is gone. Whoever used the files must have been
  // destroyed.
  void restart();
  // A process comes back on a machine that never stopped: all that was written is there.
  void resume();
  // Another disk: this one after a power loss in the midst of the call and a restart.
  std::unique_ptr<FaultyFileSystem> after_power_loss(const DiskCall& call, std::uint64_t seed) const;

  // Every file and its bytes, to damage and compare.
  std::map<std::string, std::string> snapshot() const;
  // Files and how many of their bytes were ever written; what follows in a file is zeros.
  std::vector<std::pair<std::string, std::uint64_t>> written() const;
  // The sector around a byte; empty when there is none.
  std::string peek(const std::string& path, std::uint64_t offset) const;
  // Bits of a byte that was written turn over, without a trace.
  void rot(const std::string& path, std::uint64_t offset, std::uint8_t bits);
  void restore(const std::map<std::string, std::string>& files);

  Status create_filled(const std::string& path, std::uint64_t size) override;
  Result<std::unique_ptr<BlockFile>> open_blocks(const std::string& path) override;
  Status write(const std::string& path, std::string_view content) override;
  Result<std::string> read(const std::string& path) override;
  Status rename(const std::string& from, const std::string& to) override;
  Status remove(const std::string& path) override;
  Result<bool> exists(const std::string& path) override;
  Result<std::uint64_t> size(const std::string& path) override;
  Result<std::vector<std::string>> list(const std::string& directory) override;
  Status make_directory(const std::string& path) override;
  Status sync_directory(const std::string& path) override;
  Status copy(const std::string& from, const std::string& to) override;
  Result<std::unique_ptr<FileLock>> lock(const std::string& path, std::string_view holder) override;

 private:
  friend class FaultyBlockFile;
  friend class FaultyLock;
  // A large file is mostly zeros that nobody wrote: they are not kept.
  struct File {
    std::string bytes;  // the beginning
    std::uint64_t size = 0;
    bool is_blocks = false;                     // overwritten in place; else a change makes another file
    std::map<std::uint64_t, std::string> lost;  // sectors that a power loss turns back, by offset
    std::string whole() const { return read(0, static_cast<std::size_t>(size)); }
    std::string read(std::uint64_t offset, std::size_t length) const;
    void write(std::uint64_t offset, std::string_view content);
  };
  using Content = std::shared_ptr<File>;  // shared by all names and open files of it
  using Names = std::map<std::string, Content, std::less<>>;
  using Directories = std::set<std::string, std::less<>>;

  static Content whole_file(std::string_view content);
  static Content block_file(std::uint64_t size);
  Status enter(const DiskCall& call);
  // For calls that put a name into a directory.
  Status enter_directory(const DiskCall& call);
  // What the call may have done when it did not succeed.
  void tear(const DiskCall& call, File* blocks);
  void tear_blocks(File& file, std::uint64_t offset, std::string_view bytes);

  std::mt19937_64 random_;
  std::function<DiskFault(std::uint64_t)> decide_;
  std::function<void(const DiskCall&)> observe_;
  std::uint64_t calls_ = 0;
  bool crashed_ = false;
  Names names_, synced_names_;
  Directories directories_, synced_directories_;
  std::set<std::string> locked_;
};

}  // namespace perdure::storage
