#pragma once
// Bytes of commits in the journal and of rows in the tables (docs/formats/journal.md, docs/formats/store.md).
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "storage/store.h"

namespace perdure::storage {

// What the store must know of a run to take its next write.
struct RunHead {
  std::uint64_t last_seq = 0;
  std::uint64_t snapshot_seq = 0;
  std::uint64_t oldest_seq = 1;  // history before it is gone; a hint, it may lag
  TimeMs started_at = 0;
  TimeMs wake = k_never;
  bool closed = false;
  friend bool operator==(const RunHead&, const RunHead&) = default;
};
// Whether the run stands in the wake index.
inline bool is_listed_wake(const RunHead& head) { return !head.closed && head.wake != k_never; }

// One entry of the journal: a commit, or a purge.
struct JournalEntry {
  std::vector<RunWrite> runs;
  std::vector<KeyWrite> keys;
  std::vector<RunKey> purged;
};
// Appends to `out`, which may be a used buffer.
void encode_commit(std::string& out, std::span<const RunWrite> runs, std::span<const KeyWrite> keys,
                   std::span<const RunKey> purged);
Result<JournalEntry> decode_commit(std::string_view bytes);

std::string encode_head(const RunHead& head);
Result<RunHead> decode_head(std::string_view bytes);
void encode_row(std::string& out, const RunRow& row);
Result<RunRow> decode_row(std::string_view bytes);
// A chunk of history: whole batches one after another.
void encode_batch(std::string& out, const HistoryBatch& batch);
Result<std::vector<HistoryBatch>> decode_chunk(std::string_view bytes);

}  // namespace perdure::storage
