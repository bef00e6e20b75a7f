#pragma once
// Clocks, quantiles, memory and the calibration.
#include <cstdint>
#include <filesystem>
#include <vector>

#include "base/result.h"

namespace perdure::bench {

double now_us();
double cpu_us();  // user and system time of this process
std::uint64_t rss_bytes();
std::uint64_t disk_bytes(const std::filesystem::path& dir);
double quantile(std::vector<double> values, double q);  // of a copy; 0 when empty

// Synced 4 KiB appends a second to a growing file in `dir`, and rounds of a fixed hash loop a second on one core.
struct Calibration {
  double appends_per_s = 0, append_p50_us = 0, spins_per_s = 0;
};
Result<Calibration> calibrate(const std::filesystem::path& dir);

}  // namespace perdure::bench
