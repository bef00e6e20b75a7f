#include "store/operations.h"

#include <algorithm>

#include "storage/conformance_support.h"

namespace perdure::store_faults {
namespace {

using storage::HistoryBatch;
using storage::KeyWrite;
using storage::ListQuery;
using storage::RunWrite;
using storage::Store;
using storage::Wake;

constexpr std::uint32_t k_runs = 9;
constexpr TimeMs k_wakes_until = 60;

RunKey some_run(Random& random) {
  return {k_tenants[random.one_in(5) ? 1 : 0], "run-" + std::to_string(random.below(k_runs))};
}

std::string some_key(Random& random) { return "space/" + std::to_string(random.below(6)); }

// Mostly small; now and then over several blocks.
Bytes some_bytes(Random& random, const std::string& name) {
  const std::uint32_t size = random.one_in(12) ? random.between(1'000, 4'000) : random.between(1, 200);
  return Bytes(name + std::string(size, static_cast<char>('a' + random.below(26))));
}

struct Standing {
  std::uint64_t last_seq = 0;
  TimeMs started_at = 0;
};

RunWrite make_write(Random& random, const RunKey& key, Standing& run) {
  RunWrite write;
  write.run = key;
  write.first_seq = run.last_seq + 1;
  const bool created = run.last_seq == 0;
  if (created) run.started_at = 1000 + random.below(20);
  if (created || !random.one_in(8)) {
    write.count = random.between(1, 3);
    write.batch = some_bytes(random, key.id);
  }
  run.last_seq += write.count;
  const bool closes = random.one_in(6);
  if (created || closes || random.one_in(3)) {
    write.row = storage::conformance_row(run.started_at, closes ? "completed" : "running", closes);
    write.row->updated_at = random.below(1000);
    if (random.one_in(3)) write.row->workflow = "invoice";
    if (random.one_in(4)) write.row->parent = "run-0";
  }
  if (created || random.one_in(3)) write.wake = random.one_in(3) ? k_never : TimeMs{random.below(k_wakes_until)};
  if (random.one_in(4))
    write.snapshot = Bytes("state " + std::to_string(run.last_seq) + std::string(random.below(90), 's'));
  if (random.one_in(4)) write.compact_over_events = random.between(1, 8);
  return write;
}

// One thing wrong with a commit that is otherwise good.
void spoil(Random& random, Commit& commit) {
  RunWrite& write = commit.runs[random.below(commit.runs.size())];
  switch (random.below(6)) {
    case 0: commit.epoch = 0; return;
    case 1: write.first_seq += random.between(1, 2); return;
    case 2: write.first_seq = write.first_seq > 1 ? write.first_seq - 1 : 0; return;
    case 3: write.batch = write.batch.empty() ? Bytes::copy("no count") : Bytes(); return;
    case 4: commit.keys.push_back({std::string(2000, 'k'), std::nullopt}); return;
    default:
      if (!write.row) write.row = storage::conformance_row(1);
      write.row->started_at = 5000;  // of a run that exists it must not change; to one that is new it may be given
  }
}

std::string to_text(const Error& error) { return "error " + std::string(to_string(error.code)); }

std::string row_text(const storage::RunRow& row) {
  return row.workflow + "," + row.status + "," + std::to_string(row.started_at) + "," + std::to_string(row.updated_at) +
         (row.closed ? ",closed," : ",open,") + row.parent;
}

std::string list_text(Store& store, ListQuery query) {
  std::string out;
  for (int pages = 0; pages < 2; ++pages) {
    const auto page = store.list(query);
    if (!page) return to_text(page.error());
    for (const auto& [run, row] : page->rows) out += to_string(run) + ":" + row_text(row) + "\n";
    query.cursor = page->next_cursor;
    out += "next " + query.cursor + "\n";
    if (query.cursor.empty()) break;
  }
  return out;
}

std::string wakes_text(Store& store, TimeMs from, TimeMs until, const std::optional<Wake>& after, std::size_t limit) {
  const auto wakes = store.wakes(from, until, after, limit);
  if (!wakes) return to_text(wakes.error());
  std::string out;
  for (const Wake& wake : *wakes) out += std::to_string(wake.at) + " " + to_string(wake.run) + "\n";
  return out;
}

std::string load_text(Store& store, const RunKey& run) {
  const auto loaded = store.load(run);
  if (!loaded) return to_text(loaded.error());
  std::string out = row_text(loaded->row) + " wake " + std::to_string(loaded->wake) + " last " +
                    std::to_string(loaded->last_seq) + " snapshot " + std::to_string(loaded->snapshot_seq) + " " +
                    std::string(loaded->snapshot.view());
  for (const Bytes& batch : loaded->tail) out.append("\n").append(batch.view());
  return out;
}

std::optional<std::string> differ(const std::string& what, const std::string& is, const std::string& must) {
  if (is == must) return std::nullopt;
  return what + " answers\n" + is + "\n-- instead of\n" + must;
}

ListQuery some_query(Random& random, Truth& truth) {
  ListQuery query;
  query.tenant = k_tenants[random.below(2)];
  query.limit = random.one_in(20) ? 0 : random.between(1, 6);
  if (random.one_in(4)) query.status = random.one_in(2) ? "running" : "completed";
  if (random.one_in(4)) query.workflow = random.one_in(2) ? "order" : "invoice";
  if (random.one_in(6)) query.parent = "run-0";
  if (random.one_in(4)) query.started_from = 1000 + random.below(20);
  if (random.one_in(4)) query.started_until = 1000 + random.below(22);
  if (random.one_in(3)) {  // the place where another list ended
    ListQuery other = query;
    other.limit = 2;
    if (const auto page = truth.store().list(other)) query.cursor = page->next_cursor;
  }
  if (random.one_in(30)) query.cursor = "nonsense";
  return query;
}

// History may begin earlier than the memory store has it, for compaction is the driver's to time; what is there must be
// what was written, without a gap, and nothing that is still needed may be missing.
std::optional<std::string> compare_history(Random& random, Store& store, Truth& truth, const RunKey& run) {
  const std::uint64_t from = random.below(12);
  const std::size_t max_bytes = random.one_in(2) ? random.between(1, 600) : std::size_t{1} << 30;
  const std::string what = "history of " + to_string(run) + " from " + std::to_string(from) + ", at most " +
                           std::to_string(max_bytes) + " bytes,";
  const auto page = store.history(run, from, max_bytes);
  const auto loaded = truth.store().load(run);
  if (!page || !loaded)
    return differ(what, page ? "fine" : to_text(page.error()), loaded ? "fine" : to_text(loaded.error()));
  const auto& all = truth.history(run);
  const auto holds = [](const HistoryBatch& batch, std::uint64_t seq) { return batch.first_seq + batch.count > seq; };
  auto at = std::find_if(all.begin(), all.end(), [&](const HistoryBatch& batch) { return holds(batch, from); });
  const auto needed = std::find_if(all.begin(), all.end(),
                                   [&](const HistoryBatch& batch) { return holds(batch, loaded->snapshot_seq + 1); });
  if (page->empty()) return at < needed || at == all.end() ? std::nullopt : differ(what, "nothing", "something");
  while (at < needed && at->first_seq != page->front().first_seq) ++at;  // compacted
  std::size_t bytes = 0;
  for (const HistoryBatch& batch : *page) {
    if (at == all.end() || at->first_seq != batch.first_seq || at->count != batch.count || at->batch != batch.batch)
      return what + " has at event " + std::to_string(batch.first_seq) + " what does not belong there";
    bytes += batch.batch.size();
    ++at;
  }
  if (page->size() > 1 && bytes > max_bytes) return what + " has " + std::to_string(bytes);
  if (at != all.end() && bytes + at->batch.size() <= max_bytes)
    return what + " ends before event " + std::to_string(at->first_seq);
  return std::nullopt;
}

}  // namespace

Change make_change(Random& random, Truth& truth) {
  const bool is_bad = random.one_in(12);
  if (random.one_in(9)) {
    for (int tries = 0; tries < 6; ++tries) {
      RunKey run = some_run(random);
      const auto row = truth.store().row(run);
      if (is_bad || (*row && (*row)->closed)) return run;
    }
  }
  Commit commit;
  commit.epoch = truth.store().epoch();
  std::map<RunKey, Standing> runs;
  for (std::uint32_t n = random.one_in(6) ? random.between(4, 7) : random.between(1, 2); n > 0; --n) {
    const RunKey key = some_run(random);
    const auto [at, fresh] = runs.try_emplace(key);
    if (fresh) {
      if (const auto loaded = truth.store().load(key)) at->second = {loaded->last_seq, loaded->row.started_at};
    }
    commit.runs.push_back(make_write(random, key, at->second));
  }
  if (random.one_in(15)) commit.runs.clear();
  if (random.one_in(4)) {
    KeyWrite write{some_key(random), std::nullopt};
    if (!random.one_in(3)) write.value = Bytes(std::string(random.below(300), 'v'));
    commit.keys.push_back(std::move(write));
  }
  if (is_bad && !commit.runs.empty()) spoil(random, commit);
  return commit;
}

std::optional<std::string> compare_a_read(Random& random, Store& store, Truth& truth) {
  const RunKey run = some_run(random);
  Store& right = truth.store();
  switch (random.below(7)) {
    case 0: {
      const ListQuery query = some_query(random, truth);
      return differ("list", list_text(store, query), list_text(right, query));
    }
    case 1: {
      const TimeMs from = random.below(k_wakes_until),
                   until = random.one_in(3) ? k_never : TimeMs{random.below(2 * k_wakes_until)};
      std::optional<Wake> after;
      if (random.one_in(2)) after = Wake{random.below(k_wakes_until), run};
      const std::size_t limit = random.between(1, 8);
      return differ("wakes", wakes_text(store, from, until, after, limit),
                    wakes_text(right, from, until, after, limit));
    }
    case 2: {
      const auto text = [prefix = random.one_in(3) ? "space/1" : "space/",
                         after = random.one_in(2) ? some_key(random) : "", limit = random.between(1, 5)](Store& asked) {
        const auto page = asked.scan(prefix, after, limit);
        if (!page) return to_text(page.error());
        std::string out;
        for (const auto& [key, value] : *page) out.append(key).append("=").append(value.view()).append("\n");
        return out;
      };
      return differ("scan", text(store), text(right));
    }
    case 3: {
      const auto text = [key = some_key(random)](Store& asked) {
        const auto value = asked.get(key);
        return !value ? to_text(value.error()) : *value ? std::string((*value)->view()) : "absent";
      };
      return differ("get", text(store), text(right));
    }
    case 4: return differ("load of " + to_string(run), load_text(store, run), load_text(right, run));
    case 5: {
      const auto text = [&run](Store& asked) {
        const auto row = asked.row(run);
        return !row ? to_text(row.error()) : *row ? row_text(**row) : "absent";
      };
      return differ("row of " + to_string(run), text(store), text(right));
    }
    default: return compare_history(random, store, truth, run);
  }
}

std::string to_text(const Change& change) {
  if (const auto* run = std::get_if<RunKey>(&change)) return "purge " + to_string(*run);
  const Commit& commit = std::get<Commit>(change);
  std::string out = "commit";
  for (const RunWrite& write : commit.runs)
    out += " " + to_string(write.run) + "@" + std::to_string(write.first_seq) + "+" + std::to_string(write.count) +
           (write.snapshot ? "s" : "") + (write.row ? write.row->closed ? "c" : "r" : "") + (write.wake ? "w" : "");
  for (const KeyWrite& write : commit.keys) out += " " + write.key.substr(0, 20) + (write.value ? "=" : " erased");
  return out;
}

}  // namespace perdure::store_faults
