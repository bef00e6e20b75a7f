#include "sim/shrink.h"

#include <algorithm>
#include <ctime>
#include <utility>

#include "base/json.h"
#include "sim/world.h"

namespace perdure::sim {
namespace {

double cpu_seconds() { return static_cast<double>(std::clock()) / CLOCKS_PER_SEC; }

// ---- smaller programs: every value that has one thing less -----------------------------------------------------------

bool is_needed(std::string_view key) { return key == "id" || key == "name" || key == "version" || key == "steps"; }

Value with(Value array, std::size_t at, Value item) {
  array.set_at(at, std::move(item));
  return array;
}
Value with(Value object, std::string_view key, Value member) {
  object.set(key, std::move(member));
  return object;
}
// The array with `items` in place of one.
Value spliced(const Value& array, std::size_t at, const std::vector<Value>& items) {
  Value out = Value::array();
  for (std::size_t i = 0; i < array.size(); ++i) {
    if (i != at) out.push_back(array.at(i));
    else
      for (const Value& item : items) out.push_back(item);
  }
  return out;
}

using Candidates = std::vector<Value>;
Candidates smaller(const Value& value);

Candidates smaller_array(const Value& array) {
  Candidates out;
  for (std::size_t i = 0; i < array.size(); ++i)
    if (array.size() > 1) out.push_back(spliced(array, i, {}));
  // A step that holds steps, replaced by them.
  for (std::size_t i = 0; i < array.size(); ++i) {
    if (!array.at(i).is_object()) continue;
    for (const auto& [key, member] : array.at(i).members())
      if (member.is_array() && member.size() > 0 && member.at(0).is_object())
        out.push_back(spliced(array, i, member.items()));
  }
  for (std::size_t i = 0; i < array.size(); ++i)
    for (Value& item : smaller(array.at(i))) out.push_back(with(array, i, std::move(item)));
  return out;
}

Candidates smaller_object(const Value& object) {
  Candidates out;
  for (const auto& [key, member] : object.members()) {
    if (is_needed(key.as_string())) continue;
    Value less = object;
    less.erase(key.as_string());
    out.push_back(std::move(less));
  }
  for (const auto& [key, member] : object.members())
    for (Value& item : smaller(member)) out.push_back(with(object, key.as_string(), std::move(item)));
  return out;
}

Candidates smaller(const Value& value) {
  if (value.is_array()) return smaller_array(value);
  if (value.is_object()) return smaller_object(value);
  if (value.is_integer() && value.as_int() > 1) return {Value(1), Value(value.as_int() / 2)};
  if (value.is_string() && value.as_string().starts_with("[range(")) return {Value("[1,2]")};
  return {};
}

// ---- the search ------------------------------------------------------------------------------------------------------

class Shrinker {
 public:
  Shrinker(const Scenario& scenario, double seconds) : until_(cpu_seconds() + seconds) {
    const Outcome outcome = live(scenario, false);
    ++best_.tried;
    best_.scenario = scenario;
    best_.violation = outcome.violation.value_or(Violation{});
    best_.scenario.operations.resize(std::min(scenario.operations.size(), outcome.operations));
  }

  Shrunk shrink() {
    bool smaller = best_.violation.invariant != 0 || !best_.violation.text.empty();
    while (smaller && !is_over()) {
      smaller = drop_operations();
      smaller = plain_settings() || smaller;
      smaller = quiet_disk() || smaller;
      smaller = drop_programs(&Scenario::programs) || smaller;
      smaller = drop_programs(&Scenario::children) || smaller;
      smaller = shrink_programs(&Scenario::programs) || smaller;
      smaller = shrink_programs(&Scenario::children) || smaller;
    }
    return std::move(best_);
  }

