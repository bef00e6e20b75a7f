#pragma once
// The only place that names concrete stores and drivers: puts an engine together from options. Used by the command
// line, the benchmarks and embedders.
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "activity/inprocess/inprocess.h"
#include "base/result.h"
#include "engine/engine.h"
#include "runtime/runtime.h"

namespace perdure::app {

struct Function {
  std::string type;  // what `call:` names
  activity::Function function;
  activity::FunctionOptions options;
};

struct EngineOptions {
  std::filesystem::path dir;                 // of the embedded store, made when missing; empty: in memory
  bool dormant = false;                      // reads and recorded messages only: nothing is recovered, started or fired
  bool allow_private_addresses = false;      // of http steps; the command line's local default turns it on and says so
  std::string http_ca_file;                  // PEM, instead of the system's authorities
  std::vector<std::string> http_connect_to;  // "HOST:PORT:ADDRESS:PORT" (activity/http/http.h)
  bool outside = true;                       // http, shell, script and notify are available
  std::vector<Function> functions;           // in-process activities
  std::size_t function_threads = 0;          // 0: one a core
  runtime::RuntimeOptions runtime;           // drivers and make_map_plan are filled in here
};

// `conflict` when another process holds the store (the message names it), `unsupported` when it is newer than this build.
Result<std::unique_ptr<engine::Engine>> make_engine(EngineOptions options);

// What is at a URL, by the http driver with its guard on addresses; of the options those about http count.
Result<std::string> fetch(const std::string& url, std::size_t bytes_max, EngineOptions options);

}  // namespace perdure::app
