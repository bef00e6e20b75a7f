#pragma once
// The seed's random numbers: the same on every machine and compiler.
#include <cstddef>
#include <cstdint>

namespace perdure::sim {

class Random {
 public:
  explicit Random(std::uint64_t seed) : state_(seed) {}
  std::uint64_t next() {
    std::uint64_t x = (state_ += 0x9e3779b97f4a7c15ULL);
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebULL;
    return x ^ (x >> 31);
  }
  std::uint32_t below(std::size_t n) { return static_cast<std::uint32_t>(next() % n); }
  std::uint32_t between(std::uint32_t low, std::uint32_t high) { return low + below(high - low + 1); }
  bool chance(std::uint32_t percent) { return below(100) < percent; }
  bool one_in(std::uint32_t n) { return below(n) == 0; }
  // A stream of its own, so that drawing more in one place does not shift all others.
  Random fork() { return Random(next()); }

 private:
  std::uint64_t state_;
};

// A number of its own for each pair: what is decided by it does not depend on what was drawn before.
inline std::uint64_t mix(std::uint64_t a, std::uint64_t b) { return Random(a ^ Random(b).next()).next(); }

}  // namespace perdure::sim
