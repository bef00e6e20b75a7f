#pragma once
// The suite that every activity driver passes. A driver's test instantiates it with a fixture that says how to make the
// driver and three kinds of task: one that succeeds, one that would run for an hour, and one the driver must refuse.
//
//   struct ShellTraits { static std::unique_ptr<Driver> make(); static Task quick(); static Task endless(); ... };
//   INSTANTIATE_TYPED_TEST_SUITE_P(Shell, DriverConformance, ShellTraits);
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include "activity/activity.h"

namespace perdure::activity::conformance {

// Collects outcomes by command; counts answers so that a second one is seen. Thread-safe; must outlive the driver.
class Answers {
 public:
  OnDone expect(CommandId command) {
    const std::lock_guard lock(mutex_);
    ++expected_;
    return [this, command](Outcome outcome) {
      const std::lock_guard guard(mutex_);
      ++counts_[command];
      outcomes_[command] = std::move(outcome);
      ++arrived_;
      changed_.notify_all();
    };
  }
  bool wait_all(std::chrono::milliseconds limit = std::chrono::seconds(20)) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, limit, [this] { return arrived_ >= expected_; });
  }
  Outcome of(std::uint64_t seq) {
    const std::lock_guard lock(mutex_);
    return outcomes_[CommandId{seq}];
  }
  int count(std::uint64_t seq) {
    const std::lock_guard lock(mutex_);
    return counts_[CommandId{seq}];
  }
  std::size_t arrived() {
    const std::lock_guard lock(mutex_);
    return arrived_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::map<CommandId, Outcome> outcomes_;
  std::map<CommandId, int> counts_;
  std::size_t expected_ = 0;
  std::size_t arrived_ = 0;
};

inline Task numbered(Task task, std::uint64_t seq) {
  task.run = RunKey{"default", "conformance"};
  task.command = CommandId{seq};
  task.step = "step";
  task.idempotency_key = "conformance:" + std::to_string(seq);
  return task;
}

// Runs one task to its outcome.
inline Outcome run_one(Driver& driver, Task task) {
  Answers answers;
  task = numbered(std::move(task), 1);
  driver.start(std::move(task), answers.expect(CommandId{1}));
  EXPECT_TRUE(answers.wait_all()) << "no answer";
  return answers.of(1);
}

template <class Traits>
class DriverConformance : public testing::Test {
 protected:
  // Declared in this order: the driver ends before what its callbacks point to.
  Answers answers_;
  Traits traits_;
  std::unique_ptr<Driver> driver_ = traits_.make();

  void start(Task task, std::uint64_t seq) {
    driver_->start(numbered(std::move(task), seq), answers_.expect(CommandId{seq}));
  }
  static std::chrono::milliseconds since(std::chrono::steady_clock::time_point then) {
    return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() - then);
  }
};
TYPED_TEST_SUITE_P(DriverConformance);

TYPED_TEST_P(DriverConformance, ServesAtLeastOneType) {
  const auto types = this->driver_->types();
  ASSERT_FALSE(types.empty());
  EXPECT_NE(std::find(types.begin(), types.end(), this->traits_.quick().type), types.end());
}

TYPED_TEST_P(DriverConformance, AnswersASuccessWithJson) {
  this->start(this->traits_.quick(), 1);
  ASSERT_TRUE(this->answers_.wait_all());
  const Outcome outcome = this->answers_.of(1);
  EXPECT_TRUE(outcome.ok) << outcome.error.type << ": " << outcome.error.title << " " << outcome.error.detail;
  EXPECT_FALSE(outcome.result.empty());
}

TYPED_TEST_P(DriverConformance, AnswersEachOfManyExactlyOnce) {
  constexpr std::uint64_t k_tasks = 60;
  for (std::uint64_t seq = 1; seq <= k_tasks; ++seq) this->start(this->traits_.quick(), seq);
  ASSERT_TRUE(this->answers_.wait_all());
  this->driver_->shutdown();
  for (std::uint64_t seq = 1; seq <= k_tasks; ++seq) {
    EXPECT_EQ(this->answers_.count(seq), 1) << seq;
    EXPECT_TRUE(this->answers_.of(seq).ok) << seq << " " << this->answers_.of(seq).error.title;
  }
}

