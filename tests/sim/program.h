#pragma once
// Random workflows in the native dialect, over every construct. Activities are "sim.do", undone by "sim.undo"; signals
// are named "go" and "stop", the update "bump", the query "n"; sub-workflows are the names given.
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "sim/random.h"

namespace perdure::sim {

// `a() << b()` calls a() first, with every compiler; a() + b() may call b() first, and a seed would be another world.
class Text : public std::string {
 public:
  using std::string::string;
  Text(std::string text) : std::string(std::move(text)) {}
};
inline Text operator<<(Text left, std::string_view right) {
  left.append(right);
  return left;
}

struct ProgramRules {
  std::string name;
  int depth = 3;
  std::vector<std::string> subflows;  // that it may call
  bool busy = false;                  // long loops
  bool huge = false;                  // payloads that do not fit into the history
  bool storm = false;                 // a thousand timers at one instant
  bool crowded = false;               // few activities at a time: many wait for longer than they may
  bool nested = false;                // many sub-workflows
  bool rated = true;                  // some calls are limited to two a second
};

// JSON text, which is YAML.
std::string random_program(Random& random, const ProgramRules& rules);

// A text of ours in YAML as JSON.
std::string as_json(const std::string& text, const std::string& name);

}  // namespace perdure::sim
