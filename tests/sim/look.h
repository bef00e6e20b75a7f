#pragma once
// Looks at all that can be seen from outside of the engine and holds it against the invariants. What was seen before is
// kept, so that each look costs what is new.
#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "runtime/payloads.h"
#include "sim/check.h"
#include "sim/coverage.h"
#include "sim/machine.h"
#include "sim/outside.h"

namespace perdure::sim {

// A client's memory of a run it started.
struct Client {
  std::shared_ptr<const plan::Plan> plan;
  bool acknowledged = false;
  std::uint32_t next_signal = 1;
  std::set<std::string> acknowledged_signals;
  std::map<std::string, std::string> updates;  // acknowledged: what was answered
  std::uint32_t next_update = 1;
};
using Clients = std::map<std::string, Client>;

enum class Depth : std::uint8_t {
  new_events,  // of runs that are open or have just closed
  usual,       // also whether everything else is there; now and then more
  all,         // every history from its beginning, and the doctor
};

// Every run of the store, in pages.
Result<std::vector<engine::RunSummary>> list_all(engine::Engine& engine);

class Inspector {
 public:
  Inspector(const Settings& settings, Machine& machine, const Outside& outside, const Clients& clients, Judge& judge)
      : settings_(settings), machine_(machine), outside_(outside), clients_(clients), judge_(judge) {}

  // The engine must be at rest and the store well.
  void look(Depth depth);
  // A byte of the store has changed: what is read is right or refused, and runs that have nothing there are as before.
  void look_at_damage(const std::string& where);
  // At rest: a timer whose time is over, or an activity that waits for longer than it may; or nothing.
  std::optional<std::string> late() const;
  // A crash has just passed and the engine has not gone on: runs of which somebody was told that they have ended, have.
  void look_for_ends(const std::vector<RunKey>& told);
  // After an abort nothing is in effect that could have been undone.
  void judge_ledger() const;

  void strike(Fault fault) { struck_.insert(fault); }
  void strike(Fault fault, const RunKey& run) { struck_runs_.insert({run, fault}); }
  const Coverage& coverage() const { return coverage_; }

  const std::map<RunKey, std::unique_ptr<HistoryCheck>>& runs() const { return runs_; }
  std::uint64_t damage_seen() const { return damage_seen_; }

 private:
  struct Seen {
    std::uint64_t life = 0;
    std::string status;
    TimeMs updated_at = 0;
  };
  HistoryCheck* check_of(const RunKey& run);
  void look_at(const engine::RunSummary& row, Depth depth);
  bool listed_as_it_is(const engine::RunSummary& row, HistoryCheck& check);
  Status read(HistoryCheck& check, std::uint64_t from);
  void replay(const RunKey& run, const Reading& reading);
  void compare_view(HistoryCheck& check, const engine::RunSummary& row);
  void look_at_messages(const HistoryCheck& check);
  void look_for_missing(const std::set<RunKey>& listed);
  void look_for_left_blobs(const std::set<RunKey>& listed);
  bool is_outlived_parent(const std::string& finding) const;
  bool may_be_gone(const HistoryCheck& check) const;
  bool may_have_ended(const RunKey& run) const;
  void look_at_handed_out(const std::set<RunKey>& listed);
  void look_for_idle_places();
  bool waits_for_a_place(const RunKey& run, const Reading& reading, const decider::Frame& f) const;
  void cover(const HistoryCheck& check);

  const Settings& settings_;
  Machine& machine_;
  const Outside& outside_;
  const Clients& clients_;
  Judge& judge_;
  Random random_{0};
  std::uint64_t looks_ = 0, looks_at_all_ = 0, damage_seen_ = 0;
  std::map<RunKey, std::unique_ptr<HistoryCheck>> runs_;
  std::map<RunKey, Seen> seen_;
  std::size_t handed_out_checked_ = 0;
  TimeMs latest_ = 0;  // the wall clock has shown
  std::set<Fault> struck_;
  std::set<std::pair<RunKey, Fault>> struck_runs_;
  Coverage coverage_;
};

}  // namespace perdure::sim
