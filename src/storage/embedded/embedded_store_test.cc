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
