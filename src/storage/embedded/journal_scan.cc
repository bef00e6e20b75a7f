#include "storage/embedded/journal_scan.h"

#include <algorithm>

namespace perdure::storage {
namespace {

constexpr std::size_t k_window_bytes = std::size_t{1} << 20;

struct OpenSegment {
  std::string path;
  std::unique_ptr<BlockFile> file;
  SegmentHeader header;
  std::optional<RecordHeader> first;  // its first record, when the head of it holds
};

tl::unexpected<Error> damage(const OpenSegment& segment, std::uint64_t offset, const std::string& why) {
  return fail(ErrorCode::corrupt, segment.path + ": byte " + std::to_string(offset) + ": " + why +
                                      "; restore a backup, or keep a copy of the store and run `perdure store verify`");
}

Result<OpenSegment> open_segment(FileSystem& files, const std::string& path) {
  PERDURE_TRY(file, files.open_blocks(path));
  PERDURE_TRY(head, file->read(0, k_block_bytes + k_sector_bytes));
  auto header = decode_segment_header(head);
  if (!header) return wrap(std::move(header).error(), path);
  if (header->size_bytes != file->size())
    return fail(ErrorCode::corrupt, path + ": the file has " + std::to_string(file->size()) + " bytes, its head says " +
                                        std::to_string(header->size_bytes));
  std::optional<RecordHeader> first;
  if (head.size() == k_block_bytes + k_sector_bytes) {
    first = peek_record(std::string_view(head).substr(k_block_bytes));
    if (first && first->segment != header->segment) first.reset();
  }
  return OpenSegment{path, std::move(file), *header, first};
}

// Reads records through a window, so that a segment of 64 MiB does not have to be in memory.
class Window {
 public:
  explicit Window(BlockFile& file) : file_(file) {}
  // The bytes from `offset` to at least `size` further, or to the end of the segment.
  Result<std::string_view> at(std::uint64_t offset, std::size_t size) {
    const std::uint64_t left = file_.size() - std::min(offset, file_.size());
    size = static_cast<std::size_t>(std::min<std::uint64_t>(size, left));
    if (offset < start_ || offset + size > start_ + bytes_.size()) {
      PERDURE_TRY(bytes,
                  file_.read(offset, std::max<std::size_t>(size, std::min<std::uint64_t>(k_window_bytes, left))));
      bytes_ = std::move(bytes);
      start_ = offset;
    }
    return std::string_view(bytes_).substr(static_cast<std::size_t>(offset - start_));
  }

 private:
  BlockFile& file_;
  std::string bytes_;
  std::uint64_t start_ = 0;
};

// A record that belongs here and is later than what was expected: then what comes before it was lost.
Result<std::optional<std::uint64_t>> later_record(OpenSegment& segment, Window& window, std::uint64_t from,
                                                  std::uint64_t ticket) {
  for (std::uint64_t offset = from; offset < segment.header.size_bytes; offset += k_block_bytes) {
    PERDURE_TRY(bytes, window.at(offset, k_sector_bytes));
    if (!starts_record(bytes)) continue;
    const auto header = peek_record(bytes);
    if (header && header->segment == segment.header.segment && header->first_ticket >= ticket)
      return std::optional(offset);
  }
  return std::optional<std::uint64_t>();
}

// A write that failed may have left the head of its record and no more, at a number that was used again elsewhere.
Result<bool> begins_with_a_record(const OpenSegment& segment) {
  if (!segment.first) return false;
  Window window(*segment.file);
  PERDURE_TRY(bytes, window.at(k_block_bytes, record_size_bytes(segment.first->payload_bytes)));
  return read_record(bytes, {segment.header.segment, segment.header.salt, 0, {}}).outcome == RecordRead::Outcome::valid;
}

// The segments with records are some that were released: kept to be used again, or removed, which a power loss has undone.
// Those after them are released for good, and the newest, which never is, has no record yet.
bool is_left_over(const JournalScan& scan) {
  const auto next = std::find_if(scan.segments.begin(), scan.segments.end(),
                                 [&](const SegmentInfo& info) { return info.segment > scan.last_with_records; });
  return next != scan.segments.end() && next->segment > scan.last_with_records + 1;
}

class Scanner {
 public:
  Scanner(TicketRange range, const OnCommit& on_commit, JournalScan& out)
      : range_(range), on_commit_(on_commit), out_(out) {}

