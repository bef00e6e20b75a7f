// The graph of a plan, and the two text forms of it.
#include <algorithm>

#include "plan/graph_model.h"
#include "plan/walk.h"

namespace perdure::plan {
namespace {

using Shape = GraphModel::Shape;

class Modeller {
 public:
  Modeller(const Plan& plan, bool top_level_only) : plan_(plan), shallow_(top_level_only) {}

  GraphModel run() {
    const std::size_t start = box(Shape::point, "start", "", GraphModel::k_no_cluster, 0);
    const Ends all = block(plan_.nodes[0], GraphModel::k_no_cluster);
    const std::size_t end = box(Shape::point, "end", "", GraphModel::k_no_cluster, 0);
    arrow(start, all.entry);
    arrow(all.exit, end);
    for (const auto& [from, label] : ending_) arrow(from, end, label);
    return std::move(model_);
  }

 private:
  struct Ends {
    std::size_t entry, exit;
  };

  std::size_t box(Shape shape, std::string title, std::string detail, std::size_t cluster, NodeId node) {
    model_.boxes.push_back({shape, std::move(title), std::move(detail), cluster, node});
    return model_.boxes.size() - 1;
  }
  void arrow(std::size_t from, std::size_t to, std::string label = {}, bool dashed = false, bool back = false) {
    model_.arrows.push_back({from, to, std::move(label), dashed, back});
  }
  std::string source(ExprId id) const { return id == k_none ? "" : shortened(plan_.exprs[id].source, 40); }

  std::string detail(const Node& node) const {
    std::string text = kind_text(node);
    if (node.activity && !node.activity->action.empty()) text += " " + node.activity->action;
    if (node.foreach != k_none) text += ", for each";
    if (node.when != k_none) text += ", when " + source(node.when);
    if (node.compensation != k_none) text += ", can be undone";
    return text;
  }

  static bool holds_steps(const Node& node) {
    return is_block(node.kind) || node.kind == Kind::loop || node.kind == Kind::attempt || node.kind == Kind::each ||
           (node.kind == Kind::select && !node.flow) || (node.kind == Kind::conditional && !node.children.empty()) ||
           (node.kind == Kind::listen && node.flow && node.flow->events->foreach);
  }

  Ends step(NodeId id, std::size_t cluster) {
    const Node& node = plan_.nodes[id];
    Ends ends{};
    if (!holds_steps(node) || (shallow_ && node.parent == 0)) {
      const bool waits = node.kind == Kind::wait || node.kind == Kind::listen || node.kind == Kind::review;
      const bool decides = node.kind == Kind::conditional || node.kind == Kind::select;
      const bool glue = node.made_up && node.flow && node.kind == Kind::set;  // the loader's own
      const Shape shape = glue ? Shape::point : decides ? Shape::decision : waits ? Shape::wait : Shape::step;
      const std::string text = node.kind == Kind::conditional ? source(node.condition) : detail(node);
      const std::size_t b = glue ? box(shape, "", "", cluster, id) : box(shape, node.name, text, cluster, id);
      ends = {b, b};
    } else {
      std::size_t inner = cluster;
      if (!node.made_up) {
        inner = model_.clusters.size();
        model_.clusters.push_back({node.name + " (" + detail(node) + ")", cluster});
      }
      ends = block(node, inner);
    }
    if (node.fallback != k_none) arrow(ends.entry, step(node.fallback, cluster).entry, "on error", true);
    if (node.breaker && node.breaker->fallback != k_none)
      arrow(ends.entry, step(node.breaker->fallback, cluster).entry, "breaker open", true);
    return ends;
  }

  Ends block(const Node& node, std::size_t cluster) {
    switch (node.kind) {
      case Kind::sequential: return chain(node, cluster);
      case Kind::conditional: return branches(node, cluster);
      case Kind::select: return cases(node, cluster);
      case Kind::loop: return loop(node, cluster);
      case Kind::attempt: return attempt(node, cluster);
      case Kind::tasks: return tasks(node, cluster);
      case Kind::each: return each(node, cluster);
      case Kind::listen: return each_event(node, cluster);
      default: return network(node, cluster);
    }
  }

  Ends chain(const Node& node, std::size_t cluster) {
    Ends all{GraphModel::k_no_cluster, GraphModel::k_no_cluster};
    for (const NodeId c : node.children) {
      const Ends one = step(c, cluster);
      if (all.entry == GraphModel::k_no_cluster) all.entry = one.entry;
      else arrow(all.exit, one.entry);
      all.exit = one.exit;
    }
    if (all.entry != GraphModel::k_no_cluster) return all;
    const std::size_t b = box(Shape::point, "", "", cluster, node.id);
    return {b, b};
  }

