// What differs between two plans, step by step.
#include <algorithm>

#include "base/json.h"
#include "plan/view.h"
#include "plan/walk.h"

namespace perdure::plan {
namespace {

using Fields = std::vector<std::pair<std::string, std::string>>;

class Describer {
 public:
  explicit Describer(const Plan& plan) : plan_(plan) {}

  std::string source(ExprId id) const { return id == k_none ? "" : plan_.exprs[id].source; }

  std::string text(const Template& t) const {
    std::string out;
    switch (t.type) {
      case Template::Type::constant:
        return t.constant.is_null()     ? ""
               : t.constant.is_string() ? std::string(t.constant.as_string())
                                        : to_json(t.constant);
      case Template::Type::expression: return "${ " + source(t.expr) + " }";
      case Template::Type::text:
        for (const Template& part : t.parts) out += text(part);
        return out;
      case Template::Type::array:
      case Template::Type::object: {
        const bool object = t.type == Template::Type::object;
        for (std::size_t i = 0; i < t.parts.size(); ++i) {
          const Template& part = t.parts[i];
          const std::string value = part.type == Template::Type::constant ? to_json(part.constant) : text(part);
          out += (i == 0 ? "" : ", ") + (object ? t.keys[i] + ": " : "") + value;
        }
        return (object ? "{" : "[") + out + (object ? "}" : "]");
      }
    }
    return out;
  }

  static std::string text(const Retry& r) {
    std::string out = std::to_string(r.max_attempts) + " attempts, " + format_duration(r.initial_ms) + " x" +
                      to_json(Value(r.factor)) + " up to " + format_duration(r.max_interval_ms);
    static constexpr const char* k_backoff[] = {"", ", linear", ", fixed"};
    static constexpr const char* k_jitter[] = {", no jitter", ", equal jitter", ""};
    out += std::string(k_backoff[static_cast<int>(r.backoff)]) + k_jitter[static_cast<int>(r.jitter)];
    for (const std::string& e : r.non_retryable) out += ", not " + e;
    return out;
  }

  static std::string joined(const std::vector<std::string>& names) {
    std::string out;
    for (const std::string& n : names) out += (out.empty() ? "" : ", ") + n;
    return out;
  }

  // Siblings this node waits for (dag), or leads to (graph).
  std::string links(const Node& node) const {
    const Node* parent = node.parent == k_none ? nullptr : &plan_.nodes[node.parent];
    if (parent == nullptr || parent->edges.empty() || node.index >= parent->edges.size() ||
        parent->children[node.index] != node.id)
      return {};
    std::vector<std::string> names;
    if (parent->kind == Kind::graph) {
      for (const std::uint32_t t : parent->edges[node.index]) names.push_back(plan_.nodes[parent->children[t]].name);
    }
    return joined(names);
  }

