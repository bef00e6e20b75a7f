#include "storage/embedded/journal_format.h"

#include <algorithm>
#include <cstring>

#include "base/bytes.h"
#include "base/check.h"
#include "base/hash.h"

namespace perdure::storage {
namespace {

constexpr std::string_view k_segment_magic = "PRDJSEG\n";
constexpr std::uint32_t k_record_magic = 0x524a4450;  // "PDJR"
constexpr std::size_t k_segment_header_bytes = 44;

void put32(char* at, std::uint32_t v) {
  for (int i = 0; i < 4; ++i) at[i] = static_cast<char>(v >> (8 * i));
}
void put64(char* at, std::uint64_t v) {
  for (int i = 0; i < 8; ++i) at[i] = static_cast<char>(v >> (8 * i));
}
std::uint32_t get32(const char* at) {
  std::uint32_t v = 0;
  for (int i = 0; i < 4; ++i) v |= static_cast<std::uint32_t>(static_cast<unsigned char>(at[i])) << (8 * i);
  return v;
}
std::uint64_t get64(const char* at) { return get32(at) | static_cast<std::uint64_t>(get32(at + 4)) << 32; }

std::size_t sectors_of(std::size_t payload_bytes) {
  return (k_record_header_bytes + payload_bytes + k_sector_content_bytes - 1) / k_sector_content_bytes;
}

std::uint32_t stamp_of(const char* sector) { return get32(sector + k_sector_content_bytes); }
std::uint32_t index_of(const char* sector) { return get32(sector + k_sector_content_bytes + 4); }

// Lays content out over sectors; each is finished by its trailer.
class SectorWriter {
 public:
  SectorWriter(std::span<char> buffer, std::uint32_t stamp) : buffer_(buffer), stamp_(stamp) {}
  void put(std::string_view bytes) {
    while (!bytes.empty()) {
      const std::size_t n = std::min(bytes.size(), k_sector_content_bytes - used_);
      std::memcpy(sector() + used_, bytes.data(), n);
      bytes.remove_prefix(n);
      used_ += n;
      if (used_ == k_sector_content_bytes) finish_sector();
    }
  }
  // Fills up to the block border and returns the size.
  std::size_t finish() {
    if (used_ > 0) {
      std::memset(sector() + used_, 0, k_sector_content_bytes - used_);
      finish_sector();
    }
    const std::size_t end = index_ * k_sector_bytes;
    const std::size_t size = (end + k_block_bytes - 1) / k_block_bytes * k_block_bytes;
    std::memset(buffer_.data() + end, 0, size - end);
    return size;
  }

