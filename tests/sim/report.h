#pragma once
// What a seed found, and the trace of what it did.
#include <cstdint>
#include <cstdio>
#include <optional>
#include <string>
#include <string_view>

#include "base/hash.h"

namespace perdure::sim {

// A broken invariant of the list in docs/reliability.md.
struct Violation {
  int invariant = 0;
  std::string text;
};

// Every line goes into the hash; two runs of one seed must agree in all of them.
class Trace {
 public:
  explicit Trace(bool print) : print_(print) {}
  void line(std::string_view text) {
    hash_ = checksum64(text, hash_);
    if (print_) std::fprintf(stderr, "%.*s\n", static_cast<int>(text.size()), text.data());
  }
  std::uint64_t hash() const { return hash_; }

 private:
  bool print_;
  std::uint64_t hash_ = 0;
};

// The first violation counts: what comes after it may be its consequence.
class Judge {
 public:
  void violated(int invariant, std::string text) {
    if (!first_) first_ = Violation{invariant, std::move(text)};
  }
  bool failed() const { return first_.has_value(); }
  const std::optional<Violation>& first() const { return first_; }

 private:
  std::optional<Violation> first_;
};

}  // namespace perdure::sim
