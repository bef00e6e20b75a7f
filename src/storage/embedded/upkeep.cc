// Blobs, backup, verify and figures.
#include <algorithm>

#include "storage/embedded/store_core.h"
#include "storage/embedded/store_files.h"
#include "storage/embedded/table_keys.h"
#include "storage/rules.h"

namespace perdure::storage {
namespace {

constexpr std::size_t k_damage_max = 1000;  // reports end here

// Reads every row of the tables and holds them against each other.
class TableCheck {
 public:
  TableCheck(const Tables& tables, VerifyReport& report) : tables_(tables), report_(report) {}

  void run() {
    walk(Space::index, "x", [&](std::string_view key, std::string_view value) { check_run(key, value); });
    walk(Space::index, "w", [&](std::string_view key, std::string_view) { check_wake(key); });
    walk(Space::data, "i", [&](std::string_view key, std::string_view value) { check_row(key, value); });
    walk(Space::data, "d", [&](std::string_view key, std::string_view) { check_chunk(key); });
    walk(Space::data, "e", [&](std::string_view key, std::string_view) { check_chunk(key); });
  }

 private:
  template <class Visit>
  void walk(Space space, std::string_view prefix, const Visit& visit) {
    const auto cursor = tables_.seek(space, prefix);
    for (; cursor->valid() && cursor->key().starts_with(prefix) && report_.damage.size() < k_damage_max;
         cursor->next()) {
      report_.bytes += cursor->key().size() + cursor->value().size();
      visit(cursor->key(), cursor->value());
    }
    if (Status status = cursor->status(); !status) report_.damage.push_back(std::move(status).error());
  }
  void damage(const std::string& what) { report_.damage.push_back({ErrorCode::corrupt, what}); }

  bool there(Space space, const std::string& key) {
    const auto found = tables_.get(space, key);
    if (!found) report_.damage.push_back(found.error());
    return found && found->has_value();
  }
  // The head of the run a row belongs to.
  std::optional<RunHead> head_of(const RunKey& run) {
    const auto found = tables_.get(Space::index, head_key(run));
    if (!found || !*found) return std::nullopt;
    const auto head = decode_head(**found);
    return head ? std::optional<RunHead>(*head) : std::nullopt;
  }

  void check_run(std::string_view key, std::string_view value) {
    const auto run = parse_head_key(key);
    const auto head = decode_head(value);
    if (!run || !head)
      return damage("a run's head is damaged: " + (head ? std::string("its key") : head.error().message));
    const std::string name = "run " + to_string(*run);
    ++report_.runs;
    if (is_listed_wake(*head) && !there(Space::index, wake_key(head->wake, *run))) damage(name + ": has no wake row");
    if (head->snapshot_seq > 0 && !there(Space::data, snapshot_key(head->started_at, *run)))
      damage(name + ": its snapshot is missing");
    const auto row = tables_.get(Space::data, row_key(head->started_at, *run));
    if (row && !*row) damage(name + ": is missing in the list");
    check_history(*run, *head, name);
  }

  void check_history(const RunKey& run, const RunHead& head, const std::string& name) {
    std::optional<std::uint64_t> next;
    for (const Series series : k_series) {
      const std::string prefix = chunk_prefix(series, head.started_at, run);
      const auto cursor = tables_.seek(Space::data, prefix);
      for (; cursor->valid() && cursor->key().starts_with(prefix); cursor->next()) {
        const auto chunk = decode_chunk(cursor->value());
        if (!chunk) return damage(name + ": " + chunk.error().message);
        for (const HistoryBatch& batch : *chunk) {
          if (!next && batch.first_seq > head.snapshot_seq + 1)
            return damage(name + ": history before event " + std::to_string(batch.first_seq) + " is missing");
          if (next && batch.first_seq != *next)
            return damage(name + ": history has a gap at event " + std::to_string(*next));
          next = batch.first_seq + batch.count;
          ++report_.batches;
        }
      }
      if (Status status = cursor->status(); !status) return report_.damage.push_back(std::move(status).error());
    }
    if (next.value_or(head.snapshot_seq + 1) != head.last_seq + 1)
      damage(name + ": history ends at event " + std::to_string(next.value_or(1) - 1) + " instead of " +
             std::to_string(head.last_seq));
  }

  void check_wake(std::string_view key) {
    const auto wake = parse_wake_key(key);
    if (!wake) return damage("a wake row has a malformed key");
    const auto head = head_of(wake->run);
    if (!head || !is_listed_wake(*head) || head->wake != wake->at)
      damage("wake row at " + std::to_string(wake->at) + " belongs to no waiting run (" + to_string(wake->run) + ")");
  }

