#include "engine/lifecycle.h"

#include <fmt/format.h>

#include <utility>

#include "base/json.h"
#include "history/standard_error.h"

namespace perdure::engine {
namespace {

namespace h = history;

Value payload(const Bytes& json) {
  if (json.empty()) return {};
  auto value = parse_json(json.view());
  return value ? std::move(*value) : Value(json.view());
}

// {namespace, name} of a plan; its name is NAMESPACE/NAME, in the namespace `default` just NAME.
std::pair<std::string_view, std::string_view> split(std::string_view name) {
  const std::size_t slash = name.find('/');
  if (slash == std::string_view::npos) return {"default", name};
  return {name.substr(0, slash), name.substr(slash + 1)};
}

}  // namespace

struct Lifecycle::Fold {
  Lifecycle& l;
  const HistoryEntry& entry;
  std::vector<Value>& out;

  template <class E>
  void operator()(const E&) const {}

  // ---- the workflow
  void operator()(const h::RunStarted&) const {
    const auto [space, name] = split(l.plan_->name);
    const Value definition =
        Value::object({{"name", Value(name)}, {"namespace", Value(space)}, {"version", Value(l.plan_->version)}});
    workflow("started", "startedAt", Value::object({{"definition", definition}}));
    begin(0, 0, h::k_none, 0, h::Role::step);
  }
  void operator()(const h::PauseRequested&) const {
    if (std::exchange(l.suspended_, true)) return;
    workflow("suspended", "suspendedAt");
    for (h::FrameId id = 0; id < l.tasks_.size(); ++id) task(id, "suspended", "suspendedAt");
  }
  void operator()(const h::ResumeRequested&) const {
    if (!std::exchange(l.suspended_, false)) return;
    workflow("resumed", "resumedAt");
    for (h::FrameId id = 0; id < l.tasks_.size(); ++id) task(id, "resumed", "resumedAt");
  }
  void operator()(const h::RetryRequested&) const { again(); }
  void operator()(const h::CompensateRequested&) const { again(); }
  void operator()(const h::RunCompleted& e) const {
    l.tasks_.clear();
    workflow("completed", "completedAt", Value::object({{"output", payload(e.output)}}));
  }
  void operator()(const h::RunFailed& e) const {
    for (h::FrameId id = 0; id < l.tasks_.size(); ++id) task(id, "cancelled", "cancelledAt");
    l.tasks_.clear();
    if (e.status == h::RunStatus::cancelled || e.status == h::RunStatus::terminated)
      return workflow("cancelled", "cancelledAt");
    workflow("faulted", "faultedAt", Value::object({{"error", error(e.fault)}}));
  }

  // ---- tasks
  void operator()(const h::StepStarted& e) const {
    if (!begin(e.frame, e.node, e.parent, e.index, e.role)) return;
    if (l.plan_->nodes[e.node].kind != plan::Kind::activity) start(e.frame);
  }
  void operator()(const h::ActivityScheduled& e) const {
    const Task* known = live(e.frame);
    if ((known == nullptr || known->node != e.node) && !begin(e.frame, e.node, e.parent, e.index, e.role)) return;
    start(e.frame);
  }
  void operator()(const h::ActivityAttemptStarted& e) const { task(e.frame, "retried", "retriedAt"); }
  void operator()(const h::BlockRetried& e) const { task(e.frame, "retried", "retriedAt"); }
  void operator()(const h::ActivityCompleted& e) const {
    if (Task* t = live(e.frame)) t->returned = e.result;
  }
  void operator()(const h::ChildEnded& e) const {
    if (Task* t = live(e.frame)) t->returned = e.output;
  }
  void operator()(const h::EventConsumed& e) const {
    Task* t = live(e.frame);
    if (t != nullptr && !e.keys.empty()) t->keys = e.keys;
  }
  void operator()(const h::StepCompleted& e) const {
    const Task* t = live(e.frame);
    if (t == nullptr) return;
    Value more = Value::object();
    if (e.kind == h::OutputKind::inline_) more.set("output", payload(e.output));
    if (e.kind == h::OutputKind::returned && !t->returned.empty()) more.set("output", payload(t->returned));
    correlated(*t);
    task(e.frame, "completed", "completedAt", std::move(more));
    l.tasks_[e.frame].live = false;
  }
  void operator()(const h::StepFailed& e) const {
    if (live(e.frame) == nullptr) return;
    task(e.frame, "faulted", "faultedAt", Value::object({{"error", error(e.fault)}}));
    l.tasks_[e.frame].live = false;
  }
  void operator()(const h::StepCancelled& e) const {
    if (live(e.frame) == nullptr) return;
    task(e.frame, "cancelled", "cancelledAt");
    l.tasks_[e.frame].live = false;
  }

