#include "convert/comments.h"

#include <algorithm>

#include "loaders/yaml_spans.h"

namespace perdure::convert {
namespace {

struct Comment {
  std::uint32_t line = 0;  // where it stands
  std::uint32_t next = 0;  // the next line that is content; 0: none
  bool own_line = false;
  std::string text;
};

// Where a comment begins on a line that is no part of a longer scalar, or npos.
std::size_t comment_start(std::string_view line) {
  char quote = 0;
  for (std::size_t i = 0; i < line.size(); ++i) {
    const char c = line[i];
    if (quote == '"' && c == '\\') {
      ++i;
    } else if (quote != 0) {
      if (c == quote) quote = 0;
    } else if ((c == '"' || c == '\'') && (i == 0 || std::string_view(" [{,:").find(line[i - 1]) != line.npos)) {
      quote = c;
    } else if (c == '#' && (i == 0 || line[i - 1] == ' ' || line[i - 1] == '\t')) {
      return i;
    }
  }
  return std::string_view::npos;
}

std::vector<Comment> comments_of(std::string_view text) {
  std::vector<Comment> found;
  const auto spans = loaders::read_spans(text);
  if (!spans) return found;
  std::vector<bool> inside, begins;  // by line, from 1: in a scalar of several lines; its first
  const auto mark = [](std::vector<bool>& lines, std::uint32_t line) {
    if (lines.size() <= line) lines.resize(line + 1);
    lines[line] = true;
  };
  for (const loaders::YamlSpan& span : *spans) {
    if (span.kind == loaders::YamlSpan::Kind::flow) continue;
    if (span.kind != loaders::YamlSpan::Kind::block) mark(begins, span.first_line);
    for (std::uint32_t l = span.first_line + 1; l <= span.last_line; ++l) mark(inside, l);
  }
  std::uint32_t number = 0;
  std::size_t waiting = 0;  // the first comment that does not know its next line
  while (!text.empty()) {
    ++number;
    const std::size_t end = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    line = line.substr(0, line.find_last_not_of(" \t\r") + 1);
    if (number == 1 && line.starts_with("\xef\xbb\xbf")) line.remove_prefix(3);
    const bool within = number < inside.size() && inside[number];
    const bool open = number < begins.size() && begins[number];
    const std::size_t at = within || open ? std::string_view::npos : comment_start(line);
    const bool own_line = at != std::string_view::npos && line.find_first_not_of(" \t") == at;
    if (!own_line && !line.empty()) {
      for (; waiting < found.size(); ++waiting) found[waiting].next = number;
    }
    if (at != std::string_view::npos) found.push_back({number, 0, own_line, std::string(line.substr(at))});
    if (!own_line) waiting = found.size();
  }
  return found;
}

void collect(Doc& doc, std::vector<Doc*>& into) {
  if (doc.line != 0) into.push_back(&doc);
  for (auto& [key, member] : doc.members()) collect(member, into);
  for (Doc& item : doc.items()) collect(item, into);
}

}  // namespace

std::vector<std::string> place_comments(std::string_view text, Doc& root) {
  std::vector<Doc*> parts;
  collect(root, parts);
  std::stable_sort(parts.begin(), parts.end(), [](const Doc* a, const Doc* b) { return a->line < b->line; });
  std::vector<std::string> tail;
  for (Comment& comment : comments_of(text)) {
    const std::uint32_t line = comment.own_line ? comment.next : comment.line;
    if (line == 0 && comment.own_line) {
      tail.push_back(std::move(comment.text));
      continue;
    }
    // The first part of that line, else the last one before it.
    auto at =
        std::lower_bound(parts.begin(), parts.end(), line, [](const Doc* p, std::uint32_t l) { return p->line < l; });
    const bool exact = at != parts.end() && (*at)->line == line;
    Doc* part = exact ? *at : at == parts.begin() ? &root : *(at - 1);
    if (comment.text.find("yaml-language-server") != std::string::npos) continue;  // of the other dialect's schema
    if (!comment.own_line && exact && part->beside.empty() && part != &root) part->beside = std::move(comment.text);
    else part->above.push_back(std::move(comment.text));
  }
  return tail;
}

}  // namespace perdure::convert
