#include "storage/embedded/journal.h"

#include <algorithm>
#include <cstdlib>

#include "base/check.h"
#include "base/hash.h"
#include "storage/embedded/journal_scan.h"

namespace perdure::storage {
namespace {

constexpr std::size_t k_spares_max = 2;
constexpr std::size_t k_kept_buffer_bytes_max = std::size_t{4} << 20;

std::string segment_name(std::uint64_t number) {
  std::string digits = std::to_string(number);
  return std::string(12 - std::min<std::size_t>(12, digits.size()), '0') + digits + ".journal";
}

}  // namespace

Journal::Journal(FileSystem& files, std::string directory, const JournalOptions& options)
    : files_(files), directory_(std::move(directory)), options_(options), buffer_(nullptr, std::free) {}

Result<std::unique_ptr<Journal>> Journal::open(FileSystem& files, std::string directory, const JournalOptions& options,
                                               std::uint64_t applied, const OnCommit& on_commit) {
  PERDURE_TRY_VOID(files.make_directory(directory));
  std::unique_ptr<Journal> journal(new Journal(files, std::move(directory), options));
  PERDURE_TRY(names, files.list(journal->directory_));
  // What a crash left half made.
  for (const std::string& name : names) {
    if (!name.ends_with(".journal")) PERDURE_TRY_VOID(files.remove(journal->directory_ + "/" + name));
  }
  std::erase_if(names, [](const std::string& name) { return !name.ends_with(".journal"); });
  // A name that can be seen may not be durable: whoever made it may have failed right then.
  if (!names.empty()) PERDURE_TRY_VOID(files.sync_directory(journal->directory_));
  PERDURE_TRY_VOID(journal->adopt(std::move(names), applied, on_commit));
  return journal;
}

Status Journal::adopt(std::vector<std::string> names, std::uint64_t applied, const OnCommit& on_commit) {
  PERDURE_TRY(found, scan_journal(files_, directory_, names, {applied, UINT64_MAX}, on_commit));
  chain_ = found.chain;
  next_ticket_ = found.next_ticket;
  std::erase_if(names, [&](const std::string& name) {
    return std::any_of(found.segments.begin(), found.segments.end(),
                       [&](const auto& info) { return info.file == name; });
  });
  for (const std::string& left_over : names) PERDURE_TRY_VOID(files_.remove(directory_ + "/" + left_over));
  for (const SegmentInfo& info : found.segments) {
    next_segment_ = std::max(next_segment_, info.segment + 1);
    auto segment = std::make_unique<Segment>();
    segment->path = directory_ + "/" + info.file;
    segment->header = found.headers.at(info.segment);
    segment->first_ticket = info.first_ticket;
    segment->last_ticket = info.last_ticket;
    const bool written = info.records > 0 || info.segment <= found.last_with_records;
    if (!written && !segments_.empty() && ready_) {
      spares_.push_back({segment->path, info.size_bytes});  // more than one unused: an odd crash
      continue;
    }
    PERDURE_TRY(file, files_.open_blocks(segment->path));
    segment->file = std::move(file);
    if (written || segments_.empty()) {
      offset_ = info.end_offset;
      remaining_ = info.size_bytes - info.end_offset;
      segments_.push_back(std::move(segment));
      if (info.segment == found.last_with_records)
        PERDURE_TRY_VOID(write_again(*segments_.back(), found.last_record_offset, info.end_offset));
    } else {
      ready_ = std::move(segment);
    }
  }
  if (segments_.empty()) {
    PERDURE_TRY(first, make_segment(next_segment_++, options_.first_segment_bytes));
    remaining_ = first->header.size_bytes - k_block_bytes;
    offset_ = k_block_bytes;
    segments_.push_back(std::move(first));
  }
  return {};
}

// The last record may be seen and not be durable: its sync failed, and the process that was told so ended. Nothing may
// rest on it before it is.
Status Journal::write_again(Segment& segment, std::uint64_t offset, std::uint64_t end) {
  PERDURE_TRY(bytes, segment.file->read(offset, static_cast<std::size_t>(end - offset)));
  grow_buffer(bytes.size());
  std::copy(bytes.begin(), bytes.end(), buffer_.get());
  return segment.file->write(offset, {buffer_.get(), bytes.size()});
}

void Journal::grow_buffer(std::size_t size) {
  if (size <= buffer_bytes_) return;
  buffer_bytes_ = std::max<std::size_t>(size, std::size_t{256} << 10);
  buffer_.reset(static_cast<char*>(std::aligned_alloc(k_block_bytes, buffer_bytes_)));
  CHECK(buffer_ != nullptr);
}

Result<std::vector<SegmentInfo>> Journal::scan(FileSystem& files, const std::string& directory, std::uint64_t applied,
                                               const OnCommit& on_commit) {
  PERDURE_TRY(names, files.list(directory));
  std::erase_if(names, [](const std::string& name) { return !name.ends_with(".journal"); });
  PERDURE_TRY(found, scan_journal(files, directory, names, {applied, UINT64_MAX}, on_commit));
  return std::move(found.segments);
}

Status Journal::append(std::uint64_t first_ticket, std::span<const std::string> commits) {
  CHECK(first_ticket == next_ticket_ && !commits.empty());
  const std::size_t size = record_size_bytes(payload_size_bytes(commits));
  if (size > remaining_.load(std::memory_order_relaxed)) {
    bool is_ready = false;
    {
      const std::lock_guard lock(mutex_);
      is_ready = ready_ != nullptr && size <= ready_->header.size_bytes - k_block_bytes;
    }
    if (!is_ready) PERDURE_TRY_VOID(prepare(payload_size_bytes(commits)));
    take_next_segment();
  }
  grow_buffer(size);
  Segment& segment = *segments_.back();  // only the writer changes the end of the deque
  const auto stamp = static_cast<std::uint32_t>(
      checksum64({reinterpret_cast<const char*>(&first_ticket), sizeof first_ticket}, options_.stamp_seed + appends_));
  ++appends_;
  const EncodedRecord record =
      encode_record({segment.header.segment, first_ticket, chain_, segment.header.salt, stamp, commits},
                    {buffer_.get(), buffer_bytes_});
  PERDURE_TRY_VOID(segment.file->write(offset_, {buffer_.get(), record.size_bytes}));
  offset_ += record.size_bytes;
  remaining_.store(segment.header.size_bytes - offset_, std::memory_order_relaxed);
  bytes_written_.fetch_add(record.size_bytes, std::memory_order_relaxed);
  if (buffer_bytes_ > k_kept_buffer_bytes_max) {
    buffer_.reset();
    buffer_bytes_ = 0;
  }
  chain_ = record.chain;
  next_ticket_ = first_ticket + commits.size();
  const std::lock_guard lock(mutex_);
  if (segment.first_ticket == 0) segment.first_ticket = first_ticket;
  segment.last_ticket = next_ticket_ - 1;
  return {};
}

Status Journal::reread(std::uint64_t applied, std::uint64_t durable, const OnCommit& on_commit) {
  CHECK(durable + 1 == next_ticket_);
  std::vector<std::string> names;
  {
    const std::lock_guard lock(mutex_);
    for (const auto& segment : segments_) names.push_back(segment->path.substr(directory_.size() + 1));
  }
  PERDURE_TRY(found, scan_journal(files_, directory_, names, {applied, durable}, on_commit));
  if (found.next_ticket < next_ticket_)
    return fail(ErrorCode::corrupt, directory_ + ": commits " + std::to_string(found.next_ticket) + " to " +
                                        std::to_string(durable) + " were synced and can't be read back");
  // A new descriptor: what the old one holds of a failed write must not be synced later.
  const std::lock_guard lock(mutex_);
  Segment& last = *segments_.back();
  PERDURE_TRY(file, files_.open_blocks(last.path));
  last.file = std::move(file);
  return wipe(last, offset_);
}

// What failed may be there whole. The next record takes its number, and not always its place: one that does not fit there
// goes to another segment, and would stand behind the one that nobody was promised.
Status Journal::wipe(Segment& segment, std::uint64_t offset) {
  if (offset >= segment.header.size_bytes) return {};
  grow_buffer(k_block_bytes);
  std::fill_n(buffer_.get(), k_block_bytes, '\0');
  return segment.file->write(offset, {buffer_.get(), k_block_bytes});
}

bool Journal::has_room(std::size_t payload_bytes) const {
  const std::size_t size = record_size_bytes(payload_bytes);
  if (size <= remaining_.load(std::memory_order_relaxed)) return true;
  const std::lock_guard lock(mutex_);
  return ready_ != nullptr && size <= ready_->header.size_bytes - k_block_bytes;
}

bool Journal::wants_segment() const {
  const std::lock_guard lock(mutex_);
  return ready_ == nullptr && !segments_.empty() &&
         remaining_.load(std::memory_order_relaxed) < segments_.back()->header.size_bytes / 2;
}

std::uint64_t Journal::next_size(std::size_t payload_bytes) const {
  const std::uint64_t current = segments_.empty() ? 0 : segments_.back()->header.size_bytes;
  const std::uint64_t grown = std::clamp(current * 4, options_.first_segment_bytes, options_.segment_bytes);
  return std::min(std::max<std::uint64_t>(grown, record_size_bytes(payload_bytes) + k_block_bytes),
                  options_.segment_bytes);
}

Status Journal::prepare(std::size_t payload_bytes) {
  std::uint64_t size = 0, number = 0;
  {
    const std::lock_guard lock(mutex_);
    size = next_size(payload_bytes);
    if (ready_ && ready_->header.size_bytes >= size) return {};
    if (ready_) {
      spares_.push_back({ready_->path, ready_->header.size_bytes});
      ready_.reset();
    }
    number = next_segment_++;
  }
  auto made = make_segment(number, size);
  const std::uint64_t least =
      std::max<std::uint64_t>(options_.first_segment_bytes, record_size_bytes(payload_bytes) + k_block_bytes);
  // A nearly full disk may still have room for a small one.
  if (!made && made.error().code == ErrorCode::exhausted && least < size) made = make_segment(number, least);
  if (!made) return tl::unexpected<Error>(std::move(made).error());
  auto segment = std::move(*made);
  const std::lock_guard lock(mutex_);
  // The writer and a helper may have made one each.
  if (ready_) spares_.push_back({ready_->path, ready_->header.size_bytes});
  ready_ = std::move(segment);
  return {};
}

Result<std::unique_ptr<Journal::Segment>> Journal::make_segment(std::uint64_t number, std::uint64_t size_bytes) {
  const std::string path = directory_ + "/" + segment_name(number);
  // Its head is sealed under another name, so that a file named .journal always has one.
  auto segment = fill_segment(path, path + ".new", number, size_bytes);
  if (!segment) static_cast<void>(files_.remove(path + ".new"));  // gives its space back; it may not be there
  return segment;
}

Result<std::unique_ptr<Journal::Segment>> Journal::fill_segment(const std::string& path, const std::string& making,
                                                                std::uint64_t number, std::uint64_t size_bytes) {
  auto segment = std::make_unique<Segment>();
  segment->path = path;
  bool reused = false;
  {
    const std::lock_guard lock(mutex_);
    const auto fits =
        std::find_if(spares_.begin(), spares_.end(), [&](const Spare& s) { return s.size_bytes == size_bytes; });
    if (fits != spares_.end()) {
      reused = files_.rename(fits->path, making).has_value();
      spares_.erase(fits);
    }
  }
  if (!reused) PERDURE_TRY_VOID(files_.create_filled(making, size_bytes));
  PERDURE_TRY(file, files_.open_blocks(making));
  segment->header = {number, size_bytes,
                     checksum64(segment->path, (std::uint64_t{options_.stamp_seed} << 32) ^ number)};
  const std::string block = encode_segment_header(segment->header);
  const std::unique_ptr<char, void (*)(void*)> aligned(
      static_cast<char*>(std::aligned_alloc(k_block_bytes, k_block_bytes)), std::free);
  std::copy(block.begin(), block.end(), aligned.get());
  PERDURE_TRY_VOID(file->write(0, {aligned.get(), k_block_bytes}));
  PERDURE_TRY_VOID(files_.rename(making, segment->path));
  PERDURE_TRY_VOID(files_.sync_directory(directory_));
  segment->file = std::move(file);
  return segment;
}

void Journal::take_next_segment() {
  const std::lock_guard lock(mutex_);
  CHECK(ready_ != nullptr);
  offset_ = k_block_bytes;
  remaining_ = ready_->header.size_bytes - k_block_bytes;
  segments_.push_back(std::move(ready_));
}

Status Journal::release(std::uint64_t ticket) {
  std::vector<std::string> surplus;
  {
    const std::lock_guard lock(mutex_);
    while (segments_.size() > 1 && segments_.front()->last_ticket <= ticket) {
      const Segment& oldest = *segments_.front();
      if (spares_.size() < k_spares_max && oldest.header.size_bytes == options_.segment_bytes) {
        spares_.push_back({oldest.path, oldest.header.size_bytes});
      } else {
        surplus.push_back(oldest.path);
      }
      segments_.pop_front();
    }
  }
  for (const std::string& path : surplus) PERDURE_TRY_VOID(files_.remove(path));
  return {};
}

std::uint64_t Journal::largest_payload_bytes() const {
  return (options_.segment_bytes - k_block_bytes) / k_sector_bytes * k_sector_content_bytes - k_record_header_bytes;
}

std::uint64_t Journal::disk_bytes() const {
  const std::lock_guard lock(mutex_);
  std::uint64_t bytes = ready_ ? ready_->header.size_bytes : 0;
  for (const auto& segment : segments_) bytes += segment->header.size_bytes;
  for (const Spare& spare : spares_) bytes += spare.size_bytes;
  return bytes;
}

}  // namespace perdure::storage
