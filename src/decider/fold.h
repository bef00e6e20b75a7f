#pragma once
// The fold, in two files: what facts change (fold_facts.cc) and what follows from them (evolve.cc). Used by evolve only.
#include "decider/frames.h"

namespace perdure::decider {

// `name` of a step's `outputs`: a member of its result; its whole result when it is the only one.
Value named_output(const Slot& slot, const plan::Node& node, const std::string& name);

struct FactFolder {
  State& state;
  TimeMs now;

  void operator()(const history::RunStarted& e);
  void operator()(const history::ActivityCompleted& e);
  void operator()(const history::ActivityFailed& e);
  void operator()(const history::ActivityLost& e);
  void operator()(const history::TimerFired& e);
  void operator()(const history::SignalReceived& e);
  void operator()(const history::UpdateReceived& e);
  void operator()(const history::ReviewDecided& e);
  void operator()(const history::ChildEnded& e);
  void operator()(const history::CancelRequested& e);
  void operator()(const history::PauseRequested& e);
  void operator()(const history::ResumeRequested& e);
  void operator()(const history::TerminateRequested& e);
  void operator()(const history::RetryRequested& e);
  void operator()(const history::CompensateRequested& e);
  void operator()(const history::EventReceived& e);

 private:
  Frame* awaited(FrameId id, std::uint64_t command, std::uint32_t attempt);
  void land(Frame& f);
  FaultPtr placed(const Frame& f, const FaultPtr& fault) const;
  const std::string& step_name(const Frame& f) const;
  void open_root();
  void reopen(RunStatus status);
  void open_undoing(FaultPtr fault, bool cancelled);
};

}  // namespace perdure::decider
