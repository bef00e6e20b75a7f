// What `use` defines, and referring to it.
#include <algorithm>

#include "loaders/ows.h"

namespace perdure::loaders {

void OwsLoader::use(const YamlNode& node) {
  const Members m(
      *this, node, "use",
      {"authentications", "errors", "extensions", "functions", "retries", "secrets", "timeouts", "catalogs"});
  authentications_ = m.get("authentications");
  use_errors_ = m.get("errors");
  functions_ = m.get("functions");
  retries_ = m.get("retries");
  timeouts_ = m.get("timeouts");
  catalogs_ = m.get("catalogs");
  extensions_ = m.get("extensions");
  for (const auto& [what, n] : {std::pair<const char*, const YamlNode*>{"authentications", authentications_},
                                {"errors", use_errors_},
                                {"functions", functions_},
                                {"retries", retries_},
                                {"timeouts", timeouts_},
                                {"catalogs", catalogs_}}) {
    if (n != nullptr && n->type != YamlNode::Type::mapping)
      error(*n, "`" + std::string(what) + "` takes a mapping of names to what they mean");
  }
  if (const YamlNode* n = m.get("secrets"); n != nullptr) {
    if (n->type != YamlNode::Type::sequence) error(*n, "`secrets` takes a list of names");
    for (const YamlNode* name : name_list(*n, "secrets")) (void)name;
    plan_->secrets = value(*n);
  }
}

const YamlNode* OwsLoader::defined(const YamlNode& name, std::string_view what, const YamlNode* definitions) {
  const auto wanted = text(name, what);
  if (!wanted) return nullptr;
  Strings all;
  if (definitions != nullptr && definitions->type == YamlNode::Type::mapping) {
    if (const YamlNode* found = tree_.find(*definitions, *wanted); found != nullptr) {
      used_.insert(found);
      return found;
    }
    for (std::size_t i = 0; i < tree_.size(*definitions); ++i) all.push_back(tree_.key(*definitions, i).text);
  }
  error(name, "no " + std::string(what) + " called `" + wanted->substr(0, 80) + "` is defined in `use`",
        did_you_mean(*wanted, all));
  return nullptr;
}

void OwsLoader::timeout(NodeId id, const YamlNode& node) {
  const YamlNode* written = node.type == YamlNode::Type::scalar ? defined(node, "timeout", timeouts_) : &node;
  if (written == nullptr) return;
  const Members m(*this, *written, "timeout", {"after"});
  if (required(m, *written, "timeout", {"after"})) time_limit(id, *m.get("after"), "after");
}

// Of the task, or for node 0 of the workflow.
void OwsLoader::time_limit(NodeId id, const YamlNode& node, std::string_view what) {
  plan::RareTemplate computed;
  const DurationMs fixed = duration(node, what, id, computed);
  if (!computed.is_null()) times(id).timeout = std::move(computed);
  else if (id == 0) plan_->timeout_ms = fixed;
  else at(id).timeouts.start_to_close_ms = fixed;
}

// What nothing refers to is checked as well.
void OwsLoader::check_unused() {
  check_extensions();
  const auto each = [&](const YamlNode* definitions, auto&& read) {
    if (definitions == nullptr || definitions->type != YamlNode::Type::mapping) return;
    for (std::size_t i = 0; i < tree_.size(*definitions) && !stopped_; ++i) {
      const YamlNode& one = tree_.value(*definitions, i);
      if (!used_.contains(&one)) aside([&] { read(tree_.key(*definitions, i), one); });
    }
  };
  each(authentications_, [&](const YamlNode&, const YamlNode& one) { (void)authentication(one, 0); });
  each(use_errors_, [&](const YamlNode& key, const YamlNode& one) {
    const NodeId made = make(key, "error", true, 0, "");
    at(made).raise = std::make_unique<plan::RaiseSpec>();
    error_definition(made, one);
  });
  each(retries_, [&](const YamlNode& key, const YamlNode& one) {
    if (one.type != YamlNode::Type::mapping) return error(one, "a retry policy is a mapping");
    const NodeId made = make(key, "retry", true, 0, "");
    at(made).children = {make(key, "try", true, made, "")};
    plan::Catch unused;
    plan::FlowCatch flow_unused;
    variables_ = {"error"};  // whatever the catch that will use it calls it
    retry(made, one, unused, flow_unused);
    variables_.clear();
  });
  each(timeouts_, [&](const YamlNode&, const YamlNode& one) {
    if (one.type != YamlNode::Type::mapping) return error(one, "a timeout is written {after: …}");
    timeout(make(one, "timeout", true, 0, ""), one);
  });
  each(catalogs_, [&](const YamlNode&, const YamlNode& one) {
    const Members m(*this, one, "catalog", {"endpoint"});
    if (required(m, one, "catalog", {"endpoint"})) (void)endpoint(*m.get("endpoint"), 0, "endpoint");
  });
  each(functions_, [&](const YamlNode& key, const YamlNode& one) {
    TaskList alone;
    alone.of = TaskList::Of::function;
    expanding_.push_back(key.text);
    (void)task(key, one, 0, "/use/functions/" + escaped(key.text), alone);
    expanding_.pop_back();
  });
}

}  // namespace perdure::loaders
