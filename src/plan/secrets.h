#pragma once
// Secrets. A secret's value is in no plan, state or history: what the decider has of an expression that reads `$secrets` and
// nothing else is a mark. The mark stands for that expression in that run, goes wherever data goes, and becomes the value
// in the arguments of an activity, as they are handed to the driver. An expression that reads other things besides (in a data
// flow) may only hand secrets on: it sees the mark of each part that it reads.
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

// What an expression reads of `$secrets`; nothing when it does not compile.
struct SecretUse {
  bool any = false;
  bool whole = false;   // not only by name
  bool others = false;  // `.` or other variables, too
  std::vector<std::vector<std::string>> paths;
};
std::optional<SecretUse> secret_use(const Expression& e);
// The expression that is one such part alone.
std::string secret_source(const std::vector<std::string>& path);
ExprId find_secret_part(const Plan& plan, const std::vector<std::string>& path);  // k_none when there is none

// Names that the workflow says it needs.
std::vector<std::string> listed_secrets(const Plan& plan);
// The environment's variable for a secret: PERDURE_SECRET_ and its name in upper case, other characters as `_`.
std::string secret_variable(std::string_view name);
// Names that its expressions read, each once.
std::vector<std::string> read_secrets(const Plan& plan);

}  // namespace perdure::plan
