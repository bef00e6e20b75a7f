// perdure_sim_mutants MUTANT FIRST_SEED CPU_SECONDS [--store] [FILE...]: lives the worlds of the files, then seeds, with one
// planted bug until one fails; with --store lists of operations of the store alone. It prints each seed before it lives
// it, so that whoever started it knows where it crashed or hung; a file is seed 0.
#include <malloc.h>
#include <sys/time.h>

#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <fstream>
#include <functional>
#include <iterator>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "sim/mutants/mutant.h"
#include "sim/world.h"
#include "store/life.h"

namespace {

constexpr int k_seconds_a_seed = 4;  // of CPU; whole worlds take hundredths. Then the kernel ends the process

double cpu_seconds() { return static_cast<double>(std::clock()) / CLOCKS_PER_SEC; }

void limit_seed() {
  itimerval limit{};
  limit.it_value.tv_sec = k_seconds_a_seed;
  setitimer(ITIMER_PROF, &limit, nullptr);
}

using Lived = std::optional<std::pair<int, std::string>>;  // what was violated

Lived live(const perdure::sim::Scenario& scenario) {
  const perdure::sim::Outcome outcome = perdure::sim::live(scenario, false);
  if (!outcome.violation) return std::nullopt;
  return std::pair{outcome.violation->invariant, outcome.violation->text};
}

Lived live_file(const char* path) {
  std::ifstream in(path);
  const std::string text(std::istreambuf_iterator<char>(in), {});
  const auto scenario = perdure::sim::read_scenario(text);
  if (!scenario) return std::pair{0, std::string(path) + ": " + scenario.error().message};
  return live(*scenario);
}

Lived live_store(std::uint64_t seed) {
  const auto outcome = perdure::store_faults::live({seed, {}, false});
  if (!outcome.failure) return std::nullopt;
  return std::pair{0, outcome.failure->substr(0, outcome.failure->find('\n'))};
}

// Gives true when it is over.
bool tell(std::uint64_t seed, const std::function<Lived()>& lives) {
  std::printf("seed %llu\n", static_cast<unsigned long long>(seed));
  std::fflush(stdout);
  limit_seed();
  const Lived lived = lives();
  if (lived) std::printf("found %d %s\n", lived->first, lived->second.c_str());
  return lived.has_value();
}

}  // namespace

int main(int argc, char** argv) {
  mallopt(M_MMAP_THRESHOLD, 256 << 20);
  mallopt(M_TRIM_THRESHOLD, 256 << 20);
  if (argc < 4) {
    std::fputs("usage: perdure_sim_mutants MUTANT FIRST_SEED CPU_SECONDS [--store] [FILE...]    0: no mutant\n",
               stderr);
    return 2;
  }
  perdure::chosen_mutant = std::atoi(argv[1]);
  const double cpu_max = std::atof(argv[3]);
  const bool store = argc > 4 && std::string_view(argv[4]) == "--store";
  for (int i = store ? 5 : 4; i < argc; ++i)
    if (tell(0, [&] { return live_file(argv[i]); })) return 1;
  for (std::uint64_t seed = std::strtoull(argv[2], nullptr, 10); cpu_seconds() < cpu_max; ++seed)
    if (tell(seed, [&] { return store ? live_store(seed) : live(perdure::sim::make_scenario(seed)); })) return 1;
  std::puts(perdure::mutant_reached ? "survived" : "survived, never reached");
  return 0;
}
