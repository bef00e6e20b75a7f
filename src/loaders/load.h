#pragma once
// From the text of a workflow file to a plan, or to everything that is wrong with it at once. Pure; total on hostile
// text: bounded in time, memory and recursion by LoadLimits.
#include <cstddef>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/limits.h"
#include "base/result.h"
#include "base/value.h"
#include "loaders/diagnostic.h"
#include "plan/plan.h"

namespace perdure::loaders {

struct LoadLimits {
  std::size_t file_bytes = k_file_bytes_max;
  std::size_t depth = k_yaml_depth_max;
  std::size_t nodes = k_yaml_nodes_max;
  std::size_t alias_nodes = k_yaml_alias_nodes_max;  // what all aliases of a file expand to
  std::size_t steps = k_plan_steps_max;
  std::size_t expressions = 2 * k_plan_steps_max;
};

// The activities that `call:` may name, and their arguments.
struct ActivityType {
  std::vector<std::string> required;
  std::vector<std::string> optional;
  bool any_arguments = false;  // takes others as well
  bool available = true;       // this build can run it; otherwise it loads, and run start refuses it
};
struct KnownActivities {
  std::map<std::string, ActivityType, std::less<>> types;
  static const KnownActivities& built_in();
  // built_in() and the named in-process types, which take any arguments.
  static KnownActivities with(const std::vector<std::string>& in_process_types);
};

// Other files that a workflow refers to, by URI: absolute, or relative to the file, or of the default catalog. What they
// say becomes part of the plan.
struct Resources {
  std::map<std::string, std::string, std::less<>> texts;
};
struct Wanted {
  std::string uri;
  Place place;  // where it is referred to
};
inline constexpr std::string_view k_default_catalog = "catalog:default/";  // begins the URI of what is in it

struct Loaded {
  std::shared_ptr<const plan::Plan> plan;  // null when there are errors, or something is wanted
  std::vector<Diagnostic> diagnostics;     // errors and warnings, by place
  std::vector<Wanted> wanted;              // to be given with the next load; only where resources are given at all
  bool ok() const { return plan != nullptr; }
};

// In either dialect, by what the file has at its top: native (docs/dialect.md), or the Open Workflow Specification
// (docs/ows.md) when there is `document`. `file_name` is only for messages. Without `resources` a file that refers to
// others is refused.
Loaded load(std::string_view text, std::string_view file_name, const LoadLimits& limits = {},
            const KnownActivities& known = KnownActivities::built_in(), const Resources* resources = nullptr);
Loaded load_native(std::string_view text, std::string_view file_name, const LoadLimits& limits = {},
                   const KnownActivities& known = KnownActivities::built_in());

// A YAML text as a value, where it is no workflow (an OpenAPI document). Errors: invalid, the first that is wrong.
Result<Value> yaml_value(std::string_view text);

// The task graph that a `map` step made at run time: an array of steps in the native dialect, as a plan of its own
// whose root is a DAG named `name`. Errors name the place in the array ("tasks[3].with"), not in a file.
Loaded load_tasks(const Value& tasks, std::string_view name, const LoadLimits& limits = {},
                  const KnownActivities& known = KnownActivities::built_in());

// The first step that this build can't run, in words with its place ("line 12: step `post` calls tool `slack`, …"),
// or nullopt when all can.
std::optional<std::string> not_available(const plan::Plan& plan,
                                         const KnownActivities& known = KnownActivities::built_in());

}  // namespace perdure::loaders
