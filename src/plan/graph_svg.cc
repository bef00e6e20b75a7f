// The graph as SVG: layers from top to bottom, each ordered by where its predecessors stand.
#include <algorithm>
#include <cmath>

#include "plan/graph_model.h"

namespace perdure::plan {
namespace {

constexpr double k_row = 96, k_gap = 28, k_height = 44, k_margin = 24, k_letter = 7.2, k_point = 14;
constexpr std::size_t k_title_max = 28, k_detail_max = 36, k_boxes_max = 4'000;
constexpr int k_sweeps = 4;

struct Placed {
  std::size_t layer = 0;
  double x = 0, y = 0, width = 0, height = 0;
};

std::string number(double v) {
  const auto tenths = static_cast<long long>(std::llround(v * 10));
  return std::to_string(tenths / 10) + (tenths % 10 != 0 ? "." + std::to_string(std::llabs(tenths % 10)) : "");
}

std::size_t letters(std::string_view text) {
  return static_cast<std::size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; }));
}

class Drawing {
 public:
  Drawing(const GraphModel& m, std::string_view title) : m_(m), title_(title), placed_(m.boxes.size()) {}

  std::string run() {
    layer();
    order();
    position();
    return draw();
  }

 private:
  void layer() {
    std::vector<std::vector<std::size_t>> next(placed_.size());
    std::vector<std::size_t> left(placed_.size(), 0), ready;
    for (const auto& a : m_.arrows)
      if (!a.back) {
        next[a.from].push_back(a.to);
        ++left[a.to];
      }
    for (std::size_t i = 0; i < placed_.size(); ++i)
      if (left[i] == 0) ready.push_back(i);
    for (std::size_t done = 0; done < ready.size(); ++done) {
      const std::size_t i = ready[done];
      for (const std::size_t t : next[i]) {
        placed_[t].layer = std::max(placed_[t].layer, placed_[i].layer + 1);
        if (--left[t] == 0) ready.push_back(t);
      }
    }
    std::size_t last = 0;
    for (const Placed& p : placed_) last = std::max(last, p.layer);
    layers_.resize(last + 1);
    for (std::size_t i = 0; i < placed_.size(); ++i) layers_[placed_[i].layer].push_back(i);
  }

  void order() {
    std::vector<double> place(placed_.size(), 0);
    const auto number_all = [&] {
      for (const auto& l : layers_)
        for (std::size_t k = 0; k < l.size(); ++k) place[l[k]] = static_cast<double>(k);
    };
    number_all();
    for (int sweep = 0; sweep < k_sweeps; ++sweep) {
      const bool down = sweep % 2 == 0;
      std::vector<double> sum(placed_.size(), 0), count(placed_.size(), 0);
      for (const auto& a : m_.arrows) {
        const std::size_t to = down ? a.to : a.from, from = down ? a.from : a.to;
        sum[to] += place[from];
        count[to] += 1;
      }
      for (auto& l : layers_) {
        std::stable_sort(l.begin(), l.end(), [&](std::size_t a, std::size_t b) {
          const double x = count[a] > 0 ? sum[a] / count[a] : place[a], y = count[b] > 0 ? sum[b] / count[b] : place[b];
          return x < y;
        });
      }
      number_all();
    }
  }

  void position() {
    for (std::size_t i = 0; i < placed_.size(); ++i) {
      const auto& box = m_.boxes[i];
      Placed& p = placed_[i];
      if (box.shape == GraphModel::Shape::point) {
        p.width = box.title.empty() ? k_point : 20 + k_letter * static_cast<double>(letters(box.title));
        p.height = box.title.empty() ? k_point : 26;
        continue;
      }
      const double text =
          std::max(k_letter * static_cast<double>(std::min(letters(box.title), k_title_max) + 1),
                   k_letter * 0.82 * static_cast<double>(std::min(letters(box.detail), k_detail_max) + 1));
      p.width = text + 26;
      p.height = k_height;
    }
    std::vector<double> widths;
    for (const auto& l : layers_) {
      double w = -k_gap;
      for (const std::size_t i : l) w += placed_[i].width + k_gap;
      widths.push_back(w);
      width_ = std::max(width_, w);
    }
    for (std::size_t l = 0; l < layers_.size(); ++l) {
      double x = k_margin + (width_ - widths[l]) / 2;
      for (const std::size_t i : layers_[l]) {
        placed_[i].x = x + placed_[i].width / 2;
        placed_[i].y = k_margin + k_height / 2 + static_cast<double>(l) * k_row;
        x += placed_[i].width + k_gap;
      }
    }
    height_ = 2 * k_margin + k_height + static_cast<double>(layers_.size() - 1) * k_row;
  }

