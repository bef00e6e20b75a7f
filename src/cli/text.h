#pragma once
// Text for terminals: data from outside made harmless, display widths, tables, colours. Pure.
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace perdure::cli {

// Control characters (which could drive a terminal), broken UTF-8 and direction overrides become visible escapes.
// `multi_line` keeps line ends and tabs.
std::string printable(std::string_view text, bool multi_line = false);

// The same for a text of several lines that may hold our own colours ("\x1b[31m"): those stay.
std::string printable_with_colors(std::string_view text);

// Columns a terminal shows it in; text must be printable.
std::size_t display_width(std::string_view text);
// Cut to at most `width` columns, the last of them an ellipsis.
std::string clipped(std::string_view text, std::size_t width);
std::string padded(std::string_view text, std::size_t width, bool right_aligned = false);

// The default 16 colours only, which a terminal's theme keeps readable on dark and light ground.
enum class Style { plain, bold, dim, red, green, yellow, blue, cyan };
class Palette {
 public:
  explicit Palette(bool color) : color_(color) {}
  std::string operator()(Style style, std::string_view text) const;
  bool color() const { return color_; }

 private:
  bool color_;
};

// Rows under headings, columns two blanks apart, the last one unpadded. Cells are made printable. With `width` > 0 the
// widest column is clipped so that lines fit.
struct Table {
  std::vector<std::string> headings = {};
  std::vector<std::vector<std::string>> rows = {};
  std::vector<bool> right_aligned = {};         // by column; missing ones are left-aligned
  std::vector<std::vector<Style>> styles = {};  // by row and column; missing ones are plain
  std::string render(const Palette& palette, std::size_t width) const;
};

// "12 ms", "1.2 s", "3 m 04 s", "2 h 05 m", "3 d 4 h".
std::string short_duration(long long duration_ms);

}  // namespace perdure::cli
