#pragma once
// One bit turned over in a store at rest: found, or harmless, never a wrong answer.
#include <cstdint>
#include <optional>
#include <string>

namespace perdure::store_faults {

struct FlipOutcome {
  std::uint64_t flips = 0, at_opening = 0, at_reading = 0, by_verify = 0, harmless = 0;
  std::optional<std::string> failure;
};

struct FlipOptions {
  std::uint64_t seed = 1;
  std::uint64_t every = 1;      // of the bytes, every so many
  bool all_bits = false;        // of a byte, else one of them
  bool on_real_tables = false;  // RocksDB in a temporary directory, else the simulated disk
};

FlipOutcome flip(const FlipOptions& options);

}  // namespace perdure::store_faults
