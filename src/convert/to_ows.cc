#include "convert/to_ows.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/json.h"
#include "convert/texts.h"
#include "plan/secrets.h"

namespace perdure::convert {
namespace {

bool is_version(std::string_view v) {
  int parts = 0;
  while (parts < 3) {
    const std::size_t digits = std::min(v.find_first_not_of("0123456789"), v.size());
    if (digits == 0 || (digits > 1 && v[0] == '0')) return false;
    v.remove_prefix(digits);
    if (++parts == 3) return v.empty();
    if (!v.starts_with('.')) return false;
    v.remove_prefix(1);
  }
  return false;
}

// Defaults of the top level of a schema.
Value defaults_of(const Value& schema) {
  Value found = Value::object();
  if (const Value* properties = schema.find("properties"); properties != nullptr && properties->is_object())
    for (const auto& [key, one] : properties->members())
      if (const Value* v = one.find("default"); v != nullptr) found.set(key.as_string(), *v);
  return found;
}

bool deeper_defaults(const Value& schema, int depth) {
  if (schema.is_array())
    return std::any_of(schema.items().begin(), schema.items().end(),
                       [&](const Value& v) { return deeper_defaults(v, depth + 1); });
  if (!schema.is_object()) return false;
  return std::any_of(schema.members().begin(), schema.members().end(), [&](const auto& m) {
    return (m.first.as_string() == "default" && depth > 2) || deeper_defaults(m.second, depth + 1);
  });
}

}  // namespace

void shape(Doc& task, const std::string& jq) {
  Doc* output = task.find("output");
  if (output == nullptr) output = &task.set("output", Doc::map());
  Doc* as = output->find("as");
  std::string whole = jq;
  if (as != nullptr) {
    const std::string_view old = as->value().as_string();
    const std::string before(old.substr(3, old.size() - 5));
    whole = piped(before.find(" as $") != std::string::npos ? "(" + before + ")" : before, jq);
  }
  output->set("as", wrapped(whole));
}

void add_export(Doc& task, const std::string& change) {
  Doc* exported = task.find("export");
  if (exported == nullptr) {
    task.set("export", Doc::map({{"as", wrapped("$context | " + change)}}));
    return;
  }
  Doc& as = *exported->find("as");
  const std::string_view old = as.value().as_string();
  as = Doc(wrapped(std::string(old.substr(3, old.size() - 5)) + " | " + change));
}

Doc do_list(std::vector<std::pair<std::string, Doc>> tasks) {
  Doc list = Doc::list();
  for (auto& [name, task] : tasks) list.push(Doc::map({{name, std::move(task)}}));
  return Doc::map({{"do", std::move(list)}});
}

Doc nothing() { return Doc::map({{"set", Doc("${ null }")}}); }

// Names that several steps have get the number of their node.
void ToOws::find_keys() {
  std::map<std::string, int> count;
  for (const Node& n : plan_.nodes)
    if (!n.made_up) ++count[n.name];
  for (const Node& n : plan_.nodes)
    keys_[n.id] = !n.made_up && count[n.name] == 1 ? n.name : fmt::format("{}_{}", n.name, n.id);
}

// What expressions read, and what that is made of.
void ToOws::find_needed() {
  for (const plan::Expression& e : plan_.exprs) {
    reads_stderr_ = reads_stderr_ || mentions(e.source, "stderr");
    for (const plan::StepUse& use : e.steps) {
      if (use.node == k_none) continue;
      needed_.insert(use.node);
      if (mentions(e.source, "status") || mentions(e.source, "error") || use.name == e.source.substr(1))
        status_.insert(use.node);
    }
  }
  if (!plan_.has_output)
    for (const NodeId child : plan_.nodes[0].children) needed_.insert(child);
  for (const Node& n : plan_.nodes)  // what a graph goes on by
    if (n.kind == Kind::conditional && n.parent != k_none && node(n.parent).kind == Kind::graph) needed_.insert(n.id);
  std::vector<NodeId> open(needed_.begin(), needed_.end());
  const auto need = [&](NodeId id) {
    if (id != k_none && needed_.insert(id).second) open.push_back(id);
  };
  const auto need_children = [&](NodeId id) {
    if (id == k_none) return;
    for (const NodeId child : node(id).children) need(child);
  };
  while (!open.empty()) {
    const Node& n = node(open.back());
    open.pop_back();
    switch (n.kind) {
      case Kind::sequential:
      case Kind::parallel:
      case Kind::dag:
      case Kind::graph: need_children(n.id); break;
      case Kind::conditional:
      case Kind::loop:
      case Kind::attempt:
        for (const NodeId child : n.children) need_children(child);
        break;
      default: break;
    }
    for (const plan::Case& c : n.cases) need_children(c.body);
    for (const plan::Catch& c : n.catches) need_children(c.body);
    if (n.fallback != k_none && node(n.fallback).made_up) need_children(n.fallback);
  }
}

std::string ToOws::workflow_name() {
  std::string name;
  for (const char c : plan_.name) {
    const bool good = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    if (good) name.push_back(c);
    else if (!name.empty() && name.back() != '-') name.push_back('-');
    if (name.size() == 63) break;
  }
  while (name.ends_with('-')) name.pop_back();
  if (name.empty()) name = "workflow";
  if (name != plan_.name)
    changed(place_in_head({"name"}), "the workflow is called `" + name + "` there: names have letters, digits and `-`",
            "call it so where it is started, or rename it here");
  return name;
}

std::string ToOws::workflow_version() {
  if (is_version(plan_.version)) return plan_.version;
  std::string version = plan_.version;
  for (int i = 0; i < 2 && !is_version(version); ++i) version += ".0";
  if (!is_version(version)) version = "1.0.0";
  if (!plan_.version.empty())
    changed(place_in_head({"version"}), "the version is `" + version + "` there: it takes three numbers",
            "write it like 1.0.0");
  return version;
}

Doc ToOws::document() {
  Doc head = Doc::map({{"dsl", "1.0.3"}, {"namespace", "default"}, {"name", workflow_name()}});
  head.set("version", workflow_version());
  if (!plan_.description.empty()) head.set("title", plan_.description);
  if (plan_.tags.is_array() && plan_.tags.size() > 0) {
    Doc tags = Doc::map();
    for (const Value& tag : plan_.tags.items())
      tags.set(tag.is_string() ? std::string(tag.as_string()) : perdure::to_json(tag), "");
    head.set("tags", std::move(tags));
  }
  Doc metadata = plan_.metadata.is_object() ? Doc(plan_.metadata) : Doc::map();
  if (!plan_.metadata.is_object() && !plan_.metadata.is_null()) metadata.set("metadata", Doc(plan_.metadata));
  if (!plan_.budget.is_null()) metadata.set("perdure.dev/budget", Doc(plan_.budget));
  if (!metadata.empty()) head.set("metadata", std::move(metadata));
  head.line = 1;
  return head;
}

// What the head says and the standard can't.
void ToOws::left_out() {
  const auto gone = [&](bool there, std::string_view field, const char* mend) {
    if (there) lost(place_in_head({field}), "`" + std::string(field) + "` is not carried over", mend);
  };
  gone(!plan_.queries.empty(), "queries", "the standard has no queries; `perdure show` has the context");
  gone(!plan_.updates.empty(), "updates", "listen to an event instead, and export what it brings");
  gone(plan_.parallel != 0, "parallel", "the standard has no limit on what runs at once");
  gone(!plan_.triggers.is_null(), "on", "write a `schedule`");
  gone(!plan_.search.is_null(), "search", "use `document.tags`");
  if (const loaders::YamlNode* defaults = tree_.find(tree_.root(), "defaults"); defaults != nullptr)
    for (const std::string_view field : {"priority", "queue"})
      gone(tree_.find(*defaults, field) != nullptr, field, "the standard has neither queues nor priorities");
  if (deeper_defaults(plan_.input_schema, 0))
    lost(place_in_head({"input"}), "defaults within members of the input are not filled in",
         "fill them in where they are read: `.a.b // 1`");
}

// The run's document begins as the input and the context.
Doc ToOws::start() {
  const Value filled = defaults_of(plan_.input_schema);
  Doc set = Doc::map({{"input", wrapped(filled.size() > 0 ? perdure::to_json(filled) + " + ." : ".")}});
  Template context;
  context.constant = plan_.context.is_object() ? plan_.context : Value::object();
  set.set("context", doc_of(context));
  Doc steps = Doc::map();
  for (const NodeId id : status_)
    if (node(id).when != k_none) steps.set(keys_[id], Doc::map({{"status", "skipped"}, {"output", Doc()}}));
  if (!steps.empty()) set.set("steps", std::move(steps));
  Doc task = Doc::map({{"set", std::move(set)}});
  task.set("export", Doc::map({{"as", "${ . }"}}));
  return task;
}

Doc ToOws::output() {
  if (!plan_.has_output) return wrapped(outputs_of(node(0)));
  Doc as = doc_of(plan_.output);
  const bool text = as.type() == Doc::Type::scalar && as.value().is_string();
  if (as.type() == Doc::Type::scalar) {
    if (!text || plan_.output.type != Template::Type::expression) as = Doc(wrapped(jq_of(plan_.output)));
  }
  if (as.type() == Doc::Type::list) as = Doc(wrapped(jq_of(plan_.output)));
  return as;
}

Doc ToOws::workflow() {
  find_keys();
  find_needed();
  Doc root = Doc::map({{"document", document()}});
  left_out();
  if (!plan_.input_schema.is_null()) {
    Doc schema = Doc::map({{"format", "json"}, {"document", Doc(plan_.input_schema)}});
    root.set("input", Doc::map({{"schema", std::move(schema)}})).line = place_in_head({"input"}).line;
  }
  if (plan_.timeout_ms > 0) root.set("timeout", Doc::map({{"after", iso_duration(plan_.timeout_ms)}}));
  Doc list = Doc::list();
  const std::string begin = free_name(node(0), "start");
  list.push(Doc::map({{begin, start()}}));
  Doc steps = list_of(node(0));
  for (Doc& item : steps.items()) list.push(std::move(item));
  Doc use = Doc::map();
  if (!retries_.empty()) use.set("retries", Doc::map(std::move(retries_)));
  Doc secrets = Doc::list();
  for (const std::string& name : plan::listed_secrets(plan_)) secrets.push(name);
  if (!secrets.empty()) use.set("secrets", std::move(secrets));
  if (!use.empty()) root.set("use", std::move(use));
  root.set("do", std::move(list));
  Doc& out = root.set("output", Doc::map({{"as", output()}}));
  if (plan_.has_output) out.line = place_in_head({"output"}).line;
  return root;
}

Doc to_ows(const plan::Plan& plan, const loaders::SourceText& source, const loaders::YamlTree& tree,
           std::vector<Finding>& findings) {
  ToOws writer(plan, source, tree);
  Doc root = writer.workflow();
  findings = std::move(writer.findings);
  return root;
}

}  // namespace perdure::convert
