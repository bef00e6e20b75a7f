// perdure_store_mutants MUTANT FIRST_SEED CPU_SECONDS: lists of operations with one planted bug until one fails; speaks as
// tests/sim/mutants/mutants.py expects.
#include <sys/time.h>

#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <string>

#include "sim/mutants/mutant.h"
#include "store/life.h"

namespace {

constexpr int k_seconds_a_seed = 10;  // of CPU; whole lists take tenths. Then the kernel ends the process

void limit_seed() {
  itimerval limit{};
  limit.it_value.tv_sec = k_seconds_a_seed;
  setitimer(ITIMER_PROF, &limit, nullptr);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4) {
    std::fputs("usage: perdure_store_mutants MUTANT FIRST_SEED CPU_SECONDS    0: no mutant\n", stderr);
    return 2;
  }
  perdure::chosen_mutant = std::atoi(argv[1]);
  const double cpu_max = std::atof(argv[3]);
  for (std::uint64_t seed = std::strtoull(argv[2], nullptr, 10);
       static_cast<double>(std::clock()) / CLOCKS_PER_SEC < cpu_max; ++seed) {
    std::printf("seed %llu\n", static_cast<unsigned long long>(seed));
    std::fflush(stdout);
    limit_seed();
    const auto outcome = perdure::store_faults::live({seed, {}, false});
    if (!outcome.failure) continue;
    std::printf("found 0 %s\n", outcome.failure->substr(0, outcome.failure->find('\n')).c_str());
    return 1;
  }
  std::puts(perdure::mutant_reached ? "survived" : "survived, never reached");
  return 0;
}
