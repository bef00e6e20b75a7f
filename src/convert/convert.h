#pragma once
// A workflow file of one dialect as a file of the other, where the meaning survives, with a report of what does not.
// Pure. What counts as the same: the run's outcome, its output, and its effects with their order. Not: the history, the
// times between attempts, the words of the engine's own errors. docs/convert.md has it construct by construct.
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "loaders/load.h"

namespace perdure::convert {

enum class Dialect : std::uint8_t { native, ows };

struct Finding {
  bool lost = false;       // else: said in another way, and somebody has to know it
  loaders::Diagnostic at;  // where in the source, what, and how to mend it
};

struct Converted {
  Dialect to = Dialect::ows;
  std::string text;                              // empty when the file has mistakes
  std::vector<Finding> findings;                 // by place
  std::vector<loaders::Diagnostic> diagnostics;  // of the file itself; errors: nothing was converted
  bool ok() const { return !text.empty(); }
  std::size_t lost() const;
};

// To the other dialect, or to `to`; a file that is of that dialect already is returned as it is. What can't be said at
// all is a step that raises an error in its place, so that the result never does something else silently. The text
// loads. Errors: `exhausted` when the result is larger than a file may be, nested too deeply and the like.
// `loaded` is what loading `text` gave.
Result<Converted> convert(const loaders::Loaded& loaded, std::string_view text, std::string_view file_name,
                          std::optional<Dialect> to = std::nullopt);

// {file, line, column, lost, message, hint, line_text}
Value to_json(const Finding& finding);

}  // namespace perdure::convert
