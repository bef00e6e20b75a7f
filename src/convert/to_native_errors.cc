// try, and which errors it catches.
#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/json.h"
#include "convert/texts.h"
#include "convert/to_native.h"

namespace perdure::convert {
namespace {

// The name of a standard error type in any of its spellings, or nothing.
std::string standard_name(std::string_view type) {
  for (const std::string_view host : {"open-workflow-specification.org/", "serverlessworkflow.io/"})
    for (const std::string_view path : {"dsl/errors/types/", "spec/1.0."}) {
      const std::size_t at = type.find(std::string(host) + std::string(path));
      if (at == std::string_view::npos || !type.starts_with("http")) continue;
      return std::string(type.substr(type.rfind('/') + 1));
    }
  return {};
}

// Errors of the native engine by the standard's name.
std::vector<std::string> native_types(std::string_view name) {
  if (name == "communication") return {"http.*"};
  if (name == "timeout") return {"timeout.*", "review.timeout"};
  if (name == "expression") return {"expression"};
  if (name == "validation") return {"schema"};
  if (name == "configuration")
    return {"validation", "configuration", "openapi.*", "subflow.not_found", "activity.unknown"};
  if (name == "authentication") return {"auth.token"};
  if (name == "authorization") return {"http.blocked"};
  if (name == "runtime") return {"shell.*", "loop.limit", "activity.exception"};
  return {};
}

// `.error` as the standard shows it.
const std::string& error_document() {
  static const std::string document = one_line(R"jq((.error | .type as $t | if ($t | test(":|^/")) then . else
  ([["secret", "authorization", 403], ["review.timeout", "timeout", 408], ["http.blocked", "authorization", 403],
    ["http", "communication", 500], ["timeout", "timeout", 408], ["expression", "expression", 400],
    ["schema", "validation", 400], ["validation", "configuration", 400], ["configuration", "configuration", 400],
    ["openapi", "configuration", 400], ["auth.token", "authentication", 401], ["subflow.", "configuration", 400],
    ["activity.unknown", "configuration", 400], ["", "runtime", 500]]
   | map(select(.[0] as $p | $t | startswith($p)))[0]) as $m
  | .type = "https://open-workflow-specification.org/spec/1.0.0/errors/" + $m[1]
  | .status = (if (.status // 0) == 0 or $m[1] == "runtime" then $m[2] else .status end) end))jq");
  return document;
}

}  // namespace

Doc ToNative::policy(const plan::Retry& r) {
  Doc made = Doc::map({{"initial", short_duration(r.initial_ms)}});
  made.set("factor", Doc(Value(r.backoff == plan::BackoffKind::fixed ? 1.0 : r.factor)));
  made.set("max_interval", short_duration(r.max_interval_ms));
  made.set("max_attempts", Doc(Value(std::int64_t{r.max_attempts})));
  made.set("jitter", "none");
  return made;
}

// The error filter as `errors` and as a part of `when`.
void ToNative::errors_of(const plan::ErrorFilter& filter, Doc& clause, std::string& when) {
  const auto also = [&](const std::string& one) { when += (when.empty() ? "" : " and ") + one; };
  if (!filter.type.empty()) {
    Doc types = Doc::list({Doc(filter.type)});
    const std::string standard = standard_name(filter.type);
    std::set<std::string> seen{filter.type};
    for (const Node& n : plan_.nodes) {  // other spellings of the same
      if (n.kind != Kind::raise || !n.raise || !n.raise->type.constant.is_string()) continue;
      const std::string spelled(n.raise->type.constant.as_string());
      if (!standard.empty() && standard_name(spelled) == standard && seen.insert(spelled).second) types.push(spelled);
    }
    for (const std::string& native : native_types(standard)) types.push(native);
    if (filter.type == "https://perdure.dev/errors/review-rejected") types.push("review.rejected");
    clause.set("errors", std::move(types));
  }
  if (filter.status != 0) also(fmt::format("({}.status == {})", error_document(), filter.status));
  if (!filter.title.empty()) also("(.error.title == " + quoted(filter.title) + ")");
  if (!filter.detail.empty()) also("(.error.detail == " + quoted(filter.detail) + ")");
}

// What the clause catches, and when it tries again, in `retrying` and `handling`.
void ToNative::conditions(const Node& n, Doc& retrying, Doc& handling) {
  const plan::Catch& c = n.catches[0];
  const plan::FlowCatch& flow = n.flow->catches[0];
  const auto outer = variables_;
  variables_[flow.as] = error_document();
  const std::string dot = std::exchange(site_.dot, error_document());
  std::string when;
  errors_of(flow.with, handling, when);
  retrying = handling;
  const auto also = [&](ExprId id, bool holds, std::string& into) {
    if (id == k_none) return;
    into += (into.empty() ? "" : " and ") + (holds ? "(" + said(id) + ")" : "((" + said(id) + ") | not)");
  };
  also(c.when, true, when);
  also(flow.except_when, false, when);
  std::string again = when;
  also(flow.retry_when, true, again);
  also(flow.retry_except_when, false, again);
  if (!when.empty()) handling.set("when", wrapped(when));
  if (!again.empty()) retrying.set("when", wrapped(again));
  site_.dot = dot;
  variables_ = outer;
  if (c.retry) retrying.set("retry", policy(*c.retry));
  if (!flow.with.instance.empty())
    lost(place_of(n, {"catch"}), "errors are not told apart by `instance` there", "use `type` or `status`");
  if (n.flow->times && !n.flow->times->retries.empty())
    lost(place_of(n, {"catch"}), "delays and limits by expressions are not carried over", "write them out");
  if (flow.retry_for_ms > 0)
    lost(place_of(n, {"catch"}), "`retry.limit.duration` is not carried over", "limit the attempts");
  if (flow.jitter_to_ms > 0) changed(place_of(n, {"catch"}), "delays are not spread there", "write `jitter: full`");
}

// The steps that follow an error; what they give is kept under `out`.
Doc ToNative::handler(const Node& n, const std::string& out) {
  const plan::FlowCatch& flow = n.flow->catches[0];
  const NodeId body = n.catches[0].body;
  const auto outer = variables_;
  const std::string caught = key("error", id_of(n));
  Doc steps = Doc::list();
  Doc first = Doc::map({{"id", unique(id_of(n) + "_caught")}});
  first.set("set", Doc::map({{caught, wrapped(error_document())}}));
  steps.push(std::move(first));
  variables_[flow.as] = member(".context", caught);
  in_ = site_.input;
  if (machine_.list != nullptr && flow.then.next != plan::Next::proceed) {
    Doc next = Doc::map({{"id", unique(id_of(n) + "_then")}});
    next.set("set", Doc::map({{machine_.next, wrapped(place_after(flow.then))}}));
    steps.push(std::move(next));
  }
  if (body != k_none) list(node(body), steps);
  Doc last = Doc::map({{"id", unique(id_of(n) + "_handled")}});
  last.set("set", Doc::map({{out, wrapped(in_)}}));
  steps.push(std::move(last));
  variables_ = outer;
  return steps;
}

// Trying again is a clause of its own: an error that it has not mended is for the handler, or goes on.
void ToNative::attempt(const Node& n, Doc& into) {
  const std::string name = id_of(n), out = key("data", name);
  const Node& tried = node(n.children[0]);
  Doc steps = Doc::list();
  list(tried, steps);
  if (tried.timeouts.start_to_close_ms > 0 && !steps.items().empty()) {
    Doc limited = Doc::map({{"id", unique(name + "_attempt")}});
    limited.set("timeout", short_duration(tried.timeouts.start_to_close_ms));
    limited.set("steps", std::move(steps));
    steps = Doc::list({std::move(limited)});
  }
  Doc last = Doc::map({{"id", unique(name + "_done")}});
  last.set("set", Doc::map({{out, wrapped(in_)}}));
  steps.push(std::move(last));
  Doc retrying = Doc::map(), handling = Doc::map();
  conditions(n, retrying, handling);
  const bool again = n.catches[0].retry.has_value();
  const bool handles = !again || n.catches[0].body != k_none || n.flow->catches[0].then.next != plan::Next::proceed;
  Doc clauses = Doc::list();
  if (again) clauses.push(std::move(retrying));
  if (handles) {
    handling.set("steps", handler(n, out));
    clauses.push(std::move(handling));
  }
  Doc step = step_of(n);
  step.set("try", std::move(steps));
  step.set("catch", clauses.items().size() == 1 ? std::move(clauses.items()[0]) : std::move(clauses));
  common(n, step);
  into.push(std::move(step));
  in_ = member(".context", out);
}

}  // namespace perdure::convert
