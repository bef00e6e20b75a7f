// When the disk, a run's bytes or a service fail.
#include <gtest/gtest.h>

#include "runtime/test_world.h"

namespace perdure::runtime {
namespace {

using testing::World;

constexpr const char* k_three = R"(
name: three
steps:
  - {id: one, call: work.a, with: {n: 1}}
  - {id: two, call: work.b, with: {n: 2}}
  - {id: three, call: work.c, with: {n: 3}}
)";

constexpr const char* k_three_slow = R"(
name: slow
steps:
  - {id: one, call: work.slow, with: {n: 1}}
  - {id: two, call: work.slow, with: {n: 2}}
  - {id: three, call: work.slow, with: {n: 3}}
)";

// Every commit of the scenario fails once, found on disk or not; the run ends all the same, each step done once or, when
// its outcome could not be written, again with the same key.
TEST(Failure, EveryCommitMayFail) {
  for (const bool apply : {false, true}) {
    for (int at = 0; at < 4; ++at) {  // the start and three results
      SCOPED_TRACE(at);
      World w;
      engine::StartRequest request;
      request.id = "r";
      request.plan = testing::plan_of(k_three);
      const int first = w.store->commits;
      w.store->apply_failed = apply;
      bool started = false;
      for (int tries = 0; tries < 5 && !started; ++tries) {
        w.engine->start_async(request, [&](Result<engine::Started> result) { started = result.has_value(); });
        for (int turns = 0; turns < 50; ++turns) {
          if (w.store->commits == first + at && w.store->recoveries == 0) w.store->fail_commits = 1;
          else w.store->fail_commits = 0;
          if (!turn(*w.engine)) break;
        }
        w.pass(100);
      }
      for (int i = 0; i < 100; ++i) w.pass(1000);
      const RunKey run{"default", "r"};
      EXPECT_TRUE(started);
      EXPECT_EQ(w.store->recoveries, 1) << "the fault was not met";
      EXPECT_EQ(w.status(run), "completed");
      w.check(run);
    }
  }
}

