#pragma once
// The lifecycle of a run and its tasks as CloudEvents of the Open Workflow Specification (dsl.md, Lifecycle Events;
// docs/ows.md, L13): `io.serverlessworkflow.workflow.started.v1` and so on, made of the history. An event's `id` is the
// run and the place in its history, so that the same history gives the same events each time.
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/ids.h"
#include "base/value.h"
#include "engine/engine.h"
#include "history/event.h"
#include "plan/plan.h"

namespace perdure::engine {

// Pure; total on any events: those of frames that it never saw begin are passed over. Memory grows with the tasks that
// are at work at one time. Not thread-safe.
class Lifecycle {
 public:
  Lifecycle(RunKey run, std::shared_ptr<const plan::Plan> plan);

  // The CloudEvents of the next entry of the history, in order; most entries have none.
  std::vector<Value> next(const HistoryEntry& entry);

 private:
  struct Fold;
  struct Task {
    bool live = false, started = false, correlates = false;
    history::NodeId node = history::k_none;
    history::FrameId parent = history::k_none;
    std::uint32_t index = 0;
    history::Role role = history::Role::step;
    Bytes returned;  // by its activity or child
    Bytes keys;      // of a correlation
  };

  RunKey run_;
  std::shared_ptr<const plan::Plan> plan_;
  std::string source_, name_;
  std::vector<Task> tasks_;  // by frame
  bool suspended_ = false;
};

}  // namespace perdure::engine
