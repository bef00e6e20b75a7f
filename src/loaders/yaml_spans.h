#pragma once
// Which lines of a YAML text a value covers, for the formatter.
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

namespace perdure::loaders {

struct YamlSpan {
  std::uint32_t first_line = 0, last_line = 0;  // from 1
  enum class Kind : std::uint8_t { flow, plain, quoted, block } kind = Kind::flow;
};

// Every scalar and flow collection of more than one line, in order; nullopt when the text is not YAML.
std::optional<std::vector<YamlSpan>> read_spans(std::string_view text);

}  // namespace perdure::loaders
