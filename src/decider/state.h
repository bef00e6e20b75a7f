#pragma once
// The state of a run: a fold of its events (evolve), nothing else. A value: it can be snapshotted, compared and thrown
// away. Single-threaded; owned by the shard that loaded it.
//
// Shape: *frames* are the running parts of the plan (a block, a step in flight, one item of a foreach), linked to
// their parent; they live in a table with reused places. *Scopes* hold the results of steps that ended: one for the
// run, one more for each foreach item whose body has steps of its own. Nothing here grows with the number of events.
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "base/time.h"
#include "base/value.h"
#include "history/event.h"
#include "plan/plan.h"

namespace perdure::decider {

using history::FaultPtr;
using history::FrameId;
using history::k_none;
using history::NodeId;
using history::Role;
using history::RunStatus;
using history::StepStatus;

// What a foreach runs over, and the results so far: empty for an item that has not ended well.
struct Items {
  Value items;
  std::vector<Bytes> results;
};

// The result of a step, as `.steps.ID` shows it.
struct Slot {
  StepStatus status = StepStatus::none;
  history::OutputKind kind = history::OutputKind::none;
  bool carried = false;  // taken over at a retry or restart: the step is not run again
  bool undone = false;   // something it or a part of it did has been undone since
  NodeId from = k_none;  // OutputKind::node
  Bytes output;          // OutputKind::inline_
  FaultPtr fault;
  std::shared_ptr<const Items> items;  // of a foreach that did not end well: what of it a retry of the run keeps
  mutable Value parsed;                // of `output`, kept once somebody looked inside
  mutable bool has_parsed = false;
};
struct ScopeState {
  plan::ScopeId id = 0;
  std::uint32_t parent = k_none;  // place in State::scopes
  std::vector<Slot> slots;
};

enum class Phase : std::uint8_t {
  running,       // children are at work
  queued,        // waits for the run's limit of parallel activities
  in_flight,     // an activity attempt is out
  backing_off,   // waits for the next attempt (activity or block)
  waiting,       // timer, signal, review, child run
  returned,      // the answer is here, the decider has not ended the frame yet
  fallback,      // its on_error body runs
  catching,      // try: a catch body runs
  finalizing,    // try: the finally body runs
  failing,       // children are being cancelled, then it fails with `fault`
  cancelling,    // being cancelled
  compensating,  // its saga scope is being undone
};

struct Frame {
  bool live = false;
  Role role = Role::step;
  Phase phase = Phase::running;
  bool cancel_wanted = false;  // what it ends as once children, finally and compensation are done
  bool owns_saga = false;      // `saga` is its own scope: root, `saga:`, a branch of a race
  bool maybe_effect = false;   // an attempt had an unknown outcome
  bool finalized = false;      // try: its finally body has been entered
  std::uint8_t lost = 0;       // attempts lost with the process; they don't use up the policy
  NodeId node = 0;
  FrameId parent = k_none;
  std::uint32_t index = 0;  // among the parent's children, or the item's number
  std::uint32_t scope = 0;  // place in State::scopes where names are looked up and results stored
  std::uint32_t saga = 0;   // place in State::sagas that records its effects
  std::uint32_t attempt = 1;
  std::uint64_t command = 0;  // sequence of the event that made it; activities, reviews, children: the command id
  std::uint64_t landed = 0;   // sequence of the fact that came for it last: the order in which answers are taken
  TimeMs started_at = 0;
  TimeMs due = k_never;     // its timer
  std::uint64_t timer = 0;  // sequence of the event that set it
  std::uint32_t live_children = 0;
  std::uint32_t branch = k_none;  // case, catch or winner taken
  std::uint32_t cursor = 0;       // next child, item or compensation entry
  std::uint32_t iteration = 0;
  std::uint32_t done_children = 0;
  std::uint32_t first_child = k_none, next_sibling = k_none, previous_sibling = k_none;
  Bytes args;            // of an activity; input of a child
  Bytes key;             // its own idempotency key, or empty; of a child: its workflow
  Bytes returned;        // what came back
  FaultPtr fault;        // why it is failing; in a catch: `.error`
  FaultPtr child_fault;  // of a child that failed and was not handled
  // Rare parts, allocated when needed.
  struct Graph {
    std::vector<std::uint32_t> waiting;
    std::vector<std::uint8_t> taken;
    std::deque<std::uint32_t> ready;
  };
  std::unique_ptr<Graph> graph;  // dag, graph
  std::unique_ptr<Items> items;  // foreach
  struct Wait {
    Bytes request;
    std::vector<std::pair<std::string, bool>> votes;
    std::string name, plan_hash;
  };
  std::unique_ptr<Wait> wait;  // review: request and votes; listen: signal name; child: run id
  struct Data {
    Bytes raw;                            // what came to the task
    Bytes input;                          // after input.from
    Bytes now;                            // in a list or loop: what the next task gets
    mutable std::optional<Value> parsed;  // of `input`, once somebody looked inside
  };
  std::unique_ptr<Data> data;  // in a plan with a data flow
  struct Listening {
    std::vector<std::uint8_t> met, until_met;  // by filter
    Value keys;                                // correlation values
    bool answered = false;                     // fed: there is an answer, in Data::now
  };
  std::unique_ptr<Listening> listening;  // listen in a plan with a data flow; what it took is in `items`
};

struct PendingEvent {
  std::uint64_t seq = 0;  // of its EventReceived
  Bytes event;
};

// Data flow: where a list or loop stood when the run failed, so that retrying it goes on there.
struct Resume {
  std::uint32_t cursor = 0, iteration = 0;
  Bytes now;
  Bytes items;  // of a loop, JSON
};

struct SagaEntry {
  std::uint32_t saga = 0;
  NodeId node = 0;  // whose effect it is
  std::uint64_t command = 0;
  Bytes args;         // of the compensation
  FaultPtr fault;     // arguments could not be evaluated, or the compensation failed
  std::string child;  // undo a completed child run instead
  bool unknown_outcome = false;
  bool done = false;  // undone, or tried
};
struct SagaScope {
  std::uint32_t parent = k_none;  // place in State::sagas
  std::uint32_t first_entry = 0;  // length of the log when it was opened
  std::uint32_t floor = 0;        // entries before it are past a pivot
  bool closed = false;            // ended well: its entries belong to the parent
  bool undoing = false;           // it is what the run is undoing, or was when the run was stopped
};

struct State {
  const plan::Plan* plan = nullptr;  // pinned for life; not part of the value
  std::shared_ptr<const history::StartInfo> info;
  RunStatus status = RunStatus::pending;
  bool paused = false;
  bool cancel_requested = false;
  bool cut = false;            // the last decision was cut: there is more to do at once
  std::uint64_t last_seq = 0;  // of the last event folded
  TimeMs started_at = 0, updated_at = 0, closed_at = 0;
  Value context;
  std::map<std::string, Value, std::less<>> outputs;
  Bytes output;  // of the run
  FaultPtr fault;
  std::string compensation;  // "", "running", "complete", "failed", "incomplete" (terminated in the middle)

