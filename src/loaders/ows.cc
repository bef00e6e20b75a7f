// A file of the Open Workflow Specification: its head, and how everything comes together.
#include "loaders/ows.h"

#include <algorithm>

#include "base/limits.h"
#include "loaders/cron.h"

namespace perdure::loaders {
namespace {

constexpr std::string_view k_supported = "1.0.";

bool is_label(std::string_view name) {  // of DNS (RFC 1035)
  const auto good = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-';
  };
  return !name.empty() && name.size() <= 63 && std::all_of(name.begin(), name.end(), good) && name.front() != '-' &&
         name.back() != '-';
}

// MAJOR.MINOR.PATCH, then `-` and a pre-release, `+` and build metadata.
bool is_semantic_version(std::string_view text) {
  for (int part = 0; part < 3; ++part) {
    std::size_t digits = 0;
    while (digits < text.size() && text[digits] >= '0' && text[digits] <= '9') ++digits;
    if (digits == 0 || (digits > 1 && text[0] == '0')) return false;
    text.remove_prefix(digits);
    if (part == 2) break;
    if (!text.starts_with('.')) return false;
    text.remove_prefix(1);
  }
  if (text.empty()) return true;
  if (text[0] != '-' && text[0] != '+') return false;
  bool fresh = true, build = text[0] == '+';
  for (const char c : text.substr(1)) {
    const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-';
    if (letter) {
      fresh = false;
    } else {
      if (fresh || (c != '.' && (c != '+' || build))) return false;
      build = build || c == '+';
      fresh = true;
    }
  }
  return !fresh;
}

}  // namespace

std::string OwsLoader::qualified(std::string_view space, std::string_view name) const {
  return space == "default" || space.empty() ? std::string(name) : std::string(space) + "/" + std::string(name);
}

void OwsLoader::document(const YamlNode& node) {
  const Members m(*this, node, "document",
                  {"dsl", "namespace", "name", "version", "title", "summary", "tags", "metadata"});
  if (!m.valid()) return;
  required(m, node, "document", {"dsl", "namespace", "name", "version"});
  const auto word = [&](std::string_view name) {
    const YamlNode* n = m.get(name);
    return n != nullptr ? text(*n, name).value_or("") : std::string();
  };
  for (const char* name : {"dsl", "namespace", "name", "version"})
    if (const YamlNode* n = m.get(name); n != nullptr && scalar_value(*n).is_string() && n->text.empty())
      error(*n, "`" + std::string(name) + "` is empty");
  const std::string dsl = word("dsl");
  if (!dsl.empty() && (!is_semantic_version(dsl) || !dsl.starts_with(k_supported)))
    error(*m.get("dsl"), "the version `" + dsl.substr(0, 40) + "` of the standard is not supported",
          "it is 1.0.x here");
  for (const char* name : {"namespace", "name"}) {
    const std::string label = word(name);
    if (!label.empty() && !is_label(label))
      error(*m.get(name), "`" + std::string(name) + "` takes letters, digits and `-`, at most 63 of them");
  }
  plan_->version = word("version");
  if (!plan_->version.empty() && !is_semantic_version(plan_->version))
    error(*m.get("version"), "`" + plan_->version.substr(0, 40) + "` is not a version", "write it like 1.0.0");
  plan_->name = qualified(word("namespace"), word("name"));
  plan_->description = word("title");
  const std::string summary = word("summary");
  if (plan_->description.empty()) plan_->description = summary;
  if (const YamlNode* n = m.get("tags"); n != nullptr) plan_->tags = value(*n);
  if (const YamlNode* n = m.get("metadata"); n != nullptr) metadata_of_workflow(*n);
}

void OwsLoader::metadata_of_workflow(const YamlNode& node) {
  plan_->metadata = value(node);
  if (node.type != YamlNode::Type::mapping) return error(node, "`metadata` takes a mapping");
  for (std::size_t i = 0; i < tree_.size(node); ++i) {
    const YamlNode& key = tree_.key(node, i);
    if (!key.text.starts_with("perdure.dev/")) continue;
    if (key.text == "perdure.dev/budget") plan_->budget = budget(tree_.value(node, i));
    else if (key.text == "perdure.dev/summary") plan_->description = text(tree_.value(node, i), key.text).value_or("");
    else
      error(key, "Perdure knows no `" + std::string(key.text.substr(0, 80)) + "` of a workflow",
            did_you_mean(key.text, {"perdure.dev/budget", "perdure.dev/summary"}));
  }
}

void OwsLoader::evaluate(const YamlNode& node) {
  const Members m(*this, node, "evaluate", {"language", "mode"});
  if (const YamlNode* n = m.get("language"); n != nullptr) choice(*n, "language", {"jq"});
  if (const YamlNode* n = m.get("mode"); n != nullptr) {
    if (const auto c = choice(*n, "mode", {"strict", "loose"})) loose_ = *c == 1;
  }
}

