#pragma once
// Where secrets become values and cease to be: marks in an activity's arguments are opened as it is launched, and what it
// answers is masked before anybody sees it. Nothing in between is kept.
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "activity/activity.h"
#include "base/value.h"
#include "history/event.h"
#include "plan/plan.h"

namespace perdure::runtime {

// A secret's value by its name; nothing when there is none. From any thread.
using SecretSource = std::function<std::optional<Value>(const std::string& name)>;

struct OpenedArguments {
  Bytes args;                       // without marks
  std::vector<std::string> values;  // texts that may be in no answer, longest first
};
// The arguments as the driver is to have them, or why not: a secret that has no value, that the driver would show to
// others, or that is of another run. `seed`: the run's.
std::variant<OpenedArguments, activity::ActivityError> open_secrets(const plan::Plan& plan, std::uint64_t seed,
                                                                    const activity::Driver& driver,
                                                                    std::string_view type, const Bytes& args,
                                                                    const SecretSource& source);

// `***` in place of each of the values, also where they are encoded (for URLs, as base64). Short ones only where they are
// the whole text.
activity::Outcome masked(activity::Outcome outcome, const std::vector<std::string>& values);
Bytes masked_json(const Bytes& json, const std::vector<std::string>& values);

// A fact from outside, without what would be a mark of the run of that seed: who has seen one in a history must not bring
// it back as data, to have it opened for him.
history::Event without_marks(history::Event fact, std::uint64_t seed);

}  // namespace perdure::runtime
