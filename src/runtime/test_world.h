#pragma once
// For tests: an engine that is driven by hand, with a clock that stands still, activities that answer when told, and a
// store that fails when told.
#include <gtest/gtest.h>

#include <deque>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/json.h"
#include "loaders/load.h"
#include "runtime/runtime.h"
#include "runtime/virtual_clock.h"
#include "storage/memory/memory_store.h"
#include "storage/store.h"

namespace perdure::runtime::testing {

// A store that refuses commits on demand. `dead`: as if the process had ended, nothing reaches the store any more.
class FaultyStore final : public storage::Store {
 public:
  explicit FaultyStore(std::shared_ptr<storage::Store> inner) : inner_(std::move(inner)) {}
  int fail_commits = 0;  // so many next ones
  int fail_recoveries = 0;
  bool apply_failed = false;  // a failed commit is found on disk all the same
  bool dead = false;
  int recoveries = 0;
  std::map<RunKey, ErrorCode> fail_loads;

  std::uint64_t epoch() const override { return inner_->epoch(); }
  void commit(storage::Commit commit, storage::Done done) override {
    ++commits;
    if (dead) return done(fail(ErrorCode::io, "the process has ended"));
    if (fail_commits > 0 || broken_) {
      if (fail_commits > 0) --fail_commits;
      if (apply_failed && !broken_) inner_->commit(std::move(commit), [](const Status&) {});
      broken_ = true;
      return done(fail(ErrorCode::io, "fdatasync: Input/output error"));
    }
    inner_->commit(std::move(commit), std::move(done));
  }
  bool lend_thread() override { return !dead && inner_->lend_thread(); }
  Status recover() override {
    ++recoveries;
    if (dead || fail_recoveries-- > 0) return fail(ErrorCode::io, "still broken");
    broken_ = false;
    return inner_->recover();
  }
  Result<storage::LoadedRun> load(const RunKey& run) override {
    ++loads;
    if (const auto at = fail_loads.find(run); at != fail_loads.end()) return fail(at->second, "checksum at byte 7");
    return inner_->load(run);
  }
  Result<std::optional<storage::RunRow>> row(const RunKey& run) override { return inner_->row(run); }
  Result<std::vector<storage::HistoryBatch>> history(const RunKey& run, std::uint64_t from, std::size_t max) override {
    return inner_->history(run, from, max);
  }
  Result<std::vector<storage::Wake>> wakes(TimeMs from, TimeMs until, const std::optional<storage::Wake>& after,
                                           std::size_t limit) override {
    return inner_->wakes(from, until, after, limit);
  }
  Result<storage::ListPage> list(const storage::ListQuery& query) override { return inner_->list(query); }
  Result<std::optional<Bytes>> get(std::string_view key) override { return inner_->get(key); }
  Result<std::vector<std::pair<std::string, Bytes>>> scan(std::string_view prefix, std::string_view after,
                                                          std::size_t limit) override {
    return inner_->scan(prefix, after, limit);
  }
  Result<std::string> put_blob(Bytes content) override { return inner_->put_blob(std::move(content)); }
  Result<Bytes> get_blob(std::string_view name) override { return inner_->get_blob(name); }
  Result<std::vector<std::string>> scan_blobs(std::string_view after, std::size_t limit) override {
    return inner_->scan_blobs(after, limit);
  }
  Status erase_blob(std::string_view name) override { return inner_->erase_blob(name); }
  Status purge(const RunKey& run, std::vector<storage::KeyWrite> keys) override {
    return inner_->purge(run, std::move(keys));
  }
  Status backup(const std::string& directory) override { return inner_->backup(directory); }
  Result<storage::VerifyReport> verify() override { return inner_->verify(); }
  storage::StoreStats stats() const override { return inner_->stats(); }

  int commits = 0, loads = 0;

 private:
  std::shared_ptr<storage::Store> inner_;
  bool broken_ = false;
};

// Activities of type "work.NAME". By default an attempt answers at once with its arguments; `script` tells other
// answers: "ok", "fail TYPE CLASS", "hold" (answers when told).
class Work final : public activity::Driver {
 public:
  std::vector<std::string> types() const override {
    return {"work.a", "work.b", "work.c", "work.undo_a", "work.undo_b", "work.undo_c", "work.slow"};
  }
  void start(activity::Task task, activity::OnDone done) override {
    calls.push_back(task.type + " " + std::string(task.args.view()));
    keys.push_back(task.idempotency_key);
    auto& lines = script[task.type];
    std::string line = lines.empty() ? (task.type == "work.slow" ? "hold" : "ok") : lines.front();
    if (!lines.empty()) lines.pop_front();
    if (stopped) return;
    if (line == "hold") held.push_back({std::move(task), std::move(done)});
    else answer(task, done, line);
  }
  void cancel(const RunKey& run, CommandId command) override {
    for (auto at = held.begin(); at != held.end(); ++at) {
      if (at->task.run != run || at->task.command != command) continue;
      Held one = std::move(*at);
      held.erase(at);
      cancelled.push_back(one.task.type);
      return answer(one.task, one.done, "fail cancelled fatal");
    }
  }
  void shutdown() override { stopped = true; }

