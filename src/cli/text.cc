#include "cli/text.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>

namespace perdure::cli {
namespace {

constexpr std::uint32_t k_broken = 0xffffffff;

// Takes one code point off the front; k_broken (and one byte) where the text is not UTF-8.
std::uint32_t take_code_point(std::string_view& text) {
  const auto first = static_cast<unsigned char>(text[0]);
  std::size_t length = 1;
  std::uint32_t code = first;
  if (first >= 0xf0 && first < 0xf5) {
    length = 4;
    code = first & 0x07U;
  } else if (first >= 0xe0 && first < 0xf0) {
    length = 3;
    code = first & 0x0fU;
  } else if (first >= 0xc2 && first < 0xe0) {
    length = 2;
    code = first & 0x1fU;
  } else if (first >= 0x80) {
    text.remove_prefix(1);
    return k_broken;
  }
  if (text.size() < length) {
    text.remove_prefix(1);
    return k_broken;
  }
  for (std::size_t i = 1; i < length; ++i) {
    const auto next = static_cast<unsigned char>(text[i]);
    if ((next & 0xc0U) != 0x80) {
      text.remove_prefix(1);
      return k_broken;
    }
    code = (code << 6U) | (next & 0x3fU);
  }
  const bool overlong = (length == 3 && code < 0x800) || (length == 4 && code < 0x10000);
  if (overlong || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff)) {
    text.remove_prefix(1);
    return k_broken;
  }
  text.remove_prefix(length);
  return code;
}

bool drives_terminal(std::uint32_t c) {
  return c < 0x20 || (c >= 0x7f && c < 0xa0) || c == 0x061c || c == 0x200e || c == 0x200f ||
         (c >= 0x2028 && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069) || c == 0xfeff;
}

struct Range {
  std::uint32_t first, last;
};
// Combining marks and joiners, by block: enough for alignment, not a Unicode database.
constexpr Range k_zero_width[] = {{0x0300, 0x036f}, {0x0483, 0x0489}, {0x0591, 0x05bd},
                                  {0x0610, 0x061a}, {0x064b, 0x065f}, {0x200b, 0x200d},
                                  {0x20d0, 0x20ff}, {0xfe00, 0xfe0f}, {0xfe20, 0xfe2f}};
constexpr Range k_double_width[] = {{0x1100, 0x115f},   {0x2e80, 0x303e},   {0x3041, 0x33ff},  {0x3400, 0x4dbf},
                                    {0x4e00, 0x9fff},   {0xa000, 0xa4cf},   {0xac00, 0xd7a3},  {0xf900, 0xfaff},
                                    {0xfe30, 0xfe6f},   {0xff00, 0xff60},   {0xffe0, 0xffe6},  {0x1f300, 0x1f64f},
                                    {0x1f680, 0x1f6ff}, {0x1f900, 0x1f9ff}, {0x20000, 0x3fffd}};

template <std::size_t N>
bool in_any(const Range (&ranges)[N], std::uint32_t c) {
  return std::any_of(std::begin(ranges), std::end(ranges), [c](Range r) { return c >= r.first && c <= r.last; });
}

std::size_t width_of(std::uint32_t c) {
  if (c == k_broken) return 1;
  if (in_any(k_zero_width, c)) return 0;
  return in_any(k_double_width, c) ? 2 : 1;
}

}  // namespace

std::string printable(std::string_view text, bool multi_line) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const std::string_view before = text;
    const std::uint32_t c = take_code_point(text);
    if (c == k_broken) {
      out += fmt::format("\\x{:02x}", static_cast<unsigned char>(before[0]));
    } else if (multi_line && (c == '\n' || c == '\t')) {
      out += static_cast<char>(c);
    } else if (c == '\n') {
      out += "\\n";
    } else if (c == '\t') {
      out += "\\t";
    } else if (drives_terminal(c)) {
      out += c < 0x100 ? fmt::format("\\x{:02x}", c) : fmt::format("\\u{:04x}", c);
    } else {
      out += before.substr(0, before.size() - text.size());
    }
  }
  return out;
}

std::string printable_with_colors(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const std::size_t escape = text.find("\x1b[");
    out += printable(text.substr(0, escape), true);
    if (escape == std::string_view::npos) break;
    text.remove_prefix(escape);
    const std::size_t end = text.find_first_not_of("0123456789;", 2);
    const bool color = end != std::string_view::npos && text[end] == 'm';
    out += color ? std::string(text.substr(0, end + 1)) : "\\x1b[";
    text.remove_prefix(color ? end + 1 : 2);
  }
  return out;
}

