#pragma once
// Activities that are C++ functions of this process, run on a bounded pool.
//
// A function's result is JSON (empty stands for null). What it throws becomes the error `activity.exception`, fatal.
// When it overruns its time its cancel flag is set, the timeout is reported at once and its late result is dropped; the
// thread it holds is replaced, within bounds. shutdown() and the destructor do not wait for a function that ignores its
// cancel flag longer than k_cancel_grace: it must not touch what dies with its owner.
#include <atomic>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>

#include "activity/activity.h"

namespace perdure::activity {

// Handed to a function while it runs; valid for the call only. Thread-safe.
class Context {
 public:
  virtual ~Context() = default;
  virtual const Task& task() const = 0;
  virtual bool cancelled() const = 0;  // poll it in long work, then return an error "cancelled"
  virtual void heartbeat(Bytes progress_json) = 0;
};

using Function = std::function<Outcome(Context&)>;

struct FunctionOptions {
  // The function never blocks and takes microseconds: it runs on the thread that hands the task over, inside start(),
  // which answers before it returns. Its time limits are not watched and it can't be cancelled.
  bool trivial = false;
};

class InProcess : public Driver {
 public:
  virtual void add(std::string type, Function function, FunctionOptions options = {}) = 0;  // before start()
};
// `threads` 0: one per core. `queue_max`: tasks waiting; beyond it start() answers "queue.full", class throttled.
std::unique_ptr<InProcess> make_inprocess(std::size_t threads = 0, std::size_t queue_max = 1'000'000);

}  // namespace perdure::activity
