#include "activity/inprocess/inprocess.h"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <exception>
#include <mutex>
#include <optional>
#include <thread>
#include <unordered_map>
#include <utility>
#include <vector>

#include "activity/outcome.h"
#include "base/check.h"

namespace perdure::activity {
namespace {

// Threads held by functions that overran their time are replaced, up to this many times the pool's size, so that a few
// functions that ignore their cancel flag don't stop everything else.
constexpr std::size_t k_replacement_factor = 4;

void pause_core() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

std::int64_t now_us() {
  return std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

struct Registration {
  Function function;
  FunctionOptions options;
};

// One task from start() to its answer. Shared by the queue, the worker that runs it and the watcher.
struct Job {
  Task task;
  OnDone done;
  const Function* function = nullptr;
  std::size_t key = 0;
  std::atomic<bool> cancelled{false};
  std::atomic<bool> answered{false};
  std::atomic<bool> told{false};  // done has returned
  std::atomic<std::int64_t> beat_us{0};
  // Guarded by the pool's mutex:
  std::int64_t begun_us = 0;    // 0 while it waits, or when nothing limits its time
  std::int64_t give_up_us = 0;  // after a cancel: when it is answered for; 0: not cancelled

  // The first to ask may answer; whoever comes later drops what it has.
  bool claim() { return !answered.exchange(true, std::memory_order_acq_rel); }
  // By whoever claimed it.
  void tell(Outcome outcome) {
    done(std::move(outcome));
    told.store(true, std::memory_order_release);
  }
};
using JobPtr = std::shared_ptr<Job>;

std::size_t key_of(const RunKey& run, CommandId command) {
  std::size_t key = std::hash<std::string>{}(run.id);
  key ^= command.seq * 0x9E3779B97F4A7C15ULL;
  return key ^ (std::hash<std::string>{}(run.tenant) << 1);
}

class JobContext final : public Context {
 public:
  explicit JobContext(Job& job) : job_(job) {}
  const Task& task() const override { return job_.task; }
  bool cancelled() const override { return job_.cancelled.load(std::memory_order_relaxed); }
  void heartbeat(Bytes progress_json) override {
    if (job_.task.heartbeat_ms > 0) job_.beat_us.store(now_us(), std::memory_order_relaxed);
    if (job_.task.on_progress) job_.task.on_progress(std::move(progress_json));
  }

 private:
  Job& job_;
};

// A user's function may throw anything; here is the only place that catches it.
Outcome call(const Function& function, Context& context) {
  try {
    Outcome outcome = function(context);
    if (outcome.ok && outcome.result.empty()) outcome.result = Bytes::copy("null");
    return outcome;
  } catch (const std::exception& e) {
    return failure({.type = "activity.exception",
                    .title = "the function of activity '" + context.task().type + "' threw an exception",
                    .error_class = ErrorClass::fatal,
                    .detail = valid_utf8(e.what())});
  } catch (...) {
    return failure(
        {.type = "activity.exception",
         .title = "the function of activity '" + context.task().type + "' threw something that is no std::exception",
         .error_class = ErrorClass::fatal});
  }
}

struct Expiry {
  std::int64_t at_us = INT64_MAX;
  const char* type = nullptr;  // of the outcome
};

// What ends this running job first, if nothing else does.
Expiry expiry_of(const Job& job) {
  Expiry first;
  const auto consider = [&first](std::int64_t at_us, const char* type) {
    if (at_us < first.at_us) first = {at_us, type};
  };
  if (job.begun_us != 0 && job.task.start_to_close_ms > 0) {
    consider(job.begun_us + job.task.start_to_close_ms * 1000, "timeout.start_to_close");
  }
  if (job.begun_us != 0 && job.task.heartbeat_ms > 0) {
    consider(job.beat_us.load(std::memory_order_relaxed) + job.task.heartbeat_ms * 1000, "timeout.heartbeat");
  }
  if (job.give_up_us != 0) consider(job.give_up_us, "cancelled");
  return first;
}

Outcome expired(const Job& job, const char* type) {
  const std::string who = "activity '" + job.task.type + "'";
  const std::string_view what(type);
  std::string title = who + " did not finish within " + format_duration(job.task.start_to_close_ms);
  if (what == "cancelled") title = who + " was cancelled and did not stop in time";
  if (what == "timeout.heartbeat") title = who + " sent no heartbeat for " + format_duration(job.task.heartbeat_ms);
  return failure({.type = type, .title = std::move(title), .error_class = ErrorClass::ambiguous});
}

// The pool's state. Its threads are detached and share it: a function that never returns may outlive the driver, but
// nothing waits for it.
class Pool : public std::enable_shared_from_this<Pool> {
 public:
  Pool(std::size_t threads, std::size_t queue_max) : threads_(threads), queue_max_(queue_max) {}

  void add(std::string type, Function function, FunctionOptions options) {
    const std::lock_guard lock(mutex_);
    CHECK(!started_);
    functions_[std::move(type)] = {std::move(function), options};
  }

  std::vector<std::string> types() const {
    std::vector<std::string> names;
    for (const auto& [name, registration] : functions_) names.push_back(name);
    std::sort(names.begin(), names.end());
    return names;
  }

  void start(Task task, OnDone done) {
    started_.store(true, std::memory_order_relaxed);
    const auto found = functions_.find(task.type);
    if (found == functions_.end()) {
      return done(failure({.type = "activity.unknown",
                           .title = "no function is registered for activity '" + task.type + "'",
                           .error_class = ErrorClass::fatal}));
    }
    if (found->second.options.trivial) return run_inline(found->second.function, std::move(task), done);
    auto job = std::make_shared<Job>();
    job->key = key_of(task.run, task.command);
    job->task = std::move(task);
    job->done = std::move(done);
    job->function = &found->second.function;
    if (auto refused = enqueue(job)) job->done(std::move(*refused));
  }

  void cancel(const RunKey& run, CommandId command) {
    std::vector<JobPtr> waiting;
    {
      const std::lock_guard lock(mutex_);
      const auto [begin, end] = jobs_.equal_range(key_of(run, command));
      for (auto it = begin; it != end; ++it) {
        const JobPtr& job = it->second;
        if (job->task.command != command || job->task.run != run) continue;
        if (!job->cancelled.exchange(true) && !is_running(*job)) waiting.push_back(job);
        else if (job->give_up_us == 0) give_up_at(*job, now_us() + grace_us());
      }
    }
    for (const JobPtr& job : waiting) {
      if (job->claim()) job->tell(cancelled_outcome());
    }
  }

  void shutdown();

 private:
  static std::int64_t grace_us() {
    return std::chrono::duration_cast<std::chrono::microseconds>(k_cancel_grace).count();
  }

  void run_inline(const Function& function, Task task, const OnDone& done) {
    if (stopping_.load(std::memory_order_relaxed)) return done(shutdown_outcome(false));
    Job job;
    job.task = std::move(task);
    JobContext context(job);
    done(call(function, context));
  }

  // The refusal, or nothing when the job is queued.
  std::optional<Outcome> enqueue(const JobPtr& job) {
    const std::lock_guard lock(mutex_);
    if (stopping_) return shutdown_outcome(false);
    if (queue_.size() >= queue_max_) { return queue_full_outcome("functions", queue_max_); }
    jobs_.emplace(job->key, job);
    queue_.push_back(job);
    queued_.store(queue_.size(), std::memory_order_relaxed);
    if (!watcher_started_) start_threads();
    // A worker that is up takes tasks until none is left: a sleeper is woken only for a task that no one else is about
    // to come for.
    if (sleeping_ > waking_ && queue_.size() > waking_ + lingering_) {
      ++waking_;
      work_.notify_one();
    }
    return std::nullopt;
  }

  void start_threads() {  // mutex held
    watcher_started_ = true;
    ++alive_;
    std::thread([self = shared_from_this()] { self->watch(); }).detach();
    for (std::size_t i = 0; i < threads_; ++i) start_worker();
  }
  void start_worker() {  // mutex held
    ++alive_;
    ++workers_;
    std::thread([self = shared_from_this()] { self->work(); }).detach();
  }

  bool is_running(const Job& job) const {  // mutex held
    return std::any_of(running_.begin(), running_.end(), [&job](const JobPtr& r) { return r.get() == &job; });
  }
  void give_up_at(Job& job, std::int64_t at_us) {  // mutex held
    job.give_up_us = at_us;
    watch_until(at_us);
  }
  void watch_until(std::int64_t at_us) {  // mutex held
    if (at_us >= next_watch_us_) return;
    next_watch_us_ = at_us;
    watch_.notify_one();
  }
  void forget(const Job& job) {  // mutex held
    const auto [begin, end] = jobs_.equal_range(job.key);
    for (auto it = begin; it != end; ++it) {
      if (it->second.get() == &job) {
        jobs_.erase(it);
        return;
      }
    }
  }

  bool linger(std::unique_lock<std::mutex>& lock);
  JobPtr next_job(std::unique_lock<std::mutex>& lock);
  void begin(const JobPtr& job);
  void work();
  void watch();
  std::vector<std::pair<JobPtr, const char*>> take_expired();

  const std::size_t threads_;
  const std::size_t queue_max_;
  std::unordered_map<std::string, Registration> functions_;  // not changed once started_
  std::atomic<bool> started_{false};
  std::atomic<bool> stopping_{false};  // written under the mutex

  std::mutex mutex_;
  std::condition_variable work_;     // workers sleep here
  std::condition_variable watch_;    // the watcher sleeps here
  std::condition_variable settled_;  // shutdown() waits here
  std::deque<JobPtr> queue_;
  std::atomic<std::size_t> queued_{0};  // its size, for a look without the mutex
  std::vector<JobPtr> running_;
  std::unordered_multimap<std::size_t, JobPtr> jobs_;  // waiting and running, by key_of
  std::size_t lingering_ = 0;                          // workers that look for work without the mutex
  std::size_t sleeping_ = 0;                           // workers asleep
  std::size_t waking_ = 0;                             // of these: notified and not yet up
  std::size_t workers_ = 0;                            // worker threads alive
  std::size_t stuck_ = 0;  // of these: inside a function whose task was answered without them
  std::size_t alive_ = 0;  // all threads
  bool watcher_started_ = false;
  bool quit_ = false;
  std::int64_t next_watch_us_ = INT64_MAX;
};

// Looks for work a little longer before it sleeps: under load the next task is microseconds away, and a sleep and a
// wake cost more than that. Too short to keep others off the core. True when there may be something to do.
bool Pool::linger(std::unique_lock<std::mutex>& lock) {
  constexpr int k_looks = 200;  // some microseconds
  ++lingering_;
  lock.unlock();
  bool found = false;
  for (int i = 0; i < k_looks && !found; ++i) {
    pause_core();
    found = queued_.load(std::memory_order_relaxed) > 0;
  }
  lock.lock();
  --lingering_;
  return found || !queue_.empty() || quit_;
}

JobPtr Pool::next_job(std::unique_lock<std::mutex>& lock) {
  while (true) {
    if (workers_ - stuck_ > threads_) return nullptr;  // this thread was replaced while it was stuck
    while (!queue_.empty()) {
      JobPtr job = std::move(queue_.front());
      queue_.pop_front();
      queued_.store(queue_.size(), std::memory_order_relaxed);
      if (!job->answered.load(std::memory_order_acquire) && !job->cancelled) return job;
      forget(*job);  // cancelled while it waited
    }
    if (quit_) return nullptr;
    if (linger(lock)) continue;
    ++sleeping_;
    work_.wait(lock);
    --sleeping_;
    if (waking_ > 0) --waking_;  // after a spurious wake it is another's: that one gets up too, and at most one more
  }
}

void Pool::begin(const JobPtr& job) {
  running_.push_back(job);
  if (job->task.start_to_close_ms <= 0 && job->task.heartbeat_ms <= 0) return;
  job->begun_us = now_us();
  job->beat_us = job->begun_us;
  watch_until(expiry_of(*job).at_us);
}

void Pool::work() {
  std::unique_lock lock(mutex_);
  while (JobPtr job = next_job(lock)) {
    begin(job);
    lock.unlock();
    JobContext context(*job);
    Outcome outcome = call(*job->function, context);
    const bool mine = job->claim();
    if (mine) job->tell(std::move(outcome));
    lock.lock();
    running_.erase(std::find(running_.begin(), running_.end(), job));
    forget(*job);
    if (!mine && stuck_ > 0) --stuck_;
    if (stopping_) settled_.notify_all();
  }
  --workers_;
  --alive_;
  settled_.notify_all();
}

std::vector<std::pair<JobPtr, const char*>> Pool::take_expired() {
  std::vector<std::pair<JobPtr, const char*>> expired_jobs;
  const std::int64_t now = now_us();
  next_watch_us_ = INT64_MAX;
  for (const JobPtr& job : running_) {
    if (job->answered.load(std::memory_order_acquire)) continue;
    const Expiry expiry = expiry_of(*job);
    if (expiry.at_us > now) {
      next_watch_us_ = std::min(next_watch_us_, expiry.at_us);
    } else if (job->claim()) {
      job->cancelled = true;
      expired_jobs.emplace_back(job, expiry.type);
      ++stuck_;
      if (workers_ - stuck_ < threads_ && workers_ < threads_ * k_replacement_factor && !quit_) start_worker();
    }
  }
  return expired_jobs;
}

void Pool::watch() {
  std::unique_lock lock(mutex_);
  while (!quit_) {
    if (next_watch_us_ == INT64_MAX) {
      watch_.wait(lock);
    } else {
      const std::chrono::steady_clock::time_point until{std::chrono::microseconds(next_watch_us_)};
      watch_.wait_until(lock, until);
    }
    const auto expired_jobs = take_expired();
    if (expired_jobs.empty()) continue;
    lock.unlock();
    for (const auto& [job, type] : expired_jobs) job->tell(expired(*job, type));
    lock.lock();
    if (stopping_) settled_.notify_all();
  }
  --alive_;
  settled_.notify_all();
}

void Pool::shutdown() {
  std::vector<JobPtr> waiting;
  std::unique_lock lock(mutex_);
  if (!stopping_.exchange(true)) {
    waiting.assign(queue_.begin(), queue_.end());
    queue_.clear();
    queued_ = 0;
    jobs_.clear();
    for (const JobPtr& job : running_) job->cancelled = true;
  }
  lock.unlock();
  for (const JobPtr& job : waiting) {
    if (job->claim()) job->tell(shutdown_outcome(false));
  }
  lock.lock();
  settled_.wait_for(lock, k_cancel_grace, [this] {
    return std::all_of(running_.begin(), running_.end(), [](const JobPtr& job) { return job->told.load(); });
  });
  std::vector<JobPtr> left;
  for (const JobPtr& job : running_) {
    if (!job->claim()) continue;
    left.push_back(job);
    ++stuck_;
  }
  quit_ = true;
  work_.notify_all();
  watch_.notify_all();
  lock.unlock();
  for (const JobPtr& job : left) job->tell(shutdown_outcome(true));
  lock.lock();
  // Threads that still sit in a function of a user are left behind; all others end now.
  settled_.wait_for(lock, k_cancel_grace, [this] { return alive_ <= stuck_; });
}

class InProcessDriver final : public InProcess {
 public:
  InProcessDriver(std::size_t threads, std::size_t queue_max) : pool_(std::make_shared<Pool>(threads, queue_max)) {}
  ~InProcessDriver() override { pool_->shutdown(); }
  InProcessDriver(const InProcessDriver&) = delete;
  InProcessDriver& operator=(const InProcessDriver&) = delete;

  void add(std::string type, Function function, FunctionOptions options) override {
    pool_->add(std::move(type), std::move(function), options);
  }
  std::vector<std::string> types() const override { return pool_->types(); }
  void start(Task task, OnDone done) override { pool_->start(std::move(task), std::move(done)); }
  void cancel(const RunKey& run, CommandId command) override { pool_->cancel(run, command); }
  void shutdown() override { pool_->shutdown(); }

 private:
  std::shared_ptr<Pool> pool_;  // shared with the pool's detached threads
};

}  // namespace

std::unique_ptr<InProcess> make_inprocess(std::size_t threads, std::size_t queue_max) {
  if (threads == 0) threads = std::max(1u, std::thread::hardware_concurrency());
  return std::make_unique<InProcessDriver>(threads, queue_max);
}

}  // namespace perdure::activity
