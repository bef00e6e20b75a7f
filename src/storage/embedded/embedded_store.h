#pragma once
// The embedded driver: one directory, one process. A journal makes commits durable, tables behind it hold what is older
// (docs/adr/0001-embedded-store.md, docs/formats/store.md).
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "storage/file_system.h"
#include "storage/store.h"

namespace perdure::storage {

class Tables;

struct EmbeddedOptions {
  // Bytes of committed data not yet in the tables: at a third a generation is closed and written; when two more thirds
  // have come before that is done, commit() waits.
  std::size_t overlay_bytes = std::size_t{24} << 20;
  std::size_t table_cache_bytes = std::size_t{12} << 20;
  std::uint64_t first_segment_bytes = std::uint64_t{1} << 20;  // of the journal; later ones grow up to segment_bytes
  std::uint64_t segment_bytes = std::uint64_t{64} << 20;
  std::size_t group_bytes = std::size_t{2} << 20;  // of commits in one journal record
  // What is left in the overlay at closing goes to the tables when it is more than this; else opening reads the journal.
  std::size_t drain_on_close_bytes = std::size_t{256} << 10;

  // For tests and simulation. Without threads everything happens inside commit(), lend_thread() and the reads: a commit
  // becomes durable when lend_thread() is called. `files` and `tables` stand in for the disk.
  bool threads = true;
  FileSystem* files = nullptr;  // outlives the store
  std::function<Result<std::unique_ptr<Tables>>(FileSystem&, const std::string& directory)> open_tables;
};

// Opens or makes the store in `dir`. `conflict` when another process holds it (the message names it), `unsupported`
// when a newer version wrote it, `corrupt` with file and offset when it is damaged.
Result<std::unique_ptr<Store>> open_embedded(const std::string& dir, EmbeddedOptions options = {});

// What a store's directory holds, as JSON text; changes nothing. For a store nobody holds, or a copy.
Result<std::string> inspect_embedded(const std::string& dir);

}  // namespace perdure::storage
