#pragma once
// What every driver of the storage port checks and orders in the same way. Values in, values out.
#include <string>
#include <string_view>

#include "base/result.h"
#include "storage/store.h"

namespace perdure::storage {

inline constexpr std::size_t k_key_bytes_max = 1024;    // of a KeyWrite
inline constexpr std::size_t k_list_rows_max = 10'000;  // of one page

// What can be said of a write without knowing the run: `invalid`, naming the run or key.
Status check_shape(const RunWrite& write);
Status check_shape(const KeyWrite& write);

Status check_query(const ListQuery& query);
bool matches(const ListQuery& query, const RunRow& row);

// Where a page ended. Lists run by started_at, newest first, then by id.
struct ListPosition {
  TimeMs started_at = 0;
  std::string id;
};
std::string encode_cursor(const ListPosition& position);
Result<ListPosition> decode_cursor(std::string_view cursor);

Error unexpected_sequence(const RunKey& run, std::uint64_t given, std::uint64_t last);
Error lost_lease(std::uint64_t given, std::uint64_t current);
Error moved_start(const RunKey& run);
Error no_such_run(const RunKey& run);
Error not_closed(const RunKey& run);

}  // namespace perdure::storage
