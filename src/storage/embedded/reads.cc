// Reads: the overlay of what is committed over the tables. A read looks at the generations first and at the tables
// after; when a generation was dropped in between, the tables may be ahead of what it saw, and it starts again.
#include <algorithm>

#include "storage/embedded/store_core.h"
#include "storage/embedded/table_keys.h"
#include "storage/rules.h"

namespace perdure::storage {
namespace {

tl::unexpected<Error> damaged(const RunKey& run, const std::string& what) {
  return fail(ErrorCode::corrupt, "run " + to_string(run) + ": " + what);
}

}  // namespace

// What the generations say of a run; newest wins.
struct EmbeddedStore::RunView {
  bool known = false;   // some generation knows the run; `head` is then its present state
  bool covers = false;  // nothing in the tables counts
  std::optional<RunHead> head;
  std::optional<RunRow> row;
  std::optional<Bytes> snapshot;
  std::vector<HistoryBatch> batches;
};

EmbeddedStore::Generations EmbeddedStore::generations() const {
  Generations all{active_};
  all.insert(all.end(), frozen_.rbegin(), frozen_.rend());
  return all;
}

EmbeddedStore::RunView EmbeddedStore::view(const RunKey& run, std::uint64_t from_seq) const {
  const std::lock_guard lock(mutex_);
  RunView view;
  for (const auto& generation : generations()) {
    const RunDelta* delta = generation->find(run);
    if (delta == nullptr) continue;
    if (!view.known) view.head = delta->head;
    view.known = true;
    if (!view.head) return view;
    if (!view.row) view.row = delta->row;
    if (!view.snapshot) view.snapshot = delta->snapshot;
    const std::uint64_t from = from_seq != 0 ? from_seq : view.head->snapshot_seq + 1;
    view.batches.insert(view.batches.begin(), first_holding(delta->batches, from), delta->batches.end());
    if (delta->covers) {
      view.covers = true;
      break;
    }
  }
  return view;
}

Status EmbeddedStore::read_chunks(const RunHead& head, const RunKey& run, std::uint64_t from_seq,
                                  std::uint64_t until_seq, std::size_t max_bytes,
                                  std::vector<HistoryBatch>& out) const {
  const std::string later_prefix = chunk_prefix(Series::later, head.started_at, run);
  auto later = tables_->seek(Space::data, chunk_key(Series::later, head.started_at, run, from_seq), true);
  PERDURE_TRY_VOID(later->status());
  std::size_t bytes = 0;
  // Whether there is more to read after this series.
  const auto read = [&](TableCursor& cursor, const std::string& prefix) -> Result<bool> {
    for (; cursor.valid() && cursor.key().starts_with(prefix); cursor.next()) {
      auto chunk = decode_chunk(cursor.value());
      if (!chunk) return damaged(run, chunk.error().message);
      for (HistoryBatch& batch : *chunk) {
        if (batch.first_seq >= until_seq) return false;
        if (batch.first_seq + batch.count <= from_seq) continue;
        bytes += batch.batch.size();
        if (!out.empty() && bytes > max_bytes) return false;
        out.push_back(std::move(batch));
      }
    }
    PERDURE_TRY_VOID(cursor.status());
    return true;
  };
  if (!later->valid() || !later->key().starts_with(later_prefix)) {
    const std::string prefix = chunk_prefix(Series::first, head.started_at, run);
    auto first = tables_->seek(Space::data, chunk_key(Series::first, head.started_at, run, from_seq), true);
    PERDURE_TRY_VOID(first->status());
    if (!first->valid() || !first->key().starts_with(prefix)) first = tables_->seek(Space::data, prefix);
    PERDURE_TRY(more, read(*first, prefix));
    if (!more) return {};
    later = tables_->seek(Space::data, later_prefix);
  }
  return read(*later, later_prefix).map([](bool) {});
}

Result<std::optional<RunRow>> EmbeddedStore::table_row(const RunKey& run, const RunHead& head) const {
  PERDURE_TRY(bytes, tables_->get(Space::data, row_key(head.started_at, run)));
  if (!bytes) return damaged(run, "its row is missing");
  auto row = decode_row(*bytes);
  if (!row) return damaged(run, row.error().message);
  return std::optional<RunRow>(std::move(*row));
}

Result<LoadedRun> EmbeddedStore::load(const RunKey& run) {
  return read_consistently([&] { return load_once(run); });
}

Result<LoadedRun> EmbeddedStore::load_once(const RunKey& run) const {
  RunView seen = view(run, 0);
  if (!seen.known) PERDURE_TRY_VOID(fetch_head(run).map([&](auto head) { seen.head = head; }));
  if (!seen.head) return tl::unexpected<Error>(no_such_run(run));
  const RunHead& head = *seen.head;
  LoadedRun loaded;
  loaded.last_seq = head.last_seq;
  loaded.snapshot_seq = head.snapshot_seq;
  loaded.wake = head.wake;
  if (!seen.row) {
    PERDURE_TRY(row, table_row(run, head));
    seen.row = std::move(row);
  }
  loaded.row = std::move(*seen.row);
  if (head.snapshot_seq > 0) {
    if (!seen.snapshot) {
      PERDURE_TRY(bytes, tables_->get(Space::data, snapshot_key(head.started_at, run)));
      if (!bytes) return damaged(run, "its snapshot at " + std::to_string(head.snapshot_seq) + " is missing");
      seen.snapshot = Bytes(std::move(*bytes));
    }
    loaded.snapshot = std::move(*seen.snapshot);
  }
  std::vector<HistoryBatch> batches;
  const std::uint64_t from = head.snapshot_seq + 1;
  const std::uint64_t overlay_from = seen.batches.empty() ? head.last_seq + 1 : seen.batches.front().first_seq;
  if (!seen.covers && from < overlay_from)
    PERDURE_TRY_VOID(read_chunks(head, run, from, overlay_from, SIZE_MAX, batches));
  std::move(seen.batches.begin(), seen.batches.end(), std::back_inserter(batches));
  std::uint64_t next = from;
  for (HistoryBatch& batch : batches) {
    if (batch.first_seq > next) break;
    next = batch.first_seq + batch.count;
    loaded.tail.push_back(std::move(batch.batch));
  }
  if (next != head.last_seq + 1) return damaged(run, "history is missing at event " + std::to_string(next));
  return loaded;
}

Result<std::optional<RunRow>> EmbeddedStore::row(const RunKey& run) {
  return read_consistently([&] { return row_once(run); });
}

Result<std::optional<RunRow>> EmbeddedStore::row_once(const RunKey& run) const {
  RunView seen = view(run, UINT64_MAX);
  if (seen.row) return std::move(seen.row);
  if (!seen.known) PERDURE_TRY_VOID(fetch_head(run).map([&](auto head) { seen.head = head; }));
  if (!seen.head) return std::optional<RunRow>();
  return table_row(run, *seen.head);
}

Result<std::vector<HistoryBatch>> EmbeddedStore::history(const RunKey& run, std::uint64_t from_seq,
                                                         std::size_t max_bytes) {
  return read_consistently([&] { return history_once(run, std::max<std::uint64_t>(from_seq, 1), max_bytes); });
}

Result<std::vector<HistoryBatch>> EmbeddedStore::history_once(const RunKey& run, std::uint64_t from_seq,
                                                              std::size_t max_bytes) const {
  RunView seen = view(run, from_seq);
  if (!seen.known) PERDURE_TRY_VOID(fetch_head(run).map([&](auto head) { seen.head = head; }));
  if (!seen.head) return tl::unexpected<Error>(no_such_run(run));
  std::vector<HistoryBatch> page;
  const std::uint64_t overlay_from = seen.batches.empty() ? seen.head->last_seq + 1 : seen.batches.front().first_seq;
  if (!seen.covers && from_seq < overlay_from)
    PERDURE_TRY_VOID(read_chunks(*seen.head, run, from_seq, overlay_from, max_bytes, page));
  std::size_t bytes = 0;
  for (const HistoryBatch& batch : page) bytes += batch.batch.size();
  for (HistoryBatch& batch : seen.batches) {
    // The page ended inside the tables: what follows is not next.
    if (!page.empty() && page.back().first_seq + page.back().count != batch.first_seq) break;
    bytes += batch.batch.size();
    if (!page.empty() && bytes > max_bytes) break;
    page.push_back(std::move(batch));
  }
  return page;
}

Result<std::optional<Bytes>> EmbeddedStore::get(std::string_view key) {
  return read_consistently([&]() -> Result<std::optional<Bytes>> {
    {
      const std::lock_guard lock(mutex_);
      for (const auto& generation : generations()) {
        const auto found = generation->keys().find(key);
        if (found != generation->keys().end()) return found->second;
      }
    }
    PERDURE_TRY(bytes, tables_->get(Space::index, shared_key(key)));
    if (!bytes) return std::optional<Bytes>();
    return std::optional<Bytes>(Bytes(std::move(*bytes)));
  });
}

Result<std::vector<std::pair<std::string, Bytes>>> EmbeddedStore::scan(std::string_view prefix, std::string_view after,
                                                                       std::size_t limit) {
  using Page = std::vector<std::pair<std::string, Bytes>>;
  return read_consistently([&]() -> Result<Page> {
    // Keys after `after` that the overlay changed; a deleted one hides the table's.
    std::map<std::string, std::optional<Bytes>, std::less<>> changed;
    {
      const std::lock_guard lock(mutex_);
      for (const auto& generation : generations()) {
        const auto& keys = generation->keys();
        for (auto at = after < prefix ? keys.lower_bound(prefix) : keys.upper_bound(after);
             at != keys.end() && at->first.starts_with(prefix); ++at)
          changed.insert(*at);  // the newest came first and stays
      }
    }
    Page page;
    auto next = changed.begin();
    const auto take_changed_until = [&](std::string_view key) {
      for (; next != changed.end() && next->first < key && page.size() < limit; ++next) {
        if (next->second) page.emplace_back(next->first, *next->second);
      }
    };
    const auto cursor = tables_->seek(Space::index, shared_key(std::max(prefix, after)));
    const std::string table_prefix = shared_key(prefix);
    for (; cursor->valid() && cursor->key().starts_with(table_prefix) && page.size() < limit; cursor->next()) {
      const std::string_view key = cursor->key().substr(1);
      if (key == after && !after.empty()) continue;
      take_changed_until(key);
      if (changed.contains(key) || page.size() == limit) continue;
      page.emplace_back(std::string(key), Bytes::copy(cursor->value()));
    }
    PERDURE_TRY_VOID(cursor->status());
    for (; next != changed.end() && page.size() < limit; ++next) {
      if (next->second) page.emplace_back(next->first, *next->second);
    }
    return page;
  });
}

}  // namespace perdure::storage
