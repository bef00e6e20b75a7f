#include "storage/memory/memory_store.h"

#include <algorithm>
#include <map>
#include <mutex>
#include <set>
#include <tuple>

#include "base/hash.h"
#include "storage/rules.h"

namespace perdure::storage {
namespace {

struct StoredRun {
  std::vector<HistoryBatch> batches;
  std::uint64_t last_seq = 0;
  Bytes snapshot;
  std::uint64_t snapshot_seq = 0;
  RunRow row;
  TimeMs wake = k_never;
};

class MemoryStore final : public Store {
 public:
  std::uint64_t epoch() const override { return 1; }

  void commit(Commit commit, Done done) override {
    Status outcome;
    {
      const std::lock_guard lock(mutex_);
      outcome = check(commit);
      if (outcome) {
        for (RunWrite& write : commit.runs) apply(std::move(write));
        for (KeyWrite& write : commit.keys) apply(std::move(write));
        ++stats_.records;
      }
    }
    done(std::move(outcome));
  }

  bool lend_thread() override { return false; }
  Status recover() override { return {}; }

  Result<LoadedRun> load(const RunKey& run) override {
    const std::lock_guard lock(mutex_);
    const auto found = runs_.find(run);
    if (found == runs_.end()) return tl::unexpected<Error>(no_such_run(run));
    const StoredRun& stored = found->second;
    LoadedRun loaded{stored.snapshot, stored.snapshot_seq, {}, stored.last_seq, stored.row, stored.wake};
    for (auto at = first_holding(stored, stored.snapshot_seq + 1); at != stored.batches.end(); ++at)
      loaded.tail.push_back(at->batch);
    return loaded;
  }

  Result<std::optional<RunRow>> row(const RunKey& run) override {
    const std::lock_guard lock(mutex_);
    const auto found = runs_.find(run);
    if (found == runs_.end()) return std::optional<RunRow>();
    return std::optional<RunRow>(found->second.row);
  }

  Result<std::vector<HistoryBatch>> history(const RunKey& run, std::uint64_t from_seq, std::size_t max_bytes) override {
    const std::lock_guard lock(mutex_);
    const auto found = runs_.find(run);
    if (found == runs_.end()) return tl::unexpected<Error>(no_such_run(run));
    std::vector<HistoryBatch> page;
    std::size_t bytes = 0;
    for (auto at = first_holding(found->second, from_seq); at != found->second.batches.end(); ++at) {
      bytes += at->batch.size();
      if (!page.empty() && bytes > max_bytes) break;
      page.push_back(*at);
    }
    return page;
  }

  Result<std::vector<Wake>> wakes(TimeMs from, TimeMs until, const std::optional<Wake>& after,
                                  std::size_t limit) override {
    const std::lock_guard lock(mutex_);
    auto at = wakes_.lower_bound({from, RunKey{"", ""}});
    if (after && after->at >= from) at = wakes_.upper_bound({after->at, after->run});
    std::vector<Wake> page;
    for (; at != wakes_.end() && at->first < until && page.size() < limit; ++at)
      page.push_back({at->first, at->second});
    return page;
  }

  Result<ListPage> list(const ListQuery& query) override {
    PERDURE_TRY_VOID(check_query(query));
    const std::lock_guard lock(mutex_);
    auto at = listed_.lower_bound({query.tenant, -k_never, ""});
    if (!query.cursor.empty()) {
      PERDURE_TRY(position, decode_cursor(query.cursor));
      at = listed_.upper_bound({query.tenant, -position.started_at, position.id});
    }
    ListPage page;
    for (; at != listed_.end() && std::get<0>(*at) == query.tenant; ++at) {
      RunKey key{query.tenant, std::get<2>(*at)};
      const RunRow& row = runs_.at(key).row;
      if (!matches(query, row)) continue;
      if (page.rows.size() == query.limit) {
        page.next_cursor = encode_cursor({page.rows.back().second.started_at, page.rows.back().first.id});
        break;
      }
      page.rows.emplace_back(std::move(key), row);
    }
    return page;
  }

  Result<std::optional<Bytes>> get(std::string_view key) override {
    const std::lock_guard lock(mutex_);
    const auto found = keys_.find(key);
    if (found == keys_.end()) return std::optional<Bytes>();
    return std::optional<Bytes>(found->second);
  }

  Result<std::vector<std::pair<std::string, Bytes>>> scan(std::string_view prefix, std::string_view after,
                                                          std::size_t limit) override {
    const std::lock_guard lock(mutex_);
    auto at = after < prefix ? keys_.lower_bound(prefix) : keys_.upper_bound(after);
    std::vector<std::pair<std::string, Bytes>> page;
    for (; at != keys_.end() && at->first.starts_with(prefix) && page.size() < limit; ++at) page.emplace_back(*at);
    return page;
  }

  Result<std::string> put_blob(Bytes content) override {
    std::string name = sha256_hex(content.view());
    const std::lock_guard lock(mutex_);
    blobs_[name] = std::move(content);
    return name;
  }

  Result<Bytes> get_blob(std::string_view name) override {
    const std::lock_guard lock(mutex_);
    const auto found = blobs_.find(name);
    if (found == blobs_.end()) return no_such_blob(name);
    return found->second;
  }

