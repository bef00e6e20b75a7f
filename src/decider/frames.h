#pragma once
// How events change the frame table: making and ending frames, and what a parent learns when a child ends.
// Used by evolve only.
#include "decider/state.h"

namespace perdure::decider {

inline constexpr std::uint32_t k_branch_fallback = 0xfffffffe;  // BranchTaken: the on_error body
inline constexpr std::uint32_t k_branch_breaker = 0xfffffffd;   // BranchTaken: the breaker's fallback
// Frame::timer of a frame whose timer has fired and was not acted upon yet.
inline constexpr std::uint64_t k_timer_fired = UINT64_MAX;

Frame* live_frame(State& state, FrameId id);
const Frame* live_frame(const State& state, FrameId id);
const plan::Node& node_of(const State& state, const Frame& frame);
// The frame that fans out over the items, as opposed to one item's.
bool is_foreach_head(const State& state, const Frame& frame);
// A child run is out for it: to end, or to undo itself.
bool waits_for_child(const State& state, const Frame& frame);
// No signal wakes the frame any more.
void stop_listening(State& state, FrameId id);

// nullptr when the event does not fit (a damaged history): the caller then changes nothing.
Frame* open_frame(State& state, FrameId id, NodeId node, FrameId parent, std::uint32_t index, Role role, TimeMs now);
// Frees the frame and everything below it; the parent's counters are the caller's.
void drop_frame(State& state, FrameId id);
// The child's end reaches its parent: counters, edges of a graph, results of a foreach; then the frame is dropped.
enum class ChildEnd : std::uint8_t { well, badly, cancelled };
void close_frame(State& state, FrameId id, ChildEnd end, const FaultPtr& fault);
// A child was passed over without ever having a frame.
void pass_over(State& state, Frame& parent, std::uint32_t index, bool dead_path);

// `body` is one of the node's own bodies.
bool is_body_of(const plan::Plan& plan, NodeId node, NodeId body);
// A run that is retried: which results it keeps, and what its saga owes still; or, of one whose undoing failed, which
// entries are undone again (retry_run.cc).
void carry_completed(State& state);
bool may_try_again(const SagaEntry& entry);
void owe_again(State& state, bool only_these);
// The step of this entry has been undone, and with it what it is part of.
void mark_undone(State& state, const SagaEntry& entry);
// Whether a decoded snapshot is one that deciding can rely on (state_sound.cc).
bool holds_together(const State& state);

// Data flow (fold_flow.cc): what a frame gets when it opens, what its parent has when it ends, and what is kept of lists
// and loops that fail.
void open_flow(State& state, Frame& frame, const Frame* parent);
void hand_on(State& state, const Frame& ended, const Bytes& output);
void go_on(Frame& list, std::uint32_t after);
void keep_place(State& state, const Frame& frame);
void forget_places(State& state);
void listen_for(State& state, Frame& frame);
void consume(State& state, Frame& frame, const history::EventConsumed& taken);

void set_timer(State& state, FrameId id, TimeMs due, std::uint64_t timer);
void clear_timer(State& state, FrameId id);

Slot* slot_of(State& state, const Frame& frame, NodeId node);
const Slot* slot_of(const State& state, std::uint32_t scope, NodeId node);
void set_slot(Slot& slot, StepStatus status, history::OutputKind kind, NodeId from, Bytes output, FaultPtr fault);

}  // namespace perdure::decider
