#include "cli/progress_view.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace perdure::cli {
namespace {

namespace h = history;

struct Glyph {
  std::string_view unicode, ascii;
  Style style;
};

Glyph glyph_of(const StepLine& line, TimeMs now) {
  switch (line.phase) {
    case StepPhase::pending: return {"○", ".", Style::dim};
    case StepPhase::running: {
      constexpr std::string_view k_turning[] = {"⠋", "⠙", "⠸", "⠴", "⠦", "⠇"};
      const auto tick = static_cast<std::size_t>(std::max<TimeMs>(now, 0) / 120);
      return {k_turning[tick % 6], ">", Style::cyan};
    }
    case StepPhase::queued: return {"◌", "~", Style::dim};
    case StepPhase::waiting: return {"◷", "w", Style::yellow};
    case StepPhase::retrying: return {"↻", "r", Style::yellow};
    case StepPhase::compensating: return {"↶", "u", Style::yellow};
    case StepPhase::completed: return line.undoing ? Glyph{"↶", "u", Style::green} : Glyph{"✓", "+", Style::green};
    case StepPhase::skipped: return {"–", "-", Style::dim};
    case StepPhase::failed: return {"✗", "x", Style::red};
    case StepPhase::cancelled: return {"⊘", "c", Style::dim};
  }
  return {"?", "?", Style::plain};
}

Style style_of(h::RunStatus status) {
  switch (status) {
    case h::RunStatus::completed: return Style::green;
    case h::RunStatus::failed:
    case h::RunStatus::timed_out:
    case h::RunStatus::compensation_failed:
    case h::RunStatus::quarantined: return Style::red;
    case h::RunStatus::waiting:
    case h::RunStatus::paused:
    case h::RunStatus::compensating:
    case h::RunStatus::cancelled:
    case h::RunStatus::terminated: return Style::yellow;
    case h::RunStatus::pending:
    case h::RunStatus::running: return Style::cyan;
  }
  return Style::plain;
}

// What stands behind a step's name.
std::string note_of(const StepLine& line, TimeMs now) {
  std::string note;
  const auto add = [&](std::string part) {
    if (part.empty()) return;
    if (!note.empty()) note += "  ";
    note += part;
  };
  if (line.phase == StepPhase::retrying)
    add(fmt::format("attempt {} in {}", line.attempt, short_duration(line.next_at - now)));
  else if (line.attempt > 1) add(fmt::format("attempt {}", line.attempt));
  if (line.phase == StepPhase::waiting) {
    add(line.reason);
    if (line.next_at > 0 && line.next_at != k_never) add("until " + format_timestamp(line.next_at).substr(0, 19) + "Z");
  } else if (line.started_at > 0 && line.phase != StepPhase::skipped && line.phase != StepPhase::retrying) {
    add(short_duration((is_over(line.phase) ? line.ended_at : now) - line.started_at));
  }
  if (line.phase != StepPhase::waiting && line.phase != StepPhase::completed) add(line.reason);
  return printable(note);
}

std::string step_text(const StepLine& line, std::size_t name_width, TimeMs now, const ViewOptions& options) {
  const Glyph glyph = glyph_of(line, now);
  const std::string indent(2 + std::min<std::size_t>(line.depth, 8) * 2, ' ');
  const std::size_t room = options.columns > 1 ? options.columns - 1 : 1;
  const std::string_view mark = options.unicode ? glyph.unicode : glyph.ascii;
  // Only the last part of the path: the blocks around it are above.
  const std::string own = line.path.substr(line.depth == 0 ? 0 : line.path.rfind('.') + 1);
  const std::string name = padded(clipped(printable(own), name_width), name_width);
  const std::size_t used = indent.size() + 2 + display_width(name) + 2;
  if (used > room) return clipped(indent + std::string(mark) + " " + printable(own), room);
  const std::string note = clipped(note_of(line, now), room - used);
  const bool faded = line.phase == StepPhase::pending || line.phase == StepPhase::skipped;
  const Style note_style = line.phase == StepPhase::failed ? Style::red : Style::dim;
  std::string text =
      indent + options.palette(glyph.style, mark) + " " + options.palette(faded ? Style::dim : Style::plain, name);
  if (!note.empty()) text += "  " + options.palette(note_style, note);
  while (!text.empty() && text.back() == ' ') text.pop_back();
  return text;
}

std::string bar(double share, std::size_t width, const ViewOptions& options) {
  const auto full = static_cast<std::size_t>(std::lround(std::clamp(share, 0.0, 1.0) * static_cast<double>(width)));
  std::string done, ahead;
  for (std::size_t i = 0; i < width; ++i)
    (i < full ? done : ahead) += options.unicode ? (i < full ? "█" : "░") : (i < full ? "#" : "-");
  return options.palette(Style::green, done) + options.palette(Style::dim, ahead);
}

// Chooses what is shown when there are more steps than rows.
std::vector<const StepLine*> chosen(const std::vector<const StepLine*>& all, std::size_t room, std::size_t& hidden) {
  hidden = 0;
  if (all.size() <= room) return all;
  const std::size_t keep = room > 0 ? room - 1 : 0;  // a row says how many are not shown
  const auto rank = [](const StepLine& line) {
    if (line.phase == StepPhase::failed) return 0;
    if (line.phase != StepPhase::pending && !is_over(line.phase)) return 1;
    return line.phase == StepPhase::pending ? 2 : 3;
  };
  std::vector<std::size_t> order(all.size());
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    const int ra = rank(*all[a]), rb = rank(*all[b]);
    if (ra != rb) return ra < rb;
    return ra == 3 && all[a]->ended_at > all[b]->ended_at;  // the latest of those that are over
  });
  order.resize(std::min(keep, order.size()));
  std::sort(order.begin(), order.end());
  std::vector<const StepLine*> lines;
  for (const std::size_t i : order) lines.push_back(all[i]);
  hidden = all.size() - lines.size();
  return lines;
}

}  // namespace

