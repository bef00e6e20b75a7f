// Any bytes: loading answers with a plan or with diagnostics; what loads survives its encoding and its formatting.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/check.h"
#include "loaders/format.h"
#include "loaders/load.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace perdure;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const loaders::Loaded loaded = loaders::load(text, "fuzz.yaml");
  CHECK(loaded.ok() || !loaded.diagnostics.empty());
  (void)loaders::render(loaded.diagnostics, true);
  const auto formatted = loaders::format_yaml(text);
  if (!loaded.ok()) return 0;
  const auto again = plan::decode(loaded.plan->encoded.view());
  CHECK(again.has_value() && (*again)->hash == loaded.plan->hash);
  CHECK(formatted.has_value());
  const loaders::Loaded tidy = loaders::load(*formatted, "fuzz.yaml");
  CHECK(tidy.ok() && tidy.plan->hash == loaded.plan->hash);
  return 0;
}
