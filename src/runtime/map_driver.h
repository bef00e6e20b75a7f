#pragma once
// The activity behind a `map` step: turns the tasks made at run time into a validated plan, keeps it, and answers
// {"plan": HASH}; the decider then starts it as a child run.
#include "activity/activity.h"
#include "runtime/runtime.h"

namespace perdure::runtime {

inline constexpr std::string_view k_map_type = "perdure.map";

class MapDriver final : public activity::Driver {
 public:
  using Make = std::function<Result<std::shared_ptr<const plan::Plan>>(const Value& tasks)>;
  // Makes the plan durable, then calls back; from any thread.
  using Keep = std::function<void(std::shared_ptr<const plan::Plan>, std::function<void(Status)>)>;
  MapDriver(Make make, Keep keep) : make_(std::move(make)), keep_(std::move(keep)) {}

  std::vector<std::string> types() const override { return {std::string(k_map_type)}; }
  bool takes_secret(std::string_view, std::string_view) const override { return false; }  // it is recorded
  void start(activity::Task task, activity::OnDone done) override;
  void cancel(const RunKey&, CommandId) override {}  // it answers at once
  void shutdown() override {}

 private:
  const Make make_;
  const Keep keep_;
};

}  // namespace perdure::runtime