 private:
  bool is_over() const { return cpu_seconds() > until_; }
  // Keeps the candidate when it fails in the same way.
  bool keep(Scenario candidate) {
    if (is_over()) return false;
    const Outcome outcome = live(candidate, false);
    ++best_.tried;
    if (!outcome.violation || outcome.violation->invariant != best_.violation.invariant) return false;
    candidate.operations.resize(std::min(candidate.operations.size(), outcome.operations));
    best_.scenario = std::move(candidate);
    best_.violation = *outcome.violation;
    return true;
  }

  // Ever smaller pieces, as in delta debugging.
  bool drop_operations() {
    bool dropped = false;
    for (std::size_t piece = std::max<std::size_t>(1, best_.scenario.operations.size() / 2);; piece /= 2) {
      for (std::size_t at = 0; at < best_.scenario.operations.size() && !is_over();) {
        Scenario candidate = best_.scenario;
        const auto first = candidate.operations.begin() + static_cast<std::ptrdiff_t>(at);
        const auto left = static_cast<std::size_t>(candidate.operations.end() - first);
        candidate.operations.erase(first, first + static_cast<std::ptrdiff_t>(std::min(piece, left)));
        if (keep(std::move(candidate))) dropped = true;
        else at += piece;
      }
      if (piece <= 1) return dropped;
    }
  }
  bool plain_settings() {
    const Settings plain;
    bool changed = false;
    for (const Knob& knob : k_knobs) {
      if (best_.scenario.settings.*knob.value == plain.*knob.value) continue;
      Scenario candidate = best_.scenario;
      candidate.settings.*knob.value = plain.*knob.value;
      changed = keep(std::move(candidate)) || changed;
    }
    return changed;
  }
  bool quiet_disk() {
    if (best_.scenario.settings.error_one_in == 0) return false;
    bool changed = false;
    for (std::size_t i = 0; i < best_.scenario.operations.size(); ++i) {
      if (best_.scenario.operations[i].quiet) continue;
      Scenario candidate = best_.scenario;
      candidate.operations[i].quiet = true;
      changed = keep(std::move(candidate)) || changed;
    }
    return changed;
  }
  bool drop_programs(std::vector<Program> Scenario::*programs) {
    bool dropped = false;
    for (std::size_t i = 0; i < (best_.scenario.*programs).size();) {
      Scenario candidate = best_.scenario;
      (candidate.*programs).erase((candidate.*programs).begin() + static_cast<std::ptrdiff_t>(i));
      const bool last = programs == &Scenario::programs && candidate.programs.empty();
      if (!last && keep(std::move(candidate))) dropped = true;
      else ++i;
    }
    return dropped;
  }
  bool shrink_programs(std::vector<Program> Scenario::*programs) {
    bool changed = false;
    for (std::size_t i = 0; i < (best_.scenario.*programs).size(); ++i) changed = shrink_one(programs, i) || changed;
    return changed;
  }
  bool shrink_one(std::vector<Program> Scenario::*programs, std::size_t at) {
    bool changed = false;
    // What did not help is not tried again at once: the next candidates come from where the last one was.
    for (std::size_t next = 0; !is_over();) {
      const auto program = parse_json((best_.scenario.*programs)[at].text);
      if (!program) return changed;
      Candidates candidates = smaller(*program);
      bool kept = false;
      for (; next < candidates.size() && !kept && !is_over(); ++next) {
        Scenario candidate = best_.scenario;
        (candidate.*programs)[at].text = to_json(candidates[next]);
        kept = keep(std::move(candidate));
      }
      if (!kept) return changed;
      changed = true;
      --next;
    }
    return changed;
  }

  double until_;
  Shrunk best_;
};

}  // namespace

Shrunk shrink(const Scenario& scenario, double cpu_seconds) { return Shrinker(scenario, cpu_seconds).shrink(); }

std::string write_shrunk(const Shrunk& shrunk) {
  std::string text = "invariant " + std::to_string(shrunk.violation.invariant) + ": " + shrunk.violation.text;
  std::replace(text.begin(), text.end(), '\n', ' ');
  return "# " + text + "\n" + write_scenario(shrunk.scenario);
}

}  // namespace perdure::sim
