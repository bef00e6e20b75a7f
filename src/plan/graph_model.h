#pragma once
// A plan as boxes and arrows, for the renderers. Not for other modules.
#include <string>
#include <string_view>
#include <vector>

#include "plan/view.h"

namespace perdure::plan {

struct GraphModel {
  enum class Shape : std::uint8_t { step, decision, wait, point };
  struct Box {
    Shape shape;
    std::string title, detail;
    std::size_t cluster;
    NodeId node;
  };
  struct Arrow {
    std::size_t from, to;
    std::string label;
    bool dashed = false, back = false;
  };
  struct Cluster {
    std::string title;
    std::size_t parent;
  };
  static constexpr std::size_t k_no_cluster = static_cast<std::size_t>(-1);
  std::vector<Box> boxes;
  std::vector<Arrow> arrows;
  std::vector<Cluster> clusters;
};

// With `top_level_only`, blocks are boxes of their own.
GraphModel model_of(const Plan& plan, bool top_level_only);
std::string render_svg(const GraphModel& model, std::string_view title);
std::string escape_xml(std::string_view text);
// At most `characters`, with … at the cut.
std::string shortened(std::string_view text, std::size_t characters);

}  // namespace perdure::plan
