#pragma once
// A YAML file as a tree with places, read through libyaml's events. YAML 1.2 core rules; one document. Keys are
// scalars and unique in their mapping; `<<` merges are resolved; aliases point at the node they name.
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/value.h"
#include "loaders/diagnostic.h"
#include "loaders/load.h"

namespace perdure::loaders {

struct YamlNode {
  enum class Type : std::uint8_t { scalar, sequence, mapping };
  enum class Style : std::uint8_t { plain, single_quoted, double_quoted, literal, folded };
  enum class Core : std::uint8_t { resolve, string, integer, real, boolean, null };  // explicit `!!` tag
  Type type = Type::scalar;
  Style style = Style::plain;
  Core core = Core::resolve;
  bool merged = false;       // mapping: has members that came by `<<`
  std::uint16_t height = 0;  // 0 for a scalar
  Place place;
  std::uint32_t index = 0;             // of its first character in the file
  std::uint32_t first = 0, count = 0;  // in YamlTree::links: items, or keys and values in turn
  std::uint32_t weight = 1;            // nodes in it, aliases expanded
  std::string_view text;               // of a scalar
};

class YamlTree {
 public:
  const YamlNode& root() const { return nodes_.front(); }
  std::size_t size(const YamlNode& n) const { return n.type == YamlNode::Type::mapping ? n.count / 2 : n.count; }
  const YamlNode& item(const YamlNode& n, std::size_t i) const { return *links_[n.first + i]; }
  const YamlNode& key(const YamlNode& n, std::size_t i) const { return *links_[n.first + 2 * i]; }
  const YamlNode& value(const YamlNode& n, std::size_t i) const { return *links_[n.first + 2 * i + 1]; }
  const YamlNode* find(const YamlNode& n, std::string_view key) const;
  std::size_t count_keys(std::string_view text) const;  // scalars of that text: an estimate to reserve by

 private:
  friend class YamlReader;
  std::deque<YamlNode> nodes_;  // the root is first; addresses are stable
  std::vector<const YamlNode*> links_;
  std::deque<std::string> texts_;
};

// Reads `source`; every problem goes to `out`. No tree when the text is not YAML, breaks a limit or is empty; with
// duplicate keys and the like the tree is there and `out` is not empty.
std::optional<YamlTree> read_yaml(const SourceText& source, const LoadLimits& limits, std::vector<Diagnostic>& out);

// What a plain scalar is by the core schema; a quoted one is a string. `why` is set for what JSON can't hold (.nan).
Value scalar_value(const YamlNode& scalar, std::string* why = nullptr);

// The whole node as a value.
Value to_value(const YamlTree& tree, const YamlNode& node);

// The place in the file of byte `offset` of a scalar's text: exact on one line, at least the line in block scalars.
Place place_in(const SourceText& source, const YamlNode& scalar, std::size_t offset);

}  // namespace perdure::loaders
