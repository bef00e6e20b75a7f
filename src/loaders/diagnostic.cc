#include "loaders/diagnostic.h"

#include <algorithm>

namespace perdure::loaders {
namespace {

constexpr std::size_t k_stride = 256;
constexpr std::size_t k_shown_before = 60, k_shown_after = 60;  // characters around the caret of a long line

bool continues(char c) { return (static_cast<unsigned char>(c) & 0xc0) == 0x80; }

std::size_t offset_of_column(std::string_view line, std::uint32_t column) {
  std::size_t at = 0;
  for (std::uint32_t c = 1; c < column && at < line.size(); ++c) {
    ++at;
    while (at < line.size() && continues(line[at])) ++at;
  }
  return at;
}

// The length of the UTF-8 sequence that begins the text, or 0.
std::size_t sequence_length(std::string_view text) {
  const auto lead = static_cast<unsigned char>(text[0]);
  const std::size_t length = lead < 0x80                   ? 1
                             : lead >= 0xc2 && lead < 0xe0 ? 2
                             : (lead & 0xf0) == 0xe0       ? 3
                             : lead >= 0xf0 && lead < 0xf5 ? 4
                                                           : 0;
  if (length == 0 || length > text.size()) return 0;
  for (std::size_t i = 1; i < length; ++i)
    if (!continues(text[i])) return 0;
  return length;
}

// Control characters would move the cursor of a terminal, and bytes that are no text would spoil what it shows.
std::string printable(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const std::size_t length = sequence_length(text);
    const bool control = static_cast<unsigned char>(text[0]) < 0x20 || text[0] == 0x7f;
    if (length == 0) out += "\xef\xbf\xbd";
    else if (control) out.push_back(' ');
    else out.append(text.substr(0, length));
    text.remove_prefix(std::max<std::size_t>(length, 1));
  }
  return out;
}

std::uint32_t characters(std::string_view text) {
  return static_cast<std::uint32_t>(std::count_if(text.begin(), text.end(), [](char c) { return !continues(c); }));
}

}  // namespace

SourceText::SourceText(std::string_view text, std::string_view file) : text_(text), file_(file) {
  starts_.push_back(0);
  for (std::size_t at = text.find('\n'); at != std::string_view::npos; at = text.find('\n', at + 1)) {
    starts_.push_back(at + 1);
  }
  std::size_t character = 0;
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (!continues(text[at]) && character++ % k_stride == 0) every_kth_.push_back(at);
  }
}

std::size_t SourceText::byte_offset(std::size_t character) const {
  if (character / k_stride >= every_kth_.size()) return text_.size();
  std::size_t at = every_kth_[character / k_stride];
  for (std::size_t left = character % k_stride; left > 0 && at < text_.size(); --left) {
    ++at;
    while (at < text_.size() && continues(text_[at])) ++at;
  }
  return at;
}

std::size_t SourceText::line_start(std::uint32_t number) const {
  return number == 0 || number > starts_.size() ? text_.size() : starts_[number - 1];
}

std::string_view SourceText::line(std::uint32_t number) const {
  if (number == 0 || number > starts_.size()) return {};
  const std::size_t start = starts_[number - 1];
  const std::size_t end = number < starts_.size() ? starts_[number] - 1 : text_.size();
  std::string_view line = text_.substr(start, end - start);
  if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
  return line;
}

Diagnostic SourceText::at(Place place, std::string message, std::string hint, Diagnostic::Severity severity) const {
  Diagnostic d{file_, place, std::move(message), {}, 0, std::move(hint), severity};
  const std::string_view whole = line(place.line);
  if (whole.empty()) return d;
  const std::size_t at = offset_of_column(whole, place.column);
  std::size_t from = at > k_shown_before ? at - k_shown_before : 0;
  std::size_t to = std::min(whole.size(), at + k_shown_after);
  if (whole.size() <= k_shown_before + k_shown_after) {
    from = 0;
    to = whole.size();
  }
  while (from > 0 && continues(whole[from])) --from;
  while (to < whole.size() && continues(whole[to])) ++to;
  d.line_text = (from > 0 ? "…" : "") + printable(whole.substr(from, to - from)) + (to < whole.size() ? "…" : "");
  d.caret = characters(whole.substr(from, at - from)) + 1 + (from > 0 ? 1 : 0);
  return d;
}

std::string render(const std::vector<Diagnostic>& diagnostics, bool color) {
  std::string out;
  std::size_t errors = 0, warnings = 0;
  const auto paint = [&](const char* code, std::string_view text) {
    if (color) out.append("\x1b[").append(code).append("m");
    out.append(text);
    if (color) out.append("\x1b[0m");
  };
  for (const Diagnostic& d : diagnostics) {
    const bool is_error = d.severity == Diagnostic::Severity::error;
    ++(is_error ? errors : warnings);
    std::string where = d.file;
    if (d.place.line != 0) where += ":" + std::to_string(d.place.line) + ":" + std::to_string(d.place.column);
    paint("1", where + ":");
    out += " ";
    paint(is_error ? "1;31" : "1;33", is_error ? "error:" : "warning:");
    out.append(" ").append(printable(d.message)).append("\n");
    if (!d.line_text.empty()) {
      out.append("  ").append(d.line_text).append("\n");
      if (d.caret != 0) {
        out.append(d.caret + 1, ' ');
        paint("1;32", "^");
        out += "\n";
      }
    }
    if (!d.hint.empty()) out.append("  ").append(printable(d.hint)).append("\n");
  }
  if (errors + warnings > 1) {
    out += std::to_string(errors) + (errors == 1 ? " error" : " errors");
    if (warnings > 0) out += ", " + std::to_string(warnings) + (warnings == 1 ? " warning" : " warnings");
    out += "\n";
  }
  return out;
}

Value to_json(const Diagnostic& d) {
  return Value::object({{"file", d.file},
                        {"line", static_cast<std::int64_t>(d.place.line)},
                        {"column", static_cast<std::int64_t>(d.place.column)},
                        {"severity", d.severity == Diagnostic::Severity::error ? "error" : "warning"},
                        {"message", d.message},
                        {"hint", d.hint.empty() ? Value() : Value(d.hint)},
                        {"line_text", d.line_text}});
}

}  // namespace perdure::loaders
