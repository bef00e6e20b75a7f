#include "expr/regex.h"

#include <re2/re2.h>

namespace perdure::expr {
namespace {

constexpr std::size_t k_pattern_bytes_max = 16 << 10;
constexpr std::int64_t k_program_bytes_max = 1 << 20;  // of one compiled pattern

// jq writes named groups (?<name>...), RE2 (?P<name>...); with the flag x blanks and comments are dropped.
std::string to_re2(std::string_view pattern, bool extended) {
  std::string out;
  bool in_class = false;
  for (std::size_t i = 0; i < pattern.size(); ++i) {
    const char c = pattern[i];
    const std::string_view rest = pattern.substr(i);
    if (c == '\\' && i + 1 < pattern.size()) {
      if (pattern[i + 1] == 'h') out += in_class ? "0-9a-fA-F" : "[0-9a-fA-F]";
      else if (pattern[i + 1] == 'H' && !in_class) out += "[^0-9a-fA-F]";
      else if (pattern[i + 1] == 'Z') out += "\\n?\\z";
      else out += rest.substr(0, 2);
      ++i;
    } else if (in_class) {
      if (rest.starts_with("[:")) {
        const std::size_t stop = rest.find(":]");
        if (stop != std::string_view::npos) {
          out += rest.substr(0, stop + 2);
          i += stop + 1;
          continue;
        }
      }
      in_class = c != ']';
      out.push_back(c);
    } else if (c == '[') {
      in_class = true;
      out.push_back(c);
      if (rest.starts_with("[^]") || rest.starts_with("[]")) {  // a ] in first place is itself
        out += rest[1] == '^' ? "^\\]" : "\\]";
        i += rest[1] == '^' ? 2 : 1;
      }
    } else if (rest.starts_with("(?<") && !rest.starts_with("(?<=") && !rest.starts_with("(?<!")) {
      out += "(?P<";
      i += 2;
    } else if (extended && (c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f' || c == '\v')) {
      continue;
    } else if (extended && c == '#') {
      while (i + 1 < pattern.size() && pattern[i + 1] != '\n') ++i;
    } else {
      out.push_back(c);
    }
  }
  return out;
}

}  // namespace

struct Regex::Compiled {
  Compiled(const std::string& pattern, const RE2::Options& options) : re2(pattern, options) {}
  RE2 re2;
};

Regex::Regex() = default;
Regex::~Regex() = default;

tl::expected<std::shared_ptr<const Regex>, std::string> Regex::make(const Value& pattern, const Value& flags) {
  if (!pattern.is_string()) return tl::unexpected(std::string("the regular expression must be a string"));
  if (!flags.is_null() && !flags.is_string()) {
    return tl::unexpected(std::string("the flags of a regular expression must be a string"));
  }
  const std::string_view text = pattern.as_string();
  if (text.size() > k_pattern_bytes_max) {
    return tl::unexpected("a regular expression of " + std::to_string(text.size()) + " bytes is over the limit of " +
                          std::to_string(k_pattern_bytes_max));
  }
  auto made = std::shared_ptr<Regex>(new Regex);
  RE2::Options options;
  options.set_log_errors(false);
  options.set_max_mem(k_program_bytes_max);
  bool extended = false;
  bool multiline = false;
  for (const char flag : flags.is_string() ? flags.as_string() : std::string_view()) {
    switch (flag) {
      case 'g': made->global_ = true; break;
      case 'i': options.set_case_sensitive(false); break;
      case 'n': made->skip_empty_ = true; break;
      case 's': break;  // ^ and $ already stand for the ends of the text
      case 'p': multiline = true; break;
      case 'l': options.set_longest_match(true); break;
      case 'x': extended = true; break;
      default: return tl::unexpected(std::string(flags.as_string()) + " is not a valid modifier string");
    }
  }
  options.set_dot_nl(multiline);
  made->compiled_ = std::make_unique<Compiled>(to_re2(text, extended), options);
  const RE2& re2 = made->compiled_->re2;
  if (!re2.ok()) return tl::unexpected(std::string(text) + " (at offset 0) is not a valid regex: " + re2.error());
  made->names_.resize(static_cast<std::size_t>(re2.NumberOfCapturingGroups()));
  for (const auto& [number, name] : re2.CapturingGroupNames()) {
    made->names_[static_cast<std::size_t>(number) - 1] = name;
  }
  return made;
}

std::vector<Regex::Group> Regex::find(std::string_view text, std::size_t from) const {
  std::vector<re2::StringPiece> pieces(names_.size() + 1);
  std::vector<Group> groups;
  if (!compiled_->re2.Match(re2::StringPiece(text.data(), text.size()), from, text.size(), RE2::UNANCHORED,
                            pieces.data(), static_cast<int>(pieces.size()))) {
    return groups;
  }
  for (const auto& piece : pieces) {
    if (piece.data() == nullptr) {
      groups.push_back({1, 0});
    } else {
      const auto begin = static_cast<std::size_t>(piece.data() - text.data());
      groups.push_back({begin, begin + piece.size()});
    }
  }
  return groups;
}

bool Regex::matches(std::string_view text) const {
  return RE2::PartialMatch(re2::StringPiece(text.data(), text.size()), compiled_->re2);
}

}  // namespace perdure::expr
