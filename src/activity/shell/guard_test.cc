// Nothing that a program starts outlives its reason: its end, its time, a cancel, the engine's death by SIGKILL.
// Processes are found by a mark in their environment, which children inherit however they detach themselves.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <thread>

#include "activity/conformance.h"
#include "activity/shell/shell.h"
#include "base/json.h"

namespace perdure::activity {
namespace {

using conformance::Answers;
using conformance::numbered;

// Children in the group, in a session of their own, twice removed, deaf to SIGTERM; then one line, then waiting.
constexpr const char* k_family = R"(
sleep 3600 &
setsid sleep 3600 &
setsid bash -c 'setsid sleep 3600 & sleep 3600' &
(trap '' TERM; sleep 3600; sleep 3600) &
bash -c 'sleep 3600 & disown' &
sleep 3600 & sleep 3600 &
echo ready > "$READY"
)";
constexpr std::size_t k_family_size = 9;

std::string unique_mark(const char* name) {
  return std::string("perdure-") + name + "-" + std::to_string(getpid()) + "-" +
         std::to_string(std::chrono::steady_clock::now().time_since_epoch().count());
}

std::string script_args(const std::string& mark, const std::string& ready, const std::string& last) {
  const Value env = Value::object({{"MARK", Value(mark)}, {"READY", Value(ready)}});
  const Value args = Value::object({{"language", "bash"}, {"source", Value(k_family + last)}, {"env", env}});
  return to_json(args);
}

std::vector<pid_t> marked(const std::string& mark) {
  std::vector<pid_t> found;
  for (const auto& entry :
       std::filesystem::directory_iterator("/proc", std::filesystem::directory_options::skip_permission_denied)) {
    const std::string name = entry.path().filename();
    if (name.find_first_not_of("0123456789") != std::string::npos) continue;
    std::ifstream file(entry.path() / "environ", std::ios::binary);
    std::stringstream text;
    text << file.rdbuf();
    if (text.str().find("MARK=" + mark) != std::string::npos) found.push_back(std::stoi(name));
  }
  return found;
}

template <class Condition>
bool eventually(Condition condition) {
  const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (std::chrono::steady_clock::now() < until) {
    if (condition()) return true;
    std::this_thread::yield();
  }
  return false;
}

class Guard : public testing::Test {
 protected:
  std::string mark_ = unique_mark(testing::UnitTest::GetInstance()->current_test_info()->name());
  std::filesystem::path ready_ = std::filesystem::temp_directory_path() / mark_;
  ~Guard() override { std::filesystem::remove(ready_); }

