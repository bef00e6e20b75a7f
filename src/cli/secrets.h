#pragma once
// The values of secrets: of the file that --secret-file names, then of the environment.
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/value.h"
#include "plan/plan.h"

namespace perdure::cli {

class Session;

using SecretLookup = std::function<std::optional<Value>(const std::string& name)>;

// A mapping of names to values in YAML or JSON, or lines NAME=VALUE as a shell reads them. `invalid` with a line, and never
// with what stands there.
Result<Value> parse_secrets(std::string_view text, std::string_view file_name);

// Of what the plan reads, what has no value here, in words with what to do; nothing when all is there.
std::optional<std::string> missing_secrets(const plan::Plan& plan, const SecretLookup& lookup);

}  // namespace perdure::cli