TYPED_TEST_P(DriverConformance, RefusesBadWorkWithoutRetry) {
  this->start(this->traits_.refused(), 1);
  ASSERT_TRUE(this->answers_.wait_all());
  const Outcome outcome = this->answers_.of(1);
  EXPECT_FALSE(outcome.ok);
  EXPECT_EQ(outcome.error.error_class, ErrorClass::fatal);
  EXPECT_FALSE(outcome.error.type.empty());
  EXPECT_FALSE(outcome.error.title.empty());
}

TYPED_TEST_P(DriverConformance, EndsAnAttemptAtItsTime) {
  const auto begun = std::chrono::steady_clock::now();
  Task task = this->traits_.endless();
  task.start_to_close_ms = 60;
  this->start(std::move(task), 1);
  ASSERT_TRUE(this->answers_.wait_all());
  EXPECT_EQ(this->answers_.of(1).error.type, "timeout.start_to_close");
  EXPECT_GE(this->since(begun).count(), 60);
  this->driver_->shutdown();
  EXPECT_EQ(this->answers_.count(1), 1);
}

TYPED_TEST_P(DriverConformance, CancelEndsARunningAttempt) {
  this->start(this->traits_.endless(), 1);
  this->start(this->traits_.quick(), 2);
  this->driver_->cancel(RunKey{"default", "conformance"}, CommandId{1});
  this->driver_->cancel(RunKey{"default", "conformance"}, CommandId{1});  // asking twice changes nothing
  ASSERT_TRUE(this->answers_.wait_all(2 * k_cancel_grace));
  EXPECT_EQ(this->answers_.of(1).error.type, "cancelled");
  EXPECT_TRUE(this->answers_.of(1).error.error_class == ErrorClass::fatal ||
              this->answers_.of(1).error.error_class == ErrorClass::ambiguous);
  EXPECT_TRUE(this->answers_.of(2).ok);
  this->driver_->shutdown();
  EXPECT_EQ(this->answers_.count(1), 1);
}

TYPED_TEST_P(DriverConformance, CancelOfTheUnknownIsIgnored) {
  this->driver_->cancel(RunKey{"default", "nobody"}, CommandId{7});
  this->start(this->traits_.quick(), 1);
  ASSERT_TRUE(this->answers_.wait_all());
  this->driver_->cancel(RunKey{"default", "conformance"}, CommandId{1});
  EXPECT_TRUE(this->answers_.of(1).ok);
  EXPECT_EQ(this->answers_.count(1), 1);
}

TYPED_TEST_P(DriverConformance, ShutdownAnswersEverything) {
  constexpr std::uint64_t k_tasks = 40;
  for (std::uint64_t seq = 1; seq <= k_tasks; ++seq) this->start(this->traits_.endless(), seq);
  const auto begun = std::chrono::steady_clock::now();
  this->driver_->shutdown();
  EXPECT_EQ(this->answers_.arrived(), k_tasks);
  EXPECT_LE(this->since(begun), k_cancel_grace);
  for (std::uint64_t seq = 1; seq <= k_tasks; ++seq) {
    EXPECT_EQ(this->answers_.count(seq), 1);
    EXPECT_FALSE(this->answers_.of(seq).ok);
  }
  this->start(this->traits_.quick(), k_tasks + 1);
  ASSERT_TRUE(this->answers_.wait_all());
  EXPECT_EQ(this->answers_.of(k_tasks + 1).error.type, "engine.shutdown");
  this->driver_->shutdown();
}

REGISTER_TYPED_TEST_SUITE_P(DriverConformance, ServesAtLeastOneType, AnswersASuccessWithJson,
                            AnswersEachOfManyExactlyOnce, RefusesBadWorkWithoutRetry, EndsAnAttemptAtItsTime,
                            CancelEndsARunningAttempt, CancelOfTheUnknownIsIgnored, ShutdownAnswersEverything);

}  // namespace perdure::activity::conformance
