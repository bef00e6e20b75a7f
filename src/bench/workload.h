#pragma once
// What every workload needs: an engine on a scratch store, runs driven at saturation or one at a time.
#include <atomic>
#include <functional>
#include <map>
#include <string>

#include "bench/bench.h"
#include "bench/measure.h"

namespace perdure::bench {

// 100 bytes of JSON, what every step takes and gives.
extern const char* const k_payload;

std::shared_ptr<const plan::Plan> steps_plan(std::size_t steps);  // sequential
// The same ten calls of http in either dialect.
std::shared_ptr<const plan::Plan> calls_plan(std::size_t steps, bool standard);
std::shared_ptr<const plan::Plan> fanout_plan(std::size_t width);  // parallel
std::shared_ptr<const plan::Plan> dag_plan(std::size_t steps);     // layers of 1000, each step on one before it
std::shared_ptr<const plan::Plan> loop_plan(std::size_t iterations);
std::shared_ptr<const plan::Plan> sleeper_plan();

struct Figures {
  std::string workload;
  double runs_per_s = 0, steps_per_s = 0, p50_us = 0, p99_us = 0;
  std::uint64_t rss_bytes = 0;
  std::map<std::string, double> more{};  // what only this workload has
  std::string failed{};                  // not empty: why there are no figures
};

class Bench {
 public:
  Bench(const Options& options, std::string workload);
  ~Bench();  // removes the scratch store
  Result<std::unique_ptr<engine::Engine>> open(DurationMs retention_ms = 0);
  const std::filesystem::path& dir() const { return dir_; }
  std::atomic<std::uint64_t>& executed() { return executed_; }
  // Called by each execution of the step, if set before open().
  std::function<void()> on_step;

 private:
  const Options& options_;
  std::filesystem::path dir_;
  std::atomic<std::uint64_t> executed_{0};
};

// Keeps `in_flight` runs going for `seconds`; counts those that closed well within the time. Latencies are from the
// request to the durable end.
struct Saturated {
  double runs_per_s = 0, cpu_us_per_run = 0;
  std::vector<double> latencies_us;
  std::string failed;
};
Saturated saturate(engine::Engine& engine, const std::shared_ptr<const plan::Plan>& plan, std::size_t in_flight,
                   double seconds, const std::function<void(double elapsed_s, std::uint64_t done)>& each_second = {});
// Starts `count` runs with at most `in_flight` starts unacknowledged; runs need not end.
Result<double> start_many(engine::Engine& engine, const std::shared_ptr<const plan::Plan>& plan, std::size_t count,
                          std::size_t in_flight);
// One run after the other.
Result<std::vector<double>> one_by_one(engine::Engine& engine, const std::shared_ptr<const plan::Plan>& plan,
                                       double seconds);

Figures run_workload(const std::string& name, const Options& options);

}  // namespace perdure::bench