 private:
  Task* live(h::FrameId id) const { return id < l.tasks_.size() && l.tasks_[id].live ? &l.tasks_[id] : nullptr; }

  bool begin(h::FrameId id, h::NodeId node, h::FrameId parent, std::uint32_t index, h::Role role) const {
    constexpr h::FrameId k_frames_max = 10'000'000;
    if (node >= l.plan_->nodes.size() || id > k_frames_max) return false;
    if (id >= l.tasks_.size()) l.tasks_.resize(id + 1);
    l.tasks_[id] = {
        .live = true, .node = node, .parent = parent, .index = index, .role = role, .returned = {}, .keys = {}};
    task(id, "created", "createdAt");
    return true;
  }
  void start(h::FrameId id) const {
    Task& t = l.tasks_[id];
    if (std::exchange(t.started, true)) return;
    task(id, "started", "startedAt");
    const plan::Node& node = l.plan_->nodes[t.node];
    if (!node.flow || !node.flow->events) return;
    for (const plan::EventFilter& filter : node.flow->events->filters) t.correlates |= !filter.correlate.empty();
    if (t.correlates) workflow("correlation-started", "startedAt");
  }
  void correlated(const Task& t) const {
    if (!t.correlates) return;
    Value more = Value::object();
    if (!t.keys.empty()) more.set("correlationKeys", payload(t.keys));
    workflow("correlation-completed", "completedAt", std::move(more));
  }
  // Undoing, or a failed run that goes on.
  void again() const {
    l.tasks_.clear();
    l.suspended_ = false;
    workflow("resumed", "resumedAt");
    begin(0, 0, h::k_none, 0, h::Role::step);
  }

  Value error(const h::FaultPtr& fault) const {
    const h::Fault& f = fault ? *fault : h::Fault{};
    if (l.plan_->data_flow) return h::error_value(f);
    Value v = Value::object({{"type", f.type}, {"status", Value(std::int64_t{f.status})}, {"title", f.title}});
    if (!f.detail.empty()) v.set("detail", f.detail);
    if (!f.step.empty()) v.set("instance", f.step);
    return v;
  }

  // The task's JSON pointer in its file; of the native dialect, names with slashes.
  std::string pointer(h::FrameId id) const {
    const Task& t = l.tasks_[id];
    const plan::Node& node = l.plan_->nodes[t.node];
    if (node.flow) return node.flow->pointer;
    const std::string above = live(t.parent) != nullptr ? pointer(t.parent) : "";
    if (t.role == h::Role::item) return fmt::format("{}/{}", above, t.index);
    if (t.role == h::Role::compensation) return above + "/compensate/" + node.name;
    return above + "/" + node.name;
  }

  void emit(std::string_view of, std::string_view what, Value data) const {
    out.push_back(Value::object({{"specversion", "1.0"},
                                 {"id", fmt::format("{}/{}/{}", to_string(l.run_), entry.seq, out.size())},
                                 {"source", l.source_},
                                 {"type", fmt::format("io.serverlessworkflow.{}.{}.v1", of, what)},
                                 {"time", format_timestamp(entry.at)},
                                 {"subject", l.run_.id},
                                 {"datacontenttype", "application/json"},
                                 {"data", std::move(data)}}));
  }
  void workflow(std::string_view what, std::string_view at, Value more = Value::object()) const {
    Value data = Value::object({{"name", l.name_}, {at, format_timestamp(entry.at)}});
    for (const auto& [key, value] : more.members()) data.set(key.as_string(), value);
    emit("workflow", what, std::move(data));
  }
  // Blocks that only the loader named, and the root, are no tasks.
  void task(h::FrameId id, std::string_view what, std::string_view at, Value more = Value::object()) const {
    const Task* t = live(id);
    if (t == nullptr || t->parent == h::k_none) return;
    const plan::Node& node = l.plan_->nodes[t->node];
    if (node.made_up && t->role == h::Role::step) return;
    Value data = Value::object({{"workflow", l.name_}, {"task", pointer(id)}, {at, format_timestamp(entry.at)}});
    for (const auto& [key, value] : more.members()) data.set(key.as_string(), value);
    emit("task", what, std::move(data));
  }
};

Lifecycle::Lifecycle(RunKey run, std::shared_ptr<const plan::Plan> plan)
    : run_(std::move(run)), plan_(std::move(plan)) {
  const auto [space, name] = split(plan_->name);
  source_ = fmt::format("/{}/{}/{}", space, name, plan_->version);
  name_ = fmt::format("{}-{}.{}", name, run_.id, space);
}

std::vector<Value> Lifecycle::next(const HistoryEntry& entry) {
  std::vector<Value> out;
  std::visit(Fold{*this, entry, out}, entry.event);
  return out;
}

}  // namespace perdure::engine
