#include "sim/speed.h"

#include <ctime>
#include <memory>
#include <string>

#include "base/check.h"
#include "loaders/load.h"
#include "runtime/runtime.h"
#include "runtime/virtual_clock.h"
#include "sim/random.h"
#include "storage/embedded/embedded_store.h"
#include "storage/embedded/faulty_file_system.h"
#include "storage/embedded/mirror_tables.h"

namespace perdure::sim {
namespace {

constexpr const char* k_workflow = R"(
name: speed
steps: [{id: l, times: 50, steps: [{id: a, call: sim.do, with: {n: 1}}]}]
)";

class AtOnce final : public activity::Driver {
 public:
  std::vector<std::string> types() const override { return {"sim.do"}; }
  void start(activity::Task, activity::OnDone done) override {
    done(activity::Outcome::success(Bytes(std::string("1"))));
  }
  void cancel(const RunKey&, CommandId) override {}
  void shutdown() override {}
};

double cpu_seconds() {
  timespec now{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
}

}  // namespace

Speed measure_speed(std::uint64_t runs) {
  storage::FaultyFileSystem files(1);
  storage::EmbeddedOptions store_options;
  store_options.threads = false;
  store_options.files = &files;
  store_options.open_tables = storage::open_mirror_tables;
  store_options.overlay_bytes = std::size_t{1} << 30;  // the mirror of the tables is written whole each time: not here
  auto store = storage::open_embedded("/store", store_options);
  CHECK(store.has_value());
  Random random(1);
  runtime::RuntimeOptions options;
  options.manual = true;
  options.shards = 1;
  options.clock = std::make_shared<runtime::VirtualClock>();
  options.random = [&] { return random.next(); };
  options.drivers = {std::make_shared<AtOnce>()};
  auto engine = runtime::make_engine(std::shared_ptr<storage::Store>(std::move(*store)), options);
  CHECK(engine.has_value());
  const auto plan = loaders::load_native(k_workflow, "speed.yaml", {}, loaders::KnownActivities::with({"sim.do"})).plan;
  CHECK(plan != nullptr);

  const double began = cpu_seconds();
  std::uint64_t completed = 0;
  for (std::uint64_t i = 0; i < runs; ++i) {
    engine::StartRequest request;
    request.id = "r" + std::to_string(i);
    request.plan = plan;
    request.on_closed = [&](const engine::Progress& progress) {
      completed += progress.status == history::RunStatus::completed ? 1 : 0;
    };
    (*engine)->start_async(std::move(request),
                           [](const Result<engine::Started>& started) { CHECK(started.has_value()); });
  }
  while (runtime::turn(**engine)) {}
  Speed speed;
  speed.cpu_seconds = cpu_seconds() - began;
  CHECK(completed == runs);
  const auto one = (*engine)->replay({"default", "r0"});
  CHECK(one.has_value() && one->matches);
  speed.decisions = one->batches * runs;
  speed.events = one->events * runs;
  return speed;
}

}  // namespace perdure::sim