std::size_t display_width(std::string_view text) {
  std::size_t width = 0;
  while (!text.empty()) width += width_of(take_code_point(text));
  return width;
}

std::string clipped(std::string_view text, std::size_t width) {
  if (display_width(text) <= width) return std::string(text);
  if (width == 0) return {};
  std::string out;
  std::size_t used = 0;
  std::string_view rest = text;
  while (!rest.empty()) {
    const std::string_view before = rest;
    const std::size_t w = width_of(take_code_point(rest));
    if (used + w > width - 1) break;
    used += w;
    out += before.substr(0, before.size() - rest.size());
  }
  return out + "…";
}

std::string padded(std::string_view text, std::size_t width, bool right_aligned) {
  const std::size_t used = display_width(text);
  const std::string blanks(used < width ? width - used : 0, ' ');
  return right_aligned ? blanks + std::string(text) : std::string(text) + blanks;
}

std::string Palette::operator()(Style style, std::string_view text) const {
  if (!color_ || style == Style::plain || text.empty()) return std::string(text);
  constexpr int k_codes[] = {0, 1, 2, 31, 32, 33, 34, 36};
  return fmt::format("\x1b[{}m{}\x1b[0m", k_codes[static_cast<std::size_t>(style)], text);
}

std::string Table::render(const Palette& palette, std::size_t width) const {
  const std::size_t columns = headings.size();
  std::vector<std::vector<std::string>> cells;
  std::vector<std::size_t> widths(columns, 0);
  for (std::size_t c = 0; c < columns; ++c) widths[c] = display_width(headings[c]);
  for (const auto& row : rows) {
    auto& made = cells.emplace_back();
    for (std::size_t c = 0; c < columns; ++c) {
      made.push_back(c < row.size() ? printable(row[c]) : "");
      widths[c] = std::max(widths[c], display_width(made.back()));
    }
  }
  if (width > 0 && columns > 0) {
    std::size_t total = 2 * (columns - 1);
    for (const std::size_t w : widths) total += w;
    constexpr std::size_t k_narrowest = 8;
    while (total > width) {
      auto widest = std::max_element(widths.begin(), widths.end());
      const std::size_t excess = std::min(total - width, *widest > k_narrowest ? *widest - k_narrowest : 0);
      if (excess == 0) break;
      *widest -= excess;
      total -= excess;
    }
  }
  std::string out;
  const auto line = [&](const std::vector<std::string>& texts, const std::vector<Style>* style, Style fallback) {
    std::string made;
    for (std::size_t c = 0; c < columns; ++c) {
      if (c > 0) made += "  ";
      const bool right = c < right_aligned.size() && right_aligned[c];
      std::string cell = clipped(texts[c], widths[c]);
      const std::size_t pad = widths[c] - std::min(widths[c], display_width(cell));
      const std::string shown = palette(style && c < style->size() ? (*style)[c] : fallback, cell);
      const bool last = c + 1 == columns;
      if (right) made += std::string(pad, ' ');
      made += shown;
      if (!right && !last) made += std::string(pad, ' ');
    }
    while (!made.empty() && made.back() == ' ') made.pop_back();
    out += made + "\n";
  };
  line(headings, nullptr, Style::dim);
  for (std::size_t r = 0; r < cells.size(); ++r) line(cells[r], r < styles.size() ? &styles[r] : nullptr, Style::plain);
  return out;
}

std::string short_duration(long long duration_ms) {
  if (duration_ms < 0) duration_ms = 0;
  if (duration_ms < 1'000) return fmt::format("{} ms", duration_ms);
  if (duration_ms < 60'000) return fmt::format("{}.{} s", duration_ms / 1'000, duration_ms % 1'000 / 100);
  const long long seconds = duration_ms / 1'000;
  if (seconds < 3'600) return fmt::format("{} m {:02} s", seconds / 60, seconds % 60);
  if (seconds < 86'400) return fmt::format("{} h {:02} m", seconds / 3'600, seconds % 3'600 / 60);
  return fmt::format("{} d {} h", seconds / 86'400, seconds % 86'400 / 3'600);
}

}  // namespace perdure::cli
