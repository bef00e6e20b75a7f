// perdure_sim: see docs/reliability.md.
#include <charconv>
#include <chrono>
#include <cstdio>
#include <ctime>
#include <fstream>
#include <iterator>
#include <optional>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include "sim/shrink.h"
#include "sim/speed.h"
#include "sim/world.h"

namespace perdure::sim {
namespace {

constexpr const char* k_usage =
    "usage: perdure_sim SEED [--trace]\n"
    "       perdure_sim --seeds N [--first-seed S] [--table]\n"
    "       perdure_sim --minutes N [--first-seed S] [--table]\n"
    "       perdure_sim --file FILE [--trace]   a scenario, or seeds, one a line, # begins a comment\n"
    "       with --busy                  only worlds of many runs and long loops\n"
    "       with --shrink SECONDS        a world that fails is made small and written to sim-SEED.scenario\n"
    "       perdure_sim --speed RUNS     how fast it can be: no faults, no checks\n";

struct Arguments {
  std::optional<std::uint64_t> seed, seeds, minutes, speed;
  std::uint64_t first_seed = 1;
  std::uint64_t shrink_seconds = 0;
  std::string file;
  bool trace = false, table = false, busy = false;
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
    else if (name == "--busy") arguments.busy = true;
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
      else if (name == "--shrink") arguments.shrink_seconds = *value;
      else return std::nullopt;
    }
  }
  if (!arguments.seed && !arguments.seeds && !arguments.minutes && !arguments.speed && arguments.file.empty())
    return std::nullopt;
  return arguments;
}

class Tally {
 public:
  explicit Tally(const Arguments& arguments) : arguments_(arguments) {}

  void live(std::uint64_t seed) {
    const Scenario scenario = make_scenario(seed, arguments_.busy ? Mix::busy : Mix::mixed);
    live(scenario, std::to_string(seed) + (arguments_.busy ? " --busy" : ""));
  }
  // One world in a hundred is lived twice and must be the same.
  void live(const Scenario& scenario, const std::string& how) {
    if (arguments_.trace) std::fputs(write_scenario(scenario).c_str(), stderr);
    Outcome outcome = sim::live(scenario, arguments_.trace);
    const bool again = scenario.settings.seed % 100 == 0;
    if (!outcome.violation && again && sim::live(scenario, false).trace_hash != outcome.trace_hash)
      outcome.violation = Violation{0, "two runs of the seed differ"};
    ++worlds_;
    if (outcome.violation) tell(scenario, *outcome.violation, how);
    steps_ += outcome.steps;
    events_ += outcome.events;
    runs_ += outcome.runs;
    partial_runs_ += outcome.partial_runs;
    crashes_ += outcome.crashes;
    rots_ += outcome.rots;
    rots_told_ += outcome.rots_told;
    hash_ = checksum64(std::to_string(outcome.trace_hash), hash_);
    coverage_.add(outcome.coverage);
  }
  static double cpu_seconds() { return static_cast<double>(std::clock()) / CLOCKS_PER_SEC; }
  double seconds() const { return std::chrono::duration<double>(std::chrono::steady_clock::now() - began_).count(); }
  void print() const {
    const auto n = [](std::uint64_t value) { return static_cast<unsigned long long>(value); };
    std::printf("%llu worlds, %llu failed; %llu runs (%llu not read whole), %llu steps, %llu events, %llu crashes, ",
                n(worlds_), n(failed_), n(runs_), n(partial_runs_), n(steps_), n(events_), n(crashes_));
    std::printf("%llu bytes rotten (%llu told); %.1f s, %.0f steps/s of CPU; trace %016llx\n", n(rots_), n(rots_told_),
                seconds(), static_cast<double>(steps_) / cpu_seconds(), n(hash_));
    if (arguments_.table) std::printf("%s%zu cells are empty\n", coverage_.table().c_str(), coverage_.empty_cells());
  }
  bool good() const { return failed_ == 0 && (!arguments_.table || coverage_.empty_cells() == 0); }

 private:
  void tell(const Scenario& scenario, const Violation& violation, const std::string& how) {
    ++failed_;
    std::printf("seed %llu: invariant %d: %s\n  again: ./dev sim %s --trace\n",
                static_cast<unsigned long long>(scenario.settings.seed), violation.invariant, violation.text.c_str(),
                how.c_str());
    if (arguments_.shrink_seconds != 0) {
      const Shrunk shrunk = shrink(scenario, static_cast<double>(arguments_.shrink_seconds));
      const std::string text = write_shrunk(shrunk);
      const std::string path = "sim-" + std::to_string(scenario.settings.seed) + ".scenario";
      std::ofstream(path) << text;
      std::printf("%s  smallest of %zu worlds, again: ./dev sim --file %s --trace\n", text.c_str(), shrunk.tried,
                  path.c_str());
    }
    std::fflush(stdout);
  }

  const Arguments& arguments_;
  std::chrono::steady_clock::time_point began_ = std::chrono::steady_clock::now();
  std::uint64_t worlds_ = 0, failed_ = 0, runs_ = 0, partial_runs_ = 0, steps_ = 0, events_ = 0, crashes_ = 0;
  std::uint64_t rots_ = 0, rots_told_ = 0, hash_ = 0;
  Coverage coverage_;
};

Status live_file(const std::string& path, Tally& tally) {
  std::ifstream file(path);
  if (!file) return fail(ErrorCode::not_found, "it can't be read");
  const std::string text((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  if (text.starts_with("seed ") || text.find("\nseed ") != std::string::npos) {
    PERDURE_TRY(scenario, read_scenario(text));
    tally.live(scenario, "--file " + path);
    return {};
  }
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    line = line.substr(0, line.find_first_of("# \t"));
    if (line.empty()) continue;
    const auto seed = number(line);
    if (!seed) return fail(ErrorCode::invalid, "'" + line + "' is no seed");
    tally.live(*seed);
  }
  return {};
}

int run(const Arguments& arguments) {
  if (arguments.speed) {
    const Speed speed = measure_speed(*arguments.speed);
    std::printf("%llu decisions, %llu events in %.2f s of one core: %.0f decisions/s\n",
                static_cast<unsigned long long>(speed.decisions), static_cast<unsigned long long>(speed.events),
                speed.cpu_seconds, static_cast<double>(speed.decisions) / speed.cpu_seconds);
    return 0;
  }
  Tally tally(arguments);
  if (arguments.seed) {
    tally.live(*arguments.seed);
  } else if (!arguments.file.empty()) {
    if (const Status read = live_file(arguments.file, tally); !read) {
      std::fprintf(stderr, "perdure_sim: %s: %s\n", arguments.file.c_str(), read.error().message.c_str());
      return 2;
    }
  } else {
    const double seconds = arguments.minutes ? 60.0 * static_cast<double>(*arguments.minutes) : 0;
    for (std::uint64_t n = 0; arguments.minutes ? tally.seconds() < seconds : n < *arguments.seeds; ++n)
      tally.live(arguments.first_seed + n);
  }
  tally.print();
  return tally.good() ? 0 : 1;
}

}  // namespace
}  // namespace perdure::sim

// Worlds come and go by the megabyte: not by way of the kernel each time.
extern "C" const char* malloc_conf;
const char* malloc_conf = "dirty_decay_ms:-1,muzzy_decay_ms:-1";

int main(int argc, char** argv) {
  const auto arguments = perdure::sim::read_arguments({argv + 1, argv + argc});
  if (!arguments) {
    std::fputs(perdure::sim::k_usage, stderr);
    return 2;
  }
  return perdure::sim::run(*arguments);
}
