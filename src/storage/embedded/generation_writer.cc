#include "storage/embedded/generation_writer.h"

#include <algorithm>
#include <array>
#include <tuple>

#include "storage/embedded/table_keys.h"

namespace perdure::storage {
namespace {

constexpr std::size_t k_chunk_bytes = std::size_t{256} << 10;

struct DataRow {
  enum class What : std::uint8_t { chunk, row, snapshot, erase };
  std::string key;
  What what = What::erase;
  const RunDelta* run = nullptr;
  std::size_t begin = 0, end = 0;  // batches of a chunk
};

struct Sorted {
  std::array<std::vector<DataRow>, k_lanes> lanes;  // the data lanes
  std::vector<std::pair<std::string, bool>> wakes;  // key, put or erase
  std::vector<std::pair<const RunKey*, RunHead>> heads;
  std::vector<const RunKey*> gone;
};

class Planner {
 public:
  Planner(const Tables& tables, TimeMs newest_start)
      : tables_(tables), fresh_after_(newest_start), newest_(newest_start) {}

  Status add(const RunKey& key, const RunDelta& run) {
    if (run.below && run.covers) PERDURE_TRY_VOID(erase_run(key, *run.below));
    if (run.below && is_listed_wake(*run.below)) out_.wakes.emplace_back(wake_key(run.below->wake, key), false);
    if (!run.head) {
      if (run.below) out_.gone.push_back(&key);
      return {};
    }
    RunHead head = *run.head;
    const bool fresh = !run.below && head.started_at > fresh_after_;
    PERDURE_TRY(first, compact(key, run, head));
    add_chunks(key, run, head, first, fresh);
    if (fresh) newest_ = std::max(newest_, head.started_at);
    if (run.row)
      put(fresh ? Lane::fresh_rows : Lane::late_rows, {row_key(head.started_at, key), DataRow::What::row, &run, 0, 0});
    if (run.snapshot)
      put(fresh ? Lane::fresh_snapshots : Lane::late_snapshots,
          {snapshot_key(head.started_at, key), DataRow::What::snapshot, &run, 0, 0});
    if (is_listed_wake(head)) out_.wakes.emplace_back(wake_key(head.wake, key), true);
    out_.heads.emplace_back(&key, head);
    return {};
  }

  Sorted finish() {
    for (auto& lane : out_.lanes) {
      // An erase and a put of one key (a purged run whose id and start came again): the put stays.
      std::sort(lane.begin(), lane.end(),
                [](const DataRow& a, const DataRow& b) { return std::tie(a.key, a.what) < std::tie(b.key, b.what); });
      lane.erase(
          std::unique(lane.begin(), lane.end(), [](const DataRow& a, const DataRow& b) { return a.key == b.key; }),
          lane.end());
    }
    // The same for wakes: a put sorts before the erase.
    std::sort(out_.wakes.begin(), out_.wakes.end(), [](const auto& a, const auto& b) {
      return a.first != b.first ? a.first < b.first : a.second > b.second;
    });
    out_.wakes.erase(std::unique(out_.wakes.begin(), out_.wakes.end(),
                                 [](const auto& a, const auto& b) { return a.first == b.first; }),
                     out_.wakes.end());
    const auto by_key = [](const auto& a, const auto& b) { return *a.first < *b.first; };
    std::sort(out_.heads.begin(), out_.heads.end(), by_key);
    return std::move(out_);
  }
  TimeMs newest() const { return newest_; }

 private:
  void put(Lane lane, DataRow row) { out_.lanes[static_cast<std::size_t>(lane)].push_back(std::move(row)); }

  Status erase_run(const RunKey& key, const RunHead& below) {
    put(Lane::late_rows, {row_key(below.started_at, key), DataRow::What::erase, nullptr, 0, 0});
    if (below.snapshot_seq > 0)
      put(Lane::late_snapshots, {snapshot_key(below.started_at, key), DataRow::What::erase, nullptr, 0, 0});
    return for_each_chunk(key, below, [&](std::string_view chunk, std::uint64_t) {
      erase_chunk(std::string(chunk));
      return true;
    });
  }

  void erase_chunk(std::string chunk) {
    const Lane lane = chunk.front() == static_cast<char>(Series::first) ? Lane::gone_chunks : Lane::later_chunks;
    put(lane, {std::move(chunk), DataRow::What::erase, nullptr, 0, 0});
  }

  // The run's chunks in the tables, in order, until `visit(key, first_seq)` says false.
  template <class Visit>
  Status for_each_chunk(const RunKey& key, const RunHead& head, const Visit& visit) {
    for (const Series series : k_series) {
      const std::string prefix = chunk_prefix(series, head.started_at, key);
      const auto cursor = tables_.seek(Space::data, chunk_key(series, head.started_at, key, head.oldest_seq));
      for (; cursor->valid() && cursor->key().starts_with(prefix); cursor->next()) {
        if (!visit(cursor->key(), from_big_endian(cursor->key().substr(prefix.size())))) return {};
      }
      PERDURE_TRY_VOID(cursor->status());
    }
    return {};
  }

