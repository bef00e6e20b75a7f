#include "loaders/format.h"

#include <algorithm>
#include <optional>
#include <vector>

#include "loaders/yaml_spans.h"
#include "loaders/yaml_tree.h"

namespace perdure::loaders {
namespace {

constexpr std::size_t k_step = 2;
constexpr std::string_view k_blanks = " \t\r";

struct Line {
  std::string_view text;  // without its line break
  bool inside = false;    // within a value that began on a line before: moves with that line
  bool keep_end = false;  // spaces at its end are content
  std::size_t old = 0;    // indentation
  std::size_t now = 0;
  std::string made;  // the text behind the indentation
  bool blank() const { return text.find_first_not_of(k_blanks) == std::string_view::npos; }
  bool comment() const { return !inside && !blank() && text[old] == '#'; }
  bool content() const { return !inside && !blank() && !comment(); }
};

std::vector<Line> split(std::string_view text) {
  std::vector<Line> lines;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    Line line;
    line.text = text.substr(0, end);
    if (line.text.ends_with('\r')) line.text.remove_suffix(1);
    line.old = std::min(line.text.find_first_not_of(' '), line.text.size());
    lines.push_back(std::move(line));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return lines;
}

void mark(std::vector<Line>& lines, const std::vector<YamlSpan>& spans) {
  for (const YamlSpan& span : spans) {
    for (std::uint32_t l = span.first_line; l <= span.last_line && l <= lines.size(); ++l) {
      Line& line = lines[l - 1];
      if (l > span.first_line) line.inside = true;
      if (span.kind == YamlSpan::Kind::block && l > span.first_line) line.keep_end = true;
      if (span.kind == YamlSpan::Kind::quoted && l < span.last_line) line.keep_end = true;
    }
  }
}

// Old columns and what they become, innermost last.
class Columns {
 public:
  std::size_t enter(std::size_t old) {
    while (!levels_.empty() && levels_.back().old > old) levels_.pop_back();
    if (!levels_.empty() && levels_.back().old == old) return levels_.back().now;
    levels_.push_back({old, levels_.empty() ? 0 : levels_.back().now + k_step});
    return levels_.back().now;
  }
  void put(std::size_t old, std::size_t now) { levels_.push_back({old, now}); }

 private:
  struct Level {
    std::size_t old, now;
  };
  std::vector<Level> levels_;
};

// Lines that begin a key or item, with the lines that belong to their values.
void indent_content(std::vector<Line>& lines) {
  Columns columns;
  std::ptrdiff_t shift = 0;
  for (Line& line : lines) {
    if (line.inside) {
      const auto moved = static_cast<std::ptrdiff_t>(line.old) + shift;
      line.now = static_cast<std::size_t>(std::max<std::ptrdiff_t>(moved, 0));
      line.made = line.text.substr(line.old);
    }
    if (!line.content()) continue;
    line.now = columns.enter(line.old);
    std::size_t at = line.old, column = line.now;
    while (at + 1 < line.text.size() && line.text[at] == '-' && line.text[at + 1] == ' ') {
      const std::size_t next = line.text.find_first_not_of(' ', at + 1);
      if (next == std::string_view::npos || line.text[next] == '#') break;
      line.made += "- ";
      at = next;
      column += k_step;
      columns.put(at, column);
    }
    line.made += line.text.substr(at);
    shift = static_cast<std::ptrdiff_t>(column) - static_cast<std::ptrdiff_t>(at);
  }
}

// A comment stands with the line that it was aligned with: the next one, or one of those before it.
void indent_comments(std::vector<Line>& lines) {
  const Line* next = nullptr;
  for (std::size_t i = lines.size(); i-- > 0;) {
    Line& line = lines[i];
    if (line.content()) next = &line;
    if (!line.comment()) continue;
    line.made = line.text.substr(line.old);
    line.now = next != nullptr ? next->now : 0;
    if (next != nullptr && next->old >= line.old) continue;
    for (std::size_t b = i; b-- > 0;) {
      if (!lines[b].content() || lines[b].old > line.old) continue;
      line.now = lines[b].old == line.old ? lines[b].now : lines[b].now + k_step;
      break;
    }
  }
}

std::string joined(const std::vector<Line>& lines, bool reindent) {
  std::string out;
  bool blank = false;
  for (const Line& line : lines) {
    if (line.blank() && !line.inside) {
      blank = true;
      continue;
    }
    if (blank && !out.empty()) out += "\n";
    blank = false;
    std::string text =
        reindent && !(line.inside && line.blank()) ? std::string(line.now, ' ') + line.made : std::string(line.text);
    if (!line.keep_end) text.erase(text.find_last_not_of(k_blanks) + 1);
    out.append(text).append("\n");
  }
  return out;
}

std::optional<Value> read_back(std::string_view text) {
  std::vector<Diagnostic> problems;
  const SourceText source(text, "");
  const auto tree = read_yaml(source, {}, problems);
  if (!tree || !problems.empty()) return std::nullopt;
  return to_value(*tree, tree->root());
}

std::optional<std::string> formatted(std::string_view text, bool reindent) {
  const auto spans = read_spans(text);
  if (!spans) return std::nullopt;
  std::vector<Line> lines = split(text);
  mark(lines, *spans);
  indent_content(lines);
  indent_comments(lines);
  return joined(lines, reindent);
}

}  // namespace

Result<std::string> format_yaml(std::string_view text) {
  const std::string_view body = text.starts_with("\xef\xbb\xbf") ? text.substr(3) : text;
  std::vector<Diagnostic> problems;
  const SourceText source(body, "the file");
  const auto tree = read_yaml(source, {}, problems);
  if (!tree) {
    return fail(ErrorCode::invalid,
                problems.empty() ? "the file can't be read"
                                 : "line " + std::to_string(problems[0].place.line) + ": " + problems[0].message);
  }
  const Value before = to_value(*tree, tree->root());
  // Unusual layouts may not survive re-indentation: then only the ends of lines are tidied, or nothing.
  for (const bool reindent : {true, false}) {
    const auto once = formatted(body, reindent);
    if (!once) continue;
    const auto after = read_back(*once);
    const auto twice = formatted(*once, reindent);
    if (after && *after == before && twice && *twice == *once) return *once;
  }
  return std::string(body);
}

}  // namespace perdure::loaders
