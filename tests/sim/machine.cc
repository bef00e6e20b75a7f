#include "sim/machine.h"

#include <utility>

#include "storage/embedded/embedded_store.h"
#include "storage/embedded/mirror_tables.h"

namespace perdure::sim {
namespace {

using storage::DiskFault;

constexpr const char* k_directory = "/store";
constexpr int k_turns_max = 20'000;
constexpr int k_openings_with_faults = 6, k_openings_max = 12;

}  // namespace

const loaders::KnownActivities& known_activities() {
  static const auto all = loaders::KnownActivities::with({"sim.do", "sim.undo"});
  return all;
}

Machine::Machine(Random random, Outside& outside, Judge& judge, Trace& trace)
    : random_(random),
      disk_random_(random_.fork()),
      engine_random_(random_.fork()),
      outside_(outside),
      judge_(judge),
      trace_(trace),
      files_(random_.next()) {
  error_rate_ = random_.chance(30) ? random_.between(8, 40) : random_.chance(60) ? random_.between(40, 400) : 0;
  first_segment_bytes_ = std::uint64_t{4096} * random_.between(3, 12);
  overlay_bytes_ = random_.chance(8) ? 3 : random_.chance(60) ? random_.between(2'000, 40'000) : 1 << 20;
  cache_bytes_ = random_.chance(40) ? random_.between(1'000, 40'000) : std::size_t{8} << 20;
  timers_in_memory_ = random_.chance(40) ? random_.between(1, 4) : 1000;
  shards_ = random_.between(1, 3);
  if (random_.chance(30)) outside_.in_flight_max = random_.between(1, 4);
  turn_random_ = Random(random_).fork();
  turns_in_order_ = turn_random_.chance(40);
  files_.set_faults([this](std::uint64_t call) { return disk_fault(call); });
}

storage::DiskFault Machine::disk_fault(std::uint64_t call) {
  if (quiet_) return DiskFault::none;
  if (crash_at_ != 0 && call >= crash_at_) return DiskFault::crash;
  if (call < full_until_) return DiskFault::no_space;
  if (error_rate_ != 0 && disk_random_.one_in(error_rate_)) {
    if (on_failed_call) on_failed_call();
    return DiskFault::error;
  }
  return DiskFault::none;
}

Result<std::unique_ptr<storage::Store>> Machine::open_store() {
  storage::EmbeddedOptions options;
  options.threads = false;
  options.files = &files_;
  options.open_tables = storage::open_mirror_tables;
  options.overlay_bytes = overlay_bytes_;
  options.first_segment_bytes = first_segment_bytes_;
  options.segment_bytes = 8 << 20;  // a commit of the engine may be of a megabyte and a run
  options.drain_on_close_bytes = 1 << 20;
  return storage::open_embedded(k_directory, std::move(options));
}

runtime::RuntimeOptions Machine::runtime_options() {
  runtime::RuntimeOptions options;
  options.manual = true;
  options.shards = shards_;
  options.cache_bytes = cache_bytes_;
  options.timers_in_memory = timers_in_memory_;
  options.activities_in_flight = outside_.in_flight_max;
  options.clock = clock_;
  options.random = [this] { return engine_random_.next(); };
  if (!turns_in_order_) options.pick = [this](std::size_t below) { return std::size_t{turn_random_.below(below)}; };
  options.drivers = {outside_.driver(clock_)};
  options.make_map_plan = [](const Value& tasks) -> Result<std::shared_ptr<const plan::Plan>> {
    auto loaded = loaders::load_tasks(tasks, "map", {}, known_activities());
    if (loaded.plan) return loaded.plan;
    return fail(ErrorCode::invalid, loaded.diagnostics.empty() ? "?" : loaded.diagnostics.front().message);
  };
  return options;
}

void Machine::boot() {
  const bool was_quiet = quiet_;
  ++lives_;
  for (int attempt = 0; !engine_; ++attempt) {
    if (attempt == k_openings_with_faults) quiet_ = true;
    if (attempt == k_openings_max) return judge_.violated(2, "the store does not open: " + trouble_);
    if (files_.crashed()) files_.restart();
    crash_at_ = !quiet_ && random_.one_in(6) ? files_.calls() + 1 + random_.below(40) : 0;
    auto store = open_store();
    if (!store) {
      trouble_ = store.error().message;
      trace_.line("opening failed: " + trouble_);
      if (store.error().code != ErrorCode::io && store.error().code != ErrorCode::exhausted)
        return judge_.violated(23, "the store does not open: " + trouble_);
      continue;
    }
    auto engine = runtime::make_engine(std::shared_ptr<storage::Store>(std::move(*store)), runtime_options());
    if (engine) engine_ = std::move(*engine);
    else trouble_ = engine.error().message;
  }
  quiet_ = was_quiet;
  trace_.line("up");
}

void Machine::crash() {
  if (!files_.crashed()) {
    crash_at_ = 1;
    const bool was_quiet = std::exchange(quiet_, false);
    static_cast<void>(files_.exists(k_directory));
    quiet_ = was_quiet;
  }
  ++lives_;  // nothing that this engine still says counts
  engine_.reset();
  outside_.process_died();
  files_.restart();
  crash_at_ = 0;
  boot();
}

void Machine::shut_down() {
  engine_->shutdown();
  engine_.reset();
  outside_.process_died();
  boot();
}

void Machine::settle() {
  if (!engine_) return;
  for (int turns = 0; runtime::turn(*engine_); ++turns)
    if (turns > k_turns_max) return judge_.violated(2, "the engine does not come to rest");
}

void Machine::pass(DurationMs by) {
  clock_->advance(by);
  outside_.answer_overdue();
  settle();
}

}  // namespace perdure::sim
