#pragma once
// A decision in the making. Looks at a frame, says by events what happens to it, and goes on until no frame has
// anything to do. All changes of the state go through emit(); references to frames must not be kept over an emit()
// that may end the frame.
#include <functional>
#include <string>
#include <vector>

#include "decider/decider.h"
#include "decider/document.h"
#include "decider/frames.h"

namespace perdure::decider {

class Turn {
 public:
  Turn(const plan::Plan& plan, State& state, const Context& context, Decision& out)
      : plan_(plan), state_(state), context_(context), out_(out) {}

  // facts.cc: checks a fact against the state; records it and wakes what it concerns, or rejects it.
  void take(std::size_t place, const history::Event& fact);
  // turn.cc: works until nothing is left or the decision is long enough.
  void drain();

 private:
  // turn.cc
  void emit(history::Event event);
  bool is_long() const;
  void wake(FrameId id) {
    if (id != k_none) awake_.push_back(id);
  }
  // Before anything else: a child's end reaches its parent before the next fact's frame is looked at.
  void wake_parent(FrameId id) {
    if (id != k_none && (soon_.empty() || soon_.back() != id)) soon_.push_back(id);
  }
  std::vector<FrameId> by_landing() const;
  void wake_all();
  void advance(FrameId id);
  void serve_queue();
  void on_timer(FrameId id);
  FrameId next_frame() const;
  Frame& frame(FrameId id) { return state_.frames[id]; }
  const plan::Node& node(FrameId id) const { return plan_.nodes[state_.frames[id].node]; }
  Surroundings around(FrameId id) const {
    Surroundings s;
    s.frame = id;
    return s;
  }
  FaultPtr fault(FrameId id, std::string type, std::string title) const;
  FaultPtr timeout(FrameId id, std::string type, std::string title) const;
  bool closed() const { return history::is_closed(state_.status); }

  // step.cc: how any step begins and ends, whatever its kind
  void enter(NodeId node, FrameId parent, std::uint32_t index, Role role);
  FrameId open(NodeId node, FrameId parent, std::uint32_t index, Role role);
  void begin(FrameId id);
  bool lost_race(const Frame& f) const;
  void complete(FrameId id, history::OutputKind kind, NodeId from = k_none, Bytes output = {});
  void fail(FrameId id, FaultPtr fault);
  bool owes_finally(const Frame& frame) const;
  void stopped(FrameId id, FaultPtr fault);
  void settle_failure(FrameId id, FaultPtr fault);
  bool retry_block(FrameId id, const FaultPtr& fault);
  void cancel(FrameId id);
  void cancel_children(FrameId id);
  void settle_cancel(FrameId id);
  std::string output_json(const Frame& frame, history::OutputKind kind, NodeId from) const;
  void complete_run(history::OutputKind kind, NodeId from, Bytes output);
  void end_run(RunStatus status, FaultPtr fault);
  void notify_parent();

  // flow.cc: tasks of a plan with a data flow
  void enter_task(NodeId node, FrameId parent, std::uint32_t index);
  bool prepare_task(FrameId id);
  Evaluated<DurationMs> time_limit(FrameId id) const;
  Evaluated<DurationMs> flow_duration(FrameId id, const plan::Template& text, const Surroundings& around,
                                      const char* what) const;
  void begin_context(FrameId id);
  void complete_task(FrameId id, history::OutputKind kind, NodeId from, Bytes output);
  Bytes data_for(FrameId parent) const;
  Bytes raw_output(FrameId id, history::OutputKind kind, NodeId from, Bytes output) const;
  std::string branch_json(const Frame& fork, NodeId branch) const;
  std::string ended_branch(const Frame& fork) const;
  Evaluated<Bytes> shape_output(FrameId id, Bytes raw);
  FaultPtr check_schema(FrameId id, const Value& schema, const Value& value, const char* stage) const;
  plan::Then then_of(FrameId id) const;
  void tell_extension(FrameId id);
  void advance_tasks(FrameId id);
  void advance_each(FrameId id);
  Evaluated<bool> asks(FrameId id, plan::ExprId expr, const history::Fault& why, bool absent) const;
  Evaluated<bool> flow_catches(FrameId id, std::size_t i, const history::Fault& why) const;
  struct RetryTimes {
    DurationMs delay_ms, limit_ms, jitter_from_ms, jitter_to_ms;
  };
  Evaluated<RetryTimes> retry_times(FrameId id, std::size_t i, const history::Fault& why) const;
  Evaluated<std::optional<DurationMs>> flow_retry(FrameId id, std::size_t i, const history::Fault& why) const;
  void flow_catch(FrameId id, const FaultPtr& why);