  std::deque<Frame> frames;  // a deque: references stay good while frames are added
  std::vector<FrameId> free_frames;
  std::vector<std::unique_ptr<ScopeState>> scopes;
  std::vector<std::uint32_t> free_scopes;
  std::vector<SagaScope> sagas;
  std::vector<SagaEntry> saga_log;
  std::map<std::string, std::deque<Bytes>, std::less<>> signals;
  std::size_t signals_buffered = 0;
  std::deque<std::string> signal_keys;                       // recent ones, for dedupe; bounded
  std::deque<std::pair<std::string, Bytes>> update_answers;  // recent ones by id; bounded; an old one may be empty
  std::size_t update_answers_bytes = 0;
  std::map<std::string, std::set<std::pair<std::uint64_t, FrameId>>, std::less<>>
      listeners;                                // by signal, (command, frame)
  std::set<std::pair<TimeMs, FrameId>> timers;  // index of Frame::due
  std::deque<FrameId> queued;                   // waiting for the run's limit
  std::uint32_t in_flight = 0;                  // activity attempts out
  std::uint32_t children_out = 0;               // child runs waited for
  std::vector<PendingEvent> events;             // data flow: received and not taken
  bool ending = false;                          // data flow: a task said `end`
  bool resuming = false;                        // data flow: frames that open take what is in `resume`
  std::map<NodeId, Resume> resume;
  mutable Value parsed_input;  // of info->input, once somebody looked inside
  mutable bool has_parsed_input = false;
};

// Applies one event. `now` is its batch's time. CHECKs nothing about `event`: one that does not fit the state (a late
// result, a frame that is gone) changes nothing but last_seq. `state.plan` must be set.
void evolve(State& state, const history::Event& event, TimeMs now);

// Earliest timer, or k_never.
TimeMs next_timer(const State& state);
// The plan was carried out to its end; what it recorded can be undone. Such a run is `completed`, or `compensation_failed`
// when a part of it failed, was let pass, and could not be undone (`terminated` when that was being tried again).
bool has_worked(const State& state);
// What could not be undone can be tried again: that is what a retry of the run does then.
bool can_undo_again(const State& state);
// The status people see: paused, waiting (nothing in flight), compensating, … or how it ended.
RunStatus visible_status(const State& state);
// Whether any activity or child command is out, i.e. the run must be loaded at start-up.
bool has_work_in_flight(const State& state);
// Bytes this state holds, approximately; O(1) in its history.
std::size_t footprint(const State& state);
double progress(const State& state);

// Snapshot encoding (docs/formats/state.md). decode is total on hostile bytes; `plan` is the one the run is pinned to.
Bytes encode_state(const State& state);
Result<State> decode_state(std::string_view bytes, const plan::Plan& plan);

// The doctor's view: what can't be in a sound state (a timer without its frame, a frame without parent, …), in words.
std::vector<std::string> check_state(const State& state);

}  // namespace perdure::decider