TEST(Failure, ClientsAreRefusedWhileTheStoreIsBroken) {
  World w;
  const RunKey run = w.start("name: t\nsteps: [{id: l, listen: {signal: go}}]\n");
  w.store->fail_commits = 1;
  w.store->fail_recoveries = 3;
  EXPECT_EQ(w.engine->signal(run, "go", Value(1), "k").error().code, ErrorCode::io);
  w.settle();
  EXPECT_EQ(w.engine->signal(run, "go", Value(1), "k").error().code, ErrorCode::io);
  const auto view = w.engine->describe(run);  // a reader is not left waiting, either
  ASSERT_FALSE(view);
  EXPECT_EQ(view.error().code, ErrorCode::io) << view.error().message;
  for (int i = 0; i < 20; ++i) w.pass(5'000);
  ASSERT_TRUE(w.engine->signal(run, "go", Value(1), "k"));
  w.settle();
  EXPECT_EQ(w.status(run), "completed");
  w.check(run);
}

// A run that is not in memory, and cannot be read when its activity answers or its timer is due.
TEST(Failure, WhatComesWhileARunCannotBeReadIsNotLost) {
  World w;
  w.options.cache_bytes = 1;
  w.kill();
  const RunKey busy = w.start("name: b\nsteps: [{id: a, call: work.slow, with: {n: 1}}]\n", "busy");
  const RunKey waits = w.start("name: w\nsteps: [{id: a, wait: 5s}]\n", "waits");
  w.settle();
  w.store->fail_loads = {{busy, ErrorCode::io}, {waits, ErrorCode::io}};
  ASSERT_EQ(w.work->held.size(), 1U);
  w.work->release();
  for (int i = 0; i < 10; ++i) w.pass(1'000);
  w.store->fail_loads.clear();
  for (int i = 0; i < 3; ++i) w.pass(1'000);
  EXPECT_EQ(w.status(busy), "completed");
  EXPECT_EQ(w.status(waits), "completed");
}

TEST(Failure, AParentAndItsChildrenFindEachOtherOnceTheyCanBeRead) {
  World w;
  w.options.cache_bytes = 1;
  w.kill();
  ASSERT_TRUE(
      w.engine->register_workflow(testing::plan_of("name: c\nsteps: [{id: a, call: work.slow, with: {n: 1}}]\n")));
  const RunKey parent = w.start("name: p\nsteps: [{id: s, subflow: c}]\n");
  w.settle();
  w.store->fail_loads[parent] = ErrorCode::io;
  w.work->release();
  for (int i = 0; i < 5; ++i) w.pass(1'000);
  w.store->fail_loads.clear();
  for (int i = 0; i < 3; ++i) w.pass(1'000);
  EXPECT_EQ(w.status(parent), "completed");
}

TEST(Failure, NoEventIsTakenWhileTheStoreIsBroken) {
  World w;
  w.start("name: t\nsteps: [{id: a, call: work.slow, with: {}}]\n", "r");
  w.store->fail_commits = 1;
  w.store->fail_recoveries = 3;
  w.work->release();
  w.settle();
  const Value event = Value::object({{"type", "a"}});
  EXPECT_EQ(w.engine->publish("default", event).error().code, ErrorCode::io);
  for (int i = 0; i < 20; ++i) w.pass(5'000);
  EXPECT_TRUE(w.engine->publish("default", event));
}

// Whoever cancels a child that is not there is told so; then it must not come any more.
TEST(Failure, AChildThatIsCancelledBeforeItCouldBeginNeverBegins) {
  World w;
  ASSERT_TRUE(w.engine->register_workflow(testing::plan_of("name: c\nsteps: [{id: a, call: work.a}]\n")));
  for (int seq = 1; seq < 10; ++seq) w.store->fail_loads[{"default", "p." + std::to_string(seq)}] = ErrorCode::io;
  const RunKey parent = w.start("name: p\nsteps: [{id: s, subflow: c}]\n", "p");
  w.settle();
  EXPECT_EQ(w.status(parent), "running");
  w.store->fail_loads.clear();
  ASSERT_TRUE(w.engine->cancel(parent, "me", ""));
  for (int i = 0; i < 5; ++i) w.pass(1'000);
  EXPECT_EQ(w.status(parent), "cancelled");
  EXPECT_EQ(w.engine->list({})->runs.size(), 1U);
  EXPECT_EQ(w.work->count("work.a"), 0);
}

// A shard may sleep through a whole recovery and the failure after it.
TEST(Failure, CommitsMayFailAgainRightAfterARecoveryInAnyOrderOfTurns) {
  for (std::uint64_t seed = 1; seed <= 200; ++seed) {
    SCOPED_TRACE(seed);
    World w;
    std::uint64_t random = seed;
    w.options.pick = [&random](std::size_t below) {
      random = random * 6364136223846793005ULL + 1442695040888963407ULL;
      return static_cast<std::size_t>(random >> 33) % below;
    };
    w.kill();
    std::vector<RunKey> runs;
    for (const char* id : {"r1", "r2", "r3", "r4"}) runs.push_back(w.start(k_three_slow, id));
    for (int i = 0; i < 12; ++i) {
      w.store->fail_commits = 1 + i % 4;
      while (!w.work->held.empty()) w.work->release();
      w.pass(5'000);
    }
    w.store->fail_commits = 0;
    for (int i = 0; i < 20; ++i) {
      w.pass(5'000);
      while (!w.work->held.empty()) w.work->release();
    }
    for (const RunKey& run : runs) {
      ASSERT_EQ(w.status(run), "completed");
      w.check(run);
    }
  }
}

TEST(Failure, ResultsThatArriveWhileTheStoreIsBrokenAreKept) {
  World w;
  const RunKey run = w.start("name: t\nsteps: [{id: s, call: work.slow, with: {}}]\n");
  w.store->fail_commits = 1;
  w.work->release();  // its commit fails
  w.settle();
  for (int i = 0; i < 10; ++i) w.pass(1'000);
  EXPECT_EQ(w.status(run), "completed");
  EXPECT_EQ(w.work->count("work.slow"), 1) << "the attempt was not taken for lost";
  w.check(run);
}

TEST(Failure, ACorruptRunIsSetAsideAndOthersGoOn) {
  auto disk = storage::open_memory();
  World w{std::shared_ptr<storage::Store>(std::move(disk))};
  const RunKey bad = w.start("name: t\nsteps: [{id: s, call: work.slow, with: {}}]\n", "bad");
  const RunKey good = w.start("name: t\nsteps: [{id: s, call: work.slow, with: {}}]\n", "good");
  w.script["work.slow"] = {"ok", "ok"};
  w.store->dead = true;
  w.engine.reset();
  w.boot();
  w.store->fail_loads[bad] = ErrorCode::corrupt;
  w.settle();
  w.pass(60'000);
  EXPECT_EQ(w.status(good), "completed");
  EXPECT_EQ(w.status(bad), "quarantined");
  EXPECT_NE(w.view(bad).error->title.find("byte 7"), std::string::npos);
  engine::ListRequest request;
  auto list = w.engine->list(request);
  ASSERT_TRUE(list);
  for (const auto& row : list->runs)
    if (row.run == bad) { EXPECT_EQ(row.status, "quarantined"); }
  EXPECT_FALSE(w.engine->signal(bad, "x", Value(), ""));
}

TEST(Failure, ARunThatCanBeReadAgainIsListedAsWhatItIsFromTheNextStartOn) {
  World w;
  const RunKey run = w.start("name: t\nsteps: [{id: l, listen: go}]\n");
  w.kill();
  w.store->fail_loads[run] = ErrorCode::corrupt;
  EXPECT_FALSE(w.engine->signal(run, "stop", Value(), ""));
  w.settle();
  EXPECT_EQ(w.status(run), "quarantined");
  w.kill();
  w.settle();  // nobody asks for it
  const auto list = w.engine->list({});
  ASSERT_TRUE(list);
  EXPECT_EQ(list->runs.front().status, "waiting");
  ASSERT_TRUE(w.engine->signal(run, "go", Value(), ""));
  w.settle();
  EXPECT_EQ(w.status(run), "completed");
  w.check(run);
}

TEST(Failure, FiltersSeeTheRunsThatAreSetAside) {
  World w;
  const char* wait = "name: t\nsteps: [{id: z, wait: 1h}]\n";
  for (const char* id : {"a", "b", "c", "d", "e"}) w.start(wait, id);
  w.store->dead = true;
  w.engine.reset();
  w.boot();
  for (const char* id : {"b", "d", "e"}) w.store->fail_loads[{"default", id}] = ErrorCode::corrupt;
  w.pass(3'500'000);
  for (const char* id : {"b", "d", "e"}) EXPECT_FALSE(w.engine->query({"default", id}, "x"));
  w.settle();
  const auto ids = [&](std::optional<std::string> status, std::size_t limit) {
    engine::ListRequest request;
    request.status = std::move(status);
    request.limit = limit;
    std::string out;
    do {
      const auto page = w.engine->list(request);
      EXPECT_TRUE(page);
      EXPECT_LE(page->runs.size(), limit);
      for (const auto& row : page->runs) out += row.run.id + (row.status == "quarantined" ? "! " : " ");
      request.cursor = page->next_cursor;
    } while (!request.cursor.empty());
    return out;
  };
  for (const std::size_t limit : {1, 2, 100}) {
    EXPECT_EQ(ids("quarantined", limit), "b! d! e! ") << limit;
    EXPECT_EQ(ids("waiting", limit), "a c ") << limit;
    EXPECT_EQ(ids({}, limit), "a b! c d! e! ") << limit;
  }
  engine::ListRequest other;
  other.status = "quarantined";
  other.workflow = "another";
  EXPECT_TRUE(w.engine->list(other)->runs.empty());
  w.store->dead = true;
  w.engine.reset();
  w.boot();  // with a store that was repaired
  EXPECT_EQ(ids("quarantined", 10), "b! d! e! ") << "until they are read";
  w.settle();
  EXPECT_EQ(ids("quarantined", 10), "");
  EXPECT_EQ(ids("waiting", 10), "a b c d e ");
}

TEST(Failure, HistoryOfANewerBuildIsSetAside) {
  World w;
  const RunKey run = w.start("name: t\nsteps: [{id: z, wait: 1h}]\n");
  const auto loaded = w.disk->load(run);
  ASSERT_TRUE(loaded);
  storage::Commit commit;
  commit.epoch = w.disk->epoch();
  storage::RunWrite write;
  write.run = run;
  write.first_seq = loaded->last_seq + 1;
  write.count = 1;
  write.batch = Bytes(std::string("\x09newer"));
  commit.runs.push_back(write);
  w.store->dead = true;
  w.engine.reset();
  w.disk->commit(std::move(commit), [](const Status& status) { ASSERT_TRUE(status); });
  w.boot();
  w.pass(2 * 3'600'000);
  EXPECT_EQ(w.status(run), "quarantined");
  EXPECT_NE(w.view(run).error->title.find("newer"), std::string::npos);
}

constexpr const char* k_breaker = R"(
name: b
steps:
  - {id: s, call: work.a, with: {}, retry: none, breaker: {service: shop, failures: 2, open_for: 60s, successes: 1}}
)";

TEST(Breakers, OpenForAllRunsSurviveARestartAndClose) {
  World w;
  w.work->script["work.a"] = {"fail http.503 recoverable", "fail http.503 recoverable"};
  w.start(k_breaker, "r1");
  w.start(k_breaker, "r2");
  const RunKey refused = w.start(k_breaker, "r3");
  EXPECT_EQ(w.view(refused).error->type, "breaker.open");
  EXPECT_EQ(w.work->count("work.a"), 2);
  w.kill();
  const RunKey still = w.start(k_breaker, "r4");
  EXPECT_EQ(w.view(still).error->type, "breaker.open");
  EXPECT_EQ(w.work->count("work.a"), 0);
  w.pass(60'000);
  const RunKey probe = w.start(k_breaker, "r5");
  EXPECT_EQ(w.status(probe), "completed");
  EXPECT_EQ(w.status(w.start(k_breaker, "r6")), "completed");
}

TEST(Breakers, OneThatOpensWhileTheStoreFailsSurvivesARestart) {
  World w;
  w.work->script["work.a"] = {"fail http.503 recoverable", "fail http.503 recoverable"};
  w.start(k_breaker, "r1");
  engine::StartRequest request;
  request.id = "r2";
  request.plan = testing::plan_of(k_breaker);
  w.engine->start_async(std::move(request), [](const Result<engine::Started>&) {});
  for (int turns = 0; turns < 50 && turn(*w.engine); ++turns)
    if (w.work->count("work.a") == 2 && w.store->recoveries == 0) w.store->fail_commits = 1;
  w.store->fail_commits = 0;
  for (int i = 0; i < 20; ++i) w.pass(100);
  EXPECT_GE(w.store->recoveries, 1) << "the fault was not met";
  w.kill();
  EXPECT_EQ(w.view(w.start(k_breaker, "r3")).error->type, "breaker.open");
}

TEST(Breakers, AClockSetBackDoesNotKeepOneOpen) {
  World w;
  w.work->script["work.a"] = {"fail http.503 recoverable", "fail http.503 recoverable"};
  w.start(k_breaker, "r1");
  w.start(k_breaker, "r2");
  w.clock->set(w.clock->now_ms() - 3'600'000);
  EXPECT_EQ(w.view(w.start(k_breaker, "r3")).error->type, "breaker.open");
  w.pass(60'000);
  EXPECT_EQ(w.status(w.start(k_breaker, "r4")), "completed");
}

TEST(Limits, ARateLimitHoldsWhileOthersWait) {
  World w;
  const char* const seldom = "name: l\nsteps: [{id: s, call: work.a, with: {}, rate_limit: 1/h}]\n";
  const char* const often =
      "name: o\nsteps: [{id: s, call: work.b, with: {}, breaker: {service: b}, rate_limit: 1/m}]\n";
  w.start(seldom, "r1");
  for (int i = 0; i < 4; ++i) w.start(often, "o" + std::to_string(i));
  w.pass(70'000);
  w.start(seldom, "r2");
  EXPECT_EQ(w.work->count("work.a"), 1);
  w.pass(3'600'000);
  EXPECT_EQ(w.work->count("work.a"), 2);
}

TEST(Limits, RateLimitSpreadsCalls) {
  World w;
  for (int i = 0; i < 4; ++i)
    w.start("name: l\nsteps: [{id: s, call: work.a, with: {}, rate_limit: 1/s}]\n", "r" + std::to_string(i));
  EXPECT_EQ(w.work->count("work.a"), 1);
  for (int seconds = 1; seconds < 4; ++seconds) {
    w.pass(1'000);
    EXPECT_EQ(w.work->count("work.a"), 1 + seconds);
  }
}

TEST(Limits, PriorityGoesFirstWhenThereIsNoRoom) {
  World w;
  w.options.activities_in_flight = 1;
  w.kill();
  w.start("name: p\nsteps: [{id: s, call: work.slow, with: {}}]\n", "holder");
  w.start("name: p\nsteps: [{id: s, call: work.a, with: {}, priority: low}]\n", "low");
  w.start("name: p\nsteps: [{id: s, call: work.b, with: {}, priority: critical}]\n", "critical");
  EXPECT_EQ(w.work->calls.size(), 1U);
  w.work->release();
  w.settle();
  ASSERT_EQ(w.work->calls.size(), 3U);
  EXPECT_TRUE(w.work->calls[1].starts_with("work.b"));
}

TEST(Limits, ScheduleToStartEndsTheWaiting) {
  World w;
  w.options.activities_in_flight = 1;
  w.kill();
  w.start("name: p\nsteps: [{id: s, call: work.slow, with: {}}]\n", "holder");
  const RunKey run = w.start(
      "name: p\nsteps: [{id: s, call: work.a, with: {}, retry: none, timeout: {schedule_to_start: 5s}}]\n", "waits");
  w.pass(5'000);
  EXPECT_EQ(w.status(run), "failed");
  EXPECT_EQ(w.view(run).error->type, "timeout.schedule_to_start");
}

TEST(Cache, RunsBeyondTheBudgetLiveOnDisk) {
  World w;
  w.options.cache_bytes = 20'000;
  w.kill();
  std::vector<RunKey> runs;
  for (int i = 0; i < 100; ++i)
    runs.push_back(w.start("name: l\nsteps: [{id: l, listen: {signal: go}}, {id: s, call: work.slow, with: {}}]\n",
                           "r" + std::to_string(i)));
  for (const RunKey& run : runs) ASSERT_TRUE(w.engine->signal(run, "go", Value(1), ""));
  w.settle();
  EXPECT_GT(w.store->loads, 90);
  EXPECT_EQ(w.work->held.size(), 100U);
  while (!w.work->held.empty()) w.work->release();
  w.settle();
  EXPECT_EQ(w.work->count("work.slow"), 100) << "a run that comes back from disk with work out is not recovered";
  for (const RunKey& run : runs) EXPECT_EQ(w.status(run), "completed");
}

TEST(Timers, ManyDueAtOnceWithLittleMemory) {
  World w;
  w.options.timers_in_memory = 50;
  w.options.cache_bytes = 20'000;
  w.kill();
  for (int i = 0; i < 500; ++i) w.start("name: t\nsteps: [{id: z, wait: 10s}]\n", "r" + std::to_string(i));
  w.pass(9'999);
  engine::ListRequest request;
  request.status = "completed";
  request.limit = 1000;
  EXPECT_TRUE(w.engine->list(request)->runs.empty());
  w.pass(1);
  for (int i = 0; i < 20; ++i) w.pass(1000);
  EXPECT_EQ(w.engine->list(request)->runs.size(), 500U);
  EXPECT_TRUE(w.engine->doctor()->clean);
}

}  // namespace
}  // namespace perdure::runtime
