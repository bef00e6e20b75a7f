// The functions of the catalog that is built in, `builtin://perdure`: what another runtime must not ignore.
#include <algorithm>

#include "loaders/ows.h"
#include "plan/spelling.h"

namespace perdure::loaders {
namespace {

constexpr std::string_view k_version = "1.0.0";

}  // namespace

void OwsLoader::builtin_body(NodeId id, const Members& m, const YamlNode& call, std::string_view name,
                             std::string_view version) {
  static const Strings k_names{"human-review", "agent-task", "require"};
  if (std::find(k_names.begin(), k_names.end(), name) == k_names.end()) {
    return error(call, "the catalog `perdure` has no function `" + std::string(name.substr(0, 80)) + "`",
                 did_you_mean(name, k_names, "it has human-review, agent-task, require"));
  }
  if (version != k_version) {
    error(call, "the catalog `perdure` has `" + std::string(name) + "` in version 1.0.0 only",
          "write " + std::string(name) + ":1.0.0@perdure");
  }
  const YamlNode* with = m.get("with");
  if (with == nullptr && name == "human-review") return review_body(id, nullptr);
  if (with == nullptr) return error(call, "`" + std::string(name) + "` lacks `with`: its arguments");
  if (name == "human-review") return review_body(id, with);
  if (name == "agent-task") return agent_body(id, *with);
  // It says that the workflow means what only Perdure does: another runtime does not know it.
  const Members r(*this, *with, "with", {"features"});
  if (!required(r, *with, "with", {"features"})) return;
  for (const YamlNode* feature : name_list(*r.get("features"), "features"))
    choice(*feature, "features", {"compensate", "budget", "human-review", "agent-task"});
  // The node stays an empty list, which hands its input on.
}

void OwsLoader::agent_body(NodeId id, const YamlNode& with) {
  TemplatePairs pairs;
  const Members a(*this, with, "with", {"agent_role", "task", "model", "inputs"});
  if (!required(a, with, "with", {"agent_role", "task"})) return;
  for (const char* part : {"agent_role", "task", "model"})
    if (const YamlNode* n = a.get(part); n != nullptr && text(*n, part)) pairs.emplace_back(part, data(*n, id));
  if (const YamlNode* n = a.get("inputs"); n != nullptr) pairs.emplace_back("with", mapping(*n, "inputs", id));
  activity(id, "agent_task", std::move(pairs));
}

// A list of names, or one.
Template OwsLoader::people(const YamlNode& node, std::string_view what, NodeId owner) {
  Template t = data(node, owner);
  if (t.type == Template::Type::constant && t.constant.is_string()) t.constant = Value::array({t.constant});
  const bool constant = t.type == Template::Type::constant;
  if (t.type == Template::Type::object || (constant && !t.constant.is_array()))
    error(node, "`" + std::string(what) + "` takes a list of names");
  return t;
}

// Arguments as those of the native step human_review, durations as the specification writes them.
void OwsLoader::review_body(NodeId id, const YamlNode* with) {
  at(id).kind = plan::Kind::review;
  at(id).review = std::make_unique<plan::ReviewSpec>();
  if (with == nullptr) return;
  const Members h(
      *this, *with, "with",
      {"reviewers", "quorum", "data", "form", "timeout", "on_timeout", "on_reject", "escalate_to", "no_self_approval"});
  if (!h.valid()) return;
  plan::ReviewSpec review;
  if (const YamlNode* n = h.get("reviewers"); n != nullptr) review.reviewers = people(*n, "reviewers", id);
  if (const YamlNode* n = h.get("escalate_to"); n != nullptr) review.escalate_to = people(*n, "escalate_to", id);
  if (const YamlNode* n = h.get("quorum"); n != nullptr)
    review.quorum = static_cast<std::uint32_t>(integer(*n, "quorum", 1, 1000).value_or(1));
  if (const YamlNode* n = h.get("data"); n != nullptr) review.data = data(*n, id);
  if (const YamlNode* n = h.get("form"); n != nullptr) {
    review.form = data(*n, id);
    if (review.form.type == Template::Type::constant) schema(*n, "form");
  }
  if (const YamlNode* n = h.get("timeout"); n != nullptr)
    review.timeout_ms = duration(*n, "timeout").value_or(review.timeout_ms);
  if (const YamlNode* n = h.get("on_timeout"); n != nullptr)
    if (const auto c = choice(*n, "on_timeout", {"reject", "approve", "escalate"}))
      review.on_timeout = static_cast<plan::ReviewTimeout>(*c);
  if (review.on_timeout == plan::ReviewTimeout::escalate && h.get("escalate_to") == nullptr && !h.slipped())
    error(*h.get("on_timeout"), "`on_timeout: escalate` needs `escalate_to`: whom to ask then");
  if (const YamlNode* n = h.get("on_reject"); n != nullptr)
    if (const auto c = choice(*n, "on_reject", {"fail", "continue"})) review.continue_on_reject = *c == 1;
  if (const YamlNode* n = h.get("no_self_approval"); n != nullptr)
    review.no_self_approval = boolean(*n, "no_self_approval").value_or(false);
  *at(id).review = std::move(review);
}

}  // namespace perdure::loaders
