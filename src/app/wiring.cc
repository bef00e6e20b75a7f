#include "app/wiring.h"

#include <future>

#include "activity/http/http.h"
#include "activity/notify/notify.h"
#include "activity/shell/shell.h"
#include "base/json.h"
#include "loaders/load.h"
#include "runtime/base64.h"
#include "storage/embedded/embedded_store.h"
#include "storage/memory/memory_store.h"

namespace perdure::app {
namespace {

Result<std::shared_ptr<storage::Store>> open_store(const std::filesystem::path& dir) {
  if (dir.empty()) return std::shared_ptr<storage::Store>(storage::open_memory());
  PERDURE_TRY(store, storage::open_embedded(dir.string()));
  return std::shared_ptr<storage::Store>(std::move(store));
}

activity::HttpOptions http_options_of(EngineOptions& options) {
  activity::HttpOptions http_options;
  http_options.addresses.allow_private = options.allow_private_addresses;
  http_options.addresses.allow_loopback = options.allow_private_addresses;
  http_options.ca_file = std::move(options.http_ca_file);
  http_options.connect_to = std::move(options.http_connect_to);
  return http_options;
}

void add_outside(EngineOptions& options) {
  std::vector<std::shared_ptr<activity::Driver>>& drivers = options.runtime.drivers;
  activity::HttpOptions http_options = http_options_of(options);
  http_options.read_yaml = loaders::yaml_value;
  std::shared_ptr<activity::Driver> http = activity::make_http(std::move(http_options));
  activity::NotifyOptions notify;
  notify.http = [http](activity::Task task, activity::OnDone done) { http->start(std::move(task), std::move(done)); };
  notify.cancel_http = [http](const RunKey& run, CommandId command) { http->cancel(run, command); };
  drivers.push_back(activity::make_notify(std::move(notify)));
  drivers.push_back(http);
  drivers.push_back(activity::make_shell());
}

}  // namespace

Result<std::string> fetch(const std::string& url, std::size_t bytes_max, EngineOptions options) {
  constexpr DurationMs k_fetch_ms = 30'000;
  const std::unique_ptr<activity::Driver> http = activity::make_http(http_options_of(options));
  activity::Task task;
  task.type = "http";
  task.start_to_close_ms = k_fetch_ms;
  // Not led on: what is fetched stays where it was asked for.
  task.args =
      Bytes(to_json(Value::object({{"url", url}, {"output", "raw"}, {"redirects", 0}, {"max_body", bytes_max}})));
  std::promise<activity::Outcome> answer;
  http->start(std::move(task), [&answer](activity::Outcome outcome) { answer.set_value(std::move(outcome)); });
  const activity::Outcome outcome = answer.get_future().get();
  http->shutdown();
  if (!outcome.ok) return fail(ErrorCode::io, outcome.error.title);
  PERDURE_TRY(encoded, parse_json(outcome.result.view()));
  return runtime::from_base64(encoded.as_string());
}

Result<std::unique_ptr<engine::Engine>> make_engine(EngineOptions options) {
  // Before the store, whose threads and memory a fork would carry: the shell driver forks its nursery once.
  if (options.outside) add_outside(options);
  PERDURE_TRY(store, open_store(options.dir));
  std::vector<std::string> types;
  if (!options.functions.empty()) {
    std::shared_ptr<activity::InProcess> pool = activity::make_inprocess(options.function_threads);
    for (auto& f : options.functions) {
      types.push_back(f.type);
      pool->add(std::move(f.type), std::move(f.function), f.options);
    }
    options.runtime.drivers.push_back(std::move(pool));
  }
  options.runtime.dormant = options.dormant;
  options.runtime.make_map_plan = [types](const Value& tasks) -> Result<std::shared_ptr<const plan::Plan>> {
    const auto known = loaders::KnownActivities::with(types);
    auto loaded = loaders::load_tasks(tasks, "map", {}, known);
    if (!loaded.ok()) return fail(ErrorCode::invalid, loaders::render(loaded.diagnostics, false));
    if (auto missing = loaders::not_available(*loaded.plan, known)) return fail(ErrorCode::unsupported, *missing);
    return loaded.plan;
  };
  return runtime::make_engine(std::move(store), std::move(options.runtime));
}

}  // namespace perdure::app
