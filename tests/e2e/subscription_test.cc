// examples/subscription.yaml over its whole year, by a clock that is moved on by hand. Nothing waits for real.
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "activity/inprocess/inprocess.h"
#include "base/json.h"
#include "loaders/load.h"
#include "runtime/runtime.h"
#include "runtime/virtual_clock.h"
#include "storage/memory/memory_store.h"

namespace perdure {
namespace {

constexpr DurationMs k_day = 86'400'000;
const RunKey k_run{"default", "c-1"};

class Subscription : public testing::Test {
 protected:
  void SetUp() override {
    std::ifstream file(PERDURE_SOURCE_DIR "/examples/subscription.yaml");
    std::ostringstream text;
    text << file.rdbuf();
    auto loaded = loaders::load_native(text.str(), "subscription.yaml");
    for (const auto& diagnostic : loaded.diagnostics) ADD_FAILURE() << diagnostic.message;
    ASSERT_TRUE(loaded.ok());
    plan_ = loaded.plan;
    open();
  }

  // A fresh engine on the same store, as after a restart of the machine.
  void open() {
    engine_.reset();
    auto driver = activity::make_inprocess(1);
    driver->add("http", [this](activity::Context& context) { return charge(context.task()); }, {.trivial = true});
    driver->add("notify", [this](activity::Context& context) { return remind(context.task()); }, {.trivial = true});
    runtime::RuntimeOptions options;
    options.clock = clock_;
    options.manual = true;
    options.drivers = {std::shared_ptr<activity::Driver>(std::move(driver))};
    auto made = runtime::make_engine(store_, std::move(options));
    ASSERT_TRUE(made.has_value()) << made.error().message;
    engine_ = std::move(*made);
    settle();
  }

  void begin() {
    engine::StartRequest request;
    request.id = k_run.id;
    request.plan = plan_;
    request.input = Bytes::copy(R"({"customer": "c-1"})");
    const auto started = engine_->start(std::move(request));
    ASSERT_TRUE(started.has_value()) << started.error().message;
    settle();
  }

  void settle() {
    while (runtime::turn(*engine_)) {}
  }
  void pass_days(int days) {
    for (int i = 0; i < days; ++i) {
      clock_->advance(k_day);
      settle();
    }
  }
  std::int64_t today() const { return (clock_->now_ms() - begun_) / k_day; }

  activity::Outcome charge(const activity::Task& task) {
    keys_.push_back(task.idempotency_key);
    charged_on_.push_back(today());
    return activity::Outcome::success(Bytes::copy(R"({"status": 201, "headers": {}, "body": {"id": "x"}})"));
  }
  activity::Outcome remind(const activity::Task&) {
    reminded_on_.push_back(today());
    return activity::Outcome::success(Bytes::copy("null"));
  }

  engine::RunView view() {
    auto described = engine_->describe(k_run);
    EXPECT_TRUE(described.has_value());
    return described.value_or(engine::RunView{});
  }

  std::shared_ptr<const plan::Plan> plan_;
  std::shared_ptr<runtime::VirtualClock> clock_ = std::make_shared<runtime::VirtualClock>();
  const TimeMs begun_ = clock_->now_ms();
  std::shared_ptr<storage::Store> store_ = storage::open_memory();
  std::vector<std::int64_t> charged_on_, reminded_on_;
  std::vector<std::string> keys_;
  std::unique_ptr<engine::Engine> engine_;  // last: it goes before what its activities write to
};

TEST_F(Subscription, ChargesTwelveTimesInAYear) {
  begin();
  pass_days(13);
  EXPECT_TRUE(charged_on_.empty()) << "charged within the trial";
  pass_days(14 + 12 * 30 - 13);
  std::vector<std::int64_t> charges, reminders;
  for (int month = 0; month < 12; ++month) {
    charges.push_back(14 + 30 * month);
    reminders.push_back(14 + 30 * month + 25);
  }
  EXPECT_EQ(charged_on_, charges);
  EXPECT_EQ(reminded_on_, reminders);
  EXPECT_EQ(view().status, "completed");
  EXPECT_EQ(to_json(view().output), R"({"charged":12,"ended_by":"year"})");
}

TEST_F(Subscription, SurvivesARestartEachMonth) {
  begin();
  for (int month = 0; month < 13; ++month) {
    pass_days(29);
    open();
  }
  EXPECT_EQ(charged_on_.size(), 12U);
  EXPECT_EQ(view().status, "completed");
  const auto replayed = engine_->replay(k_run);
  ASSERT_TRUE(replayed.has_value()) << replayed.error().message;
  EXPECT_TRUE(replayed->matches);
}

TEST_F(Subscription, ChargesOnceForAMonthThatWasSleptThrough) {
  begin();
  clock_->advance(400 * k_day);  // nothing ran for more than a year; what is due comes late, once, and in order
  settle();
  EXPECT_EQ(charged_on_, std::vector<std::int64_t>{400});
}

TEST_F(Subscription, EndsWhenTheCustomerLeaves) {
  begin();
  pass_days(100);
  EXPECT_EQ(charged_on_.size(), 3U);
  const auto charged = engine_->query(k_run, "charged");
  ASSERT_TRUE(charged.has_value()) << charged.error().message;
  EXPECT_EQ(*charged, Value(3));
  ASSERT_TRUE(engine_->signal(k_run, "unsubscribe", Value(), "s-1").has_value());
  settle();
  EXPECT_EQ(view().status, "completed");
  EXPECT_EQ(to_json(view().output), R"({"charged":3,"ended_by":"cancelled"})");
  pass_days(300);
  EXPECT_EQ(charged_on_.size(), 3U) << "charged after the end";
}

TEST_F(Subscription, EachChargeHasAKeyOfItsOwn) {
  begin();
  pass_days(400);
  std::sort(keys_.begin(), keys_.end());
  EXPECT_EQ(keys_.size(), 12U);
  EXPECT_EQ(std::unique(keys_.begin(), keys_.end()), keys_.end());
}

}  // namespace
}  // namespace perdure