 private:
  char* sector() { return buffer_.data() + index_ * k_sector_bytes; }
  void finish_sector() {
    put32(sector() + k_sector_content_bytes, stamp_);
    put32(sector() + k_sector_content_bytes + 4, static_cast<std::uint32_t>(index_));
    ++index_;
    used_ = 0;
  }
  std::span<char> buffer_;
  std::uint32_t stamp_;
  std::size_t index_ = 0, used_ = 0;
};

std::string collect(std::string_view bytes, std::size_t payload_bytes) {
  std::string payload;
  payload.reserve(payload_bytes);
  std::size_t skip = k_record_header_bytes;
  for (std::size_t sector = 0; payload.size() < payload_bytes; ++sector) {
    const std::size_t n = std::min(k_sector_content_bytes - skip, payload_bytes - payload.size());
    payload.append(bytes.substr(sector * k_sector_bytes + skip, n));
    skip = 0;
  }
  return payload;
}

// Every sector of the record came with the same write as the first.
bool written_whole(std::string_view bytes, std::size_t sectors) {
  for (std::size_t i = 0; i < sectors; ++i) {
    const char* sector = bytes.data() + i * k_sector_bytes;
    if (stamp_of(sector) != stamp_of(bytes.data()) || index_of(sector) != i) return false;
  }
  return true;
}

RecordRead damaged(std::string why) { return {RecordRead::Outcome::damaged, {}, {}, std::move(why)}; }

}  // namespace

std::string encode_segment_header(const SegmentHeader& header) {
  std::string block(k_block_bytes, '\0');
  std::memcpy(block.data(), k_segment_magic.data(), 8);
  put32(block.data() + 8, k_journal_version);
  put64(block.data() + 12, header.segment);
  put64(block.data() + 20, header.size_bytes);
  put64(block.data() + 28, header.salt);
  put64(block.data() + 36, checksum64(std::string_view(block).substr(0, 36)));
  return block;
}

Result<SegmentHeader> decode_segment_header(std::string_view block) {
  if (block.size() < k_segment_header_bytes || block.substr(0, 8) != k_segment_magic)
    return fail(ErrorCode::corrupt, "byte 0: not the head of a journal segment");
  if (get64(block.data() + 36) != checksum64(block.substr(0, 36)))
    return fail(ErrorCode::corrupt, "byte 8: the segment's head is damaged");
  if (const std::uint32_t version = get32(block.data() + 8); version > k_journal_version)
    return fail(ErrorCode::unsupported, "journal version " + std::to_string(version) + " is newer than this program (" +
                                            std::to_string(k_journal_version) + "); use a newer perdure");
  return SegmentHeader{get64(block.data() + 12), get64(block.data() + 20), get64(block.data() + 28)};
}

std::size_t record_size_bytes(std::size_t payload_bytes) {
  return (sectors_of(payload_bytes) * k_sector_bytes + k_block_bytes - 1) / k_block_bytes * k_block_bytes;
}

std::size_t payload_size_bytes(std::span<const std::string> commits) {
  std::size_t bytes = 0;
  for (const std::string& commit : commits) {
    std::size_t length = commit.size();
    do { ++bytes; } while ((length >>= 7) != 0);
    bytes += commit.size();
  }
  return bytes;
}

EncodedRecord encode_record(const RecordToWrite& record, std::span<char> buffer) {
  const std::size_t payload_bytes = payload_size_bytes(record.commits);
  CHECK(record_size_bytes(payload_bytes) <= buffer.size() && payload_bytes <= UINT32_MAX);
  // The checksum of the payload stands before it: laid out first with an empty header, then filled in.
  SectorWriter sectors(buffer, record.stamp);
  sectors.put(std::string(k_record_header_bytes, '\0'));
  std::uint64_t payload_checksum = record.salt ^ record.first_ticket;
  for (const std::string& commit : record.commits) {
    Writer length;
    length.varint(commit.size());
    sectors.put(length.view());
    sectors.put(commit);
    payload_checksum = checksum64(commit, payload_checksum);
  }
  EncodedRecord encoded;
  encoded.size_bytes = sectors.finish();
  char* const head = buffer.data();
  put32(head, k_record_magic);
  put32(head + 4, k_journal_version);
  put64(head + 8, record.segment);
  put64(head + 16, record.first_ticket);
  put32(head + 24, static_cast<std::uint32_t>(record.commits.size()));
  put32(head + 28, static_cast<std::uint32_t>(payload_bytes));
  put64(head + 32, record.previous);
  put64(head + 40, payload_checksum);
  encoded.chain = checksum64(std::string_view(head, 48));
  put64(head + 48, encoded.chain);
  return encoded;
}

bool starts_record(std::string_view sector) { return sector.size() >= k_sector_bytes && index_of(sector.data()) == 0; }

std::optional<RecordHeader> peek_record(std::string_view sector) {
  if (sector.size() < k_sector_bytes || get32(sector.data()) != k_record_magic) return std::nullopt;
  const char* head = sector.data();
  RecordHeader header{get64(head + 8),  get64(head + 16), get32(head + 24), get32(head + 28),
                      get64(head + 32), get64(head + 40), get64(head + 48)};
  if (header.chain != checksum64(sector.substr(0, 48))) return std::nullopt;
  return header;
}

Result<std::vector<std::string_view>> split_payload(std::string_view payload, std::uint32_t commits) {
  std::vector<std::string_view> parts;
  Reader reader(payload);
  for (std::uint32_t i = 0; i < commits && reader.ok(); ++i) parts.push_back(reader.string());
  PERDURE_TRY_VOID(reader.finish("journal record"));
  return parts;
}

RecordRead read_record(std::string_view bytes, const Expected& expected) {
  using Outcome = RecordRead::Outcome;
  if (bytes.size() < k_sector_bytes) return {};
  const auto header = peek_record(bytes);
  if (!header) {
    // A first sector is new or old as a whole. Index 0 with some content says it was meant as a head: then it must hold.
    const bool blank = bytes.substr(0, k_sector_bytes).find_first_not_of('\0') == std::string_view::npos;
    if (index_of(bytes.data()) == 0 && !blank) return damaged("the head of a record does not match its checksum");
    return {};
  }
  if (header->segment != expected.segment) return {};
  if (expected.ticket != 0 && header->first_ticket != expected.ticket) {
    if (header->first_ticket < expected.ticket) return {};
    return damaged("a record starts at commit " + std::to_string(header->first_ticket) + " where " +
                   std::to_string(expected.ticket) + " should follow");
  }
  const std::size_t sectors = sectors_of(header->payload_bytes);
  if (sectors * k_sector_bytes > bytes.size()) return damaged("a record reaches past the end of its segment");

  RecordRead read{Outcome::valid, *header, collect(bytes, header->payload_bytes), {}};
  std::uint64_t checksum = expected.salt ^ header->first_ticket;
  const auto commits = split_payload(read.payload, header->commits);
  if (commits) {
    for (const std::string_view commit : *commits) checksum = checksum64(commit, checksum);
  }
  if (!commits || checksum != header->payload_checksum) {
    if (!written_whole(bytes, sectors)) return {Outcome::torn, {}, {}, {}};
    return damaged("a record's content does not match its checksum");
  }
  if (expected.previous && header->previous != *expected.previous)
    return damaged("a record does not follow the one before it");
  return read;
}

}  // namespace perdure::storage
