// What every step may have: conditions, items, retries, what follows an error, what undoes it.
#include <fmt/format.h>

#include <algorithm>

#include "base/json.h"
#include "convert/texts.h"
#include "convert/to_ows.h"
#include "policy/retry.h"

namespace perdure::convert {
namespace {

// Errors that the engine tries again by itself; the rest are fatal.
constexpr std::string_view k_again = "${ .status >= 500 or (.status | . == 408 or . == 425 or . == 429) }";

std::string preset_named(const plan::Retry& r) {
  for (const std::string& name : policy::preset_names()) {
    const auto p = policy::preset(name);
    if (p && p->initial_ms == r.initial_ms && p->factor == r.factor && p->max_interval_ms == r.max_interval_ms &&
        p->max_attempts == r.max_attempts && static_cast<int>(p->backoff) == static_cast<int>(r.backoff) &&
        static_cast<int>(p->jitter) == static_cast<int>(r.jitter) && p->non_retryable == r.non_retryable)
      return name;
  }
  return {};
}

}  // namespace

// A policy of the standard: the name of one in `use.retries`, or the policy itself.
Doc ToOws::retry(const plan::Retry& r, plan::Place at, bool inline_only, bool any_error) {
  Doc policy = Doc::map();
  std::string when(any_error ? "${ true }" : k_again);
  if (r.non_retryable.size() > 0) {  // `.` is the error in all of them
    plan::Catch all;
    all.errors = r.non_retryable;
    when = wrapped("(" + when.substr(3, when.size() - 5) + ") and ((" + condition_on_error(all) + ") | not)");
  }
  if (!inline_only && when != "${ true }") policy.set("when", when);
  if (r.initial_ms > 0) policy.set("delay", iso_duration(r.initial_ms));
  const bool fixed = r.backoff == plan::BackoffKind::fixed || r.factor == 1.0;
  const char* kind = fixed ? "constant" : r.backoff == plan::BackoffKind::linear ? "linear" : "exponential";
  policy.set("backoff", Doc::map({{kind, Doc::map()}}));
  if (r.max_attempts > 0)
    policy.set("limit", Doc::map({{"attempt", Doc::map({{"count", Doc(Value(std::int64_t{r.max_attempts} - 1))}})}}));
  if (!fixed && r.factor != 2.0 && r.backoff == plan::BackoffKind::exponential)
    changed(at, "the time between attempts doubles there; it grew by another factor", "give it another first delay");
  if (inline_only) return policy;
  std::string name = preset_named(r);
  if (name.empty()) name = fmt::format("retry_{}", retries_.size() + 1);
  const std::string written = to_yaml(policy, {});
  for (const auto& [known, old] : retries_)
    if (to_yaml(old, {}) == written) return {known};
  for (const auto& [known, old] : retries_)
    if (known == name) name += "_" + std::to_string(retries_.size() + 1);
  retries_.emplace_back(name, std::move(policy));
  return {name};
}

// What the standard has no word for.
void ToOws::not_carried(const Node& n) {
  const auto gone = [&](bool there, Fields fields, const char* mend) {
    if (there) lost(place_of(n, fields), "`" + std::string(*fields.begin()) + "` is not carried over", mend);
  };
  gone(!n.saga.empty(), {"saga"}, "there the run is the only scope that is undone");
  gone(n.pivot, {"pivot"}, "give no compensation to what must stay");
  gone(n.breaker != nullptr && n.breaker->explicitly_set, {"breaker"}, "the standard has no circuit breakers");
  gone(n.rate_limit.per_second != 0, {"rate_limit"}, "the standard has no rate limits");
  gone(n.cache_for_ms != 0, {"cache"}, "the standard has no cache");
  gone(!n.idempotency_key.is_null() && (n.kind != Kind::activity || n.activity->type != "http"), {"idempotency_key"},
       "only http has a place for it, a header");
  const loaders::YamlNode* mapping = written(n);
  const auto has = [&](std::string_view field) { return mapping != nullptr && tree_.find(*mapping, field) != nullptr; };
  gone(has("priority"), {"priority"}, "the standard has no priorities");
  gone(has("queue"), {"queue"}, "the standard has no task queues");
  gone(n.timeouts.schedule_to_start_ms != 0, {"schedule_to_start", "timeout"}, "limit the whole task by `timeout`");
  gone(n.timeouts.heartbeat_ms != 0, {"heartbeat", "timeout"}, "the standard has no heartbeats");
  if (has("jitter") || (mapping != nullptr && n.retry && n.retry->jitter != plan::JitterKind::none &&
                        (has("retry_policy") || has("retry")) && preset_named(*n.retry).empty()))
    changed(place_of(n, {"retry", "retry_policy"}), "delays between attempts are not spread (`jitter`) there",
            "the standard adds a fixed range: `jitter: {from, to}`");
}

void ToOws::metadata(const Node& n, Doc& body) {
  Doc metadata = Doc::map();
  if (!n.summary.empty()) metadata.set("perdure.dev/summary", n.summary);
  if (!n.budget.is_null()) metadata.set("perdure.dev/budget", Doc(n.budget));
  if (n.compensation != k_none)
    if (Doc undo = compensation(n, node(n.compensation)); undo.find("call") != nullptr || undo.find("run") != nullptr)
      metadata.set("perdure.dev/compensate", std::move(undo));
  if (const loaders::YamlNode* mapping = written(n); mapping != nullptr)
    if (const loaders::YamlNode* own = tree_.find(*mapping, "metadata"); own != nullptr) {
      const Value kept = loaders::to_value(tree_, *own);
      for (const auto& [key, v] : kept.is_object() ? kept.members() : std::vector<Value::Member>{})
        if (!key.as_string().starts_with("perdure.dev/")) metadata.set(std::string(key.as_string()), Doc(v));
    }
  if (!metadata.empty()) body.set("metadata", std::move(metadata));
}

// One call or process that gets what it undoes as `$out`.
Doc ToOws::compensation(const Node& of, const Node& n) {
  const bool whole_http = of.kind == Kind::activity && of.activity->type == "http";
  Template scratch;
  if (whole_http && part_of(of.activity->with, "output", scratch) == nullptr)
    out_shape_ = "{status: .statusCode, headers: .headers, body: .content}";
  if (of.kind == Kind::activity && (of.activity->type == "shell" || of.activity->type == "script"))
    out_shape_ = "{exit_code: 0, stdout: ., stderr: \"\"}";
  const std::vector<Loop> outer = std::exchange(loops_, {});
  in_compensation_ = true;
  for (const plan::Expression& e : plan_.exprs)
    if (e.owner == n.id && (e.uses_item || e.uses_index || e.uses_error))
      lost(e.place, "`.item`, `.index` and `.error` are not there when a step is undone",
           "let the step's result hold what is needed: `$out`");
  not_carried(n);
  Doc task = activity(n);
  in_compensation_ = false;
  loops_ = outer;
  out_shape_.clear();
  Doc made = Doc::map();
  for (const std::string_view key : {"call", "with", "run"})
    if (Doc* part = task.find(key); part != nullptr) made.set(std::string(key), std::move(*part));
  if (made.empty())
    lost(place_of(of, {"compensation"}), "what undoes `" + of.name + "` can't be said in the standard",
         "undo it by a call of http or a process");
  if (made.empty()) return made;
  if (n.timeouts.start_to_close_ms > 0)
    made.set("timeout", Doc::map({{"after", iso_duration(n.timeouts.start_to_close_ms)}}));
  if (n.retry && n.retry->max_attempts != 1) made.set("retry", retry(*n.retry, n.place, true));
  const bool http = of.kind == Kind::activity && of.activity->type == "http";
  for (const plan::Expression& e : plan_.exprs)
    if (e.owner == n.id && mentions(e.source, "$args") && !http)
      lost(e.place, "`$args` has other members there", "take the value from the input or an output");
  return made;
}

// Retries, and what follows an error that is left.
Doc ToOws::guarded(const Node& n, Doc body, const std::string& name) {
  const bool again = n.retry && n.retry->max_attempts != 1;
  if (!again && n.on_error == plan::OnError::fail) return body;
  const bool told = status_.count(n.id) > 0 && n.on_error != plan::OnError::fail;
  if (told) add_export(body, step_at(n.id) + " = {status: \"completed\", output: $output}");
  Doc list = Doc::list();
  list.push(Doc::map({{name, std::move(body)}}));
  Doc task = Doc::map({{"try", std::move(list)}});
  Doc handler = Doc::map();
  if (again) handler.set("retry", retry(*n.retry, place_of(n, {"retry", "retry_policy"}), false));
  const std::string outer = error_;
  if (n.on_error == plan::OnError::fallback) {
    error_ = "$error";
    const Node& fallback = node(n.fallback);
    Doc instead = Doc::list();
    entry(instead, fallback);
    handler.set("do", std::move(instead));
  } else if (n.on_error == plan::OnError::proceed) {
    Doc failed = nothing();
    if (told) add_export(failed, step_at(n.id) + " = {status: \"failed\", output: null, error: $error}");
    Doc instead = Doc::list();
    instead.push(Doc::map({{"failed", std::move(failed)}}));
    handler.set("do", std::move(instead));
  }
  error_ = outer;
  task.set("catch", std::move(handler));
  return task;
}

// One after the other; each puts what it gives behind what was there.
Doc ToOws::for_each(const Node& n, Doc body, const std::string& name) {
  const plan::Expression& when = n.when != k_none ? expression(n.when) : plan::Expression{};
  const bool per_item = n.when != k_none && (when.uses_item || when.uses_index);
  Doc one;
  if (per_item) {
    body.set_first("if", wrapped(said(n.when)));
    one = do_list({{name == "none" ? "none_" : "none", nothing()}, {name, std::move(body)}});
  } else {
    one = do_list({{name, std::move(body)}});
  }
  shape(one, "$input + [.]");
  const Loop own = loops_.back();
  loops_.pop_back();
  Doc each = Doc::map({{"each", own.item.substr(1)}, {"at", own.index.substr(1)}, {"in", wrapped(said(n.foreach))}});
  loops_.push_back(own);
  Doc list = Doc::list();
  list.push(Doc::map({{"one", std::move(one)}}));
  if (n.foreach_parallel > 1)
    changed(place_of(n, {"parallel"}),
            "items run one after the other there, not " + std::to_string(n.foreach_parallel) + " at a time",
            "results are the same; only time is lost");
  Doc task = Doc::map({{"input", Doc::map({{"from", "${ [] }"}})}});
  task.set("for", std::move(each));
  task.set("do", std::move(list));
  return task;
}

// What expressions of the native dialect find in the run's document.
void ToOws::exports(const Node& n, Doc& task) {
  if (needed_.count(n.id) > 0) add_export(task, step_at(n.id) + ".output = $output");
  const bool told = status_.count(n.id) > 0 && n.on_error == plan::OnError::fail;
  if (told) add_export(task, step_at(n.id) + ".status = \"completed\"");
  for (const std::string& name : n.outputs) {
    const std::string part = member("$output", name);
    const std::string one = "(if ($output | type) == \"object\" and ($output | has(" + quoted(name) + ")) then " +
                            part + " else $output end)";
    add_export(task, member(".outputs", name) + " = " + (n.outputs.size() == 1 ? one : part));
  }
}

Doc ToOws::step(const Node& n) {
  const std::string name = name_for(n);
  const bool each = n.foreach != k_none;
  if (each) {
    const std::string depth = loops_.empty() ? "" : std::to_string(loops_.size() + 1);
    loops_.push_back({"$item" + depth, "$index" + depth});
  }
  not_carried(n);
  Doc body = kind(n, name);
  metadata(n, body);
  const bool timed = n.timeouts.start_to_close_ms > 0 && n.kind != Kind::wait;
  if (n.kind == Kind::wait && n.timeouts.start_to_close_ms > 0)
    changed(place_of(n, {"timeout"}), "`timeout` of a wait has no effect, and is left out",
            "put the wait into a block with a `timeout`");
  if (timed && body.find("timeout") == nullptr)
    body.set("timeout", Doc::map({{"after", iso_duration(n.timeouts.start_to_close_ms)}}));
  if (n.kind == Kind::set) add_export(body, ".context += $output");
  Doc task = guarded(n, std::move(body), name);
  if (n.timeouts.schedule_to_close_ms > 0) {
    if (task.find("timeout") != nullptr) task = do_list({{name, std::move(task)}});
    task.set("timeout", Doc::map({{"after", iso_duration(n.timeouts.schedule_to_close_ms)}}));
  }
  const bool per_item = each && n.when != k_none && (expression(n.when).uses_item || expression(n.when).uses_index);
  if (each) {
    task = for_each(n, std::move(task), name);
    loops_.pop_back();
  }
  if (n.when != k_none && !per_item) {
    const bool stale = !loops_.empty() && needed_.count(n.id) > 0;
    if (stale) task = do_list({{name == "none" ? "none_" : "none", nothing()}, {name, std::move(task)}});
    (stale ? task.find("do")->items()[1].members()[0].second : task).set_first("if", wrapped(said(n.when)));
  }
  exports(n, task);
  return task;
}

}  // namespace perdure::convert
