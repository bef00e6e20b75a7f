// Steps and outputs that an expression reads before they can exist.
#include <algorithm>
#include <unordered_map>

#include "loaders/native.h"
#include "plan/spelling.h"
#include "plan/walk.h"

namespace perdure::loaders {
namespace {

using plan::BodyRole;
using plan::Expression;
using plan::Kind;
using plan::Node;
using plan::Plan;
using plan::PlanError;

constexpr std::size_t k_visits_max = 20'000'000;  // of edges, in all; beyond it an order is taken for good
constexpr std::size_t k_providers_max = 64;

class Order {
 public:
  explicit Order(const Plan& plan)
      : plan_(plan), depth_(plan.nodes.size(), 0), role_(plan.nodes.size(), BodyRole::child) {
    for (const Node& n : plan.nodes) {
      plan::for_each_body(n, [&](NodeId body, BodyRole role) {
        depth_[body] = static_cast<std::uint16_t>(depth_[n.id] + 1);
        role_[body] = role;
      });
      for (const std::string& name : n.outputs) providers_[name].push_back(n.id);
    }
  }

  // Empty when `reader` can come after `step`; else why not.
  std::string why_not(NodeId reader, NodeId step) {
    if (reader == 0) return {};
    NodeId a = reader, b = step, below_a = k_none, below_b = k_none;
    bool in_loop = false, later = false;
    const auto up = [&](NodeId& n, NodeId& below) {
      below = n;
      n = plan_.nodes[n].parent;
    };
    while (a != b) {
      if (depth_[a] >= depth_[b]) {
        const BodyRole role = role_[a];
        if (role == BodyRole::compensation) return {};
        later = later || role == BodyRole::fallback || role == BodyRole::breaker_fallback || role == BodyRole::handler;
        up(a, below_a);
      } else {
        up(b, below_b);
      }
    }
    for (NodeId n = a; n != k_none; n = plan_.nodes[n].parent) in_loop = in_loop || plan_.nodes[n].kind == Kind::loop;
    if (in_loop) return {};  // the round before has run
    const Node& common = plan_.nodes[a];
    if (a == reader) {
      if (step == reader) return "a step can't read its own result";
      return common.kind == Kind::attempt ? "" : "it is part of this step and has not run yet";
    }
    if (a == step) return later ? "" : "it is around this step and has not ended yet";
    return among(common, below_a, below_b);
  }

  const std::vector<NodeId>* providers(const std::string& name) const {
    const auto found = providers_.find(name);
    return found == providers_.end() ? nullptr : &found->second;
  }
  std::vector<std::string_view> provided() const {
    std::vector<std::string_view> names;
    for (const Node& n : plan_.nodes) names.insert(names.end(), n.outputs.begin(), n.outputs.end());
    return names;
  }
  // Whether `reader` or a step around it (up to the run) is so.
  template <class F>
  bool around(NodeId reader, F&& holds) const {
    for (NodeId n = reader; n != k_none; n = plan_.nodes[n].parent)
      if (holds(plan_.nodes[n], role_[n])) return true;
    return false;
  }

 private:
  std::string among(const Node& common, NodeId reader, NodeId step) {
    const BodyRole mine = role_[reader], its = role_[step];
    if (mine == BodyRole::fallback || mine == BodyRole::breaker_fallback) return {};
    if (common.kind == Kind::attempt) {
      if (mine == BodyRole::finally || (mine == BodyRole::handler && its == BodyRole::child)) return {};
      return mine == BodyRole::handler ? "only one of the catches runs" : "it runs only after the `try`";
    }
    if (its != mine) return {};
    const std::uint32_t i = plan_.nodes[reader].index, j = plan_.nodes[step].index;
    switch (common.kind) {
      case Kind::sequential: return j < i ? "" : "it comes later";
      case Kind::parallel:
      case Kind::race: return "it runs at the same time";
      case Kind::conditional: return "only one of the branches runs";
      case Kind::select: return "only one of the cases runs";
      case Kind::dag: return leads_to(common, i, j) ? "" : "this step does not depend on it";
      case Kind::graph: return leads_to(common, i, j) ? "" : "it does not lead to this step";
      default: return {};
    }
  }

  // Whether there is a path from child `from` to child `to`.
  bool leads_to(const Node& block, std::uint32_t to, std::uint32_t from) {
    if (block.id != block_) {
      block_ = block.id;
      before_.assign(block.children.size(), {});
      for (std::uint32_t i = 0; i < block.edges.size(); ++i)
        for (const std::uint32_t t : block.edges[i]) before_[t].push_back(i);
      stamp_.assign(block.children.size(), 0);
      stamped_ = 0;
      whole_ = false;
      to_ = k_none;
    }
    if (to != to_) {
      to_ = to;
      whole_ = false;
      ++stamped_;
      for (const std::uint32_t i : before_[to]) stamp_[i] = stamped_;
      visits_ += before_[to].size();
    }
    if (stamp_[from] == stamped_) return true;
    if (whole_) return false;
    if (visits_ > k_visits_max) return true;
    stamp_all(to);
    return stamp_[from] == stamped_ || visits_ > k_visits_max;
  }

