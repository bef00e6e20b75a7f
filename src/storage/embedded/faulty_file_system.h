#pragma once
// A disk in memory that forgets what was not synced and can fail or stop at any call. For tests and simulation: one
// thread, everything decided by the seed.
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

class FaultyFileSystem final : public FileSystem {
 public:
  explicit FaultyFileSystem(std::uint64_t seed) : random_(seed) {}

  // Called before every call with its number, from 1.
  void set_faults(std::function<DiskFault(std::uint64_t call)> decide) { decide_ = std::move(decide); }
  std::uint64_t calls() const { return calls_; }
  bool crashed() const { return crashed_; }
  // The machine comes back: names whose directory was not synced are as before or as after, content not synced is gone.
  // Whoever used the files must have been destroyed.
  void restart();

  // Every file and its bytes, to damage and compare.
  std::map<std::string, std::string> snapshot() const;
  // Files and how many of their bytes were ever written; what follows in a file is zeros.
  std::vector<std::pair<std::string, std::uint64_t>> written() const;
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
    std::string whole() const { return read(0, static_cast<std::size_t>(size)); }
    std::string read(std::uint64_t offset, std::size_t length) const;
    void write(std::uint64_t offset, std::string_view content);
  };
  using Content = std::shared_ptr<File>;  // shared by all names and open files of it
  using Names = std::map<std::string, Content>;

  struct Entered {
    bool is_torn = false;  // change some sectors, then fail with `outcome`
    Status outcome;
  };
  Entered enter(const std::string& path, bool writes);
  Status enter_plain(const std::string& path) { return enter(path, false).outcome; }
  static Content whole_file(std::string_view content);
  void tear(File& file, std::uint64_t offset, std::string_view bytes);

  std::mt19937_64 random_;
  std::function<DiskFault(std::uint64_t)> decide_;
  std::uint64_t calls_ = 0;
  bool crashed_ = false;
  Names names_, synced_names_;
  std::set<std::string> directories_, locked_;
};

}  // namespace perdure::storage
