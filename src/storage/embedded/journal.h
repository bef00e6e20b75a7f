#pragma once
// The journal: commits in order, durable when append() returns. Segments of fixed size, filled with zeros when made,
// overwritten in place and used again once released. One writer; prepare() and release() may run on another thread.
#include <atomic>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <vector>

#include "storage/embedded/journal_format.h"
#include "storage/file_system.h"

namespace perdure::storage {

struct JournalOptions {
  std::uint64_t first_segment_bytes = std::uint64_t{1} << 20;  // later ones grow fourfold up to segment_bytes
  std::uint64_t segment_bytes = std::uint64_t{64} << 20;
  std::uint32_t stamp_seed = 0;  // differs at every opening
};

struct SegmentInfo {
  std::string file;
  std::uint64_t segment = 0, size_bytes = 0, records = 0, first_ticket = 0, last_ticket = 0, end_offset = 0;
  bool torn_tail = false;
};

// Called for each commit in order; an error stops the reading and is handed on.
using OnCommit = std::function<Status(std::uint64_t ticket, std::string_view commit)>;

class Journal {
 public:
  // Reads what is there and calls `on_commit` for every commit after `applied`; cuts a torn tail. What was
  // called is durable when it returns. `corrupt` with file
  // and offset when a record was damaged, or when commits between `applied` and the first record are missing.
  static Result<std::unique_ptr<Journal>> open(FileSystem& files, std::string directory, const JournalOptions& options,
                                               std::uint64_t applied, const OnCommit& on_commit);
  // Reads without changing anything (inspect, verify).
  static Result<std::vector<SegmentInfo>> scan(FileSystem& files, const std::string& directory, std::uint64_t applied,
                                               const OnCommit& on_commit);

  // Writes one record. Tickets must follow on. After an error nothing may be appended until reset_after_failure().
  Status append(std::uint64_t first_ticket, std::span<const std::string> commits);
  // The next append goes over what the failed one left. Commits up to `durable` are called again, after `applied`.
  Status reread(std::uint64_t applied, std::uint64_t durable, const OnCommit& on_commit);

  // A record with this payload has room without making a segment.
  bool has_room(std::size_t payload_bytes) const;
  // Time to make the next segment: the current one is half full and none waits.
  bool wants_segment() const;
  // Makes the next segment (from a released one when there is one) for payloads of at least `payload_bytes`.
  Status prepare(std::size_t payload_bytes = 0);
  // Commits up to `ticket` are elsewhere: segments that hold no later one may be used again.
  Status release(std::uint64_t ticket);

  std::uint64_t largest_payload_bytes() const;
  std::uint64_t bytes_written() const { return bytes_written_.load(std::memory_order_relaxed); }
  std::uint64_t disk_bytes() const;

 private:
  struct Segment {
    std::string path;
    SegmentHeader header;
    std::unique_ptr<BlockFile> file;
    std::uint64_t first_ticket = 0, last_ticket = 0;  // 0: no record yet
  };
  struct Spare {
    std::string path;
    std::uint64_t size_bytes = 0;
  };
  Journal(FileSystem& files, std::string directory, const JournalOptions& options);
  Status adopt(std::vector<std::string> names, std::uint64_t applied, const OnCommit& on_commit);
  Result<std::unique_ptr<Segment>> make_segment(std::uint64_t number, std::uint64_t size_bytes);
  Result<std::unique_ptr<Segment>> fill_segment(const std::string& path, const std::string& making,
                                                std::uint64_t number, std::uint64_t size_bytes);
  Status wipe(Segment& segment, std::uint64_t offset);
  Status write_again(Segment& segment, std::uint64_t offset, std::uint64_t end);
  void grow_buffer(std::size_t size);
  std::uint64_t next_size(std::size_t payload_bytes) const;
  void take_next_segment();

  FileSystem& files_;
  std::string directory_;
  JournalOptions options_;

  // The writer's own.
  std::uint64_t offset_ = k_block_bytes;
  std::uint64_t chain_ = 0;
  std::uint64_t next_ticket_ = 1;
  std::uint32_t appends_ = 0;
  std::unique_ptr<char, void (*)(void*)> buffer_;
  std::size_t buffer_bytes_ = 0;

  mutable std::mutex mutex_;                       // guards what follows; never held during a write of the writer
  std::deque<std::unique_ptr<Segment>> segments_;  // oldest first; the last is written
  std::unique_ptr<Segment> ready_;
  std::vector<Spare> spares_;
  std::uint64_t next_segment_ = 1;
  std::atomic<std::uint64_t> remaining_{0};  // bytes left in the current segment
  std::atomic<std::uint64_t> bytes_written_{0};
};

}  // namespace perdure::storage
