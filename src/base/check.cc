#include "base/check.h"

#include <cstdio>
#include <cstdlib>

namespace perdure {
void check_failed(const char* expression, const char* file, int line) noexcept {
  std::fprintf(stderr, "perdure: internal check failed: %s at %s:%d\n", expression, file, line);
  std::abort();
}
}  // namespace perdure
