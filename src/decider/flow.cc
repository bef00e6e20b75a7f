// A task of the Open Workflow Specification, from what comes to what it hands on (docs/ows.md, F): `if`, input.schema,
// input.from, the work, output.as, output.schema, export.as, export.schema, then. And `do` and `for`, which only such
// plans have. The work of every other kind is where that kind is.
#include <algorithm>
#include <tuple>

#include "base/json.h"
#include "base/limits.h"
#include "decider/turn.h"
#include "history/standard_error.h"
#include "plan/json_schema.h"

namespace perdure::decider {
namespace {

Value parsed(const Bytes& json) {
  if (json.empty()) return {};
  auto value = parse_json(json.view());
  return value ? std::move(*value) : Value();
}

// A number below `range`, the same for the same seed (splitmix64).
std::uint64_t drawn(std::uint64_t seed, std::uint64_t range) {
  std::uint64_t x = seed + 0x9e3779b97f4a7c15ULL;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebULL;
  return range == 0 ? 0 : (x ^ (x >> 31)) % range;
}

}  // namespace

FaultPtr Turn::check_schema(FrameId id, const Value& schema, const Value& value, const char* stage) const {
  if (schema.is_null()) return nullptr;
  const auto errors = plan::validate_schema(schema, value);
  if (errors.empty()) return nullptr;
  auto made = std::make_shared<history::Fault>();
  made->type = "schema";
  made->title = std::string("the ") + stage + " does not fit its schema";
  for (std::size_t i = 0; i < errors.size() && i < 10; ++i)
    made->detail += (i == 0 ? "" : "\n") + to_string(errors[i], stage);
  const std::string root = stage == std::string_view("input") ? "/input" : "/output";
  made->step = id == 0 ? root : place_name(node(id));
  return made;
}

// What comes to the next task of `parent`, or to the branch of a fork.
Bytes Turn::data_for(FrameId parent) const {
  const Frame& f = state_.frames[parent];
  if (!f.data) return {};
  const auto kind = plan_.nodes[f.node].kind;
  return kind == plan::Kind::parallel || kind == plan::Kind::race ? f.data->input : f.data->now;
}

void Turn::enter_task(NodeId node_id, FrameId parent, std::uint32_t index) {
  const plan::Node& n = plan_.nodes[node_id];
  if (n.when != plan::k_none) {
    const Value raw = parsed(data_for(parent));
    Surroundings s = around(parent);
    s.step = node_id;
    s.dot = s.input = &raw;
    const auto holds = evaluate_condition(state_, n.when, s);
    if (!holds) {
      settle_failure(open(node_id, parent, index, Role::step), holds.error());
      return;
    }
    if (!*holds) {
      emit(history::StepSkipped{parent, node_id, index});
      return;
    }
  }
  const FrameId id = open(node_id, parent, index, Role::step);
  if (!prepare_task(id)) return;
  if (n.kind != plan::Kind::activity) begin(id);
  else if (plan_.parallel == 0 || (state_.queued.size() == 1 && state_.in_flight < plan_.parallel))
    schedule_activity(node_id, parent, index, Role::step, id);
}

// $context begins as the workflow's input; a run that is retried keeps what it was.
void Turn::begin_context(FrameId id) {
  if (id == 0 && frame(0).command == 1) emit(history::ContextExported{frame(0).data->input});
}

bool Turn::prepare_task(FrameId id) {
  const plan::Flow& flow = *node(id).flow;
  if (flow.input_schema.is_null() && flow.input_from.is_null() && !flow.times) {
    begin_context(id);
    return true;
  }
  const Value raw = parsed(frame(id).data->raw);
  if (auto wrong = check_schema(id, flow.input_schema, raw, "input")) {
    settle_failure(id, std::move(wrong));
    return false;
  }
  if (!flow.input_from.is_null()) {
    Surroundings s = around(id);
    s.dot = s.input = &raw;
    auto made = render_json(state_, flow.input_from, s);
    if (!made) {
      settle_failure(id, made.error());
      return false;
    }
    emit(history::TaskInput{id, std::move(*made)});
  }
  begin_context(id);
  const auto limit = time_limit(id);
  if (limit && id == 0 && flow.times && *limit != 0) emit(history::TimerStarted{0, context_.now + *limit});
  if (!limit) settle_failure(id, limit.error());
  return limit.has_value();
}

Evaluated<DurationMs> Turn::flow_duration(FrameId id, const plan::Template& text, const Surroundings& around,
                                          const char* what) const {
  constexpr DurationMs k_duration_max = DurationMs{1000} * 365 * 24 * 3600 * 1000;
  const auto value = render(state_, text, around);
  if (!value) return tl::unexpected<FaultPtr>(value.error());
  const auto length =
      value->is_string() ? parse_duration(value->as_string(), Calendar::nominal) : Result<DurationMs>(0);
  if (length && value->is_string()) return std::min(*length, k_duration_max);
  return tl::unexpected<FaultPtr>(
      fault(id, "expression",
            std::string("`") + what + "` needs a duration such as PT30S; it is " + to_json(*value).substr(0, 80)));
}

// The task's own; 0: none. What its expression reads may change: what holds is what it gives when it is asked.
Evaluated<DurationMs> Turn::time_limit(FrameId id) const {
  const plan::Node& n = node(id);
  if (!n.flow || !n.flow->times || n.flow->times->timeout.is_null())
    return n.timeouts.start_to_close_ms != 0 ? n.timeouts.start_to_close_ms : n.timeouts.schedule_to_close_ms;
  return flow_duration(id, n.flow->times->timeout, around(id), "timeout");
}

// What the work itself gave.
Bytes Turn::raw_output(FrameId id, history::OutputKind kind, NodeId from, Bytes output) const {
  const Frame& f = state_.frames[id];
  const plan::Node& n = plan_.nodes[f.node];
  switch (n.kind) {
    case plan::Kind::tasks:
    case plan::Kind::each: return f.data->now;
    case plan::Kind::parallel: {
      if (state_.ending) return Bytes(ended_branch(f));
      std::string all = "[";
      for (const NodeId child : n.children) {
        if (all.size() > 1) all.push_back(',');
        all += branch_json(f, child);
      }
      all.push_back(']');
      return Bytes(std::move(all));
    }
    case plan::Kind::race:
      return f.branch < n.children.size() ? Bytes(branch_json(f, n.children[f.branch])) : Bytes(std::string("null"));
    case plan::Kind::select:
    case plan::Kind::wait: return f.data->input;
    case plan::Kind::subflow:
      if (!n.subflow->wait) return f.data->input;
      break;
    case plan::Kind::activity:
      if (n.activity->detached) return f.data->input;
      break;
    default: break;
  }
  switch (kind) {
    case history::OutputKind::returned: return f.returned.empty() ? Bytes(std::string("null")) : f.returned;
    case history::OutputKind::inline_: return output;
    case history::OutputKind::node: return Bytes(slot_json(state_, f.scope, from));
    default: return f.data->input;
  }
}

// Of a branch that was skipped: what came to it.
std::string Turn::branch_json(const Frame& fork, NodeId branch) const {
  const Slot* slot = slot_of(state_, fork.scope, branch);
  if (slot != nullptr && slot->status == StepStatus::skipped)
    return fork.data->input.empty() ? "null" : std::string(fork.data->input.view());
  return slot_json(state_, fork.scope, branch);
}

// `end` in a branch: what that branch gave stands for the fork.
std::string Turn::ended_branch(const Frame& fork) const {
  const auto& children = plan_.nodes[fork.node].children;
  return fork.branch < children.size() ? branch_json(fork, children[fork.branch]) : "null";
}

// output.as and export.as; the task's output, or why there is none.
Evaluated<Bytes> Turn::shape_output(FrameId id, Bytes raw) {
  const plan::Flow& flow = *node(id).flow;
  const bool plain = flow.output_as.is_null() && flow.output_schema.is_null() && flow.export_as.is_null() &&
                     flow.export_schema.is_null();
  if (plain) return raw;
  Value value = parsed(raw);
  const Value given = value;
  if (!flow.output_as.is_null()) {
    Surroundings s = around(id);
    s.dot = s.output = s.raw_output = &given;
    auto made = render_json(state_, flow.output_as, s);
    if (!made) return made;
    raw = std::move(*made);
    value = parsed(raw);
  }
  if (auto wrong = check_schema(id, flow.output_schema, value, "output"))
    return tl::unexpected<FaultPtr>(std::move(wrong));
  if (!flow.export_as.is_null()) {
    Surroundings s = around(id);
    s.dot = s.output = &value;
    s.raw_output = &given;
    auto context = render_json(state_, flow.export_as, s);
    if (!context) return context;
    if (auto wrong = check_schema(id, flow.export_schema, parsed(*context), "export"))
      return tl::unexpected<FaultPtr>(std::move(wrong));
    emit(history::ContextExported{std::move(*context)});
  } else if (auto wrong = check_schema(id, flow.export_schema, state_.context, "export")) {
    return tl::unexpected<FaultPtr>(std::move(wrong));
  }
  return raw;
}

plan::Then Turn::then_of(FrameId id) const {
  const Frame& f = state_.frames[id];
  const plan::Node& n = plan_.nodes[f.node];
  plan::Then then = n.flow->then;
  const bool routed = n.kind == plan::Kind::select || n.kind == plan::Kind::each;
  if (routed && f.branch < n.flow->case_then.size()) then = n.flow->case_then[f.branch];
  if (n.kind == plan::Kind::attempt && f.branch < n.flow->catches.size())
    if (const plan::Then& handled = n.flow->catches[f.branch].then; handled.next != plan::Next::proceed) then = handled;
  return then;
}

// An extended task that decides where to go on has decided it for the `each` that its extensions are in.
void Turn::tell_extension(FrameId id) {
  const Frame& f = frame(id);
  const FrameId list = frame(f.parent).parent;
  if (f.branch == k_none || list == k_none) return;
  const plan::Node& whole = node(list);
  if (whole.kind != plan::Kind::each || f.branch >= whole.flow->case_then.size()) return;
  if (plan::extended_task(plan_, whole) == f.node) emit(history::BranchTaken{list, f.branch, nullptr});
}

void Turn::complete_task(FrameId id, history::OutputKind kind, NodeId from, Bytes output) {
  const Bytes raw = raw_output(id, kind, from, std::move(output));
  auto made = shape_output(id, raw);
  if (!made) {
    settle_failure(id, made.error());
    return;
  }
  const Frame& f = frame(id);
  if (f.parent == k_none) {
    emit(history::RunCompleted{std::move(*made)});
    notify_parent();
    return;
  }
  const FrameId parent = f.parent;
  const plan::Node& list = node(parent);
  if (!state_.ending && list.kind == plan::Kind::tasks) {
    const plan::Then then = then_of(id);
    if (then.next == plan::Next::jump) emit(history::TaskJumped{parent, then.target});
    if (then.next == plan::Next::exit)
      emit(history::TaskJumped{parent, static_cast<std::uint32_t>(list.children.size())});
  }
  if (!state_.ending && then_of(id).next == plan::Next::end) emit(history::FlowEnded{id});
  tell_extension(id);
  const bool as_returned = kind == history::OutputKind::returned && *made == frame(id).returned;
  if (as_returned) emit(history::StepCompleted{id, kind, k_none, {}});
  else emit(history::StepCompleted{id, history::OutputKind::inline_, k_none, std::move(*made)});
  wake_parent(parent);
}

// do: one task after the other, as each one says.
void Turn::advance_tasks(FrameId id) {
  const auto& children = node(id).children;
  while (true) {
    const Frame& f = frame(id);
    if (f.live_children > 0) return;
    if (f.child_fault) {
      settle_failure(id, f.child_fault);
      return;
    }
    if (state_.ending || f.cursor >= children.size()) break;
    if (is_long()) {
      wake(id);
      return;
    }
    enter(children[f.cursor], id, f.cursor, Role::step);
  }
  complete(id, history::OutputKind::children);
}

// for: each iteration begins with what the one before it gave.
void Turn::advance_each(FrameId id) {
  const plan::EachSpec& spec = *node(id).flow->each;
  if (!frame(id).items) {
    auto items = evaluate(state_, spec.in, around(id));
    if (items && !items->is_array())
      items = tl::unexpected<FaultPtr>(
          fault(id, "expression", "`for` needs a list; `in` gave " + to_json(*items).substr(0, 80)));
    if (items && items->size() > k_foreach_items_max)
      items = tl::unexpected<FaultPtr>(fault(id, "for.limit",
                                             "`for` over " + std::to_string(items->size()) + " items; the limit is " +
                                                 std::to_string(k_foreach_items_max)));
    if (!items) {
      settle_failure(id, items.error());
      return;
    }
    emit(history::ItemsFixed{id, Bytes(to_json(*items))});
  }
  while (true) {
    const Frame& f = frame(id);
    if (f.live_children > 0) return;
    if (f.child_fault) {
      settle_failure(id, f.child_fault);
      return;
    }
    if (state_.ending || f.iteration >= f.items->items.size()) break;
    if (spec.while_ != plan::k_none) {
      const Value now = parsed(f.data->now);
      Surroundings s = around(id);
      s.dot = &now;
      s.item = &f.items->items.at(f.iteration);
      s.index = f.iteration;
      const auto goes_on = evaluate_condition(state_, spec.while_, s);
      if (!goes_on) {
        settle_failure(id, goes_on.error());
        return;
      }
      if (!*goes_on) break;
    }
    if (is_long()) {
      wake(id);
      return;
    }
    emit(history::LoopIterated{id, f.iteration + 1});
    enter(node(id).children.at(0), id, 0, Role::step);
  }
  complete(id, history::OutputKind::none);
}

// ---- catch --------------------------------------------------------------------------------------------------------

Evaluated<bool> Turn::asks(FrameId id, plan::ExprId expr, const history::Fault& why, bool absent) const {
  if (expr == plan::k_none) return absent;
  const Value error = history::error_value(why);
  Surroundings s = around(id);
  s.dot = &error;
  s.error = &why;
  return evaluate_condition(state_, expr, s);
}

// Whether catch `i` of the try takes this fault.
Evaluated<bool> Turn::flow_catches(FrameId id, std::size_t i, const history::Fault& why) const {
  const plan::FlowCatch& c = node(id).flow->catches[i];
  const Value error = history::error_value(why);
  const auto is = [&](const char* member, const std::string& wanted) {
    const Value* value = error.find(member);
    return wanted.empty() || (value != nullptr && value->is_string() && value->as_string() == wanted);
  };
  const std::string type =
      history::error_type(why.type.find(':') == std::string::npos ? std::string_view(error.find("type")->as_string())
                                                                  : std::string_view(why.type));
  if (!c.with.type.empty() && history::error_type(c.with.type) != type) return false;
  if (!is("title", c.with.title) || !is("detail", c.with.detail) || !is("instance", c.with.instance)) return false;
  if (c.with.status != 0 && error.find("status")->as_int() != static_cast<std::int64_t>(c.with.status)) return false;
  const auto when = asks(id, node(id).catches[i].when, why, true);
  if (!when || !*when) return when;
  auto except = asks(id, c.except_when, why, false);
  if (except) *except = !*except;
  return except;
}

// As written, or as its expressions have it, which see the task's input and the error's variable.
Evaluated<Turn::RetryTimes> Turn::retry_times(FrameId id, std::size_t i, const history::Fault& why) const {
  constexpr DurationMs k_longest = DurationMs{365} * 24 * 3600 * 1000;
  const plan::Flow& flow = *node(id).flow;
  const plan::FlowCatch& c = flow.catches[i];
  RetryTimes times{node(id).catches[i].retry->initial_ms, c.retry_for_ms, c.jitter_from_ms, c.jitter_to_ms};
  if (!flow.times || flow.times->retries.empty()) return times;
  const plan::FlowTimes::Retry& retry = flow.times->retries[i];
  Surroundings s = around(id);
  s.error = &why;
  const std::tuple<const plan::RareTemplate*, DurationMs*, const char*> parts[] = {
      {&retry.delay, &times.delay_ms, "delay"},
      {&retry.limit, &times.limit_ms, "duration"},
      {&retry.jitter_from, &times.jitter_from_ms, "from"},
      {&retry.jitter_to, &times.jitter_to_ms, "to"}};
  for (const auto& [text, into, what] : parts) {
    if (text->is_null()) continue;
    const auto length = flow_duration(id, *text, s, what);
    if (!length) return tl::unexpected<FaultPtr>(length.error());
    *into = std::min(*length, k_longest);
  }
  return times;
}

// The pause before the try is made again; nothing when its policy says no.
Evaluated<std::optional<DurationMs>> Turn::flow_retry(FrameId id, std::size_t i, const history::Fault& why) const {
  constexpr DurationMs k_longest = DurationMs{365} * 24 * 3600 * 1000;
  const plan::FlowCatch& c = node(id).flow->catches[i];
  const auto& retry = node(id).catches[i].retry;
  const Frame& f = state_.frames[id];
  const std::optional<DurationMs> no;
  if (!retry || f.attempt >= retry->max_attempts) return no;
  const auto when = asks(id, c.retry_when, why, true);
  if (!when) return tl::unexpected<FaultPtr>(when.error());
  const auto except = asks(id, c.retry_except_when, why, false);
  if (!except) return tl::unexpected<FaultPtr>(except.error());
  if (!*when || *except) return no;
  const auto times = retry_times(id, i, why);
  if (!times) return tl::unexpected<FaultPtr>(times.error());
  double delay = static_cast<double>(times->delay_ms);
  if (retry->backoff == plan::BackoffKind::linear) delay *= f.attempt;
  if (retry->backoff == plan::BackoffKind::exponential)
    for (std::uint32_t n = 1; n < f.attempt && delay < static_cast<double>(k_longest); ++n) delay *= 2;
  DurationMs pause = static_cast<DurationMs>(std::min(delay, static_cast<double>(k_longest)));
  if (times->jitter_to_ms > 0) {
    const auto range =
        static_cast<std::uint64_t>(std::max<DurationMs>(0, times->jitter_to_ms - times->jitter_from_ms)) + 1;
    pause += times->jitter_from_ms + static_cast<DurationMs>(drawn(state_.info->seed ^ f.command ^ f.attempt, range));
  }
  pause = std::clamp<DurationMs>(pause, 0, k_longest);
  if (times->limit_ms != 0 && context_.now + pause >= f.started_at + times->limit_ms) return no;
  return std::optional<DurationMs>(pause);
}

// The try failed with `why`: again, handled, or outward.
void Turn::flow_catch(FrameId id, const FaultPtr& why) {
  const plan::Node& n = node(id);
  for (std::uint32_t i = 0; i < n.catches.size(); ++i) {
    const auto caught = flow_catches(id, i, *why);
    if (!caught) return end_try(id, caught.error());
    if (!*caught) continue;
    const auto again = flow_retry(id, i, *why);
    if (!again) return end_try(id, again.error());
    if (*again) {
      const DurationMs limit = time_limit(id).value_or(0);
      if (limit != 0 && context_.now + **again >= frame(id).started_at + limit) {
        settle_failure(id, timeout(id, "timeout.start_to_close", "task '" + n.name + "' exceeded its time limit"));
        return;
      }
      emit(history::ActivityRetryScheduled{id, frame(id).attempt + 1, context_.now + **again});
      return;
    }
    const plan::NodeId body = n.catches[i].body;
    const bool gave_up =
        n.catches[i].retry.has_value() && body == plan::k_none && n.flow->catches[i].then.next == plan::Next::proceed;
    if (gave_up) return end_try(id, why);
    emit(history::BranchTaken{id, i, why});
    if (body != plan::k_none) enter(body, id, 1 + i, Role::step);
    if (live_frame(state_, id) != nullptr && frame(id).live_children == 0) end_try(id, frame(id).child_fault);
    return;
  }
  end_try(id, why);
}

}  // namespace perdure::decider
