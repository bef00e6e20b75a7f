// The engine with its threads: real shards, a real pool, several clients; for the thread sanitizer above all.
#include <gtest/gtest.h>

#include <atomic>
#include <filesystem>
#include <thread>

#include "activity/inprocess/inprocess.h"
#include "runtime/test_world.h"
#include "storage/embedded/embedded_store.h"

namespace perdure::runtime {
namespace {

constexpr const char* k_flow = R"(
name: flow
steps:
  - {id: quick, call: work.a, with: {n: "${ .input }"}}
  - id: wide
    foreach: "${ [1, 2, 3, 4] }"
    parallel: 4
    call: work.b
    with: {n: "${ .item }"}
  - {id: nap, wait: 1h}
  - {id: end, call: work.c, with: {}, retry: {initial: 1ms, max_attempts: 10}}
)";

class Threads : public ::testing::Test {
 protected:
  Threads() {
    std::string name = "/tmp/perdure_threads_test_XXXXXX";
    directory_ = ::mkdtemp(name.data());
  }
  ~Threads() override {
    engine_.reset();
    std::filesystem::remove_all(directory_);
  }
  void open() {
    auto store = storage::open_embedded(directory_);
    ASSERT_TRUE(store) << store.error().message;
    std::shared_ptr<activity::InProcess> pool = activity::make_inprocess(3);
    const auto echo = [](activity::Context& context) { return activity::Outcome::success(context.task().args); };
    pool->add("work.a", echo, {.trivial = true});
    pool->add("work.b", echo);
    pool->add("work.c", [this](activity::Context& context) {
      if (++ends_ % 7 != 0) return activity::Outcome::success(context.task().args);
      activity::ActivityError error;
      error.type = "busy";
      error.error_class = activity::ErrorClass::transient;
      return activity::Outcome::failure(std::move(error));
    });
    RuntimeOptions options;
    options.shards = 2;
    options.clock = clock_;
    options.cache_bytes = 200'000;  // most runs live on disk
    options.drivers = {std::move(pool)};
    auto engine = make_engine(std::move(*store), options);
    ASSERT_TRUE(engine) << engine.error().message;
    engine_ = std::move(*engine);
  }
  std::string directory_;
  std::shared_ptr<VirtualClock> clock_ = std::make_shared<VirtualClock>();
  std::atomic<int> ends_{0};
  std::unique_ptr<engine::Engine> engine_;
};

TEST_F(Threads, ManyClientsOneStoreOneRestart) {
  constexpr int k_clients = 3, k_runs = 40;
  open();
  const auto plan = testing::plan_of(k_flow);
  std::vector<std::thread> clients;
  for (int c = 0; c < k_clients; ++c)
    clients.emplace_back([&, c] {
      for (int i = 0; i < k_runs; ++i) {
        engine::StartRequest request;
        request.id = "r" + std::to_string(c) + "-" + std::to_string(i);
        request.plan = plan;
        request.input = Bytes(std::to_string(i));
        ASSERT_TRUE(engine_->start(request));
        if (i % 5 == 0) { ASSERT_TRUE(engine_->describe({"default", request.id})); }
        if (i % 7 == 0) { ASSERT_TRUE(engine_->pause({"default", request.id}, "x", "")); }
        if (i % 7 == 0) { ASSERT_TRUE(engine_->resume({"default", request.id}, "x", "")); }
      }
    });
  for (std::thread& client : clients) client.join();
  engine_.reset();  // with work in flight
  open();
  for (int c = 0; c < k_clients; ++c)
    for (int i = 0; i < k_runs; ++i) {
      const RunKey run{"default", "r" + std::to_string(c) + "-" + std::to_string(i)};
      // Attempts that the restart cut off are made again after a pause, which is up to the clock.
      Result<engine::RunView> view = engine_->wait(run, false, std::chrono::milliseconds(1));
      for (int tries = 0; !view && tries < 30'000; ++tries) {
        clock_->advance(600'000);
        view = engine_->wait(run, false, std::chrono::milliseconds(5));
      }
      ASSERT_TRUE(view) << run.id << ": " << view.error().message;
      EXPECT_EQ(view->status, "completed") << run.id;
    }
  auto doctor = engine_->doctor();
  ASSERT_TRUE(doctor);
  EXPECT_TRUE(doctor->clean) << (doctor->findings.empty() ? "" : doctor->findings.front());
  EXPECT_EQ(doctor->open, 0U);
  EXPECT_EQ(doctor->runs, static_cast<std::uint64_t>(k_clients * k_runs));
}

TEST_F(Threads, ShutdownAnswersWhoeverWaits) {
  open();
  engine::StartRequest request;
  request.id = "r";
  request.plan = testing::plan_of("name: l\nsteps: [{id: l, listen: {signal: go}}]\n");
  ASSERT_TRUE(engine_->start(request));
  std::thread waiting([&] { EXPECT_FALSE(engine_->wait({"default", "r"}, false, std::chrono::milliseconds(300))); });
  waiting.join();
  engine_->shutdown();
  EXPECT_EQ(engine_->signal({"default", "r"}, "go", Value(1), "").error().code, ErrorCode::cancelled);
  EXPECT_EQ(engine_->start(request).error().code, ErrorCode::cancelled);
}

}  // namespace
}  // namespace perdure::runtime
