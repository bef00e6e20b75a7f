#pragma once
// What a store holds that never fails: the memory store, every state it has been in, and all history ever written.
#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "storage/store.h"

namespace perdure::store_faults {

using storage::Commit;
using Change = std::variant<Commit, RunKey>;  // a commit, or a purge

inline const std::vector<std::string> k_tenants{"default", "other"};

class Truth {
 public:
  Truth();
  // Number of changes that were accepted.
  std::size_t size() const { return changes_.size(); }
  // Refused as the memory store refuses; then it does not count.
  Status apply(const Change& change);
  // Of what the store showed after the first n changes.
  std::uint64_t state(std::size_t n) const { return states_[n]; }
  std::vector<Change> after(std::size_t n) const;
  void rewind(std::size_t n);

  storage::Store& store() { return *store_; }
  // Batches of the run since it began, also those that a snapshot made superfluous.
  const std::vector<storage::HistoryBatch>& history(const RunKey& run) const;

 private:
  Status apply_only(const Change& change);
  std::unique_ptr<storage::Store> store_;
  std::vector<Change> changes_;
  std::vector<std::uint64_t> states_;
  std::map<RunKey, std::vector<storage::HistoryBatch>> histories_;
};

std::uint64_t state_of(std::string_view shown);

}  // namespace perdure::store_faults
