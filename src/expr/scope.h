#pragma once
// What names mean at a point of the source, and how far up the environment their bindings will be.
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "expr/node.h"

namespace perdure::expr {

class Scope {
 public:
  struct Mark {
    std::size_t entries = 0;
    std::uint32_t level = 0;
  };
  struct Entry {
    enum class What : std::uint8_t { variable, hidden, label, closure, function } what = What::variable;
    std::string_view name;  // in the source, which outlives the scope
    std::uint32_t level = 0;
    const Function* function = nullptr;
  };
  explicit Scope(Code& code) : code_(code) {}

  Node* node(Kind kind, std::size_t offset);
  Function* function(std::string_view name);

  Mark mark() const { return {entries_.size(), level_}; }
  void leave(const Mark& mark);
  // Hides what came since `mark` for a while.
  std::vector<Entry> take(const Mark& mark);
  void put_back(const std::vector<Entry>& taken, const Mark& inside);
  std::uint32_t level() const { return level_; }

  void set_globals(const std::vector<std::string>& names) { globals_ = names; }
  void add_variable(std::string_view name) { add(Entry::What::variable, name); }
  void add_hidden() { add(Entry::What::hidden, {}); }  // a binding without a name yet
  void add_label(std::string_view name) { add(Entry::What::label, name); }
  void add_closure(std::string_view name) { add(Entry::What::closure, name); }
  void add_function(const Function& function);

  std::optional<std::uint32_t> find_variable(std::string_view name) const { return find(Entry::What::variable, name); }
  std::optional<std::uint32_t> find_label(std::string_view name) const { return find(Entry::What::label, name); }
  std::optional<std::uint32_t> find_global(std::string_view name) const;
  // A closure (hops, no function) or a function (hops to where it was defined).
  struct Callee {
    const Function* function = nullptr;
    std::uint32_t hops = 0;
  };
  std::optional<Callee> find_callee(std::string_view name, std::size_t arity) const;
  std::vector<std::string> callee_names() const;
  std::vector<std::string> variable_names() const;

 private:
  void add(Entry::What what, std::string_view name) { entries_.push_back({what, name, level_++, nullptr}); }
  std::optional<std::uint32_t> find(Entry::What what, std::string_view name) const;

  Code& code_;
  std::vector<Entry> entries_;
  std::vector<std::string> globals_;
  std::uint32_t level_ = 0;
};

// Sets what follows from a node's children: `single` and `height`.
void settle(Node& node);

}  // namespace perdure::expr