  Result<std::vector<std::string>> scan_blobs(std::string_view after, std::size_t limit) override {
    const std::lock_guard lock(mutex_);
    std::vector<std::string> names;
    for (auto at = blobs_.upper_bound(after); at != blobs_.end() && names.size() < limit; ++at)
      names.push_back(at->first);
    return names;
  }

  Status erase_blob(std::string_view name) override {
    const std::lock_guard lock(mutex_);
    const auto found = blobs_.find(name);
    if (found == blobs_.end()) return no_such_blob(name);
    blobs_.erase(found);
    return {};
  }

  Status purge(const RunKey& run, std::vector<KeyWrite> keys) override {
    for (const KeyWrite& write : keys) PERDURE_TRY_VOID(check_shape(write));
    const std::lock_guard lock(mutex_);
    const auto found = runs_.find(run);
    if (found == runs_.end()) return tl::unexpected<Error>(no_such_run(run));
    if (!found->second.row.closed) return tl::unexpected<Error>(not_closed(run));
    unindex(run, found->second);
    runs_.erase(found);
    for (KeyWrite& write : keys) apply(std::move(write));
    return {};
  }

  Status backup(const std::string&) override {
    return fail(ErrorCode::unsupported, "the memory store keeps nothing on disk; open an embedded store to back it up");
  }

  Result<VerifyReport> verify() override {
    const std::lock_guard lock(mutex_);
    VerifyReport report;
    report.runs = runs_.size();
    for (const auto& [key, run] : runs_) {
      report.batches += run.batches.size();
      for (const HistoryBatch& batch : run.batches) report.bytes += batch.batch.size();
    }
    return report;
  }

  StoreStats stats() const override {
    const std::lock_guard lock(mutex_);
    return stats_;
  }

 private:
  static tl::unexpected<Error> no_such_blob(std::string_view name) {
    return fail(ErrorCode::not_found, "blob " + std::string(name) + " does not exist");
  }

  // The batch that holds `seq`, or the first after it.
  static std::vector<HistoryBatch>::const_iterator first_holding(const StoredRun& run, std::uint64_t seq) {
    return std::partition_point(run.batches.begin(), run.batches.end(),
                                [&](const HistoryBatch& batch) { return batch.first_seq + batch.count <= seq; });
  }

  Status check(const Commit& commit) const {
    if (commit.epoch != epoch()) return tl::unexpected<Error>(lost_lease(commit.epoch, epoch()));
    std::map<RunKey, std::pair<std::uint64_t, TimeMs>> seen;  // last sequence and start of the runs written so far
    for (const RunWrite& write : commit.runs) {
      PERDURE_TRY_VOID(check_shape(write));
      const auto [at, fresh] = seen.try_emplace(write.run, 0, 0);
      auto& [last, started] = at->second;
      if (const auto stored = runs_.find(write.run); fresh && stored != runs_.end())
        at->second = {stored->second.last_seq, stored->second.row.started_at};
      if (write.first_seq != last + 1)
        return tl::unexpected<Error>(unexpected_sequence(write.run, write.first_seq, last));
      if (last == 0) started = write.row->started_at;
      if (write.row && write.row->started_at != started) return tl::unexpected<Error>(moved_start(write.run));
      last += write.count;
    }
    for (const KeyWrite& write : commit.keys) PERDURE_TRY_VOID(check_shape(write));
    return {};
  }

  void apply(RunWrite write) {
    StoredRun& run = runs_[write.run];
    if (write.first_seq != 1) unindex(write.run, run);
    if (write.count > 0) run.batches.push_back({write.first_seq, write.count, std::move(write.batch)});
    run.last_seq = write.first_seq + write.count - 1;
    if (write.snapshot) {
      run.snapshot = std::move(*write.snapshot);
      run.snapshot_seq = run.last_seq;
    }
    if (write.row) run.row = std::move(*write.row);
    if (write.wake) run.wake = *write.wake;
    compact(run, write.compact_over_events);
    listed_.insert({write.run.tenant, -run.row.started_at, write.run.id});
    if (!run.row.closed && run.wake != k_never) wakes_.insert({run.wake, write.run});
  }

  void apply(KeyWrite write) {
    if (write.value) {
      keys_[std::move(write.key)] = std::move(*write.value);
    } else {
      keys_.erase(write.key);
    }
  }

  static void compact(StoredRun& run, std::uint64_t over_events) {
    if (over_events == 0 || run.batches.empty()) return;
    const auto keep = first_holding(run, run.snapshot_seq + 1);
    const std::uint64_t keep_from = keep == run.batches.end() ? run.last_seq + 1 : keep->first_seq;
    if (keep_from - run.batches.front().first_seq <= over_events) return;
    run.batches.erase(run.batches.begin(), run.batches.begin() + (keep - run.batches.cbegin()));
  }

  void unindex(const RunKey& key, const StoredRun& run) {
    listed_.erase({key.tenant, -run.row.started_at, key.id});
    wakes_.erase({run.wake, key});
  }

  mutable std::mutex mutex_;
  std::map<RunKey, StoredRun> runs_;
  std::set<std::tuple<std::string, TimeMs, std::string>> listed_;  // tenant, -started_at, id
  std::set<std::pair<TimeMs, RunKey>> wakes_;
  std::map<std::string, Bytes, std::less<>> keys_, blobs_;
  StoreStats stats_;
};

}  // namespace

std::unique_ptr<Store> open_memory() { return std::make_unique<MemoryStore>(); }

}  // namespace perdure::storage
