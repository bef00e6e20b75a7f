#include "bench/measure.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <string>

#include "base/hash.h"

namespace perdure::bench {

double now_us() {
  return std::chrono::duration<double, std::micro>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

double cpu_us() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto us = [](const timeval& t) { return static_cast<double>(t.tv_sec) * 1e6 + static_cast<double>(t.tv_usec); };
  return us(usage.ru_utime) + us(usage.ru_stime);
}

std::uint64_t rss_bytes() {
  std::uint64_t size = 0, resident = 0;
  if (std::FILE* f = std::fopen("/proc/self/statm", "r")) {
    if (std::fscanf(f, "%lu %lu", &size, &resident) != 2) resident = 0;
    std::fclose(f);
  }
  return resident * static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
}

std::uint64_t disk_bytes(const std::filesystem::path& dir) {
  std::uint64_t sum = 0;
  std::error_code ec;
  for (auto it = std::filesystem::recursive_directory_iterator(dir, ec);
       !ec && it != std::filesystem::recursive_directory_iterator(); it.increment(ec)) {
    std::error_code gone;
    if (it->is_regular_file(gone) && !gone) {
      const auto size = it->file_size(gone);
      if (!gone) sum += size;
    }
  }
  return sum;
}

double quantile(std::vector<double> values, double q) {
  if (values.empty()) return 0;
  std::sort(values.begin(), values.end());
  return values[std::min(values.size() - 1, static_cast<std::size_t>(q * static_cast<double>(values.size())))];
}

Result<Calibration> calibrate(const std::filesystem::path& dir) {
  const std::string path = (dir / "calibration").string();
  const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (fd < 0) return fail(ErrorCode::io, "calibration: cannot create " + path + ": " + std::strerror(errno));
  Calibration c;
  const std::string block(4096, 'x');
  std::vector<double> times;
  const double start = now_us();
  while (now_us() - start < 1e6 && times.size() < 20'000) {
    const double t = now_us();
    const bool ok =
        ::write(fd, block.data(), block.size()) == static_cast<ssize_t>(block.size()) && ::fdatasync(fd) == 0;
    if (!ok) {
      const std::string why = std::strerror(errno);
      ::close(fd);
      return fail(ErrorCode::io, "calibration: " + why);
    }
    times.push_back(now_us() - t);
  }
  c.appends_per_s = static_cast<double>(times.size()) / (now_us() - start) * 1e6;
  c.append_p50_us = quantile(times, 0.5);
  ::close(fd);
  std::filesystem::remove(path);
  std::uint64_t rounds = 0, seed = 1;
  const double spin = now_us();
  while (now_us() - spin < 2e5)
    for (int i = 0; i < 1000; ++i, ++rounds) seed = checksum64("0123456789abcdef0123456789abcdef", seed);
  c.spins_per_s = static_cast<double>(rounds) / (now_us() - spin) * 1e6 + (seed == 0 ? 1 : 0);
  return c;
}

}  // namespace perdure::bench
