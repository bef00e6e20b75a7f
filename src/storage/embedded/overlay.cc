#include "storage/embedded/overlay.h"

#include <algorithm>

#include "base/hash.h"

namespace perdure::storage {
namespace {

// What a run, a batch and a row cost beside their bytes: nodes, counters, allocator.
constexpr std::size_t k_run_overhead_bytes = 480, k_batch_overhead_bytes = 112, k_key_overhead_bytes = 160;

std::size_t size_of(const RunRow& row) {
  return row.workflow.size() + row.version.size() + row.status.size() + row.parent.size() + row.detail.size();
}

}  // namespace

std::size_t RunKeyHash::operator()(const RunKey& run) const {
  return static_cast<std::size_t>(checksum64(run.id, run.tenant == "default" ? 0 : checksum64(run.tenant)));
}

std::vector<HistoryBatch>::const_iterator first_holding(const std::vector<HistoryBatch>& batches, std::uint64_t seq) {
  return std::partition_point(batches.begin(), batches.end(),
                              [&](const HistoryBatch& batch) { return batch.first_seq + batch.count <= seq; });
}

RunDelta& Generation::touch(const RunKey& run, const std::optional<RunHead>& below, std::uint64_t ticket) {
  const auto [at, fresh] = runs_.try_emplace(run);
  if (fresh) {
    at->second.below = below;
    at->second.head = below;
    at->second.first_ticket = ticket;
    size_bytes_ += k_run_overhead_bytes + run.id.size();
  }
  return at->second;
}

void Generation::apply(RunDelta& run, RunWrite&& write, std::uint64_t ticket) {
  if (!run.head) {
    run.covers = true;
    run.head.emplace();
    run.head->started_at = write.row->started_at;
  }
  RunHead& head = *run.head;
  head.last_seq = write.first_seq + write.count - 1;
  if (write.count > 0) {
    size_bytes_ += write.batch.size() + k_batch_overhead_bytes;
    run.batches.push_back({write.first_seq, write.count, std::move(write.batch)});
  }
  if (write.snapshot) {
    size_bytes_ += write.snapshot->size();
    if (run.snapshot) size_bytes_ -= run.snapshot->size();
    run.snapshot = std::move(write.snapshot);
    head.snapshot_seq = head.last_seq;
  }
  if (write.row) {
    size_bytes_ += size_of(*write.row);
    if (run.row) size_bytes_ -= size_of(*run.row);
    head.closed = write.row->closed;
    run.row = std::move(write.row);
    if (run.row_ticket == 0) run.row_ticket = ticket;
  }
  if (write.wake) head.wake = *write.wake;
  if (write.compact_over_events > 0) run.compact_over_events = write.compact_over_events;
}

void Generation::apply(KeyWrite&& write) {
  size_bytes_ += k_key_overhead_bytes + write.key.size() + (write.value ? write.value->size() : 0);
  keys_[std::move(write.key)] = std::move(write.value);
}

void Generation::purge(RunDelta& run, std::uint64_t ticket) {
  for (const HistoryBatch& batch : run.batches) size_bytes_ -= batch.batch.size() + k_batch_overhead_bytes;
  if (run.snapshot) size_bytes_ -= run.snapshot->size();
  if (run.row) size_bytes_ -= size_of(*run.row);
  RunDelta purged;
  purged.below = run.below;
  purged.covers = true;
  purged.first_ticket = run.first_ticket;
  purged.row_ticket = run.row_ticket != 0 ? run.row_ticket : ticket;
  run = std::move(purged);
}

}  // namespace perdure::storage
