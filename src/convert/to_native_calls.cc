// Calls and processes: both dialects have the same activities, whose arguments the loader has brought into one form.
#include <algorithm>

#include "base/json.h"
#include "convert/texts.h"
#include "convert/to_native.h"

namespace perdure::convert {

// `call` or `script` of a step; false when there is none of that kind there.
bool ToNative::call_of(const Node& n, Doc& step) {
  if (n.kind != Kind::activity || n.activity == nullptr) return false;
  const plan::ActivitySpec& call = *n.activity;
  Doc with = doc_of(call.with);
  if (call.type == "script") {
    Template scratch;
    // The source is literal text in both.
    if (const Template* source = part_of(call.with, "source", scratch);
        source != nullptr && with.find("source") != nullptr)
      with.set("source", Doc(source->constant));
    step.set("script", std::move(with));
    return true;
  }
  if (call.type == "agent_task") {
    for (auto& [key, part] : with.members()) step.set(key, std::move(part));
    return true;
  }
  const auto& known = loaders::KnownActivities::built_in().types;
  const auto found = known.find(call.type);
  if (found == known.end()) return false;
  step.set("call", call.type);
  step.set("with", std::move(with));
  return true;
}

void ToNative::activity(const Node& n, Doc& into) {
  if (n.activity->type == "emit") return emit(n, into);
  if (n.activity->detached) return impossible(n, "a process that is not waited for", "wait for it", into);
  Doc step = step_of(n);
  if (!call_of(n, step))
    return impossible(n, "the call of `" + n.activity->type + "`", "call its service by http, or make a program of it",
                      into);
  common(n, step);
  into.push(std::move(step));
  in_ = member(".steps", id_of(n)) + ".output";
}

// The event's id is what the step gives; what else the standard gives is put together.
void ToNative::emit(const Node& n, Doc& into) {
  const Template& with = n.activity->with;
  Doc event = Doc::map();
  Template scratch;
  std::string rest;
  const bool object = with.type == Template::Type::object;
  std::vector<std::string> names = object ? with.keys : std::vector<std::string>{};
  if (with.constant.is_object())
    for (const auto& [key, v] : with.constant.members()) names.emplace_back(key.as_string());
  for (const std::string& name : names) {
    const Template& part = *part_of(with, name, scratch);
    if (name == "type" || name == "data") event.set(name, doc_of(part));
    else if (name != "source")
      lost(place_of(n, {"emit"}), "the attribute `" + name + "` of the event is not carried over",
           "put it into `data`");
    rest += ", " + quoted(name) + ": (" + jq_of(part) + ")";
  }
  changed(place_of(n, {"emit"}), "what the task gives lacks the event's `time`", "read it from the history");
  Doc step = step_of(n);
  step.set("emit", std::move(event));
  common(n, step);
  into.push(std::move(step));
  in_ = "{id: " + member(".steps", id_of(n)) + ".output, specversion: \"1.0\"" + rest + "}";
}

}  // namespace perdure::convert
