// Any text: parsing never fails badly, what is read is written back the same, and the default policy lets through only
// what is classed as public.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/check.h"
#include "net/address.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace perdure::net;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (const auto address = IpAddress::parse(text)) {
    CHECK(*IpAddress::parse(address->text()) == *address);
    CHECK(check_address({}, *address).has_value() == (classify(*address) == AddressKind::global));
  }
  if (const auto range = Cidr::parse(text)) {
    CHECK(range->contains(range->base));
    const auto again = Cidr::parse(range->text());
    CHECK(again && again->bits == range->bits && again->base == range->base);
  }
  return 0;
}
