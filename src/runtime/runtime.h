#pragma once
// The engine on a store: shards (one thread each) that take inputs, decide, commit and publish; see shard.h.
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "activity/activity.h"
#include "base/result.h"
#include "base/time.h"
#include "engine/engine.h"
#include "plan/plan.h"
#include "runtime/secrets.h"
#include "storage/store.h"

namespace perdure::runtime {

struct RuntimeOptions {
  std::size_t shards = 0;                           // 0: one a core, at most 16
  std::size_t cache_bytes = std::size_t{64} << 20;  // states of runs kept in memory, all shards together
  std::shared_ptr<Clock> clock;                     // null: the system's
  std::function<std::uint64_t()> random;            // ids and seeds; null: the system's. Called from any thread
  std::vector<std::shared_ptr<activity::Driver>> drivers;

  std::size_t activities_in_flight = 10'000;  // handed to drivers at a time; others wait by priority
  std::map<std::string, std::size_t> in_flight_by_type;
  std::map<std::string, std::uint32_t> bulkheads;  // calls in flight, by service
  std::size_t requests_waiting = 200'000;          // of clients; beyond it starts are refused (`exhausted`)
  std::size_t timers_in_memory = 100'000;          // due soon; all others are on disk only

  DurationMs retention_ms = 0;                              // closed runs older than this are removed; 0: kept
  std::uint64_t compact_over_events = 200'000;              // of a run's history behind its snapshot; 0: kept whole
  std::size_t snapshot_over_bytes = std::size_t{64} << 10;  // of history since the last one; less never pays

  // Validates the tasks of a `map` step and makes a plan of them. Null: `map` is not available.
  std::function<Result<std::shared_ptr<const plan::Plan>>(const Value& tasks)> make_map_plan;

  // The values of secrets. Null: none has one. A run that needs a secret without a value is not taken up by this process,
  // unless it is started here: it waits for one that has the value. From any thread.
  SecretSource secrets;

  // For looking and for messages: no run is taken up, no timer fires, nothing is started. Facts are recorded, and what
  // follows from them is decided by the next engine that is not dormant.
  bool dormant = false;

  // No threads: the caller drives the engine by turn(), blocking calls drive it themselves. For tests and simulation.
  bool manual = false;
  // With `manual`: a number below its argument, to let the keeper and the shards take turns out of order as threads do;
  // null: each in turn.
  std::function<std::size_t(std::size_t)> pick;
};

// The engine takes over the store: nothing else may write to it. Runs that were at work are taken up in the background.
Result<std::unique_ptr<engine::Engine>> make_engine(std::shared_ptr<storage::Store> store, RuntimeOptions options);

// With `manual`: one turn of everything there is to do now; false when there was nothing.
bool turn(engine::Engine& engine);

// The system's clocks.
std::shared_ptr<Clock> system_clock();

}  // namespace perdure::runtime
