#pragma once
// `perdure bench`: what this machine does with this engine, beside what the disk and one core can do (the calibration),
// so that figures of different machines can be held against each other. Every workload runs on a real store: each
// step's result is durable before the next step's effect starts, each start is acknowledged durably.
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "activity/inprocess/inprocess.h"
#include "base/result.h"
#include "engine/engine.h"
#include "plan/plan.h"

namespace perdure::bench {

struct EngineRequest {
  std::filesystem::path dir;
  activity::Function function;  // served as `bench.step` and as `http`, trivial
  DurationMs retention_ms = 0;
};
using OpenEngine = std::function<Result<std::unique_ptr<engine::Engine>>(EngineRequest)>;

struct Options {
  std::vector<std::string> workloads;  // empty: all but soak and sleepers_1m
  std::filesystem::path dir;           // a folder for scratch stores; made, and emptied of them afterwards
  bool json = false;                   // one object a line
  double seconds = 5;                  // of each saturated workload
  double soak_seconds = 300;
  OpenEngine open;
};

const std::vector<std::string>& workloads();
// Prints to stdout; 0, 1 when a workload failed, 2 when one is unknown.
int run(const Options& options);

// The hidden half of `recovery`: starts `runs` runs that wait for a signal or sit in an activity, says "ready" on
// stdout, and goes on until it is killed.
int recovery_victim(const std::filesystem::path& dir, std::size_t runs, const OpenEngine& open);

}  // namespace perdure::bench
