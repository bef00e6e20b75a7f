// Steps with an effect outside of the engine: call, tool, script, agent_task.
#include <algorithm>

#include "loaders/native.h"

namespace perdure::loaders {
namespace {

// The member of a template that makes an object, or nullptr.
const Template* constant_member(const Template& t, std::string_view key, Template& scratch) {
  if (t.type == Template::Type::constant) {
    const Value* v = t.constant.find(key);
    if (v == nullptr) return nullptr;
    scratch.constant = *v;
    return &scratch;
  }
  for (std::size_t i = 0; i < t.keys.size(); ++i)
    if (t.keys[i] == key) return &t.parts[i];
  return nullptr;
}

std::vector<std::string_view> member_names(const Template& t) {
  std::vector<std::string_view> names;
  if (t.type == Template::Type::constant)
    for (const auto& [key, v] : t.constant.members()) names.push_back(key.as_string());
  else names.assign(t.keys.begin(), t.keys.end());
  return names;
}

}  // namespace

const YamlNode* NativeLoader::need(const Item& item, Field field) {
  if (item[field] == nullptr && !item.slipped) {
    error(*item.node, "the step lacks `" + std::string(info(field).name) + "`");
  }
  return item[field];
}

// `with`, or `inputs`: a mapping, an expression, or (inputs) a list of names.
Template NativeLoader::arguments(NodeId id, const Item& item, Braces braces) {
  const YamlNode* with = item[Field::with];
  const YamlNode* inputs = item[Field::inputs];
  if (with != nullptr && inputs != nullptr)
    error(item.key_of(Field::inputs), "`inputs` is the same as `with`: write one of them");
  const YamlNode* node = with != nullptr ? with : inputs;
  if (node == nullptr || (node->type == YamlNode::Type::scalar && scalar_value(*node).is_null())) {
    Template t;
    t.constant = Value::object();
    return t;
  }
  TemplatePairs pairs;
  if (node == inputs && node->type == YamlNode::Type::sequence) {
    for (const YamlNode* name : name_list(*node, "inputs")) {
      Template part;
      part.type = Template::Type::expression;
      part.expr = add_expression(*name, 0, name->text, id);
      if (part.expr == k_none) continue;
      sites_[part.expr].placeholder = std::string(name->text);
      pairs.emplace_back(std::string(name->text), std::move(part));
    }
    return object_template(std::move(pairs));
  }
  if (node->type != YamlNode::Type::mapping) return object_member(node, node == with ? "with" : "inputs", id);
  for (std::size_t i = 0; i < tree_.size(*node); ++i) {
    const std::string_view key = tree_.key(*node, i).text;
    const Braces mode = key == "prompt" || key == "task" ? braces : Braces::literal;
    pairs.emplace_back(std::string(key), make_template(tree_.value(*node, i), id, mode));
  }
  return object_template(std::move(pairs));
}

void NativeLoader::check_arguments(const Item& item, const YamlNode& at_node, std::string_view type,
                                   const ActivityType& known, const Template& with) {
  const bool object =
      with.type == Template::Type::object || (with.type == Template::Type::constant && with.constant.is_object());
  if (!object || item.slipped) return;  // an expression, or a mistake that was told
  const YamlNode* written = item[Field::with] != nullptr ? item[Field::with] : item[Field::inputs];
  const std::vector<std::string_view> present = member_names(with);
  std::vector<std::string_view> all(known.required.begin(), known.required.end());
  all.insert(all.end(), known.optional.begin(), known.optional.end());
  for (const std::string_view name : present) {
    if (known.any_arguments || std::find(all.begin(), all.end(), name) != all.end()) continue;
    const YamlNode* where = written != nullptr ? written : &at_node;
    if (written != nullptr && written->type == YamlNode::Type::mapping) {
      for (std::size_t i = 0; i < tree_.size(*written); ++i)
        if (tree_.key(*written, i).text == name) where = &tree_.key(*written, i);
    }
    std::string list;
    for (const std::string_view a : all) list.append(list.empty() ? "it takes " : ", ").append(a);
    const std::string hint = did_you_mean(name, all, list);
    error(*where, "`" + std::string(type) + "` has no argument `" + std::string(name.substr(0, 80)) + "`", hint);
    if (hint.starts_with("did")) return;
  }
  for (const std::string& name : known.required) {
    if (std::find(present.begin(), present.end(), name) == present.end()) {
      error(written != nullptr ? *written : at_node, "`" + std::string(type) + "` lacks the argument `" + name + "`");
    }
  }
}

void NativeLoader::call_body(NodeId id, const Item& item) {
  plan::Node& node = at(id);
  node.kind = plan::Kind::activity;
  node.activity = std::make_unique<plan::ActivitySpec>();
  const YamlNode* call = need(item, Field::call);
  if (call == nullptr) return;
  const std::string type = text(*call, "call").value_or("");
  node.activity->type = type;
  Template with = arguments(id, item, type == "llm" ? Braces::names : Braces::literal);
  const auto found = known_.types.find(type);
  if (found == known_.types.end() && !type.empty()) {
    std::vector<std::string_view> names;
    for (const auto& [name, known] : known_.types) names.push_back(name);
    std::string list;
    for (const std::string_view n : names) list.append(list.empty() ? "it can be " : ", ").append(n);
    error(*call, "there is nothing called `" + type.substr(0, 80) + "` to call", did_you_mean(type, names, list));
  } else if (found != known_.types.end()) {
    check_arguments(item, *call, type, found->second, with);
    Template scratch;
    if (type == "shell") {
      const Template* argv = constant_member(with, "argv", scratch);
      const bool is_text = argv != nullptr && (argv->type == Template::Type::text ||
                                               (argv->type == Template::Type::constant && !argv->constant.is_array()));
      if (is_text)
        error(*call, "`argv` takes a list: program and arguments, one item each",
              "there is no shell in between; for a shell line write `script:`");
    }
  }
  at(id).activity->with = std::move(with);
}

void NativeLoader::tool_body(NodeId id, const Item& item, const Around& around) {
  plan::Node& node = at(id);
  node.kind = plan::Kind::activity;
  node.activity = std::make_unique<plan::ActivitySpec>();
  const YamlNode* tool = need(item, Field::tool);
  if (tool != nullptr) node.activity->type = "tool:" + text(*tool, "tool").value_or("");
  if (const YamlNode* action = need(item, Field::action); action != nullptr) {
    node.activity->action = text(*action, "action").value_or("");
  }
  Template with = arguments(id, item, Braces::literal);
  at(id).activity->with = std::move(with);
  (void)around;
}

// What a script gets, written inside of `script` or beside it in `with`.
void NativeLoader::script_arguments(NodeId id, const Item& item, const std::optional<Members>& inside,
                                    TemplatePairs& pairs) {
  std::optional<Members> beside;
  if (item[Field::with] != nullptr)
    beside.emplace(*this, *item[Field::with], "with",
                   std::vector<std::string_view>{"args", "stdin", "env", "cwd", "ok_codes", "parse", "return"});
  for (const char* name : {"args", "stdin", "env", "cwd", "ok_codes", "parse", "return"}) {
    const YamlNode* in = inside ? inside->get(name) : nullptr;
    const YamlNode* by = beside ? beside->get(name) : nullptr;
    if (in != nullptr && by != nullptr) error(*by, "`" + std::string(name) + "` is both in `script` and in `with`");
    const YamlNode* node = in != nullptr ? in : by;
    if (node == nullptr) continue;
    if (name == std::string_view("parse")) choice(*node, "parse", {"text", "json", "lines"});
    pairs.emplace_back(name, make_template(*node, id));
  }
}

void NativeLoader::script_body(NodeId id, const Item& item) {
  at(id).kind = plan::Kind::activity;
  at(id).activity = std::make_unique<plan::ActivitySpec>();
  at(id).activity->type = "script";
  const YamlNode* script = need(item, Field::script);
  if (script == nullptr) return;
  TemplatePairs pairs;
  if (script->type == YamlNode::Type::scalar) {
    pairs.emplace_back("language", constant_template(Value("bash")));
    pairs.emplace_back("source", constant_template(Value(text(*script, "script").value_or(""))));
    script_arguments(id, item, std::nullopt, pairs);
    at(id).activity->with = object_template(std::move(pairs));
    return;
  }
  const Members m(*this, *script, "script",
                  {"language", "source", "args", "stdin", "env", "cwd", "ok_codes", "parse", "return"});
  if (!m.valid()) return;
  if (const YamlNode* n = m.get("language"); n != nullptr) choice(*n, "language", {"bash", "sh", "python", "js"});
  pairs.emplace_back("language",
                     constant_template(Value(m.get("language") != nullptr ? m.get("language")->text : "bash")));
  if (const YamlNode* n = m.get("source"); n != nullptr) {
    const std::string source = text(*n, "source").value_or("");
    if (source.find("${{") == std::string::npos && source.find("${ .") != std::string::npos) {
      warn(*n, "the source of a script is literal text: `${ … }` in it is not evaluated",
           "hand values over by `env` or `stdin`");
    }
    pairs.emplace_back("source", constant_template(Value(source)));
  } else {
    error(*script, "`script` lacks `source`");
  }
  script_arguments(id, item, m, pairs);
  at(id).activity->with = object_template(std::move(pairs));
}

void NativeLoader::agent_body(NodeId id, const Item& item) {
  at(id).kind = plan::Kind::activity;
  at(id).activity = std::make_unique<plan::ActivitySpec>();
  at(id).activity->type = "agent_task";
  TemplatePairs pairs;
  if (const YamlNode* n = need(item, Field::agent_role); n != nullptr)
    pairs.emplace_back("agent_role", text_member(n, "agent_role", id));
  if (const YamlNode* n = need(item, Field::task); n != nullptr) {
    if (n->type != YamlNode::Type::scalar) error(*n, "`task` takes a text");
    else pairs.emplace_back("task", make_template(*n, id, Braces::names));
  }
  if (const YamlNode* n = item[Field::model]; n != nullptr) pairs.emplace_back("model", text_member(n, "model", id));
  Template with = arguments(id, item, Braces::names);
  if (with.type == Template::Type::constant && with.constant.is_object() && with.constant.size() == 0) {
    at(id).activity->with = object_template(std::move(pairs));
    return;
  }
  pairs.emplace_back("with", std::move(with));
  at(id).activity->with = object_template(std::move(pairs));
}

}  // namespace perdure::loaders
