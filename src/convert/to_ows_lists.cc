// Lists of steps: in order, at once, a DAG, a graph.
#include <fmt/format.h>

#include <algorithm>

#include "convert/texts.h"
#include "convert/to_ows.h"

namespace perdure::convert {
namespace {

// For each child the longest way to it; children come after all that leads to them.
std::vector<std::uint32_t> waves_of(const Node& block) {
  std::vector<std::uint32_t> wave(block.children.size(), 0), open(block.indegree.begin(), block.indegree.end());
  open.resize(block.children.size(), 0);
  std::vector<std::uint32_t> ready;
  for (std::uint32_t i = 0; i < open.size(); ++i)
    if (open[i] == 0) ready.push_back(i);
  for (std::size_t r = 0; r < ready.size(); ++r) {
    if (ready[r] >= block.edges.size()) continue;
    for (const std::uint32_t to : block.edges[ready[r]]) {
      wave[to] = std::max(wave[to], wave[ready[r]] + 1);
      if (--open[to] == 0) ready.push_back(to);
    }
  }
  return wave;
}

bool is_bare(const Node& n) {
  return n.kind == Kind::conditional &&
         std::all_of(n.children.begin(), n.children.end(), [](NodeId c) { return c == k_none; });
}

// The bare conditional's edge from `from` to `to`: 0 when it holds, 1 when not, 2 both.
int side_of(const Node& block, std::uint32_t from, std::uint32_t to) {
  const auto& edges = block.edges[from];
  const bool first = !edges.empty() && edges[0] == to;
  const bool second = edges.size() > 1 && edges[1] == to;
  return first && second ? 2 : first ? 0 : 1;
}

}  // namespace

// A name that no child of the block has.
std::string ToOws::free_name(const Node& block, std::string name) const {
  const auto taken = [&](NodeId c) { return c != k_none && node(c).name == name; };
  while (std::any_of(block.children.begin(), block.children.end(), taken)) name += "_";
  return name;
}

std::string ToOws::name_for(const Node& n) const {
  const bool reserved = n.name == "continue" || n.name == "exit" || n.name == "end";
  return reserved ? free_name(node(n.parent), n.name + "_") : n.name;
}

void ToOws::entry(Doc& list, const Node& n) {
  Doc task = step(n);
  task.line = n.made_up ? 0 : n.place.line;
  list.push(Doc::map({{name_for(n), std::move(task)}}));
}

Doc ToOws::tasks(const std::vector<NodeId>& children) {
  Doc list = Doc::list();
  for (const NodeId child : children) entry(list, node(child));
  return list;
}

Doc ToOws::list_of(const Node& block) {
  if (block.kind == Kind::dag || block.kind == Kind::graph) return graph(block);
  if (block.kind != Kind::parallel) return tasks(block.children);
  Doc fork = Doc::map({{"fork", Doc::map({{"branches", tasks(block.children)}})}});
  Doc list = Doc::list();
  list.push(Doc::map({{free_name(block, "all"), std::move(fork)}}));
  return list;
}

// For each child of a graph, the condition under which it is reached; empty: always.
std::vector<std::string> ToOws::reached(const Node& block, const std::vector<std::vector<std::uint32_t>>& before,
                                        const std::vector<std::uint32_t>& order) const {
  std::vector<std::string> conditions(block.children.size());
  if (block.kind != Kind::graph) return conditions;
  const std::string flags = member(".reached", keys_.at(block.id));
  for (const std::uint32_t child : order) {
    std::string any;
    bool always = child == 0;
    for (const std::uint32_t from : before[child]) {
      const Node& p = node(block.children[from]);
      const int side = is_bare(p) ? side_of(block, from, child) : 2;
      const bool certain = conditions[from].empty();
      always = always || (certain && side == 2);
      std::string one = certain ? "" : member(flags, p.name);
      if (side != 2)
        one.append(one.empty() ? "" : " and ").append(step_at(p.id) + ".output == " + (side == 0 ? "true" : "false"));
      any.append(any.empty() ? "" : " or ").append(one.find(" and ") != std::string::npos ? "(" + one + ")" : one);
    }
    if (!always) conditions[child] = std::move(any);
  }
  return conditions;
}

// What begins later than it did: all of the wave before has to be over.
void ToOws::tell_waits(const Node& block, const std::vector<std::vector<std::uint32_t>>& before,
                       const std::vector<std::vector<std::uint32_t>>& waves) {
  for (std::size_t w = 1; w < waves.size(); ++w) {
    for (const std::uint32_t i : waves[w]) {
      const std::set<std::uint32_t> own(before[i].begin(), before[i].end());
      const auto other =
          std::find_if(waves[w - 1].begin(), waves[w - 1].end(), [&](std::uint32_t o) { return own.count(o) == 0; });
      if (other == waves[w - 1].end()) continue;
      const Node& n = node(block.children[i]);
      changed(place_of(n, {"depends_on", "next_steps"}),
              "`" + n.name + "` waits for all that runs side by side before it, `" + node(block.children[*other]).name +
                  "` too",
              "the order is kept; only time is lost");
    }
  }
}

// The standard has no DAG: what does not wait for one another runs in one wave.
Doc ToOws::graph(const Node& block) {
  const std::vector<std::uint32_t> wave = waves_of(block);
  const std::uint32_t last = wave.empty() ? 0 : *std::max_element(wave.begin(), wave.end());
  std::vector<std::vector<std::uint32_t>> waves(last + 1), before(wave.size());
  for (std::uint32_t i = 0; i < wave.size(); ++i) {
    waves[wave[i]].push_back(i);
    if (i >= block.edges.size()) continue;
    for (const std::uint32_t to : block.edges[i]) before[to].push_back(i);
  }
  std::vector<std::uint32_t> order;
  for (const auto& w : waves) order.insert(order.end(), w.begin(), w.end());
  const std::vector<std::string> conditions = reached(block, before, order);
  const std::string flags = member(".reached", keys_[block.id]);
  Doc list = Doc::list();
  if (std::any_of(conditions.begin(), conditions.end(), [](const std::string& c) { return !c.empty(); })) {
    Doc begin = nothing();
    add_export(begin, flags + " = {}");
    list.push(Doc::map({{free_name(block, "begin"), std::move(begin)}}));
  }
  for (std::size_t w = 0; w < waves.size(); ++w) {
    Doc together = Doc::list();
    for (const std::uint32_t i : waves[w]) {
      const Node& n = node(block.children[i]);
      Doc task = step(n);
      if (!conditions[i].empty()) {
        if (task.find("if") != nullptr) task = do_list({{name_for(n), std::move(task)}});
        task.set_first("if", wrapped("$context | " + conditions[i]));
        add_export(task, member(flags, n.name) + " = true");
      }
      task.line = n.place.line;
      together.push(Doc::map({{name_for(n), std::move(task)}}));
    }
    if (together.items().size() == 1) {
      list.push(std::move(together.items()[0]));
      continue;
    }
    Doc fork = Doc::map({{"fork", Doc::map({{"branches", std::move(together)}})}});
    list.push(Doc::map({{free_name(block, fmt::format("wave_{}", w + 1)), std::move(fork)}}));
  }
  tell_waits(block, before, waves);
  return list;
}

}  // namespace perdure::convert
