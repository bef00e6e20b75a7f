// The engine on its stores, driven by hand: what runs do, what survives, what people can ask.
#include <gtest/gtest.h>

#include <filesystem>

#include "runtime/test_world.h"
#include "storage/embedded/embedded_store.h"

namespace perdure::runtime {
namespace {

using testing::World;

// Each store that the engine must work on. `reopen` as the next process would.
struct MemoryDisk {
  std::shared_ptr<storage::Store> store = storage::open_memory();
};
struct EmbeddedDisk {
  EmbeddedDisk() {
    std::string name = "/tmp/perdure_engine_test_XXXXXX";
    directory = ::mkdtemp(name.data());
    storage::EmbeddedOptions options;
    options.threads = false;
    auto opened = storage::open_embedded(directory, options);
    EXPECT_TRUE(opened) << opened.error().message;
    store = std::move(*opened);
  }
  ~EmbeddedDisk() {
    store.reset();
    std::filesystem::remove_all(directory);
  }
  EmbeddedDisk(const EmbeddedDisk&) = delete;
  EmbeddedDisk& operator=(const EmbeddedDisk&) = delete;
  std::string directory;
  std::shared_ptr<storage::Store> store;
};

template <class Disk>
class EngineConformance : public ::testing::Test {
 protected:
  Disk disk_;
  World w_{disk_.store};
};
using Disks = ::testing::Types<MemoryDisk, EmbeddedDisk>;
TYPED_TEST_SUITE(EngineConformance, Disks);

constexpr const char* k_two = R"(
name: two
steps:
  - id: first
    call: work.a
    with: {x: "${ .input }"}
  - id: second
    call: work.b
    with: {y: "${ .steps.first.output.x + 1 }"}
)";

TYPED_TEST(EngineConformance, RunsStepsInOrder) {
  World& w = this->w_;
  const RunKey run = w.start(k_two, "r", "41");
  EXPECT_EQ(w.status(run), "completed");
  EXPECT_EQ(w.output(run), R"({"first":{"x":41},"second":{"y":42}})");
  EXPECT_EQ(w.work->calls, (std::vector<std::string>{R"(work.a {"x":41})", R"(work.b {"y":42})"}));
  w.check(run);
}

TYPED_TEST(EngineConformance, StartIsIdempotentById) {
  World& w = this->w_;
  const RunKey run = w.start(k_two, "same", "1");
  engine::StartRequest again;
  again.id = "same";
  again.plan = testing::plan_of(k_two);
  again.input = Bytes(std::string("1"));
  auto started = w.engine->start(again);
  ASSERT_TRUE(started);
  EXPECT_TRUE(started->existed);
  again.input = Bytes(std::string(" 1 "));
  ASSERT_TRUE(w.engine->start(again)) << "spelled otherwise, the same value";
  again.input = Bytes(std::string("2"));
  started = w.engine->start(again);
  ASSERT_FALSE(started);
  EXPECT_EQ(started.error().code, ErrorCode::conflict);
  EXPECT_EQ(w.work->count("work.a"), 1);
}

TYPED_TEST(EngineConformance, RetriesAfterItsBackOff) {
  World& w = this->w_;
  w.work->script["work.a"] = {"fail http.503 recoverable", "ok"};
  const RunKey run = w.start(R"(
name: retry
steps:
  - {id: s, call: work.a, retry: {initial: 10s, factor: 2, max_attempts: 3, jitter: none}}
)");
  EXPECT_EQ(w.status(run), "waiting");
  EXPECT_EQ(w.view(run).steps.at(0).status, "retrying");
  w.pass(9'999);
  EXPECT_EQ(w.work->count("work.a"), 1);
  w.pass(1);
  EXPECT_EQ(w.status(run), "completed");
  EXPECT_EQ(w.work->keys.at(0), w.work->keys.at(1)) << "the idempotency key is stable over attempts";
  w.check(run);
}

TYPED_TEST(EngineConformance, TimersFireOnTimeOnceAndSurviveAKill) {
  World& w = this->w_;
  const RunKey run = w.start("name: t\nsteps: [{id: z, wait: 400d}, {id: s, call: work.a, with: {}}]\n");
  EXPECT_EQ(w.status(run), "waiting");
  w.pass(200LL * 24 * 3600 * 1000);
  w.kill();
  w.settle();
  w.pass(200LL * 24 * 3600 * 1000 - 1);
  EXPECT_EQ(w.status(run), "waiting");
  EXPECT_EQ(w.work->count("work.a"), 0);
  w.pass(1);
  EXPECT_EQ(w.status(run), "completed");
  w.pass(1000);
  EXPECT_EQ(w.work->count("work.a"), 1);
  w.check(run);
}

TYPED_TEST(EngineConformance, AClockSetBackFiresNothingEarly) {
  World& w = this->w_;
  const RunKey run = w.start("name: t\nsteps: [{id: z, wait: 10s}]\n");
  w.clock->advance(-3'600'000);
  w.settle();
  w.pass(3'600'000 + 9'999);
  EXPECT_EQ(w.status(run), "waiting");
  w.pass(1);
  EXPECT_EQ(w.status(run), "completed");
}

constexpr const char* k_saga = R"(
name: saga
steps:
  - {id: one, call: work.a, with: {n: 1}, compensation: {call: work.undo_a, with: {of: "${ $out.n }"}}}
  - {id: two, call: work.b, with: {n: 2}, compensation: {call: work.undo_b, with: {of: "${ $out.n }"}}}
  - {id: three, call: work.c, with: {}, retry: none}
)";

TYPED_TEST(EngineConformance, ASagaUndoesInReverse) {
  World& w = this->w_;
  w.work->script["work.c"] = {"fail card.declined fatal"};
  const RunKey run = w.start(k_saga);
  EXPECT_EQ(w.status(run), "failed");
  EXPECT_EQ(w.view(run).compensation, "complete");
  ASSERT_EQ(w.work->calls.size(), 5U);
  EXPECT_EQ(w.work->calls[3], R"(work.undo_b {"of":2})");
  EXPECT_EQ(w.work->calls[4], R"(work.undo_a {"of":1})");
  w.check(run);
}

TYPED_TEST(EngineConformance, AKillInTheMiddleOfUndoingGoesOn) {
  World& w = this->w_;
  w.work->script["work.c"] = {"fail card.declined fatal"};
  w.work->script["work.undo_b"] = {"hold"};
  const RunKey run = w.start(k_saga);
  EXPECT_EQ(w.status(run), "compensating");
  w.kill();
  w.settle();
  w.pass(60'000);
  EXPECT_EQ(w.status(run), "failed");
  EXPECT_EQ(w.view(run).compensation, "complete");
  EXPECT_EQ(w.work->calls.back(), R"(work.undo_a {"of":1})");
  EXPECT_EQ(w.work->count("work.undo_a"), 1);
  w.check(run);
}

TYPED_TEST(EngineConformance, SignalsWaitAndAreAppliedOnce) {
  World& w = this->w_;
  const RunKey run = w.start("name: l\nsteps: [{id: z, wait: 1h}, {id: l, listen: {signal: paid}}]\n");
  ASSERT_TRUE(w.engine->signal(run, "paid", Value(1), "key-1"));
  (void)w.engine->signal(run, "paid", Value(2), "key-1");  // the sender tried again
  w.pass(3'600'000);
  EXPECT_EQ(w.status(run), "completed");
  EXPECT_EQ(w.output(run), R"({"z":null,"l":1})");
  EXPECT_EQ(w.engine->signal({"default", "nobody"}, "paid", Value(1), "").error().code, ErrorCode::not_found);
  w.check(run);
}

TYPED_TEST(EngineConformance, ReviewsWaitForPeople) {
  World& w = this->w_;
  const RunKey run = w.start(R"(
name: review
steps:
  - {id: ok, type: human_review, reviewers: [ann], data: {price: 3}}
  - {id: s, call: work.a, with: {price: "${ .steps.ok.output.data.price }"}}
)");
  EXPECT_EQ(w.status(run), "waiting");
  w.kill();
  auto inbox = w.engine->reviews("default");
  ASSERT_TRUE(inbox) << inbox.error().message;
  ASSERT_EQ(inbox->size(), 1U);
  EXPECT_EQ(inbox->at(0).step, "ok");
  engine::ReviewDecision decision;
  decision.approved = true;
  decision.reviewer = "ann";
  decision.data = Value::object({{"price", Value(4)}});
  const Status done = w.engine->review(run, decision);
  ASSERT_TRUE(done) << done.error().message;
  w.settle();
  EXPECT_EQ(w.status(run), "completed");
  EXPECT_EQ(w.work->calls.back(), R"(work.a {"price":4})");
  EXPECT_TRUE(w.engine->reviews("default")->empty());
  EXPECT_EQ(w.engine->review(run, decision).error().code, ErrorCode::not_found);
  w.check(run);
}

TYPED_TEST(EngineConformance, UpdatesAreValidatedAndQueriesSeeThem) {
  World& w = this->w_;
  const RunKey run = w.start(R"(
name: u
context: {eta: none}
queries: {eta: "${ .context.eta }"}
updates: {set_eta: {validate: "${ $arg | type == \"string\" }", set: {eta: "${ $arg }"}}}
steps: [{id: z, wait: 1h}]
)");
  EXPECT_FALSE(w.engine->update(run, "set_eta", Value(3), "u1"));
  auto answer = w.engine->update(run, "set_eta", Value("noon"), "u2");
  ASSERT_TRUE(answer) << answer.error().message;
  auto eta = w.engine->query(run, "eta");
  ASSERT_TRUE(eta) << eta.error().message;
  EXPECT_EQ(to_json(*eta), "\"noon\"");
  EXPECT_FALSE(w.engine->query(run, "nothing"));
  w.check(run);
}

TYPED_TEST(EngineConformance, PauseHoldsAndResumeGoesOn) {
  World& w = this->w_;
  const RunKey run = w.start("name: p\nsteps: [{id: s, call: work.slow, with: {}}, {id: t, call: work.a, with: {}}]\n");
  ASSERT_TRUE(w.engine->pause(run, "ann", "lunch"));
  w.work->release();
  w.settle();
  EXPECT_EQ(w.status(run), "paused");
  EXPECT_EQ(w.work->count("work.a"), 0);
  ASSERT_TRUE(w.engine->resume(run, "ann", ""));
  w.settle();
  EXPECT_EQ(w.status(run), "completed");
  w.check(run);
}

TYPED_TEST(EngineConformance, CancelReachesARunningActivityAndUndoes) {
  World& w = this->w_;
  const RunKey run = w.start(R"(
name: c
steps:
  - {id: one, call: work.a, with: {}, compensation: {call: work.undo_a, with: {}}}
  - {id: two, call: work.slow, with: {}}
)");
  ASSERT_TRUE(w.engine->cancel(run, "ann", "changed her mind"));
  w.settle();
  EXPECT_EQ(w.status(run), "cancelled");
  EXPECT_EQ(w.work->cancelled, std::vector<std::string>{"work.slow"});
  EXPECT_EQ(w.work->count("work.undo_a"), 1);
  w.check(run);
}

TYPED_TEST(EngineConformance, TerminateEndsAtOnceAndLateResultsChangeNothing) {
  World& w = this->w_;
  const RunKey run = w.start("name: t\nsteps: [{id: s, call: work.slow, with: {}}]\n");
  ASSERT_TRUE(w.engine->terminate(run, "ann", "enough"));
  w.settle();
  EXPECT_EQ(w.status(run), "terminated");
  if (!w.work->held.empty()) w.work->release();
  w.settle();
  EXPECT_EQ(w.status(run), "terminated");
  w.check(run);
}

TYPED_TEST(EngineConformance, ARetriedRunGoesOnFromTheFailedStep) {
  World& w = this->w_;
  w.work->script["work.b"] = {"fail card.declined fatal"};
  const RunKey run = w.start(k_two, "r", "1");
  EXPECT_EQ(w.status(run), "failed");
  const Status again = w.engine->retry(run, "ann", "fixed");
  ASSERT_TRUE(again) << again.error().message;
  w.settle();
  EXPECT_EQ(w.status(run), "completed");
  EXPECT_EQ(w.work->count("work.a"), 1);
  EXPECT_EQ(w.work->count("work.b"), 2);
  w.check(run);
}

TYPED_TEST(EngineConformance, ARestartForksFromAStep) {
  World& w = this->w_;
  const RunKey run = w.start(k_two, "r", "1");
  auto forked = w.engine->restart({run, "second", "fork", nullptr, "ann"});
  ASSERT_TRUE(forked) << forked.error().message;
  w.settle();
  EXPECT_EQ(w.status(forked->run), "completed");
  EXPECT_EQ(w.output(forked->run), w.output(run));
  EXPECT_EQ(w.work->count("work.a"), 1);
  EXPECT_EQ(w.work->count("work.b"), 2);
  w.check(forked->run);
}

constexpr const char* k_child = R"(
name: child
version: "1"
steps:
  - {id: s, call: work.slow, with: {got: "${ .input.n }"}}
)";
constexpr const char* k_parent = R"(
name: parent
steps:
  - {id: c, subflow: child, with: {n: 7}}
  - {id: after, call: work.a, with: {}}
)";

TYPED_TEST(EngineConformance, AChildRunAnswersItsParent) {
  World& w = this->w_;
  ASSERT_TRUE(w.engine->register_workflow(testing::plan_of(k_child)));
  const RunKey run = w.start(k_parent);
  engine::ListRequest children;
  children.parent = "r";
  auto list = w.engine->list(children);
  ASSERT_TRUE(list);
  ASSERT_EQ(list->runs.size(), 1U);
  const RunKey child = list->runs[0].run;
  w.work->release();
  w.settle();
  EXPECT_EQ(w.status(child), "completed");
  EXPECT_EQ(w.status(run), "completed");
  EXPECT_EQ(w.output(run), R"({"c":{"s":{"got":7}},"after":{}})");
  w.check(run);
  w.check(child);
}

TYPED_TEST(EngineConformance, AChildSurvivesAKillAndStartsOnce) {
  World& w = this->w_;
  ASSERT_TRUE(w.engine->register_workflow(testing::plan_of(k_child)));
  const RunKey run = w.start(k_parent);
  w.script["work.slow"] = {"ok"};
  w.kill();
  w.settle();
  w.pass(60'000);
  EXPECT_EQ(w.status(run), "completed");
  engine::ListRequest children;
  children.parent = "r";
  EXPECT_EQ(w.engine->list(children)->runs.size(), 1U);
  EXPECT_EQ(w.work->count("work.a"), 1);
  w.check(run);
}

TYPED_TEST(EngineConformance, CancelReachesAChild) {
  World& w = this->w_;
  ASSERT_TRUE(w.engine->register_workflow(testing::plan_of(k_child)));
  const RunKey run = w.start(k_parent);
  ASSERT_TRUE(w.engine->cancel(run, "ann", ""));
  w.settle();
  EXPECT_EQ(w.status(run), "cancelled");
  engine::ListRequest children;
  children.parent = "r";
  EXPECT_EQ(w.engine->list(children)->runs.at(0).status, "cancelled");
}

TYPED_TEST(EngineConformance, AMissingChildIsAFault) {
  World& w = this->w_;
  const RunKey run = w.start(k_parent);
  EXPECT_EQ(w.status(run), "failed");
  EXPECT_EQ(w.view(run).error->type, "subflow.not_found");
}

TYPED_TEST(EngineConformance, ACompletedChildIsUndoneWithItsParent) {
  World& w = this->w_;
  ASSERT_TRUE(w.engine->register_workflow(testing::plan_of(R"(
name: child
steps: [{id: s, call: work.b, with: {}, compensation: {call: work.undo_b, with: {}}}]
)")));
  w.work->script["work.c"] = {"fail card.declined fatal"};
  const RunKey run = w.start(R"(
name: parent
steps:
  - {id: c, subflow: child, with: {}}
  - {id: bad, call: work.c, with: {}, retry: none}
)");
  EXPECT_EQ(w.status(run), "failed");
  EXPECT_EQ(w.view(run).compensation, "complete");
  EXPECT_EQ(w.work->count("work.undo_b"), 1);
  w.check(run);
}

TYPED_TEST(EngineConformance, AMapRunsTasksMadeAtRunTime) {
  World& w = this->w_;
  const RunKey run = w.start(R"(
name: m
steps:
  - id: m
    map: {tasks: "${ [{id: \"x\", call: \"work.a\", with: {n: 1}}, {id: \"y\", call: \"work.b\", depends_on: [\"x\"], with: {n: 2}}] }"}
)");
  EXPECT_EQ(w.status(run), "completed");
  EXPECT_EQ(w.output(run), R"({"m":{"x":{"n":1},"y":{"n":2}}})");
  w.check(run);
}

TYPED_TEST(EngineConformance, AttemptsInFlightAtAKillAreMadeAgain) {
  World& w = this->w_;
  const RunKey run = w.start("name: k\nsteps: [{id: s, call: work.slow, with: {}}]\n");
  w.script["work.slow"] = {"ok"};
  w.kill();
  w.settle();
  w.pass(60'000);
  EXPECT_EQ(w.status(run), "completed");
  w.check(run);
}

TYPED_TEST(EngineConformance, ListsAreRightAtOnce) {
  World& w = this->w_;
  for (int i = 0; i < 5; ++i) {
    w.start(k_two, "r" + std::to_string(i), "1");
    w.clock->advance(1);
  }
  engine::ListRequest request;
  request.status = "completed";
  request.limit = 3;
  auto page = w.engine->list(request);
  ASSERT_TRUE(page);
  ASSERT_EQ(page->runs.size(), 3U);
  EXPECT_EQ(page->runs[0].run.id, "r4");
  request.cursor = page->next_cursor;
  EXPECT_EQ(w.engine->list(request)->runs.size(), 2U);
}

TYPED_TEST(EngineConformance, WatchersSeeEveryEventOnce) {
  World& w = this->w_;
  std::uint64_t next = 1;
  bool closed = false;
  auto watching = w.engine->watch({"default", "r"}, [&](const engine::Progress& progress) {
    for (const auto& entry : progress.events) EXPECT_EQ(entry.seq, next++);
    closed = progress.closed;
  });
  const RunKey run = w.start(k_two, "r", "1");
  EXPECT_TRUE(closed);
  EXPECT_EQ(next, w.view(run).events + 1);
}

TYPED_TEST(EngineConformance, WaitTellsTheEnd) {
  World& w = this->w_;
  const RunKey run = w.start("name: p\nsteps: [{id: s, call: work.slow, with: {}}]\n");
  EXPECT_EQ(w.engine->wait(run, false, std::chrono::milliseconds(0)).error().code, ErrorCode::cancelled);
  w.work->release();
  auto seen = w.engine->wait(run, false, std::chrono::milliseconds(0));
  ASSERT_TRUE(seen);
  EXPECT_EQ(seen->status, "completed");
}

TYPED_TEST(EngineConformance, AnExportIsImportedElsewhere) {
  World& w = this->w_;
  const RunKey run = w.start(k_two, "r", "1");
  auto document = w.engine->export_run(run);
  ASSERT_TRUE(document) << document.error().message;
  EXPECT_EQ(w.engine->import_run(*document).error().code, ErrorCode::conflict);
  World other;
  auto imported = other.engine->import_run(*document);
  ASSERT_TRUE(imported) << imported.error().message;
  EXPECT_EQ(other.output(*imported), w.output(run));
  other.check(*imported);
  std::string damaged = *document;
  damaged.replace(damaged.find("\"batches\""), 9, "\"bitches\"");
  EXPECT_FALSE(other.engine->import_run(damaged));
  EXPECT_FALSE(other.engine->import_run("{}"));
  EXPECT_FALSE(other.engine->import_run("not json"));
}

TYPED_TEST(EngineConformance, LargePayloadsAreBlobsAndGoWithTheirRun) {
  World& w = this->w_;
  w.options.retention_ms = 1000;
  w.kill();  // with the option
  const std::string big(100'000, 'x');
  const RunKey run = w.start(k_two, "r", "\"" + big + "\"");
  EXPECT_EQ(w.view(run).input, Value(big));
  EXPECT_FALSE(w.disk->scan_blobs("", 10)->empty());
  auto stored = w.disk->history(run, 1, 1 << 30);
  ASSERT_TRUE(stored);
  for (const auto& batch : *stored) EXPECT_LT(batch.batch.size(), 4096U);
  w.check(run);
  w.pass(5'000);
  EXPECT_EQ(w.engine->describe(run).error().code, ErrorCode::not_found) << "retention";
  EXPECT_TRUE(w.disk->scan_blobs("", 10)->empty());
}

TYPED_TEST(EngineConformance, BlobsGoOnceTheRemovalOfTheirRunIsDurable) {
  World& w = this->w_;
  w.options.retention_ms = 1000;
  w.kill();
  const RunKey run = w.start(k_two, "r", "\"" + std::string(100'000, 'x') + "\"");
  w.store->fail_commits = 1;  // the one behind the removal
  w.pass(5'000);
  ASSERT_EQ(w.store->recoveries, 1);
  EXPECT_EQ(w.engine->describe(run).error().code, ErrorCode::not_found);
  EXPECT_FALSE(w.disk->scan_blobs("", 10)->empty());
  w.kill();
  w.pass(1);
  EXPECT_TRUE(w.disk->scan_blobs("", 10)->empty()) << "what nobody needs goes at the next start";
}

TYPED_TEST(EngineConformance, BlobsThatNoRunNeedsGoAtTheNextStart) {
  World& w = this->w_;
  const std::string needed(100'000, 'x'), left(100'000, 'y');
  const RunKey run = w.start(k_two, "r", "\"" + needed + "\"");
  const auto of_the_run = w.disk->scan_blobs("", 10);
  ASSERT_TRUE(w.disk->put_blob(Bytes::copy(left)));
  w.kill();
  w.pass(1);
  EXPECT_EQ(w.disk->scan_blobs("", 10)->size(), of_the_run->size() + 1) << "nothing is ever removed without retention";
  w.options.retention_ms = 3'600'000;
  w.kill();
  w.pass(1);
  EXPECT_EQ(*w.disk->scan_blobs("", 10), *of_the_run);
  EXPECT_EQ(w.view(run).input, Value(needed));
}

TYPED_TEST(EngineConformance, ALongHistoryIsCompactedBehindItsSnapshot) {
  World& w = this->w_;
  w.options.compact_over_events = 100;
  w.kill();
  const RunKey run = w.start(R"(
name: long
context: {n: 0}
steps:
  - id: l
    while: "${ .context.n < 1500 }"
    steps:
      - {id: s, set: {n: "${ .context.n + 1 }"}}
      - {id: z, wait: 1ms}
)");
  for (int i = 0; i < 700; ++i) w.pass(1);
  w.kill();
  for (int i = 0; i < 10'000 && w.status(run) != "completed"; ++i) w.pass(1);
  EXPECT_EQ(w.status(run), "completed");
  auto entries = w.engine->history(run, 1, 10);
  ASSERT_TRUE(entries);
  if constexpr (std::is_same_v<TypeParam, MemoryDisk>) {  // the embedded store does with its next generation
    EXPECT_GT(entries->at(0).seq, 100U);
    EXPECT_EQ(w.engine->replay(run).error().code, ErrorCode::unsupported);
    EXPECT_EQ(w.engine->export_run(run).error().code, ErrorCode::unsupported);
  }
  EXPECT_TRUE(w.engine->doctor()->clean);
}

TYPED_TEST(EngineConformance, RetentionAndTheDoctorKnowAllTenants) {
  World& w = this->w_;
  const auto start = [&](const std::string& tenant, const char* yaml) {
    engine::StartRequest request;
    request.tenant = tenant;
    request.id = "r";
    request.plan = testing::plan_of(yaml);
    ASSERT_TRUE(w.engine->start(std::move(request)));
    w.settle();
  };
  for (const char* tenant : {"default", "acme", "zeta"}) start(tenant, k_two);
  start("later", "name: t\nsteps: [{id: z, wait: 400d}]\n");
  EXPECT_EQ(w.engine->doctor()->runs, 4U);
  EXPECT_EQ(w.engine->doctor()->open, 1U);
  w.options.retention_ms = 1000;
  w.kill();
  for (int i = 0; i < 5; ++i) w.pass(60'000);
  for (const char* tenant : {"default", "acme", "zeta"}) EXPECT_FALSE(w.engine->describe({tenant, "r"})) << tenant;
  EXPECT_TRUE(w.engine->describe({"later", "r"}));
  EXPECT_EQ(w.engine->doctor()->runs, 1U);
}

TYPED_TEST(EngineConformance, RetentionKeepsOpenRuns) {
  World& w = this->w_;
  w.options.retention_ms = 1000;
  w.kill();
  const RunKey open = w.start("name: t\nsteps: [{id: z, wait: 400d}]\n", "open");
  const RunKey closed = w.start(k_two, "closed", "1");
  w.pass(60'000);
  w.pass(1'000);
  EXPECT_EQ(w.status(open), "waiting");
  EXPECT_FALSE(w.engine->describe(closed));
}

TYPED_TEST(EngineConformance, ADueTimerNeedsNoRoom) {
  World& w = this->w_;
  w.options.shards = 3;
  w.options.timers_in_memory = 1;
  w.kill();
  w.start("name: t\nsteps: [{id: z, wait: 20s}]\n", "late");
  for (int i = 0; i < 8; ++i) w.start("name: t\nsteps: [{id: z, wait: 3s}]\n", "r" + std::to_string(i));
  for (int i = 0; i < 5; ++i) w.pass(1'000);
  for (int i = 0; i < 8; ++i) EXPECT_EQ(w.status({"default", "r" + std::to_string(i)}), "completed") << i;
}

// An open run may still have to undo what those below it did, at any depth.
TYPED_TEST(EngineConformance, RetentionKeepsAllBelowAnOpenRun) {
  World& w = this->w_;
  w.options.retention_ms = 1000;
  w.kill();
  ASSERT_TRUE(w.engine->register_workflow(
      testing::plan_of("name: leaf\nsteps: [{id: a, call: work.a, compensation: {call: work.undo_a}}]\n")));
  ASSERT_TRUE(w.engine->register_workflow(testing::plan_of("name: child\nsteps: [{id: l, subflow: leaf}]\n")));
  const RunKey run =
      w.start("name: t\nsteps: [{id: c, subflow: child}, {id: w, wait: 1h}, {id: f, raise: {type: x}}]\n");
  for (int i = 0; i < 5; ++i) w.pass(60'000);
  EXPECT_EQ(w.engine->list({})->runs.size(), 3U);
  w.pass(3'600'000);
  EXPECT_EQ(w.status(run), "failed");
  EXPECT_EQ(w.work->count("work.undo_a"), 1);
  for (int i = 0; i < 5; ++i) w.pass(60'000);
  EXPECT_TRUE(w.engine->list({})->runs.empty());
}

TYPED_TEST(EngineConformance, ALongRunIsSnapshotted) {
  World& w = this->w_;
  const RunKey run = w.start(R"(
name: long
context: {n: 0}
steps:
  - id: l
    while: "${ .context.n < 2000 }"
    steps:
      - {id: s, set: {n: "${ .context.n + 1 }"}}
      - {id: z, wait: 1ms}
)");
  for (int i = 0; i < 10'000 && w.status(run) != "completed"; ++i) w.pass(1);
  EXPECT_EQ(w.status(run), "completed");
  auto loaded = w.disk->load(run);
  ASSERT_TRUE(loaded);
  EXPECT_GT(loaded->snapshot_seq, 0U);
  w.check(run);
}

}  // namespace
}  // namespace perdure::runtime
