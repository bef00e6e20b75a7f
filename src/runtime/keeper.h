#pragma once
// What must be done besides runs' own inputs: taking up runs after a start, bringing timers from disk to their shards in
// time, queues' deadlines, retention, and recovering a failed store. One thread, or turns by hand.
#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "runtime/core.h"

namespace perdure::runtime {

class Keeper {
 public:
  explicit Keeper(Core& core) : core_(core) {}
  ~Keeper() { stop(); }
  Keeper(const Keeper&) = delete;
  Keeper& operator=(const Keeper&) = delete;

  void start_thread();
  void stop();
  void poke();

  // Whatever is to be done now; false when there was nothing. `next` tells when there will be.
  bool turn();
  TimeMs next() const { return next_; }

 private:
  void loop();
  bool recover_store();
  bool take_up_runs();
  bool bring_timers(TimeMs now);
  bool retain(TimeMs now);
  bool purge_page(TimeMs until);
  bool sweep_blobs();
  bool is_below_an_open_run(const std::string& tenant, std::string above);

  Core& core_;
  TimeMs next_ = 0;
  bool taking_up_ = true;  // runs that were at work when the process started
  std::optional<storage::Wake> taken_up_;
  TimeMs retained_at_ = 0;
  std::vector<std::string> retain_tenants_;  // still to be swept, the last one from its cursor on
  std::string retain_cursor_;
  // Runs that were purged last; nothing more is while it is not known whether they are durably gone.
  struct Purged {
    std::vector<std::string> blobs;  // of them
    std::atomic<bool> told = false;
    bool durable = false;  // once told
  };
  std::shared_ptr<Purged> purged_;
  std::string swept_until_;  // a blob's name
  bool swept_ = false;
  TimeMs retry_store_at_ = 0;
  DurationMs store_back_off_ms_ = 0;

  std::mutex mutex_;
  std::condition_variable wake_;
  bool poked_ = false;
  bool stop_ = false;
  std::thread thread_;
};

}  // namespace perdure::runtime
