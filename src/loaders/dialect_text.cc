// Texts with `${ }` and `{name}` in them, and expressions.
#include <algorithm>

#include "base/json.h"
#include "loaders/dialect.h"

namespace perdure::loaders {
namespace {

using Style = YamlNode::Style;

constexpr std::size_t k_exact_bytes = std::size_t{64} << 10;  // beyond this far into a scalar, its own place will do
constexpr std::string_view k_space = " \t\r\n";

bool is_name_start(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
bool is_name(char c) { return is_name_start(c) || (c >= '0' && c <= '9') || c == '-'; }

// The length of "{name}" at `at`, or 0.
std::size_t braced_name(std::string_view text, std::size_t at) {
  std::size_t end = at + 1;
  if (end >= text.size() || !is_name_start(text[end])) return 0;
  while (end < text.size() && is_name(text[end])) ++end;
  return end < text.size() && text[end] == '}' ? end + 1 - at : 0;
}

std::string_view without_space_around(std::string_view text) {
  const std::size_t first = text.find_first_not_of(k_space);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(k_space) - first + 1);
}

bool is_block(const YamlNode& scalar) { return scalar.style == Style::literal || scalar.style == Style::folded; }

std::string quoted(std::string_view text) { return to_json(Value(text)); }

}  // namespace

std::size_t expression_end(std::string_view text, std::size_t start) {
  std::string open;  // what has to be closed: { [ ( and " for a string
  for (std::size_t i = start; i < text.size(); ++i) {
    const char c = text[i];
    if (!open.empty() && open.back() == '"') {
      if (c == '"') open.pop_back();
      else if (c == '\\' && i + 1 < text.size() && text[++i] == '(') open.push_back('(');
      continue;
    }
    if (c == '"' || c == '{' || c == '[' || c == '(') {
      open.push_back(c);
      continue;
    }
    if (c == '#') {
      while (i + 1 < text.size() && text[i + 1] != '\n') ++i;
      continue;
    }
    if (c != '}' && c != ']' && c != ')') continue;
    const char opener = c == '}' ? '{' : c == ']' ? '[' : '(';
    if (!open.empty() && open.back() == opener) {
      open.pop_back();
      continue;
    }
    if (c == '}') return i;  // the end, or a mistake in the expression that its compiler will tell
  }
  return std::string_view::npos;
}

Template constant_template(Value v) {
  Template t;
  t.constant = std::move(v);
  return t;
}

Template object_template(TemplatePairs pairs) {
  const bool fixed =
      std::all_of(pairs.begin(), pairs.end(), [](const auto& p) { return p.second.type == Template::Type::constant; });
  if (fixed) {
    std::vector<Value::Member> members;
    for (auto& [key, part] : pairs) members.emplace_back(Value(key), std::move(part.constant));
    return constant_template(Value::object(std::move(members)));
  }
  Template t;
  t.type = Template::Type::object;
  for (auto& [key, part] : pairs) {
    t.keys.push_back(std::move(key));
    t.parts.push_back(std::move(part));
  }
  return t;
}

bool DialectReader::refused_braces(const YamlNode& scalar, std::string_view content) {
  if (dialect_ == Dialect::standard) return false;
  const std::size_t at = content.find("${{");
  if (at == std::string_view::npos || (at > 0 && content[at - 1] == '$')) return false;
  error(place_in(source_, scalar, at), "`${{ }}` is not an expression here",
        "write `${ … }`; an expression that makes an object takes a space: `${ {a: 1} }`");
  return true;
}

ExprId DialectReader::add_expression(const YamlNode& scalar, std::size_t offset, std::string_view source,
                                     NodeId owner) {
  const std::size_t lead = std::min(source.find_first_not_of(k_space), source.size());
  const std::string_view body = without_space_around(source);
  const bool exact = offset < k_exact_bytes;
  const Place place = exact ? place_in(source_, scalar, offset + lead) : scalar.place;
  if (body.empty()) {
    error(place, "the expression is empty");
    return k_none;
  }
  if (plan_->exprs.size() >= limits_.expressions) {
    if (!stopped_)
      error(place, "the file has more than " + std::to_string(limits_.expressions) + " expressions (the limit)");
    stopped_ = true;
    return k_none;
  }
  plan::Expression& e = plan_->exprs.emplace_back();
  e.source = std::string(body);
  e.place = place;
  e.owner = owner;
  e.variables = variables_;
  sites_.push_back({&scalar, offset + lead, {}, exact, unbound_});
  return static_cast<ExprId>(plan_->exprs.size() - 1);
}

ExprId DialectReader::add_derived(const YamlNode& node, std::string source, NodeId owner) {
  const ExprId id = add_expression(node, 0, source, owner);
  if (id == k_none) return id;
  plan_->exprs[id].place = node.place;
  sites_[id].exact = false;
  return id;
}

// `when` and its like: an expression with or without `${ }`.
ExprId DialectReader::condition(const YamlNode& node, std::string_view what, NodeId owner) {
  if (node.type != YamlNode::Type::scalar || scalar_value(node).is_null()) {
    error(node, "`" + std::string(what) + "` takes an expression");
    return k_none;
  }
  const std::string_view content = node.text;
  if (refused_braces(node, content)) return k_none;
  const std::size_t first = content.find("${");
  if (first == std::string_view::npos) return add_expression(node, 0, content, owner);
  const std::size_t end = expression_end(content, first + 2);
  const bool whole = content.find_first_not_of(k_space) == first && end != std::string_view::npos &&
                     content.find_first_not_of(k_space, end + 1) == std::string_view::npos;
  if (whole) return add_expression(node, first + 2, content.substr(first + 2, end - first - 2), owner);
  if (end == std::string_view::npos) error(place_in(source_, node, first), "`${` has no `}`");
  else
    error(node, "`" + std::string(what) + "` takes one expression",
          "put all of it into one `${ … }`, or leave `${ }` away");
  return k_none;
}

// A list, written out or as an expression.
ExprId DialectReader::array_expression(const YamlNode& node, std::string_view what, NodeId owner) {
  if (node.type == YamlNode::Type::scalar) {
    if (const Value v = scalar_value(node); v.is_string()) return condition(node, what, owner);
  }
  if (node.type != YamlNode::Type::sequence) {
    error(node, "`" + std::string(what) + "` takes an array or an expression that gives one");
    return k_none;
  }
  const Template list = make_template(node, owner);
  return add_derived(node, as_source(list), owner);
}

// The jq program that makes what the template makes.
std::string DialectReader::as_source(const Template& t) const {
  const auto joined = [&](std::string_view between, auto&& one) {
    std::string out;
    for (std::size_t i = 0; i < t.parts.size(); ++i) out.append(i == 0 ? "" : between).append(one(i));
    return out;
  };
  switch (t.type) {
    case Template::Type::constant: return to_json(t.constant);
    case Template::Type::expression: return t.expr == k_none ? "null" : "(" + plan_->exprs[t.expr].source + "\n)";
    case Template::Type::array: return "[" + joined(", ", [&](std::size_t i) { return as_source(t.parts[i]); }) + "]";
    case Template::Type::object:
      return "{" + joined(", ", [&](std::size_t i) { return quoted(t.keys[i]) + ": " + as_source(t.parts[i]); }) + "}";
    case Template::Type::text:
      return "(" +
             joined(" + ",
                    [&](std::size_t i) {
                      return "(" + as_source(t.parts[i]) + " | if type == \"string\" then . else tojson end)";
                    }) +
             ")";
  }
  return "null";
}

Template DialectReader::make_template(const YamlNode& node, NodeId owner, Braces braces) {
  if (node.type == YamlNode::Type::scalar) {
    Value v = value(node);
    return v.is_string() ? text_template(node, owner, braces) : constant_template(std::move(v));
  }
  Template t;
  bool fixed = true;
  const bool sequence = node.type == YamlNode::Type::sequence;
  t.type = sequence ? Template::Type::array : Template::Type::object;
  t.parts.reserve(tree_.size(node));
  for (std::size_t i = 0; i < tree_.size(node); ++i) {
    t.parts.push_back(make_template(sequence ? tree_.item(node, i) : tree_.value(node, i), owner, braces));
    if (!sequence) t.keys.emplace_back(tree_.key(node, i).text);
    fixed = fixed && t.parts.back().type == Template::Type::constant;
  }
  if (!fixed) return t;
  std::vector<Value> items;
  std::vector<Value::Member> members;
  for (std::size_t i = 0; i < t.parts.size(); ++i) {
    if (sequence) items.push_back(std::move(t.parts[i].constant));
    else members.emplace_back(Value(t.keys[i]), std::move(t.parts[i].constant));
  }
  return constant_template(sequence ? Value::array(std::move(items)) : Value::object(std::move(members)));
}

// `{name}` of a URI: a text, whatever the member is.
ExprId DialectReader::uri_member(const YamlNode& scalar, std::size_t offset, std::string_view name, NodeId owner) {
  const std::string member = quoted(name);
  const ExprId id = add_expression(
      scalar, offset,
      "[.[" + member + "]?][0] | if . == null then \"\" elif type == \"array\" or type == \"object\" then error(" +
          quoted("the member `" + std::string(name) + "` is no text: it can't be put into a URI") +
          ") else tostring | @uri end",
      owner);
  if (id != k_none) sites_[id].exact = false;
  return id;
}

// What a text without `${` is where the author asked to guess.
std::optional<Template> DialectReader::tried(const YamlNode& scalar, NodeId owner) {
  std::vector<std::string> names(plan::k_flow_variables.begin(), plan::k_flow_variables.end());
  names.insert(names.end(), variables_.begin(), variables_.end());
  if (!expr::Program::compile(scalar.text, {.variables = names})) return std::nullopt;
  Template t;
  t.type = Template::Type::expression;
  t.expr = add_derived(scalar, "try first(" + std::string(scalar.text) + "\n) catch " + quoted(scalar.text), owner);
  return t;
}

// A text of the standard that is one expression, but for space around it.
std::optional<Template> DialectReader::one_value(const YamlNode& scalar, NodeId owner) {
  const std::string_view content = scalar.text;
  const std::size_t first = std::min(content.find_first_not_of(k_space), content.size());
  const std::size_t end = content.substr(first).starts_with("${") ? expression_end(content, first + 2) : content.npos;
  if (end == content.npos || content.find_first_not_of(k_space, end + 1) != content.npos) return std::nullopt;
  Template t;
  t.expr = add_expression(scalar, first + 2, content.substr(first + 2, end - first - 2), owner);
  if (t.expr != k_none) t.type = Template::Type::expression;
  return t;
}

Template DialectReader::text_template(const YamlNode& node, NodeId owner, Braces braces) {
  const std::string_view content = node.text;
  const bool braced = braces == Braces::names || braces == Braces::uri;
  if (content.find("${") == std::string_view::npos && !(braced && content.find('{') != std::string_view::npos)) {
    if (braces == Braces::loose)
      if (auto t = tried(node, owner)) return *std::move(t);
    return constant_template(Value(content));
  }
  if (refused_braces(node, content)) return constant_template(Value(content));
  Template t;
  if (dialect_ == Dialect::standard)
    if (auto one = one_value(node, owner)) return *std::move(one);
  t.type = Template::Type::text;
  std::string literal;
  const auto flush = [&] {
    if (!literal.empty()) t.parts.push_back(constant_template(Value(literal)));
    literal.clear();
  };
  const auto put = [&](ExprId id) {
    flush();
    Template part;
    part.type = Template::Type::expression;
    part.expr = id;
    if (id != k_none) t.parts.push_back(std::move(part));
  };
  std::size_t i = 0;
  while (i < content.size()) {
    if (content.substr(i).starts_with("$${")) {
      literal += "${";
      i += 3;
      continue;
    }
    if (content.substr(i).starts_with("${")) {
      const std::size_t end = expression_end(content, i + 2);
      if (end == std::string_view::npos) {
        error(place_in(source_, node, i), "`${` has no `}`", "a literal `${` is written `$${`");
        return constant_template(Value(content));
      }
      put(add_expression(node, i + 2, content.substr(i + 2, end - i - 2), owner));
      i = end + 1;
      continue;
    }
    if (const std::size_t length = braced && content[i] == '{' ? braced_name(content, i) : 0; length != 0) {
      const std::string_view name = content.substr(i + 1, length - 2);
      if (braces == Braces::uri) {
        put(uri_member(node, i + 1, name, owner));
      } else {
        const ExprId id = add_expression(node, i + 1, name, owner);
        if (id != k_none) sites_[id].placeholder = std::string(name);
        put(id);
      }
      i += length;
      continue;
    }
    if (braces == Braces::uri && content[i] == '{') {
      error(place_in(source_, node, i), "`{` in a URI begins the name of a member, like `{petId}`",
            "a literal `{` is written %7B");
      return constant_template(Value(content));
    }
    literal.push_back(content[i++]);
  }
  const bool only_space = literal.find_first_not_of(k_space) == std::string::npos;
  const bool one_expression =
      t.parts.size() == 1 && t.parts[0].type == Template::Type::expression && braces != Braces::names;
  if (one_expression && (literal.empty() || (is_block(node) && only_space))) return std::move(t.parts[0]);
  flush();
  if (t.parts.empty()) return constant_template(Value(""));
  if (t.parts.size() == 1 && t.parts[0].type == Template::Type::constant) return std::move(t.parts[0]);
  return t;
}

// A member that makes a text: anything but a collection.
Template DialectReader::text_member(const YamlNode* node, std::string_view what, NodeId owner) {
  if (node == nullptr) return {};
  if (node->type != YamlNode::Type::scalar) {
    error(*node, "`" + std::string(what) + "` takes a text");
    return {};
  }
  return make_template(*node, owner);
}

// A member that makes an object: a mapping or an expression.
Template DialectReader::object_member(const YamlNode* node, std::string_view what, NodeId owner) {
  if (node == nullptr) return {};
  Template t = make_template(*node, owner);
  const bool fits = t.type == Template::Type::object || t.type == Template::Type::expression ||
                    (t.type == Template::Type::constant && t.constant.is_object());
  if (!fits && node->text.find("${") == std::string_view::npos) {
    error(*node, "`" + std::string(what) + "` takes a mapping, or an expression `${ … }` that gives one");
  }
  return t;
}

}  // namespace perdure::loaders
