// What each event changes in the model of a run.
#include <fmt/format.h>

#include <utility>

#include "cli/run_model.h"

namespace perdure::cli {
namespace {

namespace h = history;

std::string by_words(const std::string& by, const std::string& reason) {
  std::string words = by.empty() ? "" : "by " + by;
  if (!reason.empty()) words += (words.empty() ? "" : ": ") + reason;
  return words;
}

}  // namespace

struct RunModel::Fold {
  RunModel& m;
  TimeMs now;

  template <class E>
  void operator()(const E&) const {}

  // ---- steps ----
  void operator()(const h::RunStarted&) const {
    m.status_ = h::RunStatus::running;
    m.started_at_ = now;
    m.frames_.clear();
    m.open(0, 0, h::k_none, 0, h::Role::step, now);
    m.moment("", "run", "started", "", now);
  }
  void operator()(const h::StepStarted& e) const {
    FrameInfo* info = m.open(e.frame, e.node, e.parent, e.index, e.role, now);
    if (info == nullptr) return;
    const plan::Kind kind = m.plan_->nodes[e.node].kind;
    if (info->iterates) return;
    if (kind == plan::Kind::wait || kind == plan::Kind::listen || kind == plan::Kind::review) {
      m.begin_mark(*info, std::string(plan::to_string(kind)), now);
      m.set_phase(*info, StepPhase::waiting);
    } else if (kind == plan::Kind::activity) {
      m.set_phase(*info, StepPhase::queued);
    }
  }
  void operator()(const h::StepSkipped& e) const {
    if (m.frame(e.parent) == nullptr) return;
    // A frame number past all of ours for the moment it takes to draw the line.
    const auto id = static_cast<h::FrameId>(m.frames_.size());
    const bool item = m.frames_[e.parent].node == e.node;
    if (m.open(id, e.node, e.parent, e.index, item ? h::Role::item : h::Role::step, now) == nullptr) return;
    m.close(id, StepPhase::skipped, now, "");
    m.frames_.pop_back();
  }
  void operator()(const h::StepCompleted& e) const { m.close(e.frame, StepPhase::completed, now, ""); }
  void operator()(const h::StepFailed& e) const {
    if (e.handled)
      if (const FrameInfo* info = m.frame(e.frame)) m.mark_done(info->node);
    m.close(e.frame, StepPhase::failed, now, e.fault ? describe_fault(*e.fault) : "");
  }
  void operator()(const h::StepCancelled& e) const { m.close(e.frame, StepPhase::cancelled, now, ""); }

  // ---- activities ----
  void operator()(const h::ActivityScheduled& e) const {
    FrameInfo* info = m.frame(e.frame);
    if (info == nullptr || info->node != e.node) info = m.open(e.frame, e.node, e.parent, e.index, e.role, now);
    if (info == nullptr) return;
    StepLine& line = info->line->second;
    line.attempt = 1;
    m.begin_mark(*info, "attempt 1", now);
    m.set_phase(*info, StepPhase::running);
  }
  void operator()(const h::ActivityAttemptStarted& e) const {
    FrameInfo* info = m.frame(e.frame);
    if (info == nullptr) return;
    StepLine& line = info->line->second;
    line.attempt = e.attempt;
    line.next_at = 0;
    m.begin_mark(*info, fmt::format("attempt {}", e.attempt), now);
    m.set_phase(*info, StepPhase::running);
  }
  void operator()(const h::ActivityCompleted& e) const {
    if (FrameInfo* info = m.frame(e.frame)) m.end_mark(*info, "completed", "", now);
  }
  void operator()(const h::ActivityFailed& e) const {
    attempt_failed(e.frame, "failed", e.fault ? describe_fault(*e.fault) : "");
  }
  void operator()(const h::ActivityLost& e) const {
    attempt_failed(e.frame, "lost", "the engine stopped while it ran; its outcome is unknown");
  }
  void operator()(const h::ActivityRetryScheduled& e) const {
    FrameInfo* info = m.frame(e.frame);
    if (info == nullptr) return;
    info->line->second.attempt = e.attempt;
    info->line->second.next_at = e.at;
    m.set_phase(*info, StepPhase::retrying);
  }
  void operator()(const h::TimerStarted& e) const {
    FrameInfo* info = m.frame(e.frame);
    if (info == nullptr || info->line->second.phase != StepPhase::waiting) return;
    info->line->second.next_at = e.due;
    m.note_change(info->line);
  }
  void operator()(const h::BlockRetried& e) const {
    FrameInfo* info = m.frame(e.frame);
    if (info == nullptr) return;
    info->line->second.attempt = e.attempt;
    m.set_phase(*info, StepPhase::running);
    m.moment(info->line->second.path, fmt::format("attempt {}", e.attempt), "started", "the block runs again", now);
  }