  Fields fields(const Node& n) const {
    Fields out;
    const auto put = [&](std::string name, std::string value) {
      if (!value.empty()) out.emplace_back(std::move(name), std::move(value));
    };
    const auto time = [](DurationMs ms) { return ms == 0 ? "" : format_duration(ms); };
    put("kind", kind_text(n));
    if (n.activity) put("action", n.activity->action);
    put("summary", n.summary);
    put("when", source(n.when));
    put("condition", source(n.condition));
    put("foreach", source(n.foreach));
    if (n.foreach != k_none) put("parallel", std::to_string(n.foreach_parallel));
    for_each_template(n, [&](const Template& t, const char* name) {
      const bool of_filter = n.flow && n.flow->events && std::string_view(name).find("with") == 0;
      if (!of_filter && name != std::string_view("correlate.expect")) put(name, text(t));
    });
    if (n.loop) {
      put("while", source(n.loop->while_));
      put("until", source(n.loop->until));
      put("max_iterations", std::to_string(n.loop->max_iterations));
    }
    for (std::size_t i = 0; i < n.cases.size(); ++i)
      put("case" + std::to_string(i + 1), n.cases[i].when == k_none ? "default" : source(n.cases[i].when));
    for (std::size_t i = 0; i < n.catches.size(); ++i)
      put("catch" + std::to_string(i + 1),
          joined(n.catches[i].errors) + (n.catches[i].when == k_none ? "" : " when " + source(n.catches[i].when)));
    if (n.listen) put("listen.timeout", time(n.listen->timeout_ms));
    if (n.review) {
      put("quorum", std::to_string(n.review->quorum));
      put("review.timeout", time(n.review->timeout_ms));
      static constexpr const char* k_then[] = {"reject", "approve", "escalate"};
      put("on_timeout", k_then[static_cast<int>(n.review->on_timeout)]);
      put("on_reject", n.review->continue_on_reject ? "continue" : "fail");
      put("no_self_approval", n.review->no_self_approval ? "true" : "");
    }
    if (n.subflow) {
      put("version", n.subflow->version);
      put("wait", n.subflow->wait ? "true" : "false");
    }
    if (n.retry && (!n.flow || n.retry->max_attempts != 1)) put("retry", text(*n.retry));
    put("timeout.start_to_close", time(n.timeouts.start_to_close_ms));
    put("timeout.schedule_to_start", time(n.timeouts.schedule_to_start_ms));
    put("timeout.schedule_to_close", time(n.timeouts.schedule_to_close_ms));
    put("timeout.heartbeat", time(n.timeouts.heartbeat_ms));
    put("on_error", n.on_error == OnError::fail ? "" : n.on_error == OnError::proceed ? "continue" : "fallback");
    put("pivot", n.pivot ? "true" : "");
    put("saga", n.saga);
    put("outputs", joined(n.outputs));
    static constexpr const char* k_priority[] = {"low", "", "high", "critical"};
    put("priority", k_priority[static_cast<int>(n.priority)]);
    put("queue", n.queue);
    if (n.breaker)
      put("breaker", n.breaker->service + " " + std::to_string(n.breaker->failures) + "/" +
                         std::to_string(n.breaker->successes) + " " + time(n.breaker->open_for_ms));
    if (n.rate_limit.per_second != 0) put("rate_limit", to_json(Value(n.rate_limit.per_second)) + "/s");
    put("cache", time(n.cache_for_ms));
    if (!n.budget.is_null()) put("budget", to_json(n.budget));
    put("next_steps", links(n));
    if (n.activity && n.activity->detached) put("await", "false");
    if (n.flow) flow_fields(n, put);
    return out;
  }

  std::string text(const Node& n, Then then) const {
    switch (then.next) {
      case Next::proceed: return {};
      case Next::exit: return "exit";
      case Next::end: return "end";
      case Next::jump: break;
    }
    return plan_.nodes[plan_.nodes[n.parent].children[then.target]].name;
  }

  // What a node of the Open Workflow Specification has besides.
  template <class Put>
  void flow_fields(const Node& n, Put&& put) const {
    const Flow& f = *n.flow;
    const auto json = [](const Value& v) { return v.is_null() ? "" : to_json(v); };
    put("input.schema", json(f.input_schema));
    put("output.schema", json(f.output_schema));
    put("export.schema", json(f.export_schema));
    put("then", text(n, f.then));
    for (std::size_t i = 0; i < f.case_then.size(); ++i)
      put("case" + std::to_string(i + 1) + ".then", text(n, f.case_then[i]));
    for (std::size_t i = 0; i < f.catches.size(); ++i) {
      const FlowCatch& c = f.catches[i];
      const std::string name = "catch" + std::to_string(i + 1);
      std::string filter;
      for (const std::string* part : {&c.with.type, &c.with.title, &c.with.detail, &c.with.instance})
        if (!part->empty()) filter += (filter.empty() ? "" : ", ") + *part;
      if (c.with.status != 0) filter += (filter.empty() ? "" : ", ") + std::to_string(c.with.status);
      put(name + ".with", filter);
      put(name + ".exceptWhen", source(c.except_when));
      put(name + ".as", c.as);
      if (n.catches[i].retry) put(name + ".retry", text(*n.catches[i].retry));
      put(name + ".retry.when", source(c.retry_when));
      put(name + ".retry.exceptWhen", source(c.retry_except_when));
      if (c.retry_for_ms != 0) put(name + ".retry.limit", format_duration(c.retry_for_ms));
      if (c.jitter_to_ms != 0)
        put(name + ".retry.jitter", format_duration(c.jitter_from_ms) + " to " + format_duration(c.jitter_to_ms));
      put(name + ".then", text(n, c.then));
    }
    if (f.each) {
      put("in", source(f.each->in));
      put("while", source(f.each->while_));
      put("each", f.each->item + ", " + f.each->index);
    }
    if (f.events) event_fields(*f.events, put);
  }