  void check_row(std::string_view key, std::string_view value) {
    const auto listed = parse_row_key(key);
    const auto row = decode_row(value);
    if (!listed || !row) return damage("a list row is damaged");
    const auto head = head_of(listed->run);
    if (!head || head->started_at != listed->at || row->started_at != listed->at || head->closed != row->closed)
      damage("list row of " + to_string(listed->run) + " does not agree with the run");
  }

  void check_chunk(std::string_view key) {
    const auto chunk = parse_chunk_key(key);
    if (!chunk) return damage("a chunk of history has a malformed key");
    const auto head = head_of(chunk->run);
    if (!head || head->started_at != chunk->started_at || chunk->first_seq > head->last_seq)
      damage("history of " + to_string(chunk->run) + " from event " + std::to_string(chunk->first_seq) +
             " belongs to no run");
  }

  const Tables& tables_;
  VerifyReport& report_;
};

}  // namespace

Result<std::string> EmbeddedStore::put_blob(Bytes content) {
  const std::lock_guard lock(blobs_mutex_);
  return blobs_.put(content);
}
Result<Bytes> EmbeddedStore::get_blob(std::string_view name) { return blobs_.get(name); }
Result<std::vector<std::string>> EmbeddedStore::scan_blobs(std::string_view after, std::size_t limit) {
  return blobs_.scan(after, limit);
}
Status EmbeddedStore::erase_blob(std::string_view name) {
  const std::lock_guard lock(blobs_mutex_);
  return blobs_.erase(name);
}

Status EmbeddedStore::backup(const std::string& directory) {
  PERDURE_TRY(there, files_.exists(directory));
  if (there) {
    PERDURE_TRY(names, files_.list(directory));
    if (!names.empty())
      return fail(ErrorCode::conflict, "backup: " + directory + " is not empty; name a new directory");
  }
  PERDURE_TRY_VOID(files_.make_directory(directory));
  std::uint64_t applied = 0;
  {
    Lock lock(mutex_);
    PERDURE_TRY_VOID(flush_all(lock));
    applied = applied_;
  }
  // All that was committed before the call is in the tables: the copy needs no journal.
  PERDURE_TRY_VOID(tables_->copy_to(directory + "/tables"));
  {
    const std::lock_guard lock(blobs_mutex_);
    PERDURE_TRY_VOID(blobs_.copy_to(directory + "/blobs"));
  }
  PERDURE_TRY_VOID(write_state(files_, directory, {epoch_, applied}));
  return write_format(files_, directory);  // last: a copy that was cut short is no store
}

Result<VerifyReport> EmbeddedStore::verify() {
  VerifyReport report;
  {
    Lock lock(mutex_);
    PERDURE_TRY_VOID(flush_all(lock));
    // The journal is read while nothing is written to it.
    while (writing_) await_move(lock);
    writing_ = true;
    const std::uint64_t applied = applied_;
    lock.unlock();
    const auto scanned =
        Journal::scan(files_, dir_ + "/journal", applied, [](std::uint64_t, std::string_view bytes) -> Status {
          if (auto entry = decode_commit(bytes); !entry) return tl::unexpected<Error>(std::move(entry).error());
          return {};
        });
    lock.lock();
    writing_ = false;
    write_wanted_.notify_one();
    if (!scanned) report.damage.push_back(scanned.error());
  }
  if (Status status = tables_->verify(); !status) report.damage.push_back(std::move(status).error());
  TableCheck(*tables_, report).run();
  PERDURE_TRY(blobs, blobs_.scan("", SIZE_MAX));
  for (const std::string& name : blobs) {
    const auto content = blobs_.get(name);
    if (content) report.bytes += content->size();
    if (!content && content.error().code != ErrorCode::not_found) report.damage.push_back(content.error());
  }
  return report;
}

StoreStats EmbeddedStore::stats() const {
  const std::lock_guard lock(mutex_);
  StoreStats stats;
  stats.syncs = syncs_;
  stats.records = next_ticket_ - 1 - pending_.size();
  stats.bytes_written = journal_->bytes_written();
  stats.overlay_bytes = active_->size_bytes();
  for (const auto& generation : frozen_) stats.overlay_bytes += generation->size_bytes();
  stats.disk_bytes = journal_->disk_bytes() + tables_->disk_bytes();
  stats.sync_us_total = sync_us_total_;
  return stats;
}

}  // namespace perdure::storage
