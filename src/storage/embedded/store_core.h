#pragma once
// The embedded store from inside. Parts: embedded_store.cc (opening, closing), pipeline.cc (commit, sync, drain),
// reads.cc (overlay over tables), upkeep.cc (purge, blobs, backup, verify).
//
// Locking: mutex_ guards the overlay and the pipeline's state and is never held during input or output, but for
// recover(). Generations are changed only while they are active_ and under mutex_; frozen ones never change.
#include <condition_variable>
#include <deque>
#include <mutex>
#include <optional>
#include <span>
#include <thread>
#include <vector>

#include "storage/embedded/blobs.h"
#include "storage/embedded/embedded_store.h"
#include "storage/embedded/journal.h"
#include "storage/embedded/overlay.h"
#include "storage/embedded/tables.h"

namespace perdure::storage {

class EmbeddedStore final : public Store {
 public:
  static Result<std::unique_ptr<Store>> open(const std::string& dir, EmbeddedOptions options);
  ~EmbeddedStore() override;

  std::uint64_t epoch() const override { return epoch_; }
  void commit(Commit commit, Done done) override;
  bool lend_thread() override;
  Status recover() override;

  Result<LoadedRun> load(const RunKey& run) override;
  Result<std::optional<RunRow>> row(const RunKey& run) override;
  Result<std::vector<HistoryBatch>> history(const RunKey& run, std::uint64_t from_seq, std::size_t max_bytes) override;
  Result<std::vector<Wake>> wakes(TimeMs from, TimeMs until, const std::optional<Wake>& after,
                                  std::size_t limit) override;
  Result<ListPage> list(const ListQuery& query) override;
  Result<std::optional<Bytes>> get(std::string_view key) override;
  Result<std::vector<std::pair<std::string, Bytes>>> scan(std::string_view prefix, std::string_view after,
                                                          std::size_t limit) override;

  Result<std::string> put_blob(Bytes content) override;
  Result<Bytes> get_blob(std::string_view name) override;
  Result<std::vector<std::string>> scan_blobs(std::string_view after, std::size_t limit) override;
  Status erase_blob(std::string_view name) override;
  Status purge(const RunKey& run, std::vector<KeyWrite> keys) override;
  Status backup(const std::string& directory) override;
  Result<VerifyReport> verify() override;
  StoreStats stats() const override;

 private:
  using Lock = std::unique_lock<std::mutex>;
  using Generations = std::vector<std::shared_ptr<Generation>>;  // newest first

  EmbeddedStore(std::string dir, EmbeddedOptions options, std::unique_ptr<FileSystem> own_files, FileSystem& files);
  Status start();
  // Brings a commit read from the journal into the overlay, and full generations into the tables.
  Status replay(std::uint64_t ticket, std::string_view bytes);

  // pipeline.cc
  struct Fetched {
    bool known = false;
    std::optional<RunHead> head;  // of a known run; absent when the tables have none
  };
  Status check_and_apply(Lock& lock, Commit& commit, const RunKey* purged, std::size_t body_bytes);
  Status check(std::span<RunDelta* const> deltas, const Commit& commit, const RunKey* purged);
  void apply(std::span<RunDelta* const> deltas, Commit& commit, const RunKey* purged);
  Status await_room(Lock& lock, std::size_t body_bytes);
  Result<std::vector<RunDelta*>> find_deltas(Lock& lock, const Commit& commit, const RunKey* purged);
  RunDelta* find_in_overlay(const RunKey& run);
  Result<std::optional<RunHead>> fetch_head(const RunKey& run) const;
  std::string take_buffer();
  void enqueue(std::string body, Done done);
  void await_move(Lock& lock);
  void write_group(Lock& lock);
  void freeze();
  bool can_drain() const;
  void drain_one(Lock& lock);
  void prepare_segment(Lock& lock);
  // Everything accepted so far is durable and in the tables.
  Status flush_all(Lock& lock);
  bool progress_without_threads(Lock& lock);
  void wake_helpers();
  void write_loop();
  void drain_loop();
  void prepare_loop();

  // reads.cc
  struct RunView;
  Generations generations() const;
  RunView view(const RunKey& run, std::uint64_t from_seq) const;
  template <class Read>
  auto read_consistently(const Read& read) const;
  Status read_chunks(const RunHead& head, const RunKey& run, std::uint64_t from_seq, std::uint64_t until_seq,
                     std::size_t max_bytes, std::vector<HistoryBatch>& out) const;
  Result<std::optional<RunRow>> table_row(const RunKey& run, const RunHead& head) const;
  Result<LoadedRun> load_once(const RunKey& run) const;
  Result<std::optional<RunRow>> row_once(const RunKey& run) const;
  Result<std::vector<HistoryBatch>> history_once(const RunKey& run, std::uint64_t from_seq,
                                                 std::size_t max_bytes) const;
  Result<std::vector<Wake>> wakes_once(TimeMs from, TimeMs until, const std::optional<Wake>& after,
                                       std::size_t limit) const;
  Result<ListPage> list_once(const ListQuery& query) const;

  const std::string dir_;
  const EmbeddedOptions options_;
  const std::unique_ptr<FileSystem> own_files_;
  FileSystem& files_;
  std::unique_ptr<FileLock> lock_;
  std::uint64_t epoch_ = 0;
  std::unique_ptr<Tables> tables_;
  std::unique_ptr<Journal> journal_;
  Blobs blobs_;
  std::mutex blobs_mutex_;
  TimeMs newest_start_ = 0;  // in the tables; the drainer's own

  mutable std::mutex mutex_;
  std::condition_variable write_wanted_, drain_wanted_, prepare_wanted_, moved_;  // moved_: durable_, room or applied_
  std::shared_ptr<Generation> active_ = std::make_shared<Generation>();
  std::deque<std::shared_ptr<Generation>> frozen_;  // oldest first
  std::uint64_t drops_ = 0;                         // generations dropped; a read that spans one starts again
  std::uint64_t next_ticket_ = 1, durable_ = 0, applied_ = 0;
  std::vector<std::string> pending_;  // tickets durable_+1 … next_ticket_-1, but for those being written
  std::vector<Done> pending_done_;
  std::size_t pending_bytes_ = 0;
  std::vector<std::string> used_buffers_;
  std::size_t wanted_payload_bytes_ = 0;  // a commit waits for a segment that holds this
  std::size_t waiting_ = 0;               // threads on moved_
  bool writing_ = false, draining_ = false, preparing_ = false, stopping_ = false;
  std::optional<Error> failure_;  // of a sync: nothing is taken until recover()
  std::optional<Error> tables_trouble_, space_trouble_;
  bool writer_idle_ = false;
  std::uint64_t checks_ = 0;  // numbers the checks of commits, refused ones too
  std::uint64_t syncs_ = 0, sync_us_total_ = 0;
  std::thread writer_, drainer_, preparer_;
};

// A read that spans the dropping of a generation may have seen the tables ahead of the overlay: it starts again.
template <class Read>
auto EmbeddedStore::read_consistently(const Read& read) const {
  for (;;) {
    std::uint64_t drops = 0;
    {
      const std::lock_guard lock(mutex_);
      drops = drops_;
    }
    auto result = read();
    const std::lock_guard lock(mutex_);
    if (drops_ == drops) return result;
  }
}

}  // namespace perdure::storage