  void stamp_all(std::uint32_t to) {
    std::vector<std::uint32_t> ready(before_[to]);
    while (!ready.empty() && visits_ <= k_visits_max) {
      const std::uint32_t i = ready.back();
      ready.pop_back();
      visits_ += before_[i].size() + 1;
      for (const std::uint32_t j : before_[i]) {
        if (stamp_[j] != stamped_) {
          stamp_[j] = stamped_;
          ready.push_back(j);
        }
      }
    }
    whole_ = true;
  }

  const Plan& plan_;
  std::vector<std::uint16_t> depth_;
  std::vector<BodyRole> role_;
  std::unordered_map<std::string, std::vector<NodeId>> providers_;
  // Of the block and child asked about last: who comes before it.
  NodeId block_ = k_none;
  std::uint32_t to_ = k_none, stamped_ = 0;
  bool whole_ = false;
  std::vector<std::vector<std::uint32_t>> before_;
  std::vector<std::uint32_t> stamp_;
  std::size_t visits_ = 0;
};

std::size_t place_of(const Expression& e, std::string_view text) {
  const std::size_t at = e.source.find(text);
  return at == std::string::npos ? 0 : at;
}

std::string order_hint(std::string_view why, const std::string& name) {
  if (why.starts_with("this step does not")) return "add `depends_on: [" + name + "]`";
  if (why == "it comes later") return "move this step behind it";
  if (why == "it runs at the same time") return "put the reading step behind the parallel ones";
  return {};
}

void check_outputs(const Plan& plan, Order& order, ExprId id, const Expression& e, std::vector<PlanError>& errors) {
  for (const std::string& name : e.outputs) {
    const std::vector<NodeId>* from = order.providers(name);
    PlanError error{id, place_of(e, name), "", ""};
    if (from == nullptr) {
      error.message = "no step has an output called `" + name + "`";
      const std::string_view near = plan::nearest(name, order.provided());
      error.hint = near.empty() ? "name it in the `outputs` of the step that makes it"
                                : "did you mean `" + std::string(near) + "`?";
      errors.push_back(std::move(error));
      continue;
    }
    if (from->size() > k_providers_max) continue;
    std::string why;
    for (const NodeId step : *from)
      if ((why = order.why_not(e.owner, step)).empty()) break;
    if (why.empty()) continue;
    const std::string& maker = plan.nodes[from->back()].name;
    error.message = "the output `" + name + "` is not there yet: it is made by `" + maker + "`, and " + why;
    error.hint = order_hint(why, maker);
    errors.push_back(std::move(error));
  }
}

void check_surroundings(const Order& order, ExprId id, const Expression& e, std::vector<PlanError>& warnings) {
  if (e.program->root_use().whole) return;
  const auto warn = [&](const char* what, const char* where) {
    warnings.push_back(
        {id, 0, std::string("`.") + what + "` is null here: it has a value only inside of " + where, ""});
  };
  const bool items = order.around(e.owner, [](const Node& n, BodyRole) { return n.foreach != k_none; });
  const bool rounds = order.around(e.owner, [](const Node& n, BodyRole) { return n.kind == Kind::loop; });
  if (e.uses_item && !items) warn("item", "a `foreach`");
  if (e.uses_index && !items && !rounds) warn("index", "a `foreach` or loop");
  const bool caught = order.around(e.owner, [](const Node& n, BodyRole role) {
    return n.kind == Kind::attempt || role == BodyRole::handler || role == BodyRole::fallback ||
           role == BodyRole::breaker_fallback || role == BodyRole::compensation;
  });
  if (e.uses_error && !caught) warn("error", "a `catch` or fallback");
}

}  // namespace

void check_order(const Plan& plan, std::vector<PlanError>& errors, std::vector<PlanError>& warnings) {
  Order order(plan);
  for (ExprId id = 0; id < plan.exprs.size(); ++id) {
    const Expression& e = plan.exprs[id];
    if (!e.program) continue;
    for (const plan::StepUse& use : e.steps) {
      if (use.node == k_none) continue;
      const std::string why = order.why_not(e.owner, use.node);
      if (why.empty()) continue;
      errors.push_back(
          {id, place_of(e, use.name), "`.steps." + use.name + "` is not there yet: " + why, order_hint(why, use.name)});
    }
    check_outputs(plan, order, id, e, errors);
    check_surroundings(order, id, e, warnings);
  }
}

}  // namespace perdure::loaders
