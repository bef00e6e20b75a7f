#pragma once
// The heart (DESIGN §2): facts in, events and commands out. Pure: the same plan, state, facts and context give the same
// decision on every machine.
//
// A run's life, driven by runtime/step (or a test, or the simulator):
//   State state = empty_state(plan);
//   decide(plan, state, {RunStarted{…}}, context)   -> events to commit, then commands to carry out
//   decide(plan, state, {ActivityCompleted{…}}, …)  …
//   until is_closed(state.status).
#include <cstdint>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "decider/state.h"

namespace perdure::decider {

struct Context {
  TimeMs now = 0;
  // Record the facts and leave what follows from them to the next decision without `hold` (an engine that only looks
  // and takes messages). The state is then cut.
  bool hold = false;
};

// ---- commands: what the runtime is to do once the events are durable --------------------------------------------------
struct DispatchActivity {  // start this attempt
  FrameId frame = 0;
  std::uint64_t command = 0;
  std::uint32_t attempt = 1;
  NodeId node = 0;  // type, timeouts, priority, breaker… are the node's
  Bytes args;
  std::string idempotency_key;       // empty: the command's
  DurationMs start_to_close_ms = 0;  // what is left of schedule_to_close taken into account
};
struct CancelActivity {
  FrameId frame = 0;
  std::uint64_t command = 0;
  NodeId node =
      history::k_none;  // whose driver is told, when it is not the frame's: a connection is not needed any more
};
struct StartChild {
  FrameId frame = 0;
  std::uint64_t command = 0;
  std::string child;                         // run id
  std::string workflow, version, plan_hash;  // plan_hash set: that plan; else the registered workflow
  Bytes input;
  bool wait = true;  // else ended well as soon as it is started; answer with ChildEnded either way
};
struct CancelChild {
  FrameId frame = 0;
  std::uint64_t command = 0;
  std::string child;
};
struct UndoChild {
  FrameId frame = 0;
  std::uint64_t command = 0;
  std::string child;
  bool unknown_outcome = false;  // it may never have begun, and then is undone already
};                               // answer with ChildEnded
struct PublishEvent {
  std::uint64_t command = 0;
  std::string type;
  Bytes data;
};
struct OpenReview {
  FrameId frame = 0;
  std::uint64_t command = 0;
  Bytes request;
};
struct NotifyParent {
  std::string parent;
  std::uint32_t parent_frame = 0;
  std::uint64_t parent_command = 0;
  RunStatus status = RunStatus::completed;
  Bytes output;
  FaultPtr fault;
};
using Command = std::variant<DispatchActivity, CancelActivity, StartChild, CancelChild, UndoChild, PublishEvent,
                             OpenReview, NotifyParent>;

// A fact that may not be applied; nothing of it is recorded. `fact`: its place among the facts given.
struct Rejection {
  std::size_t fact = 0;
  Error error;
};

struct Decision {
  std::vector<history::Event> events;  // facts and what follows from them, in order; already folded into the state
  std::vector<Command> commands;
  std::vector<Rejection> rejections;
  std::vector<std::pair<std::size_t, Value>> answers;  // of updates: fact's place, new context
  // The run has more to do at once but this decision is long enough (k_decision_events_soft, k_decision_bytes_soft):
  // decide again with no facts. A run with `more` counts as having work in flight.
  bool more = false;
};

State empty_state(const plan::Plan& plan);

// Of an event, the part that has no limit of its own.
std::size_t payload_bytes(const history::Event& event);

// Validates a run's input against the plan's schema and fills defaults. `invalid` with JSON pointers.
Result<Bytes> check_input(const plan::Plan& plan, const Bytes& input);

// `state` is evolved as the decision is made: afterwards it equals the fold of its old value and `events`. On a failed
// commit it must be thrown away and loaded again. Facts that come too late (an answer to a cancelled command) are
// recorded and change nothing. Never fails: a fault of the workflow is an event.
Decision decide(const plan::Plan& plan, State& state, std::span<const history::Event> facts, const Context& context);

// What a closed run tells its parent: one that worked did, whatever is left to repair in it.
NotifyParent notice_of_end(const State& state);

// After a restart of the process: the facts to decide first (ActivityLost for each attempt in flight), and commands
// that may not have been carried out (children, parent's notice); all of them idempotent.
struct Recovery {
  std::vector<history::Event> facts;
  std::vector<Command> commands;
};
Recovery recover(const plan::Plan& plan, const State& state);

// Results that a restart from `step` takes over: top-level steps of `new_plan`, by name, that completed in `state` and do
// not come after `step` (nor is it). `not_found` with the nearest names when there is no such step.
Result<std::vector<history::Carried>> carry_for_restart(const State& state, const plan::Plan& new_plan,
                                                        std::string_view step);

// Timers that are due: TimerFired facts, in order of (due, frame), at most `limit`.
std::vector<history::Event> due_timers(const State& state, TimeMs now, std::size_t limit);

// `.context`-like document for queries; const.
Result<Value> run_query(const plan::Plan& plan, const State& state, std::string_view name);

// Folds a history; with `verify`, also decides its facts again and compares. Differences in words, at most 20.
struct ReplayResult {
  State state;
  std::vector<std::string> differences;
  std::uint64_t events = 0;
};
Result<ReplayResult> replay(const plan::Plan& plan, std::span<const history::Batch> batches, bool verify);

// Steps as people see them: in plan order, live frames with their attempts and timers, foreach items under their step
// (at most `max_items` each).
struct StepState {
  std::string path;
  NodeId node = 0;
  StepStatus status = StepStatus::none;
  Phase phase = Phase::running;
  bool live = false;
  std::uint32_t attempt = 0;
  std::uint64_t command = 0;
  TimeMs started_at = 0, next_at = k_never;
  FaultPtr fault;
};
std::vector<StepState> steps(const State& state, std::size_t max_items = 100);

}  // namespace perdure::decider
