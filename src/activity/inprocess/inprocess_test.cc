#include "activity/inprocess/inprocess.h"

#include <gtest/gtest.h>

#include <future>
#include <stdexcept>
#include <thread>

#include "activity/conformance.h"

namespace perdure::activity {
namespace {

using conformance::Answers;
using conformance::numbered;
using conformance::run_one;

Task of_type(std::string type) {
  Task task;
  task.type = std::move(type);
  task.args = Bytes::copy("{}");
  return task;
}

Outcome wait_for_cancel(Context& context) {
  while (!context.cancelled()) std::this_thread::yield();
  ActivityError error;
  error.type = "cancelled";
  error.title = "stopped when asked";
  error.error_class = ErrorClass::fatal;
  return Outcome::failure(error);
}

struct InProcessTraits {
  static std::unique_ptr<Driver> make() {
    auto driver = make_inprocess(2);
    driver->add("quick", [](Context& context) { return Outcome::success(context.task().args); });
    driver->add("endless", wait_for_cancel);
    return driver;
  }
  static Task quick() { return of_type("quick"); }
  static Task endless() { return of_type("endless"); }
  static Task refused() { return of_type("no-such-function"); }
};

TEST(InProcess, AnExceptionIsAFatalError) {
  auto driver = make_inprocess(1);
  driver->add("throws", [](Context&) -> Outcome { throw std::runtime_error("disk on fire"); });
  driver->add("throws_int", [](Context&) -> Outcome { throw 7; });
  const Outcome known = run_one(*driver, of_type("throws"));
  EXPECT_EQ(known.error.type, "activity.exception");
  EXPECT_EQ(known.error.detail, "disk on fire");
  EXPECT_EQ(known.error.error_class, ErrorClass::fatal);
  EXPECT_EQ(run_one(*driver, of_type("throws_int")).error.type, "activity.exception");
}

TEST(InProcess, TrivialFunctionsRunOnTheCallersThread) {
  auto driver = make_inprocess(1);
  std::thread::id trivial_thread;
  std::thread::id pool_thread;
  driver->add("trivial",
              [&](Context&) {
                trivial_thread = std::this_thread::get_id();
                return Outcome::success({});
              },
              {.trivial = true});
  driver->add("pooled", [&](Context&) {
    pool_thread = std::this_thread::get_id();
    return Outcome::success({});
  });
  EXPECT_EQ(run_one(*driver, of_type("trivial")).result.view(), "null");
  EXPECT_TRUE(run_one(*driver, of_type("pooled")).ok);
  EXPECT_EQ(trivial_thread, std::this_thread::get_id());
  EXPECT_NE(pool_thread, std::this_thread::get_id());
}

TEST(InProcess, AnOverrunIsReportedAtOnceAndTheLateResultIgnored) {
  Answers answers;
  std::promise<void> release;
  auto released = release.get_future().share();
  std::promise<bool> saw_cancel;
  auto driver = make_inprocess(1);
  driver->add("stuck", [&, released](Context& context) {
    released.wait();
    saw_cancel.set_value(context.cancelled());
    return Outcome::success(Bytes::copy("\"late\""));
  });
  driver->add("quick", [](Context&) { return Outcome::success({}); });
  Task task = numbered(of_type("stuck"), 1);
  task.start_to_close_ms = 5;
  driver->start(task, answers.expect(CommandId{1}));
  ASSERT_TRUE(answers.wait_all());
  EXPECT_EQ(answers.of(1).error.type, "timeout.start_to_close");
  EXPECT_EQ(answers.of(1).error.error_class, ErrorClass::ambiguous);
  // The only thread is stuck; a replacement serves others meanwhile.
  driver->start(numbered(of_type("quick"), 2), answers.expect(CommandId{2}));
  ASSERT_TRUE(answers.wait_all());
  EXPECT_TRUE(answers.of(2).ok);
  release.set_value();
  EXPECT_TRUE(saw_cancel.get_future().get());
  driver->shutdown();
  EXPECT_EQ(answers.count(1), 1);
  EXPECT_FALSE(answers.of(1).ok);
}

TEST(InProcess, SilenceBeyondTheHeartbeatEndsTheAttempt) {
  auto driver = make_inprocess(1);
  driver->add("silent", wait_for_cancel);
  Task task = of_type("silent");
  task.heartbeat_ms = 5;
  const Outcome outcome = run_one(*driver, task);
  EXPECT_EQ(outcome.error.type, "timeout.heartbeat");
  EXPECT_EQ(outcome.error.error_class, ErrorClass::ambiguous);
}

TEST(InProcess, HeartbeatsKeepItAliveAndCarryProgress) {
  auto driver = make_inprocess(1);
  std::atomic<int> beats{0};
  driver->add("busy", [](Context& context) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::milliseconds(120);
    while (std::chrono::steady_clock::now() < end && !context.cancelled()) {
      context.heartbeat(Bytes::copy("{\"done\":1}"));
      std::this_thread::yield();
    }
    return Outcome::success(context.task().last_progress);
  });
  Task task = of_type("busy");
  task.heartbeat_ms = 60;
  task.last_progress = Bytes::copy("{\"done\":0}");
  task.on_progress = [&beats](Bytes progress) {
    if (progress.view() == "{\"done\":1}") ++beats;
  };
  const Outcome outcome = run_one(*driver, task);
  EXPECT_TRUE(outcome.ok) << outcome.error.type;
  EXPECT_EQ(outcome.result.view(), "{\"done\":0}");
  EXPECT_GT(beats, 0);
}

TEST(InProcess, CancelOfAWaitingTaskNeverRunsIt) {
  Answers answers;
  std::atomic<int> ran{0};
  auto driver = make_inprocess(1);
  driver->add("endless", wait_for_cancel);
  driver->add("count", [&ran](Context&) {
    ++ran;
    return Outcome::success({});
  });
  driver->start(numbered(of_type("endless"), 1), answers.expect(CommandId{1}));
  driver->start(numbered(of_type("count"), 2), answers.expect(CommandId{2}));
  driver->cancel({"default", "conformance"}, CommandId{2});
  EXPECT_EQ(answers.of(2).error.type, "cancelled");
  EXPECT_EQ(answers.of(2).error.error_class, ErrorClass::fatal);
  driver->cancel({"default", "conformance"}, CommandId{1});
  ASSERT_TRUE(answers.wait_all());
  driver->shutdown();
  EXPECT_EQ(ran, 0);
  EXPECT_EQ(answers.count(2), 1);
}

TEST(InProcess, AFullQueueThrottles) {
  Answers answers;
  auto driver = make_inprocess(1, 2);
  driver->add("endless", wait_for_cancel);
  for (std::uint64_t seq = 1; seq <= 10; ++seq) {
    driver->start(numbered(of_type("endless"), seq), answers.expect(CommandId{seq}));
  }
  EXPECT_GE(answers.arrived(), 7u);
  EXPECT_EQ(answers.of(10).error.type, "queue.full");
  EXPECT_EQ(answers.of(10).error.error_class, ErrorClass::throttled);
  EXPECT_GT(answers.of(10).error.retry_after_ms, 0);
  driver->shutdown();
  ASSERT_TRUE(answers.wait_all());
}

TEST(InProcess, ManyThreadsHandOverAndEachTaskIsAnsweredOnce) {
  constexpr int k_producers = 4;
  constexpr int k_each = 5000;
  std::vector<std::atomic<int>> answers(k_producers * k_each);
  std::atomic<int> left{k_producers * k_each};
  std::promise<void> all;
  auto driver = make_inprocess(3);
  driver->add("quick", [](Context&) { return Outcome::success({}); });
  std::vector<std::thread> producers;
  for (int producer = 0; producer < k_producers; ++producer) {
    producers.emplace_back([&, producer] {
      for (int i = 0; i < k_each; ++i) {
        const int index = producer * k_each + i;
        Task task = of_type("quick");
        task.run.id = "r" + std::to_string(producer);
        task.command = CommandId{static_cast<std::uint64_t>(i)};
        driver->start(std::move(task), [&, index](Outcome) {
          ++answers[static_cast<std::size_t>(index)];
          if (--left == 0) all.set_value();
        });
        if (i % 7 == 0) driver->cancel({"default", "r" + std::to_string(producer)}, CommandId{std::uint64_t(i)});
      }
    });
  }
  for (auto& producer : producers) producer.join();
  ASSERT_EQ(all.get_future().wait_for(std::chrono::seconds(20)), std::future_status::ready);
  driver->shutdown();
  for (const auto& count : answers) ASSERT_EQ(count, 1);
}

}  // namespace

namespace conformance {
INSTANTIATE_TYPED_TEST_SUITE_P(InProcess, DriverConformance, InProcessTraits);
}
}  // namespace perdure::activity
