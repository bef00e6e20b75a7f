#include "store/truth.h"

#include "base/hash.h"
#include "storage/embedded/test_script.h"
#include "storage/memory/memory_store.h"

namespace perdure::store_faults {

std::uint64_t state_of(std::string_view shown) { return checksum64(shown); }

Truth::Truth() : store_(storage::open_memory()), states_{state_of(*storage::show(*store_, k_tenants))} {}

Status Truth::apply(const Change& change) {
  PERDURE_TRY_VOID(apply_only(change));
  changes_.push_back(change);
  states_.push_back(state_of(*storage::show(*store_, k_tenants)));
  return {};
}

Status Truth::apply_only(const Change& change) {
  if (const auto* run = std::get_if<RunKey>(&change)) {
    PERDURE_TRY_VOID(storage::purge_run(*store_, *run));
    histories_.erase(*run);
    return {};
  }
  Commit commit = std::get<Commit>(change);
  PERDURE_TRY_VOID(storage::commit_and_wait(*store_, commit));
  for (storage::RunWrite& write : commit.runs)
    if (write.count > 0) histories_[write.run].push_back({write.first_seq, write.count, std::move(write.batch)});
  return {};
}

std::vector<Change> Truth::after(std::size_t n) const {
  return {changes_.begin() + static_cast<std::ptrdiff_t>(n), changes_.end()};
}

void Truth::rewind(std::size_t n) {
  if (n == changes_.size()) return;
  changes_.resize(n);
  states_.resize(n + 1);
  store_ = storage::open_memory();
  histories_.clear();
  for (const Change& change : changes_) CHECK(apply_only(change).has_value());
}

const std::vector<storage::HistoryBatch>& Truth::history(const RunKey& run) const {
  static const std::vector<storage::HistoryBatch> none;
  const auto found = histories_.find(run);
  return found == histories_.end() ? none : found->second;
}

}  // namespace perdure::store_faults
