#pragma once
// Reads a run's history as anyone could and holds it against the invariants. Numbers: docs/reliability.md.
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include "decider/state.h"
#include "history/event.h"
#include "plan/plan.h"
#include "sim/flow_check.h"
#include "sim/outside.h"
#include "sim/report.h"
#include "storage/store.h"

namespace perdure::sim {

// What a history says, once it has passed.
struct Reading {
  std::shared_ptr<const plan::Plan> plan;
  decider::State state;  // the fold
  bool whole = true;     // false: a part was compacted away before it was read, so there is no fold
  std::uint64_t last_seq = 0;
  TimeMs last_at = 0;
  std::uint64_t batches = 0;
  std::unordered_map<std::uint64_t, std::uint32_t> attempts;  // command: those that it allows, from 1
  std::unordered_map<std::uint64_t, TimeMs> begin_by;         // command: when its first attempt has waited too long
  std::unordered_map<std::uint64_t, std::vector<std::uint64_t>> undone_by;  // forward command: its compensations
  std::set<std::uint64_t> undoable;                                         // forward commands that can be undone
  std::set<std::string> waited_children;
  std::vector<std::string> signal_keys;  // in order
  std::set<std::string> signals, updates, events;
  std::uint64_t last_pivot = 0;
  std::unordered_map<std::uint64_t, std::uint64_t> recorded;  // forward command: sequence of its CompensationRecorded
  bool gave_up = false;                                       // the process died too often while something was undone
  bool ended = false;
  std::uint32_t ends = 0;  // a retry may follow
};

class HistoryCheck {
 public:
  HistoryCheck(RunKey run, std::shared_ptr<const plan::Plan> plan, Judge& judge, std::uint64_t replay_one_in);
  HistoryCheck(const HistoryCheck&) = delete;
  HistoryCheck& operator=(const HistoryCheck&) = delete;

  // Where to read on from.
  std::uint64_t next() const { return reading_.last_seq + 1; }
  // A few batches back.
  std::uint64_t shortly_before() const;
  // One more batch, or one that was taken before: then it must be the same (invariant 4).
  void take(const storage::HistoryBatch& stored, const history::Batch& batch);
  bool knows(std::uint64_t first_seq) const { return first_seq <= reading_.last_seq; }
  void check_known(const storage::HistoryBatch& stored);
  void check_blobs(const storage::HistoryBatch& stored, const history::Batch& batch);
  // The beginning was compacted away.
  void skip_to(std::uint64_t first_seq);
  // The state as it is now.
  void check_state();

  const RunKey& run() const { return run_; }
  const Reading& reading() const { return reading_; }

 private:
  void violated(int invariant, const std::string& text);
  void fold(const history::Batch& batch);
  bool is_decided_again();
  std::unique_ptr<decider::State> decide_again(const history::Batch& batch);
  void take_event(const history::Event& event);
  const plan::Node& node(history::NodeId id) const { return reading_.plan->nodes[id]; }
  std::uint64_t command_of(history::FrameId frame) const;
  void check_beginning(history::FrameId frame, history::NodeId of, history::FrameId parent, history::Role role);
  bool is_scope(history::FrameId id) const;
  void owe(history::FrameId frame, std::uint64_t effect);
  void owe_what_is_left();
  void check_undo(history::FrameId scope, std::uint32_t entry);
  void end_scope(history::FrameId frame);
  void check_again(history::FrameId frame, DurationMs wait_ms);
  void check_answer(std::uint64_t command, std::uint32_t attempt);
  void check_parallel();
  std::optional<history::FrameId> served_another(const history::Event& event) const;
  void take_key(const std::string& key, std::set<std::string>& known, int invariant, const char* what);

  template <class Event>
  void before_event(const Event&) {}
  template <class Event>
  void after_event(const Event&) {}
  void before_event(const history::StepStarted& event);
  void before_event(const history::StepCompleted& event);
  void before_event(const history::ActivityScheduled& event);
  void before_event(const history::ActivityAttemptStarted& event);
  void before_event(const history::CompensationDone& event);
  void before_event(const history::StepFailed& event);
  void before_event(const history::StepCancelled& event);
  void before_event(const history::CompensationRecorded& event);
  void before_event(const history::ActivityCompleted& event);
  void before_event(const history::ActivityFailed& event);
  void before_event(const history::ActivityLost& event);
  void before_event(const history::TimerStarted& event);
  void before_event(const history::ActivityRetryScheduled& event);
  void before_event(const history::TimerFired& event);
  void before_event(const history::TerminateRequested& event);
  void before_event(const history::PivotPassed& event);
  void before_event(const history::SignalReceived& event);
  void before_event(const history::UpdateReceived& event);
  void before_event(const history::EventReceived& event);
  void before_event(const history::ChildScheduled& event);
  void before_event(const history::ChildEnded& event);
  void after_event(const history::ActivityScheduled&) { check_parallel(); }
  void after_event(const history::ActivityAttemptStarted& event);
  void after_event(const history::SignalConsumed& event);
  void after_event(const history::RetryRequested&) { owe_what_is_left(); }
  void after_event(const history::CompensateRequested&) { owe_what_is_left(); }

  struct Policy {
    std::uint32_t max = 0, made = 0, free = 0;  // free: lost, or refused by a breaker
    bool fatal = false;                         // the last answer
    DurationMs wait_ms = 0;                     // that it asked for
  };
  struct Known {
    std::uint64_t first_seq = 0;
    std::uint64_t checksum = 0;
    std::uint64_t whole = 0;  // with what its blobs hold; 0: it has none
  };
  const Known* known(std::uint64_t first_seq) const;

  const RunKey run_;
  Judge& judge_;
  Random random_;
  const std::uint64_t replay_one_in_;
  Reading reading_;
  std::unique_ptr<FlowCheck> flow_;  // of a plan with a data flow
  const history::Event* at_event_ = nullptr;
  std::uint64_t seq_ = 0;
  TimeMs now_ = 0;
  std::vector<Known> known_;  // batches
  std::unordered_map<std::uint64_t, Policy> policy_;
  std::unordered_map<std::uint64_t, TimeMs> due_;
  std::unordered_set<std::uint64_t> fired_, maybe_effect_;
  std::set<history::FrameId> pivots_;  // passed, by steps that have not ended
  enum class Owed : std::uint8_t { yes, unless_before_a_pivot, undone };
  std::unordered_map<std::uint64_t, Owed> effects_;              // recorded ones, by their command
  std::map<history::FrameId, std::vector<std::uint64_t>> owed_;  // the same by the scopes around them, in order
  std::map<std::string, std::deque<Bytes>> waiting_signals_;     // not taken yet
};

// What is in effect although it was to be undone.
std::vector<std::uint64_t> in_force(const RunKey& run, const Reading& reading, const Outside& outside);

}  // namespace perdure::sim
