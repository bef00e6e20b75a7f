#pragma once
// The comments of a YAML text, and where they stand in the converted document.
#include <string_view>
#include <vector>

#include "convert/doc.h"

namespace perdure::convert {

// Puts every comment of `text` to the part of `root` that came from where it stood: a comment on lines of its own above
// what follows it, one at the end of a line beside what that line is. What follows everything is returned.
std::vector<std::string> place_comments(std::string_view text, Doc& root);

}  // namespace perdure::convert
