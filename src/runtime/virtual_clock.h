#pragma once
// A clock that stands still until told: for tests and simulation. Thread-safe. Who sleeps until a point in time asks to
// be told of changes.
#include <functional>
#include <mutex>
#include <utility>
#include <vector>

#include "base/time.h"

namespace perdure::runtime {

class VirtualClock final : public Clock {
 public:
  explicit VirtualClock(TimeMs now = 1'700'000'000'000) : now_(now) {}

  TimeMs now_ms() override {
    const std::lock_guard lock(mutex_);
    return now_;
  }
  std::int64_t monotonic_us() override {
    const std::lock_guard lock(mutex_);
    return passed_ * 1000;
  }

  void advance(DurationMs by) { set(now_ms() + by); }
  // Also backwards: wall clocks do that, the monotonic one does not.
  void set(TimeMs to) {
    std::vector<std::function<void()>> listeners;
    {
      const std::lock_guard lock(mutex_);
      passed_ += to > now_ ? to - now_ : 0;
      now_ = to;
      for (const auto& [id, listener] : listeners_) listeners.push_back(listener);
    }
    for (const auto& listener : listeners) listener();
  }

  // Called after every change, on the thread that made it, until unsubscribed.
  int subscribe(std::function<void()> listener) {
    const std::lock_guard lock(mutex_);
    listeners_.emplace_back(++last_id_, std::move(listener));
    return last_id_;
  }
  void unsubscribe(int id) {
    const std::lock_guard lock(mutex_);
    std::erase_if(listeners_, [id](const auto& entry) { return entry.first == id; });
  }

 private:
  std::mutex mutex_;
  TimeMs now_;
  DurationMs passed_ = 0;
  int last_id_ = 0;
  std::vector<std::pair<int, std::function<void()>>> listeners_;
};

}  // namespace perdure::runtime
