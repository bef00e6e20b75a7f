#include "storage/embedded/embedded_store.h"

#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "storage/conformance.h"
#include "storage/embedded/test_directory.h"

namespace perdure::storage {
namespace {

class EmbeddedTarget final : public ConformanceTarget {
 public:
  explicit EmbeddedTarget(EmbeddedOptions options) : options_(std::move(options)) {}
  std::unique_ptr<Store> open() override {
    auto store = open_embedded(directory_.path(), options_);
    EXPECT_TRUE(store.has_value()) << store.error().message;
    return store ? std::move(*store) : nullptr;
  }

 private:
  TestDirectory directory_;
  EmbeddedOptions options_;
};

ConformanceDriver driver(std::string name, EmbeddedOptions options) {
  return {std::move(name), true, [options] { return std::make_unique<EmbeddedTarget>(options); }};
}

EmbeddedOptions drained_at_closing() {
  EmbeddedOptions options;
  options.drain_on_close_bytes = 0;
  return options;
}
// Every commit fills a generation: reads meet overlay and tables in every mixture.
EmbeddedOptions tiny_generations() {
  EmbeddedOptions options;
  options.overlay_bytes = 3;
  options.first_segment_bytes = 64 << 10;
  options.segment_bytes = 1 << 20;
  return options;
}

INSTANTIATE_TEST_SUITE_P(Embedded, StoreConformance,
                         ::testing::Values(driver("journal", {}), driver("tables", drained_at_closing()),
                                           driver("tiny", tiny_generations())),
                         [](const auto& each) { return each.param.name; });

Status create(Store& store, const std::string& id) {
  RunWrite write;
  write.run.id = id;
  write.count = 1;
  write.batch = Bytes::copy("events of " + id);
  write.row = conformance_row(1000);
  write.wake = k_wake_active;
  return commit_and_wait(store, {{write}, {}, store.epoch()});
}

TEST(EmbeddedStore, TheSecondOpenerIsToldWhoHoldsTheStore) {
  const TestDirectory directory;
  const auto first = open_embedded(directory.path());
  ASSERT_TRUE(first.has_value());
  const auto second = open_embedded(directory.path());
  ASSERT_FALSE(second.has_value());
  EXPECT_EQ(second.error().code, ErrorCode::conflict);
  EXPECT_NE(second.error().message.find("held by pid " + std::to_string(::getpid())), std::string::npos)
      << second.error().message;
}

TEST(EmbeddedStore, RefusesWhatANewerVersionWrote) {
  const TestDirectory directory;
  ASSERT_TRUE(open_embedded(directory.path()).has_value());
  std::ofstream(directory.path() + "/FORMAT") << "perdure store, format 2 0e2fb7b1c6c4d4b5\n";
  EXPECT_EQ(open_embedded(directory.path()).error().code, ErrorCode::corrupt);  // the seal does not match
}

TEST(EmbeddedStore, ABackupTakenWhileRunningOpensAsAStore) {
  const TestDirectory directory, target;
  auto opened = open_embedded(directory.path());
  ASSERT_TRUE(opened.has_value());
  Store& store = **opened;
  ASSERT_TRUE(create(store, "a").has_value());
  const auto blob = store.put_blob(Bytes::copy("content"));
  ASSERT_TRUE(blob.has_value());
  EXPECT_EQ(store.backup(directory.path()).error().code, ErrorCode::conflict);
  const Status done = store.backup(target.path() + "/copy");
  ASSERT_TRUE(done.has_value()) << done.error().message;
  ASSERT_TRUE(create(store, "b").has_value());

  auto copy = open_embedded(target.path() + "/copy");
  ASSERT_TRUE(copy.has_value()) << copy.error().message;
  EXPECT_EQ((*copy)->load({"default", "a"})->tail.front().view(), "events of a");
  EXPECT_EQ((*copy)->load({"default", "b"}).error().code, ErrorCode::not_found);
  EXPECT_EQ((*copy)->get_blob(*blob)->view(), "content");
  EXPECT_TRUE(create(**copy, "b").has_value());
  EXPECT_TRUE((*copy)->verify()->damage.empty());
}

// The history of one long run goes to the tables, a snapshot comes, and what lies behind it goes from the disk.
TEST(EmbeddedStore, HistoryBehindASnapshotGivesItsSpaceBack) {
  const TestDirectory directory;
  EmbeddedOptions options;
  options.overlay_bytes = 3 << 20;
  options.first_segment_bytes = options.segment_bytes = 1 << 20;
  auto opened = open_embedded(directory.path(), options);
  ASSERT_TRUE(opened.has_value());
  Store& store = **opened;
  ASSERT_TRUE(create(store, "a").has_value());
  std::uint64_t seq = 2, noise = 1, written = 0;
  constexpr int k_commits = 2'405;
  for (int number = 0; number < k_commits; ++number) {
    std::string text;
    while (text.size() < 64 << 10) {
      noise = noise * 6364136223846793005ULL + 1442695040888963407ULL;
      text.append(reinterpret_cast<const char*>(&noise), sizeof noise);
    }
    written += text.size();
    RunWrite write;
    write.run.id = "a";
    write.first_seq = seq;
    seq += write.count = 10;
    write.batch = Bytes(std::move(text));
    if (number % 100 == 99) {
      write.snapshot = Bytes::copy("state");
      write.compact_over_events = 500;
    }
    ASSERT_TRUE(commit_and_wait(store, {{std::move(write)}, {}, store.epoch()}).has_value());
  }
  const auto history = store.history({"default", "a"}, 1, 1);
  ASSERT_TRUE(history.has_value() && !history->empty());
  EXPECT_GT(history->front().first_seq, 20'000U);
  EXPECT_LT(store.stats().disk_bytes, written / 2) << "merging files lags by some dozen of them";
  EXPECT_TRUE(store.verify()->damage.empty());
}

TEST(EmbeddedStore, InspectDescribesWithoutChanging) {
  const TestDirectory directory;
  EXPECT_EQ(inspect_embedded(directory.path()).error().code, ErrorCode::not_found);
  {
    auto store = open_embedded(directory.path());
    ASSERT_TRUE(store.has_value());
    ASSERT_TRUE(create(**store, "a").has_value());
  }
  const auto text = inspect_embedded(directory.path());
  ASSERT_TRUE(text.has_value()) << text.error().message;
  EXPECT_NE(text->find("\"run_writes\": 1"), std::string::npos) << *text;
}

}  // namespace
}  // namespace perdure::storage
