#include "expr/spelling.h"

#include <algorithm>
#include <numeric>

namespace perdure::expr {
namespace {

constexpr std::size_t k_longest_compared = 64;

// Edits (insert, delete, replace, swap of neighbours) from one to the other.
std::size_t distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> before(b.size() + 1);
  std::vector<std::size_t> last(b.size() + 1);
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(last.begin(), last.end(), 0U);
  for (std::size_t i = 1; i <= a.size(); ++i) {
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      row[j] = std::min({last[j] + 1, row[j - 1] + 1, last[j - 1] + (a[i - 1] == b[j - 1] ? 0U : 1U)});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) row[j] = std::min(row[j], before[j - 2] + 1);
    }
    before = last;
    last = row;
  }
  return last[b.size()];
}

std::string_view name_of(std::string_view full) { return full.substr(0, full.find('/')); }

}  // namespace

std::string spelling_hint(std::string_view wrong, const std::vector<std::string>& known, std::string_view mark) {
  const std::string_view name = name_of(wrong);
  if (name.size() > k_longest_compared) return {};
  std::string best;
  std::size_t best_distance = name.size() / 3 + 2;  // farther than that is another word
  for (const std::string& candidate : known) {
    const std::string_view other = name_of(candidate);
    if (other.size() > k_longest_compared || other.starts_with('_')) continue;
    const std::size_t d = distance(name, other);
    if (d < best_distance) {
      best = candidate;
      best_distance = d;
    }
  }
  return best.empty() ? std::string() : "did you mean " + std::string(mark) + best + "?";
}

}  // namespace perdure::expr
