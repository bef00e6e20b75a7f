// perdure_sim_mutants MUTANT FIRST_SEED CPU_SECONDS: lives seeds with one planted bug until one fails. It prints each
// seed before it lives it, so that whoever started it knows where it crashed or hung.
#include <malloc.h>
#include <sys/time.h>

#include <cstdio>
#include <cstdlib>
#include <ctime>

#include "sim/mutants/mutant.h"
#include "sim/world.h"

namespace {

constexpr int k_seconds_a_seed = 4;  // of CPU; whole worlds take hundredths. Then the kernel ends the process

double cpu_seconds() { return static_cast<double>(std::clock()) / CLOCKS_PER_SEC; }

void limit_seed() {
  itimerval limit{};
  limit.it_value.tv_sec = k_seconds_a_seed;
  setitimer(ITIMER_PROF, &limit, nullptr);
}

}  // namespace

int main(int argc, char** argv) {
  mallopt(M_MMAP_THRESHOLD, 256 << 20);
  mallopt(M_TRIM_THRESHOLD, 256 << 20);
  if (argc != 4) {
    std::fputs("usage: perdure_sim_mutants MUTANT FIRST_SEED CPU_SECONDS    0: no mutant\n", stderr);
    return 2;
  }
  perdure::chosen_mutant = std::atoi(argv[1]);
  const double cpu_max = std::atof(argv[3]);
  for (std::uint64_t seed = std::strtoull(argv[2], nullptr, 10); cpu_seconds() < cpu_max; ++seed) {
    std::printf("seed %llu\n", static_cast<unsigned long long>(seed));
    std::fflush(stdout);
    limit_seed();
    const perdure::sim::Outcome outcome = perdure::sim::live(perdure::sim::make_scenario(seed), false);
    if (!outcome.violation) continue;
    std::printf("found %d %s\n", outcome.violation->invariant, outcome.violation->text.c_str());
    return 1;
  }
  std::puts(perdure::mutant_reached ? "survived" : "survived, never reached");
  return 0;
}
