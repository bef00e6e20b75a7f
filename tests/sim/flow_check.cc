#include "sim/flow_check.h"

#include <algorithm>

#include "base/json.h"

namespace perdure::sim {
namespace {

namespace h = history;
using plan::Kind;

constexpr int k_flow = 40, k_events = 16, k_attempts = 12;

const Value* constant_of(const plan::EventFilter& filter, std::string_view attribute) {
  for (std::size_t i = 0; i < filter.attributes.size(); ++i)
    if (filter.attributes[i] == attribute && filter.values[i].type == plan::Template::Type::constant)
      return &filter.values[i].constant;
  return nullptr;
}

Value key_of(const Value& event) {
  const Value* data = event.find("data");
  const Value* key = data != nullptr && data->is_object() ? data->find("k") : nullptr;
  return key != nullptr ? *key : Value();
}

bool is_plain(const plan::Flow& flow) { return flow.output_as.is_null() && flow.output_schema.is_null(); }

}  // namespace

bool may_listen_for(const plan::Plan& plan, const std::string& type) {
  const auto any = [&](const std::vector<plan::EventFilter>& filters) {
    return std::any_of(filters.begin(), filters.end(), [&](const plan::EventFilter& filter) {
      const Value* wanted = constant_of(filter, "type");
      return wanted != nullptr && *wanted == Value(type);
    });
  };
  return std::any_of(plan.nodes.begin(), plan.nodes.end(), [&](const plan::Node& node) {
    return node.flow && node.flow->events && (any(node.flow->events->filters) || any(node.flow->events->until_events));
  });
}

void FlowCheck::before(const h::Event& event, const decider::State& state, std::uint64_t seq, TimeMs now) {
  if (const auto* e = std::get_if<h::EventReceived>(&event)) {
    if (auto parsed = parse_json(e->event.view())) waiting_.push_back({seq, std::move(*parsed)});
  }
  if (const auto* e = std::get_if<h::EventConsumed>(&event)) consumed(state, *e);
  if (const auto* e = std::get_if<h::ActivityRetryScheduled>(&event)) check_retry(state, *e, now);
  if (goes_on_) return;
  if (const auto* e = std::get_if<h::StepStarted>(&event); e != nullptr && e->role == h::Role::step)
    begins(state, e->parent, e->index);
  if (const auto* e = std::get_if<h::ActivityScheduled>(&event);
      e != nullptr && e->role == h::Role::step && (e->frame >= state.frames.size() || !state.frames[e->frame].live))
    begins(state, e->parent, e->index);
  if (const auto* e = std::get_if<h::StepSkipped>(&event)) skipped(state, *e);
  if (const auto* e = std::get_if<h::StepCompleted>(&event)) completed(state, *e);
  if (std::holds_alternative<h::ContextExported>(event) && begun_) ++exports_;
  if (const auto* e = std::get_if<h::ItemsFixed>(&event)) {
    const auto items = parse_json(e->items.view());
    tasks_[e->frame].items = items ? static_cast<std::uint32_t>(items->size()) : 0;
  }
  if (const auto* e = std::get_if<h::LoopIterated>(&event)) {
    Task& task = tasks_[e->frame];
    if (e->iteration != ++task.iteration)
      violated_(k_flow,
                "iteration " + std::to_string(e->iteration) + " comes after " + std::to_string(task.iteration - 1));
  }
}

void FlowCheck::after(const h::Event& event, const decider::State& state) {
  if (const auto* e = std::get_if<h::RunStarted>(&event)) {
    goes_on_ = !e->info->carried.empty() || !e->info->carried_context.empty();
    opened(state, 0);
  }
  if (std::holds_alternative<h::RetryRequested>(event) || std::holds_alternative<h::CompensateRequested>(event)) {
    goes_on_ = true;
    tasks_.clear();
  }
  if (const auto* e = std::get_if<h::StepStarted>(&event)) opened(state, e->frame);
  if (const auto* e = std::get_if<h::ActivityScheduled>(&event); e != nullptr && !tasks_.contains(e->frame))
    opened(state, e->frame);
  if (const auto* e = std::get_if<h::TaskInput>(&event)) tasks_[e->frame].input = tasks_[e->frame].now = e->input;
  const auto from_the_beginning = [&](h::FrameId frame) {
    Task& task = tasks_[frame];
    task.now = task.input;
    task.next = task.iteration = 0;
    task.branches.clear();
    task.has_winner = false;
  };
  if (const auto* e = std::get_if<h::BlockRetried>(&event)) from_the_beginning(e->frame);
  if (const auto* e = std::get_if<h::BranchTaken>(&event)) from_the_beginning(e->frame);
  if (const auto* e = std::get_if<h::StepFailed>(&event)) tasks_.erase(e->frame);
  if (const auto* e = std::get_if<h::StepCancelled>(&event)) tasks_.erase(e->frame);
  if (const auto* e = std::get_if<h::StepCompleted>(&event)) tasks_.erase(e->frame);
}

// ---- tasks ----------------------------------------------------------------------------------------------------------

void FlowCheck::begins(const decider::State& state, h::FrameId parent, std::uint32_t index) {
  begun_ = true;
  if (parent >= state.frames.size() || node_of(state.frames[parent]).kind != Kind::tasks) return;
  if (state.ending) violated_(k_flow, "a task begins after the end");
  if (const Task& list = tasks_[parent]; list.next != index)
    violated_(k_flow,
              "task " + std::to_string(index) + " of a list begins, and " + std::to_string(list.next) + " was next");
}

// What comes to a task is what the one before it gave, or what came to the fork or try around it.
void FlowCheck::opened(const decider::State& state, h::FrameId id) {
  if (id >= state.frames.size() || !state.frames[id].data) return;
  const decider::Frame& frame = state.frames[id];
  Task task;
  task.input = task.now = frame.data->raw;
  if (frame.role == h::Role::step && frame.parent < state.frames.size() && !goes_on_) {
    const Kind kind = node_of(state.frames[frame.parent]).kind;
    const Task& around = tasks_[frame.parent];
    const bool in_turn = kind == Kind::tasks || kind == Kind::each;
    if (in_turn || kind == Kind::parallel || kind == Kind::race || kind == Kind::attempt) {
      if (!(frame.data->raw == (in_turn ? around.now : around.input)))
        violated_(k_flow, "what comes to the task is not what the one before it gave");
    }
  }
  tasks_[id] = std::move(task);
}

void FlowCheck::skipped(const decider::State& state, const h::StepSkipped& event) {
  begins(state, event.parent, event.index);
  Task& around = tasks_[event.parent];
  around.next = event.index + 1;
  around.has_skipped = true;
  around.branches[event.index] = around.input.empty() ? Bytes::copy("null") : around.input;
}

plan::Then FlowCheck::then_of(const decider::Frame& frame) const {
  const plan::Node& node = node_of(frame);
  if (node.kind == Kind::select && frame.branch < node.flow->case_then.size())
    return node.flow->case_then[frame.branch];
  if (node.kind == Kind::attempt && frame.branch < node.flow->catches.size() &&
      node.flow->catches[frame.branch].then.next != plan::Next::proceed)
    return node.flow->catches[frame.branch].then;
  return node.flow->then;
}

void FlowCheck::completed(const decider::State& state, const h::StepCompleted& event) {
  if (event.frame >= state.frames.size() || !state.frames[event.frame].live) return;
  const decider::Frame& frame = state.frames[event.frame];
  const plan::Node& node = node_of(frame);
  if (!node.flow || frame.role != h::Role::step) return;
  const std::uint32_t wanted = node.flow->export_as.is_null() ? 0 : 1;
  if (std::exchange(exports_, 0) != wanted)
    violated_(k_flow, "the context is not exported once for each task that says so");
  const Bytes output = event.kind == h::OutputKind::returned ? frame.returned : event.output;
  check_output(state, tasks_[event.frame], node, output);
  const plan::Then then = then_of(frame);
  if (then.next == plan::Next::end && !state.ending) violated_(k_flow, "the task says `end`, and nobody heard");
  if (frame.parent >= state.frames.size()) return;
  const decider::Frame& parent = state.frames[frame.parent];
  Task& around = tasks_[frame.parent];
  around.now = output;
  around.branches[frame.index] = output;
  if (!around.has_winner && parent.phase == decider::Phase::running) {
    around.winner = output;
    around.has_winner = true;
  }
  if (then.next == plan::Next::jump) around.next = then.target;
  else if (then.next == plan::Next::exit) around.next = static_cast<std::uint32_t>(node_of(parent).children.size());
  else around.next = frame.index + 1;
}

void FlowCheck::check_output(const decider::State& state, const Task& task, const plan::Node& node,
                             const Bytes& output) {
  if (node.kind == Kind::listen) check_listened(task, node, state.ending);
  if (!state.ending && node.kind == Kind::tasks && task.next < node.children.size())
    violated_(k_flow, "the list ends before its task " + std::to_string(task.next));
  if (!state.ending && node.kind == Kind::each && node.flow->each->while_ == plan::k_none &&
      task.iteration != task.items)
    violated_(k_flow,
              "a loop over " + std::to_string(task.items) + " items ends after " + std::to_string(task.iteration));
  if (!is_plain(*node.flow)) return;
  Bytes expected;
  switch (node.kind) {
    case Kind::tasks:
    case Kind::each: expected = task.now; break;
    case Kind::wait:
    case Kind::select: expected = task.input; break;
    case Kind::race:
      if (!task.has_winner || task.has_skipped) return;
      expected = task.winner;
      break;
    case Kind::parallel: {
      if (state.ending) return;
      std::string all = "[";
      for (std::uint32_t i = 0; i < node.children.size(); ++i) {
        const auto branch = task.branches.find(i);
        all += (i == 0 ? "" : ",") + std::string(branch == task.branches.end() ? "?" : branch->second.view());
      }
      expected = Bytes(all + "]");
      break;
    }
    case Kind::listen:
      if (node.flow->events->foreach) return;
      expected = Bytes(to_json(task.taken));
      break;
    default: return;
  }
  if (!(expected == output))
    violated_(k_flow, "a task of kind " + std::string(plan::to_string(node.kind)) + " gives " +
                          std::string(output.view()) + " and not " + std::string(expected.view()));
}

void FlowCheck::check_retry(const decider::State& state, const h::ActivityRetryScheduled& event, TimeMs now) {
  if (event.frame >= state.frames.size()) return;
  const decider::Frame& frame = state.frames[event.frame];
  const plan::Node& node = node_of(frame);
  if (!node.flow || node.kind != Kind::attempt || node.catches.size() != 1 || !node.catches[0].retry) return;
  const plan::Retry& retry = *node.catches[0].retry;
  const plan::FlowCatch& rules = node.flow->catches[0];
  if (event.attempt != frame.attempt + 1 || event.attempt > retry.max_attempts)
    violated_(k_attempts, "attempt " + std::to_string(event.attempt) + " of a try comes after " +
                              std::to_string(frame.attempt) + ", of " + std::to_string(retry.max_attempts));
  DurationMs pause = retry.initial_ms;
  if (retry.backoff == plan::BackoffKind::linear) pause *= frame.attempt;
  if (retry.backoff == plan::BackoffKind::exponential) pause <<= frame.attempt - 1;
  const DurationMs waits = event.at - now;
  if (waits < pause + rules.jitter_from_ms || waits > pause + rules.jitter_to_ms)
    violated_(k_attempts, "a try waits " + std::to_string(waits) + " ms, its policy says " + std::to_string(pause));
  if (rules.retry_for_ms != 0 && event.at >= frame.started_at + rules.retry_for_ms)
    violated_(k_attempts, "a try is made again when its time is over");
}

// ---- events ---------------------------------------------------------------------------------------------------------

bool FlowCheck::correlates(Task& task, const plan::EventFilter& filter, const Value& event) {
  for (const plan::Correlation& one : filter.correlate) {
    const Value key = key_of(event);
    if (key.is_null()) return false;
    if (one.expect.type == plan::Template::Type::constant && !one.expect.constant.is_null()) {
      if (!(one.expect.constant == key)) return false;
    } else if (const Value* known = task.keys.find(one.name); known == nullptr) {
      task.keys.set(one.name, key);
    } else if (!(*known == key)) {
      return false;
    }
  }
  return true;
}

void FlowCheck::consumed(const decider::State& state, const h::EventConsumed& event) {
  const auto at =
      std::find_if(waiting_.begin(), waiting_.end(), [&](const Arrived& one) { return one.seq == event.event; });
  if (at == waiting_.end()) return violated_(k_events, "takes an event that is not there or was taken before");
  if (event.frame >= state.frames.size() || !state.frames[event.frame].live)
    return violated_(k_events, "nobody takes an event");
  const plan::Node& node = node_of(state.frames[event.frame]);
  if (!node.flow || !node.flow->events) return violated_(k_events, "a task that does not listen takes an event");
  const plan::EventsSpec& spec = *node.flow->events;
  const auto& filters = event.until ? spec.until_events : spec.filters;
  Task& task = tasks_[event.frame];
  if (event.filter < filters.size()) {
    const plan::EventFilter& filter = filters[event.filter];
    const Value* type = constant_of(filter, "type");
    const auto fits = [&](const Value& one) {
      return type == nullptr || (one.find("type") != nullptr && *one.find("type") == *type);
    };
    if (!fits(at->event)) violated_(k_events, "takes an event of another type");
    if (filter.correlate.empty() &&
        std::any_of(waiting_.begin(), at, [&](const Arrived& one) { return fits(one.event); }))
      violated_(k_events, "takes another event than the oldest");
    if (!goes_on_ && !correlates(task, filter, at->event))
      violated_(k_events, "takes an event that does not correlate");
  }
  if (const Value* data = at->event.find("data"); !event.until) task.taken.push_back(data != nullptr ? *data : Value());
  waiting_.erase(at);
}

void FlowCheck::check_listened(const Task& task, const plan::Node& node, bool ending) {
  const plan::EventsSpec& spec = *node.flow->events;
  if (ending) return;
  const std::size_t taken = task.taken.size();
  const bool ends_at_one =
      spec.mode == plan::EventMode::one ||
      (spec.mode == plan::EventMode::any && spec.until == plan::k_none && spec.until_events.empty());
  if (ends_at_one && taken != 1) violated_(k_events, "listened for one event and took " + std::to_string(taken));
  if (spec.mode == plan::EventMode::all && taken != spec.filters.size())
    violated_(k_events,
              "listened for " + std::to_string(spec.filters.size()) + " events and took " + std::to_string(taken));
}

}  // namespace perdure::sim
