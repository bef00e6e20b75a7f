// Which step a name means.
#include <algorithm>

#include "plan/finalize.h"

namespace perdure::plan {
namespace {

constexpr std::size_t k_namesakes_max = 64;  // more steps of one name than this are called ambiguous unlooked

using Range = std::pair<std::vector<NodeId>::const_iterator, std::vector<NodeId>::const_iterator>;

Range called(const Plan& plan, std::string_view name) {
  const auto first = std::lower_bound(plan.by_name.begin(), plan.by_name.end(), name,
                                      [&](NodeId id, std::string_view n) { return plan.nodes[id].name < n; });
  const auto last = std::upper_bound(first, plan.by_name.end(), name,
                                     [&](std::string_view n, NodeId id) { return n < plan.nodes[id].name; });
  return {first, last};
}

NodeId child_of(const Plan& plan, Range range, NodeId parent) {
  const auto found = std::lower_bound(range.first, range.second, parent,
                                      [&](NodeId id, NodeId p) { return plan.nodes[id].parent < p; });
  return found != range.second && plan.nodes[*found].parent == parent ? *found : k_none;
}

bool sees(const Plan& plan, NodeId from, ScopeId scope) {
  const Node& node = plan.nodes[from];
  ScopeId mine = node.inner_scope != k_none ? node.inner_scope : node.scope;
  while (mine != scope && mine != k_none) mine = plan.scopes[mine].parent;
  return mine == scope;
}

// The outermost foreach around `node` that `from` is outside of.
NodeId foreach_around(const Plan& plan, NodeId from, NodeId node) {
  ScopeId scope = plan.nodes[node].scope;
  NodeId owner = k_none;
  while (scope != k_none && !sees(plan, from, scope)) {
    owner = plan.scopes[scope].owner;
    scope = plan.scopes[scope].parent;
  }
  return owner;
}

}  // namespace

Resolved resolve(const Plan& plan, NodeId from, std::string_view name) {
  using Why = Resolved::Why;
  const Range range = called(plan, name);
  if (range.first == range.second) return {};
  const Node& start = plan.nodes[from];
  if (start.kind == Kind::loop && !start.children.empty() && start.children[0] != k_none) {
    if (const NodeId own = child_of(plan, range, start.children[0]); own != k_none) return {Why::found, own};
  }
  for (NodeId around = start.parent; around != k_none; around = plan.nodes[around].parent) {
    if (const NodeId near = child_of(plan, range, around); near != k_none) return {Why::found, near};
  }
  if (static_cast<std::size_t>(range.second - range.first) > k_namesakes_max) return {Why::ambiguous, k_none};
  NodeId seen = k_none, hidden = k_none;
  std::size_t count = 0;
  for (auto it = range.first; it != range.second; ++it) {
    if (!sees(plan, from, plan.nodes[*it].scope)) {
      hidden = *it;
      continue;
    }
    seen = *it;
    ++count;
  }
  if (count == 1) return {Why::found, seen};
  if (count > 1) return {Why::ambiguous, k_none};
  return {Why::inside_foreach, foreach_around(plan, from, hidden)};
}

NodeId resolve_step(const Plan& plan, NodeId from, std::string_view name) {
  const Resolved r = resolve(plan, from, name);
  return r.why == Resolved::Why::found ? r.node : k_none;
}

}  // namespace perdure::plan