  template <class Put>
  void event_fields(const EventsSpec& e, Put&& put) const {
    static constexpr const char* k_modes[] = {"one", "any", "all"};
    static constexpr const char* k_reads[] = {"data", "envelope", "raw"};
    const auto filters = [&](const std::vector<EventFilter>& list) {
      std::string out;
      for (const EventFilter& filter : list) {
        out += out.empty() ? "{" : ", {";
        for (std::size_t i = 0; i < filter.attributes.size(); ++i)
          out += (i == 0 ? "" : ", ") + filter.attributes[i] + ": " + text(filter.values[i]);
        for (const Correlation& c : filter.correlate)
          out += "; " + c.name + " from " + source(c.from) + (c.expect.is_null() ? "" : " is " + text(c.expect));
        out += "}";
      }
      return out;
    };
    if (e.mode != EventMode::fed) put("to", std::string(k_modes[static_cast<int>(e.mode)]) + " " + filters(e.filters));
    if (e.filter != k_none) put("filter", source(e.filter));
    if (e.while_ != k_none) put("while", source(e.while_));
    if (e.amount != 0) put("amount", std::to_string(e.amount));
    if (e.for_ms != 0) put("for", format_duration(e.for_ms));
    put("until", e.until != k_none        ? source(e.until)
                 : e.forever              ? "never"
                 : e.until_events.empty() ? ""
                                          : k_modes[static_cast<int>(e.until_mode)] + (" " + filters(e.until_events)));
    put("read", k_reads[static_cast<int>(e.read)]);
    if (e.foreach) put("foreach", e.item + ", " + e.index);
  }

  Fields head() const {
    Fields out;
    const auto put = [&](std::string name, std::string value) {
      if (!value.empty()) out.emplace_back(std::move(name), std::move(value));
    };
    const auto json = [](const Value& v) { return v.is_null() ? "" : to_json(v); };
    put("name", plan_.name);
    put("version", plan_.version);
    put("description", plan_.description);
    put("metadata", json(plan_.metadata));
    put("input", json(plan_.input_schema));
    put("context", json(plan_.context));
    put("output", text(plan_.output));
    if (plan_.timeout_ms != 0) put("limits.timeout", format_duration(plan_.timeout_ms));
    if (plan_.parallel != 0) put("limits.parallel", std::to_string(plan_.parallel));
    put("limits.budget", json(plan_.budget));
    for (const Query& q : plan_.queries) put("queries." + q.name, source(q.expr));
    for (const Update& u : plan_.updates) {
      put("updates." + u.name + ".validate", source(u.validate));
      put("updates." + u.name + ".set", text(u.set));
    }
    put("secrets", json(plan_.secrets));
    put("on", json(plan_.triggers));
    put("tags", json(plan_.tags));
    put("search", json(plan_.search));
    return out;
  }

  // Names of the siblings that each child of a dag waits for; computed for a whole block at once.
  std::vector<std::string> depends(const Node& block) const {
    std::vector<std::string> out(block.children.size());
    if (block.kind != Kind::dag) return out;
    for (std::size_t i = 0; i < block.edges.size(); ++i) {
      for (const std::uint32_t t : block.edges[i])
        out[t] += (out[t].empty() ? "" : ", ") + plan_.nodes[block.children[i]].name;
    }
    return out;
  }

