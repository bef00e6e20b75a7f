#pragma once
#include <string>
#include <string_view>
#include <vector>

namespace perdure::expr {

// "did you mean X?" for the nearest of `known`, or nothing when none is near. Names may end in "/arity", which counts
// less than the name itself.
std::string spelling_hint(std::string_view wrong, const std::vector<std::string>& known, std::string_view mark = {});

}  // namespace perdure::expr
