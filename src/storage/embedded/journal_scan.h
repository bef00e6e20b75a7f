#pragma once
// Reading a journal's segments in order: what opening, recovering, verifying and inspecting share.
#include <map>

#include "storage/embedded/journal.h"

namespace perdure::storage {

struct TicketRange {
  std::uint64_t after = 0;           // commits up to here are elsewhere
  std::uint64_t until = UINT64_MAX;  // later ones are not called
};

struct JournalScan {
  std::vector<SegmentInfo> segments;  // by number; those wholly before `after` are not read
  std::map<std::uint64_t, SegmentHeader> headers;
  std::uint64_t last_with_records = 0;  // number of a segment; 0 when there is no record
  std::uint64_t last_record_offset = 0;
  std::uint64_t next_ticket = 1;
  std::uint64_t chain = 0;
};

Result<JournalScan> scan_journal(FileSystem& files, const std::string& directory, const std::vector<std::string>& names,
                                 TicketRange range, const OnCommit& on_commit);

}  // namespace perdure::storage
