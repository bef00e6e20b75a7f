#pragma once
// Visits what hangs on a node: its bodies (every node whose parent it is) and its templates.
#include <type_traits>

#include "plan/plan.h"

namespace perdure::plan {

enum class BodyRole : std::uint8_t { child, branch, handler, finally, fallback, breaker_fallback, compensation };

// Calls f(NodeId or NodeId&, BodyRole) for each body in canonical order; absent ones are left out.
template <class NodeT, class F>
void for_each_body(NodeT& node, F&& f) {
  for (auto& id : node.children)
    if (id != k_none) f(id, BodyRole::child);
  for (auto& c : node.cases)
    if (c.body != k_none) f(c.body, BodyRole::branch);
  for (auto& c : node.catches)
    if (c.body != k_none) f(c.body, BodyRole::handler);
  if (node.finally != k_none) f(node.finally, BodyRole::finally);
  if (node.fallback != k_none) f(node.fallback, BodyRole::fallback);
  if (node.breaker && node.breaker->fallback != k_none) f(node.breaker->fallback, BodyRole::breaker_fallback);
  if (node.compensation != k_none) f(node.compensation, BodyRole::compensation);
}

// Calls f(Template or Template&, name) for each template of the node; absent ones may be left out.
template <class NodeT, class F>
void for_each_template(NodeT& node, F&& f) {
  const auto rare = [&](auto& t, const char* name) {
    if (t.is_null()) return;
    if constexpr (std::is_const_v<NodeT>) f(t.get(), name);
    else f(*t.edit(), name);
  };
  rare(node.idempotency_key, "idempotency_key");
  rare(node.cache_key, "cache.key");
  rare(node.set, "set");
  if (node.activity) f(node.activity->with, "with");
  if (node.loop) f(node.loop->times, "times");
  if (node.wait) {
    f(node.wait->duration, "wait");
    f(node.wait->until, "wait_until");
  }
  if (node.listen) f(node.listen->signal, "listen.signal");
  if (node.review) {
    f(node.review->reviewers, "reviewers");
    f(node.review->data, "data");
    f(node.review->form, "form");
    f(node.review->escalate_to, "escalate_to");
  }
  if (node.emit) {
    f(node.emit->type, "emit.type");
    f(node.emit->data, "emit.data");
  }
  if (node.subflow) {
    f(node.subflow->name, "subflow");
    f(node.subflow->with, "with");
  }
  if (node.raise) {
    f(node.raise->type, "raise.type");
    f(node.raise->title, "raise.title");
    f(node.raise->detail, "raise.detail");
    f(node.raise->status, "raise.status");
  }
  if (node.map) f(node.map->tasks, "map.tasks");
  if (!node.flow) return;
  rare(node.flow->input_from, "input.from");
  rare(node.flow->output_as, "output.as");
  rare(node.flow->export_as, "export.as");
  if (node.flow->times) {
    rare(node.flow->times->timeout, "timeout");
    for (auto& retry : node.flow->times->retries) {
      rare(retry.delay, "retry.delay");
      rare(retry.limit, "retry.limit");
      rare(retry.jitter_from, "retry.jitter.from");
      rare(retry.jitter_to, "retry.jitter.to");
    }
  }
  if (!node.flow->events) return;
  const auto filters = [&](auto& list) {
    for (auto& filter : list) {
      for (auto& value : filter.values) f(value, "with");
      for (auto& one : filter.correlate) f(one.expect, "correlate.expect");
    }
  };
  filters(node.flow->events->filters);
  filters(node.flow->events->until_events);
}

// Whether a node is a list of steps.
inline bool is_block(Kind kind) {
  return kind == Kind::sequential || kind == Kind::parallel || kind == Kind::dag || kind == Kind::graph ||
         kind == Kind::race || kind == Kind::tasks;
}

}  // namespace perdure::plan
