#pragma once
// Events: the facts of a run's history. A run's state is a fold of them (decider/state.h). Two families:
//   facts    came from outside: the input of a decision, recorded as it was;
//   derived  what the decider concluded from facts; deciding the same facts again gives the same derived events.
// A batch is the events of one decision with its one `now`. Encoding: docs/formats/history.md.
// An event's sequence number is its place in the run's history, from 1; it is not stored in the event.
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/bytes.h"
#include "base/ids.h"
#include "base/result.h"
#include "base/time.h"
#include "base/value.h"

namespace perdure::history {

using FrameId = std::uint32_t;  // place in the state's frame table; reused after the frame ended
using NodeId = std::uint32_t;
inline constexpr std::uint32_t k_none = 0xffffffff;

enum class FaultClass : std::uint8_t { transient, recoverable, throttled, fatal, ambiguous };
std::string_view to_string(FaultClass fault_class);

// A fault of the workflow, as expressions see it in `.error`.
struct Fault {
  std::string type, title, detail;
  int status = 0;
  std::string step;
  std::uint32_t attempt = 0;
  FaultClass fault_class = FaultClass::fatal;
  DurationMs retry_after_ms = 0;
  friend bool operator==(const Fault&, const Fault&) = default;
};
using FaultPtr = std::shared_ptr<const Fault>;

enum class StepStatus : std::uint8_t { none, running, completed, skipped, failed, cancelled };
std::string_view to_string(StepStatus status);
enum class RunStatus : std::uint8_t {
  pending,
  running,
  waiting,
  paused,
  completed,
  failed,
  cancelled,
  terminated,
  timed_out,
  compensating,
  compensation_failed,
  quarantined
};
std::string_view to_string(RunStatus status);
std::optional<RunStatus> parse_run_status(std::string_view text);
bool is_closed(RunStatus status);

// ---- facts ------------------------------------------------------------------------------------------------------

struct Carried {  // a step's result taken over from another run (restart from a step)
  NodeId node = k_none;
  StepStatus status = StepStatus::completed;
  Bytes output;
};
struct StartInfo {
  std::string workflow, version, plan_hash;
  Bytes input;              // JSON
  std::uint64_t seed = 0;   // jitter; chosen outside
  std::uint32_t rules = 1;  // behaviour of decider and expressions, DESIGN §2.8
  RunKey run;
  std::string parent;  // run id, empty at top level
  std::uint64_t parent_command = 0;
  std::uint32_t parent_frame = k_none;
  std::uint32_t depth = 0;  // of sub-workflows
  std::string forked_from;  // run id, for restart from a step
  std::vector<Carried> carried;
  Bytes carried_context;  // JSON object or empty
  Bytes detail;           // tags, search attributes, who: JSON object or empty
};
struct RunStarted {
  std::shared_ptr<const StartInfo> info;
};
struct ActivityCompleted {
  FrameId frame = 0;
  std::uint64_t command = 0;
  std::uint32_t attempt = 1;
  Bytes result;
};
struct ActivityFailed {
  FrameId frame = 0;
  std::uint64_t command = 0;
  std::uint32_t attempt = 1;
  FaultPtr fault;
};
// The process ended while the attempt was in flight: nobody knows how far it got.
struct ActivityLost {
  FrameId frame = 0;
  std::uint64_t command = 0;
  std::uint32_t attempt = 1;
};
struct TimerFired {
  FrameId frame = 0;
  std::uint64_t timer = 0;
};  // timer: sequence of its TimerStarted
struct SignalReceived {
  std::string name;
  Bytes payload;
  std::string sender_key;
};  // key: dedupe, may be empty
struct UpdateReceived {
  std::string name;
  Bytes argument;
  std::string id;
};
struct ReviewDecided {
  FrameId frame = 0;
  std::uint64_t command = 0;
  bool approved = false;
  std::string reviewer, comment;
  Bytes data;  // JSON as edited by the reviewer; empty: as proposed
};
struct ChildEnded {
  FrameId frame = 0;
  std::uint64_t command = 0;
  RunStatus status = RunStatus::completed;
  Bytes output;
  FaultPtr fault;
};
struct CancelRequested {
  std::string by, reason;
};
struct PauseRequested {
  std::string by, reason;
};
struct ResumeRequested {
  std::string by, reason;
};
struct TerminateRequested {
  std::string by, reason;
};
struct RetryRequested {
  std::string by, reason;
};  // a failed run goes on from the step that failed
struct CompensateRequested {
  std::string by, reason;
};  // a completed run is undone (its parent's saga, or an operator)

// An event that a listen of the run may want: one of its plan's data flow. `id`: source and id, for dedupe.
struct EventReceived {
  Bytes event;  // a CloudEvent, JSON
  std::string id;
};

// ---- derived ----------------------------------------------------------------------------------------------------

enum class Role : std::uint8_t { step, item, compensation, fallback };
struct StepStarted {
  FrameId frame = 0;
  NodeId node = 0;
  FrameId parent = k_none;
  std::uint32_t index = 0;
  Role role = Role::step;
};
struct StepSkipped {
  FrameId parent = 0;
  NodeId node = 0;
  std::uint32_t index = 0;
};
// Where a step's output is: none (null), in `output`, what the frame's activity, signal, review or child returned,
// the output of another node (`from`), or the object of the node's children.
enum class OutputKind : std::uint8_t { none, inline_, returned, node, children };
struct StepCompleted {
  FrameId frame = 0;
  OutputKind kind = OutputKind::none;
  NodeId from = k_none;
  Bytes output;
};
struct StepFailed {
  FrameId frame = 0;
  FaultPtr fault;
  bool handled = false;
};  // handled: on_error continue
struct StepCancelled {
  FrameId frame = 0;
};
// Makes the frame and asks for attempt 1; its sequence number is the command id.
struct ActivityScheduled {
  FrameId frame = 0;
  NodeId node = 0;
  FrameId parent = k_none;
  std::uint32_t index = 0;
  Role role = Role::step;
  Bytes args;
  std::string key;
};  // key: the step's own idempotency key, or empty
struct ActivityRetryScheduled {
  FrameId frame = 0;
  std::uint32_t attempt = 2;
  TimeMs at = 0;
};  // its sequence is the timer
struct ActivityAttemptStarted {
  FrameId frame = 0;
  std::uint32_t attempt = 2;
};
struct ActivityCancelRequested {
  FrameId frame = 0;
};
// A frame has at most one timer; its purpose follows from the frame.
struct TimerStarted {
  FrameId frame = 0;
  TimeMs due = 0;
};
struct TimerCancelled {
  FrameId frame = 0;
};
struct BlockRetried {
  FrameId frame = 0;
  std::uint32_t attempt = 2;
};  // children run again
struct LoopIterated {
  FrameId frame = 0;
  std::uint32_t iteration = 0;
};
struct ItemsFixed {
  FrameId frame = 0;
  Bytes items;
};  // the array a foreach runs over
struct BranchTaken {
  FrameId frame = 0;
  std::uint32_t branch = 0;
  FaultPtr fault;
};  // case, catch (with its error), winner
struct FinallyEntered {
  FrameId frame = 0;
  FaultPtr fault;
};
struct ContextSet {
  Bytes patch;
};
struct SignalConsumed {
  FrameId frame = 0;
  std::string name;
};
struct ReviewOpened {
  FrameId frame = 0;
  Bytes request;
};  // JSON: reviewers, quorum, data, form, deadline
struct ChildScheduled {
  FrameId frame = 0;
  std::string child;
  std::string workflow, version, plan_hash;
  Bytes input;
  bool wait = true;
};
struct ChildCancelRequested {
  FrameId frame = 0;
  std::string child;
  bool undo = false;
};
struct EventEmitted {
  FrameId frame = 0;
  std::string type;
  Bytes data;
};
// The effect of `command` is to be undone when its scope fails. `args`: evaluated with $out and $args; with `fault`
// the arguments could not be evaluated and the entry goes to the repair list.
struct CompensationRecorded {
  FrameId frame = 0;
  NodeId node = 0;
  std::uint64_t command = 0;
  Bytes args;
  bool unknown_outcome = false;
  FaultPtr fault;
  std::string child;
};
struct PivotPassed {
  FrameId frame = 0;
};
struct CompensationStarted {
  FrameId frame = 0;
  FaultPtr fault;
};  // of the scope whose frame this is
struct CompensationDone {
  std::uint32_t entry = 0;
  FaultPtr fault;
};  // fault: it failed
struct FrameFailing {
  FrameId frame = 0;
  FaultPtr fault;
};  // children are being cancelled first
struct FrameCancelling {
  FrameId frame = 0;
};
struct ListenOpened {
  FrameId frame = 0;
  std::string name;
};  // waits for signals of this name
struct DecisionCut {
  bool cut = true;
};  // a long decision: the next one goes on (false: it has)
// Data flow: what input.from made of what came to the task.
struct TaskInput {
  FrameId frame = 0;
  Bytes input;
};
struct ContextExported {
  Bytes context;
};  // the new $context, JSON
struct TaskJumped {
  FrameId frame = 0;
  std::uint32_t to = 0;
};  // the list goes on with this child when the one at work has ended; past the last: it is over
struct FlowEnded {
  FrameId frame = 0;
};  // this task said `end`: nothing else begins
// A listen took the event of that sequence number, for that one of its filters; `until`: of those that end it.
struct EventConsumed {
  FrameId frame = 0;
  std::uint64_t event = 0;
  std::uint32_t filter = 0;
  bool until = false;
  Bytes keys;  // correlation values from now on, a JSON object; empty: as before
};
struct RunCompleted {
  Bytes output;
};
struct RunFailed {
  RunStatus status = RunStatus::failed;
  FaultPtr fault;
};  // failed, timed_out, cancelled, terminated, compensation_failed

using Event = std::variant<
    // The order is the encoding's type number; append only.
    RunStarted, ActivityCompleted, ActivityFailed, ActivityLost, TimerFired, SignalReceived, UpdateReceived,
    ReviewDecided, ChildEnded, CancelRequested, PauseRequested, ResumeRequested, TerminateRequested, RetryRequested,
    CompensateRequested, StepStarted, StepSkipped, StepCompleted, StepFailed, StepCancelled, ActivityScheduled,
    ActivityRetryScheduled, ActivityAttemptStarted, ActivityCancelRequested, TimerStarted, TimerCancelled, BlockRetried,
    LoopIterated, ItemsFixed, BranchTaken, FinallyEntered, ContextSet, SignalConsumed, ReviewOpened, ChildScheduled,
    ChildCancelRequested, EventEmitted, CompensationRecorded, PivotPassed, CompensationStarted, CompensationDone,
    FrameFailing, FrameCancelling, ListenOpened, DecisionCut, RunCompleted, RunFailed, TaskInput, ContextExported,
    TaskJumped, FlowEnded, EventReceived, EventConsumed>;

inline constexpr std::size_t k_first_facts = 15;  // of Event; a later one stands at its end
inline bool is_fact(const Event& event) {
  return event.index() < k_first_facts || std::holds_alternative<EventReceived>(event);
}
std::string_view name_of(const Event& event);  // "ActivityCompleted"

struct Batch {
  std::uint64_t first_seq = 1;
  TimeMs now = 0;
  std::vector<Event> events;
};

// Total on hostile bytes: `corrupt` with the offset, or `unsupported` for an event type of a newer version.
Bytes encode_batch(const Batch& batch);
Result<Batch> decode_batch(std::string_view bytes);

// For people and `--json`: {"seq":…, "at":…, "type":"ActivityCompleted", …}. Node names are added by the caller.
Value to_value(const Event& event, std::uint64_t seq, TimeMs at);

}  // namespace perdure::history