// Checked and kept (D7).
void OwsLoader::schedule(const YamlNode& node) {
  const Members m(*this, node, "schedule", {"every", "cron", "after", "on", "read"});
  if (!m.valid()) return;
  plan_->triggers = value(node);
  bool any = false;
  for (const char* name : {"every", "after"}) {
    if (const YamlNode* n = m.get(name); n != nullptr) {
      (void)duration(*n, name);
      any = true;
    }
  }
  if (const YamlNode* n = m.get("cron"); n != nullptr) {
    any = true;
    if (const auto cron = text(*n, "cron")) {
      if (const auto wrong = cron_mistake(*cron))
        error(*n, "`" + cron->substr(0, 60) + "` is not a cron expression: " + *wrong);
    }
  }
  if (const YamlNode* n = m.get("on"); n != nullptr) {
    any = true;
    aside([&] {
      plan::EventsSpec strategy;
      event_strategy(0, *n, strategy, false);
    });
  }
  if (const YamlNode* n = m.get("read"); n != nullptr) {
    choice(*n, "read", {"data", "envelope", "raw"});
    if (m.get("on") == nullptr) error(*n, "`read` goes with `on` only");
  }
  if (!any && !m.slipped()) error(node, "`schedule` has one of every, cron, after, on");
}

void OwsLoader::workflow_flow(const Members& m) {
  input_of(0, m.get("input"), Stage::workflow_input);
  output_of(0, m.get("output"), Stage::workflow_output);
  if (const YamlNode* n = m.get("timeout"); n != nullptr) timeout(0, *n);
}

void OwsLoader::head() {
  const YamlNode& root = tree_.root();
  const Members m(*this, root, "a workflow",
                  {"document", "input", "use", "do", "timeout", "output", "schedule", "evaluate"});
  required(m, root, "a workflow", {"document", "do"});
  if (const YamlNode* n = m.get("document"); n != nullptr) document(*n);
  const YamlNode* tasks = m.get("do");
  (void)make(tasks != nullptr ? *tasks : root, plan_->name.empty() ? "workflow" : plan_->name, true, k_none, "/do");
  if (const YamlNode* n = m.get("evaluate"); n != nullptr) evaluate(*n);
  if (const YamlNode* n = m.get("use"); n != nullptr) use(*n);
  workflow_flow(m);
  if (const YamlNode* n = m.get("schedule"); n != nullptr) schedule(*n);
  if (tasks == nullptr) return;
  fill(0, *tasks, "/do");
  check_unused();
}

// Whether it names an argument that has no value where it stands (E9); with `all`, whether it compiles, too.
void OwsLoader::check_expression(ExprId id, bool all) {
  const plan::Expression& e = plan_->exprs[id];
  std::vector<std::string> bound = e.variables, every = e.variables;
  bool odd = false;
  for (std::size_t v = 0; v < plan::k_flow_variables.size(); ++v) {
    const bool here = (sites_[id].unbound & (1U << v)) == 0;
    every.emplace_back(plan::k_flow_variables[v]);
    if (here) bound.emplace_back(plan::k_flow_variables[v]);
    else odd = odd || e.source.find("$" + std::string(plan::k_flow_variables[v])) != std::string::npos;
  }
  if (!odd && !all) return;
  const auto whole = expr::Program::compile(e.source, {.variables = every});
  if (!whole) {
    if (all) report({id, whole.error().offset, whole.error().message, whole.error().hint});
    return;
  }
  if (!odd) return;
  if (const auto here = expr::Program::compile(e.source, {.variables = bound}); !here)
    report({id, here.error().offset, here.error().message, "it has no value at this stage"});
}

std::shared_ptr<const plan::Plan> OwsLoader::load() {
  plan_->data_flow = true;
  head();
  if (stopped_) return nullptr;  // over a limit: what is there is not the whole
  bool definition = false;
  for (ExprId id = 0; id < plan_->exprs.size(); ++id) {
    check_expression(id, false);
    definition = definition || plan_->exprs[id].source.find("definition") != std::string::npos;
  }
  if (definition) plan_->definition = to_value(tree_, tree_.root());
  // Expressions are compiled even when the rest has mistakes, so that all are told at once.
  for (const plan::PlanError& e : plan::finalize(*plan_)) {
    if (e.expr != k_none) report(e);
    else if (errors_ == 0) error(tree_.root(), e.message, e.hint);
  }
  // A definition that is used twice tells its mistakes twice.
  const auto same = [](const Diagnostic& a, const Diagnostic& b) {
    return a.place == b.place && a.message == b.message;
  };
  for (std::size_t i = 0; i < out_.size(); ++i)
    out_.erase(std::remove_if(out_.begin() + static_cast<std::ptrdiff_t>(i) + 1, out_.end(),
                              [&](const Diagnostic& d) { return same(out_[i], d); }),
               out_.end());
  return errors_ > 0 || !wanted_.empty() ? nullptr : plan_;
}

}  // namespace perdure::loaders