  static void answer(const activity::Task& task, const activity::OnDone& done, const std::string& line) {
    if (line == "ok") return done(activity::Outcome::success(task.args));
    if (line.starts_with("json ")) return done(activity::Outcome::success(Bytes(line.substr(5))));
    activity::ActivityError error;
    const std::size_t space = line.find(' ', 5);
    error.type = line.substr(5, space - 5);
    error.title = "told to fail";
    const std::string name = line.substr(space + 1);
    error.error_class = name == "fatal"       ? activity::ErrorClass::fatal
                        : name == "ambiguous" ? activity::ErrorClass::ambiguous
                        : name == "transient" ? activity::ErrorClass::transient
                                              : activity::ErrorClass::recoverable;
    done(activity::Outcome::failure(std::move(error)));
  }
  void release(const std::string& line = "ok") {
    ASSERT_FALSE(held.empty());
    Held one = std::move(held.front());
    held.pop_front();
    answer(one.task, one.done, line);
  }
  int count(const std::string& type) const {
    int n = 0;
    for (const std::string& call : calls) n += call.starts_with(type + " ") ? 1 : 0;
    return n;
  }

  struct Held {
    activity::Task task;
    activity::OnDone done;
  };
  std::map<std::string, std::deque<std::string>> script;
  std::deque<Held> held;
  std::vector<std::string> calls, keys, cancelled;
  bool stopped = false;
};

inline const loaders::KnownActivities& known() {
  static const auto all = loaders::KnownActivities::with(Work().types());
  return all;
}

inline std::shared_ptr<const plan::Plan> plan_of(const std::string& yaml) {
  auto loaded = loaders::load(yaml, "test.yaml", {}, known());
  for (const auto& diagnostic : loaded.diagnostics) ADD_FAILURE() << diagnostic.message << "\n" << yaml;
  return loaded.plan;
}

class World {
 public:
  explicit World(std::shared_ptr<storage::Store> on = storage::open_memory()) : disk(std::move(on)) { boot(); }

  void boot() {
    store = std::make_shared<FaultyStore>(disk);
    work = std::make_shared<Work>();
    work->script = script;
    RuntimeOptions o = options;
    o.shards = 2;
    o.clock = clock;
    o.random = [this] { return random_ = random_ * 6364136223846793005ULL + 1442695040888963407ULL; };
    o.drivers = {work};
    o.manual = true;
    o.make_map_plan = [](const Value& tasks) -> Result<std::shared_ptr<const plan::Plan>> {
      auto loaded = loaders::load_tasks(tasks, "map", {}, known());
      if (loaded.plan) return loaded.plan;
      return fail(ErrorCode::invalid, loaded.diagnostics.empty() ? "?" : loaded.diagnostics.front().message);
    };
    auto made = make_engine(store, o);
    ASSERT_TRUE(made) << made.error().message;
    engine = std::move(*made);
  }
  // As kill -9 does: nothing that is not durable by now ever will be.
  void kill() {
    store->dead = true;
    engine.reset();
    boot();
  }
  void settle() {
    int turns = 0;
    while (turn(*engine)) ASSERT_LT(++turns, 100'000) << "the engine never comes to rest";
  }
  void pass(DurationMs by) {
    clock->advance(by);
    settle();
  }

  RunKey start(const std::string& yaml, const std::string& id = "r", const std::string& input = "null") {
    engine::StartRequest request;
    request.id = id;
    request.plan = plan_of(yaml);
    if (!request.plan) return {};
    request.input = Bytes(input);
    auto started = engine->start(std::move(request));
    EXPECT_TRUE(started) << started.error().message;
    settle();
    return {"default", id};
  }
  engine::RunView view(const RunKey& run) {
    auto seen = engine->describe(run);
    EXPECT_TRUE(seen) << seen.error().message;
    return seen ? *seen : engine::RunView{};
  }
  std::string status(const RunKey& run) { return view(run).status; }
  std::string output(const RunKey& run) { return to_json(view(run).output); }
  std::string events(const RunKey& run) {
    std::string out;
    auto entries = engine->history(run, 1, 10'000);
    EXPECT_TRUE(entries);
    for (const auto& entry : *entries) out += std::string(history::name_of(entry.event)) + " ";
    return out;
  }
  // What must hold of every run at any time.
  void check(const RunKey& run) {
    auto report = engine->replay(run);
    ASSERT_TRUE(report) << report.error().message;
    EXPECT_TRUE(report->matches) << (report->differences.empty() ? "" : report->differences.front());
    auto doctor = engine->doctor();
    ASSERT_TRUE(doctor) << doctor.error().message;
    EXPECT_TRUE(doctor->clean) << (doctor->findings.empty() ? "" : doctor->findings.front());
  }

  RuntimeOptions options;
  std::map<std::string, std::deque<std::string>> script;  // of Work, after each boot
  std::shared_ptr<storage::Store> disk;
  std::shared_ptr<VirtualClock> clock = std::make_shared<VirtualClock>();
  std::shared_ptr<FaultyStore> store;
  std::shared_ptr<Work> work;
  std::unique_ptr<engine::Engine> engine;

 private:
  std::uint64_t random_ = 42;
};

}  // namespace perdure::runtime::testing
