// What an expression of the native dialect is in the standard.
#include <fmt/format.h>

#include "convert/texts.h"
#include "convert/to_ows.h"

namespace perdure::convert {
namespace {

constexpr std::string_view k_types = "https://open-workflow-specification.org/spec/1.0.0/errors/";

// `.word` at the front, and nothing that goes on with the word.
bool begins(std::string_view path, std::string_view root) {
  return path.starts_with(root) && (path.size() == root.size() || path[root.size()] == '.' || path[root.size()] == '[');
}

// The standard's error type for one of the engine's own, or nothing for an author's.
std::string_view standard_type(std::string_view type) {
  constexpr std::pair<std::string_view, std::string_view> k_known[] = {
      {"http", "communication"},    {"shell", "runtime"},       {"timeout", "timeout"}, {"expression", "expression"},
      {"validation", "validation"}, {"auth", "authentication"}, {"worker", "runtime"},  {"activity", "runtime"},
      {"openapi", "configuration"}, {"foreach", "runtime"}};
  if (type == "review.timeout") return "timeout";
  const std::string_view family = type.substr(0, type.find('.'));
  for (const auto& [ours, theirs] : k_known)
    if (family == ours) return theirs;
  return {};
}

}  // namespace

std::string ToOws::step_at(NodeId id) const { return member(".steps", keys_.at(id)); }

std::string ToOws::outputs_of(const Node& n) const {
  std::string members;
  for (const NodeId child : n.children) {
    if (child == k_none) continue;
    members.append(members.empty() ? "" : ", ").append(quoted(node(child).name) + ": " + step_at(child) + ".output");
  }
  return "$context | {" + members + "}";
}

// `$error` with the author's types as they were written.
std::string ToOws::error_document() const {
  return "(" + error_ + " | .type |= ltrimstr(" + quoted(k_error_prefix) + "))";
}

std::string ToOws::run_member(const plan::Expression& e) {
  if (mentions(e.source, "tenant"))
    lost(e.place, "`.run.tenant` has no equal in the standard", "hand the tenant in as input");
  return fmt::format("run: {{id: $workflow.id, workflow: {}, version: {}, started_at: $workflow.startedAt.iso8601}}",
                     quoted(plan_.name), quoted(plan_.version));
}

// What `.` is for an expression that is more than a path.
std::string ToOws::around(const plan::Expression& e) {
  std::string more, moved;
  const auto add = [&](const std::string& one) { more.append(more.empty() ? "" : ", ").append(one); };
  std::string item = "null", index = "null";
  for (const Loop& loop : loops_) {
    if (!loop.item.empty()) item = loop.item;
    if (!loop.index.empty()) index = loop.index;
  }
  if (e.uses_item) add("item: " + item);
  if (e.uses_index) add("index: " + index);
  if (e.uses_error) add("error: " + (error_.empty() ? "null" : error_document()));
  if (e.uses_run) add(run_member(e));
  for (const plan::StepUse& use : e.steps)
    if (use.node != k_none && keys_.at(use.node) != use.name)
      moved += " | " + member(".steps", use.name) + " = " + step_at(use.node);
  const std::string base = more.empty() ? "$context" : "$context + {" + more + "}";
  return base + moved;
}

// `$out` is what the call gave in the standard's form.
std::string ToOws::own_out(const plan::Expression& e, const std::string& jq) const {
  const bool has = std::find(e.variables.begin(), e.variables.end(), "out") != e.variables.end();
  if (!has || out_shape_.empty() || !mentions(jq, "$out")) return jq;
  return "($out | " + out_shape_ + ") as $out | " + jq;
}

std::string ToOws::said(ExprId id) {
  const plan::Expression& e = expression(id);
  const std::string jq = one_line(e.source);
  if (!e.secrets.empty()) return jq;  // it reads nothing else
  if (e.uses_all_steps || e.uses_all_outputs)
    lost(e.place, "an expression looks at all steps: only those that are named elsewhere are there",
         "name the steps: `.steps.ID.output`");
  if (e.uses_error && (mentions(jq, "step") || mentions(jq, "attempt") || mentions(jq, "class")))
    lost(e.place, "`step`, `attempt` and `class` of an error have no equal in the standard",
         "use `type`, `status`, `title` and `detail`");
  if (e.uses_error && mentions(jq, "type"))
    changed(e.place, "types of the engine's own errors are URIs there (`" + std::string(k_types) + "timeout`)",
            "compare `status` as well");
  const bool moved = std::any_of(e.steps.begin(), e.steps.end(), [&](const plan::StepUse& use) {
    return use.node != k_none && keys_.at(use.node) != use.name;
  });
  if (!moved && is_path(jq)) {
    if (begins(jq, ".input") || begins(jq, ".context") || begins(jq, ".steps") || begins(jq, ".outputs"))
      return "$context" + jq;
    if (begins(jq, ".item") && !loops_.empty() && !loops_.back().item.empty()) return loops_.back().item + jq.substr(5);
    if (begins(jq, ".error") && !error_.empty() && !begins(jq, ".error.type") && jq != ".error")
      return error_ + jq.substr(6);
    if (jq == ".run.id") return "$workflow.id";
  }
  const bool reads = e.uses_input || e.uses_context || e.uses_run || e.uses_item || e.uses_index || e.uses_error ||
                     !e.steps.empty() || !e.outputs.empty() || e.uses_all_outputs || e.uses_all_steps;
  if (!reads) return own_out(e, jq);
  return own_out(e, around(e) + " | " + jq);
}

// Whether `.`, an error of the standard, is what the clause catches.
std::string ToOws::condition_on_error(const plan::Catch& c) {
  std::string types;
  for (const std::string& type : c.errors) {
    std::string one;
    const bool prefix = type.ends_with(".*");
    const std::string stem = prefix ? type.substr(0, type.size() - 2) : type;
    if (type == "*") {
      one = "true";
    } else if (const std::string_view known = standard_type(type); !known.empty()) {
      one = ".type == " + quoted(std::string(k_types) + std::string(known));
      if (type.starts_with("http.") && type.find_first_not_of("0123456789", 5) == std::string::npos)
        one = "(" + one + " and .status == " + type.substr(5) + ")";
    } else if (type == "review.rejected") {
      one = ".type == \"https://perdure.dev/errors/review-rejected\"";
    } else if (prefix) {
      one = ".type == " + quoted(std::string(k_error_prefix) + stem) + " or (.type | startswith(" +
            quoted(std::string(k_error_prefix) + stem + ".") + "))";
    } else {
      one = ".type == " + quoted(stem.find(':') == std::string::npos ? std::string(k_error_prefix) + stem : stem);
    }
    types.append(types.empty() ? "" : " or ").append(one);
  }
  if (c.when == k_none) return types;
  return (types.empty() ? "" : "(" + types + ") and ") + "(" + said(c.when) + ")";
}

}  // namespace perdure::convert
