// Any bytes: a program, a newline of its own, and the JSON document it runs on.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "base/json.h"
#include "expr/expr.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace perdure;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const std::size_t cut = text.find("\n---\n");
  const auto program = expr::Program::compile(text.substr(0, cut));
  if (!program) {
    if (program.error().offset > text.size()) std::abort();
    return 0;
  }
  const auto input = parse_json(cut == std::string_view::npos ? "null" : text.substr(cut + 5), {.bytes = 1 << 16});
  const std::size_t before = Value::live_bytes();
  const auto outputs = (*program)->evaluate_all(input.value_or(Value()), {},
                                                {.fuel = 20'000, .memory_bytes = 1 << 20, .depth = 64}, 100);
  if (!outputs) {
    if (outputs.error().message.empty()) std::abort();
    return 0;
  }
  std::size_t bytes = 0;
  for (const Value& output : *outputs) bytes += output.footprint();
  if (Value::live_bytes() - before > (std::size_t{64} << 20)) std::abort();
  if (bytes < (std::size_t{4} << 20)) {
    for (const Value& output : *outputs) {
      if (!parse_json(to_json(output), {.depth = 600})) std::abort();
    }
  }
  return 0;
}
