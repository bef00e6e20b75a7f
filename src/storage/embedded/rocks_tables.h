#pragma once
// Tables on RocksDB without its log: two column families, written by ingesting sorted files (large generations) or by a
// batch and a flush (small ones), both atomic over the families.
#include "storage/embedded/tables.h"

namespace perdure::storage {

struct RocksOptions {
  std::size_t cache_bytes = std::size_t{16} << 20;  // blocks, indexes and filters
  std::size_t ingest_from_bytes = std::size_t{1} << 20;
  int background_jobs = 2;
};

Result<std::unique_ptr<Tables>> open_rocks_tables(const std::string& directory, const RocksOptions& options);

}  // namespace perdure::storage
