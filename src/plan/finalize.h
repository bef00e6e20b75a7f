#pragma once
// What finalize and decode share. Not for other modules.
#include <optional>
#include <string>
#include <vector>

#include "plan/plan.h"

namespace perdure::plan {

// Sets parent, index, indegree, scope, slot, inner_scope, by_name; checks that the nodes are a tree in which parents
// come before what hangs on them, nested no deeper than k_nesting_max, and that edges have no cycle. The error says
// which node.
std::optional<std::string> lay_out(Plan& plan);

// Every index into `exprs` is in range and every node has exactly the body of its kind: what lay_out() relies on.
bool is_sound(const Plan& plan);

struct Resolved {
  enum class Why { found, unknown, ambiguous, inside_foreach } why = Why::unknown;
  NodeId node = k_none;  // found; inside_foreach: the foreach to name instead
};
Resolved resolve(const Plan& plan, NodeId from, std::string_view name);

std::vector<PlanError> compile_expressions(Plan& plan);
void write_constants(Plan& plan);
std::string encode_meaning(const Plan& plan);
std::string encode_places(const Plan& plan);
void encode_and_hash(Plan& plan);

}  // namespace perdure::plan
