// Any workflow: what converts loads, is written in one way, and converts back to something that loads.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/check.h"
#include "convert/convert.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace perdure;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const loaders::Loaded loaded = loaders::load(text, "fuzz.yaml");
  if (!loaded.ok()) return 0;
  const auto there = convert::convert(loaded, text, "fuzz.yaml");
  CHECK(there.has_value() || there.error().code == ErrorCode::exhausted);
#ifdef PERDURE_FUZZ_LIMITS  // to look for what can't be said for another reason than a limit
  CHECK(there.has_value() || size > 4096 || there.error().message.find("limit") != std::string::npos);
#endif
  if (!there) return 0;
  CHECK(there->ok());
  for (const convert::Finding& f : there->findings) CHECK(!f.at.message.empty() && !f.at.hint.empty());
  const auto same = convert::convert(loaded, text, "fuzz.yaml");
  CHECK(same.has_value() && same->text == there->text);
  const loaders::Loaded again = loaders::load(there->text, "fuzz.yaml");
  CHECK(again.ok());
  const auto back = convert::convert(again, there->text, "fuzz.yaml");
  CHECK(back.has_value() || back.error().code == ErrorCode::exhausted);
  return 0;
}
