// The canonical encoding, docs/formats/plan.md. One description of the fields (`fields`) serves both directions, so
// that they can't drift apart.
#include "plan/archive.h"
#include "plan/finalize.h"
#include "plan/node_mask.h"
#include "plan/walk.h"

namespace perdure::plan {
namespace {

constexpr std::uint32_t k_magic = 0x4e4c5050;  // "PPLN"
constexpr std::uint64_t k_version = 1;
constexpr std::size_t k_nodes_max = 1'000'000;

template <class Ar, class T>
void fields(Ar& ar, T& t, const Template*) {
  if (!ar.enter()) return;
  ar.choice(t.type, Template::Type::object);
  switch (t.type) {
    case Template::Type::constant: ar.value(t.constant); break;
    case Template::Type::expression: ar.id(t.expr); break;
    case Template::Type::object: ar.list(t.keys, 1, [&](auto& key) { ar.text(key); }); [[fallthrough]];
    case Template::Type::text:
    case Template::Type::array:
      ar.list(t.parts, 2, [&](auto& part) { fields(ar, part, static_cast<const Template*>(nullptr)); });
      break;
  }
  ar.leave();
}
template <class Ar, class T>
void tmpl(Ar& ar, T& t) {
  fields(ar, t, static_cast<const Template*>(nullptr));
}

template <class Ar, class T>
void retry(Ar& ar, T& r) {
  ar.number64(r.initial_ms);
  ar.real(r.factor);
  ar.number64(r.max_interval_ms);
  ar.number(r.max_attempts);
  ar.choice(r.backoff, BackoffKind::fixed);
  ar.choice(r.jitter, JitterKind::full);
  ar.list(r.non_retryable, 1, [&](auto& type) { ar.text(type); });
}

template <class Ar, class T>
void shared_retry(Ar& ar, T& shared) {
  if constexpr (Ar::k_reading) {
    Retry read;
    retry(ar, read);
    shared = ar.share(std::move(read));
  } else {
    retry(ar, *shared);
  }
}

template <class Ar, class T>
void rare(Ar& ar, T& t) {
  if constexpr (Ar::k_reading) {
    Template read;
    tmpl(ar, read);
    t = std::move(read);
  } else {
    tmpl(ar, t.get());
  }
}

// The bodies of kinds that are one step each.
template <class Ar, class T>
void single(Ar& ar, T& n, const auto& has) {
  if (has(has_activity)) {
    ar.box(n.activity);
    ar.text(n.activity->type);
    ar.text(n.activity->action);
    tmpl(ar, n.activity->with);
  }
  if (has(has_loop)) {
    ar.box(n.loop);
    ar.id(n.loop->while_);
    ar.id(n.loop->until);
    tmpl(ar, n.loop->times);
    ar.number(n.loop->max_iterations);
  }
  if (has(has_wait)) {
    ar.box(n.wait);
    tmpl(ar, n.wait->duration);
    tmpl(ar, n.wait->until);
  }
  if (has(has_listen)) {
    ar.box(n.listen);
    tmpl(ar, n.listen->signal);
    ar.number64(n.listen->timeout_ms);
  }
  if (has(has_review)) {
    ar.box(n.review);
    auto& r = *n.review;
    tmpl(ar, r.reviewers);
    tmpl(ar, r.data);
    tmpl(ar, r.form);
    ar.number(r.quorum);
    ar.number64(r.timeout_ms);
    ar.choice(r.on_timeout, ReviewTimeout::escalate);
    ar.flag(r.continue_on_reject);
    tmpl(ar, r.escalate_to);
    ar.flag(r.no_self_approval);
  }
  if (has(has_emit)) {
    ar.box(n.emit);
    tmpl(ar, n.emit->type);
    tmpl(ar, n.emit->data);
  }
  if (has(has_subflow)) {
    ar.box(n.subflow);
    tmpl(ar, n.subflow->name);
    ar.text(n.subflow->version);
    tmpl(ar, n.subflow->with);
    ar.flag(n.subflow->wait);
  }
  if (has(has_raise)) {
    ar.box(n.raise);
    tmpl(ar, n.raise->type);
    tmpl(ar, n.raise->title);
    tmpl(ar, n.raise->detail);
    tmpl(ar, n.raise->status);
  }
  if (has(has_map)) {
    ar.box(n.map);
    tmpl(ar, n.map->tasks);
  }
}

template <class Ar, class T>
void blocks(Ar& ar, T& n, const auto& has) {
  if (has(has_children)) ar.list(n.children, 1, [&](auto& c) { ar.id(c); });
  if (has(has_edges)) ar.list(n.edges, 1, [&](auto& targets) { ar.list(targets, 1, [&](auto& t) { ar.number(t); }); });
  if (has(has_cases))
    ar.list(n.cases, 2, [&](auto& c) {
      ar.id(c.when);
      ar.id(c.body);
    });
  if (has(has_catches)) {
    ar.list(n.catches, 4, [&](auto& c) {
      ar.list(c.errors, 1, [&](auto& e) { ar.text(e); });
      ar.id(c.when);
      bool again = c.retry.has_value();
      ar.flag(again);
      if (again) {
        ar.fill(c.retry);
        retry(ar, *c.retry);
      }
      ar.id(c.body);
    });
  }
  if (has(has_finally)) ar.id(n.finally);
  if (has(has_condition)) ar.id(n.condition);
  if (has(has_set)) rare(ar, n.set);
}

template <class Ar, class T>
void then(Ar& ar, T& t) {
  ar.choice(t.next, Next::jump);
  ar.number(t.target);
}

template <class Ar, class T>
void event_filter(Ar& ar, T& filter) {
  ar.list(filter.attributes, 1, [&](auto& name) { ar.text(name); });
  ar.list(filter.values, 2, [&](auto& value) { tmpl(ar, value); });
  ar.list(filter.correlate, 3, [&](auto& one) {
    ar.text(one.name);
    ar.id(one.from);
    tmpl(ar, one.expect);
  });
}

template <class Ar, class T>
void flow_parts(Ar& ar, T& f) {
  bool looped = f.each != nullptr, listens = f.events != nullptr;
  ar.flag(looped);
  if (looped) {
    ar.box(f.each);
    for (auto* id : {&f.each->in, &f.each->while_}) ar.id(*id);
    for (auto* name : {&f.each->item, &f.each->index}) ar.text(*name);
  }
  ar.flag(listens);
  if (!listens) return;
  ar.box(f.events);
  auto& e = *f.events;
  ar.choice(e.mode, EventMode::fed);
  if (e.mode == EventMode::fed) {
    for (auto* id : {&e.filter, &e.while_}) ar.id(*id);
    ar.number(e.amount);
    ar.number64(e.for_ms);
  }
  ar.list(e.filters, 3, [&](auto& filter) { event_filter(ar, filter); });
  ar.id(e.until);
  ar.list(e.until_events, 3, [&](auto& filter) { event_filter(ar, filter); });
  ar.choice(e.until_mode, EventMode::all);
  ar.flag(e.forever);
  ar.choice(e.read, EventRead::raw);
  ar.flag(e.foreach);
  ar.text(e.item);
  ar.text(e.index);
}

template <class Ar, class T>
void flow(Ar& ar, T& f) {
  rare(ar, f.input_from);
  rare(ar, f.output_as);
  rare(ar, f.export_as);
  ar.value(f.input_schema);
  ar.value(f.output_schema);
  ar.value(f.export_schema);
  then(ar, f.then);
  ar.text(f.pointer);
  ar.list(f.case_then, 2, [&](auto& t) { then(ar, t); });
  ar.list(f.catches, 12, [&](auto& c) {
    for (auto* part : {&c.with.type, &c.with.title, &c.with.detail, &c.with.instance}) ar.text(*part);
    ar.number(c.with.status);
    ar.id(c.except_when);
    ar.text(c.as);
    ar.id(c.retry_when);
    ar.id(c.retry_except_when);
    for (auto* time : {&c.retry_for_ms, &c.jitter_from_ms, &c.jitter_to_ms}) ar.number64(*time);
    then(ar, c.then);
  });
  flow_parts(ar, f);
}

template <class Ar, class T>
void flow_times(Ar& ar, T& times) {
  rare(ar, times.timeout);
  ar.list(times.retries, 4, [&](auto& r) {
    for (auto* part : {&r.delay, &r.limit, &r.jitter_from, &r.jitter_to}) rare(ar, *part);
  });
}

template <class Ar, class T>
void node(Ar& ar, T& n, std::uint64_t mask) {
  ar.mask(mask);
  const auto has = [&](Bit bit) { return (mask >> bit & 1) != 0; };
  ar.text(n.name);
  ar.choice(n.kind, Kind::each);
  if constexpr (Ar::k_reading) {
    n.made_up = has(has_made_up);
    n.pivot = has(has_pivot);
  }
  if (has(has_summary)) ar.text(n.summary);
  if (has(has_when)) ar.id(n.when);
  if (has(has_foreach)) {
    ar.id(n.foreach);
    ar.number(n.foreach_parallel);
  }
  if (has(has_retry)) shared_retry(ar, n.retry);
  if (has(has_timeouts)) {
    ar.number64(n.timeouts.start_to_close_ms);
    ar.number64(n.timeouts.schedule_to_start_ms);
    ar.number64(n.timeouts.schedule_to_close_ms);
    ar.number64(n.timeouts.heartbeat_ms);
  }
  if (has(has_on_error)) ar.choice(n.on_error, OnError::fallback);
  if (has(has_fallback)) ar.id(n.fallback);
  if (has(has_compensation)) ar.id(n.compensation);
  if (has(has_saga)) ar.text(n.saga);
  if (has(has_outputs)) ar.list(n.outputs, 1, [&](auto& o) { ar.text(o); });
  if (has(has_priority)) ar.choice(n.priority, Priority::critical);
  if (has(has_queue)) ar.text(n.queue);
  if (has(has_breaker)) {
    ar.box(n.breaker);
    ar.text(n.breaker->service);
    ar.number(n.breaker->failures);
    ar.number(n.breaker->successes);
    ar.number64(n.breaker->open_for_ms);
    ar.id(n.breaker->fallback);
    ar.flag(n.breaker->explicitly_set);
  }
  if (has(has_rate_limit)) ar.real(n.rate_limit.per_second);
  if (has(has_idempotency_key)) rare(ar, n.idempotency_key);
  if (has(has_cache)) {
    ar.number64(n.cache_for_ms);
    rare(ar, n.cache_key);
  }
  if (has(has_budget)) ar.value(n.budget);
  blocks(ar, n, has);
  single(ar, n, has);
  if (has(has_flow)) {
    ar.box(n.flow);
    flow(ar, *n.flow);
  }
  if (has(has_flow_times)) {
    if (n.flow) {
      ar.box(n.flow->times);
      flow_times(ar, *n.flow->times);
    }
  }
  if constexpr (Ar::k_reading) {
    if (has(has_detached) && n.activity) n.activity->detached = true;
  }
}

template <class Ar, class P>
void head(Ar& ar, P& plan) {
  ar.text(plan.name);
  ar.text(plan.version);
  ar.text(plan.description);
  ar.value(plan.metadata);
  ar.value(plan.input_schema);
  ar.value(plan.context);
  ar.flag(plan.has_output);
  tmpl(ar, plan.output);
  ar.number64(plan.timeout_ms);
  ar.number(plan.parallel);
  ar.value(plan.budget);
  ar.value(plan.secrets);
  ar.value(plan.triggers);
  ar.value(plan.tags);
  ar.value(plan.search);
  ar.list(plan.queries, 2, [&](auto& q) {
    ar.text(q.name);
    ar.id(q.expr);
  });
  ar.list(plan.updates, 3, [&](auto& u) {
    ar.text(u.name);
    ar.id(u.validate);
    tmpl(ar, u.set);
  });
  ar.list(plan.exprs, 3, [&](auto& e) {
    ar.text(e.source);
    ar.id(e.owner);
    ar.list(e.variables, 1, [&](auto& v) { ar.text(v); });
  });
}

void read_places(Reader& reader, Plan& plan) {
  const auto place = [&](Place& p) {
    p.line = static_cast<std::uint32_t>(reader.varint());
    p.column = static_cast<std::uint32_t>(reader.varint());
  };
  for (Node& n : plan.nodes) place(n.place);
  for (Expression& e : plan.exprs) place(e.place);
}

}  // namespace

std::string encode_meaning(const Plan& plan) {
  Writer start;
  start.fixed32(k_magic);
  start.varint(k_version);
  Encoder ar;
  head(ar, plan);
  ar.list(plan.nodes, 3, [&](const Node& n) { node(ar, n, presence(n)); });
  if (plan.data_flow) ar.value(plan.definition);
  return start.take() + ar.take();
}

std::string encode_places(const Plan& plan) {
  Writer w;
  const auto place = [&](const Place& p) {
    w.varint(p.line);
    w.varint(p.column);
  };
  for (const Node& n : plan.nodes) place(n.place);
  for (const Expression& e : plan.exprs) place(e.place);
  return w.take();
}

Result<std::shared_ptr<const Plan>> decode(std::string_view bytes) {
  Reader reader(bytes);
  if (reader.fixed32() != k_magic) return fail(ErrorCode::corrupt, "plan: does not begin like a plan");
  if (const std::uint64_t version = reader.varint(); reader.ok() && version != k_version) {
    return fail(ErrorCode::unsupported, "plan: written in format " + std::to_string(version) + ", this build reads " +
                                            std::to_string(k_version) + "; use the newer perdure");
  }
  auto plan = std::make_shared<Plan>();
  Decoder ar(reader);
  head(ar, *plan);
  const std::uint64_t count = reader.count(3);
  if (count > k_nodes_max) reader.fail_here();
  for (std::uint64_t i = 0; i < count && reader.ok(); ++i) {
    plan->nodes.emplace_back();
    node(ar, plan->nodes.back(), 0);
  }
  plan->data_flow = !plan->nodes.empty() && plan->nodes[0].flow;
  if (plan->data_flow) ar.value(plan->definition);
  if (reader.ok()) read_places(reader, *plan);
  PERDURE_TRY_VOID(reader.finish("plan"));
  if (!is_sound(*plan)) return fail(ErrorCode::corrupt, "plan: refers to steps or expressions that are not there");
  if (auto wrong = lay_out(*plan)) return fail(ErrorCode::corrupt, "plan: " + *wrong);
  if (const auto errors = compile_expressions(*plan); !errors.empty()) {
    return fail(ErrorCode::corrupt,
                "plan: expression `" + plan->exprs[errors[0].expr].source.substr(0, 200) + "`: " + errors[0].message);
  }
  write_constants(*plan);
  encode_and_hash(*plan);
  if (plan->encoded.view() != bytes) return fail(ErrorCode::corrupt, "plan: is not in canonical form");
  return std::shared_ptr<const Plan>(std::move(plan));
}

}  // namespace perdure::plan
