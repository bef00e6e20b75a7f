#pragma once
// Which fields of a node its encoding has. Not for other modules.
#include <cstdint>

#include "plan/plan.h"

namespace perdure::plan {

// What of a node is present; in this order in the encoding. Never renumber.
enum Bit : unsigned {
  has_summary,
  has_when,
  has_foreach,
  has_retry,
  has_timeouts,
  has_on_error,
  has_fallback,
  has_compensation,
  has_pivot,
  has_saga,
  has_outputs,
  has_priority,
  has_queue,
  has_breaker,
  has_rate_limit,
  has_idempotency_key,
  has_cache,
  has_budget,
  has_children,
  has_edges,
  has_cases,
  has_catches,
  has_finally,
  has_condition,
  has_set,
  has_activity,
  has_loop,
  has_wait,
  has_listen,
  has_review,
  has_emit,
  has_subflow,
  has_raise,
  has_map,
  has_made_up,
  has_flow,
  has_flow_times,
  has_detached,
  bit_count,
};

inline std::uint64_t presence(const Node& n) {
  std::uint64_t mask = 0;
  const auto put = [&](Bit bit, bool present) {
    if (present) mask |= std::uint64_t{1} << bit;
  };
  const Timeouts& t = n.timeouts;
  put(has_summary, !n.summary.empty());
  put(has_when, n.when != k_none);
  put(has_foreach, n.foreach != k_none);
  put(has_retry, n.retry != nullptr);
  put(has_timeouts,
      t.start_to_close_ms != 0 || t.schedule_to_start_ms != 0 || t.schedule_to_close_ms != 0 || t.heartbeat_ms != 0);
  put(has_on_error, n.on_error != OnError::fail);
  put(has_fallback, n.fallback != k_none);
  put(has_compensation, n.compensation != k_none);
  put(has_pivot, n.pivot);
  put(has_saga, !n.saga.empty());
  put(has_outputs, !n.outputs.empty());
  put(has_priority, n.priority != Priority::normal);
  put(has_queue, !n.queue.empty());
  put(has_breaker, n.breaker != nullptr);
  put(has_rate_limit, n.rate_limit.per_second != 0);
  put(has_idempotency_key, !n.idempotency_key.is_null());
  put(has_cache, n.cache_for_ms != 0 || !n.cache_key.is_null());
  put(has_budget, !n.budget.is_null());
  put(has_children, !n.children.empty());
  put(has_edges, n.kind == Kind::dag || n.kind == Kind::graph);
  put(has_cases, !n.cases.empty());
  put(has_catches, !n.catches.empty());
  put(has_finally, n.finally != k_none);
  put(has_condition, n.condition != k_none);
  put(has_set, !n.set.is_null());
  put(has_activity, n.activity != nullptr);
  put(has_loop, n.loop != nullptr);
  put(has_wait, n.wait != nullptr);
  put(has_listen, n.listen != nullptr);
  put(has_review, n.review != nullptr);
  put(has_emit, n.emit != nullptr);
  put(has_subflow, n.subflow != nullptr);
  put(has_raise, n.raise != nullptr);
  put(has_map, n.map != nullptr);
  put(has_made_up, n.made_up);
  put(has_flow, n.flow != nullptr);
  put(has_flow_times, n.flow && n.flow->times);
  put(has_detached, n.activity && n.activity->detached);
  return mask;
}

}  // namespace perdure::plan
