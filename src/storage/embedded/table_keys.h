#pragma once
// Keys of the tables (docs/formats/store.md). Tenants and run ids hold no zero byte, so it ends them.
#include <optional>
#include <string>
#include <string_view>

#include "base/ids.h"
#include "base/time.h"

namespace perdure::storage {

inline constexpr std::string_view k_applied_key = "mapplied";  // index: ticket of the last commit in the tables

// index
std::string head_key(const RunKey& run);             // 'x' tenant 0 id
std::string wake_key(TimeMs at, const RunKey& run);  // 'w' time tenant 0 id
std::string shared_key(std::string_view key);        // 'k' key
// data
// History is kept in two series, in this order: what was written when the run was new and the newest of all (these rows
// come in key order and are never merged), and what was added later.
enum class Series : char { first = 'd', later = 'e' };
inline constexpr Series k_series[] = {Series::first, Series::later};
std::string chunk_prefix(Series series, TimeMs started_at, const RunKey& run);  // 'd' or 'e', time tenant 0 id 0
std::string chunk_key(Series series, TimeMs started_at, const RunKey& run,
                      std::uint64_t first_seq);                  // prefix, sequence
std::string row_prefix(std::string_view tenant);                 // 'i' tenant 0
std::string row_key(TimeMs started_at, const RunKey& run);       // prefix, time from newest to oldest, id
std::string snapshot_key(TimeMs started_at, const RunKey& run);  // 's' time tenant 0 id

std::string big_endian(std::uint64_t v);
std::uint64_t from_big_endian(std::string_view bytes);  // the first 8

struct WakeKey {
  TimeMs at = 0;
  RunKey run;
};
std::optional<RunKey> parse_head_key(std::string_view key);
std::optional<WakeKey> parse_wake_key(std::string_view key);
std::optional<WakeKey> parse_row_key(std::string_view key);  // `at` is the start
struct ChunkKey {
  TimeMs started_at = 0;
  RunKey run;
  std::uint64_t first_seq = 0;
};
std::optional<ChunkKey> parse_chunk_key(std::string_view key);

}  // namespace perdure::storage
