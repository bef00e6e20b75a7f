#pragma once
// Events between runs: the activity behind an `emit` task, and what gives an event to the runs that listen. A run whose
// plan listens is found under "listening/TENANT/RUN" from its start to its end.
#include <functional>
#include <string>
#include <vector>

#include "activity/activity.h"
#include "base/time.h"
#include "base/value.h"

namespace perdure::runtime {

struct Core;
inline constexpr std::string_view k_emit_type = "emit";
std::string listening_key(const RunKey& run);

// A CloudEvent with what every one has filled in where it is missing. `invalid` without a type.
Result<Value> complete_event(Value event, const std::string& id, TimeMs now);

// Offers the event to every listening run of the tenant. `done` is told those that have recorded it, once all
// have or do not want it; a run that can't be told fails the whole, which may be repeated: source and id are applied once a run.
void publish_event(Core& core, const std::string& tenant, const Value& event,
                   std::function<void(Result<std::vector<RunKey>>)> done);

class EventDriver final : public activity::Driver {
 public:
  explicit EventDriver(Core& core) : core_(core) {}
  std::vector<std::string> types() const override { return {std::string(k_emit_type)}; }
  bool takes_secret(std::string_view, std::string_view) const override { return false; }  // it is recorded
  void start(activity::Task task, activity::OnDone done) override;
  void cancel(const RunKey&, CommandId) override {}  // it answers soon
  void shutdown() override {}

 private:
  Core& core_;
};

}  // namespace perdure::runtime
