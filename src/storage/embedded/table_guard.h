#pragma once
// What RocksDB 7 does not check itself before it trusts it: it reads the properties block of a table file before that
// block's checksum, and a single changed bit in it makes a build with assertions (Debian's) end the process.
#include <rocksdb/file_system.h>

#include <functional>
#include <memory>
#include <string>

#include "base/result.h"

namespace perdure::storage {

// Reads `size` bytes at `offset` of a file; fewer where it ends.
using ReadAt = std::function<Result<std::string>(std::uint64_t offset, std::size_t size)>;

// `corrupt` when the properties of a table file do not match their checksum. Everything else in the file RocksDB finds
// itself: a footer or an index of meta blocks that does not hold passes here, as do checksums other than XXH3.
// The format is RocksDB's "block based table", format versions 3 to 5
// (https://github.com/facebook/rocksdb/wiki/Rocksdb-BlockBasedTable-Format).
Status check_table_properties(const ReadAt& read, std::uint64_t file_bytes);

// The file system of this machine, but a table file whose properties do not hold can't be opened (IOStatus::Corruption).
std::shared_ptr<rocksdb::FileSystem> guarded_file_system();

}  // namespace perdure::storage
