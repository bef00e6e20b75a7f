#include "storage/memory/memory_store.h"

#include "storage/conformance.h"

namespace perdure::storage {
namespace {

class MemoryTarget final : public ConformanceTarget {
 public:
  std::unique_ptr<Store> open() override { return open_memory(); }
};

INSTANTIATE_TEST_SUITE_P(Memory, StoreConformance,
                         ::testing::Values(ConformanceDriver{"memory", false,
                                                             [] { return std::make_unique<MemoryTarget>(); }}));

TEST(MemoryStore, HasNothingToBackUp) {
  EXPECT_EQ(open_memory()->backup("anywhere").error().code, ErrorCode::unsupported);
}

}  // namespace
}  // namespace perdure::storage
