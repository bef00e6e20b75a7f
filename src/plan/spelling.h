#pragma once
// The nearest spelling of a name, for "did you mean".
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace perdure::plan {

// Edits (insert, delete, replace, swap of neighbours) between two names, or `limit` + 1 when there are more.
std::size_t edit_distance(std::string_view a, std::string_view b, std::size_t limit);

// The candidate nearest to `name`, or empty when none is near enough to be what was meant (a third of its letters,
// at least one). Case and the difference between '-' and '_' cost nothing. Ties go to the first.
std::string_view nearest(std::string_view name, const std::vector<std::string_view>& candidates);

}  // namespace perdure::plan
