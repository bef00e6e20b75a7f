#include "runtime/core.h"

#include <chrono>
#include <random>

#include "runtime/events.h"
#include "runtime/map_driver.h"
#include "runtime/shard.h"

namespace perdure::runtime {
namespace {

class SystemClock final : public Clock {
 public:
  TimeMs now_ms() override {
    return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::system_clock::now().time_since_epoch())
        .count();
  }
  std::int64_t monotonic_us() override {
    return std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::steady_clock::now().time_since_epoch())
        .count();
  }
};

std::uint64_t system_random() {
  thread_local std::mt19937_64 generator = [] {
    std::random_device device;
    std::seed_seq seed{device(), device(), device(), device()};
    return std::mt19937_64(seed);
  }();
  return generator();
}

RuntimeOptions completed(RuntimeOptions options) {
  if (!options.clock) options.clock = system_clock();
  if (!options.random) options.random = system_random;
  return options;
}

DispatcherOptions dispatcher_options(const RuntimeOptions& options) {
  return {options.activities_in_flight, options.in_flight_by_type, options.bulkheads, options.secrets};
}

}  // namespace

std::shared_ptr<Clock> system_clock() { return std::make_shared<SystemClock>(); }

std::string tenant_key(std::string_view tenant) { return "tenant/" + std::string(tenant); }

Result<std::vector<std::string>> tenants(storage::Store& store) {
  constexpr std::size_t k_page = 1000;
  const std::string prefix = tenant_key("");
  std::vector<std::string> all{"default"};
  std::string after;
  while (true) {
    PERDURE_TRY(page, store.scan(prefix, after, k_page));
    for (const auto& [key, mark] : page) all.push_back(key.substr(prefix.size()));
    if (page.size() < k_page) return all;
    after = page.back().first;
  }
}

std::string quarantine_key(const RunKey& run) { return "quarantine/" + to_string(run); }

Core::Core(std::shared_ptr<storage::Store> store_, RuntimeOptions options_)
    : store(std::move(store_)),
      options(completed(std::move(options_))),
      clock(options.clock),
      payloads(*store),
      plans(*store,
            [this](const plan::Node& node) {
              Route route;
              route.type = node.kind == plan::Kind::map ? std::string(k_map_type) : node.activity->type;
              if (const auto found = drivers.find(route.type); found != drivers.end()) route.driver = found->second;
              route.by_host = route.type == "http";
              route.plain = !route.by_host && !node.breaker && !(node.rate_limit.per_second > 0) &&
                            node.timeouts.schedule_to_start_ms == 0 && !options.in_flight_by_type.contains(route.type);
              return route;
            }),
      dispatcher(
          dispatcher_options(options), clock,
          [this](const RunKey& run, history::Event fact) {
            shard_of(run).post(FactMessage{run, std::move(fact), {}});
          },
          [this](std::string key, Bytes value) {
            shards[0]->post(KeyMessage{std::move(key), std::move(value), {}});
          },
          [this] { keeper_poke(); }) {
  for (const auto& driver : options.drivers)
    for (const std::string& type : driver->types()) drivers[type] = driver.get();
  if (!drivers.contains(std::string(k_emit_type))) {
    event_driver = std::make_unique<EventDriver>(*this);
    drivers[std::string(k_emit_type)] = event_driver.get();
  }
  if (!options.make_map_plan) return;
  map_driver = std::make_unique<MapDriver>(
      options.make_map_plan, [this](std::shared_ptr<const plan::Plan> plan, std::function<void(Status)> done) {
        const PlanPtr entry = plans.adopt(std::move(plan));
        if (!entry->unavailable.empty()) return done(fail(ErrorCode::unsupported, entry->unavailable));
        shards[0]->post(KeyMessage{plan_key(entry->plan->hash), entry->plan->encoded,
                                   [entry, done = std::move(done)](Result<Value> kept) {
                                     if (!kept) return done(tl::unexpected<Error>(std::move(kept).error()));
                                     entry->stored = true;
                                     done({});
                                   }});
      });
  drivers[std::string(k_map_type)] = map_driver.get();
}

Core::~Core() = default;

Shard& Core::shard_of(const RunKey& run) const {
  return shards.size() == 1 ? *shards[0] : *shards[RunKeyHash{}(run) % shards.size()];
}

}  // namespace perdure::runtime