  // A list whose tasks say where to go on.
  Ends tasks(const Node& node, std::size_t cluster) {
    const std::size_t count = node.children.size();
    std::vector<Ends> ends(count);
    for (std::size_t i = 0; i < count; ++i) ends[i] = step(node.children[i], cluster);
    const bool jumps = std::any_of(node.children.begin(), node.children.end(), [&](NodeId c) {
      const Flow& flow = *plan_.nodes[c].flow;
      const auto away = [](Then then) { return then.next != Next::proceed; };
      return away(flow.then) || std::any_of(flow.case_then.begin(), flow.case_then.end(), away) ||
             std::any_of(flow.catches.begin(), flow.catches.end(), [&](const FlowCatch& c2) { return away(c2.then); });
    });
    const bool plain = count > 0 && !jumps && plan_.nodes[node.children.back()].kind != Kind::select;
    const std::size_t after = plain ? ends[count - 1].exit : box(Shape::point, "", "", cluster, node.id);
    if (count == 0) return {after, after};
    for (std::size_t i = 0; i + (plain ? 1 : 0) < count; ++i) leave(ends, i, plan_.nodes[node.children[i]], after);
    return {ends[0].entry, after};
  }

  void leave(const std::vector<Ends>& ends, std::size_t i, const Node& child, std::size_t after) {
    const Flow& flow = *child.flow;
    const bool extended = child.kind == Kind::each && !flow.case_then.empty();
    const Node& decides = extended ? plan_.nodes[extended_task(plan_, child)] : child;
    const bool has_default = !decides.cases.empty() && decides.cases.back().when == k_none;
    for (std::size_t c = 0; c < decides.cases.size(); ++c)
      to(ends, i, flow.case_then[c], decides.cases[c].when == k_none ? "default" : source(decides.cases[c].when),
         after);
    if (!has_default) to(ends, i, flow.then, decides.cases.empty() ? "" : "none", after);
    if (extended && decides.kind == Kind::attempt)
      for (const Then then : flow.case_then) to(ends, i, then, "caught", after);
    if (child.when != k_none && flow.then.next != Next::proceed) to(ends, i, {}, "skipped", after);
    for (const FlowCatch& c : flow.catches)
      if (c.then.next != Next::proceed) to(ends, i, c.then, "caught", after);
  }

  void to(const std::vector<Ends>& ends, std::size_t i, Then then, const std::string& label, std::size_t after) {
    switch (then.next) {
      case Next::proceed: return arrow(ends[i].exit, i + 1 < ends.size() ? ends[i + 1].entry : after, label);
      case Next::exit: return arrow(ends[i].exit, after, label);
      case Next::end: ending_.emplace_back(ends[i].exit, label.empty() ? "end" : label); return;
      case Next::jump: return arrow(ends[i].exit, ends[then.target].entry, label, false, then.target <= i);
    }
  }

  Ends each(const Node& node, std::size_t cluster) {
    const Ends body = step(node.children[0], cluster);
    if (node.made_up) return body;  // a task with its extensions: once
    const EachSpec& each = *node.flow->each;
    const std::string label = "each " + each.item + (each.while_ == k_none ? "" : " while " + source(each.while_));
    arrow(body.exit, body.entry, label, false, true);
    return body;
  }

  Ends each_event(const Node& node, std::size_t cluster) {
    const std::size_t waits = box(Shape::wait, node.name, "listen", cluster, node.id);
    const Ends body = step(node.children[0], cluster);
    arrow(waits, body.entry, "each " + node.flow->events->item);
    arrow(body.exit, waits, "", false, true);
    return {waits, waits};
  }

  // Parallel, race, dag, graph: arrows of their own, and a point where several begin or end.
  Ends network(const Node& node, std::size_t cluster) {
    const std::size_t count = node.children.size();
    std::vector<Ends> ends(count);
    for (std::size_t i = 0; i < count; ++i) ends[i] = step(node.children[i], cluster);
    std::vector<bool> first(count, true), last(count, true);
    for (std::size_t i = 0; i < node.edges.size(); ++i) {
      for (std::size_t e = 0; e < node.edges[i].size(); ++e) {
        const std::uint32_t t = node.edges[i][e];
        const Node& from = plan_.nodes[node.children[i]];
        const bool decides = node.kind == Kind::graph && from.kind == Kind::conditional && from.children.empty();
        arrow(ends[i].exit, ends[t].entry, decides ? (e == 0 ? "yes" : "no") : "");
        first[t] = false;
        last[i] = false;
      }
    }
    const auto meet = [&](const std::vector<bool>& which, bool entries) {
      const auto many = std::count(which.begin(), which.end(), true);
      std::size_t point = GraphModel::k_no_cluster;
      if (many != 1) point = box(Shape::point, "", "", cluster, node.id);
      for (std::size_t i = 0; i < count; ++i) {
        if (!which[i]) continue;
        if (many == 1) point = entries ? ends[i].entry : ends[i].exit;
        else if (entries) arrow(point, ends[i].entry);
        else arrow(ends[i].exit, point);
      }
      return point;
    };
    const std::size_t entry = meet(first, true);
    return {entry, meet(last, false)};
  }