  // ---- waits, people, children ----
  void operator()(const h::ListenOpened& e) const { waiting(e.frame, "for the signal " + e.name, e.name); }
  void operator()(const h::ReviewOpened& e) const { waiting(e.frame, "for a review", ""); }
  void operator()(const h::ChildScheduled& e) const {
    waiting(e.frame, "for the run " + e.child, e.child);
    if (FrameInfo* info = m.frame(e.frame)) m.begin_mark(*info, "run " + e.child, now);
  }
  void operator()(const h::ReviewDecided& e) const {
    m.moment(path_of(e.frame), "review", e.approved ? "approved" : "rejected", by_words(e.reviewer, e.comment), now);
  }
  void operator()(const h::EventConsumed& e) const { m.moment(path_of(e.frame), "event", "taken", "", now); }
  void operator()(const h::SignalReceived& e) const { m.moment("", "signal " + e.name, "received", "", now); }
  void operator()(const h::UpdateReceived& e) const { m.moment("", "update " + e.name, "applied", "", now); }
  void operator()(const h::EventEmitted& e) const { m.moment(path_of(e.frame), "event " + e.type, "emitted", "", now); }

  // ---- undoing ----
  void operator()(const h::PivotPassed& e) const { m.moment(path_of(e.frame), "pivot", "passed", "", now); }
  void operator()(const h::CompensationStarted& e) const {
    FrameInfo* info = m.frame(e.frame);
    if (info == nullptr) return;
    if (e.frame == 0) m.status_ = h::RunStatus::compensating;
    m.moment(info->line->second.path, "compensation", "started", e.fault ? describe_fault(*e.fault) : "", now);
    m.set_phase(*info, StepPhase::compensating);
  }
  void operator()(const h::CompensationDone& e) const {
    if (e.fault) m.moment("", "compensation", "failed", describe_fault(*e.fault), now);
  }

  // ---- the run ----
  void operator()(const h::CancelRequested& e) const {
    m.moment("", "cancel", "requested", by_words(e.by, e.reason), now);
  }
  void operator()(const h::PauseRequested& e) const {
    m.status_ = h::RunStatus::paused;
    m.moment("", "pause", "requested", by_words(e.by, e.reason), now);
  }
  void operator()(const h::ResumeRequested& e) const {
    if (m.status_ == h::RunStatus::paused) m.status_ = h::RunStatus::running;
    m.moment("", "resume", "requested", by_words(e.by, e.reason), now);
  }
  void operator()(const h::TerminateRequested& e) const {
    m.moment("", "terminate", "requested", by_words(e.by, e.reason), now);
  }
  void operator()(const h::RetryRequested& e) const { begin_again("retry", by_words(e.by, e.reason)); }
  void operator()(const h::CompensateRequested& e) const { begin_again("compensate", by_words(e.by, e.reason)); }
  void operator()(const h::RunCompleted&) const { m.end_run(h::RunStatus::completed, nullptr, now); }
  void operator()(const h::RunFailed& e) const { m.end_run(e.status, e.fault, now); }

 private:
  std::string path_of(h::FrameId id) const {
    const FrameInfo* info = m.frame(id);
    return info == nullptr ? "" : info->line->second.path;
  }
  void attempt_failed(h::FrameId id, std::string_view outcome, const std::string& reason) const {
    FrameInfo* info = m.frame(id);
    if (info == nullptr) return;
    m.end_mark(*info, outcome, reason, now);
    info->line->second.reason = reason;
  }
  void waiting(h::FrameId id, std::string reason, std::string awaited) const {
    FrameInfo* info = m.frame(id);
    if (info == nullptr) return;
    info->line->second.reason = std::move(reason);
    info->line->second.awaited = std::move(awaited);
    m.set_phase(*info, StepPhase::waiting);
  }
  void begin_again(std::string what, std::string detail) const {
    m.frames_.clear();
    m.status_ = h::RunStatus::running;
    m.fault_.reset();
    m.ended_at_ = 0;
    m.moment("", std::move(what), "requested", std::move(detail), now);
    m.open(0, 0, h::k_none, 0, h::Role::step, now);
  }
};

void RunModel::apply(const engine::HistoryEntry& entry) {
  changed_.clear();
  last_seq_ = entry.seq;
  std::visit(Fold{*this, entry.at}, entry.event);
}

std::string RunModel::step_of(const h::Event& event) {
  return std::visit(
      [this](const auto& e) -> std::string {
        if constexpr (requires { e.frame; }) {
          if (const FrameInfo* info = frame(e.frame)) return info->line->second.path;
        } else if constexpr (requires { e.node; }) {
          if (e.node < plan_->nodes.size()) return plan_->nodes[e.node].name;
        }
        return "";
      },
      event);
}

}  // namespace perdure::cli
