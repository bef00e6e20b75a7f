// Waves and the critical path.
#include <algorithm>

#include "base/json.h"
#include "plan/view.h"
#include "plan/walk.h"

namespace perdure::plan {
namespace {

constexpr std::size_t k_shown_in_wave = 12;

bool is_leaf(const Node& node) {
  if (node.made_up && node.flow && node.kind == Kind::set) return false;  // the loader's own
  return !is_block(node.kind) && node.kind != Kind::loop && node.kind != Kind::attempt && node.kind != Kind::each &&
         (node.kind != Kind::select || node.flow != nullptr) &&
         (node.kind != Kind::conditional || node.children.empty());
}

// The bodies in the order in which they follow each other: steps of one group run side by side.
std::vector<std::vector<NodeId>> phases(const Node& node) {
  std::vector<std::vector<NodeId>> out;
  std::vector<NodeId> children;
  for (const NodeId c : node.children)
    if (c != k_none) children.push_back(c);
  if (node.kind == Kind::sequential || node.kind == Kind::tasks) {
    for (const NodeId c : children) out.push_back({c});
    return out;
  }
  if (!children.empty()) out.push_back(children);
  std::vector<NodeId> cases;
  for (const Case& c : node.cases)
    if (c.body != k_none) cases.push_back(c.body);
  if (!cases.empty()) out.push_back(cases);
  if (node.finally != k_none) out.push_back({node.finally});
  return out;
}

class Outliner {
 public:
  Outliner(const Plan& plan, const Durations& durations)
      : plan_(plan),
        durations_(durations),
        size_(plan.nodes.size()),
        from_(plan.nodes.size(), k_none),
        chain_(plan.nodes.size()) {
    span_.resize(size_);
    cost_.resize(size_);
    level_.resize(size_);
  }

  Outline run() {
    // Ids rise from parents to what hangs on them, so that going backwards sees bodies first; no recursion.
    for (std::size_t i = size_; i-- > 0;) measure(plan_.nodes[i]);
    for (const Node& node : plan_.nodes) place(node);
    Outline out;
    for (const Node& node : plan_.nodes) {
      if (!reached(node) || !is_leaf(node)) continue;
      ++out.steps;
      if (level_[node.id] >= out.waves.size()) out.waves.resize(level_[node.id] + 1);
      out.waves[level_[node.id]].push_back(node.id);
    }
    std::erase_if(out.waves, [](const auto& wave) { return wave.empty(); });
    std::vector<NodeId> ready{0};
    while (!ready.empty()) {
      const NodeId n = ready.back();
      ready.pop_back();
      if (is_leaf(plan_.nodes[n])) {
        out.critical_path.push_back(n);
        continue;
      }
      for (auto it = chain_[n].rbegin(); it != chain_[n].rend(); ++it) ready.push_back(*it);
    }
    if (!durations_.empty()) out.critical_ms = static_cast<DurationMs>(cost_[0]);
    return out;
  }

 private:
  bool reached(const Node& node) const { return node.id == 0 || from_[node.id] != k_none; }

  double own_cost(const Node& node) const {
    if (durations_.empty()) return 1;
    auto found = durations_.find(path_of(plan_, node.id));
    if (found == durations_.end()) found = durations_.find(node.name);
    return found == durations_.end() ? 0 : static_cast<double>(found->second);
  }

  // How many rounds it takes, what it costs, and which of its bodies make the longest chain.
  void measure(const Node& node) {
    if (is_leaf(node)) {
      span_[node.id] = 1;
      cost_[node.id] = own_cost(node);
      return;
    }
    if (node.kind == Kind::dag || node.kind == Kind::graph) return measure_graph(node);
    for (const auto& group : phases(node)) {
      std::uint32_t span = 0;
      NodeId longest = group[0];
      for (const NodeId n : group) {
        from_[n] = node.id;
        span = std::max(span, span_[n]);
        if (cost_[n] > cost_[longest]) longest = n;
      }
      span_[node.id] += span;
      cost_[node.id] += cost_[longest];
      chain_[node.id].push_back(longest);
    }
  }

  static std::vector<std::uint32_t> order_of(const Node& node) {
    std::vector<std::uint32_t> left = node.indegree, order;
    for (std::uint32_t i = 0; i < left.size(); ++i)
      if (left[i] == 0) order.push_back(i);
    for (std::size_t done = 0; done < order.size(); ++done) {
      for (const std::uint32_t t : node.edges[order[done]])
        if (--left[t] == 0) order.push_back(t);
    }
    return order;
  }

