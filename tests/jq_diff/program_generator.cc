#include "program_generator.h"

#include <array>
#include <string_view>
#include <vector>

namespace perdure::jq_diff {
namespace {

constexpr std::array<std::string_view, 11> k_binary = {"+", "-", "*", "/", "%", "==", "!=", "<", ">=", "and", "or"};
// One initial state: with several, jq 1.6 loses the input after the first.
constexpr std::array<std::string_view, 5> k_states = {"0", "null", "[]", "{}", "."};
constexpr std::array<std::string_view, 4> k_update = {"=", "|=", "+=", "//="};
constexpr std::array<std::string_view, 22> k_plain = {
    "length",     "keys",     "type",           "add",     "sort",  "unique",    "reverse", "flatten",
    "min",        "max",      "tojson",         "floor",   "first", "transpose", "any",     "all",
    "to_entries", "tostring", "ascii_downcase", "explode", "not",   "last"};
constexpr std::array<std::string_view, 12> k_with = {"map",    "select", "sort_by",   "group_by",
                                                     "min_by", "max_by", "unique_by", "map_values",
                                                     "limit",  "path",   "first",     "del"};
constexpr std::array<std::string_view, 8> k_values = {"has",        "contains", "index",    "join",
                                                      "startswith", "split",    "rtrimstr", "ltrimstr"};
constexpr std::array<std::string_view, 8> k_paths = {".a", ".b", ".[0]", ".a.b", ".[1:]", ".[]?", ".a[0]?", "..|.a?"};

class Generator {
 public:
  explicit Generator(std::uint64_t seed) : state_(seed * 0xD1342543DE82EF95ULL + 0x632BE59BD9B4E019ULL) {}
  std::string program() { return expression(4); }

 private:
  std::uint64_t next() {  // splitmix64
    state_ += 0x9E3779B97F4A7C15ULL;
    std::uint64_t z = state_;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ULL;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBULL;
    return z ^ (z >> 31);
  }
  std::size_t below(std::size_t n) { return static_cast<std::size_t>(next() % n); }
  template <std::size_t N>
  std::string pick(const std::array<std::string_view, N>& options) {
    return std::string(options[below(N)]);
  }

  std::string leaf() {
    static constexpr std::array<std::string_view, 30> k_leaves = {
        ".",      ".a",   ".b",   ".a.b",  ".[0]",  ".[1:]",    ".[-1]", "1",   "2",       "-3",
        "0.5",    "null", "true", "false", "\"a\"", "\"abc\"",  "[]",    "{}",  "[1,2,3]", "{\"a\":1,\"b\":[2]}",
        "length", "keys", "type", "add",   "not",   "tostring", "empty", ".[]", "..",      "(1,2)"};
    if (!variables_.empty() && below(4) == 0) return variables_[below(variables_.size())];
    return pick(k_leaves);
  }

  std::string expression(int depth) {
    if (depth == 0) return leaf();
    const auto sub = [this, depth] { return expression(depth - 1); };
    const auto group = [this, depth] { return "(" + expression(depth - 1) + ")"; };
    switch (below(24)) {
      case 0:
      case 1: return sub() + " | " + sub();
      case 2: return "(" + sub() + "," + sub() + ")";
      case 3:
      case 4: return group() + " " + pick(k_binary) + " " + group();
      case 5: return "[" + sub() + "]";
      case 6: return "{a: " + group() + ", (" + group() + " | tostring): " + group() + "}";
      case 7: return "if " + sub() + " then " + sub() + " else " + sub() + " end";
      case 8: return group() + " // " + group();
      // In an array of its own: jq 1.6 also catches what fails later on with the output.
      case 9: return "[try " + group() + " catch \"caught\"]";
      case 10: return "[" + group() + "?]";
      case 11: {
        const std::string name = "$v" + std::to_string(variables_.size());
        const std::string source = group();
        variables_.push_back(name);
        const std::string body = sub();
        variables_.pop_back();
        return "(" + source + " as " + name + " | " + body + ")";
      }
      case 12: {
        const std::string source = group();
        const std::string init = pick(k_states);
        variables_.emplace_back("$r");
        const std::string body = sub();
        variables_.pop_back();
        return "reduce " + source + " as $r (" + init + "; " + body + ")";
      }
      case 13: {
        const std::string source = group();
        variables_.emplace_back("$f");
        const std::string body = sub();
        const std::string extract = sub();
        variables_.pop_back();
        return "foreach " + source + " as $f (0; " + body + "; " + extract + ")";
      }
      case 14: return "(label $out | " + sub() + " | if " + sub() + " then ., break $out else . end)";
      case 15: return "(def f(g): " + sub() + " | g; f(" + sub() + "))";
      case 16: return "(def f($x): " + group() + " | [$x, .]; f(" + sub() + "))";
      case 17: return "\"<\\(" + sub() + ")>\"";
      case 18: {
        // The members that a path with `?` skips are no path at all in some versions: keep to plain ones for updates.
        return "(" + std::string(k_paths[below(5)]) + " " + pick(k_update) + " " + group() + ")";
      }
      case 19: return pick(k_plain);
      case 20: {
        const std::string name = pick(k_with);
        if (name == "limit") return "[limit(5; " + sub() + ")]";
        if (name == "path") return "[path(" + pick(k_paths) + ")]";
        if (name == "del") return "del(" + pick(k_paths) + ")";
        return name + "(" + sub() + ")";
      }
      case 21: return pick(k_values) + "(" + sub() + ")";
      case 22: return "del(" + pick(k_paths) + ")";
      default: return group() + " as [$p, {a: $q}] | [$p, $q]";
    }
  }

  std::uint64_t state_;
  std::vector<std::string> variables_;
};

}  // namespace

std::string generate_program(std::uint64_t seed) { return Generator(seed).program(); }

}  // namespace perdure::jq_diff
