#pragma once
// The storage port: runs as event histories with optimistic concurrency, what wakes them, lists of them, and small
// shared rows. Implemented by storage/memory (the reference) and storage/embedded; one conformance suite
// (storage/conformance.h) holds every driver to this text.
//
// Durability: a commit's completion is called once its bytes survive power loss. Commits of one caller complete in
// the order they were given. Reads see every commit accepted before them, durable or not (the caller holds back
// effects and answers until its commits are durable).
// Threads: every method may be called from any thread.
// Sequence numbers: events of a run are numbered from 1 without gaps. A *batch* is the encoded events of one decision
// (docs/formats/history.md); the store treats it as opaque bytes that cover `count` numbers.
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/ids.h"
#include "base/result.h"
#include "base/time.h"

namespace perdure::storage {

// When a run next needs the engine. k_wake_active: work is in flight or due at once, load it on start-up.
// A time: its earliest timer. k_never: only a message can move it (or it is closed).
inline constexpr TimeMs k_wake_active = 0;

// What lists show of a run. Small; rewritten when it changes.
struct RunRow {
  std::string workflow;
  std::string version;
  std::string status;     // a RunStatus name (SPEC §0, DIALECT "Runs")
  TimeMs started_at = 0;  // never changes; lists are ordered by it, newest first, then by id
  TimeMs updated_at = 0;
  TimeMs closed_at = 0;  // 0 while open
  bool closed = false;
  std::string parent;  // run id of the parent, empty at top level
  Bytes detail;        // JSON object: progress, error type, tags, search attributes
  friend bool operator==(const RunRow&, const RunRow&) = default;
};

struct RunWrite {
  RunKey run;
  std::uint64_t first_seq = 1;  // must be the run's last sequence + 1, else the commit fails with `conflict`;
                                // 1 creates the run, and then count, row and wake must be there
  std::uint32_t count = 0;      // events in `batch`; 0 (and no batch) when only row, wake or snapshot change
  Bytes batch;
  std::optional<Bytes> snapshot;  // encoded state after this batch; loading starts from the newest
  std::optional<RunRow> row;      // required in the write that creates the run
  std::optional<TimeMs> wake;     // required in the write that creates the run
  // History before the newest snapshot may be dropped once it is longer than this many events; 0 keeps all.
  std::uint64_t compact_over_events = 0;
};

// A small shared row: plans, workflow registrations, breakers, settings. nullopt deletes.
struct KeyWrite {
  std::string key;  // "space/name", at most 1 KiB
  std::optional<Bytes> value;
};

// One atomic unit: all of it is durable or none. A run may appear several times; its writes apply in order.
struct Commit {
  std::vector<RunWrite> runs;
  std::vector<KeyWrite> keys;
  std::uint64_t epoch = 0;  // the lease the caller holds (Store::epoch()); an older one fails with `lease_lost`
};

struct LoadedRun {
  Bytes snapshot;                  // empty when none was written
  std::uint64_t snapshot_seq = 0;  // last sequence the snapshot covers
  std::vector<Bytes> tail;         // batches after it, in order
  std::uint64_t last_seq = 0;
  RunRow row;
  TimeMs wake = k_never;
};

struct HistoryBatch {
  std::uint64_t first_seq = 0;
  std::uint32_t count = 0;
  Bytes batch;
};

struct Wake {
  TimeMs at = 0;
  RunKey run;
};

struct ListQuery {
  std::string tenant = "default";
  std::optional<std::string> status, workflow, parent;
  TimeMs started_from = 0, started_until = k_never;
  std::string cursor;       // opaque, from the previous page; empty for the first
  std::size_t limit = 100;  // rows, 1..10,000
};
struct ListPage {
  std::vector<std::pair<RunKey, RunRow>> rows;
  std::string next_cursor;  // empty at the end
};

struct VerifyReport {
  std::uint64_t runs = 0, batches = 0, bytes = 0;
  std::vector<Error> damage;  // each names the file or run and the offset
};

struct StoreStats {
  std::uint64_t syncs = 0, records = 0, bytes_written = 0;  // of the journal since opening
  std::uint64_t overlay_bytes = 0;                          // committed, not yet in the tables
  std::uint64_t disk_bytes = 0;
  std::uint64_t sync_us_total = 0;  // time spent in fdatasync
};

using Done = std::function<void(Status)>;

class Store {
 public:
  virtual ~Store() = default;

