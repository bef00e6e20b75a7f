#pragma once
#include <cstdint>
#include <string>

namespace perdure::jq_diff {

// The same program for the same seed, everywhere. Programs end and use no feature that differs by intention.
std::string generate_program(std::uint64_t seed);

}  // namespace perdure::jq_diff