  Status read_segment(OpenSegment& segment, SegmentInfo& info) {
    Window window(*segment.file);
    std::uint64_t offset = k_block_bytes;
    for (;;) {
      info.end_offset = offset;
      PERDURE_TRY(bytes, window.at(offset, k_block_bytes));
      // The head tells how much more to have at hand.
      if (const auto head = peek_record(bytes); head && head->segment == segment.header.segment) {
        PERDURE_TRY(whole, window.at(offset, record_size_bytes(head->payload_bytes)));
        bytes = whole;
      }
      Expected expected{segment.header.segment, segment.header.salt, next_, {}};
      if (read_any_) expected.previous = out_.chain;
      RecordRead record = read_record(bytes, expected);
      if (record.outcome == RecordRead::Outcome::damaged) return damage(segment, offset, record.why);
      if (record.outcome != RecordRead::Outcome::valid) {
        info.torn_tail = record.outcome == RecordRead::Outcome::torn;
        PERDURE_TRY(later, later_record(segment, window, offset + k_block_bytes, next_));
        if (later)
          return damage(segment, offset,
                        "a record is missing or damaged; byte " + std::to_string(*later) + " holds a later one");
        return {};
      }
      PERDURE_TRY_VOID(take(segment, offset, record));
      if (info.records++ == 0) info.first_ticket = record.header.first_ticket;
      info.last_ticket = next_ - 1;
      out_.last_with_records = segment.header.segment;
      out_.last_record_offset = offset;
      offset += record_size_bytes(record.header.payload_bytes);
    }
  }

  std::uint64_t next() const { return next_; }

 private:
  Status take(const OpenSegment& segment, std::uint64_t offset, const RecordRead& record) {
    if (!read_any_ && record.header.first_ticket > range_.after + 1)
      return damage(segment, offset,
                    "the journal begins at commit " + std::to_string(record.header.first_ticket) +
                        ", but the tables end at " + std::to_string(range_.after));
    PERDURE_TRY(commits, split_payload(record.payload, record.header.commits));
    std::uint64_t ticket = record.header.first_ticket;
    for (const std::string_view commit : commits) {
      if (ticket > range_.after && ticket <= range_.until) {
        if (Status status = on_commit_(ticket, commit); !status)
          return wrap(std::move(status).error(),
                      segment.path + ": byte " + std::to_string(offset) + ": commit " + std::to_string(ticket));
      }
      ++ticket;
    }
    next_ = ticket;
    read_any_ = true;
    out_.chain = record.header.chain;
    return {};
  }

  TicketRange range_;
  const OnCommit& on_commit_;
  JournalScan& out_;
  std::uint64_t next_ = 0;  // 0: whatever comes first
  bool read_any_ = false;
};

}  // namespace

Result<JournalScan> scan_journal(FileSystem& files, const std::string& directory, const std::vector<std::string>& names,
                                 TicketRange range, const OnCommit& on_commit) {
  std::vector<OpenSegment> segments;
  for (const std::string& name : names) {
    PERDURE_TRY(segment, open_segment(files, directory + "/" + name));
    segments.push_back(std::move(segment));
  }
  std::sort(segments.begin(), segments.end(),
            [](const OpenSegment& a, const OpenSegment& b) { return a.header.segment < b.header.segment; });

  JournalScan out;
  // Where the first commit that is needed stands: the last segment that begins at or before it.
  std::size_t start = 0;
  for (std::size_t i = segments.size(); i-- > 1 && start == 0;) {
    if (!segments[i].first || segments[i].first->first_ticket > range.after + 1) continue;
    PERDURE_TRY(holds, begins_with_a_record(segments[i]));
    if (holds) start = i;
  }
  Scanner scanner(range, on_commit, out);
  for (std::size_t i = 0; i < segments.size(); ++i) {
    OpenSegment& segment = segments[i];
    SegmentInfo info{segment.path.substr(directory.size() + 1),
                     segment.header.segment,
                     segment.header.size_bytes,
                     0,
                     0,
                     0,
                     k_block_bytes,
                     false};
    out.headers[segment.header.segment] = segment.header;
    if (i < start) {
      info.first_ticket = segment.first ? segment.first->first_ticket : 0;
      info.last_ticket = range.after;
    } else {
      PERDURE_TRY_VOID(scanner.read_segment(segment, info));
    }
    out.segments.push_back(std::move(info));
  }
  out.next_ticket = scanner.next() == 0 ? range.after + 1 : scanner.next();
  if (out.next_ticket <= range.after && is_left_over(out)) {
    std::erase_if(out.segments, [&](const SegmentInfo& info) { return info.segment <= out.last_with_records; });
    out.next_ticket = range.after + 1;
    out.last_with_records = 0;
    out.chain = {};
  }
  if (out.next_ticket <= range.after) {
    return fail(ErrorCode::corrupt, directory + ": the journal ends at commit " + std::to_string(out.next_ticket - 1) +
                                        ", but the tables hold up to " + std::to_string(range.after) +
                                        "; were the journal's files replaced by older ones?");
  }
  return out;
}

}  // namespace perdure::storage