  // Drops what the newest snapshot covers once it is long enough; returns the first batch of this generation to keep.
  Result<std::size_t> compact(const RunKey& key, const RunDelta& run, RunHead& head) {
    if (run.compact_over_events == 0 || head.snapshot_seq < head.oldest_seq ||
        head.snapshot_seq + 1 - head.oldest_seq <= run.compact_over_events)
      return std::size_t{0};
    if (run.below && !run.covers) {
      // A chunk may go when the next one begins at or before the first event that is needed.
      std::optional<std::string> previous;
      std::uint64_t oldest = head.oldest_seq;
      const auto visit = [&](std::string_view chunk, std::uint64_t first_seq) {
        if (first_seq > head.snapshot_seq + 1) return false;
        if (previous) erase_chunk(std::move(*previous));
        previous = std::string(chunk);
        oldest = first_seq;
        return true;
      };
      PERDURE_TRY_VOID(for_each_chunk(key, head, visit));
      head.oldest_seq = oldest;
      if (head.snapshot_seq < run.below->last_seq) return std::size_t{0};
      if (previous) erase_chunk(std::move(*previous));
      head.oldest_seq = run.below->last_seq + 1;
    }
    const auto keep = first_holding(run.batches, head.snapshot_seq + 1);
    head.oldest_seq = keep == run.batches.end() ? head.last_seq + 1 : keep->first_seq;
    return static_cast<std::size_t>(keep - run.batches.begin());
  }

  void add_chunks(const RunKey& key, const RunDelta& run, const RunHead& head, std::size_t begin, bool fresh) {
    std::size_t bytes = 0;
    for (std::size_t at = begin; at < run.batches.size(); ++at) {
      bytes += run.batches[at].batch.size();
      if (bytes < k_chunk_bytes && at + 1 < run.batches.size()) continue;
      put(fresh ? Lane::fresh_chunks : Lane::later_chunks,
          {chunk_key(fresh ? Series::first : Series::later, head.started_at, key, run.batches[begin].first_seq),
           DataRow::What::chunk, &run, begin, at + 1});
      begin = at + 1;
      bytes = 0;
    }
  }

  const Tables& tables_;
  TimeMs fresh_after_, newest_;
  Sorted out_;
};

Status write_index(const Generation& generation, const Sorted& rows, LaneWriter& writer) {
  for (const auto& [key, value] : generation.keys()) {
    PERDURE_TRY_VOID(value ? writer.put(Lane::index, shared_key(key), value->view())
                           : writer.erase(Lane::index, shared_key(key)));
  }
  PERDURE_TRY_VOID(writer.put(Lane::index, k_applied_key, big_endian(generation.last_ticket)));
  for (const auto& [key, is_put] : rows.wakes)
    PERDURE_TRY_VOID(is_put ? writer.put(Lane::index, key, "") : writer.erase(Lane::index, key));
  // Heads to put and to erase, merged into one order.
  auto gone = rows.gone;
  std::sort(gone.begin(), gone.end(), [](const RunKey* a, const RunKey* b) { return *a < *b; });
  auto next_gone = gone.begin();
  for (const auto& [key, head] : rows.heads) {
    for (; next_gone != gone.end() && **next_gone < *key; ++next_gone)
      PERDURE_TRY_VOID(writer.erase(Lane::index, head_key(**next_gone)));
    PERDURE_TRY_VOID(writer.put(Lane::index, head_key(*key), encode_head(head)));
  }
  for (; next_gone != gone.end(); ++next_gone) PERDURE_TRY_VOID(writer.erase(Lane::index, head_key(**next_gone)));
  return {};
}

Status write_data(const Sorted& rows, LaneWriter& writer) {
  std::string value;
  for (std::size_t i = 0; i < k_lanes; ++i) {
    const Lane lane = static_cast<Lane>(i);
    for (const DataRow& row : rows.lanes[i]) {
      value.clear();
      switch (row.what) {
        case DataRow::What::erase: PERDURE_TRY_VOID(writer.erase(lane, row.key)); continue;
        case DataRow::What::row: encode_row(value, *row.run->row); break;
        case DataRow::What::snapshot: PERDURE_TRY_VOID(writer.put(lane, row.key, row.run->snapshot->view())); continue;
        case DataRow::What::chunk:
          for (std::size_t at = row.begin; at < row.end; ++at) encode_batch(value, row.run->batches[at]);
          break;
      }
      PERDURE_TRY_VOID(writer.put(lane, row.key, value));
    }
  }
  return {};
}

}  // namespace

Result<GenerationWritten> write_generation(const Generation& generation, Tables& tables, TimeMs newest_start) {
  Planner planner(tables, newest_start);
  for (const auto& [key, run] : generation.runs()) PERDURE_TRY_VOID(planner.add(key, run));
  const Sorted rows = planner.finish();
  const auto write = [&](LaneWriter& writer) -> Status {
    PERDURE_TRY_VOID(write_index(generation, rows, writer));
    return write_data(rows, writer);
  };
  PERDURE_TRY_VOID(tables.apply({generation.size_bytes()}, write));
  return GenerationWritten{planner.newest()};
}

}  // namespace perdure::storage
