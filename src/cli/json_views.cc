#include "cli/json_views.h"

namespace perdure::cli {
namespace {

Value strings(const std::vector<std::string>& texts) {
  std::vector<Value> items;
  items.reserve(texts.size());
  for (const std::string& text : texts) items.emplace_back(text);
  return Value::array(std::move(items));
}

template <class T>
Value list(const std::vector<T>& things) {
  std::vector<Value> items;
  items.reserve(things.size());
  for (const T& thing : things) items.push_back(to_value(thing));
  return Value::array(std::move(items));
}

Value text_or_null(const std::string& text) { return text.empty() ? Value() : Value(text); }

}  // namespace

Value time_value(TimeMs time) { return time <= 0 || time == k_never ? Value() : Value(format_timestamp(time)); }

Value to_value(const history::Fault& fault) {
  Value shown = Value::object({{"type", fault.type},
                               {"title", fault.title},
                               {"detail", fault.detail},
                               {"status", fault.status == 0 ? Value() : Value(fault.status)},
                               {"step", fault.step},
                               {"attempt", std::uint64_t{fault.attempt}},
                               {"class", history::to_string(fault.fault_class)}});
  if (fault.step.starts_with("/")) shown.set("instance", fault.step);  // of the Open Workflow Specification
  return shown;
}

Value to_value(const engine::StepView& step) {
  return Value::object({{"path", step.path},
                        {"kind", step.kind},
                        {"status", step.status},
                        {"attempt", std::uint64_t{step.attempt}},
                        {"started_at", time_value(step.started_at)},
                        {"ended_at", time_value(step.ended_at)},
                        {"next_at", time_value(step.next_at)},
                        {"error", step.error ? to_value(*step.error) : Value()},
                        {"summary", text_or_null(step.summary)}});
}

Value to_value(const engine::ReviewView& review) {
  return Value::object({{"run", review.run.id},
                        {"id", review.id},
                        {"step", review.step},
                        {"workflow", review.workflow},
                        {"opened_at", time_value(review.opened_at)},
                        {"deadline", time_value(review.deadline)},
                        {"request", review.request},
                        {"approvals", strings(review.approvals)}});
}

Value to_value(const engine::RunView& run) {
  return Value::object({{"run", run.run.id},
                        {"workflow", run.workflow},
                        {"version", run.version},
                        {"plan_hash", run.plan_hash},
                        {"status", run.status},
                        {"parent", text_or_null(run.parent)},
                        {"started_at", time_value(run.started_at)},
                        {"updated_at", time_value(run.updated_at)},
                        {"closed_at", time_value(run.closed_at)},
                        {"progress", run.progress},
                        {"events", run.events},
                        {"input", run.input},
                        {"output", run.output},
                        {"context", run.context},
                        {"error", run.error ? to_value(*run.error) : Value()},
                        {"compensation", text_or_null(run.compensation)},
                        {"repair", Value::array(run.repair)},
                        {"waiting_for", strings(run.waiting_for)},
                        {"steps", list(run.steps)},
                        {"reviews", list(run.reviews)}});
}

Value to_value(const engine::RunSummary& run) {
  return Value::object({{"run", run.run.id},
                        {"workflow", run.workflow},
                        {"version", run.version},
                        {"status", run.status},
                        {"parent", text_or_null(run.parent)},
                        {"started_at", time_value(run.started_at)},
                        {"updated_at", time_value(run.updated_at)},
                        {"closed_at", time_value(run.closed_at)},
                        {"detail", run.detail}});
}

Value to_value(const engine::WorkflowInfo& workflow) {
  return Value::object({{"name", workflow.name},
                        {"version", workflow.version},
                        {"plan_hash", workflow.plan_hash},
                        {"registered_at", time_value(workflow.registered_at)}});
}

Value to_value(const engine::ReplayReport& report) {
  return Value::object({{"matches", report.matches},
                        {"events", report.events},
                        {"batches", report.batches},
                        {"differences", strings(report.differences)}});
}

Value to_value(const engine::DoctorReport& report) {
  return Value::object({{"clean", report.clean},
                        {"runs", report.runs},
                        {"open", report.open},
                        {"timers", report.timers},
                        {"findings", strings(report.findings)}});
}

Value to_value(const Mark& mark) {
  return Value::object({{"seq", mark.seq},
                        {"step", text_or_null(mark.step)},
                        {"what", mark.what},
                        {"outcome", mark.outcome},
                        {"started_at", time_value(mark.started_at)},
                        {"ended_at", time_value(mark.ended_at)},
                        {"duration_ms", mark.ended_at > 0 ? Value(mark.ended_at - mark.started_at) : Value()},
                        {"detail", text_or_null(mark.detail)}});
}

}  // namespace perdure::cli
