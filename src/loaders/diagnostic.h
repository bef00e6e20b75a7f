#pragma once
// What is wrong with a file: where, what, and how to mend it.
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/value.h"
#include "plan/plan.h"

namespace perdure::loaders {

using plan::Place;

struct Diagnostic {
  enum class Severity : std::uint8_t { error, warning };
  std::string file;
  Place place;  // line and column from 1, in characters; 0 when the whole file is meant
  std::string message;
  std::string line_text;    // the line, shortened around the column when it is very long
  std::uint32_t caret = 0;  // column of the place within line_text, from 1; 0: none
  std::string hint;         // "did you mean `retry`?"; may be empty
  Severity severity = Severity::error;
};

// file:line:col: error: message, the line, a caret, the hint. With a count at the end when there are several.
std::string render(const std::vector<Diagnostic>& diagnostics, bool color);
// {file, line, column, severity, message, hint, line_text}
Value to_json(const Diagnostic& diagnostic);

// Splits a text into lines once and cuts out what a Diagnostic shows.
class SourceText {
 public:
  SourceText(std::string_view text, std::string_view file);
  std::string_view text() const { return text_; }
  std::string_view line(std::uint32_t number) const;     // from 1, without its line break
  std::size_t line_start(std::uint32_t number) const;    // offset; the text's size when there is no such line
  std::size_t byte_offset(std::size_t character) const;  // of the text's character number `character`, from 0
  std::uint32_t lines() const { return static_cast<std::uint32_t>(starts_.size()); }
  Diagnostic at(Place place, std::string message, std::string hint = {},
                Diagnostic::Severity severity = Diagnostic::Severity::error) const;

 private:
  std::string_view text_;
  std::string file_;
  std::vector<std::size_t> starts_;
  std::vector<std::size_t> every_kth_;  // byte offsets of characters 0, k, 2k, …
};

}  // namespace perdure::loaders