std::string time_left(DurationMs elapsed_ms, std::optional<DurationMs> usual_ms) {
  if (!usual_ms || *usual_ms <= 0) return {};
  if (elapsed_ms < *usual_ms) return fmt::format("about {} left", short_duration(*usual_ms - elapsed_ms));
  if (elapsed_ms * 2 > *usual_ms * 3) return fmt::format("longer than usual ({})", short_duration(*usual_ms));
  return {};
}

std::vector<std::string> frame(const RunModel& model, TimeMs now, const ViewOptions& options) {
  const std::size_t room = options.columns > 1 ? options.columns - 1 : 1;
  std::vector<std::string> out;
  const std::string name = printable(model.plan().name);
  const std::string id = printable(options.run_id);
  const std::string_view status = h::to_string(model.status());
  if (display_width(name) + display_width(id) + status.size() + 4 <= room)
    out.push_back(options.palette(Style::bold, name) + "  " + options.palette(Style::dim, id) + "  " +
                  options.palette(style_of(model.status()), status));
  else out.push_back(clipped(name + "  " + id, room));

  const bool over = model.ended_at() > 0;
  const DurationMs elapsed = model.started_at() > 0 ? (over ? model.ended_at() : now) - model.started_at() : 0;
  std::string numbers = fmt::format("{:3.0f} %  {} of {} steps  {}", std::floor(model.progress() * 100),
                                    model.steps_done(), model.steps_total(), short_duration(elapsed));
  if (!over)
    if (const std::string left = time_left(elapsed, options.usual_ms); !left.empty()) numbers += "  " + left;
  const std::size_t bar_width = std::min<std::size_t>(30, room > numbers.size() + 2 ? room - numbers.size() - 2 : 0);
  out.push_back(bar_width >= 5 ? bar(model.progress(), bar_width, options) + "  " + numbers : clipped(numbers, room));

  const std::size_t rows = options.rows > out.size() + 2 ? options.rows - out.size() - 2 : 1;
  std::size_t hidden = 0;
  const std::vector<const StepLine*> steps = chosen(model.lines(), rows, hidden);
  std::size_t name_width = 0;
  for (const StepLine* line : steps) {
    const std::size_t start = line->depth == 0 ? 0 : line->path.rfind('.') + 1;
    name_width = std::max(name_width, display_width(printable(std::string_view(line->path).substr(start))));
  }
  name_width = std::min(name_width, std::max<std::size_t>(room / 2, 8));
  for (const StepLine* line : steps) out.push_back(step_text(*line, name_width, now, options));
  if (const std::size_t more = hidden + model.lines_dropped(); more > 0)
    out.push_back(options.palette(Style::dim, clipped(fmt::format("  {} more steps are not shown", more), room)));
  return out;
}

