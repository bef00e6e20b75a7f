#include "convert/to_native.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/json.h"
#include "convert/texts.h"
#include "plan/secrets.h"

namespace perdure::convert {

std::string ToNative::unique(std::string name) {
  for (char& c : name)
    if (c == '/' || static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = '-';
  std::string made = name;
  for (int i = 2; !used_.insert(made).second; ++i) made = fmt::format("{}_{}", name, i);
  return made;
}

// Unique in the whole file, so that a name means the same from everywhere.
std::string ToNative::id_of(const Node& n) {
  const auto [at, fresh] = ids_.try_emplace(n.id);
  if (fresh) {
    at->second = unique(n.name);
    if (at->second != n.name && !n.made_up) {
      if (renamed_++ == 0) first_renamed_ = n.id;
    }
  }
  return at->second;
}

// Ours must not be what a `set` merges into the context.
void ToNative::find_prefix() {
  const auto clashes = [&](const Node& n) {
    const Template& t = n.set;
    const auto ours = [&](std::string_view key) { return key.starts_with(prefix_); };
    if (std::any_of(t.keys.begin(), t.keys.end(), ours)) return true;
    if (!t.constant.is_object()) return false;
    return std::any_of(t.constant.members().begin(), t.constant.members().end(),
                       [&](const auto& m) { return ours(m.first.as_string()); });
  };
  while (std::any_of(plan_.nodes.begin(), plan_.nodes.end(), clashes)) prefix_ += "_";
}

void ToNative::head(Doc& root) {
  const std::size_t slash = plan_.name.find('/');
  const std::string name = slash == std::string::npos ? plan_.name : plan_.name.substr(slash + 1);
  root.set("name", name);
  if (slash != std::string::npos)
    changed(place_in_head({"namespace"}), "the workflow is called `" + name + "` there: it has no namespace",
            "call it so where it is started");
  root.set("version", plan_.version);
  if (!plan_.description.empty()) root.set("description", plan_.description);
  if (plan_.metadata.is_object()) {
    Doc metadata = Doc::map();
    for (const auto& [key, v] : plan_.metadata.members())
      if (!key.as_string().starts_with("perdure.dev/")) metadata.set(std::string(key.as_string()), Doc(v));
    if (!metadata.empty()) root.set("metadata", std::move(metadata));
  }
  if (plan_.tags.is_object() && plan_.tags.size() > 0) {
    Doc tags = Doc::list();
    for (const auto& [key, v] : plan_.tags.members()) {
      const std::string value = v.is_string() ? std::string(v.as_string()) : perdure::to_json(v);
      tags.push(std::string(key.as_string()) + (value.empty() ? "" : ":" + value));
    }
    root.set("tags", std::move(tags));
  }
  std::vector<std::string> names = plan::listed_secrets(plan_);
  for (const std::string& read : plan::read_secrets(plan_)) {
    if (std::find(names.begin(), names.end(), read) != names.end()) continue;
    changed(place_in_head({"use"}), "the secret `" + read + "` is listed there; here reading it is an error",
            "list it in `use.secrets`");
    names.push_back(read);
  }
  Doc secrets = Doc::list();
  for (const std::string& secret : names) secrets.push(secret);
  if (!secrets.empty()) root.set("secrets", std::move(secrets));
  const plan::Flow& flow = *node(0).flow;
  if (!flow.input_schema.is_null()) root.set("input", Doc(flow.input_schema)).line = place_in_head({"input"}).line;
  if (!flow.output_schema.is_null())
    lost(place_in_head({"output"}), "the output's schema is not checked there", "check it by a `raise` with `when`");
  Doc limits = Doc::map();
  if (plan_.timeout_ms > 0) limits.set("timeout", short_duration(plan_.timeout_ms));
  if (node(0).flow->times)
    lost(place_in_head({"timeout"}), "a timeout by an expression is not carried over", "write it out");
  if (!plan_.budget.is_null()) limits.set("budget", Doc(plan_.budget));
  if (!limits.empty()) root.set("limits", std::move(limits));
  root.set("defaults", Doc::map({{"retry", "none"}}));
  if (!plan_.triggers.is_null())
    lost(place_in_head({"schedule"}), "`schedule` is not carried over", "write it under `on`");
  if (const loaders::YamlNode* use = tree_.find(tree_.root(), "use"); use != nullptr) {
    if (tree_.find(*use, "extensions") != nullptr)
      changed(place_in_head({"extensions"}), "extensions are written out at every task they extend",
              "make a subflow of them");
  }
}

Doc ToNative::workflow() {
  find_prefix();
  Doc root = Doc::map();
  head(root);
  const plan::Flow& flow = *node(0).flow;
  for (const Node& n : plan_.nodes) keeps_context_ = keeps_context_ || !n.flow->export_as.is_null();
  site_ = {".input", ".input", "null", ".input", "null"};
  in_ = transformed(flow.input_from, ".input");
  context_ = in_;
  Doc steps = Doc::list();
  if (keeps_context_) {
    Doc start = Doc::map({{"id", unique("start")}});
    start.set("set", Doc::map({{prefix_ + "context", wrapped(in_)}}));
    steps.push(std::move(start));
    context_ = ".context." + prefix_ + "context";
  }
  const std::string given = in_;
  list(node(0), steps);
  if (steps.items().empty()) {
    Doc nothing = Doc::map({{"id", unique("nothing")}});
    nothing.set("set", Doc::map({{prefix_ + "nothing", Doc()}}));
    steps.push(std::move(nothing));
  }
  root.set("steps", std::move(steps));
  if (renamed_ > 0) {
    const Node& n = node(first_renamed_);
    changed(n.place,
            fmt::format("`{}` is called `{}` there, and so on for {} of the tasks: names are looked up from "
                        "everywhere, and are unique in the whole file",
                        n.name, ids_[n.id], renamed_),
            "give each task a name of its own");
  }
  site_ = {in_, given, in_, given, in_};
  task_ = nullptr;
  Doc output = flow.output_as.is_null() ? Doc(wrapped(in_)) : doc_of(flow.output_as);
  root.set("output", std::move(output)).line = place_in_head({"output"}).line;
  return root;
}

Doc to_native(const plan::Plan& plan, const loaders::SourceText& source, const loaders::YamlTree& tree,
              std::vector<Finding>& findings) {
  ToNative writer(plan, source, tree);
  Doc root = writer.workflow();
  findings = std::move(writer.findings);
  return root;
}

}  // namespace perdure::convert
