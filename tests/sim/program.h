#pragma once
// Random workflows in the native dialect, over every construct. Activities are "sim.do", undone by "sim.undo"; signals
// are named "go" and "stop", the update "bump", the query "n"; sub-workflows are the names given.
#include <string>
#include <vector>

#include "sim/random.h"

namespace perdure::sim {

struct ProgramRules {
  std::string name;
  int depth = 3;
  std::vector<std::string> subflows;  // that it may call
  bool busy = false;                  // long loops
  bool huge = false;                  // payloads that do not fit into the history
  bool storm = false;                 // a thousand timers at one instant
};

// JSON text, which is YAML.
std::string random_program(Random& random, const ProgramRules& rules);

// A text of ours in YAML as JSON.
std::string as_json(const std::string& text, const std::string& name);

}  // namespace perdure::sim