std::string plain_line(const RunModel& model, const StepLine& line, TimeMs now, const ViewOptions& options) {
  if (line.phase == StepPhase::pending || line.phase == StepPhase::queued) return {};
  const bool instant = line.kind == "set" || line.kind == "emit" || line.kind == "raise";
  if (instant && line.phase == StepPhase::running) return {};  // the line of its end follows at once
  std::string what{to_string(line.phase)};
  if (line.phase == StepPhase::running)
    what = line.attempt > 1 ? fmt::format("started attempt {}", line.attempt) : "started";
  if (line.phase == StepPhase::retrying)
    what = fmt::format("failed attempt {}, attempt {} in {}", line.attempt > 0 ? line.attempt - 1 : 0, line.attempt,
                       short_duration(line.next_at - now));
  if (line.phase == StepPhase::completed || line.phase == StepPhase::failed)
    what += fmt::format(" ({})", short_duration(line.ended_at - line.started_at));
  if (!line.reason.empty() && line.phase != StepPhase::completed && line.phase != StepPhase::running)
    what += (line.phase == StepPhase::waiting ? " " : ": ") + line.reason;
  if (line.phase == StepPhase::waiting && line.next_at > 0 && line.next_at != k_never)
    what += " until " + format_timestamp(line.next_at);
  return fmt::format("{}  {}  {}", padded(short_duration(now - model.started_at()), 8, true),
                     options.palette(Style::bold, printable(line.path)), printable(what));
}

std::string ending(const engine::RunView& run, const ViewOptions& options) {
  const auto status = h::parse_run_status(run.status).value_or(h::RunStatus::running);
  const TimeMs end = run.closed_at > 0 ? run.closed_at : run.updated_at;
  const bool well = status == h::RunStatus::completed;
  std::string text = fmt::format("{} {} {}", run.status, well ? "in" : "after", short_duration(end - run.started_at));
  if (run.error) text += ": " + (run.error->type == run.status ? run.error->title : describe_fault(*run.error));
  if (run.error && !run.error->step.empty()) text += fmt::format(" (step {})", run.error->step);
  const std::string_view mark = options.unicode ? (well ? "✓ " : "✗ ") : "";
  return options.palette(style_of(status), fmt::format("{}{}", mark, printable(text)));
}

std::string Redraw::clear(std::size_t columns) {
  std::size_t rows = 0;  // on the screen: a terminal made narrower has wrapped the old lines
  for (const std::size_t width : drawn_)
    rows += columns == 0 ? 1 : std::max<std::size_t>(1, (width + columns - 1) / columns);
  drawn_.clear();
  if (rows == 0) return {};
  return fmt::format("\x1b[{}A\r\x1b[J", rows);
}

std::string Redraw::draw(const std::vector<std::string>& lines, std::size_t columns) {
  std::string bytes = clear(columns);
  for (const std::string& line : lines) {
    std::string bare;  // without colours
    for (std::size_t i = 0; i < line.size(); ++i) {
      if (line[i] == '\x1b')
        while (i < line.size() && line[i] != 'm') ++i;
      else bare += line[i];
    }
    drawn_.push_back(display_width(bare));
    bytes += line + "\n";
  }
  return bytes;
}

}  // namespace perdure::cli
