#include "bench/bench.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <thread>

#include "base/json.h"
#include "bench/workload.h"

namespace perdure::bench {
namespace {

Value calibration_value(const Calibration& c) {
  return Value::object({{"synced_4k_appends_per_s", c.appends_per_s},
                        {"append_p50_us", c.append_p50_us},
                        {"spins_per_s", c.spins_per_s}});
}

void print_json(const Figures& f, const Calibration& c) {
  auto v = Value::object({{"workload", f.workload},
                          {"runs_per_s", f.runs_per_s},
                          {"steps_per_s", f.steps_per_s},
                          {"p50_us", f.p50_us},
                          {"p99_us", f.p99_us},
                          {"rss_bytes", f.rss_bytes}});
  for (const auto& [name, value] : f.more) v.set(name, value);
  v.set("calibration", calibration_value(c));
  if (!f.failed.empty()) v.set("failed", f.failed);
  fmt::print("{}\n", to_json(v));
}

void print_text(const Figures& f, const Calibration& c) {
  if (!f.failed.empty()) {
    fmt::print("{:<12} failed: {}\n", f.workload, f.failed);
    return;
  }
  fmt::print("{:<12} {:>10.0f} runs/s {:>11.0f} steps/s   p50 {:>9.0f} us   p99 {:>9.0f} us   rss {:>5.0f} MB",
             f.workload, f.runs_per_s, f.steps_per_s, f.p50_us, f.p99_us, static_cast<double>(f.rss_bytes) / 1e6);
  for (const auto& [name, value] : f.more) {
    if (name.ends_with("_bytes")) fmt::print("   {} {:.1f} MB", name.substr(0, name.size() - 6), value / 1e6);
    else fmt::print("   {} {:.2f}", name, value);
  }
  fmt::print("   [{:.0f} synced appends/s]\n", c.appends_per_s);
}

}  // namespace

int run(const Options& options) {
  std::vector<std::string> names = options.workloads;
  if (names.empty())
    for (const auto& name : workloads())
      if (name != "soak" && name != "sleepers_1m") names.push_back(name);
  for (const auto& name : names)
    if (std::find(workloads().begin(), workloads().end(), name) == workloads().end()) {
      fmt::print(stderr, "perdure: error: no workload '{}'; there are: {}\n", name, fmt::join(workloads(), ", "));
      return 2;
    }
  std::error_code ec;
  std::filesystem::create_directories(options.dir, ec);
  int code = 0;
  if (!options.json)
    fmt::print(
        "in-process trivial steps, 100-byte JSON, every step durable (fdatasync); store in {}; {} cores; {:.0f} s a "
        "workload\n",
        options.dir.string(), std::thread::hardware_concurrency(), options.seconds);
  for (const auto& name : names) {
    const auto calibration = calibrate(options.dir);
    if (!calibration) {
      fmt::print(stderr, "perdure: error: {}\n", calibration.error().message);
      return 1;
    }
    const Figures f = run_workload(name, options);
    if (options.json) print_json(f, *calibration);
    else print_text(f, *calibration);
    std::fflush(stdout);
    if (!f.failed.empty()) code = 1;
  }
  return code;
}

}  // namespace perdure::bench
