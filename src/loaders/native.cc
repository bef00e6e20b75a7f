// A file of the native dialect: its head, and how everything comes together.
#include "loaders/native.h"

#include <algorithm>

#include "base/limits.h"
#include "plan/spelling.h"
#include "policy/retry.h"

namespace perdure::loaders {
namespace {

constexpr std::string_view k_head_members[] = {"name",     "version", "description", "metadata", "input", "context",
                                               "defaults", "limits",  "queries",     "updates",  "steps", "modules",
                                               "output",   "secrets", "on",          "tags",     "search"};

bool is_list_of_texts(const Value& value) {
  return value.is_array() && std::none_of(value.items().begin(), value.items().end(),
                                          [](const Value& item) { return item.is_array() || item.is_object(); });
}
bool is_list_of_mappings(const Value& value) {
  return value.is_array() &&
         std::all_of(value.items().begin(), value.items().end(), [](const Value& item) { return item.is_object(); });
}

}  // namespace

// ---- the head
// --------------------------------------------------------------------------------------------------------

void NativeLoader::head_members(const Members& m) {
  const auto string = [&](const char* name, std::string& into) {
    if (const YamlNode* n = m.get(name); n != nullptr) into = text(*n, name).value_or("");
  };
  const auto kept = [&](const char* name, Value& into) {
    if (const YamlNode* n = m.get(name); n != nullptr) into = value(*n);
  };
  if (const YamlNode* n = m.get("name"); n != nullptr) {
    string("name", plan_->name);
    if (n->type == YamlNode::Type::scalar && !good_name(plan_->name, "@")) {
      error(*n, "a workflow's name is a text of at most " + std::to_string(k_id_bytes_max) +
                    " bytes without control characters, `/` and `@`");
    }
  }
  string("version", plan_->version);
  string("description", plan_->description);
  kept("metadata", plan_->metadata);
  // For the server, in the shapes it will read.
  const auto kept_as = [&](const char* name, Value& into, const char* shape, bool (*fits)(const Value&)) {
    kept(name, into);
    if (const YamlNode* n = m.get(name); n != nullptr && !fits(into))
      error(*n, "`" + std::string(name) + "` takes " + shape);
  };
  kept_as("secrets", plan_->secrets, "a list of names or a mapping",
          [](const Value& v) { return v.is_object() || is_list_of_texts(v); });
  kept_as("on", plan_->triggers, "a mapping or a list of mappings",
          [](const Value& v) { return v.is_object() || is_list_of_mappings(v); });
  kept_as("tags", plan_->tags, "a list of texts", is_list_of_texts);
  kept_as("search", plan_->search, "a mapping", [](const Value& v) { return v.is_object(); });
  if (const YamlNode* n = m.get("input"); n != nullptr) plan_->input_schema = schema(*n, "input");
  if (const YamlNode* n = m.get("context"); n != nullptr) {
    plan_->context = value(*n);
    if (!plan_->context.is_object()) {
      error(*n, "`context` takes a mapping");
      plan_->context = Value::object();
    }
  }
  if (const YamlNode* n = m.get("defaults"); n != nullptr) defaults(*n);
  if (const YamlNode* n = m.get("limits"); n != nullptr) limits_member(*n);
}

void NativeLoader::defaults(const YamlNode& node) {
  const Members m(*this, node, "defaults", {"retry", "retry_policy", "timeout", "priority", "queue"});
  if (const YamlNode* n = m.get("retry"); n != nullptr) defaults_.retry = shared(retry(*n));
  if (const YamlNode* n = m.get("retry_policy"); n != nullptr) defaults_.retry = shared(retry_policy(*n));
  if (const YamlNode* n = m.get("timeout"); n != nullptr) defaults_.timeouts = timeout(*n);
  if (const YamlNode* n = m.get("priority"); n != nullptr) {
    if (const auto c = choice(*n, "priority", {"low", "normal", "high", "critical"}))
      defaults_.priority = static_cast<plan::Priority>(*c);
  }
  if (const YamlNode* n = m.get("queue"); n != nullptr) defaults_.queue = text(*n, "queue").value_or("");
}

void NativeLoader::limits_member(const YamlNode& node) {
  const Members m(*this, node, "limits", {"timeout", "parallel", "budget"});
  if (const YamlNode* n = m.get("timeout"); n != nullptr) plan_->timeout_ms = duration(*n, "timeout").value_or(0);
  if (const YamlNode* n = m.get("parallel"); n != nullptr) {
    plan_->parallel = static_cast<std::uint32_t>(integer(*n, "parallel", 1, 1'000'000).value_or(0));
  }
  if (const YamlNode* n = m.get("budget"); n != nullptr) plan_->budget = budget(*n);
}

void NativeLoader::queries(const YamlNode& node) {
  if (node.type != YamlNode::Type::mapping) return error(node, "`queries` takes a mapping of names to expressions");
  for (std::size_t i = 0; i < tree_.size(node); ++i) {
    plan_->queries.push_back(
        {std::string(tree_.key(node, i).text), condition(tree_.value(node, i), tree_.key(node, i).text, 0)});
  }
}

void NativeLoader::updates(const YamlNode& node) {
  if (node.type != YamlNode::Type::mapping)
    return error(node, "`updates` takes a mapping of names to `{validate, set}`");
  variables_ = {"arg"};
  for (std::size_t i = 0; i < tree_.size(node); ++i) {
    const std::string_view name = tree_.key(node, i).text;
    const Members m(*this, tree_.value(node, i), name, {"validate", "set"});
    plan::Update update;
    update.name = std::string(name);
    if (const YamlNode* n = m.get("validate"); n != nullptr) update.validate = condition(*n, "validate", 0);
    if (const YamlNode* n = m.get("set"); n != nullptr) update.set = object_member(n, "set", 0);
    else if (m.valid())
      error(tree_.key(node, i), "the update `" + std::string(name) + "` lacks `set`: what it changes in the context");
    plan_->updates.push_back(std::move(update));
  }
  variables_.clear();
}

void NativeLoader::head() {
  const YamlNode& root = tree_.root();
  if (root.type != YamlNode::Type::mapping)
    return error(root, "a workflow file is a mapping", "begin with `name:` and `steps:`");
  const Members top(*this, root, "a workflow",
                    {"name", "version", "description", "metadata", "input", "context", "defaults", "limits", "queries",
                     "updates", "steps", "modules", "output", "secrets", "on", "tags", "search", "workflow"});
  std::optional<Members> inner;
  const YamlNode* workflow = top.get("workflow");
  if (workflow != nullptr) {
    inner.emplace(*this, *workflow, "workflow",
                  std::vector<std::string_view>{"name", "version", "description", "metadata", "input", "context",
                                                "defaults", "limits", "queries", "updates", "steps", "modules",
                                                "output", "secrets", "on", "tags", "search"});
  }
  const auto either = [&](std::string_view name) {
    const YamlNode* n = inner ? inner->get(name) : nullptr;
    return n != nullptr ? n : top.get(name);
  };
  for (const std::string_view name : k_head_members) {
    if (inner && inner->get(name) != nullptr && top.get(name) != nullptr) {
      error(*top.get(name), "`" + std::string(name) + "` is both inside and outside of `workflow`");
    }
  }
  if (inner) head_members(*inner);
  head_members(top);
  if (either("name") == nullptr && (!inner || inner->valid())) error(root, "the workflow lacks `name`");

  const YamlNode* steps = either("steps");
  const YamlNode* modules = either("modules");
  if (steps != nullptr && modules != nullptr) error(*modules, "a workflow has `steps` or `modules`, not both");
  const YamlNode* body = steps != nullptr ? steps : modules;
  add(body != nullptr ? *body : root, plan_->name.empty() ? "workflow" : plan_->name, true, k_none);
  if (body == nullptr) error(root, "the workflow lacks `steps` (or `modules`): what it does");
  else fill_block(0, *body, body == modules ? plan::Kind::dag : plan::Kind::sequential, defaults_);

  if (const YamlNode* n = either("queries"); n != nullptr) queries(*n);
  if (const YamlNode* n = either("updates"); n != nullptr) updates(*n);
  if (const YamlNode* n = either("output"); n != nullptr) {
    plan_->output = make_template(*n, 0);
    plan_->has_output = true;
  }
}

// `.steps.a-b` is a subtraction in jq; whoever has a step called a-b didn't mean one.
std::string NativeLoader::dashed_name_hint(const std::string& source, std::size_t offset,
                                           const std::string& otherwise) const {
  const auto part = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
  };
  std::size_t from = std::min(offset, source.size()), to = from;
  while (from > 0 && part(source[from - 1])) --from;
  while (to < source.size() && part(source[to])) ++to;
  const std::string name = source.substr(from, to - from);
  if (name.find('-') == std::string::npos) return otherwise;
  const bool is_step =
      std::any_of(plan_->nodes.begin(), plan_->nodes.end(), [&](const plan::Node& n) { return n.name == name; });
  return is_step ? "a name with `-` in it is written [\"" + name + "\"]" : otherwise;
}

