#include "activity/notify/notify.h"

#include <gtest/gtest.h>

#include <set>

#include "activity/conformance.h"
#include "activity/outcome.h"
#include "base/json.h"

namespace perdure::activity {
namespace {

using conformance::Answers;
using conformance::run_one;

Task notify(std::string args) {
  Task task;
  task.type = "notify";
  task.args = Bytes(std::move(args));
  return task;
}

class FixedClock : public Clock {
 public:
  TimeMs now_ms() override { return 1'767'323'045'678; }
  std::int64_t monotonic_us() override { return 0; }
};

// Stands for the http driver: answers at once, or, for a URL that ends in /endless, at the time limit or a cancel.
class FakeHttp {
 public:
  ~FakeHttp() {
    {
      const std::lock_guard lock(mutex_);
      stop_ = true;
    }
    changed_.notify_all();
    for (auto& thread : threads_) thread.join();
  }
  void start(Task task, OnDone done) {
    const std::lock_guard lock(mutex_);
    seen.push_back(std::string(task.args.view()));
    types.insert(task.type);
    if (task.args.view().find("/endless") == std::string_view::npos) {
      return done(Outcome::success(Bytes::copy(R"({"status":202,"headers":{},"body":"ignored"})")));
    }
    threads_.emplace_back([this, command = task.command, limit = task.start_to_close_ms, done = std::move(done)] {
      std::unique_lock wait(mutex_);
      const auto time = std::chrono::milliseconds(limit > 0 ? limit : 3'600'000);
      const bool asked = changed_.wait_for(wait, time, [&] { return stop_ || cancelled_.contains(command); });
      wait.unlock();
      done(failure({.type = asked ? "cancelled" : "timeout.start_to_close",
                    .title = "x",
                    .error_class = ErrorClass::ambiguous}));
    });
  }
  void cancel(const RunKey&, CommandId command) {
    const std::lock_guard lock(mutex_);
    cancelled_.insert(command);
    changed_.notify_all();
  }
  std::vector<std::string> seen;
  std::set<std::string> types;

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::set<CommandId> cancelled_;
  bool stop_ = false;
  std::vector<std::thread> threads_;
};

NotifyOptions wired(FakeHttp& http) {
  NotifyOptions options;
  options.sink = [](std::string_view) {};
  options.http = [&http](Task task, OnDone done) { http.start(std::move(task), std::move(done)); };
  options.cancel_http = [&http](const RunKey& run, CommandId command) { http.cancel(run, command); };
  return options;
}

struct NotifyTraits {
  FakeHttp http;
  std::unique_ptr<Driver> make() { return make_notify(wired(http)); }
  static Task quick() { return notify(R"({"channel":"log","message":"hi"})"); }
  static Task endless() { return notify(R"({"channel":"webhook","message":"hi","url":"http://a.example/endless"})"); }
  static Task refused() { return notify(R"({"channel":"log"})"); }
};

TEST(Notify, LogWritesOneLineOfJson) {
  std::vector<std::string> lines;
  FixedClock clock;
  NotifyOptions options;
  options.sink = [&lines](std::string_view line) { lines.emplace_back(line); };
  options.clock = &clock;
  auto driver = make_notify(options);
  const Outcome outcome = run_one(*driver, notify(R"({"message":"two\nlines","title":"T","data":{"n":[1]}})"));
  EXPECT_EQ(outcome.result.view(), R"({"channel":"log"})");
  ASSERT_EQ(lines.size(), 1u);
  EXPECT_EQ(
      lines[0],
      R"({"timestamp":"2026-01-02T03:04:05.678Z","level":"info","event":"notify","message":"two\nlines","title":"T",)"
      R"("data":{"n":[1]},"tenant":"default","run_id":"conformance","step":"step","attempt":1})");
}

TEST(Notify, WebhookPostsJsonThroughTheHttpDriver) {
  FakeHttp http;
  auto driver = make_notify(wired(http));
  const Outcome outcome = run_one(
      *driver, notify(R"({"channel":"webhook","url":"https://hooks.example/T","message":{"a":1},"title":"Done"})"));
  EXPECT_EQ(outcome.result.view(), R"({"channel":"webhook","status":202})");
  EXPECT_EQ(http.types, std::set<std::string>{"http"});
  EXPECT_EQ(
      http.seen.at(0),
      R"({"method":"POST","url":"https://hooks.example/T","body":{"message":"{\"a\":1}","title":"Done","tenant":"default",)"
      R"("run_id":"conformance","step":"step","attempt":1,"text":"Done\n{\"a\":1}"}})");
}

TEST(Notify, MistakesAreNamed) {
  auto driver = make_notify();
  struct Case {
    const char* args;
    const char* type;
    const char* title;
  };
  const Case cases[] = {
      {R"({})", "validation", "notify: 'with.message' is missing"},
      {R"({"message":"x","channel":"slack"})", "validation",
       "notify: 'with.channel' is 'slack', which is none of: log, webhook"},
      {R"({"message":"x","channel":"webhook"})", "validation", "notify: 'with.url' is missing: where the webhook goes"},
      {R"({"message":"x","url":"http://a"})", "validation", "notify: 'with.url' has no use for the channel 'log'"},
      {R"({"massage":"x"})", "validation", "notify: 'with.message' is missing"},
      {R"({"message":"x","titel":"y"})", "validation",
       "notify: 'with.titel' is unknown to notify; did you mean 'title'?"},
      {R"({"message":"x","channel":"webhook","url":"http://a"})", "notify.unavailable",
       "webhooks are not available here: no http driver is wired in"},
  };
  for (const Case& c : cases) {
    const ActivityError error = run_one(*driver, notify(c.args)).error;
    EXPECT_EQ(error.type, c.type) << c.args;
    EXPECT_EQ(error.title, c.title) << c.args;
    EXPECT_EQ(error.error_class, ErrorClass::fatal) << c.args;
  }
}

}  // namespace

namespace conformance {
INSTANTIATE_TYPED_TEST_SUITE_P(Notify, DriverConformance, NotifyTraits);
}
}  // namespace perdure::activity
