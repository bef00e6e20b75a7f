#include "storage/rules.h"

#include <charconv>

namespace perdure::storage {

Status check_shape(const RunWrite& write) {
  const auto refuse = [&](const char* why) {
    return fail(ErrorCode::invalid, "write to run " + to_string(write.run) + ": " + why);
  };
  if (write.first_seq == 0) return refuse("first_seq is 0; events are numbered from 1");
  if ((write.count == 0) != write.batch.empty()) return refuse("a batch and its count of events go together");
  if (write.first_seq + write.count < write.first_seq) return refuse("sequence numbers overflow");
  if (write.row && write.row->started_at < 0) return refuse("started_at lies before 1970");
  if (write.first_seq == 1) {
    PERDURE_TRY_VOID(check_id("tenant", write.run.tenant));
    PERDURE_TRY_VOID(check_id("run id", write.run.id));
    if (write.count == 0 || !write.row || !write.wake)
      return refuse("the write that creates a run needs events, row and wake");
  }
  return {};
}

Status check_shape(const KeyWrite& write) {
  if (write.key.empty() || write.key.size() > k_key_bytes_max)
    return fail(ErrorCode::invalid, "a shared key has " + std::to_string(write.key.size()) + " bytes; 1 to " +
                                        std::to_string(k_key_bytes_max) + " are allowed");
  return {};
}

Status check_query(const ListQuery& query) {
  if (query.limit == 0 || query.limit > k_list_rows_max)
    return fail(ErrorCode::invalid,
                "list: limit " + std::to_string(query.limit) + " is not within 1.." + std::to_string(k_list_rows_max));
  if (!query.cursor.empty()) {
    if (auto position = decode_cursor(query.cursor); !position)
      return tl::unexpected<Error>(std::move(position).error());
  }
  return {};
}

bool matches(const ListQuery& query, const RunRow& row) {
  return row.started_at >= query.started_from && row.started_at < query.started_until &&
         (!query.status || *query.status == row.status) && (!query.workflow || *query.workflow == row.workflow) &&
         (!query.parent || *query.parent == row.parent);
}

std::string encode_cursor(const ListPosition& position) {
  return std::to_string(position.started_at) + "/" + position.id;
}

Result<ListPosition> decode_cursor(std::string_view cursor) {
  ListPosition position;
  const auto slash = cursor.find('/');
  if (slash != std::string_view::npos) {
    const char* end = cursor.data() + slash;
    const auto parsed = std::from_chars(cursor.data(), end, position.started_at);
    position.id = cursor.substr(slash + 1);
    if (parsed.ec == std::errc() && parsed.ptr == end && position.started_at >= 0 && check_id("cursor", position.id))
      return position;
  }
  return fail(ErrorCode::invalid, "list: the cursor is not one that a page gave; start again without it");
}

Error unexpected_sequence(const RunKey& run, std::uint64_t given, std::uint64_t last) {
  const std::string what = last == 0 ? "does not exist" : "is at sequence " + std::to_string(last);
  return {ErrorCode::conflict,
          "run " + to_string(run) + " " + what + "; a write starting at " + std::to_string(given) + " does not follow"};
}

Error lost_lease(std::uint64_t given, std::uint64_t current) {
  return {ErrorCode::lease_lost, "the store's lease epoch is " + std::to_string(current) + ", the commit carries " +
                                     std::to_string(given) + "; another owner has taken over"};
}

Error moved_start(const RunKey& run) {
  return {ErrorCode::invalid, "run " + to_string(run) + ": started_at of a run never changes"};
}

Error no_such_run(const RunKey& run) { return {ErrorCode::not_found, "run " + to_string(run) + " does not exist"}; }

Error not_closed(const RunKey& run) {
  return {ErrorCode::conflict, "run " + to_string(run) + " is not closed; only closed runs can be purged"};
}

}  // namespace perdure::storage
