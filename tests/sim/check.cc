#include "sim/check.h"

#include "decider/decider.h"
#include "history/event.h"

namespace perdure::sim {
namespace {

namespace h = history;
using decider::Frame;

class Reader {
 public:
  Reader(const RunKey& run, std::shared_ptr<const plan::Plan> plan, Judge& judge)
      : run_(run), judge_(judge), reading_(std::make_shared<Reading>()) {
    reading_->plan = std::move(plan);
    reading_->state = decider::empty_state(*reading_->plan);
  }

  std::shared_ptr<Reading> read(const std::vector<engine::HistoryEntry>& entries, const Earlier& before) {
    for (const engine::HistoryEntry& entry : entries) {
      if (entry.seq != reading_->last_seq + 1) violated(5, entry, "the history has a gap");
      at_ = &entry;
      std::visit([this](const auto& event) { before_event(event); }, entry.event);
      if (ended_ && !std::holds_alternative<h::RetryRequested>(entry.event) &&
          !std::holds_alternative<h::CompensateRequested>(entry.event))
        violated(3, entry, "an event after the last one");
      decider::evolve(reading_->state, entry.event, entry.at);
      std::visit([this](const auto& event) { after_event(event); }, entry.event);
      ended_ =
          std::holds_alternative<h::RunCompleted>(entry.event) || std::holds_alternative<h::RunFailed>(entry.event);
      reading_->last_seq = entry.seq;
      reading_->prefix_hash =
          checksum64(h::encode_batch({entry.seq, entry.at, {entry.event}}).view(), reading_->prefix_hash);
      if (entry.seq == before.last_seq && reading_->prefix_hash != before.hash)
        violated(4, entry, "the history has changed");
      check_parallel();
      if (judge_.failed()) return reading_;
    }
    if (reading_->last_seq < before.last_seq)
      judge_.violated(23, "run " + run_.id + " had " + std::to_string(before.last_seq) + " durable events and has " +
                              std::to_string(reading_->last_seq));
    for (const std::string& finding : decider::check_state(reading_->state))
      judge_.violated(14, "run " + run_.id + ": " + finding);
    return reading_;
  }

 private:
  void violated(int invariant, const engine::HistoryEntry& entry, const std::string& text) {
    judge_.violated(invariant, "run " + run_.id + ", event " + std::to_string(entry.seq) + " " +
                                   std::string(h::name_of(entry.event)) + ": " + text);
  }
  void violated(int invariant, const std::string& text) { violated(invariant, *at_, text); }
  std::uint64_t command_of(h::FrameId frame) const {
    return frame < reading_->state.frames.size() ? reading_->state.frames[frame].command : 0;
  }
  const plan::Node& node(h::NodeId id) const { return reading_->plan->nodes[id]; }

  template <class Event>
  void before_event(const Event&) {}
  template <class Event>
  void after_event(const Event&) {}

