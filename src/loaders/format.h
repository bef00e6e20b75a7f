#pragma once
// `fmt`: the same file, evenly indented.
#include <string>
#include <string_view>

#include "base/result.h"

namespace perdure::loaders {

// Indentation of two, no trailing spaces, at most one blank line in a row, one line break at the end. Comments, the
// order of keys, quotes and line breaks inside of values stay as they are. What comes back has the same values as what
// went in (it is read back and compared), and formatting it again changes nothing. `invalid` when the text is not YAML.
Result<std::string> format_yaml(std::string_view text);

}  // namespace perdure::loaders
