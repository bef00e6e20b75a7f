#pragma once
// A list of random operations, and what a store shows of itself: two stores that were given the same operations must show
// the same.
#include <map>
#include <random>
#include <string>
#include <variant>
#include <vector>

#include "base/check.h"
#include "storage/conformance_support.h"

namespace perdure::storage {

struct Purge {
  RunKey run;
};
using Operation = std::variant<Commit, Purge>;

// Every operation is accepted when those before it were.
class ScriptWriter {
 public:
  explicit ScriptWriter(std::uint64_t seed) : random_(seed) {}

  std::vector<Operation> write(std::size_t count) {
    std::vector<Operation> script;
    for (std::size_t i = 0; i < count; ++i) script.push_back(next());
    return script;
  }

 private:
  struct Run {
    std::uint64_t last_seq = 0;
    TimeMs started_at = 0;
    bool closed = false;
  };

  std::uint64_t pick(std::uint64_t below) { return random_() % below; }

  Operation next() {
    if (pick(10) == 0) {
      for (auto& [id, run] : runs_) {
        if (!run.closed || pick(2) == 0) continue;
        const RunKey key{"default", id};
        runs_.erase(id);
        return Purge{key};
      }
    }
    Commit commit;
    for (std::uint64_t n = 1 + pick(3); n > 0; --n) commit.runs.push_back(next_write());
    if (pick(4) == 0) {
      KeyWrite write{"space/" + std::to_string(pick(6)), std::nullopt};
      if (pick(3) != 0) write.value = Bytes(std::string(pick(300), 'v'));
      commit.keys.push_back(std::move(write));
    }
    return commit;
  }

  RunWrite next_write() {
    const std::string id = "run-" + std::to_string(pick(12));
    RunWrite write;
    write.run = {"default", id};
    Run& run = runs_[id];
    write.first_seq = run.last_seq + 1;
    const bool created = run.last_seq == 0;
    if (created) run.started_at = static_cast<TimeMs>(1000 + pick(40));
    write.count = created || pick(8) != 0 ? static_cast<std::uint32_t>(1 + pick(3)) : 0;
    if (write.count > 0)
      write.batch = Bytes(id + std::string(1 + pick(pick(10) == 0 ? 9000 : 200), static_cast<char>('a' + pick(26))));
    run.last_seq += write.count;
    const bool closes = !created && pick(6) == 0;
    if (created || closes || pick(3) == 0) {
      run.closed = closes;
      write.row = conformance_row(run.started_at, closes ? "completed" : "running", closes);
      write.row->updated_at = static_cast<TimeMs>(pick(1000));
    }
    if (created || pick(3) == 0) write.wake = pick(3) == 0 ? k_never : static_cast<TimeMs>(pick(500));
    if (pick(5) == 0) write.snapshot = Bytes("state " + std::to_string(run.last_seq) + std::string(pick(100), 's'));
    if (pick(4) == 0) write.compact_over_events = 1 + pick(10);
    return write;
  }

  std::mt19937_64 random_;
  std::map<std::string, Run> runs_;
};

// Leaves a key behind: what goes with a run is removed and written in one unit with it.
inline Status purge_run(Store& store, const RunKey& run) {
  return store.purge(run, {{"space/purged " + run.id, Bytes::copy("1")}});
}

inline Status run_operation(Store& store, const Operation& operation) {
  if (const Purge* purge = std::get_if<Purge>(&operation)) return purge_run(store, purge->run);
  Commit commit = std::get<Commit>(operation);
  commit.epoch = store.epoch();
  return commit_and_wait(store, std::move(commit));
}

// All that can be read, but for history that a snapshot covers (a driver may keep more of it than another).
inline Result<std::string> show(Store& store, const std::vector<std::string>& tenants = {"default"}) {
  std::string out;
  const auto line = [&](const auto&... parts) {
    ((out += parts, out += '|'), ...);
    out += '\n';
  };
  for (const std::string& tenant : tenants) {
    ListQuery query;
    query.tenant = tenant;
    query.limit = 5;
    do {
      PERDURE_TRY(page, store.list(query));
      for (const auto& [run, row] : page.rows) {
        PERDURE_TRY(loaded, store.load(run));
        PERDURE_TRY(alone, store.row(run));
        line(to_string(run), row.status, std::to_string(row.started_at), std::to_string(row.updated_at),
             row.closed ? "closed" : "open", loaded.row == row && alone == row ? "same" : "DIFFERS",
             std::to_string(loaded.last_seq), std::to_string(loaded.snapshot_seq), loaded.snapshot.view(),
             std::to_string(loaded.wake));
        for (const Bytes& batch : loaded.tail) line("tail", batch.view());
        PERDURE_TRY(history, store.history(run, loaded.snapshot_seq + 1, 1 << 30));
        for (const HistoryBatch& batch : history)
          line("history", std::to_string(batch.first_seq), std::to_string(batch.count), batch.batch.view());
      }
      query.cursor = page.next_cursor;
    } while (!query.cursor.empty());
  }
  std::optional<Wake> after;
  for (;;) {
    PERDURE_TRY(wakes, store.wakes(0, k_never, after, 4));
    if (wakes.empty()) break;
    for (const Wake& wake : wakes) line("wake", std::to_string(wake.at), to_string(wake.run));
    after = wakes.back();
  }
  std::string last;
  for (;;) {
    PERDURE_TRY(keys, store.scan("space/", last, 2));
    if (keys.empty()) break;
    for (const auto& [key, value] : keys) line("key", key, value.view());
    last = keys.back().first;
  }
  return out;
}

}  // namespace perdure::storage
