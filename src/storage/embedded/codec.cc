#include "storage/embedded/codec.h"

#include "base/bytes.h"

namespace perdure::storage {
namespace {

constexpr std::uint8_t k_commit_version = 1;
constexpr std::uint8_t k_has_batch = 1, k_has_snapshot = 2, k_has_row = 4, k_has_wake = 8, k_has_compaction = 16;

void put_varint(std::string& out, std::uint64_t v) {
  while (v >= 0x80) {
    out.push_back(static_cast<char>(v | 0x80));
    v >>= 7;
  }
  out.push_back(static_cast<char>(v));
}
void put_zigzag(std::string& out, std::int64_t v) {
  put_varint(out, (static_cast<std::uint64_t>(v) << 1) ^ static_cast<std::uint64_t>(v >> 63));
}
void put_string(std::string& out, std::string_view text) {
  put_varint(out, text.size());
  out.append(text);
}
void put_run(std::string& out, const RunKey& run) {
  put_string(out, run.tenant);
  put_string(out, run.id);
}

RunKey get_run(Reader& in) {
  RunKey run;
  run.tenant = in.string();
  run.id = in.string();
  return run;
}

RunRow get_row(Reader& in) {
  RunRow row;
  row.workflow = in.string();
  row.version = in.string();
  row.status = in.string();
  row.started_at = in.zigzag();
  row.updated_at = in.zigzag();
  row.closed_at = in.zigzag();
  row.closed = in.boolean();
  row.parent = in.string();
  row.detail = in.bytes();
  return row;
}

void put_write(std::string& out, const RunWrite& write) {
  put_run(out, write.run);
  const int flags = (write.count > 0 ? k_has_batch : 0) | (write.snapshot ? k_has_snapshot : 0) |
                    (write.row ? k_has_row : 0) | (write.wake ? k_has_wake : 0) |
                    (write.compact_over_events > 0 ? k_has_compaction : 0);
  out.push_back(static_cast<char>(flags));
  put_varint(out, write.first_seq);
  if (write.count > 0) {
    put_varint(out, write.count);
    put_string(out, write.batch.view());
  }
  if (write.snapshot) put_string(out, write.snapshot->view());
  if (write.row) encode_row(out, *write.row);
  if (write.wake) put_zigzag(out, *write.wake);
  if (write.compact_over_events > 0) put_varint(out, write.compact_over_events);
}

RunWrite get_write(Reader& in) {
  RunWrite write;
  write.run = get_run(in);
  const std::uint8_t flags = in.u8();
  if (flags >= 32) in.fail_here();
  write.first_seq = in.varint();
  if (flags & k_has_batch) {
    const std::uint64_t count = in.varint();
    if (count > UINT32_MAX) in.fail_here();
    write.count = static_cast<std::uint32_t>(count);
    write.batch = in.bytes();
  }
  if (flags & k_has_snapshot) write.snapshot = in.bytes();
  if (flags & k_has_row) write.row = get_row(in);
  if (flags & k_has_wake) write.wake = in.zigzag();
  if (flags & k_has_compaction) write.compact_over_events = in.varint();
  return write;
}

}  // namespace

void encode_commit(std::string& out, std::span<const RunWrite> runs, std::span<const KeyWrite> keys,
                   std::span<const RunKey> purged) {
  out.push_back(static_cast<char>(k_commit_version));
  put_varint(out, runs.size());
  for (const RunWrite& write : runs) put_write(out, write);
  put_varint(out, keys.size());
  for (const KeyWrite& write : keys) {
    put_string(out, write.key);
    out.push_back(write.value ? '\1' : '\0');
    if (write.value) put_string(out, write.value->view());
  }
  put_varint(out, purged.size());
  for (const RunKey& run : purged) put_run(out, run);
}

Result<JournalEntry> decode_commit(std::string_view bytes) {
  Reader in(bytes);
  if (const std::uint8_t version = in.u8(); version > k_commit_version)
    return fail(ErrorCode::unsupported,
                "commit version " + std::to_string(version) + " is newer than this program; use a newer perdure");
  JournalEntry entry;
  for (std::uint64_t n = in.count(4); n > 0 && in.ok(); --n) entry.runs.push_back(get_write(in));
  for (std::uint64_t n = in.count(2); n > 0 && in.ok(); --n) {
    KeyWrite write;
    write.key = in.string();
    if (in.boolean()) write.value = in.bytes();
    entry.keys.push_back(std::move(write));
  }
  for (std::uint64_t n = in.count(2); n > 0 && in.ok(); --n) entry.purged.push_back(get_run(in));
  PERDURE_TRY_VOID(in.finish("commit"));
  return entry;
}

std::string encode_head(const RunHead& head) {
  std::string out(1, '\1');
  put_varint(out, head.last_seq);
  put_varint(out, head.snapshot_seq);
  put_varint(out, head.oldest_seq);
  put_zigzag(out, head.started_at);
  put_zigzag(out, head.wake);
  out.push_back(head.closed ? '\1' : '\0');
  return out;
}

Result<RunHead> decode_head(std::string_view bytes) {
  Reader in(bytes);
  if (in.u8() != 1) in.fail_here();
  RunHead head;
  head.last_seq = in.varint();
  head.snapshot_seq = in.varint();
  head.oldest_seq = in.varint();
  head.started_at = in.zigzag();
  head.wake = in.zigzag();
  head.closed = in.boolean();
  PERDURE_TRY_VOID(in.finish("head of a run"));
  return head;
}

void encode_row(std::string& out, const RunRow& row) {
  put_string(out, row.workflow);
  put_string(out, row.version);
  put_string(out, row.status);
  put_zigzag(out, row.started_at);
  put_zigzag(out, row.updated_at);
  put_zigzag(out, row.closed_at);
  out.push_back(row.closed ? '\1' : '\0');
  put_string(out, row.parent);
  put_string(out, row.detail.view());
}

Result<RunRow> decode_row(std::string_view bytes) {
  Reader in(bytes);
  RunRow row = get_row(in);
  PERDURE_TRY_VOID(in.finish("list row of a run"));
  return row;
}

void encode_batch(std::string& out, const HistoryBatch& batch) {
  put_varint(out, batch.first_seq);
  put_varint(out, batch.count);
  put_string(out, batch.batch.view());
}

Result<std::vector<HistoryBatch>> decode_chunk(std::string_view bytes) {
  Reader in(bytes);
  std::vector<HistoryBatch> batches;
  while (in.ok() && !in.at_end()) {
    HistoryBatch batch;
    batch.first_seq = in.varint();
    const std::uint64_t count = in.varint();
    if (count == 0 || count > UINT32_MAX) in.fail_here();
    if (!batches.empty() && batch.first_seq != batches.back().first_seq + batches.back().count) in.fail_here();
    batch.count = static_cast<std::uint32_t>(count);
    batch.batch = in.bytes();
    batches.push_back(std::move(batch));
  }
  PERDURE_TRY_VOID(in.finish("chunk of history"));
  return batches;
}

}  // namespace perdure::storage