  // activity.cc
  void schedule_activity(NodeId node, FrameId parent, std::uint32_t index, Role role, FrameId existing);
  void dispatch(FrameId id);
  void activity_returned(FrameId id);
  void attempt_failed(FrameId id);

  // one file a family of constructs
  void advance_block(FrameId id);  // block.cc: sequential, parallel
  void advance_graph(FrameId id);  // graph.cc: dag, graph
  void advance_race(FrameId id);   // race.cc
  void begin_foreach(FrameId id);  // foreach.cc
  void advance_foreach(FrameId id);
  void advance_branch(FrameId id);  // conditional.cc: conditional, switch
  void advance_loop(FrameId id);    // loop.cc
  void advance_try(FrameId id);     // try.cc
  void end_try(FrameId id, FaultPtr fault);
  void begin_wait(FrameId id);  // wait.cc
  void wait_over(FrameId id);
  Evaluated<TimeMs> wait_due(FrameId id, TimeMs from) const;
  TimeMs wait_deadline(FrameId id) const;
  void begin_listen(FrameId id);  // listen.cc
  bool advance_listen(FrameId id);
  void begin_review(FrameId id);  // review.cc
  void open_review(FrameId id, bool escalated);
  bool advance_review(FrameId id);
  void review_timeout(FrameId id);
  void begin_subflow(FrameId id);  // subflow.cc: subflow, and the second half of map
  void start_map_child(FrameId id);
  void start_child(StartChild child);
  void child_returned(FrameId id);
  void begin_instant(FrameId id);  // instant.cc: set, emit, raise
  // flow_events.cc: listen of a plan with a data flow
  void advance_events(FrameId id);
  bool take_event(FrameId id);
  Evaluated<bool> event_matches(FrameId id, const plan::EventFilter& filter, const Value& event, Value& keys) const;
  Evaluated<bool> attribute_matches(FrameId id, const plan::Template& wanted, const Value& actual) const;
  bool may_want(const Value& event) const;
  void complete_listen(FrameId id);
  const plan::EventsSpec* fed_by(FrameId parent, NodeId activity) const;
  void advance_subscription(FrameId id);  // flow_subscription.cc
  void end_subscription(FrameId id, FaultPtr why);
  bool take_message(FrameId id);
  std::optional<bool> subscription_over(FrameId id);
  // saga.cc
  void record_effect(FrameId id, bool unknown_outcome);
  void record_child(FrameId id, bool unknown_outcome);
  void record_possible(FrameId id);
  bool has_undo(const Frame& frame) const;
  std::uint32_t next_undo(const Frame& frame, std::uint32_t below) const;
  void compensate(FrameId id, FaultPtr fault);
  void advance_compensation(FrameId id);
  void compensation_ended(FrameId id, FaultPtr fault);
  // control.cc: what facts about the whole run lead to
  std::optional<Error> refuse(const history::Event& fact);
  void begin_run();
  void terminate(const history::TerminateRequested& request);
  bool take_update(std::size_t place, const history::UpdateReceived& update);
  std::optional<Error> refuse_review(const history::ReviewDecided& decision);

  const plan::Plan& plan_;
  State& state_;
  const Context& context_;
  Decision& out_;
  std::size_t payload_bytes_ = 0;  // of its events
  std::vector<FrameId> awake_;     // in the order of the facts
  std::vector<FrameId> soon_;      // parents of what has just ended, last first
};

}  // namespace perdure::decider
