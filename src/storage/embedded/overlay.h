#pragma once
// What is committed and not yet in the tables. A generation collects commits until it is frozen; a frozen one is written
// to the tables as a whole and dropped. A run that begins and ends within a generation is written once.
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "storage/embedded/codec.h"

namespace perdure::storage {

struct RunKeyHash {
  std::size_t operator()(const RunKey& run) const;
};

struct RunDelta {
  std::optional<RunHead> below;  // the run as older generations and the tables have it; absent when they have none
  std::optional<RunHead> head;   // the run now; absent when purged
  bool covers = false;           // created or purged here: what lies below does not show through
  std::optional<RunRow> row;
  std::optional<Bytes> snapshot;
  std::vector<HistoryBatch> batches;
  std::uint64_t compact_over_events = 0;

  std::uint64_t first_ticket = 0;  // the commit that brought the run into this generation
  std::uint64_t row_ticket = 0;    // the first one after which lists must not look below; 0: none
  // While a commit is checked before any of it applies: where its earlier writes will have taken the run.
  std::uint64_t checked_by = 0, checked_last_seq = 0;
  TimeMs checked_started_at = 0;
};

class Generation {
 public:
  // The run's delta; made, showing what lies below, when this generation did not know the run.
  RunDelta& touch(const RunKey& run, const std::optional<RunHead>& below, std::uint64_t ticket);
  // The write has been checked against the run's head.
  void apply(RunDelta& run, RunWrite&& write, std::uint64_t ticket);
  void apply(KeyWrite&& write);
  void purge(RunDelta& run, std::uint64_t ticket);

  const RunDelta* find(const RunKey& run) const {
    const auto found = runs_.find(run);
    return found == runs_.end() ? nullptr : &found->second;
  }
  RunDelta* find(const RunKey& run) {
    const auto found = runs_.find(run);
    return found == runs_.end() ? nullptr : &found->second;
  }
  using Runs = std::unordered_map<RunKey, RunDelta, RunKeyHash>;
  const Runs& runs() const { return runs_; }
  const std::map<std::string, std::optional<Bytes>, std::less<>>& keys() const { return keys_; }

  std::size_t size_bytes() const { return size_bytes_; }
  bool empty() const { return runs_.empty() && keys_.empty(); }
  std::uint64_t last_ticket = 0;

 private:
  Runs runs_;
  std::map<std::string, std::optional<Bytes>, std::less<>> keys_;
  std::size_t size_bytes_ = 0;
};

// The batch that holds `seq`, or the first after it.
std::vector<HistoryBatch>::const_iterator first_holding(const std::vector<HistoryBatch>& batches, std::uint64_t seq);

}  // namespace perdure::storage
