// listen of the Open Workflow Specification: takes events from those the run has received, in their order, until its
// strategy is satisfied (docs/ows.md, L).
#include <re2/re2.h>

#include <algorithm>

#include "base/json.h"
#include "decider/turn.h"

namespace perdure::decider {
namespace {

constexpr int k_regex_memory = 1 << 20;

// An object needs at least the members that are wanted, anything else is compared whole.
bool contains(const Value& actual, const Value& wanted) {
  if (!wanted.is_object() || !actual.is_object()) return actual == wanted;
  for (const auto& [name, value] : wanted.members()) {
    const Value* member = actual.find(name.as_string());
    if (member == nullptr || !contains(*member, value)) return false;
  }
  return true;
}

bool text_matches(std::string_view wanted, std::string_view actual) {
  if (wanted == actual) return true;
  RE2::Options options(RE2::Quiet);
  options.set_max_mem(k_regex_memory);
  const RE2 pattern(wanted, options);
  return pattern.ok() && RE2::FullMatch(actual, pattern);
}

bool constant_matches(const Value& wanted, const Value& actual) {
  if (wanted.is_string() && actual.is_string()) return text_matches(wanted.as_string(), actual.as_string());
  return contains(actual, wanted);
}

// As far as can be told without evaluating anything.
bool may_match(const plan::EventFilter& filter, const Value& event) {
  for (std::size_t i = 0; i < filter.attributes.size(); ++i) {
    const Value* actual = event.find(filter.attributes[i]);
    if (actual == nullptr || actual->is_null()) return false;
    const plan::Template& wanted = filter.values[i];
    if (wanted.type == plan::Template::Type::constant && !constant_matches(wanted.constant, *actual)) return false;
  }
  return true;
}

bool all_met(const std::vector<std::uint8_t>& met) {
  return std::all_of(met.begin(), met.end(), [](std::uint8_t one) { return one != 0; });
}

}  // namespace

// Whether some listen of the plan could take it, now or later.
bool Turn::may_want(const Value& event) const {
  const auto any = [&](const std::vector<plan::EventFilter>& filters) {
    return std::any_of(filters.begin(), filters.end(), [&](const auto& filter) { return may_match(filter, event); });
  };
  for (const plan::Node& n : plan_.nodes) {
    if (!n.flow || !n.flow->events) continue;
    const plan::EventsSpec& spec = *n.flow->events;
    if (any(spec.filters) || any(spec.until_events)) return true;
    if (!spec.filters.empty() || spec.mode == plan::EventMode::fed) continue;
    for (const Frame& f : state_.frames)  // every event, but only while it listens
      if (f.live && f.node == n.id && f.listening) return true;
  }
  return false;
}

void Turn::advance_events(FrameId id) {
  const plan::EventsSpec& spec = *node(id).flow->events;
  if (spec.mode == plan::EventMode::fed) return advance_subscription(id);
  while (true) {
    const Frame& f = frame(id);
    if (f.live_children > 0 || !f.listening) return;
    if (f.child_fault) {
      settle_failure(id, f.child_fault);
      return;
    }
    const std::size_t taken = f.items->items.size();
    if (!state_.ending && spec.foreach && f.iteration < taken) {
      if (is_long()) {
        wake(id);
        return;
      }
      emit(history::LoopIterated{id, f.iteration + 1});
      enter(node(id).children.at(0), id, 0, Role::step);
      continue;
    }
    bool done = state_.ending;
    if (spec.mode == plan::EventMode::all) done = done || all_met(f.listening->met);
    else if (spec.mode == plan::EventMode::one) done = done || taken > 0;
    else if (!spec.until_events.empty())
      done = done || (spec.until_mode == plan::EventMode::all
                          ? all_met(f.listening->until_met)
                          : std::count(f.listening->until_met.begin(), f.listening->until_met.end(), 1) > 0);
    else if (spec.until == plan::k_none) done = done || (taken > 0 && !spec.forever);
    else if (taken > 0 && !done) {
      Surroundings s = around(id);
      s.dot = &f.items->items;
      const auto over = evaluate_condition(state_, spec.until, s);
      if (!over) {
        settle_failure(id, over.error());
        return;
      }
      done = *over;
    }
    if (done) break;
    if (!take_event(id)) return;
  }
  complete_listen(id);
}

void Turn::complete_listen(FrameId id) {
  const Frame& f = frame(id);
  if (!node(id).flow->events->foreach) {
    complete(id, history::OutputKind::inline_, k_none, Bytes(to_json(f.items->items)));
    return;
  }
  std::string out = "[";
  for (const Bytes& result : f.items->results) {
    if (out.size() > 1) out.push_back(',');
    out += result.empty() ? std::string_view("null") : result.view();
  }
  complete(id, history::OutputKind::inline_, k_none, Bytes(out + "]"));
}

Evaluated<bool> Turn::attribute_matches(FrameId id, const plan::Template& wanted, const Value& actual) const {
  if (wanted.type == plan::Template::Type::constant) return constant_matches(wanted.constant, actual);
  Surroundings s = around(id);
  s.dot = &actual;
  const auto value = render(state_, wanted, s);
  if (!value) return tl::unexpected<FaultPtr>(value.error());
  return value->is_bool() ? value->as_bool() : contains(actual, *value);
}

// `keys`: correlation values known so far; those that this event sets are added.
Evaluated<bool> Turn::event_matches(FrameId id, const plan::EventFilter& filter, const Value& event,
                                    Value& keys) const {
  for (std::size_t i = 0; i < filter.attributes.size(); ++i) {
    const Value* actual = event.find(filter.attributes[i]);
    if (actual == nullptr || actual->is_null()) return false;
    auto fits = attribute_matches(id, filter.values[i], *actual);
    if (!fits || !*fits) return fits;
  }
  Value found = keys;
  for (const plan::Correlation& one : filter.correlate) {
    Surroundings s = around(id);
    s.dot = &event;
    auto value = evaluate(state_, one.from, s);
    if (!value) return tl::unexpected<FaultPtr>(value.error());
    if (value->is_null()) return false;
    if (!one.expect.is_null()) {
      const auto expected = render(state_, one.expect, around(id));
      if (!expected) return tl::unexpected<FaultPtr>(expected.error());
      if (!(*expected == *value)) return false;
    } else if (const Value* known = found.find(one.name); known != nullptr) {
      if (!(*known == *value)) return false;
    } else {
      found.set(one.name, std::move(*value));
    }
  }
  keys = std::move(found);
  return true;
}

// The first event that the listen can use. False when there is none, or the listen has ended with a fault.
bool Turn::take_event(FrameId id) {
  const plan::EventsSpec& spec = *node(id).flow->events;
  const Frame& f = frame(id);
  const auto offer = [&](const plan::EventFilter& filter, std::uint32_t index, bool until, const PendingEvent& pending,
                         const Value& event) -> Evaluated<bool> {
    Value keys = f.listening->keys;
    auto fits = event_matches(id, filter, event, keys);
    if (!fits || !*fits) return fits;
    Bytes changed = keys == f.listening->keys ? Bytes() : Bytes(to_json(keys));
    emit(history::EventConsumed{id, pending.seq, index, until, std::move(changed)});
    return true;
  };
  for (std::size_t at = 0; at < state_.events.size(); ++at) {
    const PendingEvent pending = state_.events[at];
    const auto event = parse_json(pending.event.view());
    if (!event) continue;
    for (std::uint32_t i = 0; i < spec.until_events.size() + spec.filters.size(); ++i) {
      const bool until = i < spec.until_events.size();
      const auto index = static_cast<std::uint32_t>(until ? i : i - spec.until_events.size());
      const bool met = until ? f.listening->until_met[index] != 0
                             : spec.mode == plan::EventMode::all && f.listening->met[index] != 0;
      if (met) continue;
      const auto fits = offer(until ? spec.until_events[index] : spec.filters[index], index, until, pending, *event);
      if (!fits) {
        settle_failure(id, fits.error());
        return false;
      }
      if (*fits) return true;
    }
    if (spec.filters.empty() && spec.mode == plan::EventMode::any && pending.seq > f.command) {
      emit(history::EventConsumed{id, pending.seq, 0, false, {}});
      return true;
    }
  }
  return false;
}

}  // namespace perdure::decider
