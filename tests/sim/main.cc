// perdure_sim: see docs/reliability.md.
#include <malloc.h>

#include <charconv>
#include <chrono>
#include <cstdio>
#include <ctime>
#include <fstream>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sim/speed.h"
#include "sim/world.h"

namespace perdure::sim {
namespace {

constexpr const char* k_usage =
    "usage: perdure_sim SEED [--trace]\n"
    "       perdure_sim --seeds N [--first-seed S] [--table]\n"
    "       perdure_sim --minutes N [--first-seed S] [--table]\n"
    "       perdure_sim --file FILE      seeds, one a line, # begins a comment\n"
    "       perdure_sim --speed RUNS     how fast it can be: no faults, no checks\n";

struct Arguments {
  std::optional<std::uint64_t> seed, seeds, minutes, speed;
  std::uint64_t first_seed = 1;
  std::string file;
  bool trace = false, table = false;
};

std::optional<std::uint64_t> number(std::string_view text) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::optional<Arguments> read_arguments(const std::vector<std::string_view>& given) {
  Arguments arguments;
  for (std::size_t i = 0; i < given.size(); ++i) {
    const std::string_view name = given[i];
    if (name == "--trace") arguments.trace = true;
    else if (name == "--table") arguments.table = true;
    else if (!name.starts_with("--")) arguments.seed = number(name);
    else if (i + 1 == given.size()) return std::nullopt;
    else if (name == "--file") arguments.file = given[++i];
    else {
      const auto value = number(given[++i]);
      if (!value) return std::nullopt;
      if (name == "--seeds") arguments.seeds = value;
      else if (name == "--first-seed") arguments.first_seed = *value;
      else if (name == "--minutes") arguments.minutes = value;
      else if (name == "--speed") arguments.speed = value;
      else return std::nullopt;
    }
  }
  if (!arguments.seed && !arguments.seeds && !arguments.minutes && !arguments.speed && arguments.file.empty())
    return std::nullopt;
  return arguments;
}

class Tally {
 public:
  // One seed in a hundred lives twice and must do the same.
  void live(std::uint64_t seed, bool trace) {
    Outcome outcome = sim::live(seed, trace);
    if (!outcome.violation && seed % 100 == 0 && sim::live(seed, false).trace_hash != outcome.trace_hash)
      outcome.violation = Violation{0, "two runs of the seed differ"};
    ++seeds_;
    if (outcome.violation) {
      ++failed_;
      std::printf("seed %llu: invariant %d: %s\n  again: ./dev sim %llu --trace\n",
                  static_cast<unsigned long long>(seed), outcome.violation->invariant, outcome.violation->text.c_str(),
                  static_cast<unsigned long long>(seed));
      std::fflush(stdout);
    }
    decisions_ += outcome.decisions;
    events_ += outcome.events;
    runs_ += outcome.runs;
    crashes_ += outcome.crashes;
    hash_ = checksum64(std::to_string(outcome.trace_hash), hash_);
    coverage_.add(outcome.coverage);
  }
  static double cpu_seconds() { return static_cast<double>(std::clock()) / CLOCKS_PER_SEC; }
  double seconds() const { return std::chrono::duration<double>(std::chrono::steady_clock::now() - began_).count(); }
  void print(bool table) const {
    std::printf(
        "%llu seeds, %llu failed; %llu runs, %llu decisions, %llu events, %llu crashes; %.1f s, %.0f decisions/s of "
        "CPU; trace %016llx\n",
        static_cast<unsigned long long>(seeds_), static_cast<unsigned long long>(failed_),
        static_cast<unsigned long long>(runs_), static_cast<unsigned long long>(decisions_),
        static_cast<unsigned long long>(events_), static_cast<unsigned long long>(crashes_), seconds(),
        static_cast<double>(decisions_) / cpu_seconds(), static_cast<unsigned long long>(hash_));
    if (table) std::printf("%s%zu cells are empty\n", coverage_.table().c_str(), coverage_.empty_cells());
  }
  bool good(bool table) const { return failed_ == 0 && (!table || coverage_.empty_cells() == 0); }

 private:
  std::chrono::steady_clock::time_point began_ = std::chrono::steady_clock::now();
  std::uint64_t seeds_ = 0, failed_ = 0, runs_ = 0, decisions_ = 0, events_ = 0, crashes_ = 0, hash_ = 0;
  Coverage coverage_;
};

int run(const Arguments& arguments) {
  if (arguments.speed) {
    const Speed speed = measure_speed(*arguments.speed);
    std::printf("%llu decisions, %llu events in %.2f s of one core: %.0f decisions/s\n",
                static_cast<unsigned long long>(speed.decisions), static_cast<unsigned long long>(speed.events),
                speed.cpu_seconds, static_cast<double>(speed.decisions) / speed.cpu_seconds);
    return 0;
  }
  Tally tally;
  if (arguments.seed) {
    tally.live(*arguments.seed, arguments.trace);
  } else if (!arguments.file.empty()) {
    std::ifstream file(arguments.file);
    std::string line;
    if (!file) {
      std::fprintf(stderr, "perdure_sim: %s can't be read\n", arguments.file.c_str());
      return 2;
    }
    while (std::getline(file, line)) {
      line = line.substr(0, line.find_first_of("# \t"));
      if (line.empty()) continue;
      const auto seed = number(line);
      if (!seed) {
        std::fprintf(stderr, "perdure_sim: '%s' is no seed\n", line.c_str());
        return 2;
      }
      tally.live(*seed, false);
    }
  } else {
    const double seconds = arguments.minutes ? 60.0 * static_cast<double>(*arguments.minutes) : 0;
    for (std::uint64_t n = 0; arguments.minutes ? tally.seconds() < seconds : n < *arguments.seeds; ++n)
      tally.live(arguments.first_seed + n, arguments.trace);
  }
  tally.print(arguments.table);
  return tally.good(arguments.table) ? 0 : 1;
}

}  // namespace
}  // namespace perdure::sim

int main(int argc, char** argv) {
  // Segments and tables of the simulated disk come and go by the megabyte: not by way of the kernel each time.
  mallopt(M_MMAP_THRESHOLD, 256 << 20);
  mallopt(M_TRIM_THRESHOLD, 256 << 20);
  const auto arguments = perdure::sim::read_arguments({argv + 1, argv + argc});
  if (!arguments) {
    std::fputs(perdure::sim::k_usage, stderr);
    return 2;
  }
  return perdure::sim::run(*arguments);
}
