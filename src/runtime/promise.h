#pragma once
// An answer that one thread waits for and another gives. A promise that dies unkept answers "shut down", so that nobody
// waits for a message that was thrown away.
#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>

#include "base/result.h"

namespace perdure::runtime {

template <class T>
class AnswerSlot {
 public:
  bool ready() {
    const std::lock_guard lock(mutex_);
    return answer_.has_value();
  }
  void set(Result<T> answer) {
    {
      const std::lock_guard lock(mutex_);
      if (answer_) return;
      answer_ = std::move(answer);
    }
    given_.notify_one();
  }
  bool wait(std::chrono::milliseconds at_most) {
    std::unique_lock lock(mutex_);
    return given_.wait_for(lock, at_most, [this] { return answer_.has_value(); });
  }
  // `now`: an answer that is not there yet is not coming.
  Result<T> take(bool now) {
    std::unique_lock lock(mutex_);
    if (!now) given_.wait(lock, [this] { return answer_.has_value(); });
    if (!answer_)
      return fail(ErrorCode::cancelled, "nothing moves: the answer is waiting for something that does not come");
    return std::move(*answer_);
  }

 private:
  std::mutex mutex_;
  std::condition_variable given_;
  std::optional<Result<T>> answer_;
};

template <class T>
class Promise {
 public:
  explicit Promise(std::shared_ptr<AnswerSlot<T>> slot) : slot_(std::move(slot)) {}
  ~Promise() { slot_->set(fail(ErrorCode::cancelled, "the engine was shut down before this was done")); }
  Promise(const Promise&) = delete;
  Promise& operator=(const Promise&) = delete;
  void set(Result<T> answer) { slot_->set(std::move(answer)); }

 private:
  const std::shared_ptr<AnswerSlot<T>> slot_;
};

}  // namespace perdure::runtime
