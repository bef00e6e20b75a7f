#include "sim/machine.h"

#include <utility>

#include "sim/shaky_tables.h"
#include "storage/embedded/embedded_store.h"
#include "storage/embedded/mirror_tables.h"

namespace perdure::sim {
namespace {

using storage::DiskFault;

constexpr const char* k_directory = "/store";
constexpr int k_turns_max = 20'000;
constexpr std::uint64_t k_size_stream = 9'000;
constexpr int k_openings_with_faults = 6, k_openings_max = 12;

}  // namespace

const loaders::KnownActivities& known_activities() {
  static const auto all = loaders::KnownActivities::with({"sim.do", "sim.undo"});
  return all;
}

Machine::Machine(const Settings& settings, Outside& outside, Judge& judge, Trace& trace)
    : settings_(settings),
      now_(settings),
      random_(settings.seed),
      disk_random_(settings.seed),
      turn_random_(settings.seed),
      engine_random_(mix(settings.seed, 1)),
      outside_(outside),
      judge_(judge),
      trace_(trace),
      files_(mix(settings.seed, 2)) {
  files_.set_faults([this](std::uint64_t call) { return disk_fault(call); });
}

void Machine::set_roll(std::uint64_t roll, bool quiet) {
  random_ = Random(mix(roll, 1));
  disk_random_ = Random(mix(roll, 2));
  turn_random_ = Random(mix(roll, 3));
  quiet_ = quiet;
}

DiskFault Machine::disk_fault(std::uint64_t call) {
  if (quiet_) return DiskFault::none;
  if (crash_at_ != 0 && call >= crash_at_) return DiskFault::crash;
  if (settings_.slow_one_in != 0 && disk_random_.one_in(static_cast<std::uint32_t>(settings_.slow_one_in)))
    clock_->advance(disk_random_.chance(90) ? disk_random_.below(300) : disk_random_.below(20'000));
  if (call < full_until_) return DiskFault::no_space;
  if (settings_.error_one_in != 0 && disk_random_.one_in(static_cast<std::uint32_t>(settings_.error_one_in))) {
    if (on_failed_call) on_failed_call();
    return DiskFault::error;
  }
  return DiskFault::none;
}

Status Machine::read_tables() {
  if (files_.crashed()) return fail(ErrorCode::io, "tables: the machine has stopped");
  if (quiet_ || settings_.read_error_one_in == 0) return {};
  if (!disk_random_.one_in(static_cast<std::uint32_t>(settings_.read_error_one_in))) return {};
  if (on_failed_call) on_failed_call();
  missed_reads_ = true;
  return fail(ErrorCode::io, "tables: input/output error");
}

Result<std::unique_ptr<storage::Store>> Machine::open_store() {
  storage::EmbeddedOptions options;
  options.threads = false;
  options.files = &files_;
  options.open_tables = [this](storage::FileSystem& files,
                               const std::string& directory) -> Result<std::unique_ptr<storage::Tables>> {
    PERDURE_TRY(tables, storage::open_mirror_tables(files, directory));
    return shaky_tables(std::move(tables), [this] { return read_tables(); });
  };
  options.overlay_bytes = now_.overlay_bytes;
  options.group_bytes = now_.group_bytes;
  options.first_segment_bytes = settings_.first_segment_bytes;
  options.drain_on_close_bytes = 1 << 20;
  return storage::open_embedded(k_directory, std::move(options));
}

runtime::RuntimeOptions Machine::runtime_options() {
  runtime::RuntimeOptions options;
  options.manual = true;
  options.shards = now_.shards;
  options.cache_bytes = now_.cache_bytes;
  options.timers_in_memory = now_.timers_in_memory;
  options.activities_in_flight = settings_.in_flight;
  options.snapshot_over_bytes = now_.snapshot_over_bytes;
  options.compact_over_events = settings_.compact_over_events;
  options.retention_ms = static_cast<DurationMs>(settings_.retention_ms);
  options.clock = clock_;
  options.random = [this] { return engine_random_.next(); };
  if (now_.in_order == 0) options.pick = [this](std::size_t below) { return std::size_t{turn_random_.below(below)}; };
  options.drivers = {outside_.driver(clock_)};
  options.make_map_plan = [](const Value& tasks) -> Result<std::shared_ptr<const plan::Plan>> {
    auto loaded = loaders::load_tasks(tasks, "map", {}, known_activities());
    if (loaded.plan) return loaded.plan;
    return fail(ErrorCode::invalid, loaded.diagnostics.empty() ? "?" : loaded.diagnostics.front().message);
  };
  return options;
}

void Machine::size_process() {
  now_ = settings_;
  if (settings_.resized == 0) return;
  Random random(mix(mix(settings_.seed, k_size_stream), ++processes_));
  now_.shards = random.between(1, 5);
  now_.in_order = random.below(2);
  now_.cache_bytes = random.chance(50) ? random.between(1'000, 40'000) : settings_.cache_bytes;
  now_.timers_in_memory = random.chance(50) ? random.between(1, 4) : 1'000;
  now_.snapshot_over_bytes = random.chance(50) ? random.between(200, 8'000) : 65'536;
  if (random.chance(50)) now_.overlay_bytes = 1 + settings_.overlay_bytes / random.between(1, 4);
}

Status Machine::start_engine() {
  size_process();
  PERDURE_TRY(store, open_store());
  if (store->epoch() <= epoch_) judge_.violated(21, "the epoch has not risen");
  epoch_ = store->epoch();
  store_ = std::move(store);
  auto engine = runtime::make_engine(store_, runtime_options());
  if (!engine) {
    store_.reset();
    return tl::unexpected<Error>(std::move(engine).error());
  }
  engine_ = std::move(*engine);
  return {};
}

void Machine::boot() {
  const bool was_quiet = quiet_;
  ++lives_;
  for (int attempt = 0; !engine_; ++attempt) {
    if (attempt == k_openings_with_faults) quiet_ = true;
    if (attempt == k_openings_max) return judge_.violated(2, "the store does not open: " + trouble_);
    if (files_.crashed()) files_.restart();
    const bool crashes = !quiet_ && settings_.boot_crash_one_in != 0 &&
                         random_.one_in(static_cast<std::uint32_t>(settings_.boot_crash_one_in));
    crash_at_ = crashes ? files_.calls() + 1 + random_.below(40) : 0;
    const Status started = start_engine();
    if (started) break;
    trouble_ = started.error().message;
    trace_.line("opening failed: " + trouble_);
    if (started.error().code != ErrorCode::io && started.error().code != ErrorCode::exhausted)
      return judge_.violated(23, "the store does not open: " + trouble_);
  }
  quiet_ = was_quiet;
  trace_.line("up");
}

// Nothing that the engine still says counts.
void Machine::die() {
  if (!files_.crashed()) {
    crash_at_ = 1;
    const bool was_quiet = std::exchange(quiet_, false);
    static_cast<void>(files_.exists(k_directory));
    quiet_ = was_quiet;
  }
  ++lives_;
  engine_.reset();
  store_.reset();
  outside_.process_died();
  files_.restart();
  crash_at_ = 0;
}

void Machine::crash() {
  die();
  boot();
}

void Machine::shut_down() {
  engine_->shutdown();
  engine_.reset();
  store_.reset();
  outside_.process_died();
  boot();
}

Result<std::string> Machine::crash_and_rot(Random& random) {
  die();
  std::uint64_t total = 0;
  auto written = files_.written();
  // Its text names the real process, and so would decide which byte it is.
  std::erase_if(written, [](const auto& file) { return file.first.ends_with("/LOCK"); });
  for (const auto& [path, size] : written) total += size;
  if (total == 0) {
    boot();
    return std::string();
  }
  std::uint64_t at = random.next() % total;
  for (const auto& [path, size] : written) {
    if (at < size) {
      rot_ = Rot{path, at, static_cast<std::uint8_t>(1U << random.below(8)), {}};
      break;
    }
    at -= size;
  }
  files_.rot(rot_->path, rot_->offset, rot_->bits);
  rot_->around = files_.peek(rot_->path, rot_->offset);
  const std::string where = rot_->path + " byte " + std::to_string(rot_->offset);
  trace_.line("rot in " + where);
  ++lives_;
  PERDURE_TRY_VOID(start_engine());
  return where;
}

void Machine::crash_and_restore() {
  die();
  if (rot_ && files_.peek(rot_->path, rot_->offset) == rot_->around) files_.rot(rot_->path, rot_->offset, rot_->bits);
  rot_.reset();
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
