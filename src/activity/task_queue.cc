#include "activity/task_queue.h"

#include <algorithm>
#include <utility>

#include "activity/outcome.h"

namespace perdure::activity {

bool TaskQueue::wake_once() { return !std::exchange(woken_, true); }

bool TaskQueue::push(Task task, OnDone done) {
  Outcome refused;
  {
    const std::lock_guard lock(mutex_);
    if (stopping_) {
      refused = shutdown_outcome(false);
    } else if (waiting_.size() >= max_) {
      refused = queue_full_outcome(busy_, max_);
    } else {
      waiting_.push_back({std::move(task), std::move(done)});
      return wake_once();
    }
  }
  done(std::move(refused));
  return false;
}

bool TaskQueue::cancel(const RunKey& run, CommandId command) {
  const Target target{run, command};
  std::optional<Entry> found;
  {
    const std::lock_guard lock(mutex_);
    const auto it = std::find_if(waiting_.begin(), waiting_.end(), [&](const Entry& e) { return target.is(e.task); });
    if (it == waiting_.end()) {
      if (stopping_) return false;
      cancels_.push_back(target);
      return wake_once();
    }
    found = std::move(*it);
    waiting_.erase(it);
  }
  found->done(cancelled_outcome());
  return false;
}

bool TaskQueue::stop() {
  const std::lock_guard lock(mutex_);
  stopping_ = true;
  return wake_once();
}

TaskQueue::Orders TaskQueue::take() {
  Orders orders;
  std::deque<Entry> dropped;
  {
    const std::lock_guard lock(mutex_);
    woken_ = false;
    orders.cancels.swap(cancels_);
    orders.stop = stopping_;
    if (stopping_) dropped.swap(waiting_);
  }
  for (Entry& entry : dropped) entry.done(shutdown_outcome(false));
  return orders;
}

std::optional<TaskQueue::Entry> TaskQueue::pop() {
  const std::lock_guard lock(mutex_);
  if (waiting_.empty()) return std::nullopt;
  std::optional<Entry> first(std::move(waiting_.front()));
  waiting_.pop_front();
  return first;
}

}  // namespace perdure::activity
