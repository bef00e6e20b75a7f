#include "cli/run_model.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "plan/view.h"

namespace perdure::cli {
namespace {

namespace h = history;
constexpr std::size_t k_lines_kept_max = 5'000;
constexpr std::size_t k_frames_max = 20'000'000;  // a larger number is no frame of ours

void append_number(std::string& key, std::uint32_t number) {  // big-endian: bytes order as numbers do
  for (int shift = 24; shift >= 0; shift -= 8)
    key += static_cast<char>((number >> static_cast<unsigned>(shift)) & 0xffU);
}

// Steps in the flow below a node; bodies that run only when something fails are left out.
std::vector<h::NodeId> parts_of(const plan::Node& node) {
  std::vector<h::NodeId> parts;
  for (const h::NodeId child : node.children)
    if (child != plan::k_none) parts.push_back(child);
  for (const plan::Case& branch : node.cases)
    if (branch.body != plan::k_none && std::find(parts.begin(), parts.end(), branch.body) == parts.end())
      parts.push_back(branch.body);
  if (node.finally != plan::k_none && std::find(parts.begin(), parts.end(), node.finally) == parts.end())
    parts.push_back(node.finally);
  return parts;
}

}  // namespace

std::string_view to_string(StepPhase phase) {
  switch (phase) {
    case StepPhase::pending: return "pending";
    case StepPhase::running: return "running";
    case StepPhase::queued: return "queued";
    case StepPhase::waiting: return "waiting";
    case StepPhase::retrying: return "retrying";
    case StepPhase::compensating: return "compensating";
    case StepPhase::completed: return "completed";
    case StepPhase::skipped: return "skipped";
    case StepPhase::failed: return "failed";
    case StepPhase::cancelled: return "cancelled";
  }
  return "unknown";
}

std::string describe_fault(const h::Fault& fault) {
  std::string text;
  for (const std::string* part : {&fault.type, &fault.title, &fault.detail}) {
    const std::size_t end = part->find_last_not_of(" \t\r\n");
    if (end == std::string::npos || (part == &fault.detail && fault.detail == fault.title)) continue;
    text += (text.empty() ? "" : ": ") + part->substr(0, end + 1);
  }
  return text;
}

RunModel::RunModel(std::shared_ptr<const plan::Plan> the_plan) : plan_(std::move(the_plan)) {
  undone_by_.assign(plan_->nodes.size(), h::k_none);
  for (const plan::Node& node : plan_->nodes)
    if (node.compensation < undone_by_.size()) undone_by_[node.compensation] = node.id;
  count_leaves();
  // The top level is shown from the start, so that people see what lies ahead.
  constexpr std::size_t k_ahead_max = 1'000;
  if (plan_->nodes.empty() || plan_->nodes[0].children.size() > k_ahead_max) return;
  for (const h::NodeId child : plan_->nodes[0].children) {
    if (child >= plan_->nodes.size()) continue;
    const plan::Node& node = plan_->nodes[child];
    std::string key;
    append_number(key, child);
    append_number(key, 0);
    StepLine& line = lines_[key];
    line.path = node.name;
    line.kind = plan::kind_text(node);
    line.summary = node.summary;
  }
}

void RunModel::count_leaves() {
  leaf_done_.assign(plan_->nodes.size(), true);  // what is not in the flow counts as behind
  std::vector<h::NodeId> todo = {0};
  std::vector<bool> seen(plan_->nodes.size(), false);
  while (!todo.empty()) {
    const h::NodeId id = todo.back();
    todo.pop_back();
    if (id >= plan_->nodes.size() || seen[id]) continue;
    seen[id] = true;
    const std::vector<h::NodeId> parts = parts_of(plan_->nodes[id]);
    todo.insert(todo.end(), parts.begin(), parts.end());
    if (parts.empty()) {
      leaf_done_[id] = false;
      ++leaves_total_;
    }
  }
}

void RunModel::mark_done(h::NodeId node) {
  std::vector<h::NodeId> todo = {node};
  while (!todo.empty()) {
    const h::NodeId id = todo.back();
    todo.pop_back();
    if (id >= plan_->nodes.size()) continue;
    const std::vector<h::NodeId> parts = parts_of(plan_->nodes[id]);
    todo.insert(todo.end(), parts.begin(), parts.end());
    if (parts.empty() && !leaf_done_[id]) {
      leaf_done_[id] = true;
      ++leaves_done_;
    }
  }
}

double RunModel::progress() const {
  if (status_ == h::RunStatus::completed) return 1;
  if (leaves_total_ == 0) return 0;
  return static_cast<double>(leaves_done_) / static_cast<double>(leaves_total_);
}

std::vector<const StepLine*> RunModel::lines() const {
  std::vector<const StepLine*> all;
  all.reserve(lines_.size());
  for (const auto& [key, line] : lines_)
    if (!line.hidden) all.push_back(&line);
  return all;
}

Outlook RunModel::outlook() const {
  Outlook outlook;
  for (const FrameInfo& info : frames_) {
    if (!info.live) continue;
    const plan::Node& node = plan_->nodes[info.node];
    const StepLine& line = info.line->second;
    if (info.iterates) continue;  // its items say
    switch (node.kind) {
      case plan::Kind::activity:
        if (line.phase == StepPhase::retrying) outlook.timers = true;
        else if (info.busy || status_ != h::RunStatus::paused) outlook.moves = true;  // an attempt is out
        break;
      case plan::Kind::wait: outlook.timers = true; break;
      case plan::Kind::listen:
        outlook.events = outlook.events || node.flow != nullptr;
        if (!line.awaited.empty()) outlook.signals.push_back(line.awaited);
        break;
      case plan::Kind::review: ++outlook.reviews; break;
      case plan::Kind::subflow:
      case plan::Kind::map:
        if (!line.awaited.empty()) outlook.children.push_back(line.awaited);
        else if (line.phase == StepPhase::retrying) outlook.timers = true;
        else if (status_ != h::RunStatus::paused) outlook.moves = true;  // its sub-workflow is about to be there
        break;
      case plan::Kind::set:
      case plan::Kind::emit:
      case plan::Kind::raise: break;  // end in the decision that starts them
      default:
        if (line.phase == StepPhase::retrying) outlook.timers = true;  // a block that is tried again
    }
  }
  return outlook;
}

h::RunStatus RunModel::status() const {
  if (status_ != h::RunStatus::running) return status_;
  const Outlook ahead = outlook();
  const bool waits = ahead.timers || ahead.waits_for_somebody() || !ahead.children.empty();
  return !ahead.moves && waits ? h::RunStatus::waiting : h::RunStatus::running;
}

RunModel::FrameInfo* RunModel::frame(h::FrameId id) {
  return id < frames_.size() && frames_[id].live ? &frames_[id] : nullptr;
}

void RunModel::note_change(Lines::iterator line) {
  const bool noted = !changed_.empty() && changed_.back() == &line->second;
  if (!line->second.hidden && !noted) changed_.push_back(&line->second);
}

void RunModel::set_phase(FrameInfo& info, StepPhase phase) {
  info.line->second.phase = phase;
  note_change(info.line);
}

void RunModel::drop_surplus() {
  while (lines_.size() > k_lines_kept_max && !over_.empty()) {
    const auto found = lines_.find(over_.front());
    over_.pop_front();
    if (found == lines_.end() || !is_over(found->second.phase)) continue;
    lines_.erase(found);
    ++dropped_;
  }
  if (over_.size() > 4 * k_lines_kept_max) over_.erase(over_.begin(), over_.begin() + k_lines_kept_max);
}

RunModel::FrameInfo* RunModel::open(h::FrameId id, h::NodeId node_id, h::FrameId parent, std::uint32_t index,
                                    h::Role role, TimeMs now) {
  if (id >= k_frames_max || node_id >= plan_->nodes.size()) return nullptr;
  const plan::Node& node = plan_->nodes[node_id];
  std::string key, path;
  std::uint32_t depth = 0;
  if (const FrameInfo* above = parent == h::k_none ? nullptr : frame(parent)) {
    key = above->line->first;
    path = above->line->second.path;
    depth = key.empty() ? 0 : above->line->second.depth + (above->line->second.hidden ? 0 : 1);
  }
  const bool undoing = role == h::Role::compensation;
  if (parent == h::k_none) {
    key.clear();
    path.clear();
  } else if (undoing) {
    append_number(key, h::k_none);  // after the steps of its scope
    append_number(key, index);
    append_number(key, node_id);
    const h::NodeId owner = undone_by_[node_id];
    path = "undo " + (owner == h::k_none ? node.name : plan_->nodes[owner].name);
  } else if (role == h::Role::item) {
    append_number(key, 0);
    append_number(key, index);
    path += fmt::format("[{}]", index);
  } else {
    append_number(key, node_id);
    append_number(key, 0);
    path += (path.empty() ? "" : ".") + node.name;
  }
  const auto [line, made] = lines_.try_emplace(key);
  StepLine& shown = line->second;
  shown.path = std::move(path);
  shown.kind = plan::kind_text(node);
  shown.summary = node.summary;
  shown.undoing = undoing;
  shown.hidden = parent == h::k_none || (node.made_up && !undoing && role != h::Role::item && !node.children.empty());
  shown.depth = depth;
  shown.attempt = 0;
  shown.started_at = now;
  shown.ended_at = shown.next_at = 0;
  shown.reason.clear();
  shown.awaited.clear();
  if (id >= frames_.size()) frames_.resize(id + 1);
  const bool iterates = node.foreach != plan::k_none && role != h::Role::item;
  frames_[id] = {.live = true, .iterates = iterates, .node = node_id, .line = line, .mark = SIZE_MAX};
  set_phase(frames_[id], StepPhase::running);
  drop_surplus();
  return &frames_[id];
}

void RunModel::close(h::FrameId id, StepPhase phase, TimeMs now, const std::string& reason) {
  FrameInfo* info = frame(id);
  if (info == nullptr) return;
  end_mark(*info, to_string(phase), reason, now);
  StepLine& line = info->line->second;
  if (line.phase == StepPhase::waiting) line.reason.clear();  // what it waited for
  line.ended_at = now;
  line.next_at = 0;
  if (!reason.empty() || phase == StepPhase::completed) line.reason = reason;
  if (!line.undoing && (phase == StepPhase::completed || phase == StepPhase::skipped)) mark_done(info->node);
  set_phase(*info, phase);
  over_.push_back(info->line->first);
  info->live = false;
}

void RunModel::begin_mark(FrameInfo& info, std::string what, TimeMs now) {
  info.busy = true;
  if (!marks_kept_) return;
  info.mark = marks_.size();
  marks_.push_back({.started_at = now,
                    .ended_at = 0,
                    .step = info.line->second.path,
                    .what = std::move(what),
                    .outcome = "running",
                    .detail = {},
                    .seq = last_seq_});
}

void RunModel::end_mark(FrameInfo& info, std::string_view outcome, std::string detail, TimeMs now) {
  info.busy = false;
  if (info.mark >= marks_.size()) return;
  Mark& mark = marks_[info.mark];
  mark.ended_at = now;
  mark.outcome = outcome;
  mark.detail = std::move(detail);
  info.mark = SIZE_MAX;
}

void RunModel::moment(std::string step, std::string what, std::string_view outcome, std::string detail, TimeMs now) {
  if (!marks_kept_) return;
  marks_.push_back({.started_at = now,
                    .ended_at = now,
                    .step = std::move(step),
                    .what = std::move(what),
                    .outcome = std::string(outcome),
                    .detail = std::move(detail),
                    .seq = last_seq_});
}

void RunModel::end_run(h::RunStatus status, h::FaultPtr fault, TimeMs now) {
  for (h::FrameId id = 0; id < frames_.size(); ++id)
    if (id > 0) close(id, StepPhase::cancelled, now, "");
  frames_.clear();
  status_ = status;
  fault_ = std::move(fault);
  ended_at_ = now;
  moment("", "run", h::to_string(status), fault_ ? describe_fault(*fault_) : "", now);
}

// One event's change; kinds without a line of their own change nothing here.

}  // namespace perdure::cli