  Ends branches(const Node& node, std::size_t cluster) {
    const std::size_t ask = box(Shape::decision, node.name, source(node.condition), cluster, node.id);
    const std::size_t after = box(Shape::point, "", "", cluster, node.id);
    const char* labels[] = {"yes", "no"};
    for (std::size_t i = 0; i < 2; ++i) {
      if (node.children[i] == k_none) {
        arrow(ask, after, labels[i]);
        continue;
      }
      const Ends branch = step(node.children[i], cluster);
      arrow(ask, branch.entry, labels[i]);
      arrow(branch.exit, after);
    }
    return {ask, after};
  }

  Ends cases(const Node& node, std::size_t cluster) {
    const std::size_t ask = box(Shape::decision, node.name, "switch", cluster, node.id);
    const std::size_t after = box(Shape::point, "", "", cluster, node.id);
    bool has_default = false;
    for (const Case& c : node.cases) {
      const Ends branch = step(c.body, cluster);
      has_default = has_default || c.when == k_none;
      arrow(ask, branch.entry, c.when == k_none ? "default" : source(c.when));
      arrow(branch.exit, after);
    }
    if (!has_default) arrow(ask, after, "none");
    return {ask, after};
  }

  Ends loop(const Node& node, std::size_t cluster) {
    const Ends body = step(node.children[0], cluster);
    const std::string label = node.loop->while_ != k_none  ? "while " + source(node.loop->while_)
                              : node.loop->until != k_none ? "until " + source(node.loop->until)
                                                           : "again";
    arrow(body.exit, body.entry, label, false, true);
    return body;
  }

  Ends attempt(const Node& node, std::size_t cluster) {
    const Ends body = step(node.children[0], cluster);
    const std::size_t after = box(Shape::point, "", "", cluster, node.id);
    arrow(body.exit, after);
    for (const Catch& c : node.catches) {
      if (c.body == k_none) continue;
      const Ends handler = step(c.body, cluster);
      std::string label = "catch";
      for (const std::string& e : c.errors) label += " " + e;
      arrow(body.entry, handler.entry, shortened(label, 40), true);
      arrow(handler.exit, after);
    }
    if (node.finally == k_none) return {body.entry, after};
    const Ends last = step(node.finally, cluster);
    arrow(after, last.entry, "finally");
    return {body.entry, last.exit};
  }

  const Plan& plan_;
  bool shallow_;
  GraphModel model_;
  std::vector<std::pair<std::size_t, std::string>> ending_;  // what ends the whole run, and its arrow's label
};

std::string escape_mermaid(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '"') out += "#quot;";
    else if (c == '<') out += "#lt;";
    else if (c == '>') out += "#gt;";
    else if (c == '#') out += "#35;";
    else if (c == '\n' || c == '`' || c == '\\') out += ' ';
    else out.push_back(c);
  }
  return out;
}

std::string escape_dot(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '"' || c == '\\') out.push_back('\\');
    out.push_back(c == '\n' ? ' ' : c);
  }
  return out;
}

// Calls write(box) for the boxes of each cluster between open and close of it.
template <class Open, class Close, class Write>
void nest(const GraphModel& m, std::size_t cluster, std::size_t depth, Open&& open, Close&& close, Write&& write,
          const std::vector<std::vector<std::size_t>>& boxes, const std::vector<std::vector<std::size_t>>& inner) {
  const std::size_t slot = cluster == GraphModel::k_no_cluster ? m.clusters.size() : cluster;
  for (const std::size_t b : boxes[slot]) write(b, depth);
  for (const std::size_t c : inner[slot]) {
    open(c, depth);
    nest(m, c, depth + 1, open, close, write, boxes, inner);
    close(depth);
  }
}

template <class Open, class Close, class Write>
void nest(const GraphModel& m, Open&& open, Close&& close, Write&& write) {
  std::vector<std::vector<std::size_t>> boxes(m.clusters.size() + 1), inner(m.clusters.size() + 1);
  const auto slot = [&](std::size_t c) { return c == GraphModel::k_no_cluster ? m.clusters.size() : c; };
  for (std::size_t b = 0; b < m.boxes.size(); ++b) boxes[slot(m.boxes[b].cluster)].push_back(b);
  for (std::size_t c = 0; c < m.clusters.size(); ++c) inner[slot(m.clusters[c].parent)].push_back(c);
  nest(m, GraphModel::k_no_cluster, 1, open, close, write, boxes, inner);
}

