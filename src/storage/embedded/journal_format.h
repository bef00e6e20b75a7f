#pragma once
// The bytes of a journal segment (docs/formats/journal.md). Pure: no files. A record starts at a block border and is cut
// into sectors of 512 bytes: 504 of content and an 8-byte trailer (stamp, index). The disk writes a sector whole or not
// at all, so the trailers tell a record that was torn (some sectors are older) from one that was damaged later.
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "storage/file_system.h"

namespace perdure::storage {

inline constexpr std::size_t k_sector_content_bytes = k_sector_bytes - 8;
inline constexpr std::size_t k_record_header_bytes = 56;
inline constexpr std::uint32_t k_journal_version = 1;

struct SegmentHeader {
  std::uint64_t segment = 0;     // number of this use of the file; rises with every use of any file
  std::uint64_t size_bytes = 0;  // of the file, header block included
  std::uint64_t salt = 0;        // seeds the checksums of this use's payloads
  friend bool operator==(const SegmentHeader&, const SegmentHeader&) = default;
};

// One block.
std::string encode_segment_header(const SegmentHeader& header);
// `corrupt`, or `unsupported` when written by a newer version.
Result<SegmentHeader> decode_segment_header(std::string_view block);

struct RecordHeader {
  std::uint64_t segment = 0;
  std::uint64_t first_ticket = 0;  // commits are numbered from 1 without gaps; a record holds a run of them
  std::uint32_t commits = 0;
  std::uint32_t payload_bytes = 0;
  std::uint64_t previous = 0;  // the chain value of the record before
  std::uint64_t payload_checksum = 0;
  std::uint64_t chain = 0;  // checksum of the header, which covers all of the above
};

// Blocks that a record with this payload takes, in bytes.
std::size_t record_size_bytes(std::size_t payload_bytes);

struct RecordToWrite {
  std::uint64_t segment = 0, first_ticket = 0, previous = 0, salt = 0;
  std::uint32_t stamp = 0;  // differs from that of any earlier write to the same place
  std::span<const std::string> commits;
};
struct EncodedRecord {
  std::size_t size_bytes = 0;  // multiple of k_block_bytes, written to the front of the buffer
  std::uint64_t chain = 0;
};
// Payload of the record: each commit as a varint length and its bytes.
std::size_t payload_size_bytes(std::span<const std::string> commits);
// `buffer` must hold record_size_bytes(payload_size_bytes(commits)).
EncodedRecord encode_record(const RecordToWrite& record, std::span<char> buffer);

struct RecordRead {
  enum class Outcome {
    valid,    // header and payload
    nothing,  // never written, or left over from an earlier use of the file
    torn,     // the write did not finish
    damaged,  // was written whole, and changed since
  };
  Outcome outcome = Outcome::nothing;
  RecordHeader header;  // meaningful when valid
  std::string payload;
  std::string why;  // of damaged
};
struct Expected {
  std::uint64_t segment = 0, salt = 0;
  std::uint64_t ticket = 0;               // 0: any
  std::optional<std::uint64_t> previous;  // absent: the first record that is read
};
// What stands at the start of `bytes`, which reaches to the end of the segment (or at least of the record).
RecordRead read_record(std::string_view bytes, const Expected& expected);

// The header alone, when its checksum holds.
std::optional<RecordHeader> peek_record(std::string_view sector);
// Whether the trailer says that this sector is the first of a record. A payload may look like a header, but its author
// does not write the trailers: a scan for later records asks both.
bool starts_record(std::string_view sector);

// The commits of a payload.
Result<std::vector<std::string_view>> split_payload(std::string_view payload, std::uint32_t commits);

}  // namespace perdure::storage
