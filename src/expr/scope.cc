#include "expr/scope.h"

#include <algorithm>

namespace perdure::expr {

Node* Scope::node(Kind kind, std::size_t offset) {
  Node& n = code_.nodes.emplace_back();
  n.kind = kind;
  n.offset = static_cast<std::uint32_t>(offset);
  return &n;
}

Function* Scope::function(std::string_view name) {
  Function& f = code_.functions.emplace_back();
  f.name = name;
  f.level = level_;
  return &f;
}

void Scope::leave(const Mark& mark) {
  entries_.resize(mark.entries);
  level_ = mark.level;
}

std::vector<Scope::Entry> Scope::take(const Mark& mark) {
  std::vector<Entry> taken(entries_.begin() + static_cast<std::ptrdiff_t>(mark.entries), entries_.end());
  leave(mark);
  return taken;
}

void Scope::put_back(const std::vector<Entry>& taken, const Mark& inside) {
  entries_.insert(entries_.end(), taken.begin(), taken.end());
  level_ = inside.level;
}

void Scope::add_function(const Function& function) {
  entries_.push_back({Entry::What::function, function.name, level_, &function});
}

std::optional<std::uint32_t> Scope::find(Entry::What what, std::string_view name) const {
  const auto found = std::find_if(entries_.rbegin(), entries_.rend(),
                                  [&](const Entry& e) { return e.what == what && e.name == name; });
  if (found == entries_.rend()) return std::nullopt;
  return level_ - 1 - found->level;
}

std::optional<std::uint32_t> Scope::find_global(std::string_view name) const {
  const auto found = std::find(globals_.begin(), globals_.end(), name);
  if (found == globals_.end()) return std::nullopt;
  return static_cast<std::uint32_t>(found - globals_.begin());
}

std::optional<Scope::Callee> Scope::find_callee(std::string_view name, std::size_t arity) const {
  for (auto e = entries_.rbegin(); e != entries_.rend(); ++e) {
    if (e->name != name) continue;
    if (e->what == Entry::What::closure && arity == 0) return Callee{nullptr, level_ - 1 - e->level};
    if (e->what == Entry::What::function && e->function->parameters.size() == arity) {
      return Callee{e->function, level_ - e->level};
    }
  }
  return std::nullopt;
}

std::vector<std::string> Scope::callee_names() const {
  std::vector<std::string> names;
  for (const Entry& e : entries_) {
    if (e.what == Entry::What::closure) names.push_back(std::string(e.name) + "/0");
    if (e.what == Entry::What::function) {
      names.push_back(e.function->name + "/" + std::to_string(e.function->parameters.size()));
    }
  }
  return names;
}

std::vector<std::string> Scope::variable_names() const {
  std::vector<std::string> names = globals_;
  for (const Entry& e : entries_) {
    if (e.what == Entry::What::variable) names.emplace_back(e.name);
  }
  return names;
}

namespace {

bool all_single(const std::vector<Node*>& list) {
  return std::all_of(list.begin(), list.end(), [](const Node* n) { return n->single; });
}
bool plain(const Node& node) {
  return node.patterns->alternatives.size() == 1 && node.patterns->alternatives.front().plain;
}

bool special_single(const Node& node) {
  switch (node.special) {
    case Special::map:
    case Special::map_values:
    case Special::sort_by:
    case Special::group_by:
    case Special::unique_by:
    case Special::min_by:
    case Special::max_by:
    case Special::is_empty:
    case Special::delete_paths:
    case Special::with_entries:
    case Special::any:
    case Special::all: return true;
    case Special::error:
    case Special::get_path: return all_single(node.list);
    case Special::walk: return node.list.front()->single;
    case Special::substitute: return all_single(node.list);
    default: return false;
  }
}

bool finds_single(const Node& n) {
  const auto single = [](const Node* child) { return child == nullptr || child->single; };
  switch (n.kind) {
    case Kind::identity:
    case Kind::literal:
    case Kind::array:
    case Kind::format:
    case Kind::variable:
    case Kind::global: return true;
    case Kind::field:
    case Kind::index:
    case Kind::slice: return !n.optional && single(n.a) && single(n.b) && single(n.c);
    case Kind::negate: return single(n.a);
    case Kind::pipe:
    case Kind::object:
    case Kind::string: return all_single(n.list);
    case Kind::builtin: return n.number == 0 && all_single(n.list);
    case Kind::binary:
    case Kind::logic_and:
    case Kind::logic_or:
    case Kind::alternative: return single(n.a) && single(n.b);
    case Kind::conditional: return single(n.a) && single(n.b) && single(n.c);
    case Kind::bind: return single(n.a) && single(n.b) && plain(n);
    case Kind::reduce: return single(n.b);
    case Kind::update: return n.op == Operator::modify || single(n.b);
    case Kind::call: return n.function->body != nullptr && n.function->body->single;
    case Kind::special: return special_single(n);
    default: return false;
  }
}

}  // namespace

void settle(Node& node) {
  node.single = finds_single(node);
  std::uint16_t height = 0;
  for (const Node* child : {node.a, node.b, node.c, node.d}) {
    if (child != nullptr) height = std::max(height, child->height);
  }
  for (const Node* child : node.list) height = std::max(height, child->height);
  node.height = static_cast<std::uint16_t>(height + 1);
}

}  // namespace perdure::expr
