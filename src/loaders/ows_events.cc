// Listening for events.
#include <algorithm>

#include "loaders/ows.h"

namespace perdure::loaders {

using plan::EventMode;
using plan::EventsSpec;

void OwsLoader::listen_body(NodeId id, const Members& m, const YamlNode& node) {
  at(id).kind = plan::Kind::listen;
  auto events = std::make_unique<EventsSpec>();
  const Members listen(*this, node, "listen", {"to", "read"});
  if (const YamlNode* n = listen.get("to"); n != nullptr) event_strategy(id, *n, *events, false);
  else required(listen, node, "listen", {"to"});
  if (const YamlNode* n = listen.get("read"); n != nullptr) {
    if (const auto c = choice(*n, "read", {"data", "envelope", "raw"})) events->read = static_cast<plan::EventRead>(*c);
  }
  if (const YamlNode* n = m.get("foreach"); n != nullptr) iterator(id, *n, *events);
  flow(id).events = std::move(events);
}

// `stop_only`: what ends the listening for `any`, itself without `until`.
void OwsLoader::event_strategy(NodeId id, const YamlNode& node, EventsSpec& into, bool stop_only) {
  const Members m(*this, node, stop_only ? "until" : "to",
                  stop_only ? Strings{"all", "any", "one"} : Strings{"all", "any", "one", "until"});
  if (!m.valid()) return;
  const YamlNode* chosen = nullptr;
  for (const char* name : {"all", "any", "one"}) {
    const YamlNode* n = m.get(name);
    if (n == nullptr) continue;
    if (chosen != nullptr) return error(node, "events are awaited by one of `all`, `any` and `one`");
    chosen = n;
    into.mode = name[1] == 'l' ? EventMode::all : name[0] == 'a' ? EventMode::any : EventMode::one;
  }
  if (chosen == nullptr) {
    if (!m.slipped()) error(node, "which events? give it one of `all`, `any` and `one`");
    return;
  }
  if (into.mode == EventMode::one) {
    into.filters.push_back(event_filter(id, *chosen));
  } else if (chosen->type != YamlNode::Type::sequence) {
    error(*chosen, "a list of filters is expected here, `- with: {type: …}`");
  } else {
    if (into.mode == EventMode::all && tree_.size(*chosen) == 0) error(*chosen, "`all` of no events waits for nothing");
    for (std::size_t i = 0; i < tree_.size(*chosen); ++i)
      into.filters.push_back(event_filter(id, tree_.item(*chosen, i)));
  }
  const YamlNode* until = m.get("until");
  if (until == nullptr) return;
  if (into.mode != EventMode::any) return error(*until, "`until` goes with `any` only");
  if (until->type == YamlNode::Type::scalar) {
    into.until = expression(until, "until", id, Stage::asked);
    return;
  }
  EventsSpec stop;
  event_strategy(id, *until, stop, true);
  into.until_events = std::move(stop.filters);
  into.until_mode = stop.mode;
}

plan::EventFilter OwsLoader::event_filter(NodeId id, const YamlNode& node) {
  plan::EventFilter filter;
  const Members m(*this, node, "filter", {"with", "correlate"});
  if (const YamlNode* with = m.get("with"); with == nullptr) {
    required(m, node, "filter", {"with"});
  } else if (with->type != YamlNode::Type::mapping || tree_.size(*with) == 0) {
    error(*with, "`with` takes a mapping of at least one attribute");
  } else {
    for (std::size_t i = 0; i < tree_.size(*with); ++i) {
      filter.attributes.emplace_back(tree_.key(*with, i).text);
      filter.values.push_back(data(tree_.value(*with, i), id, Stage::asked));
    }
  }
  if (const YamlNode* n = m.get("correlate"); n != nullptr) correlations(id, *n, filter);
  return filter;
}

void OwsLoader::correlations(NodeId id, const YamlNode& node, plan::EventFilter& filter) {
  if (node.type != YamlNode::Type::mapping)
    return error(node, "`correlate` takes a mapping of names to `{from, expect}`");
  for (std::size_t i = 0; i < tree_.size(node); ++i) {
    const YamlNode& one = tree_.value(node, i);
    const Members m(*this, one, tree_.key(node, i).text, {"from", "expect"});
    if (!required(m, one, tree_.key(node, i).text, {"from"})) continue;
    plan::Correlation made;
    made.name = std::string(tree_.key(node, i).text);
    made.from = expression(m.get("from"), "from", id, Stage::asked);
    if (const YamlNode* n = m.get("expect"); n != nullptr) made.expect = data(*n, id, Stage::asked);
    filter.correlate.push_back(std::move(made));
  }
}

void OwsLoader::iterator(NodeId id, const YamlNode& node, EventsSpec& into) {
  const Members m(*this, node, "foreach", {"item", "at", "do", "output", "export"});
  if (!m.valid()) return;
  into.foreach = true;
  into.item = variable(m.get("item"), "item", into.item);
  into.index = variable(m.get("at"), "at", into.index);
  if (into.item == into.index) error(node, "the item and its index can't both be called `" + into.item + "`");
  const std::vector<std::string> outer = variables_;
  variables_.push_back(into.item);
  variables_.push_back(into.index);
  const NodeId made = make(node, "foreach", true, id, flow(id).pointer);
  output_of(made, m.get("output"), Stage::output);
  export_of(made, m.get("export"));
  if (const YamlNode* n = m.get("do"); n != nullptr) fill(made, *n, flow(id).pointer + "/foreach/do");
  at(id).children = {made};
  variables_ = outer;
}

}  // namespace perdure::loaders
