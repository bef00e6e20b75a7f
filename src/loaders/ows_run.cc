// Processes: shell, script, container, workflow.
#include <algorithm>

#include "loaders/ows.h"

namespace perdure::loaders {

void OwsLoader::run_body(NodeId id, const YamlNode& node) {
  const Members m(*this, node, "run", {"await", "return", "container", "script", "shell", "workflow"});
  if (!m.valid()) return;
  std::string_view returns = "stdout";
  if (const YamlNode* n = m.get("return"); n != nullptr) {
    if (choice(*n, "return", {"stdout", "stderr", "code", "all", "none"})) returns = n->text;
  }
  bool awaited = true;
  if (const YamlNode* n = m.get("await"); n != nullptr) awaited = boolean(*n, "await").value_or(true);
  const YamlNode* process = nullptr;
  std::string_view kind;
  for (const char* name : {"container", "script", "shell", "workflow"}) {
    const YamlNode* n = m.get(name);
    if (n == nullptr) continue;
    if (process != nullptr)
      return error(*n, "`run` runs one thing: `" + std::string(kind) + "` and `" + name + "` exclude each other");
    process = n;
    kind = name;
  }
  if (process == nullptr) {
    if (!m.slipped()) error(node, "run what? give it one of container, script, shell, workflow");
    return;
  }
  if (kind == "workflow") {
    subflow_body(id, *process, returns, m.get("return"));
    if (at(id).subflow) at(id).subflow->wait = awaited;
    return;
  }
  activity(id, std::string(kind), {});
  if (kind == "container") container_body(id, *process, returns);
  else if (kind == "script") script_body(id, *process, returns);
  else shell_body(id, *process, returns);
  if (awaited || !at(id).activity) return;
  at(id).activity->detached = true;
  plan::Template& with = at(id).activity->with;
  if (with.type == Template::Type::object) {
    with.keys.emplace_back("await");
    with.parts.push_back(constant_template(Value(false)));
  } else if (with.constant.is_object()) {
    with.constant.set("await", Value(false));
  }
}

// stdin, arguments, environment (R5).
void OwsLoader::process_members(const Members& m, NodeId id, TemplatePairs& into) {
  if (const YamlNode* n = m.get("stdin"); n != nullptr) into.emplace_back("stdin", data(*n, id));
  if (const YamlNode* n = m.get("arguments"); n != nullptr) {
    const bool is_text = n->type == YamlNode::Type::scalar && n->text.find("${") != std::string_view::npos;
    if (n->type != YamlNode::Type::sequence && !is_text) error(*n, "`arguments` takes a list");
    into.emplace_back("args", data(*n, id));
  }
  if (const YamlNode* n = m.get("environment"); n != nullptr) into.emplace_back("env", mapping(*n, "environment", id));
}

void OwsLoader::shell_body(NodeId id, const YamlNode& node, std::string_view returns) {
  const Members m(*this, node, "shell", {"command", "stdin", "arguments", "environment"});
  if (!required(m, node, "shell", {"command"})) return;
  const YamlNode& command = *m.get("command");
  const std::string line = text(command, "command").value_or("");
  for (std::size_t at_sign = line.find("${"); at_sign != std::string::npos; at_sign = line.find("${", at_sign + 2)) {
    if (at_sign + 2 >= line.size() || std::string_view(" .$([{\"").find(line[at_sign + 2]) == std::string_view::npos)
      continue;
    error(place_in(source_, command, at_sign), "data is never put into a command line",
          "pass it in `arguments`, and write \"$1\" here; or in `environment`");
    break;
  }
  TemplatePairs pairs{{"language", constant_template(Value("sh"))}, {"source", constant_template(Value(line))}};
  process_members(m, id, pairs);
  pairs.emplace_back("return", constant_template(Value(returns)));
  activity(id, "script", std::move(pairs));
}

void OwsLoader::script_body(NodeId id, const YamlNode& node, std::string_view returns) {
  const Members m(*this, node, "script", {"language", "code", "source", "stdin", "arguments", "environment"});
  if (!required(m, node, "script", {"language"})) return;
  const YamlNode& language = *m.get("language");
  choice(language, "language", {"js", "python"});
  const YamlNode* code = m.get("code");
  const YamlNode* external = m.get("source");
  if ((code == nullptr) == (external == nullptr)) {
    if (!m.slipped()) error(node, "a script has `code` or `source`, one of them");
    return;
  }
  std::string script;
  if (code != nullptr) script = text(*code, "code").value_or("");
  else if (const std::string* read = external_resource(*external, "source"); read != nullptr) script = *read;
  TemplatePairs pairs{{"language", constant_template(Value(language.text))},
                      {"source", constant_template(Value(script))}};
  process_members(m, id, pairs);
  pairs.emplace_back("return", constant_template(Value(returns)));
  activity(id, "script", std::move(pairs));
}

void OwsLoader::container_body(NodeId id, const YamlNode& node, std::string_view returns) {
  const Members m(
      *this, node, "container",
      {"image", "name", "command", "ports", "volumes", "environment", "stdin", "arguments", "lifetime", "pullPolicy"});
  if (!required(m, node, "container", {"image"})) return;
  TemplatePairs pairs;
  for (const char* name : {"image", "name", "command"})
    if (const YamlNode* n = m.get(name); n != nullptr && text(*n, name)) pairs.emplace_back(name, data(*n, id));
  for (const char* name : {"ports", "volumes"})
    if (const YamlNode* n = m.get(name); n != nullptr) pairs.emplace_back(name, mapping(*n, name, id));
  if (const YamlNode* n = m.get("pullPolicy"); n != nullptr) {
    if (choice(*n, "pullPolicy", {"ifNotPresent", "always", "never"}))
      pairs.emplace_back("pullPolicy", constant_template(Value(n->text)));
  }
  if (const YamlNode* n = m.get("lifetime"); n != nullptr) {
    const Members l(*this, *n, "lifetime", {"cleanup", "after"});
    const YamlNode* after = l.get("after");
    std::string_view cleanup = "never";
    if (required(l, *n, "lifetime", {"cleanup"})) {
      if (choice(*l.get("cleanup"), "cleanup", {"always", "never", "eventually"})) cleanup = l.get("cleanup")->text;
      if ((cleanup == "eventually") != (after != nullptr) && !l.slipped())
        error(*n, "`after` goes with `cleanup: eventually`, and only with it");
    }
    pairs.emplace_back("cleanup", constant_template(Value(cleanup)));
    if (after != nullptr)
      pairs.emplace_back("cleanup_after",
                         constant_template(Value(std::to_string(duration(*after, "after").value_or(0)) + "ms")));
  }
  process_members(m, id, pairs);
  pairs.emplace_back("return", constant_template(Value(returns)));
  activity(id, "container", std::move(pairs));
}

void OwsLoader::subflow_body(NodeId id, const YamlNode& node, std::string_view returns, const YamlNode* returns_at) {
  at(id).kind = plan::Kind::subflow;
  at(id).subflow = std::make_unique<plan::SubflowSpec>();
  const Members m(*this, node, "workflow", {"namespace", "name", "version", "input"});
  if (!required(m, node, "workflow", {"namespace", "name", "version"})) return;
  const std::string name =
      qualified(text(*m.get("namespace"), "namespace").value_or(""), text(*m.get("name"), "name").value_or(""));
  const std::string version = text(*m.get("version"), "version").value_or("");
  Template with = constant_template(Value::object());
  if (const YamlNode* n = m.get("input"); n != nullptr) with = data(*n, id);
  plan::SubflowSpec& made = *at(id).subflow;
  made.name = constant_template(Value(name));
  made.version = version;
  made.with = std::move(with);
  if (returns_at == nullptr || returns == "stdout") return;
  if (returns != "none") {
    return error(*returns_at, "a workflow has no `" + std::string(returns) + "`: its output is what it gives",
                 "`return: none` gives nothing");
  }
  // Nothing, and `output.as` begins with that.
  unbound_ = 0;
  const Template& as = flow(id).output_as.get();
  Template nothing;
  nothing.expr = add_derived(*returns_at, as.is_null() ? "null" : "null | " + as_source(as), id);
  if (nothing.expr != k_none) nothing.type = Template::Type::expression;
  flow(id).output_as = std::move(nothing);
}

}  // namespace perdure::loaders
