// Extensions: tasks before and after those of some kind (docs/ows.md, P).
//
// An extended task becomes a `for` over its own raw input alone, so that this input has a name wherever it is needed:
// first the tasks before, after which the input is put back; then the task; then the lists after, whose output is
// dropped. An `exit` of a task before thus ends the whole in place of the task.
#include <algorithm>

#include "base/json.h"
#include "loaders/ows.h"

namespace perdure::loaders {
namespace {

using plan::Kind;
using plan::Next;

constexpr std::string_view k_input = "__extended", k_index = "__extended_index";

}  // namespace

std::vector<const YamlNode*> OwsLoader::extensions_of(std::string_view kind) {
  std::vector<const YamlNode*> out;
  if (extensions_ == nullptr || extensions_->type != YamlNode::Type::sequence || in_extension_) return out;
  for (std::size_t i = 0; i < tree_.size(*extensions_); ++i) {
    const YamlNode& item = tree_.item(*extensions_, i);
    if (item.type != YamlNode::Type::mapping || tree_.size(item) != 1) continue;
    const YamlNode& body = tree_.value(item, 0);
    const YamlNode* target = body.type == YamlNode::Type::mapping ? tree_.find(body, "extend") : nullptr;
    if (target == nullptr) continue;
    const bool composite = target->text == "composite" && (kind == "do" || kind == "fork");
    if (target->text == "all" || target->text == kind || composite) out.push_back(&item);
  }
  return out;
}

// All of them, whether or not they apply to a task.
void OwsLoader::check_extensions() {
  if (extensions_ == nullptr) return;
  if (extensions_->type != YamlNode::Type::sequence)
    return error(*extensions_, "`extensions` takes a list, `- NAME: {extend: …}`");
  for (std::size_t i = 0; i < tree_.size(*extensions_); ++i) {
    const YamlNode& item = tree_.item(*extensions_, i);
    if (item.type != YamlNode::Type::mapping || tree_.size(item) != 1) {
      error(item, "an extension is written `- NAME: {extend: …}`");
      continue;
    }
    const YamlNode& one = tree_.value(item, 0);
    const Members m(*this, one, tree_.key(item, 0).text, {"extend", "when", "before", "after"});
    if (!required(m, one, tree_.key(item, 0).text, {"extend"})) continue;
    choice(*m.get("extend"), "extend",
           {"call", "composite", "emit", "for", "listen", "raise", "run", "set", "switch", "try", "wait", "all"});
    aside([&] {
      in_extension_ = true;
      const std::string pointer = "/use/extensions/" + std::to_string(i) + "/" + escaped(tree_.key(item, 0).text);
      const NodeId made = make(one, "extension", true, 0, pointer);
      (void)expression(m.get("when"), "when", made, Stage::entry);
      for (const char* name : {"before", "after"})
        if (const YamlNode* n = m.get(name); n != nullptr) (void)body(*n, made, name, pointer + "/" + name);
      in_extension_ = false;
    });
  }
}

// In an extension $task is the extended one, with what its definition says besides (P5).
void OwsLoader::describe_extended(ExprId from, NodeId task, std::string_view name, const YamlNode& definition) {
  const Value written = to_value(tree_, definition);
  std::string about;
  for (ExprId id = from; id < plan_->exprs.size(); ++id) {
    std::string& source = plan_->exprs[id].source;
    if (source.find("$task") == std::string::npos) continue;
    if (about.empty()) {
      const Value names = Value::object({{"name", name}, {"reference", flow(task).pointer}});
      about = to_json(written) + " as $definition | ($definition + " + to_json(names) +
              " + {definition: $definition, input: $" + std::string(k_input) + ", output: null}) as $task | ";
    }
    sites_[id].offset -= about.size();
    source.insert(0, about);
  }
}

ExprId OwsLoader::derived(const YamlNode& node, std::string source, NodeId owner) {
  unbound_ = 0;
  return add_derived(node, std::move(source), owner);
}

void OwsLoader::before_task(NodeId list, const YamlNode& item, const std::string& pointer) {
  const YamlNode& one = tree_.value(item, 0);
  const YamlNode* before = tree_.find(one, "before");
  if (before == nullptr) return;
  NodeId asks = k_none;
  if (const YamlNode* when = tree_.find(one, "when"); when != nullptr) {
    asks = make(item, std::string(tree_.key(item, 0).text), true, list, flow(list).pointer);
    at(asks).kind = Kind::select;
    const ExprId holds = expression(when, "when", asks, Stage::entry);
    at(asks).cases.push_back({holds, k_none});
    flow(asks).case_then.emplace_back();
    at(list).children.push_back(asks);
  }
  fill(list, *before, pointer + "/before");
  const NodeId restored = make(item, std::string(tree_.key(item, 0).text) + " done", true, list, flow(list).pointer);
  at(restored).kind = Kind::set;
  Template input;
  input.expr = derived(item, "$" + std::string(k_input), restored);
  if (input.expr != k_none) input.type = Template::Type::expression;
  at(restored).set = std::move(input);
  if (asks != k_none) flow(asks).then = {Next::jump, static_cast<std::uint32_t>(at(list).children.size())};
  at(list).children.push_back(restored);
}

void OwsLoader::after_task(NodeId list, const YamlNode& item, const std::string& pointer) {
  const YamlNode& one = tree_.value(item, 0);
  const YamlNode* after = tree_.find(one, "after");
  if (after == nullptr) return;
  const NodeId made = make(item, std::string(tree_.key(item, 0).text) + " after", true, list, flow(list).pointer);
  if (const YamlNode* when = tree_.find(one, "when"); when != nullptr) {
    const ExprId holds = expression(when, "when", made, Stage::entry);
    if (holds != k_none) {
      const std::string begin = "$" + std::string(k_input) + " | ";
      plan_->exprs[holds].source.insert(0, begin);
      sites_[holds].offset -= begin.size();
    }
    at(made).when = holds;
  }
  Template dropped;
  dropped.expr = derived(item, "$input", made);
  if (dropped.expr != k_none) dropped.type = Template::Type::expression;
  flow(made).output_as = std::move(dropped);
  fill(made, *after, pointer + "/after");
  at(list).children.push_back(made);
}

// Where `task` itself says to go on is a place of the list around its extensions; it goes on with these.
void OwsLoader::hand_routes_on(NodeId task, NodeId whole, plan::Then after) {
  plan::Flow& from = flow(task);
  flow(whole).case_then = std::exchange(from.case_then, std::vector<plan::Then>(from.case_then.size()));
  bool leads = false;
  for (const plan::FlowCatch& c : from.catches) leads = leads || c.then.next != Next::proceed;
  if (!leads) return;
  for (plan::FlowCatch& c : from.catches) {
    const bool own = c.then.next == Next::proceed;
    flow(whole).case_then.push_back(own ? flow(whole).then : std::exchange(c.then, after));
  }
}

void OwsLoader::extended(NodeId id, const Members& m, std::string_view kind, const YamlNode& key, const YamlNode& node,
                         const TaskList& list, const std::vector<const YamlNode*>& extensions) {
  route(id, m, list);
  const std::string name = std::exchange(at(id).name, at(id).name + " (extended)");
  at(id).made_up = true;
  at(id).kind = Kind::each;
  auto each = std::make_unique<plan::EachSpec>();
  each->item = std::string(k_input);
  each->index = std::string(k_index);
  each->in = derived(key, "[.]", id);
  flow(id).each = std::move(each);
  const NodeId whole = make(key, "do", true, id, flow(id).pointer);
  at(id).children = {whole};
  const std::vector<std::string> outer = std::exchange(variables_, {std::string(k_input)});
  const auto pointer_of = [&](const YamlNode& item) {
    for (std::size_t i = 0; i < tree_.size(*extensions_); ++i)
      if (&tree_.item(*extensions_, i) == &item)
        return "/use/extensions/" + std::to_string(i) + "/" + escaped(tree_.key(item, 0).text);
    return std::string();
  };
  const auto read = [&](const YamlNode& item, bool before) {
    const auto from = static_cast<ExprId>(plan_->exprs.size());
    in_extension_ = true;
    if (before) before_task(whole, item, pointer_of(item));
    else after_task(whole, item, pointer_of(item));
    in_extension_ = false;
    describe_extended(from, id, name, node);
  };
  for (const YamlNode* item : extensions) read(*item, true);
  variables_ = outer;
  const NodeId itself = make(key, name, false, whole, flow(id).pointer);
  stages(itself, m);
  kind_body(itself, m, kind, node, list);
  at(whole).children.push_back(itself);
  variables_ = {std::string(k_input)};
  const auto next = static_cast<std::uint32_t>(at(whole).children.size());
  for (auto item = extensions.rbegin(); item != extensions.rend(); ++item) read(**item, false);
  const bool more = next < at(whole).children.size();
  hand_routes_on(itself, id, more ? plan::Then{Next::jump, next} : plan::Then{Next::exit, 0});
  variables_ = outer;
}

}  // namespace perdure::loaders
