#pragma once
// Plans by hash and workflows by name and version, kept in the store's keys, loaded once and shared by all shards.
//   plan/HASH               the plan's encoding
//   workflow/NAME/VERSION   {"hash": …, "registered_at": …}
#include <atomic>
#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>
#include <vector>

#include "activity/activity.h"
#include "engine/engine.h"
#include "plan/plan.h"
#include "storage/store.h"

namespace perdure::runtime {

// How an activity node's attempts leave the engine; worked out once a plan.
struct Route {
  activity::Driver* driver = nullptr;  // null: the node is no activity, or its type is not available
  std::string type;
  bool plain = false;    // no breaker, rate limit, bulkhead or queue deadline: nothing to ask before a call
  bool by_host = false;  // the service is the host of the arguments' url
};

struct PlanEntry {
  std::shared_ptr<const plan::Plan> plan;
  std::vector<Route> routes;         // by node
  std::string unavailable;           // not empty: why no run of it can start in this build
  std::vector<std::string> secrets;  // that its expressions read
  bool has_reviews = false;
  bool listens = false;                     // to events
  mutable std::atomic<bool> stored{false};  // its key is durable
};
using PlanPtr = std::shared_ptr<const PlanEntry>;

std::string plan_key(std::string_view hash);
std::string workflow_key(std::string_view name, std::string_view version);

// Thread-safe.
class Plans {
 public:
  using MakeRoute = std::function<Route(const plan::Node&)>;
  Plans(storage::Store& store, MakeRoute make_route) : store_(store), make_route_(std::move(make_route)) {}

  // The entry of a plan that came with a request. Its key is written with the first run that uses it.
  PlanPtr adopt(std::shared_ptr<const plan::Plan> plan);
  // From memory or the store: `not_found`, `corrupt`.
  Result<PlanPtr> by_hash(const std::string& hash);
  // Version empty: the newest registered.
  Result<PlanPtr> by_name(const std::string& name, const std::string& version);
  Result<std::vector<engine::WorkflowInfo>> workflows(std::string_view name = {});

 private:
  PlanPtr keep(std::shared_ptr<const plan::Plan> plan, bool stored);
  void remember(const PlanPtr& entry);  // mutex held

  storage::Store& store_;
  const MakeRoute make_route_;
  std::mutex mutex_;
  std::unordered_map<std::string, std::weak_ptr<const PlanEntry>> entries_;
  std::deque<PlanPtr> recent_;  // kept alive although no run uses them now
};

}  // namespace perdure::runtime
