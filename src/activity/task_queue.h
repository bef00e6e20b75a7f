#pragma once
// The line between a driver's callers and its own thread: tasks that wait for a place, cancels, and the stop. Answers
// what can be answered without the thread: refused, cancelled while waiting, dropped at the stop. Thread-safe.
#include <cstddef>
#include <deque>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "activity/activity.h"

namespace perdure::activity {

class TaskQueue {
 public:
  struct Entry {
    Task task;
    OnDone done;
  };
  struct Target {
    RunKey run;
    CommandId command;
    bool is(const Task& task) const { return task.command == command && task.run == run; }
  };
  struct Orders {
    std::vector<Target> cancels;  // of tasks that do not wait here: running, or unknown
    bool stop = false;
  };

  // `busy` names what all are taken when the queue is full, for the message.
  TaskQueue(std::string busy, std::size_t max) : busy_(std::move(busy)), max_(max) {}

  // These tell whether the thread must be woken: once for all that came since it last took its orders.
  [[nodiscard]] bool push(Task task, OnDone done);
  [[nodiscard]] bool cancel(const RunKey& run, CommandId command);
  [[nodiscard]] bool stop();

  // For the driver's thread. At the stop take() answers what waits.
  Orders take();
  std::optional<Entry> pop();

 private:
  bool wake_once();  // mutex held

  const std::string busy_;
  const std::size_t max_;
  std::mutex mutex_;
  std::deque<Entry> waiting_;
  std::vector<Target> cancels_;
  bool stopping_ = false;
  bool woken_ = false;  // and has not taken its orders yet
};

}  // namespace perdure::activity
