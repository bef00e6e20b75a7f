#pragma once
// The pattern library: ready templates that `perdure new` writes, each a commented file that runs in this build.
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace perdure::loaders {

struct EmbeddedFile {
  const char* name;
  const char* text;
};
extern const EmbeddedFile k_pattern_files[];  // made from examples/patterns at build time
extern const std::size_t k_pattern_file_count;

struct Pattern {
  std::string_view name;   // "saga"
  std::string_view title;  // its description
  std::string_view text;   // the file
};
const std::vector<Pattern>& patterns();              // in the order in which they are best learnt
const Pattern* find_pattern(std::string_view name);  // '-' and '_' are the same
// The file of a pattern for a workflow of this name.
std::string instantiate(const Pattern& pattern, std::string_view workflow_name);

}  // namespace perdure::loaders
