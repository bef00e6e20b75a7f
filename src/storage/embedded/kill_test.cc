// The store on real files: killed at random moments, and with its tables' bytes flipped.
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "storage/embedded/embedded_store.h"
#include "storage/embedded/test_directory.h"
#include "storage/embedded/test_script.h"
#include "storage/memory/memory_store.h"

namespace perdure::storage {
namespace {

EmbeddedOptions small_generations() {
  EmbeddedOptions options;
  options.overlay_bytes = 30'000;
  options.first_segment_bytes = 64 << 10;
  options.segment_bytes = 256 << 10;
  return options;
}

std::vector<Operation> killed_script() { return ScriptWriter(21).write(300); }

// The child, started by the test below in a process of its own (RocksDB's threads do not survive a bare fork): runs the
// script from an operation on and writes a byte for each that is acknowledged.
TEST(KillChild, DISABLED_RunsUntilKilled) {
  const char* dir = std::getenv("PERDURE_KILL_DIR");
  const char* start = std::getenv("PERDURE_KILL_START");
  const char* pipe_end = std::getenv("PERDURE_KILL_PIPE");
  if (dir == nullptr || start == nullptr || pipe_end == nullptr) GTEST_SKIP() << "only as a child";
  auto store = open_embedded(dir, small_generations());
  ASSERT_TRUE(store.has_value()) << store.error().message;
  const auto script = killed_script();
  for (std::size_t i = static_cast<std::size_t>(std::atoi(start)); i < script.size(); ++i) {
    Status status = run_operation(**store, script[i]);
    if (status && std::holds_alternative<Purge>(script[i]))
      status = commit_and_wait(**store, {{}, {}, (*store)->epoch()});
    ASSERT_TRUE(status.has_value()) << status.error().message;
    ASSERT_EQ(::write(std::atoi(pipe_end), "+", 1), 1);
  }
}

pid_t start_child(const std::string& dir, std::size_t start, int pipe_end) {
  const std::string settings[] = {"PERDURE_KILL_DIR=" + dir, "PERDURE_KILL_START=" + std::to_string(start),
                                  "PERDURE_KILL_PIPE=" + std::to_string(pipe_end)};
  const std::string arguments[] = {"kill_test", "--gtest_filter=KillChild.*", "--gtest_also_run_disabled_tests",
                                   "--gtest_brief=1"};
  std::vector<char*> environment, command;
  for (const std::string& each : settings) environment.push_back(const_cast<char*>(each.c_str()));
  for (const std::string& each : arguments) command.push_back(const_cast<char*>(each.c_str()));
  environment.push_back(nullptr);
  command.push_back(nullptr);
  const pid_t child = ::fork();
  if (child == 0) {
    ::execve("/proc/self/exe", command.data(), environment.data());
    ::_exit(127);
  }
  return child;
}

TEST(Kill, NothingAcknowledgedIsLostHoweverOftenTheProcessIsKilled) {
  const auto script = killed_script();
  std::vector<std::string> expected;
  const auto reference = open_memory();
  expected.push_back(*show(*reference));
  for (const Operation& operation : script) {
    ASSERT_TRUE(run_operation(*reference, operation).has_value());
    expected.push_back(*show(*reference));
  }
  const TestDirectory directory;
  std::size_t done = 0;
  std::mt19937_64 random(5);
  for (int kills = 0; done < script.size() && kills < 100; ++kills) {
    int ends[2];
    ASSERT_EQ(::pipe(ends), 0);
    const pid_t child = start_child(directory.path(), done, ends[1]);
    ASSERT_GT(child, 0);
    ::close(ends[1]);
    // Killed after so many acknowledgements, at whatever it does then.
    const std::size_t quota = random() % 60;
    std::size_t acknowledged = 0;
    char byte = 0;
    while (acknowledged < quota && ::read(ends[0], &byte, 1) == 1) ++acknowledged;
    ::kill(child, SIGKILL);
    while (::read(ends[0], &byte, 1) == 1) ++acknowledged;
    ::close(ends[0]);
    int status = 0;
    ::waitpid(child, &status, 0);
    ASSERT_TRUE(WIFSIGNALED(status) || WEXITSTATUS(status) == 0) << "exit " << WEXITSTATUS(status);

    auto store = open_embedded(directory.path(), small_generations());
    ASSERT_TRUE(store.has_value()) << store.error().message;
    const std::string shown = *show(**store);
    done += acknowledged;
    if (done < script.size() && shown == expected[done + 1] && shown != expected[done])
      ++done;  // durable, not yet told
    ASSERT_EQ(shown, expected[done]) << "after kill " << kills;
  }
  EXPECT_EQ(done, script.size());
}

// RocksDB's files too: a flipped byte is found or changes nothing that is read. Every 97th byte here; all of them with
// PERDURE_EXHAUSTIVE=1.
TEST(Kill, FlippedBytesOfTheTablesAreFoundOrHarmless) {
  const TestDirectory origin;
  std::string shown;
  {
    EmbeddedOptions options = small_generations();
    options.overlay_bytes = 9'000;
    options.drain_on_close_bytes = 0;
    auto store = open_embedded(origin.path(), options);
    ASSERT_TRUE(store.has_value());
    for (const Operation& operation : ScriptWriter(4).write(30))
      ASSERT_TRUE(run_operation(**store, operation).has_value());
    ASSERT_TRUE(commit_and_wait(**store, {{}, {}, (*store)->epoch()}).has_value());
    shown = *show(**store);
  }
  const std::size_t stride = std::getenv("PERDURE_EXHAUSTIVE") != nullptr ? 1 : 97;
  std::size_t found = 0, harmless = 0;
  for (const auto& file : std::filesystem::directory_iterator(origin.path() + "/tables")) {
    if (!file.is_regular_file() || file.path().filename() == "LOG") continue;  // LOG is for people
    for (std::size_t at = 0; at < file.file_size(); at += stride) {
      const TestDirectory copy;
      std::filesystem::copy(origin.path(), copy.path(), std::filesystem::copy_options::recursive);
      const std::string path = copy.path() + "/tables/" + file.path().filename().string();
      {
        std::fstream bytes(path, std::ios::in | std::ios::out | std::ios::binary);
        bytes.seekg(static_cast<std::streamoff>(at));
        const char changed = static_cast<char>(bytes.get() ^ (1 << (at % 8)));
        bytes.seekp(static_cast<std::streamoff>(at));
        bytes.put(changed);
      }
      auto store = open_embedded(copy.path(), small_generations());
      if (!store) {
        ++found;
        EXPECT_NE(store.error().message.find(copy.path()), std::string::npos) << store.error().message;
        continue;
      }
      const auto report = (*store)->verify();
      if (!report || !report->damage.empty()) {
        ++found;
        continue;
      }
      ++harmless;
      const auto now = show(**store);
      ASSERT_TRUE(now.has_value()) << path << " byte " << at << ": " << now.error().message;
      ASSERT_EQ(*now, shown) << path << " byte " << at;
    }
  }
  EXPECT_GT(found, 10U);
}

}  // namespace
}  // namespace perdure::storage
