// Any bytes: decode() refuses them or gives a plan that encodes to the very same bytes.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/check.h"
#include "plan/plan.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace perdure;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const auto plan = plan::decode(bytes);
  if (plan) CHECK(plan::encode(**plan).view() == bytes);
  return 0;
}
