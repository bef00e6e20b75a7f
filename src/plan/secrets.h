#pragma once
// Secrets. A secret's value is in no plan, state or history: an expression that reads `$secrets` reads nothing else, and what
// the decider has of it is a mark. The mark stands for that expression in that run, goes wherever data goes, and becomes
// the value in the arguments of an activity, as they are handed to the driver.
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "plan/plan.h"

namespace perdure::plan {

// What stands for expression `expr` in the run of that seed. Only characters that no URI escapes. Data can't forge it: the
// seed is a run's own.
std::string secret_mark(std::uint64_t seed, ExprId expr);

struct SecretMark {
  std::size_t at = 0, length = 0;
  ExprId expr = k_none;
};
// The first text from `from` on that has the form of a mark, whoever made it.
std::optional<SecretMark> find_secret_mark(std::string_view text, std::size_t from = 0);

// Names that the workflow says it needs.
std::vector<std::string> listed_secrets(const Plan& plan);
// The environment's variable for a secret: PERDURE_SECRET_ and its name in upper case, other characters as `_`.
std::string secret_variable(std::string_view name);
// Names that its expressions read, each once.
std::vector<std::string> read_secrets(const Plan& plan);

}  // namespace perdure::plan
