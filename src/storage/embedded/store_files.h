#pragma once
// The small files of a store's directory: FORMAT, STATE and LOCK (docs/formats/store.md).
#include <cstdint>
#include <memory>
#include <string>

#include "storage/file_system.h"

namespace perdure::storage {

inline constexpr std::uint32_t k_store_format = 1;

// What is known beside journal and tables. Rewritten whole at opening, closing and backup.
struct StoreState {
  std::uint64_t epoch = 0;    // of the last opening
  std::uint64_t applied = 0;  // the tables held at least this ticket when it was written
};

// `conflict`: "store DIR is held by pid …".
Result<std::unique_ptr<FileLock>> lock_store(FileSystem& files, const std::string& dir, const std::string& holder);
// Makes FORMAT in a new directory; `unsupported` when it was written by a newer version.
Status check_format(FileSystem& files, const std::string& dir, bool may_create);
Status write_format(FileSystem& files, const std::string& dir);
Result<StoreState> read_state(FileSystem& files, const std::string& dir);  // zeros when there is none
Status write_state(FileSystem& files, const std::string& dir, const StoreState& state);

}  // namespace perdure::storage
