#pragma once
// Plans as people look at them: waves, the critical path, graphs, and what differs between two versions.
#include <cstddef>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.h"
#include "base/value.h"
#include "plan/plan.h"

namespace perdure::plan {

// "checkout.charge": the names from the outermost block to the node; empty for the root.
std::string path_of(const Plan& plan, NodeId node);

using Durations = std::map<std::string, DurationMs, std::less<>>;  // by path or name of the step, e.g. from history

struct Outline {
  std::vector<std::vector<NodeId>> waves;  // steps that are not blocks, by the earliest round in which they can run
  std::vector<NodeId> critical_path;       // the longest chain of steps, first to last
  DurationMs critical_ms = 0;              // of it, by the durations given; 0 when none were given
  std::size_t steps = 0;
};
// Loops and foreach count once, every branch as if it were taken. Without durations each step counts the same.
Outline outline(const Plan& plan, const Durations& durations = {});
std::string outline_text(const Plan& plan, const Outline& outline, const Durations& durations = {});
Value outline_json(const Plan& plan, const Outline& outline, const Durations& durations = {});

enum class GraphFormat : std::uint8_t { mermaid, dot, svg };
// The whole plan as a graph; blocks are boxes around their steps in mermaid and dot. The SVG is readable on dark and
// light backgrounds. Plans of more than k_svg_steps_max steps give an SVG of their top level only.
std::string render_graph(const Plan& plan, GraphFormat format);
inline constexpr std::size_t k_svg_steps_max = 1'000;

struct Change {
  enum class What : std::uint8_t { added, removed, changed } what = What::changed;
  std::string path;  // of the step; empty: the workflow's head
  std::string kind;  // "http", "sequential", …
  struct Field {
    std::string name, before, after;
  };
  std::vector<Field> fields;  // of what is changed; of an added or removed step what it has
};
// What turns `before` into `after`, in plan order; steps are matched by path. Empty when they mean the same.
std::vector<Change> diff(const Plan& before, const Plan& after);
std::string diff_text(const std::vector<Change>& changes, bool color);
Value diff_json(const std::vector<Change>& changes);

// The fields of a node as (name, text), in a fixed order: what `diff` compares.
std::vector<std::pair<std::string, std::string>> describe(const Plan& plan, const Node& node);
// "http", "tool:github", "human_review": an activity's type, else the kind.
std::string kind_text(const Node& node);

}  // namespace perdure::plan
