#pragma once
// A store on a simulated disk through several lives, beside the truth; and at every call it makes to the disk, what a
// power loss right then would leave.
#include <cstdint>
#include <optional>
#include <string>

namespace perdure::store_faults {

struct LifeOptions {
  std::uint64_t seed = 1;
  std::optional<std::uint64_t> only_point;  // of all crash points look at this one
  bool trace = false;
};

struct Outcome {
  std::uint64_t points = 0, openings = 0, calls = 0, changes = 0, refused = 0, reads = 0, recoveries = 0, ghosts = 0;
  std::optional<std::string> failure;
  std::uint64_t failed_point = 0;  // 0: the failure was not at a crash point
};

Outcome live(const LifeOptions& options);

}  // namespace perdure::store_faults