  void measure_graph(const Node& node) {
    const std::size_t count = node.children.size();
    std::vector<double> before(count, 0);
    std::vector<std::uint32_t> rounds(count, 0), via(count, k_none);
    std::uint32_t last = k_none;
    double most = -1;
    for (const std::uint32_t i : order_of(node)) {
      const NodeId n = node.children[i];
      from_[n] = node.id;
      const double end = before[i] + cost_[n];
      const std::uint32_t ends = rounds[i] + span_[n];
      span_[node.id] = std::max(span_[node.id], ends);
      if (end > most) {
        most = end;
        last = i;
      }
      for (const std::uint32_t t : node.edges[i]) {
        rounds[t] = std::max(rounds[t], ends);
        if (end > before[t] || via[t] == k_none) {
          before[t] = std::max(before[t], end);
          via[t] = i;
        }
      }
    }
    cost_[node.id] = std::max(most, 0.0);
    for (std::uint32_t i = last; i != k_none; i = via[i]) chain_[node.id].push_back(node.children[i]);
    std::reverse(chain_[node.id].begin(), chain_[node.id].end());
  }

  // Where its bodies begin, once it is known where it begins itself.
  void place(const Node& node) {
    // What is not on the way, like a handler, has nothing inside that is.
    if (!reached(node)) for_each_body(node, [&](NodeId body, BodyRole) { from_[body] = k_none; });
    if (is_leaf(node) || !reached(node)) return;
    if (node.kind == Kind::dag || node.kind == Kind::graph) {
      std::vector<std::uint32_t> at(node.children.size(), level_[node.id]);
      for (const std::uint32_t i : order_of(node)) {
        level_[node.children[i]] = at[i];
        for (const std::uint32_t t : node.edges[i]) at[t] = std::max(at[t], at[i] + span_[node.children[i]]);
      }
      return;
    }
    std::uint32_t at = level_[node.id];
    for (const auto& group : phases(node)) {
      std::uint32_t span = 0;
      for (const NodeId n : group) {
        level_[n] = at;
        span = std::max(span, span_[n]);
      }
      at += span;
    }
  }

  const Plan& plan_;
  const Durations& durations_;
  std::size_t size_;
  std::vector<NodeId> from_;
  std::vector<std::vector<NodeId>> chain_;
  std::vector<std::uint32_t> span_, level_;
  std::vector<double> cost_;
};

}  // namespace

std::string path_of(const Plan& plan, NodeId node) {
  std::string path;
  for (NodeId n = node; n != k_none && n != 0; n = plan.nodes[n].parent)
    path = plan.nodes[n].name + (path.empty() ? "" : "." + path);
  return path;
}

std::string kind_text(const Node& node) {
  return node.activity ? node.activity->type : std::string(to_string(node.kind));
}

Outline outline(const Plan& plan, const Durations& durations) { return Outliner(plan, durations).run(); }

std::string outline_text(const Plan& plan, const Outline& o, const Durations& durations) {
  std::string out = plan.name + (plan.version.empty() ? "" : " " + plan.version) + ": " + std::to_string(o.steps) +
                    (o.steps == 1 ? " step in " : " steps in ") + std::to_string(o.waves.size()) +
                    (o.waves.size() == 1 ? " wave\n" : " waves\n");
  const std::size_t width = std::to_string(o.waves.size()).size();
  for (std::size_t i = 0; i < o.waves.size(); ++i) {
    const std::string number = std::to_string(i + 1);
    out += "  " + std::string(width - number.size(), ' ') + number + "  ";
    for (std::size_t k = 0; k < o.waves[i].size() && k < k_shown_in_wave; ++k)
      out += (k == 0 ? "" : ", ") + path_of(plan, o.waves[i][k]);
    if (o.waves[i].size() > k_shown_in_wave) out += ", … (" + std::to_string(o.waves[i].size()) + " steps)";
    out += "\n";
  }
  out += "critical path: ";
  for (std::size_t k = 0; k < o.critical_path.size() && k < k_shown_in_wave; ++k)
    out += (k == 0 ? "" : " -> ") + path_of(plan, o.critical_path[k]);
  if (o.critical_path.size() > k_shown_in_wave) out += " -> …";
  out += " (" + std::to_string(o.critical_path.size()) + (o.critical_path.size() == 1 ? " step" : " steps");
  if (!durations.empty()) out += ", about " + format_duration(o.critical_ms);
  return out + ")\n";
}

Value outline_json(const Plan& plan, const Outline& o, const Durations& durations) {
  Value waves = Value::array(), critical = Value::array();
  for (const auto& wave : o.waves) {
    std::vector<Value> paths;
    for (const NodeId n : wave) paths.emplace_back(path_of(plan, n));
    waves.push_back(Value::array(std::move(paths)));
  }
  for (const NodeId n : o.critical_path) critical.push_back(Value(path_of(plan, n)));
  return Value::object({{"name", plan.name},
                        {"version", plan.version},
                        {"hash", plan.hash},
                        {"steps", static_cast<std::int64_t>(o.steps)},
                        {"waves", waves},
                        {"critical_path", critical},
                        {"critical_ms", durations.empty() ? Value() : Value(o.critical_ms)}});
}

}  // namespace perdure::plan
