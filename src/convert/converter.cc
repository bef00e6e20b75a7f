#include "convert/converter.h"

#include "base/json.h"
#include "convert/texts.h"

namespace perdure::convert {
namespace {

using loaders::YamlNode;

bool only_space(std::string_view text) { return text.find_first_not_of(" \t\r\n") == std::string_view::npos; }

Value with_literals(const Value& v) {
  if (v.is_string()) return {literal(v.as_string())};
  if (v.is_array()) {
    std::vector<Value> items;
    for (const Value& item : v.items()) items.push_back(with_literals(item));
    return Value::array(std::move(items));
  }
  if (!v.is_object()) return v;
  std::vector<Value::Member> members;
  for (const auto& [key, member] : v.members()) members.emplace_back(key, with_literals(member));
  return Value::object(std::move(members));
}

}  // namespace

Converter::Converter(const plan::Plan& plan, const loaders::SourceText& source, const loaders::YamlTree& tree)
    : plan_(plan), source_(source), tree_(tree) {
  std::vector<const YamlNode*> open{&tree.root()};
  std::set<const YamlNode*> seen;
  while (!open.empty()) {
    const YamlNode* at = open.back();
    open.pop_back();
    if (at->type == YamlNode::Type::scalar || !seen.insert(at).second) continue;
    const bool mapping = at->type == YamlNode::Type::mapping;
    if (mapping) mappings_.try_emplace({at->place.line, at->place.column}, at);
    for (std::size_t i = 0; i < tree.size(*at); ++i) {
      const YamlNode& one = mapping ? tree.value(*at, i) : tree.item(*at, i);
      if (mapping && one.type == YamlNode::Type::mapping)
        mappings_[{tree.key(*at, i).place.line, tree.key(*at, i).place.column}] = &one;
      open.push_back(&one);
    }
  }
}

void Converter::note(bool lost, plan::Place at, std::string what, std::string mend) {
  for (const Finding& f : findings)
    if (f.at.place == at && f.at.message == what) return;
  findings.push_back({lost, source_.at(at, std::move(what), std::move(mend), loaders::Diagnostic::Severity::warning)});
}

void Converter::lost(plan::Place at, std::string what, std::string mend) {
  note(true, at, std::move(what), std::move(mend));
}
void Converter::changed(plan::Place at, std::string what, std::string mend) {
  note(false, at, std::move(what), std::move(mend));
}

const YamlNode* Converter::written(const Node& n) const {
  const auto found = mappings_.find({n.place.line, n.place.column});
  return found != mappings_.end() ? found->second : nullptr;
}

plan::Place Converter::place_of(const Node& n, Fields fields) const {
  const YamlNode* mapping = written(n);
  for (const std::string_view field : fields)
    for (std::size_t i = 0; mapping != nullptr && i < tree_.size(*mapping); ++i)
      if (tree_.key(*mapping, i).text == field) return tree_.key(*mapping, i).place;
  return n.place;
}

plan::Place Converter::place_in_head(Fields fields) const {
  const YamlNode& root = tree_.root();
  for (const std::string_view around : {"", "workflow", "limits", "document", "use", "defaults"}) {
    const YamlNode* mapping = around.empty() ? &root : tree_.find(root, around);
    if (mapping == nullptr || mapping->type != YamlNode::Type::mapping) continue;
    for (const std::string_view field : fields)
      for (std::size_t i = 0; i < tree_.size(*mapping); ++i)
        if (tree_.key(*mapping, i).text == field) return tree_.key(*mapping, i).place;
  }
  return root.place;
}

Doc Converter::doc_of(const Template& t) {
  switch (t.type) {
    case Template::Type::constant: return {with_literals(t.constant)};
    case Template::Type::expression: return {wrapped(t.expr == k_none ? "null" : said(t.expr))};
    case Template::Type::array: {
      Doc list = Doc::list();
      for (const Template& part : t.parts) list.push(doc_of(part));
      return list;
    }
    case Template::Type::object: {
      Doc map = Doc::map();
      for (std::size_t i = 0; i < t.parts.size(); ++i) map.set(t.keys[i], doc_of(t.parts[i]));
      return map;
    }
    case Template::Type::text: break;
  }
  std::string text;
  bool space = true;
  for (const Template& part : t.parts) {
    if (part.type == Template::Type::expression) {
      text += wrapped(said(part.expr));
      continue;
    }
    space = space && part.constant.is_string() && only_space(part.constant.as_string());
    if (part.constant.is_string()) text += literal(part.constant.as_string());
  }
  // With nothing but space around it, it would be a value and no text.
  return space ? Doc(wrapped(jq_of(t))) : Doc(text);
}

std::string Converter::jq_of(const Template& t) {
  std::string out;
  switch (t.type) {
    case Template::Type::constant: return perdure::to_json(t.constant);
    case Template::Type::expression: return t.expr == k_none ? "null" : said(t.expr);
    case Template::Type::array:
      for (const Template& part : t.parts) out.append(out.empty() ? "" : ", ").append("(" + jq_of(part) + ")");
      return "[" + out + "]";
    case Template::Type::object:
      for (std::size_t i = 0; i < t.parts.size(); ++i)
        out.append(out.empty() ? "" : ", ").append(quoted(t.keys[i]) + ": (" + jq_of(t.parts[i]) + ")");
      return "{" + out + "}";
    case Template::Type::text: break;
  }
  for (const Template& part : t.parts) {
    if (part.type == Template::Type::expression) {
      out += "\\(" + said(part.expr) + ")";
    } else if (part.constant.is_string()) {
      const std::string text = quoted(part.constant.as_string());
      out += text.substr(1, text.size() - 2);
    }
  }
  return "\"" + out + "\"";
}

Doc Converter::one_expression(const Template& t) {
  if (t.type == Template::Type::constant) return doc_of(t);
  return {wrapped(jq_of(t))};
}

const Template* part_of(const Template& t, std::string_view key, Template& scratch) {
  if (t.type == Template::Type::constant) {
    const Value* v = t.constant.find(key);
    if (v == nullptr) return nullptr;
    scratch = Template{};
    scratch.constant = *v;
    return &scratch;
  }
  for (std::size_t i = 0; i < t.keys.size(); ++i)
    if (t.keys[i] == key) return &t.parts[i];
  return nullptr;
}

}  // namespace perdure::convert
