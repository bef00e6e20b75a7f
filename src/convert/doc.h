#pragma once
// What a conversion writes: a YAML document with comments, in one canonical layout. The same document gives the same
// bytes, and what is written reads back as the same value.
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/value.h"

namespace perdure::convert {

class Doc {
 public:
  enum class Type : std::uint8_t { scalar, list, map };

  Doc() = default;                                // null
  Doc(Value v);                                   // NOLINT: converts, collections too
  Doc(std::string_view text) : value_(text) {}    // NOLINT
  Doc(const std::string& text) : value_(text) {}  // NOLINT
  Doc(const char* text) : value_(Value(text)) {}  // NOLINT
  Doc(bool b) : value_(b) {}                      // NOLINT
  static Doc list(std::vector<Doc> items = {});
  static Doc map(std::vector<std::pair<std::string, Doc>> members = {});

  Type type() const { return type_; }
  const Value& value() const { return value_; }
  const std::vector<std::pair<std::string, Doc>>& members() const { return members_; }
  std::vector<std::pair<std::string, Doc>>& members() { return members_; }
  const std::vector<Doc>& items() const { return items_; }
  std::vector<Doc>& items() { return items_; }
  bool empty() const { return members_.empty() && items_.empty(); }

  // A member of that key is replaced where it stands.
  Doc& set(std::string key, Doc member);
  void set_first(std::string key, Doc member);  // of a new key
  Doc* find(std::string_view key);
  Doc& push(Doc item);

  // Of a member or item: the line of the source it came from, 0 for none; what stood there as comments.
  std::uint32_t line = 0;
  std::vector<std::string> above;  // lines, each with its `#`
  std::string beside;

 private:
  Type type_ = Type::scalar;
  Value value_;
  std::vector<std::pair<std::string, Doc>> members_;
  std::vector<Doc> items_;
};

// The root is a map. `tail`: comments behind everything.
std::string to_yaml(const Doc& root, const std::vector<std::string>& tail);

}  // namespace perdure::convert
