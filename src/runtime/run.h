#pragma once
// A run in memory: its state and what the shard must remember beside it. Owned and touched by its shard only.
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "decider/decider.h"
#include "engine/engine.h"
#include "history/event.h"
#include "runtime/plans.h"

namespace perdure::runtime {

// What becomes of a request: durable (with an update's answer), or why not.
using Reply = std::function<void(Result<Value>)>;

struct Input {
  history::Event fact;
  Reply reply;  // may be empty
};

// An attempt that this process has handed to the dispatcher.
struct Dispatched {
  std::uint64_t command = 0;
  std::uint32_t attempt = 0;
  friend bool operator==(const Dispatched&, const Dispatched&) = default;
};

struct Run {
  RunKey key;
  PlanPtr plan;
  decider::State state;       // tentative while commits are pending
  std::vector<Input> inputs;  // for its next decision
  bool touched = false;       // is in the shard's list of runs to decide
  bool more = false;          // the decider was cut short
  std::uint32_t commits_pending = 0;
  history::RunStatus row_status = history::RunStatus::pending;  // as last written, durable or not
  history::RunStatus published = history::RunStatus::pending;   // as last made known: durable
  TimeMs wake = k_never;                                        // as last written
  TimeMs timer = k_never;                                       // as known to the shard's timers
  std::vector<Dispatched> dispatched;
  std::function<void(const engine::Progress&)> on_closed;  // of whoever started it; may be empty
  std::size_t tail_bytes = 0;                              // of history since the last snapshot
  std::size_t snapshot_bytes = 0;
  std::size_t footprint = 0;        // counted in the cache's budget
  std::uint32_t until_weighed = 0;  // decisions until the footprint is taken again
  bool reviews_open = false;
  bool listening = false;  // it is found when an event is published
  bool watched = false;    // the shard has interests in it
  bool held = false;       // it needs a secret that this process does not have: facts are recorded, nothing is done
  Run* newer = nullptr;    // in the shard's list by last use
  Run* older = nullptr;
};

// What is remembered of a run that left the cache with work out.
struct Away {
  std::vector<Dispatched> dispatched;
  bool recovered = false;  // its children and parent know what they must
};

inline bool is_out(const std::vector<Dispatched>& dispatched, const Dispatched& one) {
  for (const Dispatched& d : dispatched)
    if (d == one) return true;
  return false;
}

}  // namespace perdure::runtime