  void draw_arrow(std::string& out, const GraphModel::Arrow& a) const {
    const Placed &f = placed_[a.from], &t = placed_[a.to];
    double lx = (f.x + t.x) / 2 + 4, ly = (f.y + t.y) / 2;
    out += "<path class=\"edge" + std::string(a.dashed ? " dashed" : "") + "\" marker-end=\"url(#tip)\" d=\"M";
    if (a.back) {  // around the right side
      const double side = std::max(f.x + f.width / 2, t.x + t.width / 2) + 36;
      out += number(f.x + f.width / 2) + " " + number(f.y) + " C" + number(side) + " " + number(f.y) + " " +
             number(side) + " " + number(t.y) + " " + number(t.x + t.width / 2 + 4) + " " + number(t.y);
      lx = side - 6;
    } else {
      const double y1 = f.y + f.height / 2, y2 = t.y - t.height / 2 - 4, bend = (y2 - y1) / 2;
      out += number(f.x) + " " + number(y1) + " C" + number(f.x) + " " + number(y1 + bend) + " " + number(t.x) + " " +
             number(y2 - bend) + " " + number(t.x) + " " + number(y2);
      ly = (y1 + y2) / 2;
    }
    out += "\"/>\n";
    if (!a.label.empty())
      out += "<text class=\"label\" x=\"" + number(lx) + "\" y=\"" + number(ly) + "\">" + escape_xml(a.label) +
             "</text>\n";
  }

  void draw_box(std::string& out, std::size_t i) const {
    const auto& box = m_.boxes[i];
    const Placed& p = placed_[i];
    const auto text = [&](const char* style, double dy, const std::string& words) {
      out += "<text class=\"" + std::string(style) + "\" x=\"" + number(p.x) + "\" y=\"" + number(p.y + dy) + "\">" +
             escape_xml(words) + "</text>\n";
    };
    if (box.shape == GraphModel::Shape::point && box.title.empty()) {
      out += "<circle class=\"point\" cx=\"" + number(p.x) + "\" cy=\"" + number(p.y) + "\" r=\"4\"/>\n";
      return;
    }
    static constexpr const char* k_class[] = {"step", "decision", "wait", "end"};
    const double radius = box.shape == GraphModel::Shape::step       ? 6
                          : box.shape == GraphModel::Shape::decision ? 2
                                                                     : p.height / 2;
    out += "<rect class=\"" + std::string(k_class[static_cast<std::size_t>(box.shape)]) + "\" x=\"" +
           number(p.x - p.width / 2) + "\" y=\"" + number(p.y - p.height / 2) + "\" width=\"" + number(p.width) +
           "\" height=\"" + number(p.height) + "\" rx=\"" + number(radius) + "\"/>\n";
    if (box.detail.empty()) return text("title", 4, shortened(box.title, k_title_max));
    text("title", -4, shortened(box.title, k_title_max));
    text("detail", 12, shortened(box.detail, k_detail_max));
  }

  std::string draw() const {
    const double width = width_ + 2 * k_margin + 48;
    std::string out = "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 " + number(width) + " " +
                      number(height_) + "\" width=\"" + number(width) + "\" height=\"" + number(height_) +
                      "\" role=\"img\">\n<title>" + escape_xml(title_) + "</title>\n";
    out += R"(<style>
text{font-family:system-ui,sans-serif;text-anchor:middle;fill:#1b1f24}
.title{font-size:13px;font-weight:600}.detail{font-size:10.5px;fill:#57606a}.label{font-size:10.5px;fill:#57606a;text-anchor:start}
rect{stroke-width:1.3}.step{fill:#eef4ff;stroke:#3b6fd4}.decision{fill:#fff6e0;stroke:#b7791f}.wait{fill:#eefaf1;stroke:#2f8f4e}
.end{fill:none;stroke:#8c959f}.edge{fill:none;stroke:#6e7781;stroke-width:1.2}.dashed{stroke-dasharray:5 4}.point,.tip{fill:#6e7781}
@media (prefers-color-scheme:dark){text{fill:#e6edf3}.detail,.label{fill:#9da7b3}.step{fill:#15233f;stroke:#6f9bf0}
.decision{fill:#3a2d10;stroke:#e0b252}.wait{fill:#12301c;stroke:#5fc481}.end{stroke:#8c959f}.edge{stroke:#9da7b3}.point,.tip{fill:#9da7b3}}
</style>
<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto"><path class="tip" d="M0 0L8 4L0 8z"/></marker></defs>
)";
    for (const auto& a : m_.arrows) draw_arrow(out, a);
    for (std::size_t i = 0; i < placed_.size(); ++i) draw_box(out, i);
    return out + "</svg>\n";
  }

  const GraphModel& m_;
  std::string_view title_;
  std::vector<Placed> placed_;
  std::vector<std::vector<std::size_t>> layers_;
  double width_ = 0, height_ = 0;
};

}  // namespace

std::string escape_xml(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '&') out += "&amp;";
    else if (c == '<') out += "&lt;";
    else if (c == '>') out += "&gt;";
    else if (c == '"') out += "&quot;";
    else if (static_cast<unsigned char>(c) < 0x20) out += ' ';
    else out.push_back(c);
  }
  return out;
}

std::string render_svg(const GraphModel& model, std::string_view title) {
  if (model.boxes.size() <= k_boxes_max) return Drawing(model, title).run();
  GraphModel note;
  note.boxes.push_back({GraphModel::Shape::step, std::string(title),
                        std::to_string(model.boxes.size()) + " steps: too many to draw", GraphModel::k_no_cluster, 0});
  return Drawing(note, title).run();
}

}  // namespace perdure::plan
