#pragma once
// The activities `shell` and `script`: a program with its arguments, no shell in between (docs/activities.md).
//
// A program runs in a process group of its own, under a guard process that ends it and everything it started: at its
// time limit, when cancelled, when the program itself ends, and when the engine dies, even by SIGKILL.
#include <cstddef>
#include <memory>
#include <string>

#include "activity/activity.h"
#include "base/limits.h"

namespace perdure::activity {

struct ShellOptions {
  std::size_t concurrency = 0;                        // programs at a time; 0: twice the cores
  std::size_t queue_max = 100'000;                    // tasks waiting beyond; then "queue.full", class throttled
  std::size_t output_bytes_max = k_output_bytes_max;  // of each stream; then shell.output_too_large
  DurationMs term_grace_ms = 2000;                    // from SIGTERM to SIGKILL of what is left; below k_cancel_grace
  std::string path = {};                              // PATH of programs; empty: the engine's own
  std::string home = {};                              // HOME of programs; empty: the engine's own
  std::string cwd = {};  // where programs start unless told; empty: where the engine was started
};

// Forks one small process, so make it early: before there are threads and much memory. It ends with the driver or the
// engine.
std::unique_ptr<Driver> make_shell(ShellOptions options = {});

}  // namespace perdure::activity
