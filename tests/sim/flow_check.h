#pragma once
// A second opinion on how a run of the Open Workflow Specification goes on: which task is next, what comes to it, what
// it takes of the events and how often a try is made. From the history and the plan alone: of the fold it asks what a frame
// is, and what came to it only to compare.
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <string>
#include <unordered_map>

#include "base/value.h"
#include "decider/state.h"
#include "history/event.h"
#include "plan/plan.h"

namespace perdure::sim {

class FlowCheck {
 public:
  using Violated = std::function<void(int, const std::string&)>;
  FlowCheck(const plan::Plan& plan, Violated violated) : plan_(plan), violated_(std::move(violated)) {}

  // Around the fold of each event.
  void before(const history::Event& event, const decider::State& state, std::uint64_t seq, TimeMs now);
  void after(const history::Event& event, const decider::State& state);

 private:
  struct Task {
    Bytes input, now;  // what came to it; to its next child
    std::uint32_t next = 0, iteration = 0, items = 0;
    std::map<std::uint32_t, Bytes> branches;  // of a fork, those that have ended, or were skipped
    Bytes winner;
    bool has_winner = false, has_skipped = false;
    Value taken = Value::array();  // of a listen: the events' data
    Value keys = Value::object();
  };
  struct Arrived {
    std::uint64_t seq = 0;
    Value event;
  };
  void begins(const decider::State& state, history::FrameId parent, std::uint32_t index);
  void opened(const decider::State& state, history::FrameId frame);
  void skipped(const decider::State& state, const history::StepSkipped& event);
  void completed(const decider::State& state, const history::StepCompleted& event);
  void check_output(const decider::State& state, const Task& task, const plan::Node& node, const Bytes& output);
  void check_listened(const Task& task, const plan::Node& node, bool ending);
  void check_retry(const decider::State& state, const history::ActivityRetryScheduled& event, TimeMs now);
  void consumed(const decider::State& state, const history::EventConsumed& event);
  bool correlates(Task& task, const plan::EventFilter& filter, const Value& event);
  plan::Then then_of(const decider::Frame& frame) const;
  const plan::Node& node_of(const decider::Frame& frame) const { return plan_.nodes[frame.node]; }

  const plan::Plan& plan_;
  Violated violated_;
  std::unordered_map<history::FrameId, Task> tasks_;
  std::deque<Arrived> waiting_;  // events not taken
  std::uint32_t exports_ = 0;    // since the last task that completed
  bool begun_ = false;           // a task has
  bool goes_on_ = false;         // a run that was retried or restarted begins in the middle: its tasks are not judged
};

// Whether a listen of the plan takes events of that type.
bool may_listen_for(const plan::Plan& plan, const std::string& type);

}  // namespace perdure::sim
