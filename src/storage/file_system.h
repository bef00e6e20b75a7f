#pragma once
// The few things a store on local disk asks of files, so that a simulated disk can stand in for the real one and
// fail, tear or forget at any call. Implementations: embedded/posix_file_system.h, embedded/faulty_file_system.h.
// Errors: `not_found` where a named file is missing, `exhausted` when the disk is full, else `io`; all name the path.
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace perdure::storage {

inline constexpr std::size_t k_block_bytes = 4096;  // alignment of writes through BlockFile
inline constexpr std::size_t k_sector_bytes = 512;  // what a disk writes whole or not at all

// A file of fixed size that is overwritten in place.
class BlockFile {
 public:
  virtual ~BlockFile() = default;
  // Offset, size and address are multiples of k_block_bytes and within the file. Durable when it returns; after an error
  // any of the sectors may hold the old or the new bytes.
  virtual Status write(std::uint64_t offset, std::string_view bytes) = 0;
  // Fewer bytes than asked for at the end of the file.
  virtual Result<std::string> read(std::uint64_t offset, std::size_t size) = 0;
  virtual std::uint64_t size() const = 0;
};

// Held until destroyed, and by nobody else on this machine.
class FileLock {
 public:
  virtual ~FileLock() = default;
};

class FileSystem {
 public:
  virtual ~FileSystem() = default;

  // Creates (or empties) the file and fills it with zeros for real, so that later overwrites neither allocate nor
  // extend. The content is durable when it returns; the name only after sync_directory.
  virtual Status create_filled(const std::string& path, std::uint64_t size) = 0;
  virtual Result<std::unique_ptr<BlockFile>> open_blocks(const std::string& path) = 0;

  // Whole small files. write: the content is durable when it returns, the name after sync_directory.
  virtual Status write(const std::string& path, std::string_view content) = 0;
  virtual Result<std::string> read(const std::string& path) = 0;

  virtual Status rename(const std::string& from, const std::string& to) = 0;
  virtual Status remove(const std::string& path) = 0;
  virtual Result<bool> exists(const std::string& path) = 0;
  virtual Result<std::uint64_t> size(const std::string& path) = 0;
  virtual Result<std::vector<std::string>> list(const std::string& directory) = 0;  // names, sorted
  // And its parents; fine if there. Their names are durable when it returns.
  virtual Status make_directory(const std::string& path) = 0;
  virtual Status sync_directory(const std::string& path) = 0;
  virtual Status copy(const std::string& from, const std::string& to) = 0;  // or link: content never changes

  // Takes the lock and writes `holder` into the file; `conflict` with the present holder's text as its message.
  virtual Result<std::unique_ptr<FileLock>> lock(const std::string& path, std::string_view holder) = 0;
};

// Writes `content` so that after a crash the file holds the old or the new content whole.
Status replace_file(FileSystem& files, const std::string& directory, const std::string& name, std::string_view content);

}  // namespace perdure::storage
