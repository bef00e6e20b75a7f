// The shape of a plan: parents, scopes, slots, edges.
#include <algorithm>
#include <tuple>

#include "plan/finalize.h"
#include "plan/walk.h"

namespace perdure::plan {
namespace {

std::string at(const Plan& plan, NodeId id) {
  return "step " + std::to_string(id) + " (" + plan.nodes[id].name.substr(0, 80) + ")";
}

std::optional<std::string> set_parents(Plan& plan) {
  const std::size_t count = plan.nodes.size();
  std::vector<std::uint16_t> depth(count, 0);
  for (Node& node : plan.nodes) node.parent = k_none;
  std::optional<std::string> wrong;
  for (std::size_t i = 0; i < count; ++i) {
    Node& node = plan.nodes[i];
    node.id = static_cast<NodeId>(i);
    if (i > 0 && node.parent == k_none) return at(plan, node.id) + " hangs on nothing";
    for_each_body(node, [&](NodeId body, BodyRole role) {
      if (wrong) return;
      if (body >= count || body <= i || plan.nodes[body].parent != k_none) {
        wrong = at(plan, node.id) + " has a body that is not its own";
      } else if (role == BodyRole::compensation && plan.nodes[body].kind != Kind::activity) {
        wrong = at(plan, node.id) + " has a compensation that is no activity";
      } else if (depth[i] + 1U > k_nesting_max) {
        wrong = at(plan, node.id) + " is nested too deeply";
      } else {
        plan.nodes[body].parent = node.id;
        depth[body] = static_cast<std::uint16_t>(depth[i] + 1);
      }
    });
    if (wrong) return wrong;
    for (std::size_t c = 0; c < node.children.size(); ++c) {
      if (node.children[c] != k_none) plan.nodes[node.children[c]].index = static_cast<std::uint32_t>(c);
    }
  }
  return std::nullopt;
}

// Counts incoming edges and checks, by taking away what has none left, that there is no cycle.
std::optional<std::string> set_edges(Plan& plan, Node& node) {
  const bool edged = node.kind == Kind::dag || node.kind == Kind::graph;
  if (!edged) {
    return node.edges.empty() ? std::nullopt : std::optional(at(plan, node.id) + " has edges but is no graph");
  }
  const std::size_t count = node.children.size();
  if (node.edges.size() != count) return at(plan, node.id) + " lacks edges";
  node.indegree.assign(count, 0);
  for (const auto& targets : node.edges) {
    for (const std::uint32_t target : targets) {
      if (target >= count) return at(plan, node.id) + " has an edge to nowhere";
      ++node.indegree[target];
    }
  }
  std::vector<std::uint32_t> left = node.indegree;
  std::vector<std::uint32_t> ready;
  for (std::uint32_t i = 0; i < count; ++i)
    if (left[i] == 0) ready.push_back(i);
  std::size_t done = 0;
  while (!ready.empty()) {
    const std::uint32_t i = ready.back();
    ready.pop_back();
    ++done;
    for (const std::uint32_t target : node.edges[i])
      if (--left[target] == 0) ready.push_back(target);
  }
  return done == count ? std::nullopt : std::optional(at(plan, node.id) + " has a cycle among its steps");
}

// Where tasks go on exists: in the list that the task is in.
std::optional<std::string> check_jumps(const Plan& plan, const Node& node) {
  if (!node.flow) return std::nullopt;
  const auto wrong = [&](Then then) {
    if (then.next != Next::jump) return false;
    const Node* list = node.parent == k_none ? nullptr : &plan.nodes[node.parent];
    return list == nullptr || list->kind != Kind::tasks || then.target >= list->children.size();
  };
  bool any = wrong(node.flow->then);
  for (const Then then : node.flow->case_then) any = any || wrong(then);
  for (const FlowCatch& c : node.flow->catches) any = any || wrong(c.then);
  return any ? std::optional(at(plan, node.id) + " goes on with a task that is not there") : std::nullopt;
}

bool has_steps_inside(const Node& node) {
  bool any = false;
  for_each_body(node, [&](NodeId, BodyRole role) { any = any || role != BodyRole::compensation; });
  return any;
}

void set_scopes(Plan& plan) {
  plan.scopes.clear();
  plan.scopes.push_back({0, k_none, 0});
  for (Node& node : plan.nodes) {
    if (node.parent == k_none) {
      node.scope = 0;
    } else {
      const Node& parent = plan.nodes[node.parent];
      node.scope = parent.inner_scope != k_none ? parent.inner_scope : parent.scope;
    }
    node.slot = plan.scopes[node.scope].slots++;
    node.inner_scope = k_none;
    if (node.foreach != k_none && has_steps_inside(node)) {
      node.inner_scope = static_cast<ScopeId>(plan.scopes.size());
      plan.scopes.push_back({node.id, node.scope, 0});
    }
  }
}

void index_names(Plan& plan) {
  plan.by_name.clear();
  plan.by_name.reserve(plan.nodes.size());
  for (const Node& node : plan.nodes)
    if (!node.made_up && node.id != 0) plan.by_name.push_back(node.id);
  std::sort(plan.by_name.begin(), plan.by_name.end(), [&](NodeId a, NodeId b) {
    const Node& x = plan.nodes[a];
    const Node& y = plan.nodes[b];
    const int names = x.name.compare(y.name);
    return names != 0 ? names < 0 : std::tie(x.parent, a) < std::tie(y.parent, b);
  });
}

}  // namespace

std::optional<std::string> lay_out(Plan& plan) {
  if (plan.nodes.empty()) return "the plan has no steps";
  if (auto wrong = set_parents(plan)) return wrong;
  for (Node& node : plan.nodes)
    if (auto wrong = set_edges(plan, node)) return wrong;
  for (const Node& node : plan.nodes)
    if (auto wrong = check_jumps(plan, node)) return wrong;
  set_scopes(plan);
  index_names(plan);
  return std::nullopt;
}

}  // namespace perdure::plan
