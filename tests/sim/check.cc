#include "sim/check.h"

#include <algorithm>

#include "base/limits.h"
#include "decider/decider.h"
#include "decider/frames.h"

namespace perdure::sim {
namespace {

namespace h = history;
using decider::Frame;

constexpr std::size_t k_shortly = 8;  // batches

}  // namespace

HistoryCheck::HistoryCheck(RunKey run, std::shared_ptr<const plan::Plan> plan, Judge& judge,
                           std::uint64_t replay_one_in)
    : run_(std::move(run)), judge_(judge), random_(checksum64(run_.id)), replay_one_in_(replay_one_in) {
  reading_.plan = std::move(plan);
  reading_.state = decider::empty_state(*reading_.plan);
  if (reading_.plan->data_flow)
    flow_ = std::make_unique<FlowCheck>(*reading_.plan,
                                        [this](int invariant, const std::string& text) { violated(invariant, text); });
}

std::uint64_t HistoryCheck::shortly_before() const {
  return known_.empty() ? 1 : known_[known_.size() - std::min(known_.size(), k_shortly)].first_seq;
}

void HistoryCheck::violated(int invariant, const std::string& text) {
  judge_.violated(invariant, "run " + run_.id + ", event " + std::to_string(seq_) + " " +
                                 (at_event_ != nullptr ? std::string(h::name_of(*at_event_)) : "") + ": " + text);
}

const HistoryCheck::Known* HistoryCheck::known(std::uint64_t first_seq) const {
  const auto at = std::lower_bound(known_.begin(), known_.end(), first_seq,
                                   [](const Known& known, std::uint64_t seq) { return known.first_seq < seq; });
  return at == known_.end() || at->first_seq != first_seq ? nullptr : &*at;
}

void HistoryCheck::check_known(const storage::HistoryBatch& stored) {
  if (known_.empty() || stored.first_seq < known_.front().first_seq) return;  // never read
  const Known* was = known(stored.first_seq);
  if (was == nullptr || was->checksum != checksum64(stored.batch.view()))
    judge_.violated(4, "run " + run_.id + ": the history has changed at event " + std::to_string(stored.first_seq));
}

void HistoryCheck::check_blobs(const storage::HistoryBatch& stored, const h::Batch& batch) {
  const Known* was = known(stored.first_seq);
  if (was != nullptr && was->whole != 0 && was->whole != checksum64(h::encode_batch(batch).view()))
    judge_.violated(6, "run " + run_.id + ": a blob of event " + std::to_string(stored.first_seq) + " has changed");
}

void HistoryCheck::skip_to(std::uint64_t first_seq) {
  reading_.whole = reading_.ended = false;  // a retry may be among what was compacted
  reading_.last_seq = first_seq - 1;
  known_.clear();
}

void HistoryCheck::take(const storage::HistoryBatch& stored, const h::Batch& batch) {
  if (knows(stored.first_seq)) return check_known(stored);
  seq_ = stored.first_seq;
  at_event_ = nullptr;
  if (stored.first_seq != next()) return violated(5, "the history has a gap");
  if (batch.first_seq != stored.first_seq || batch.events.size() != stored.count)
    return violated(5, "the batch is not what the store says");
  std::size_t payloads = 0;
  for (const h::Event& event : batch.events) payloads += decider::payload_bytes(event);
  known_.push_back({stored.first_seq, checksum64(stored.batch.view()),
                    payloads > stored.batch.size() ? checksum64(h::encode_batch(batch).view()) : 0});
  ++reading_.batches;
  reading_.last_at = batch.now;
  now_ = batch.now;
  const auto again = is_decided_again() ? decide_again(batch) : nullptr;
  fold(batch);
  if (again && !judge_.failed() && !(decider::encode_state(*again) == decider::encode_state(reading_.state)))
    violated(7, "the fold of the events differs from the decision");
}

// A large state costs as much as many small ones.
bool HistoryCheck::is_decided_again() {
  constexpr std::size_t k_small_bytes = 16'384;
  if (!reading_.whole || replay_one_in_ == 0) return false;
  return random_.one_in(static_cast<std::uint32_t>(replay_one_in_)) &&
         random_.one_in(static_cast<std::uint32_t>(1 + decider::footprint(reading_.state) / k_small_bytes));
}

void HistoryCheck::fold(const h::Batch& batch) {
  for (const h::Event& event : batch.events) {
    seq_ = reading_.last_seq + 1;
    at_event_ = &event;
    take_event(event);
    if (judge_.failed()) return;
  }
}

// The frame that an answer is for when it serves another activity by now: then the answer changes nothing.
std::optional<h::FrameId> HistoryCheck::served_another(const h::Event& event) const {
  return std::visit(
      [this](const auto& answer) -> std::optional<h::FrameId> {
        if constexpr (requires { answer.frame, answer.command, answer.attempt; }) {
          const Frame* f = decider::live_frame(reading_.state, answer.frame);
          if (f != nullptr && (f->command != answer.command || f->attempt != answer.attempt)) return answer.frame;
        }
        return std::nullopt;
      },
      event);
}

void HistoryCheck::take_event(const h::Event& event) {
  if (reading_.whole) std::visit([this](const auto& each) { before_event(each); }, event);
  if (reading_.ended && !std::holds_alternative<h::RetryRequested>(event) &&
      !std::holds_alternative<h::CompensateRequested>(event))
    violated(3, "an event after the last one");
  if (reading_.whole) {
    if (flow_) flow_->before(event, reading_.state, seq_, now_);
    const auto other = served_another(event);
    decider::evolve(reading_.state, event, now_);
    if (other && reading_.state.frames[*other].landed == seq_)
      violated(11, "the answer to another activity is applied");
    std::visit([this](const auto& each) { after_event(each); }, event);
    if (flow_) flow_->after(event, reading_.state);
  }
  reading_.ended = std::holds_alternative<h::RunCompleted>(event) || std::holds_alternative<h::RunFailed>(event);
  if (reading_.ended) ++reading_.ends;
  reading_.last_seq = seq_;
}

// Its facts give the same events again.
std::unique_ptr<decider::State> HistoryCheck::decide_again(const h::Batch& batch) {
  auto state = decider::decode_state(decider::encode_state(reading_.state).view(), *reading_.plan);
  if (!state) {
    violated(8, "the state does not read: " + state.error().message);
    return nullptr;
  }
  std::vector<h::Event> facts;
  for (const h::Event& event : batch.events)
    if (h::is_fact(event)) facts.push_back(event);
  decider::Context context;
  context.now = batch.now;
  const auto decision = decider::decide(*reading_.plan, *state, facts, context);
  if (!(h::encode_batch({batch.first_seq, batch.now, decision.events}) == h::encode_batch(batch)))
    violated(7, "decided once more, it is another decision");
  return std::make_unique<decider::State>(std::move(*state));
}

void HistoryCheck::check_state() {
  if (!reading_.whole) return;
  for (const std::string& finding : decider::check_state(reading_.state))
    judge_.violated(14, "run " + run_.id + ": " + finding);
}

std::uint64_t HistoryCheck::command_of(h::FrameId frame) const {
  return frame < reading_.state.frames.size() ? reading_.state.frames[frame].command : 0;
}

// Whether the step's effects are undone together, as its file says.
bool HistoryCheck::is_scope(h::FrameId id) const {
  const Frame& f = reading_.state.frames[id];
  if (f.role == h::Role::compensation) return false;
  if (f.parent == h::k_none) return true;
  if (!node(f.node).saga.empty() && (node(f.node).foreach == plan::k_none || f.role != h::Role::item)) return true;
  const Frame& parent = reading_.state.frames[f.parent];
  return node(parent.node).kind == plan::Kind::race && f.role == h::Role::step;
}

// One more effect, in every scope around it.
void HistoryCheck::owe(h::FrameId frame, std::uint64_t effect) {
  effects_[effect] = Owed::yes;
  const auto& frames = reading_.state.frames;
  for (h::FrameId id = frame; id < frames.size(); id = frames[id].parent)
    if (is_scope(id)) owed_[id].push_back(effect);
}

void HistoryCheck::check_undo(h::FrameId scope, std::uint32_t entry) {
  if (entry >= reading_.state.saga_log.size()) return violated(18, "undoes what is not in the log");
  const std::uint64_t effect = reading_.state.saga_log[entry].command;
  if (effects_[effect] == Owed::undone) return violated(18, "undoes what was undone");
  const auto& all = owed_[scope];
  auto at = all.rbegin();
  for (; at != all.rend() && *at != effect; ++at)
    if (effects_[*at] == Owed::yes) return violated(19, "undone before what was done after it");
  if (at == all.rend()) violated(18, "undoes what is of another scope or lies before a pivot");
}

// A run that goes on again owes what is left in its log; what lies before a pivot nobody says any more.
void HistoryCheck::owe_what_is_left() {
  pivots_.clear();
  owed_.clear();
  effects_.clear();
  for (const decider::SagaEntry& entry : reading_.state.saga_log) {
    effects_[entry.command] = entry.done ? Owed::undone : Owed::unless_before_a_pivot;
    if (!entry.done) owed_[0].push_back(entry.command);
  }
}

void HistoryCheck::end_scope(h::FrameId frame) {
  const auto scope = owed_.find(frame);
  if (scope == owed_.end()) return;
  for (const std::uint64_t effect : scope->second)
    if (effects_[effect] == Owed::yes) violated(20, "its scope ends and it is still owed");
  owed_.erase(scope);
}

// What begins something new; a frame that waited in the queue is there already.
void HistoryCheck::check_beginning(h::FrameId frame, h::NodeId of, h::FrameId parent, h::Role role) {
  if (reading_.state.paused) violated(38, "begins while the run is paused");
  if (role == h::Role::compensation || decider::live_frame(reading_.state, frame) != nullptr) return;
  const auto& frames = reading_.state.frames;
  if (role == h::Role::item && parent < frames.size() && node(of).foreach_parallel != 0 &&
      frames[parent].live_children >= node(of).foreach_parallel)
    violated(30, "more items at a time than the step allows");
  for (h::FrameId id = parent; id < frames.size(); id = frames[id].parent) {
    const Frame& f = frames[id];
    if (f.phase == decider::Phase::finalizing || f.phase == decider::Phase::compensating) return;  // cleaning up
    if (f.cancel_wanted) return violated(26, "begins under a step that is being cancelled");
    if (f.parent >= frames.size() || f.role != h::Role::step) continue;
    const Frame& race = frames[f.parent];
    if (node(race.node).kind == plan::Kind::race && race.branch != decider::k_none &&
        race.phase == decider::Phase::running)
      return violated(26, "begins in a branch that has lost its race");
  }
}

// A further attempt, so long from now.
void HistoryCheck::check_again(h::FrameId frame, DurationMs wait_ms) {
  const auto policy = policy_.find(command_of(frame));
  if (policy == policy_.end()) return;
  if (policy->second.fatal) violated(12, "tries again what can't succeed");
  if (wait_ms < policy->second.wait_ms) violated(12, "tries again before the party wants it to");
  policy->second.wait_ms = 0;
}

void HistoryCheck::before_event(const h::StepStarted& event) {
  if (event.role == h::Role::compensation) check_undo(event.parent, event.index);
  check_beginning(event.frame, event.node, event.parent, event.role);
}

void HistoryCheck::before_event(const h::ActivityAttemptStarted& event) {
  if (reading_.state.paused) violated(38, "begins while the run is paused");
  check_again(event.frame, 0);
}

void HistoryCheck::before_event(const h::ActivityScheduled& event) {
  check_beginning(event.frame, event.node, event.parent, event.role);
  const std::uint64_t command = seq_;
  reading_.attempts[command] = 1;
  if (const DurationMs patience = node(event.node).timeouts.schedule_to_start_ms; patience > 0)
    reading_.begin_by[command] = now_ + patience;
  const auto& retry = node(event.node).retry;
  policy_[command] = {retry ? retry->max_attempts : 0, 1, 0};
  if (event.role != h::Role::compensation) {
    if (node(event.node).compensation != plan::k_none) reading_.undoable.insert(command);
    return;
  }
  check_undo(event.parent, event.index);
  if (event.index >= reading_.state.saga_log.size()) return;
  const std::uint64_t forward = reading_.state.saga_log[event.index].command;
  reading_.undone_by[forward].push_back(command);
  if (!maybe_effect_.contains(forward)) violated(18, "undoes what certainly had no effect");
}

void HistoryCheck::before_event(const h::CompensationRecorded& event) {
  owe(event.frame, event.command);
  if (!event.child.empty()) return;
  if (!maybe_effect_.contains(event.command)) violated(18, "owes the undoing of what certainly had no effect");
  if (!reading_.recorded.try_emplace(event.command, seq_).second) violated(10, "one effect is owed twice");
}

void HistoryCheck::before_event(const h::ActivityCompleted& event) {
  maybe_effect_.insert(event.command);
  check_answer(event.command, event.attempt);
}

void HistoryCheck::before_event(const h::ActivityFailed& event) {
  if (event.fault && event.fault->fault_class == h::FaultClass::ambiguous) maybe_effect_.insert(event.command);
  Policy& policy = policy_[event.command];
  if (event.fault && event.fault->type == "breaker.open") ++policy.free;
  policy.fatal = event.fault && event.fault->fault_class == h::FaultClass::fatal;
  policy.wait_ms = event.fault ? event.fault->retry_after_ms : 0;
  check_answer(event.command, event.attempt);
}

void HistoryCheck::before_event(const h::ActivityLost& event) {
  maybe_effect_.insert(event.command);
  Policy& policy = policy_[event.command];
  ++policy.free;
  policy.fatal = false;
  policy.wait_ms = 0;
  check_answer(event.command, event.attempt);
}

void HistoryCheck::check_answer(std::uint64_t command, std::uint32_t attempt) {
  const auto known = reading_.attempts.find(command);
  if (known == reading_.attempts.end() || attempt == 0 || attempt > known->second)
    violated(11, "answers an attempt that was not asked for");
}

void HistoryCheck::before_event(const h::TimerStarted& event) { due_[seq_] = event.due; }
void HistoryCheck::before_event(const h::ActivityRetryScheduled& event) {
  due_[seq_] = event.at;
  check_again(event.frame, event.at - now_);
}
void HistoryCheck::before_event(const h::TimerFired& event) {
  const auto due = due_.find(event.timer);
  if (due == due_.end()) return;  // of a step's own deadline, which has no event of its own
  if (now_ < due->second) violated(13, "fired " + std::to_string(due->second - now_) + " ms early");
  if (!fired_.insert(event.timer).second) violated(15, "a timer fired twice");
}
void HistoryCheck::before_event(const h::TerminateRequested&) {
  for (const Frame& frame : reading_.state.frames)
    if (frame.live && frame.phase == decider::Phase::in_flight) maybe_effect_.insert(frame.command);
}

void HistoryCheck::before_event(const h::PivotPassed& event) {
  reading_.last_pivot = seq_;
  pivots_.insert(event.frame);
  const auto& frames = reading_.state.frames;
  h::FrameId scope = event.frame;
  if (scope < frames.size() && frames[scope].parent != h::k_none && !node(frames[scope].node).saga.empty())
    scope = frames[scope].parent;  // of a block that is a scope itself, what came before was done around it
  while (scope < frames.size() && !is_scope(scope)) scope = frames[scope].parent;
  // The scope and those around it owe it no more. One within that has not ended still may.
  const std::vector<std::uint64_t> passed = std::exchange(owed_[scope], {});
  for (; scope < frames.size(); scope = frames[scope].parent)
    if (const auto around = owed_.find(scope); around != owed_.end())
      std::erase_if(around->second, [&](std::uint64_t effect) { return std::ranges::count(passed, effect) > 0; });
}
void HistoryCheck::before_event(const h::CompensationDone& event) {
  if (event.entry < reading_.state.saga_log.size())
    effects_[reading_.state.saga_log[event.entry].command] = Owed::undone;
  if (event.fault && event.fault->type == "attempt.lost" && event.fault->attempt > k_lost_attempts_max)
    reading_.gave_up = true;
}
void HistoryCheck::before_event(const h::ChildEnded& event) {
  const bool waited = reading_.waited_children.contains(run_.id + "." + std::to_string(event.command));
  if (waited && !h::is_closed(event.status)) violated(11, "a child is told to have ended that is open");
}
void HistoryCheck::before_event(const h::StepFailed& event) { end_scope(event.frame); }
void HistoryCheck::before_event(const h::StepCancelled& event) { end_scope(event.frame); }
void HistoryCheck::before_event(const h::StepCompleted& event) {
  owed_.erase(event.frame);
  const Frame& f = reading_.state.frames[event.frame];
  const plan::Node& step = node(f.node);
  if (const bool passed = pivots_.erase(event.frame) > 0; step.pivot && f.role == h::Role::step && !passed)
    violated(18, "a pivot that nobody recorded");
  if (step.kind != plan::Kind::review || event.kind != h::OutputKind::returned || !f.wait) return;
  std::set<std::string> approvals;
  for (const auto& [who, approved] : f.wait->votes) {
    if (!approved) return;
    approvals.insert(who);
  }
  if (approvals.size() < step.review->quorum) violated(39, "approved without its quorum");
}
void HistoryCheck::after_event(const h::SignalConsumed& event) {
  auto& queue = waiting_signals_[event.name];
  if (queue.empty() || !(queue.front() == reading_.state.frames[event.frame].returned))
    return violated(16, "takes another signal than the oldest");
  queue.pop_front();
}
void HistoryCheck::before_event(const h::SignalReceived& event) {
  waiting_signals_[event.name].push_back(event.payload);
  take_key(event.sender_key, reading_.signals, 16, "signal");
  if (!event.sender_key.empty()) reading_.signal_keys.push_back(event.sender_key);
}

void HistoryCheck::before_event(const h::EventReceived& event) { take_key(event.id, reading_.events, 16, "event"); }

void HistoryCheck::before_event(const h::UpdateReceived& event) { take_key(event.id, reading_.updates, 24, "update"); }

void HistoryCheck::before_event(const h::ChildScheduled& event) {
  if (event.wait) reading_.waited_children.insert(event.child);
}

void HistoryCheck::take_key(const std::string& key, std::set<std::string>& known, int invariant, const char* what) {
  if (!key.empty() && !known.insert(key).second)
    violated(invariant, std::string(what) + " " + key + " was applied twice");
}

void HistoryCheck::after_event(const h::ActivityAttemptStarted& event) {
  const std::uint64_t command = command_of(event.frame);
  reading_.attempts[command] = std::max(reading_.attempts[command], event.attempt);
  Policy& policy = policy_[command];
  ++policy.made;
  if (policy.max > 0 && policy.made > policy.max + policy.free)
    violated(12, "attempt " + std::to_string(policy.made) + " of " + std::to_string(policy.max));
  check_parallel();
}

void HistoryCheck::check_parallel() {
  const std::uint32_t limit = reading_.plan->parallel;
  if (limit == 0) return;
  std::uint32_t out = 0;
  for (const Frame& frame : reading_.state.frames)
    out += frame.live && frame.phase == decider::Phase::in_flight && frame.role != h::Role::compensation ? 1 : 0;
  if (out > limit) judge_.violated(30, "run " + run_.id + " is over its limit of parallel activities");
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
