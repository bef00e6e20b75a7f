#pragma once
// Regular expressions in jq's spelling, matched in linear time by RE2.
#include <memory>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <vector>

#include "base/value.h"

namespace perdure::expr {

class Regex {
 public:
  // Patterns are strings; flags null or a string of g i n s p l x. The error is a message.
  static tl::expected<std::shared_ptr<const Regex>, std::string> make(const Value& pattern, const Value& flags);
  ~Regex();
  Regex(const Regex&) = delete;
  Regex& operator=(const Regex&) = delete;

  struct Group {
    std::size_t begin = 0;  // bytes; begin > end: took no part in the match
    std::size_t end = 0;
    bool matched() const { return begin <= end; }
  };
  // The groups of the next match at or after byte `from`, the whole match first; empty when there is none.
  std::vector<Group> find(std::string_view text, std::size_t from) const;
  bool matches(std::string_view text) const;
  bool global() const { return global_; }
  bool skip_empty() const { return skip_empty_; }
  const std::vector<std::string>& names() const { return names_; }  // of the groups from 1 on, empty where unnamed

 private:
  struct Compiled;
  Regex();
  std::unique_ptr<Compiled> compiled_;
  std::vector<std::string> names_;
  bool global_ = false;
  bool skip_empty_ = false;
};

}  // namespace perdure::expr
