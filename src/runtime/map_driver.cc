#include "runtime/map_driver.h"

#include "base/json.h"

namespace perdure::runtime {
namespace {

activity::Outcome failed(std::string type, std::string title, activity::ErrorClass error_class) {
  activity::ActivityError error;
  error.type = std::move(type);
  error.title = std::move(title);
  error.error_class = error_class;
  return activity::Outcome::failure(std::move(error));
}

}  // namespace

void MapDriver::start(activity::Task task, activity::OnDone done) {
  auto args = parse_json(task.args.view());
  if (!args) return done(failed("validation", args.error().message, activity::ErrorClass::fatal));
  const Value* tasks = args->find("tasks");
  auto plan = make_(tasks != nullptr ? *tasks : *args);
  if (!plan) return done(failed("validation", plan.error().message, activity::ErrorClass::fatal));
  Bytes answer(to_json(Value::object({{"plan", Value((*plan)->hash)}})));
  keep_(*plan, [done = std::move(done), answer = std::move(answer)](const Status& kept) {
    if (kept) done(activity::Outcome::success(answer));
    else done(failed("store", kept.error().message, activity::ErrorClass::transient));
  });
}

}  // namespace perdure::runtime
