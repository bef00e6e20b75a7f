// The store on a simulated disk: stopped at every call, failing at every call, full for a while, damaged at every byte.
#include <gtest/gtest.h>

#include "storage/embedded/embedded_store.h"
#include "storage/embedded/faulty_file_system.h"
#include "storage/embedded/mirror_tables.h"
#include "storage/embedded/test_script.h"
#include "storage/memory/memory_store.h"

namespace perdure::storage {
namespace {

constexpr std::size_t k_operations = 40;

EmbeddedOptions options_on(FaultyFileSystem& files) {
  EmbeddedOptions options;
  options.threads = false;
  options.files = &files;
  options.open_tables = open_mirror_tables;
  options.overlay_bytes = 12'000;  // several generations in a script
  options.first_segment_bytes = 16 << 10;
  options.segment_bytes = 64 << 10;
  options.drain_on_close_bytes = 1 << 20;
  return options;
}

// What a store shows after each of the first n operations.
std::vector<std::string> expected_after(const std::vector<Operation>& script) {
  std::vector<std::string> shown;
  const auto reference = open_memory();
  shown.push_back(*show(*reference));
  for (const Operation& operation : script) {
    EXPECT_TRUE(run_operation(*reference, operation).has_value());
    shown.push_back(*show(*reference));
  }
  return shown;
}

// A purge alone has nobody waiting for it: an empty commit behind it tells when it is durable.
Status run_durably(Store& store, const Operation& operation) {
  PERDURE_TRY_VOID(run_operation(store, operation));
  if (std::holds_alternative<Purge>(operation)) return commit_and_wait(store, {{}, {}, store.epoch()});
  return {};
}

struct Progress {
  std::size_t acknowledged = 0, given = 0;
};

// Opens and runs the script from `progress.acknowledged` until something fails.
Status run_script(FaultyFileSystem& files, const std::vector<Operation>& script, Progress& progress) {
  PERDURE_TRY(store, open_embedded("/store", options_on(files)));
  while (progress.acknowledged < script.size()) {
    progress.given = progress.acknowledged + 1;
    PERDURE_TRY_VOID(run_durably(*store, script[progress.acknowledged]));
    progress.acknowledged = progress.given;
  }
  return {};
}

std::size_t calls_of(const std::vector<Operation>& script) {
  FaultyFileSystem files(1);
  Progress progress;
  EXPECT_TRUE(run_script(files, script, progress).has_value());
  return files.calls();
}

// Which of the allowed states the store shows; none is a failure.
std::optional<std::size_t> state_of(Store& store, const std::vector<std::string>& expected, const Progress& progress) {
  const auto shown = show(store);
  if (!shown) {
    ADD_FAILURE() << shown.error().message;
    return std::nullopt;
  }
  for (std::size_t n = progress.acknowledged; n <= std::max(progress.acknowledged, progress.given); ++n) {
    if (*shown == expected[n]) return n;
  }
  ADD_FAILURE() << "after " << progress.acknowledged << " acknowledged operations the store shows\n" << *shown;
  return std::nullopt;
}

TEST(Recovery, ACrashAtEveryCallLosesNothingAcknowledged) {
  const auto script = ScriptWriter(7).write(k_operations);
  const auto expected = expected_after(script);
  const std::size_t calls = calls_of(script);
  ASSERT_GT(calls, 100U);
  for (std::size_t at = 1; at <= calls; ++at) {
    for (std::uint64_t seed = 1; seed <= 4; ++seed) {
      SCOPED_TRACE("crash at call " + std::to_string(at) + ", seed " + std::to_string(seed));
      FaultyFileSystem files(seed);
      files.set_faults([&](std::uint64_t call) { return call == at ? DiskFault::crash : DiskFault::none; });
      Progress progress;
      static_cast<void>(run_script(files, script, progress));
      ASSERT_TRUE(files.crashed());
      files.restart();
      files.set_faults({});
      // And once more while it recovers.
      const std::uint64_t again = files.calls() + 1 + (at * 7 + seed) % 25;
      files.set_faults([&](std::uint64_t call) { return call == again ? DiskFault::crash : DiskFault::none; });
      static_cast<void>(open_embedded("/store", options_on(files)));
      if (files.crashed()) files.restart();
      files.set_faults({});
      auto store = open_embedded("/store", options_on(files));
      ASSERT_TRUE(store.has_value()) << store.error().message;
      const auto state = state_of(**store, expected, progress);
      ASSERT_TRUE(state.has_value());
      store->reset();
      // It goes on from there.
      Progress rest{*state, *state};
      const Status finished = run_script(files, script, rest);
      ASSERT_TRUE(finished.has_value()) << finished.error().message;
    }
  }
}

// After an error the caller recovers, finds out where it stands, and goes on.
void run_through_errors(FaultyFileSystem& files, const std::vector<Operation>& script,
                        const std::vector<std::string>& expected) {
  Result<std::unique_ptr<Store>> store = fail(ErrorCode::internal, "not opened");
  for (int attempt = 0; attempt < 20 && !store; ++attempt) store = open_embedded("/store", options_on(files));
  ASSERT_TRUE(store.has_value()) << store.error().message;
  Progress progress;
  for (int troubles = 0; progress.acknowledged < script.size();) {
    progress.given = progress.acknowledged + 1;
    const Status status = run_durably(**store, script[progress.acknowledged]);
    if (status) {
      progress.acknowledged = progress.given;
      continue;
    }
    ASSERT_LT(++troubles, 60) << status.error().message;
    ASSERT_TRUE(status.error().code == ErrorCode::io || status.error().code == ErrorCode::exhausted)
        << status.error().message;
    Status recovered = (*store)->recover();
    for (int attempt = 0; attempt < 10 && !recovered; ++attempt) recovered = (*store)->recover();
    ASSERT_TRUE(recovered.has_value()) << recovered.error().message;
    std::optional<std::size_t> state;
    for (int attempt = 0; attempt < 10 && !state; ++attempt) {
      if (show(**store)) state = state_of(**store, expected, progress);
    }
    ASSERT_TRUE(state.has_value());
    progress = {*state, *state};
  }
  ASSERT_EQ(*show(**store), expected.back());
  store->reset();
  files.set_faults({});
  store = open_embedded("/store", options_on(files));
  ASSERT_TRUE(store.has_value()) << store.error().message;
  ASSERT_EQ(*show(**store), expected.back());
  ASSERT_TRUE((*store)->verify()->damage.empty());
}

TEST(Recovery, AnErrorAtEveryCallIsSurvived) {
  const auto script = ScriptWriter(8).write(k_operations);
  const auto expected = expected_after(script);
  const std::size_t calls = calls_of(script);
  for (std::size_t at = 1; at <= calls; ++at) {
    SCOPED_TRACE("error at call " + std::to_string(at));
    FaultyFileSystem files(at);
    files.set_faults([&](std::uint64_t call) { return call == at ? DiskFault::error : DiskFault::none; });
    run_through_errors(files, script, expected);
    if (HasFatalFailure()) return;
  }
}

TEST(Recovery, AFullDiskAtEveryCallIsSurvivedAndCommitsResumeWhenThereIsSpace) {
  const auto script = ScriptWriter(9).write(k_operations);
  const auto expected = expected_after(script);
  const std::size_t calls = calls_of(script);
  for (std::size_t at = 1; at <= calls; ++at) {
    SCOPED_TRACE("full from call " + std::to_string(at));
    FaultyFileSystem files(at);
    files.set_faults(
        [&](std::uint64_t call) { return call >= at && call < at + 12 ? DiskFault::no_space : DiskFault::none; });
    run_through_errors(files, script, expected);
    if (HasFatalFailure()) return;
  }
}

TEST(Recovery, AFailedSyncFailsAllThatIsPendingAndRefusesMoreUntilRecovered) {
  FaultyFileSystem files(1);
  auto store = open_embedded("/store", options_on(files));
  ASSERT_TRUE(store.has_value());
  const auto script = ScriptWriter(3).write(4);
  ASSERT_TRUE(run_durably(**store, script[0]).has_value());
  const std::string before = *show(**store);
  std::vector<ErrorCode> outcomes;
  for (std::size_t i = 1; i <= 2; ++i) {
    ASSERT_TRUE(std::holds_alternative<Commit>(script[i]));
    Commit commit = std::get<Commit>(script[i]);
    commit.epoch = (*store)->epoch();
    (*store)->commit(std::move(commit), [&](Status status) { outcomes.push_back(status.error().code); });
  }
  EXPECT_NE(*show(**store), before);  // visible at once
  files.set_faults([](std::uint64_t) { return DiskFault::error; });
  EXPECT_TRUE((*store)->lend_thread());
  files.set_faults({});
  EXPECT_EQ(outcomes, (std::vector<ErrorCode>{ErrorCode::io, ErrorCode::io}));
  EXPECT_EQ(run_operation(**store, script[1]).error().code, ErrorCode::io);
  ASSERT_TRUE((*store)->recover().has_value());
  EXPECT_EQ(*show(**store), before);
  EXPECT_TRUE(run_durably(**store, script[1]).has_value());
}

TEST(Recovery, ARefusedCommitDoesNotListAWakeTwice) {
  FaultyFileSystem files(1);
  EmbeddedOptions options = options_on(files);
  options.overlay_bytes = 3;  // every commit goes to the tables
  auto store = open_embedded("/store", options);
  ASSERT_TRUE(store.has_value());
  RunWrite write;
  write.run.id = "waits";
  write.count = 1;
  write.batch = Bytes::copy("events");
  write.row = conformance_row(1000);
  write.wake = 7;
  ASSERT_TRUE(commit_and_wait(**store, {{write}, {}, (*store)->epoch()}).has_value());
  ASSERT_TRUE((*store)->verify().has_value());
  ASSERT_FALSE(commit_and_wait(**store, {{write}, {}, (*store)->epoch()}).has_value());  // it exists
  EXPECT_EQ((*store)->wakes(0, k_never, std::nullopt, 10)->size(), 1U);
}

// A store with records in the journal, rows in the tables and a blob.
std::map<std::string, std::string> small_store(std::string& shown) {
  FaultyFileSystem files(1);
  EmbeddedOptions options = options_on(files);
  options.first_segment_bytes = options.segment_bytes = 24 << 10;
  auto store = open_embedded("/store", options);
  EXPECT_TRUE(store.has_value());
  for (const Operation& operation : ScriptWriter(11).write(16))
    EXPECT_TRUE(run_durably(**store, operation).has_value());
  EXPECT_TRUE((*store)->put_blob(Bytes::copy("a blob")).has_value());
  shown = *show(**store);
  return files.snapshot();  // as after a crash: not closed
}

TEST(Recovery, EveryFlippedByteIsFoundOrHarmless) {
  std::string shown;
  const auto original = small_store(shown);
  std::size_t found = 0, harmless = 0;
  for (const auto& [path, content] : original) {
    for (std::size_t at = 0; at < content.size(); ++at) {
      // Of blocks that were never written a sample does.
      const std::string_view block =
          std::string_view(content).substr(at / k_block_bytes * k_block_bytes, k_block_bytes);
      if (at % 61 != 0 && block.find_first_not_of('\0') == std::string_view::npos) continue;
      auto damaged = original;
      damaged[path][at] = static_cast<char>(damaged[path][at] ^ (1 << (at % 8)));
      FaultyFileSystem files(at);
      files.restore(damaged);
      auto store = open_embedded("/store", options_on(files));
      if (!store) {
        ++found;
        EXPECT_NE(store.error().message.find("byte "), std::string::npos) << path << ": " << store.error().message;
        continue;
      }
      const auto report = (*store)->verify();
      if (report && !report->damage.empty()) {
        ++found;
        continue;
      }
      const auto now = show(**store);
      ++harmless;
      ASSERT_TRUE(now.has_value()) << path << " byte " << at << ": " << now.error().message;
      ASSERT_EQ(*now, shown) << path << " byte " << at;
    }
  }
  EXPECT_GT(found, 1000U);
  EXPECT_GT(harmless, 100U);  // what lies behind the end of the journal
}

TEST(Recovery, ATruncatedOrMissingSegmentIsReportedNotSkipped) {
  std::string shown;
  const auto original = small_store(shown);
  for (const auto& [path, content] : original) {
    if (!path.ends_with(".journal")) continue;
    auto damaged = original;
    damaged[path].resize(content.size() / 2);
    FaultyFileSystem files(1);
    files.restore(damaged);
    const auto store = open_embedded("/store", options_on(files));
    ASSERT_FALSE(store.has_value()) << path;
    EXPECT_EQ(store.error().code, ErrorCode::corrupt);
  }
}

}  // namespace
}  // namespace perdure::storage