 private:
  const Plan& plan_;
};

struct Entry {
  std::string kind;
  Fields fields;
  std::size_t order = 0;
};
using Entries = std::map<std::string, Entry>;

Entries entries_of(const Plan& plan) {
  const Describer describer(plan);
  Entries out;
  std::vector<std::string> paths(plan.nodes.size());
  std::vector<std::string> depends(plan.nodes.size());
  for (const Node& n : plan.nodes) {
    if (n.id != 0) paths[n.id] = (n.parent == 0 ? "" : paths[n.parent] + ".") + n.name;
    const std::vector<std::string> waits = describer.depends(n);
    for (std::size_t i = 0; i < waits.size(); ++i) depends[n.children[i]] = waits[i];
    Entry entry{kind_text(n), n.id == 0 ? describer.head() : describer.fields(n), n.id};
    if (n.id == 0) entry.fields.emplace_back("order", std::string(to_string(n.kind)));
    if (!depends[n.id].empty()) entry.fields.emplace_back("depends_on", depends[n.id]);
    out.emplace(paths[n.id], std::move(entry));
  }
  return out;
}

std::string value_of(const Fields& fields, const std::string& name) {
  for (const auto& [n, v] : fields)
    if (n == name) return v;
  return {};
}

std::vector<Change::Field> compare(const Fields& before, const Fields& after) {
  std::vector<Change::Field> out;
  for (const auto& [name, value] : before) {
    const std::string other = value_of(after, name);
    if (other != value) out.push_back({name, value, other});
  }
  for (const auto& [name, value] : after)
    if (value_of(before, name).empty()) out.push_back({name, "", value});
  return out;
}

Change whole(Change::What what, const std::string& path, const Entry& entry) {
  Change change{what, path, entry.kind, {}};
  const bool added = what == Change::What::added;
  for (const auto& [name, value] : entry.fields)
    change.fields.push_back({name, added ? "" : value, added ? value : ""});
  return change;
}

}  // namespace

std::vector<std::pair<std::string, std::string>> describe(const Plan& plan, const Node& node) {
  return Describer(plan).fields(node);
}

std::vector<Change> diff(const Plan& before, const Plan& after) {
  if (!before.hash.empty() && before.hash == after.hash) return {};
  const Entries old = entries_of(before), now = entries_of(after);
  std::vector<std::pair<std::size_t, Change>> found;
  for (const auto& [path, entry] : now) {
    const auto match = old.find(path);
    if (match == old.end()) {
      found.emplace_back(entry.order, whole(Change::What::added, path, entry));
      continue;
    }
    auto fields = compare(match->second.fields, entry.fields);
    if (!fields.empty())
      found.emplace_back(entry.order, Change{Change::What::changed, path, entry.kind, std::move(fields)});
  }
  for (const auto& [path, entry] : old)
    if (!now.contains(path)) found.emplace_back(entry.order, whole(Change::What::removed, path, entry));
  std::stable_sort(found.begin(), found.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  std::vector<Change> out;
  for (auto& [order, change] : found) out.push_back(std::move(change));
  return out;
}

std::string diff_text(const std::vector<Change>& changes, bool color) {
  std::string out;
  const auto paint = [&](const char* code, const std::string& text) {
    out += color ? "\x1b[" + std::string(code) + "m" + text + "\x1b[0m" : text;
  };
  for (const Change& c : changes) {
    const std::string name = c.path.empty() ? "the workflow's head" : c.path;
    if (c.what != Change::What::changed) {
      const bool added = c.what == Change::What::added;
      paint(added ? "32" : "31", (added ? "+ " : "- ") + name + " (" + c.kind + ")");
      out += "\n";
      continue;
    }
    paint("33", "~ " + name);
    out += "\n";
    for (const Change::Field& f : c.fields) {
      out += "    " + f.name + ": ";
      paint("31", f.before.empty() ? "(none)" : f.before);
      out += " -> ";
      paint("32", f.after.empty() ? "(none)" : f.after);
      out += "\n";
    }
  }
  return out;
}

Value diff_json(const std::vector<Change>& changes) {
  Value out = Value::array();
  for (const Change& c : changes) {
    static constexpr const char* k_what[] = {"added", "removed", "changed"};
    Value fields = Value::array();
    for (const Change::Field& f : c.fields) {
      fields.push_back(Value::object({{"name", f.name},
                                      {"before", f.before.empty() ? Value() : Value(f.before)},
                                      {"after", f.after.empty() ? Value() : Value(f.after)}}));
    }
    out.push_back(Value::object(
        {{"what", k_what[static_cast<int>(c.what)]}, {"step", c.path}, {"kind", c.kind}, {"fields", fields}}));
  }
  return out;
}

}  // namespace perdure::plan