  void before_event(const h::ActivityScheduled& event) {
    const std::uint64_t command = at_->seq;
    reading_->attempts.insert({command, 1});
    const auto& retry = node(event.node).retry;
    policy_[command] = {retry ? retry->max_attempts : 0, 1, 0};
    if (event.role != h::Role::compensation) {
      if (node(event.node).compensation != plan::k_none) reading_->undoable.insert(command);
      return;
    }
    if (event.index >= reading_->state.saga_log.size()) return violated(18, "undoes what is not in the log");
    auto [floor, first] = undone_down_to_.try_emplace(event.parent, k_all);
    if (event.index >= floor->second) violated(19, "undone out of order");
    floor->second = event.index;
    const std::uint64_t forward = reading_->state.saga_log[event.index].command;
    reading_->undone_by[forward].push_back(command);
    if (!maybe_effect_.contains(forward)) violated(18, "undoes what certainly had no effect");
  }
  void before_event(const h::CompensationStarted& event) { undone_down_to_[event.frame] = k_all; }
  void before_event(const h::CompensationRecorded& event) {
    if (!event.child.empty()) return;
    if (!maybe_effect_.contains(event.command)) violated(18, "owes the undoing of what certainly had no effect");
    if (!reading_->recorded.try_emplace(event.command, at_->seq).second) violated(10, "one effect is owed twice");
  }
  void before_event(const h::ActivityCompleted& event) {
    maybe_effect_.insert(event.command);
    check_answer(event.command, event.attempt);
  }
  void before_event(const h::ActivityFailed& event) {
    if (event.fault && event.fault->fault_class == h::FaultClass::ambiguous) maybe_effect_.insert(event.command);
    if (event.fault && event.fault->type == "breaker.open") ++policy_[event.command].free;
    check_answer(event.command, event.attempt);
  }
  void before_event(const h::ActivityLost& event) {
    maybe_effect_.insert(event.command);
    ++policy_[event.command].free;
    check_answer(event.command, event.attempt);
  }
  void check_answer(std::uint64_t command, std::uint32_t attempt) {
    if (!reading_->attempts.contains({command, attempt})) violated(11, "answers an attempt that was not asked for");
  }
  void before_event(const h::TimerStarted& event) { due_[at_->seq] = event.due; }
  void before_event(const h::ActivityRetryScheduled& event) { due_[at_->seq] = event.at; }
  void before_event(const h::TimerFired& event) {
    const auto due = due_.find(event.timer);
    if (due == due_.end()) return;  // of a step's own deadline, which has no event of its own
    if (at_->at < due->second) violated(13, "fired " + std::to_string(due->second - at_->at) + " ms early");
    if (!fired_.insert(event.timer).second) violated(15, "a timer fired twice");
  }
  void before_event(const h::TerminateRequested&) {
    for (const Frame& frame : reading_->state.frames)
      if (frame.live && frame.phase == decider::Phase::in_flight) maybe_effect_.insert(frame.command);
  }
  void before_event(const h::PivotPassed&) { reading_->last_pivot = at_->seq; }
  void before_event(const h::SignalReceived& event) { take_key(reading_->signal_keys, event.sender_key, 16, "signal"); }
  void before_event(const h::UpdateReceived& event) { take_key(reading_->update_ids, event.id, 24, "update"); }
  void before_event(const h::ChildScheduled& event) {
    if (event.wait) reading_->waited_children.insert(event.child);
  }
  void take_key(std::vector<std::string>& keys, const std::string& key, int invariant, const char* what) {
    if (key.empty()) return;
    for (const std::string& known : keys)
      if (known == key) violated(invariant, std::string(what) + " " + key + " was applied twice");
    keys.push_back(key);
  }

  void after_event(const h::ActivityAttemptStarted& event) {
    const std::uint64_t command = command_of(event.frame);
    reading_->attempts.insert({command, event.attempt});
    Policy& policy = policy_[command];
    ++policy.made;
    if (policy.max > 0 && policy.made > policy.max + policy.free)
      violated(12, "attempt " + std::to_string(policy.made) + " of " + std::to_string(policy.max));
  }
  void check_parallel() {
    const std::uint32_t limit = reading_->plan->parallel;
    if (limit == 0) return;
    std::uint32_t out = 0;
    for (const Frame& frame : reading_->state.frames)
      out += frame.live && frame.phase == decider::Phase::in_flight && frame.role != h::Role::compensation ? 1 : 0;
    if (out > limit) judge_.violated(30, "run " + run_.id + " is over its limit of parallel activities");
  }

  static constexpr std::uint32_t k_all = 0xffffffff;
  struct Policy {
    std::uint32_t max = 0, made = 0, free = 0;  // free: lost, or refused by a breaker
  };

  const RunKey& run_;
  Judge& judge_;
  std::shared_ptr<Reading> reading_;
  const engine::HistoryEntry* at_ = nullptr;
  bool ended_ = false;
  std::map<std::uint64_t, Policy> policy_;
  std::map<std::uint64_t, TimeMs> due_;
  std::set<std::uint64_t> fired_, maybe_effect_;
  std::map<h::FrameId, std::uint32_t> undone_down_to_;
};

}  // namespace

std::shared_ptr<Reading> read_history(const RunKey& run, const std::vector<engine::HistoryEntry>& entries,
                                      std::shared_ptr<const plan::Plan> plan, const Earlier& before, Judge& judge) {
  return Reader(run, std::move(plan), judge).read(entries, before);
}

std::vector<std::uint64_t> in_force(const RunKey& run, const Reading& reading, const Outside& outside) {
  std::vector<std::uint64_t> left;
  for (const std::uint64_t command : reading.undoable) {
    if (!outside.in_effect({run, command})) continue;
    // Past a pivot nothing is undone. An effect that nobody recorded is no excuse.
    const auto recorded = reading.recorded.find(command);
    if (recorded != reading.recorded.end() ? recorded->second < reading.last_pivot : command < reading.last_pivot)
      continue;
    bool undone = false;
    if (const auto by = reading.undone_by.find(command); by != reading.undone_by.end())
      for (const std::uint64_t undo : by->second) undone = undone || outside.in_effect({run, undo});
    if (!undone) left.push_back(command);
  }
  return left;
}

}  // namespace perdure::sim
