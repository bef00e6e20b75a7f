// Any bytes as a journal segment: read record by record, each payload cut into commits and decoded. What decodes must
// encode to the same again.
#include <algorithm>
#include <cstdint>
#include <string_view>

#include "base/check.h"
#include "storage/embedded/codec.h"
#include "storage/embedded/journal_format.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace perdure::storage;
  if (size == 0) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  if (data[0] % 2 == 0) {  // a bare commit: mutations get past no checksum otherwise
    const auto entry = decode_commit(bytes);
    if (!entry) return 0;
    std::string again;
    encode_commit(again, entry->runs, entry->keys, entry->purged);
    const auto reread = decode_commit(again);
    CHECK(reread.has_value());
    std::string third;
    encode_commit(third, reread->runs, reread->keys, reread->purged);
    CHECK(again == third);
    static_cast<void>(decode_chunk(bytes));
    static_cast<void>(decode_row(bytes));
    static_cast<void>(decode_head(bytes));
    return 0;
  }
  Expected expected;
  std::string_view rest = bytes;
  if (const auto header = decode_segment_header(bytes)) {
    expected = {header->segment, header->salt, 0, {}};
    if (bytes.size() < k_block_bytes) return 0;
    rest = bytes.substr(k_block_bytes);
  }
  while (rest.size() >= k_sector_bytes) {
    if (const auto head = peek_record(rest)) expected.segment = head->segment;
    const RecordRead record = read_record(rest, expected);
    if (record.outcome != RecordRead::Outcome::valid) break;
    const auto commits = split_payload(record.payload, record.header.commits);
    CHECK(commits.has_value());
    for (const std::string_view commit : *commits) static_cast<void>(decode_commit(commit));
    expected.ticket = record.header.first_ticket + record.header.commits;
    expected.previous = record.header.chain;
    rest.remove_prefix(std::min(rest.size(), record_size_bytes(record.header.payload_bytes)));
  }
  return 0;
}
