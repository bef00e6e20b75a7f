// Any bytes decode to a batch or an Error; what decodes encodes to something that decodes to the same.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/check.h"
#include "history/event.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace perdure::history;
  const auto batch = decode_batch({reinterpret_cast<const char*>(data), size});
  if (!batch) return 0;
  const perdure::Bytes once = encode_batch(*batch);
  const auto again = decode_batch(once.view());
  CHECK(again.has_value());
  CHECK(encode_batch(*again) == once);
  for (const Event& event : batch->events) to_value(event, batch->first_seq, batch->now);
  return 0;
}