  virtual std::uint64_t epoch() const = 0;

  // Checks and applies at once in memory (a refusal, `conflict`, `invalid` or `lease_lost`, is reported through `done`
  // with nothing applied), syncs in the background with whatever else has arrived, then calls `done` from the store's
  // thread (or this one, inside commit() or lend_thread()); `done` must not block and must not call the store. May
  // block for a while when the store has fallen behind its tables (back-pressure). A full disk is told before anything
  // applies: `exhausted`, reads go on, and commits are taken again once there is space. After a failed sync every
  // commit since fails with `io` until recover(); only then do reads return to what is on disk.
  virtual void commit(Commit commit, Done done) = 0;
  // The caller has nothing else to do: it may lend its thread to the sync of what is pending. Returns false when there
  // was nothing it could do at once. Saves two thread switches when one client works alone.
  virtual bool lend_thread() = 0;
  // After `io`: forgets what is not durable, re-reads, and takes commits again.
  virtual Status recover() = 0;

  // `not_found`, or `corrupt` naming run and offset (the other runs are not affected).
  virtual Result<LoadedRun> load(const RunKey& run) = 0;
  virtual Result<std::optional<RunRow>> row(const RunKey& run) = 0;
  // Batches that hold events >= from_seq, up to `max_bytes` of them (at least one). Compacted ones are missing.
  virtual Result<std::vector<HistoryBatch>> history(const RunKey& run, std::uint64_t from_seq,
                                                    std::size_t max_bytes) = 0;
  // Live runs with from <= wake < until, ordered by (at, run), at most `limit`, starting after `after` if given.
  virtual Result<std::vector<Wake>> wakes(TimeMs from, TimeMs until, const std::optional<Wake>& after,
                                          std::size_t limit) = 0;
  virtual Result<ListPage> list(const ListQuery& query) = 0;

  virtual Result<std::optional<Bytes>> get(std::string_view key) = 0;
  // Keys with the prefix in order, after `after`, at most `limit`.
  virtual Result<std::vector<std::pair<std::string, Bytes>>> scan(std::string_view prefix, std::string_view after,
                                                                  std::size_t limit) = 0;

  // Content-addressed blobs: name = sha256 of the content. put returns when durable. Unreferenced blobs are the
  // caller's to collect: blob names are listed, in order, by scan_blobs and erased by erase_blob (`not_found`).
  virtual Result<std::string> put_blob(Bytes content) = 0;
  virtual Result<Bytes> get_blob(std::string_view name) = 0;
  virtual Result<std::vector<std::string>> scan_blobs(std::string_view after, std::size_t limit) = 0;
  virtual Status erase_blob(std::string_view name) = 0;

  // Removes a closed run whole (`conflict` when open) and writes the keys that go with it, as one unit. Durable with the
  // next commit; a purged id is free again.
  virtual Status purge(const RunKey& run, std::vector<KeyWrite> keys) = 0;

  // A copy that opens as a store of its own; taken while running, holds every commit that was durable at the call.
  // `conflict` when the directory exists and is not empty; `unsupported` where the driver keeps nothing on disk.
  virtual Status backup(const std::string& directory) = 0;
  // Reads everything and checks every checksum, length and cross-reference (wake rows and lists against runs).
  virtual Result<VerifyReport> verify() = 0;
  virtual StoreStats stats() const = 0;
};

}  // namespace perdure::storage
