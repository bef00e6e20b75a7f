// What the loaders of all dialects share, and which of them reads a file.
#include "loaders/dialect.h"

#include <algorithm>

#include "base/json.h"
#include "plan/spelling.h"

namespace perdure::loaders {
namespace {

constexpr std::size_t k_messages_max = 100;  // more would help nobody
constexpr std::size_t k_searches_max = 200;  // for the nearest of up to 200,000 names

}  // namespace

void DialectReader::error(Place where, std::string message, std::string hint) {
  if (++errors_ > k_messages_max) return;
  if (errors_ == k_messages_max) {
    out_.push_back(source_.at(where, "too many mistakes: these are the first " + std::to_string(k_messages_max - 1)));
    return;
  }
  out_.push_back(source_.at(where, std::move(message), std::move(hint)));
}

void DialectReader::warn(const YamlNode& node, std::string message, std::string hint) {
  out_.push_back(source_.at(node.place, std::move(message), std::move(hint), Severity::warning));
}

std::string DialectReader::did_you_mean(std::string_view name, const std::vector<std::string_view>& candidates,
                                        std::string_view otherwise) {
  if (++searches_ <= k_searches_max) {
    if (const std::string_view near = plan::nearest(name, candidates); !near.empty()) {
      return "did you mean `" + std::string(near) + "`?";
    }
  }
  return std::string(otherwise);
}

Members::Members(DialectReader& reader, const YamlNode& node, std::string_view what,
                 std::vector<std::string_view> names) {
  if (node.type != YamlNode::Type::mapping) {
    reader.error(node, "`" + std::string(what) + "` takes a mapping");
    return;
  }
  valid_ = true;
  const std::vector<std::string_view>& allowed = names;
  std::vector<std::pair<std::string_view, const YamlNode*>> meant;
  for (std::size_t i = 0; i < reader.tree_.size(node); ++i) {
    const YamlNode& key = reader.tree_.key(node, i);
    const YamlNode* value = &reader.tree_.value(node, i);
    if (std::find(allowed.begin(), allowed.end(), key.text) != allowed.end()) {
      members_.emplace_back(key.text, value);
      continue;
    }
    slipped_ = true;
    const std::string_view near = plan::nearest(key.text, allowed);
    std::string list;
    for (const std::string_view n : allowed) list.append(list.empty() ? "" : ", ").append(n);
    reader.error(key, "`" + std::string(what) + "` has no member `" + std::string(key.text.substr(0, 80)) + "`",
                 near.empty() ? "it has " + list : "did you mean `" + std::string(near) + "`?");
    if (!near.empty()) meant.emplace_back(near, value);
  }
  for (const auto& [name, value] : meant)
    if (get(name) == nullptr) members_.emplace_back(name, value);
}

const YamlNode* Members::get(std::string_view name) const {
  for (const auto& [n, value] : members_)
    if (n == name) return value;
  return nullptr;
}

NodeId DialectReader::add(const YamlNode& yaml, std::string name, bool made_up, NodeId parent) {
  plan::Node& node = plan_->nodes.emplace_back();
  node.id = static_cast<NodeId>(plan_->nodes.size() - 1);
  node.parent = parent;
  node.name = std::move(name);
  node.made_up = made_up;
  node.place = yaml.place;
  return node.id;
}

void DialectReader::report(const plan::PlanError& e) {
  const Site& site = sites_[e.expr];
  // A list with expressions in it became one expression; its parts have told their mistakes already.
  if (site.scalar->type != YamlNode::Type::scalar && errors_ > 0) return;
  const bool exact = site.exact && site.placeholder.empty() && site.scalar->type == YamlNode::Type::scalar;
  error(exact ? place_in(source_, *site.scalar, site.offset + e.offset) : plan_->exprs[e.expr].place, e.message,
        e.hint);
}

}  // namespace perdure::loaders
