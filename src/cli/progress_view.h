#pragma once
// A run as people watch it: a frame for a terminal, or a line for each change. Pure: model and time in, text out.
#include <optional>
#include <string>
#include <vector>

#include "base/time.h"
#include "cli/run_model.h"
#include "cli/text.h"

namespace perdure::cli {

struct ViewOptions {
  std::string run_id;
  Palette palette{false};
  bool unicode = true;
  std::size_t columns = 80, rows = 24;
  std::optional<DurationMs> usual_ms = {};  // how long runs of this workflow take; for the time that is left
};

// At most rows - 1 lines, none wider than the terminal: head, bar, steps. What is live or failed is always among the
// steps as far as rows go; what is over is dropped first, oldest first, and counted.
std::vector<std::string> frame(const RunModel& model, TimeMs now, const ViewOptions& options);

// For pipes and logs: "   1.2 s  charge  failed attempt 1: http.503 …; attempt 2 in 2.0 s". Empty for a change that is
// not worth a line (a step that is queued for a moment).
std::string plain_line(const RunModel& model, const StepLine& line, TimeMs now, const ViewOptions& options);

// "completed in 3.2 s", "failed after 3.2 s: http.503: …".
std::string ending(const engine::RunView& run, const ViewOptions& options);

// "about 12 s left", "longer than usual (8.0 s)", or "" when nothing is known.
std::string time_left(DurationMs elapsed_ms, std::optional<DurationMs> usual_ms);

// Draws frames over each other at the bottom of a terminal: gives the bytes to write.
class Redraw {
 public:
  std::string draw(const std::vector<std::string>& lines, std::size_t columns);
  std::string clear(std::size_t columns);  // takes the frame away, for other output in its place
  void keep() { drawn_.clear(); }          // what was drawn stays; the next frame goes below

 private:
  std::vector<std::size_t> drawn_;  // widths of the lines on the screen
};

}  // namespace perdure::cli
