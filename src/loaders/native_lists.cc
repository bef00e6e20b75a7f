// Lists of steps and the order among them.
#include <algorithm>
#include <unordered_map>

#include "loaders/native.h"

namespace perdure::loaders {

using plan::Kind;

struct NativeLoader::Listed {
  NodeId node = k_none;
  std::string_view name;
  Place place;
  std::vector<const YamlNode*> links;  // depends_on or next_steps
};

namespace {

constexpr std::size_t k_cycle_shown_max = 12;

using Edges = std::vector<std::vector<std::uint32_t>>;

// A cycle as child indexes, or empty. Depth-first without recursion.
std::vector<std::uint32_t> find_cycle(const Edges& edges) {
  enum : std::uint8_t { fresh, on_path, done };
  std::vector<std::uint8_t> state(edges.size(), fresh);
  std::vector<std::pair<std::uint32_t, std::uint32_t>> path;  // child, next edge to follow
  for (std::uint32_t start = 0; start < edges.size(); ++start) {
    if (state[start] != fresh) continue;
    path.push_back({start, 0});
    state[start] = on_path;
    while (!path.empty()) {
      auto& [child, next] = path.back();
      if (next == edges[child].size()) {
        state[child] = done;
        path.pop_back();
        continue;
      }
      const std::uint32_t target = edges[child][next++];
      if (state[target] == on_path) {
        std::vector<std::uint32_t> cycle;
        const auto from = std::find_if(path.begin(), path.end(), [&](const auto& p) { return p.first == target; });
        for (auto it = from; it != path.end(); ++it) cycle.push_back(it->first);
        return cycle;
      }
      if (state[target] == fresh) {
        state[target] = on_path;
        path.push_back({target, 0});
      }
    }
  }
  return {};
}

}  // namespace

NodeId NativeLoader::block(const YamlNode& list, const Around& around, std::string_view name, Kind kind, Place place) {
  const NodeId id = add(list, std::string(name), true, around.parent);
  at(id).place = place;
  fill_block(id, list, kind, around.inherited != nullptr ? *around.inherited : defaults_);
  return id;
}

void NativeLoader::fill_block(NodeId id, const YamlNode& list, Kind kind, const Inherited& inherited) {
  at(id).kind = kind;
  if (list.type != YamlNode::Type::sequence) {
    error(list, "a list of steps is expected here",
          list.type == YamlNode::Type::mapping ? "begin each step with `- `" : "");
    return;
  }
  if (tree_.size(list) == 0) error(list, "the list of steps is empty");
  const YamlNode* depends = nullptr;
  const YamlNode* next = nullptr;
  std::vector<Listed> items;
  std::unordered_map<std::string, Place> names;
  for (std::size_t i = 0; i < tree_.size(list) && !stopped_; ++i) {
    const YamlNode& item = tree_.item(list, i);
    Around around{id, {}, &inherited};
    Listed listed;
    listed.node = step(item, around);
    if (listed.node == k_none) continue;
    listed.place = item.place;
    if (const YamlNode* n = tree_.find(item, "depends_on"); n != nullptr) {
      depends = n;
      listed.links = name_list(*n, "depends_on");
    }
    if (const YamlNode* n = tree_.find(item, "next_steps"); n != nullptr) {
      next = n;
      listed.links = name_list(*n, "next_steps");
    }
    const auto [first, fresh] = names.emplace(at(listed.node).name, item.place);
    if (!fresh) {
      order_known_ = false;
      error(item, "two steps of this list are called `" + at(listed.node).name.substr(0, 80) + "`",
            "the first is on line " + std::to_string(first->second.line));
    }
    at(id).children.push_back(listed.node);
    items.push_back(std::move(listed));
  }
  at(id).children.shrink_to_fit();
  for (Listed& listed : items) listed.name = at(listed.node).name;
  if (kind == Kind::dag) at(id).edges.resize(items.size());  // whatever mistake ends this early
  if (depends != nullptr && next != nullptr) {
    order_known_ = false;
    error(*next, "a list uses either `depends_on` or `next_steps`, not both");
    return;
  }
  const bool ordered_by_items = depends != nullptr || next != nullptr;
  if (kind == Kind::race && ordered_by_items)
    return error(depends != nullptr ? *depends : *next,
                 "the steps of a race start together: they can't wait for each other");
  if (next != nullptr && kind == Kind::dag) return error(*next, "`modules` are ordered by `depends_on`");
  if (depends != nullptr) at(id).kind = Kind::dag;
  if (next != nullptr) at(id).kind = Kind::graph;
  if (at(id).kind == Kind::dag || at(id).kind == Kind::graph) connect(id, items, next != nullptr);
}

void NativeLoader::connect(NodeId id, std::vector<Listed>& items, bool graph) {
  std::unordered_map<std::string_view, std::uint32_t> by_name;
  by_name.reserve(items.size());
  std::vector<std::string_view> names;
  for (std::uint32_t i = 0; i < items.size(); ++i) {
    by_name.emplace(items[i].name, i);
    names.push_back(items[i].name);
  }
  Edges edges(items.size());
  const std::string_view field = graph ? "next_steps" : "depends_on";
  for (std::uint32_t i = 0; i < items.size(); ++i) {
    std::vector<std::uint32_t> seen;
    for (const YamlNode* link : items[i].links) {
      const auto found = by_name.find(link->text);
      if (found == by_name.end()) {
        error(*link,
              "`" + std::string(field) + "` names `" + std::string(link->text.substr(0, 80)) +
                  "`, which is no step of this list",
              did_you_mean(link->text, names));
        order_known_ = false;
        continue;
      }
      if (std::find(seen.begin(), seen.end(), found->second) != seen.end()) {
        error(*link, "`" + std::string(link->text) + "` is listed twice");
        continue;
      }
      seen.push_back(found->second);
      if (graph) edges[i].push_back(found->second);
      else edges[found->second].push_back(i);
    }
    const plan::Node& node = at(items[i].node);
    if (graph && node.kind == Kind::conditional && node.children.empty() && items[i].links.size() > 2) {
      error(*items[i].links[2],
            "a conditional has at most two next steps: the first when it holds, the second when it does not");
    }
  }
  const std::size_t before = errors_;
  report_cycle(items, edges, graph);
  if (graph && errors_ == before && !items.empty()) report_unreached(items, edges);
  if (errors_ != before) order_known_ = false;
  if (errors_ != before) edges.assign(items.size(), {});  // what is wrong was told; the rest can still be checked
  for (auto& targets : edges) targets.shrink_to_fit();
  at(id).edges = std::move(edges);
}

void NativeLoader::report_cycle(const std::vector<Listed>& items, const Edges& edges, bool graph) {
  const std::vector<std::uint32_t> cycle = find_cycle(edges);
  if (cycle.empty()) return;
  // Begin with the step that comes first in the file.
  const auto first = std::min_element(cycle.begin(), cycle.end());
  std::string path;
  for (std::size_t i = 0; i <= cycle.size(); ++i) {
    const std::size_t at_i = (static_cast<std::size_t>(first - cycle.begin()) + i) % cycle.size();
    if (i > k_cycle_shown_max && i < cycle.size()) continue;
    path.append(path.empty() ? "" : " -> ").append(items[cycle[at_i]].name.substr(0, 80));
    if (i == k_cycle_shown_max && i < cycle.size() - 1) path.append(" -> …");
  }
  error(
      items[*first].place, "these steps form a cycle: " + path,
      graph ? "to repeat steps, write a loop (`while`, `until`, `times`)" : "one of them must not depend on the other");
}

void NativeLoader::report_unreached(const std::vector<Listed>& items, const Edges& edges) {
  std::vector<bool> reached(items.size(), false);
  std::vector<std::uint32_t> ready{0};
  reached[0] = true;
  while (!ready.empty()) {
    const std::uint32_t i = ready.back();
    ready.pop_back();
    for (const std::uint32_t target : edges[i]) {
      if (!reached[target]) {
        reached[target] = true;
        ready.push_back(target);
      }
    }
  }
  for (std::size_t i = 0; i < items.size(); ++i) {
    if (!reached[i]) {
      error(items[i].place, "no step leads to `" + std::string(items[i].name.substr(0, 80)) + "`",
            "name it in the `next_steps` of the step before it; the first of the list starts");
    }
  }
}

}  // namespace perdure::loaders