std::string mermaid(const GraphModel& m) {
  std::string out = "flowchart TD\n";
  const auto pad = [](std::size_t depth) { return std::string(2 * depth, ' '); };
  nest(
      m,
      [&](std::size_t c, std::size_t depth) {
        out += pad(depth) + "subgraph c" + std::to_string(c) + "[\"" + escape_mermaid(m.clusters[c].title) + "\"]\n";
      },
      [&](std::size_t depth) { out += pad(depth) + "end\n"; },
      [&](std::size_t b, std::size_t depth) {
        const auto& box = m.boxes[b];
        const std::string label = escape_mermaid(box.title) +
                                  (box.detail.empty() ? "" : "<br/><small>" + escape_mermaid(box.detail) + "</small>");
        static constexpr std::string_view k_open[] = {"[\"", "{\"", "([\"", "((\""},
                                          k_close[] = {"\"]", "\"}", "\"])", "\"))"};
        const auto shape = static_cast<std::size_t>(box.shape);
        out += pad(depth) + "n" + std::to_string(b) + std::string(k_open[shape]) + (label.empty() ? " " : label) +
               std::string(k_close[shape]) + "\n";
      });
  for (const auto& a : m.arrows) {
    out += "  n" + std::to_string(a.from) + (a.dashed ? " -.->" : " -->");
    if (!a.label.empty()) out += "|\"" + escape_mermaid(a.label) + "\"|";
    out += " n" + std::to_string(a.to) + "\n";
  }
  return out;
}

std::string dot(const GraphModel& m, std::string_view title) {
  std::string out = "digraph \"" + escape_dot(title) +
                    "\" {\n  rankdir=TB;\n  node [shape=box, style=rounded, fontname=\"sans-serif\"];\n  edge "
                    "[fontname=\"sans-serif\", fontsize=10];\n";
  const auto pad = [](std::size_t depth) { return std::string(2 * depth, ' '); };
  nest(
      m,
      [&](std::size_t c, std::size_t depth) {
        out += pad(depth) + "subgraph cluster_" + std::to_string(c) + " {\n" + pad(depth + 1) + "label=\"" +
               escape_dot(m.clusters[c].title) + "\";\n";
      },
      [&](std::size_t depth) { out += pad(depth) + "}\n"; },
      [&](std::size_t b, std::size_t depth) {
        const auto& box = m.boxes[b];
        out += pad(depth) + "n" + std::to_string(b);
        if (box.shape == Shape::point)
          out += box.title.empty() ? " [shape=point, label=\"\"];\n"
                                   : " [shape=circle, label=\"" + escape_dot(box.title) + "\"];\n";
        else
          out += " [label=\"" + escape_dot(box.title) + "\\n" + escape_dot(box.detail) + "\"" +
                 (box.shape == Shape::decision ? ", shape=diamond, style=\"\"" : "") + "];\n";
      });
  for (const auto& a : m.arrows) {
    out += "  n" + std::to_string(a.from) + " -> n" + std::to_string(a.to);
    std::string attributes;
    if (!a.label.empty()) attributes += "label=\"" + escape_dot(a.label) + "\"";
    if (a.dashed) attributes += std::string(attributes.empty() ? "" : ", ") + "style=dashed";
    if (a.back) attributes += std::string(attributes.empty() ? "" : ", ") + "constraint=false";
    out += attributes.empty() ? ";\n" : " [" + attributes + "];\n";
  }
  return out + "}\n";
}

}  // namespace

std::string shortened(std::string_view text, std::size_t characters) {
  std::string out;
  std::size_t count = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if ((static_cast<unsigned char>(text[i]) & 0xc0) != 0x80 && ++count > characters) return out + "…";
    out.push_back(text[i] == '\n' ? ' ' : text[i]);
  }
  return out;
}

GraphModel model_of(const Plan& plan, bool top_level_only) { return Modeller(plan, top_level_only).run(); }

std::string render_graph(const Plan& plan, GraphFormat format) {
  const bool svg = format == GraphFormat::svg;
  const GraphModel model = model_of(plan, svg && plan.nodes.size() > k_svg_steps_max);
  if (format == GraphFormat::mermaid) return mermaid(model);
  if (format == GraphFormat::dot) return dot(model, plan.name);
  return render_svg(model, plan.name);
}

}  // namespace perdure::plan