// ---- together
// --------------------------------------------------------------------------------------------------------

void NativeLoader::report_all(std::vector<plan::PlanError> errors) {
  for (plan::PlanError& e : errors) {
    if (e.expr == k_none) {
      if (errors_ == 0) error(tree_.root(), e.message, e.hint);
      continue;
    }
    if (e.message.starts_with("unknown function"))
      e.hint = dashed_name_hint(plan_->exprs[e.expr].source, e.offset, e.hint);
    report(e);
  }
}

std::shared_ptr<const plan::Plan> NativeLoader::load() {
  plan_->context = Value::object();
  plan_->nodes.reserve(tree_.count_keys("id") + tree_.count_keys("name") + 16);
  head();
  if (stopped_) return nullptr;  // over a limit: what is there is not the whole
  settle_placeholders();
  // Expressions are compiled even when the rest has mistakes, so that all are told at once.
  std::vector<plan::PlanError> errors = plan::finalize(*plan_);
  std::vector<plan::PlanError> warnings;
  if (order_known_ && !plan_->by_name.empty()) check_order(*plan_, errors, warnings);
  std::erase_if(errors, [&](const plan::PlanError& e) {  // `{name}` falls back to an input of that name
    return e.expr != k_none && !sites_[e.expr].placeholder.empty() &&
           plan_->exprs[e.expr].source.find(" // ") != std::string::npos;
  });
  report_all(std::move(errors));
  for (const plan::PlanError& w : warnings) {
    out_.push_back(source_.at(plan_->exprs[w.expr].place, w.message, w.hint, Severity::warning));
  }
  if (errors_ > 0) return nullptr;
  const auto undone = std::any_of(plan_->nodes.begin(), plan_->nodes.end(),
                                  [](const plan::Node& n) { return n.compensation != k_none; });
  for (const plan::Node& n : plan_->nodes) {
    if (n.pivot && !undone)
      out_.push_back(source_.at(n.place, "`pivot` has no effect: no step has a compensation", {}, Severity::warning));
  }
  return plan_;
}

}  // namespace perdure::loaders
