#pragma once
// A machine with a disk and a clock, on which the real engine runs on the real embedded store, dies and comes back.
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "engine/engine.h"
#include "loaders/load.h"
#include "runtime/runtime.h"
#include "runtime/virtual_clock.h"
#include "sim/outside.h"
#include "sim/random.h"
#include "sim/report.h"
#include "storage/embedded/faulty_file_system.h"

namespace perdure::sim {

const loaders::KnownActivities& known_activities();

class Machine {
 public:
  Machine(const Settings& settings, Outside& outside, Judge& judge, Trace& trace);
  Machine(const Machine&) = delete;
  Machine& operator=(const Machine&) = delete;

  engine::Engine& engine() { return *engine_; }
  storage::Store& store() { return *store_; }
  bool is_up() const { return engine_ != nullptr; }
  runtime::VirtualClock& clock() { return *clock_; }
  std::uint64_t lives() const { return lives_; }  // of the process, so far

  // What the disk does and the order of turns follow from `roll` until the next one.
  void set_roll(std::uint64_t roll, bool quiet);
  // The process starts, as often as it takes; in the end the disk behaves.
  void boot();
  // Power loss: whatever is not durable is gone. Then it boots.
  void crash();
  void shut_down();  // orderly, and boots
  // Power loss; when it comes back a byte that was written has changed. Says which; empty: nothing was written yet.
  // Then it boots, if it can: `corrupt` when the store says that it is damaged.
  Result<std::string> crash_and_rot(Random& random);
  // Power loss; the byte is again what it was, if nobody has written there since. Then it boots.
  void crash_and_restore();
  // The engine does what there is to do; the machine may stop meanwhile.
  void settle();
  void pass(DurationMs by);
  // Reads of the tables have failed since this was asked: what they were for is done a little later.
  bool has_missed_reads() { return std::exchange(missed_reads_, false); }
  // Another process opens the store, or tries to.
  Result<std::unique_ptr<storage::Store>> open_store();

  bool has_stopped() const { return files_.crashed(); }
  std::uint64_t disk_calls() const { return files_.calls(); }
  void stop_soon(std::uint32_t calls) { crash_at_ = files_.calls() + 1 + calls; }
  void fill_disk(std::uint32_t calls) { full_until_ = files_.calls() + 1 + calls; }
  bool set_quiet(bool quiet) { return std::exchange(quiet_, quiet); }  // the disk behaves; what it was
  void end_faults() {
    quiet_ = true;
    crash_at_ = full_until_ = 0;
  }
  std::function<void()> on_failed_call;

 private:
  storage::DiskFault disk_fault(std::uint64_t call);
  Status read_tables();
  runtime::RuntimeOptions runtime_options();
  void size_process();
  Status start_engine();
  void die();

  const Settings& settings_;
  Settings now_;  // of the process that runs, or is started
  Random random_, disk_random_, turn_random_, engine_random_;
  Outside& outside_;
  Judge& judge_;
  Trace& trace_;
  storage::FaultyFileSystem files_;
  std::shared_ptr<runtime::VirtualClock> clock_ = std::make_shared<runtime::VirtualClock>();

  bool quiet_ = false, missed_reads_ = false;
  std::uint64_t crash_at_ = 0, full_until_ = 0, lives_ = 0, processes_ = 0, epoch_ = 0;
  struct Rot {
    std::string path;
    std::uint64_t offset = 0;
    std::uint8_t bits = 0;
    std::string around;  // the sector as it was left
  };
  std::optional<Rot> rot_;
  std::string trouble_;
  std::shared_ptr<storage::Store> store_;
  std::unique_ptr<engine::Engine> engine_;  // goes first: it uses all above
};

}  // namespace perdure::sim
