#pragma once
// What a seed makes: a world as data. Everything that happens follows from it, so a part can be left out and the rest
// lived again: each operation has its own random numbers, and so has each answer of an activity.
#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace perdure::sim {

enum class Act : std::uint8_t {
  turns,    // of the engine, a few
  settle,   // all that there is to do
  answer,   // one activity that is out
  answers,  // most of those that are out
  advance,
  jump,  // of the wall clock
  start,
  signal,
  update,
  review,
  pause,
  resume,
  cancel,
  terminate,
  retry,
  restart,
  query,
  stop_soon,  // power loss within the next calls to the disk
  crash,
  shutdown,
  second_process,
  fill_disk,
  checkpoint,
  rot,  // power loss; a byte has changed when it comes back
  publish,
};
inline constexpr std::size_t k_acts = static_cast<std::size_t>(Act::publish) + 1;
std::string_view to_string(Act act);

struct Operation {
  Act act = Act::settle;
  std::uint64_t roll = 0;  // of its random numbers
  bool quiet = false;      // the disk makes no errors of its own meanwhile
};

// Plain values are those of a world in which nothing is special.
struct Settings {
  std::uint64_t seed = 0;
  std::uint64_t shards = 1;
  std::uint64_t in_order = 1;  // the keeper and the shards take turns in order
  std::uint64_t overlay_bytes = std::uint64_t{1} << 20;
  std::uint64_t group_bytes = std::uint64_t{2} << 20;  // of commits in one record of the journal
  std::uint64_t cache_bytes = std::uint64_t{8} << 20;
  std::uint64_t first_segment_bytes = 16'384;
  std::uint64_t timers_in_memory = 1'000;
  std::uint64_t in_flight = 10'000;
  std::uint64_t snapshot_over_bytes = 65'536;
  std::uint64_t compact_over_events = 0;
  std::uint64_t retention_ms = 0;
  std::uint64_t error_one_in = 0;       // calls to the disk; 0: never
  std::uint64_t read_error_one_in = 0;  // reads of the tables
  std::uint64_t slow_one_in = 0;        // calls to the disk take up to 20 s
  std::uint64_t boot_crash_one_in = 0;
  std::uint64_t at_once_percent = 30;  // of activities: done as soon as they are started
  std::uint64_t refused_percent = 10;
  std::uint64_t lost_percent = 4;
  std::uint64_t big_percent = 0;  // answers that are too large for the history
  std::uint64_t runs_max = 8;
  std::uint64_t replay_one_in = 2;  // decisions that are made again
  std::uint64_t crash_at_end = 0;
  std::uint64_t resized =
      0;  // each process has shards, caches and sizes of its own, as after a change of configuration
};

struct Program {
  std::string name;
  std::string text;  // JSON, which is YAML
};

struct Scenario {
  Settings settings;
  std::vector<Program> children;  // registered: others call them
  std::vector<Program> programs;
  std::vector<Operation> operations;
};

enum class Mix : std::uint8_t {
  mixed,  // one world in 25 is busy
  busy,   // all are
};
Scenario make_scenario(std::uint64_t seed, Mix mix = Mix::mixed);

// A setting by name, for text and for trying the plain value.
struct Knob {
  const char* name;
  std::uint64_t Settings::*value;
};
inline constexpr std::array k_knobs{
    Knob{"shards", &Settings::shards},
    Knob{"in_order", &Settings::in_order},
    Knob{"overlay_bytes", &Settings::overlay_bytes},
    Knob{"group_bytes", &Settings::group_bytes},
    Knob{"cache_bytes", &Settings::cache_bytes},
    Knob{"first_segment_bytes", &Settings::first_segment_bytes},
    Knob{"timers_in_memory", &Settings::timers_in_memory},
    Knob{"in_flight", &Settings::in_flight},
    Knob{"snapshot_over_bytes", &Settings::snapshot_over_bytes},
    Knob{"compact_over_events", &Settings::compact_over_events},
    Knob{"retention_ms", &Settings::retention_ms},
    Knob{"error_one_in", &Settings::error_one_in},
    Knob{"read_error_one_in", &Settings::read_error_one_in},
    Knob{"slow_one_in", &Settings::slow_one_in},
    Knob{"boot_crash_one_in", &Settings::boot_crash_one_in},
    Knob{"at_once_percent", &Settings::at_once_percent},
    Knob{"refused_percent", &Settings::refused_percent},
    Knob{"lost_percent", &Settings::lost_percent},
    Knob{"big_percent", &Settings::big_percent},
    Knob{"resized", &Settings::resized},
    Knob{"runs_max", &Settings::runs_max},
    Knob{"replay_one_in", &Settings::replay_one_in},
    Knob{"crash_at_end", &Settings::crash_at_end},
};

// A line each: "seed N", "set NAME VALUE" (what is not plain), "child NAME JSON", "program NAME JSON", "op ACT ROLL
// [quiet]"; # begins a comment.
std::string write_scenario(const Scenario& scenario);
Result<Scenario> read_scenario(std::string_view text);

}  // namespace perdure::sim
