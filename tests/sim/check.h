#pragma once
// Reads a run's history as anyone could and holds it against the invariants. Numbers: docs/reliability.md.
#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "decider/state.h"
#include "engine/engine.h"
#include "plan/plan.h"
#include "sim/outside.h"
#include "sim/report.h"

namespace perdure::sim {

// What a history says, once it has passed.
struct Reading {
  std::shared_ptr<const plan::Plan> plan;
  decider::State state;  // the fold
  std::uint64_t last_seq = 0;
  std::uint64_t batches = 0;
  std::uint64_t seen_in = 0;                                      // which life of the process, when it was read
  std::uint64_t prefix_hash = 0;                                  // of all events
  std::set<std::pair<std::uint64_t, std::uint32_t>> attempts;     // (command, attempt) that it allows
  std::map<std::uint64_t, std::vector<std::uint64_t>> undone_by;  // forward command: its compensations
  std::set<std::uint64_t> undoable;                               // forward commands whose effect can be undone
  std::set<std::string> waited_children;
  std::vector<std::string> signal_keys;  // in order
  std::vector<std::string> update_ids;
  std::uint64_t last_pivot = 0;
  std::map<std::uint64_t, std::uint64_t> recorded;  // forward command: sequence of its CompensationRecorded
};

// `before`: an earlier reading, whose events must still be the first ones (invariant 4); may be null.
struct Earlier {
  std::uint64_t last_seq = 0;
  std::uint64_t hash = 0;
};
std::shared_ptr<Reading> read_history(const RunKey& run, const std::vector<engine::HistoryEntry>& entries,
                                      std::shared_ptr<const plan::Plan> plan, const Earlier& before, Judge& judge);

// What is in effect although it was to be undone.
std::vector<std::uint64_t> in_force(const RunKey& run, const Reading& reading, const Outside& outside);

}  // namespace perdure::sim
