#pragma once
// What the shards of one engine share.
#include <atomic>
#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <tuple>
#include <vector>

#include "runtime/dispatcher.h"
#include "runtime/payloads.h"
#include "runtime/plans.h"
#include "runtime/runtime.h"

namespace perdure::runtime {

class Shard;

// How far ahead timers are held in memory: those before (at, run) are with their shards, the others on disk only.
class Horizon {
 public:
  // Whether a timer must be held by its shard.
  bool covers(TimeMs at, const RunKey& run) const {
    const std::lock_guard lock(mutex_);
    return at < at_ || (at == at_ && run < run_);
  }
  storage::Wake get() const {
    const std::lock_guard lock(mutex_);
    return {at_, run_};
  }
  void set(TimeMs at, RunKey run) {
    const std::lock_guard lock(mutex_);
    at_ = at;
    run_ = std::move(run);
  }
  void lower(TimeMs at, RunKey run = RunKey{"", ""}) {
    const std::lock_guard lock(mutex_);
    if (std::tie(at, run) >= std::tie(at_, run_)) return;
    at_ = at;
    run_ = std::move(run);
  }

 private:
  mutable std::mutex mutex_;
  TimeMs at_ = 1;
  RunKey run_{"", ""};
};

// Whether the store takes commits. A failed sync parks every shard; once all are parked the store is recovered.
struct Health {
  std::atomic<bool> failed{false};
  std::atomic<std::uint64_t> failures{0};  // so far: tells a failure from the one before it
  std::atomic<std::size_t> parked{0};      // shards, since the last failure
  std::atomic<bool> stuck{false};          // recovering failed, too: nobody knows how long it will last
  std::mutex mutex;
  std::string reason;  // of the failure, for refusals
};

struct Core {
  Core(std::shared_ptr<storage::Store> store_, RuntimeOptions options_);
  ~Core();
  Core(const Core&) = delete;
  Core& operator=(const Core&) = delete;

  Shard& shard_of(const RunKey& run) const;
  void keeper_poke() const {
    if (poke_keeper) poke_keeper();
  }
  std::uint64_t random() const { return options.random(); }

  std::shared_ptr<storage::Store> store;
  RuntimeOptions options;
  std::shared_ptr<Clock> clock;
  std::unique_ptr<activity::Driver> map_driver, event_driver;
  std::map<std::string, activity::Driver*> drivers;  // by type
  Payloads payloads;
  Plans plans;
  Dispatcher dispatcher;
  Horizon horizon;
  Health health;
  std::atomic<std::size_t> recovering{0};  // runs handed to shards for recovery and not looked at yet
  std::atomic<std::size_t> requests{0};    // of clients, not yet answered
  std::atomic<std::size_t> timers{0};      // held by all shards
  std::atomic<bool> stopping{false};
  std::mutex quarantine_mutex;
  std::map<RunKey, Error> quarantined;
  std::vector<std::unique_ptr<Shard>> shards;
  std::function<void()> poke_keeper;  // set before any shard runs
};

// Every tenant that ever had a run here has its key "tenant/NAME"; `default` needs none.
std::string tenant_key(std::string_view tenant);
Result<std::vector<std::string>> tenants(storage::Store& store);

// A fault that ends a run's access: kept as "quarantine/TENANT/RUN".
std::string quarantine_key(const RunKey& run);

}  // namespace perdure::runtime
