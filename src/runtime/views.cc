#include "runtime/views.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/json.h"

namespace perdure::runtime {
namespace {

using decider::Phase;

Value json_or_null(const Bytes& bytes) {
  if (bytes.empty()) return {};
  auto value = parse_json(bytes.view());
  return value ? std::move(*value) : Value(bytes.view());
}

// Decided, and not taken yet since the run is paused: nobody is asked any more.
bool is_decided(const decider::State& state, const decider::Frame& frame) {
  const auto& votes = frame.wait->votes;
  const bool rejected = std::any_of(votes.begin(), votes.end(), [](const auto& vote) { return !vote.second; });
  return rejected || votes.size() >= state.plan->nodes[frame.node].review->quorum;
}

bool is_open_review(const decider::State& state, const decider::Frame& frame) {
  return frame.live && frame.phase == Phase::waiting && frame.wait && !frame.wait->request.empty() &&
         state.plan->nodes[frame.node].kind == plan::Kind::review && !is_decided(state, frame);
}

std::string status_of(const decider::StepState& step) {
  if (!step.live) return std::string(history::to_string(step.status));
  switch (step.phase) {
    case Phase::queued: return "queued";
    case Phase::backing_off: return "retrying";
    case Phase::waiting: return "waiting";
    case Phase::compensating: return "compensating";
    default: return "running";
  }
}

engine::StepView step_view(const decider::State& state, const decider::StepState& step) {
  const plan::Node& node = state.plan->nodes[step.node];
  engine::StepView view;
  view.id = node.name;
  view.path = step.path;
  view.kind = plan::to_string(node.kind);
  view.status = status_of(step);
  view.attempt = step.attempt;
  view.started_at = step.started_at;
  view.next_at = step.next_at == k_never ? 0 : step.next_at;
  if (step.fault) view.error = *step.fault;
  view.summary = node.summary;
  return view;
}

// The types of events that a listen may take, as far as its file names them.
std::string events_of(const plan::Node& node) {
  std::string types;
  for (const plan::EventFilter& filter : node.flow->events->filters)
    for (std::size_t i = 0; i < filter.attributes.size(); ++i)
      if (filter.attributes[i] == "type" && filter.values[i].constant.is_string())
        types += (types.empty() ? "" : ", ") + std::string(filter.values[i].constant.as_string());
  return types.empty() ? "of any type" : types;
}

std::string waits_for(const decider::State& state, const decider::Frame& frame) {
  const plan::Node& node = state.plan->nodes[frame.node];
  const std::string until = frame.due == k_never ? std::string() : " until " + format_timestamp(frame.due);
  if (frame.phase == Phase::backing_off)
    return fmt::format("attempt {} of step {}, at {}", frame.attempt, node.name, format_timestamp(frame.due));
  if (frame.phase == Phase::in_flight) return fmt::format("step {} (attempt {} is running)", node.name, frame.attempt);
  if (frame.phase == Phase::queued) return fmt::format("step {}: its turn (limits.parallel)", node.name);
  if (frame.phase != Phase::waiting) return {};
  switch (node.kind) {
    case plan::Kind::wait: return fmt::format("timer of step {}{}", node.name, until);
    case plan::Kind::listen:
      if (node.flow) return fmt::format("event {} (task {}){}", events_of(node), node.name, until);
      return fmt::format("signal {} (step {}){}", frame.wait ? frame.wait->name : "?", node.name, until);
    case plan::Kind::review:
      return is_open_review(state, frame) ? fmt::format("review of step {}{}", node.name, until) : std::string();
    case plan::Kind::subflow:
    case plan::Kind::map:
      return fmt::format("sub-workflow run {} (step {})", frame.wait ? frame.wait->request.view() : "?", node.name);
    default: return {};
  }
}

}  // namespace

engine::RunView run_view(const decider::State& state) {
  const history::StartInfo& info = *state.info;
  engine::RunView view;
  view.run = info.run;
  view.workflow = info.workflow;
  view.version = info.version;
  view.plan_hash = info.plan_hash;
  view.status = history::to_string(decider::visible_status(state));
  view.parent = info.parent;
  view.started_at = state.started_at;
  view.updated_at = state.updated_at;
  view.closed_at = state.closed_at;
  view.input = json_or_null(info.input);
  view.output = json_or_null(state.output);
  if (state.fault) view.error = *state.fault;
  view.compensation = state.compensation;
  for (const decider::SagaEntry& entry : state.saga_log) {
    if (!entry.done || !entry.fault) continue;
    view.repair.push_back(Value::object(
        {{"step", Value(state.plan->nodes[entry.node].name)},
         {"command", Value(entry.command)},
         {"error", Value::object({{"type", Value(entry.fault->type)}, {"title", Value(entry.fault->title)}})}}));
  }
  view.context = state.context;
  view.events = state.last_seq;
  view.progress = decider::progress(state);
  for (const decider::StepState& step : decider::steps(state)) view.steps.push_back(step_view(state, step));
  view.reviews = review_views(state);
  constexpr std::size_t k_waits_shown = 20;
  for (const decider::Frame& frame : state.frames) {
    if (!frame.live || view.waiting_for.size() >= k_waits_shown) continue;
    if (std::string text = waits_for(state, frame); !text.empty()) view.waiting_for.push_back(std::move(text));
  }
  if (state.paused) view.waiting_for.insert(view.waiting_for.begin(), "being resumed: the run is paused");
  return view;
}

std::vector<engine::ReviewView> review_views(const decider::State& state) {
  std::vector<engine::ReviewView> reviews;
  for (const decider::Frame& frame : state.frames) {
    if (!is_open_review(state, frame)) continue;
    engine::ReviewView view;
    view.run = state.info->run;
    view.id = std::to_string(frame.command);
    view.step = state.plan->nodes[frame.node].name;
    view.workflow = state.info->workflow;
    view.opened_at = frame.started_at;
    view.deadline = frame.due == k_never ? 0 : frame.due;
    view.request = json_or_null(frame.wait->request);
    for (const auto& [reviewer, approved] : frame.wait->votes)
      if (approved) view.approvals.push_back(reviewer);
    reviews.push_back(std::move(view));
  }
  return reviews;
}

bool is_idle(const decider::State& state) {
  const history::RunStatus status = decider::visible_status(state);
  if (status == history::RunStatus::paused) return true;
  if (status != history::RunStatus::waiting) return false;
  constexpr std::size_t k_timers_looked_at = 256;
  std::size_t looked = 0;
  for (const auto& [due, id] : state.timers) {
    if (++looked > k_timers_looked_at) break;
    if (id < state.frames.size() && state.frames[id].phase == Phase::backing_off) return false;
  }
  return true;
}

}  // namespace perdure::runtime