  Task family(const std::string& last) const {
    Task task;
    task.type = "script";
    task.args = Bytes(script_args(mark_, ready_, last));
    return task;
  }
  bool family_is_up() {
    return eventually([this] { return std::filesystem::exists(ready_) && marked(mark_).size() >= k_family_size; });
  }
};

TEST_F(Guard, CancelEndsThemAll) {
  Answers answers;
  auto driver = make_shell({.term_grace_ms = 40});
  driver->start(numbered(family("wait"), 1), answers.expect(CommandId{1}));
  ASSERT_TRUE(family_is_up());
  driver->cancel({"default", "conformance"}, CommandId{1});
  ASSERT_TRUE(answers.wait_all());
  EXPECT_EQ(answers.of(1).error.type, "cancelled");
  EXPECT_TRUE(marked(mark_).empty());
}

TEST_F(Guard, TheTimeLimitEndsThemAll) {
  Answers answers;
  auto driver = make_shell({.term_grace_ms = 40});
  Task task = family("wait");
  task.start_to_close_ms = 400;
  driver->start(numbered(task, 1), answers.expect(CommandId{1}));
  ASSERT_TRUE(answers.wait_all());
  EXPECT_EQ(answers.of(1).error.type, "timeout.start_to_close");
  EXPECT_TRUE(marked(mark_).empty());
}

TEST_F(Guard, TheEndOfTheProgramEndsWhatItLeftBehind) {
  Answers answers;
  auto driver = make_shell();
  driver->start(numbered(family("echo done"), 1), answers.expect(CommandId{1}));
  ASSERT_TRUE(answers.wait_all());
  EXPECT_TRUE(answers.of(1).ok) << answers.of(1).error.title;
  EXPECT_TRUE(marked(mark_).empty());
}

TEST_F(Guard, ShutdownEndsThemAll) {
  Answers answers;
  auto driver = make_shell({.term_grace_ms = 40});
  driver->start(numbered(family("wait"), 1), answers.expect(CommandId{1}));
  ASSERT_TRUE(family_is_up());
  driver->shutdown();
  EXPECT_EQ(answers.of(1).error.type, "engine.shutdown");
  EXPECT_TRUE(marked(mark_).empty());
}

TEST_F(Guard, AProgramDeafToTermIsKilledAfterTheGrace) {
  Answers answers;
  auto driver = make_shell({.term_grace_ms = 40});
  driver->start(numbered(family("trap '' TERM; while true; do sleep 1; done"), 1), answers.expect(CommandId{1}));
  ASSERT_TRUE(family_is_up());
  const auto asked = std::chrono::steady_clock::now();
  driver->cancel({"default", "conformance"}, CommandId{1});
  ASSERT_TRUE(answers.wait_all());
  EXPECT_GE(std::chrono::steady_clock::now() - asked, std::chrono::milliseconds(40));
  EXPECT_TRUE(marked(mark_).empty());
}

// The engine whose death the next test watches: this binary again, with only this test.
TEST_F(Guard, DISABLED_Engine) {
  const char* mark = std::getenv("PERDURE_TEST_FAMILY");
  ASSERT_NE(mark, nullptr);
  mark_ = mark;
  ready_ = std::filesystem::temp_directory_path() / mark_;
  auto driver = make_shell();
  Answers answers;
  driver->start(numbered(family("wait"), 1), answers.expect(CommandId{1}));
  answers.wait_all(std::chrono::hours(1));
}

TEST_F(Guard, SigkillOfTheEngineEndsThemAll) {
  const std::string variable = "PERDURE_TEST_FAMILY=" + mark_;
  std::string program = "/proc/self/exe";
  std::string filter = "--gtest_filter=Guard.DISABLED_Engine";
  std::string also = "--gtest_also_run_disabled_tests";
  std::string name = variable;
  std::string path = std::string("PATH=") + std::getenv("PATH");
  char* argv[] = {program.data(), filter.data(), also.data(), nullptr};
  char* env[] = {name.data(), path.data(), nullptr};
  pid_t engine = 0;
  ASSERT_EQ(posix_spawn(&engine, "/proc/self/exe", nullptr, nullptr, argv, env), 0);
  ASSERT_TRUE(family_is_up());
  kill(engine, SIGKILL);
  ASSERT_EQ(waitpid(engine, nullptr, 0), engine);
  EXPECT_TRUE(eventually([this] { return marked(mark_).empty(); })) << marked(mark_).size() << " processes are left";
}

TEST_F(Guard, AKilledGuardIsToldAndItsProgramIsKilled) {
  Answers answers;
  auto driver = make_shell();
  Task task;
  task.type = "script";
  // The script's parent is its guard.
  task.args =
      Bytes::copy(R"({"language":"bash","source":"kill -9 $PPID; sleep 3600","env":{"MARK":")" + mark_ + "\"}}");
  driver->start(numbered(task, 1), answers.expect(CommandId{1}));
  ASSERT_TRUE(answers.wait_all());
  EXPECT_EQ(answers.of(1).error.type, "shell.lost");
  EXPECT_EQ(answers.of(1).error.error_class, ErrorClass::ambiguous);
}

TEST_F(Guard, AKilledNurseryIsReplaced) {
  const auto nurseries = [] {
    std::vector<pid_t> found;
    std::ifstream list("/proc/thread-self/children");
    for (pid_t pid = 0; list >> pid;) {
      std::ifstream comm("/proc/" + std::to_string(pid) + "/comm");
      std::string text;
      if (comm >> text && text == "perdure-nursery") found.push_back(pid);
    }
    return found;
  };
  auto driver = make_shell();
  ASSERT_TRUE(eventually([&] { return nurseries().size() == 1; }));
  const pid_t first = nurseries().front();
  kill(first, SIGKILL);
  siginfo_t info{};
  ASSERT_EQ(waitid(P_PID, static_cast<id_t>(first), &info, WEXITED | WNOWAIT), 0);
  Task task;
  task.type = "shell";
  task.args = Bytes::copy(R"({"argv":["true"]})");
  EXPECT_TRUE(conformance::run_one(*driver, task).ok);
}

}  // namespace
}  // namespace perdure::activity
