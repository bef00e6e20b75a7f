// perdure_store_faults: see docs/reliability.md.
#include <charconv>
#include <cstdio>
#include <ctime>
#include <string>
#include <string_view>
#include <vector>

#include "store/flips.h"
#include "store/life.h"

namespace perdure::store_faults {
namespace {

constexpr const char* k_usage =
    "usage: perdure_store_faults SEED [--point K] [--trace]   one list of operations, and one of its crash points\n"
    "       perdure_store_faults --points N [--first-seed S]  lists until N crash points have been looked at\n"
    "       perdure_store_faults --flips STORES [--every N] [--first-seed S] [--all-bits] [--real]\n"
    "                                                         a bit of every (Nth) byte of every file of small stores\n"
    "                                                         turned over; --real: on RocksDB instead of a simulated "
    "disk\n";
constexpr int k_failures_max = 5;

struct Arguments {
  std::optional<std::uint64_t> seed, point, points, flips;
  std::uint64_t first_seed = 1, every = 1;
  bool trace = false, all_bits = false, real = false;
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
    bool* const flag = name == "--trace"      ? &arguments.trace
                       : name == "--all-bits" ? &arguments.all_bits
                       : name == "--real"     ? &arguments.real
                                              : nullptr;
    if (flag != nullptr) {
      *flag = true;
      continue;
    }
    const bool is_option = name.starts_with("--");
    if (is_option && ++i == given.size()) return std::nullopt;
    const auto value = number(given[i]);
    if (!value) return std::nullopt;
    if (!is_option) arguments.seed = value;
    else if (name == "--point") arguments.point = value;
    else if (name == "--points") arguments.points = value;
    else if (name == "--flips") arguments.flips = value;
    else if (name == "--first-seed") arguments.first_seed = *value;
    else if (name == "--every" && *value > 0) arguments.every = *value;
    else return std::nullopt;
  }
  if (arguments.seed.has_value() + arguments.points.has_value() + arguments.flips.has_value() != 1) return std::nullopt;
  return arguments;
}

unsigned long long printed(std::uint64_t n) { return n; }

void print_failure(std::uint64_t seed, const Outcome& outcome) {
  const std::string point = outcome.failed_point == 0 ? "" : " --point " + std::to_string(outcome.failed_point);
  std::printf("seed %llu: %s\n  again: ./dev store-faults %llu%s --trace\n", printed(seed), outcome.failure->c_str(),
              printed(seed), point.c_str());
  std::fflush(stdout);
}

int run_flips(const Arguments& arguments) {
  FlipOutcome all;
  int failures = 0;
  for (std::uint64_t n = 0; n < *arguments.flips; ++n) {
    const std::uint64_t seed = arguments.first_seed + n;
    const FlipOutcome outcome = flip({seed, arguments.every, arguments.all_bits, arguments.real});
    if (outcome.failure) {
      ++failures;
      std::printf("seed %llu: %s\n  again: ./dev store-faults --flips 1 --first-seed %llu --every %llu%s%s\n",
                  printed(seed), outcome.failure->c_str(), printed(seed), printed(arguments.every),
                  arguments.all_bits ? " --all-bits" : "", arguments.real ? " --real" : "");
    }
    all.flips += outcome.flips;
    all.at_opening += outcome.at_opening;
    all.at_reading += outcome.at_reading;
    all.by_verify += outcome.by_verify;
    all.harmless += outcome.harmless;
  }
  std::printf(
      "%llu stores, %d failed; %llu flips: %llu found at opening, %llu at reading, %llu by verify, %llu harmless; %.1f "
      "s "
      "of CPU\n",
      printed(*arguments.flips), failures, printed(all.flips), printed(all.at_opening), printed(all.at_reading),
      printed(all.by_verify), printed(all.harmless), static_cast<double>(std::clock()) / CLOCKS_PER_SEC);
  return failures == 0 ? 0 : 1;
}

int run(const Arguments& arguments) {
  if (arguments.flips) return run_flips(arguments);
  Outcome all;
  std::uint64_t seeds = 0;
  int failures = 0;
  const std::uint64_t first = arguments.seed.value_or(arguments.first_seed);
  do {
    const std::uint64_t seed = first + seeds++;
    const Outcome outcome = live({seed, arguments.point, arguments.trace});
    if (outcome.failure) {
      ++failures;
      print_failure(seed, outcome);
    }
    all.points += outcome.points;
    all.openings += outcome.openings;
    all.calls += outcome.calls;
    all.changes += outcome.changes;
    all.refused += outcome.refused;
    all.reads += outcome.reads;
    all.recoveries += outcome.recoveries;
    all.ghosts += outcome.ghosts;
  } while (arguments.points && all.points < *arguments.points && failures < k_failures_max);
  std::printf(
      "%llu lists, %d failed; %llu crash points, %llu openings; %llu calls, %llu changes, %llu refused, %llu reads, "
      "%llu "
      "recoveries, %llu of them found more than was acknowledged; %.1f s of CPU\n",
      printed(seeds), failures, printed(all.points), printed(all.openings), printed(all.calls), printed(all.changes),
      printed(all.refused), printed(all.reads), printed(all.recoveries), printed(all.ghosts),
      static_cast<double>(std::clock()) / CLOCKS_PER_SEC);
  return failures == 0 ? 0 : 1;
}

}  // namespace
}  // namespace perdure::store_faults

int main(int argc, char** argv) {
  const auto arguments = perdure::store_faults::read_arguments({argv + 1, argv + argc});
  if (!arguments) {
    std::fputs(perdure::store_faults::k_usage, stderr);
    return 2;
  }
  return perdure::store_faults::run(*arguments);
}
