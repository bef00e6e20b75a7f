#pragma once
// engine::Engine on shards. Requests become messages to a shard; answers come back once durable.
#include <atomic>
#include <functional>
#include <memory>
#include <optional>

#include "runtime/core.h"
#include "runtime/keeper.h"
#include "runtime/load.h"
#include "runtime/promise.h"
#include "runtime/shard.h"

namespace perdure::runtime {

class RuntimeEngine final : public engine::Engine {
 public:
  RuntimeEngine(std::shared_ptr<storage::Store> store, RuntimeOptions options);
  ~RuntimeEngine() override;
  RuntimeEngine(const RuntimeEngine&) = delete;
  RuntimeEngine& operator=(const RuntimeEngine&) = delete;
  Status open();
  bool turn();

  Result<engine::WorkflowInfo> register_workflow(std::shared_ptr<const plan::Plan> plan) override;
  Result<std::shared_ptr<const plan::Plan>> workflow(const std::string& name, const std::string& version) override;
  Result<std::vector<engine::WorkflowInfo>> workflows() override { return core_.plans.workflows(); }
  Result<std::shared_ptr<const plan::Plan>> plan(const std::string& hash) override;

  Result<engine::Started> start(engine::StartRequest request) override;
  void start_async(engine::StartRequest request, std::function<void(Result<engine::Started>)> done) override;
  Result<engine::RunView> wait(const RunKey& run, bool until_idle, std::chrono::milliseconds at_most) override;
  std::unique_ptr<engine::Subscription> watch(const RunKey& run, engine::Watcher watcher) override;

  Result<engine::RunView> describe(const RunKey& run) override;
  Result<std::vector<engine::HistoryEntry>> history(const RunKey& run, std::uint64_t from_seq,
                                                    std::size_t limit) override;
  Result<engine::RunList> list(const engine::ListRequest& request) override;
  Result<Value> query(const RunKey& run, const std::string& name) override;
  Result<std::vector<engine::ReviewView>> reviews(const std::string& tenant) override;

  Status signal(const RunKey& run, const std::string& name, const Value& payload, const std::string& key) override;
  Result<std::vector<RunKey>> publish(const std::string& tenant, const Value& event) override;
  Result<Value> update(const RunKey& run, const std::string& name, const Value& argument,
                       const std::string& id) override;
  Status review(const RunKey& run, const engine::ReviewDecision& decision) override;
  Status pause(const RunKey& run, const std::string& by, const std::string& reason) override;
  Status resume(const RunKey& run, const std::string& by, const std::string& reason) override;
  Status cancel(const RunKey& run, const std::string& by, const std::string& reason) override;
  Status terminate(const RunKey& run, const std::string& by, const std::string& reason) override;
  Status retry(const RunKey& run, const std::string& by, const std::string& reason) override;
  Result<engine::Started> restart(const engine::RestartRequest& request) override;

  Result<engine::ReplayReport> replay(const RunKey& run) override;
  Result<std::string> export_run(const RunKey& run) override;
  Result<RunKey> import_run(const std::string& document) override;
  Result<engine::DoctorReport> doctor() override;
  void shutdown() override;

 private:
  // Posts work to a shard and waits for its answer; drives the engine itself when there are no threads.
  template <class T>
  Result<T> ask(Shard& shard, std::function<void(std::function<void(Result<T>)>)> work);
  template <class T>
  Result<T> look(const RunKey& run, std::function<Result<T>(const Run&)> at);
  Result<Value> tell(const RunKey& run, history::Event fact);
  Result<std::vector<history::Batch>> batches(const RunKey& run);
  void put_start(PlanPtr plan, std::shared_ptr<history::StartInfo> info, bool fresh,
                 std::function<void(Result<engine::Started>)> done,
                 std::function<void(const engine::Progress&)> on_closed = {});
  Result<LoadedState> load_durable(const RunKey& run);
  Value context_before(const RunKey& run, const LoadedState& from, const std::string& step);
  static storage::RunRow import_row(const decider::State& state);
  bool is_quarantined(const RunKey& run);
  Result<engine::RunList> list_quarantined(storage::ListQuery query);
  Status examine(const std::string& tenant, engine::DoctorReport& report);
  std::string make_id();

  Core core_;
  Keeper keeper_;
  std::atomic<bool> stopped_{false};
  std::atomic<std::uint64_t> ids_{0};
  int clock_subscription_ = 0;
};

inline Error shut_down() { return {ErrorCode::cancelled, "the engine is shut down"}; }

template <class T>
Result<T> RuntimeEngine::ask(Shard& shard, std::function<void(std::function<void(Result<T>)>)> work) {
  if (stopped_) return tl::unexpected<Error>(shut_down());
  const auto slot = std::make_shared<AnswerSlot<T>>();
  auto promise = std::make_shared<Promise<T>>(slot);  // the message's alone: it must die with it
  CallMessage message;
  message.refuse = [promise](Error error) { promise->set(tl::unexpected<Error>(std::move(error))); };
  message.call = [work = std::move(work), promise = std::move(promise)] {
    work([promise](Result<T> result) { promise->set(std::move(result)); });
  };
  shard.post(std::move(message));
  if (core_.options.manual)
    while (!slot->ready() && turn()) {}
  return slot->take(core_.options.manual);
}

template <class T>
Result<T> RuntimeEngine::look(const RunKey& run, std::function<Result<T>(const Run&)> at) {
  Shard& shard = core_.shard_of(run);
  return ask<T>(shard, [&shard, run, at = std::move(at)](std::function<void(Result<T>)> done) {
    shard.read(run, [&](Result<const Run*> found) -> Shard::Deliver {
      auto seen = found ? at(**found) : Result<T>(tl::unexpected<Error>(found.error()));
      return [done, seen = std::move(seen)](const Status& durable) {
        if (durable) done(seen);
        else done(tl::unexpected<Error>(durable.error()));
      };
    });
  });
}

}  // namespace perdure::runtime
