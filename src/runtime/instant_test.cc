// Things that come within one turn of a shard, or at the wrong moment for its timers.
#include <gtest/gtest.h>

#include <algorithm>

#include "base/limits.h"
#include "runtime/test_world.h"

namespace perdure::runtime {
namespace {

using testing::World;

engine::StartRequest request_for(const std::string& yaml, const std::string& id, const std::string& input = "null") {
  engine::StartRequest request;
  request.id = id;
  request.plan = testing::plan_of(yaml);
  request.input = Bytes(input);
  return request;
}

TEST(OneTurn, AnIdThatIsStartedTwiceIsOneRun) {
  World w;
  std::vector<std::string> told;
  const auto start = [&](const std::string& input) {
    w.engine->start_async(request_for("name: t\nsteps: [{id: a, call: work.a, with: {}}]\n", "r", input),
                          [&](Result<engine::Started> started) {
                            told.push_back(!started ? "refused" : started->existed ? "existed" : "started");
                          });
  };
  start("1");
  start("1");
  start("2");
  w.settle();
  std::sort(told.begin(), told.end());
  EXPECT_EQ(told, (std::vector<std::string>{"existed", "refused", "started"}));
  EXPECT_EQ(w.work->count("work.a"), 1);
  w.check({"default", "r"});
}

TEST(OneTurn, ARunCanBeSeenAndEndedTogetherWithItsStart) {
  World w;
  bool started = false;
  w.engine->start_async(request_for("name: t\nsteps: [{id: l, listen: go}]\n", "r"),
                        [&](Result<engine::Started> result) { started = result.has_value(); });
  EXPECT_EQ(w.view({"default", "r"}).workflow, "t");
  EXPECT_TRUE(started);
  w.engine->start_async(request_for("name: t\nsteps: [{id: l, listen: go}]\n", "s"), [](const auto&) {});
  EXPECT_TRUE(w.engine->terminate({"default", "s"}, "me", ""));
  w.settle();
  EXPECT_EQ(w.status({"default", "s"}), "terminated");
  w.check({"default", "s"});
}

// A timer beyond what is held in memory is on disk only, under the run's row; a run at work has no time in its row.
TEST(OneTurn, ATimerLeftToTheDiskIsHeldOnceItsRunGoesToWork) {
  World w;
  w.options.timers_in_memory = 1;
  w.kill();
  const RunKey run = w.start(
      "name: t\nsteps: [{id: p, type: parallel, steps: [{id: z, wait: 1h}, {id: l, listen: go}, "
      "{id: s, type: sequential, steps: [{id: m, listen: go}, {id: w, call: work.slow, with: {}}]}]}]\n");
  ASSERT_TRUE(w.engine->signal(run, "go", Value(1), ""));
  ASSERT_TRUE(w.engine->signal(run, "go", Value(1), ""));
  w.settle();
  ASSERT_EQ(w.work->held.size(), 1U);
  for (int minutes = 0; minutes < 70; ++minutes) w.pass(60'000);
  w.work->release();
  w.pass(1'000);
  EXPECT_EQ(w.status(run), "completed");
  w.check(run);
}

// A commit that the store can never take would stop all runs, not only this one.
TEST(OneTurn, WhatIsDecidedAtOnceFitsIntoACommit) {
  World w;
  const RunKey run = w.start(
      "name: t\nsteps: [{id: f, foreach: '[range(200)]', call: work.a, with: {x: '${ [range(5000)] | tostring }'}}]\n");
  w.settle();
  EXPECT_EQ(w.status(run), "completed");
  const auto history = w.store->history(run, 1, SIZE_MAX);
  ASSERT_TRUE(history.has_value());
  std::size_t largest = 0, all = 0;
  for (const storage::HistoryBatch& batch : *history) {
    largest = std::max(largest, batch.batch.size());
    all += batch.batch.size();
  }
  EXPECT_GT(all, 2 * k_decision_bytes_soft);
  EXPECT_LT(largest, 2 * k_decision_bytes_soft);
  w.check(run);
}

TEST(OneTurn, AStateThatIsTooLargeForACommitIsReadFromItsHistory) {
  World w;
  w.options.snapshot_over_bytes = 1'000;
  w.kill();
  const RunKey run = w.start("name: t\nsteps: [{id: l, listen: go}]\n");
  const Value payload(std::string(40'000, 'x'));
  for (int i = 0; i < 800; ++i) ASSERT_TRUE(w.engine->signal(run, "later", payload, ""));
  const auto loaded = w.store->load(run);
  ASSERT_TRUE(loaded.has_value());
  EXPECT_GT(loaded->snapshot.size(), 0U);
  EXPECT_LE(loaded->snapshot.size(), k_snapshot_bytes_max);
  w.kill();
  ASSERT_TRUE(w.engine->signal(run, "go", Value(1), ""));
  w.settle();
  EXPECT_EQ(w.status(run), "completed");
}

}  // namespace
}  // namespace perdure::runtime
