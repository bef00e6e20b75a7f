// Random operations against memory and embedded give the same answers, with the store opened again in between.
#include <gtest/gtest.h>

#include "storage/embedded/embedded_store.h"
#include "storage/embedded/test_directory.h"
#include "storage/embedded/test_script.h"
#include "storage/memory/memory_store.h"

namespace perdure::storage {
namespace {

struct Case {
  std::string name;
  std::size_t overlay_bytes;
  bool threads;
  std::uint64_t seeds;
};
class RandomOperations : public ::testing::TestWithParam<Case> {};

TEST_P(RandomOperations, MatchTheMemoryStore) {
  const Case& c = GetParam();
  for (std::uint64_t seed = 1; seed <= c.seeds; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    const TestDirectory directory;
    EmbeddedOptions options;
    options.overlay_bytes = c.overlay_bytes;
    options.threads = c.threads;
    options.first_segment_bytes = 64 << 10;
    options.segment_bytes = 256 << 10;
    options.drain_on_close_bytes = seed % 2 == 0 ? 0 : 1 << 20;
    auto store = open_embedded(directory.path(), options);
    ASSERT_TRUE(store.has_value()) << store.error().message;
    const auto reference = open_memory();
    std::size_t done = 0;
    for (const Operation& operation : ScriptWriter(seed).write(160)) {
      const Status expected = run_operation(*reference, operation);
      const Status status = run_operation(**store, operation);
      ASSERT_TRUE(expected.has_value()) << expected.error().message;
      ASSERT_TRUE(status.has_value()) << status.error().message;
      if (++done % 20 == 0) { ASSERT_EQ(*show(**store), *show(*reference)) << "after operation " << done; }
      if (done % 50 == 0) {
        // A purge is durable with the next commit.
        ASSERT_TRUE(commit_and_wait(**store, {{}, {}, (*store)->epoch()}).has_value());
        *store = nullptr;
        store = open_embedded(directory.path(), options);
        ASSERT_TRUE(store.has_value()) << store.error().message;
        ASSERT_EQ(*show(**store), *show(*reference)) << "reopened after operation " << done;
      }
    }
    const auto report = (*store)->verify();
    ASSERT_TRUE(report.has_value()) << report.error().message;
    for (const Error& damage : report->damage) ADD_FAILURE() << damage.message;
    ASSERT_EQ(*show(**store), *show(*reference)) << "after verify";
  }
}

INSTANTIATE_TEST_SUITE_P(Embedded, RandomOperations,
                         ::testing::Values(Case{"overlay", 48 << 20, true, 6}, Case{"mixed", 60'000, true, 6},
                                           Case{"tables", 3, true, 2}, Case{"alone", 60'000, false, 6}),
                         [](const auto& each) { return each.param.name; });

}  // namespace
}  // namespace perdure::storage
