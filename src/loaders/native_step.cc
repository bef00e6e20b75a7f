// One step: its fields, its kind, its name.
#include <algorithm>
#include <bit>

#include "base/limits.h"
#include "loaders/native.h"
#include "plan/spelling.h"

namespace perdure::loaders {
namespace {

constexpr std::string_view k_forbidden_in_compensation[] = {"foreach", "parallel",  "on_error",   "compensation",
                                                            "pivot",   "saga",      "depends_on", "next_steps",
                                                            "when",    "condition", "outputs"};

}  // namespace

bool good_name(std::string_view name, std::string_view also_not) {
  if (name.empty() || name.size() > k_id_bytes_max) return false;
  return std::none_of(name.begin(), name.end(), [&](char c) {
    return static_cast<unsigned char>(c) < 0x20 || c == 0x7f || c == '/' || also_not.find(c) != std::string_view::npos;
  });
}

Item NativeLoader::read_item(const YamlNode& node) {
  Item item;
  item.node = &node;
  std::vector<std::pair<Field, std::size_t>> meant;
  for (std::size_t i = 0; i < tree_.size(node); ++i) {
    const YamlNode& key = tree_.key(node, i);
    if (const auto field = field_named(key.text)) {
      item.key[static_cast<std::size_t>(*field)] = &key;
      item.value[static_cast<std::size_t>(*field)] = &tree_.value(node, i);
      continue;
    }
    item.slipped = true;
    order_known_ = false;
    std::vector<std::string_view> names;
    for (const FieldInfo& f : field_table()) names.push_back(f.name);
    const std::string_view near = plan::nearest(key.text, names);
    error(key, "a step has no field `" + std::string(key.text.substr(0, 80)) + "`",
          near.empty() ? "" : "did you mean `" + std::string(near) + "`?");
    if (!near.empty()) meant.emplace_back(*field_named(near), i);
  }
  for (const auto& [field, i] : meant) {
    const auto f = static_cast<std::size_t>(field);
    if (item.value[f] == nullptr) {
      item.key[f] = &tree_.key(node, i);
      item.value[f] = &tree_.value(node, i);
    }
  }
  return item;
}

std::optional<StepKind> NativeLoader::kind_of(const Item& item, const Around& around) {
  std::uint32_t written = 0;
  const YamlNode* by[2] = {nullptr, nullptr};
  for (const FieldInfo& f : field_table()) {
    if (!f.decides || item[f.field] == nullptr || (written & f.kinds) != 0) continue;
    written |= f.kinds;
    if (by[0] == nullptr) by[0] = &item.key_of(f.field);
    else if (by[1] == nullptr) by[1] = &item.key_of(f.field);
  }
  // Words that say the kind only when nothing else does.
  if (written == 0 && item[Field::wait] != nullptr) written = kind_bit(StepKind::wait);
  if (written == 0 && item[Field::task] != nullptr) written = kind_bit(StepKind::agent_task);
  if (written == 0 && (item[Field::steps] != nullptr || item[Field::activities] != nullptr))
    written = kind_bit(StepKind::block);

  if (by[1] != nullptr) {
    error(*by[1],
          "a step is of one kind: `" + std::string(by[0]->text) + "` and `" + std::string(by[1]->text) +
              "` exclude each other",
          "make two steps of it");
    return std::nullopt;
  }
  std::uint32_t typed = 0;
  if (const YamlNode* type = item[Field::type]; type != nullptr) {
    const auto name = text(*type, "type");
    if (!name) return std::nullopt;
    std::vector<std::string_view> all;
    for (const TypeName& t : type_names()) {
      all.push_back(t.name);
      if (t.name == *name) typed = t.kinds;
    }
    if (typed == 0) {
      const bool activity = known_.types.contains(*name);
      error(*type, "there is no step type `" + name->substr(0, 80) + "`",
            activity ? "write `call: " + *name + "`" : did_you_mean(*name, all));
      if (written == 0) return std::nullopt;
    } else if (written != 0 && (written & typed) == 0) {
      error(*type, "`type: " + *name + "` does not go with `" +
                       (by[0] != nullptr ? std::string(by[0]->text) : std::string("steps")) + "`");
      return std::nullopt;
    }
  }
  if (written != 0) return static_cast<StepKind>(std::countr_zero(written));
  if (typed != 0 && std::popcount(typed) == 1) return static_cast<StepKind>(std::countr_zero(typed));
  if (typed == 0 && item[Field::condition] != nullptr && item[Field::next_steps] != nullptr)
    return StepKind::conditional;
  if (item.slipped) return std::nullopt;
  const std::string_view what = around.compensation ? "a compensation" : "the step";
  if (typed != 0 && (typed & kind_bit(StepKind::loop)) != 0) {
    error(*item.node, "a loop needs `while`, `until`, `times` or `foreach`, and `steps`");
  } else if (typed != 0) {
    error(*item.node, "a task needs `call`, `tool` or `script`");
  } else {
    error(*item.node, std::string(what) + " does not say what to do",
          "give it `call`, `tool`, `script`, `steps`, `set`, `wait` or another kind");
  }
  return std::nullopt;
}

// Fields that belong to other kinds of steps.
void NativeLoader::refuse_strangers(const Item& item, StepKind kind, const Around& around) {
  for (const FieldInfo& f : field_table()) {
    if (item[f.field] == nullptr) continue;
    const YamlNode& key = item.key_of(f.field);
    if ((f.kinds & kind_bit(kind)) == 0) {
      std::string whose;
      for (unsigned k = 0; k < static_cast<unsigned>(StepKind::count_); ++k) {
        if ((f.kinds & (1U << k)) != 0)
          whose.append(whose.empty() ? "" : ", ").append(describe(static_cast<StepKind>(k)));
      }
      error(key, "`" + std::string(f.name) + "` does not belong to " + std::string(describe(kind)),
            "it is for " + whose);
    } else if (around.compensation) {
      for (const std::string_view forbidden : k_forbidden_in_compensation) {
        if (f.name == forbidden) error(key, "a compensation can't have `" + std::string(f.name) + "`");
      }
    }
  }
}

std::string NativeLoader::name_of(const Item& item, const Around& around) {
  const YamlNode* id = item[Field::id] != nullptr ? item[Field::id] : item[Field::name];
  if (id == nullptr) {
    if (around.made_up.empty()) error(*item.node, "the step lacks `id`");
    return around.made_up.empty() ? "step" + std::to_string(plan_->nodes.size()) : std::string(around.made_up);
  }
  auto name = text(*id, "id");
  if (name && good_name(*name)) return *name;
  if (name) {
    error(*id, name->size() > k_id_bytes_max ? "an id has at most " + std::to_string(k_id_bytes_max) + " bytes"
                                             : "an id is a text without control characters and `/`");
  }
  return "step" + std::to_string(plan_->nodes.size());
}

NodeId NativeLoader::step(const YamlNode& node, const Around& around) {
  if (node.type != YamlNode::Type::mapping) {
    error(node, "a step is a mapping with `id` and what to do");
    return k_none;
  }
  if (++steps_ > limits_.steps) {
    if (!stopped_) error(node, "the workflow has more than " + std::to_string(limits_.steps) + " steps (the limit)");
    stopped_ = true;
    return k_none;
  }
  const Item item = read_item(node);
  const auto kind = kind_of(item, around);
  const bool named = item[Field::id] != nullptr || item[Field::name] != nullptr;
  const NodeId id = add(node, name_of(item, around), !named, around.parent);
  at(id).kind = plan::Kind::sequential;
  if (!kind) {
    order_known_ = false;
    return id;
  }
  const bool activity = *kind <= StepKind::agent_task && *kind != StepKind::block;
  if (around.compensation && !(activity && *kind != StepKind::agent_task)) {
    error(node, "a compensation is one `call`, `tool` or `script`, not " + std::string(describe(*kind)));
    return id;
  }
  refuse_strangers(item, *kind, around);
  Inherited own = around.inherited != nullptr ? *around.inherited : defaults_;
  common(id, item, *kind, around, own);
  kind_body(id, item, *kind, around, own);
  return id;
}

}  // namespace perdure::loaders
