#pragma once
// Cron expressions of five fields, checked.
#include <optional>
#include <string>
#include <string_view>

namespace perdure::loaders {

// What is wrong with it, in words; nothing when it is one.
std::optional<std::string> cron_mistake(std::string_view text);

}  // namespace perdure::loaders
