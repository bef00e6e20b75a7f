#pragma once
// What people see of a run: its steps with their attempts, folded from the history's events. Pure; total on any events
// (those of a compacted history, or of frames it never saw begin, are passed over). Memory is bounded: of finished
// steps that are many (items of a large foreach) only the latest are kept.
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/time.h"
#include "engine/engine.h"
#include "history/event.h"
#include "plan/plan.h"

namespace perdure::cli {

enum class StepPhase : std::uint8_t {
  pending,
  running,
  queued,
  waiting,
  retrying,
  compensating,
  completed,
  skipped,
  failed,
  cancelled
};
std::string_view to_string(StepPhase phase);
inline bool is_over(StepPhase phase) { return phase >= StepPhase::completed; }

struct StepLine {
  std::string path;  // "checkout.charge", "notify[3]"
  std::string kind;  // of plan::Kind; an activity's own type ("http")
  std::string summary;
  bool undoing = false;     // it is a compensation
  bool hidden = false;      // a block that only the loader named; what is in it is shown
  std::uint32_t depth = 0;  // blocks around it
  StepPhase phase = StepPhase::pending;
  std::uint32_t attempt = 0;
  TimeMs started_at = 0, ended_at = 0;  // 0: not yet
  TimeMs next_at = 0;                   // timer or next attempt
  std::string reason;                   // why it failed or is tried again; what it waits for
  std::string awaited;                  // of a step that waits: the signal's name, or the child's run id
};

// What can bring a run forward.
struct Outlook {
  bool moves = false;                 // work is out, or about to be
  bool timers = false;                // a wait or a retry will go on by itself
  std::vector<std::string> signals;   // steps that wait for somebody: names of signals,
  std::size_t reviews = 0;            // and open reviews
  bool events = false;                // and listens to events
  std::vector<std::string> children;  // runs it waits for
  bool waits_for_somebody() const { return !signals.empty() || reviews > 0 || events; }
};

// One line of a timeline: something that took time, or a moment.
struct Mark {
  TimeMs started_at = 0, ended_at = 0;  // equal for a moment; ended_at 0: still going on
  std::string step;                     // empty: of the run itself
  std::string what;                     // "attempt 2", "wait", "signal paid", "review"
  std::string outcome;                  // "completed", "failed", "running", …
  std::string detail;
  std::uint64_t seq = 0;
};

class RunModel {
 public:
  explicit RunModel(std::shared_ptr<const plan::Plan> plan);

  void apply(const engine::HistoryEntry& entry);

  // Steps as a tree in the order of the plan, blocks before what is in them.
  std::vector<const StepLine*> lines() const;
  // The path of the step an event is about, or "".
  std::string step_of(const history::Event& event);

  // Lines the last applied event changed; valid until the next.
  const std::vector<const StepLine*>& changed() const { return changed_; }
  void keep_marks() { marks_kept_ = true; }  // for the timeline; off by default, as they grow with the history
  const std::vector<Mark>& marks() const { return marks_; }
  std::size_t lines_dropped() const { return dropped_; }

  Outlook outlook() const;
  history::RunStatus status() const;  // `waiting` when nothing is out
  history::FaultPtr fault() const { return fault_; }
  TimeMs started_at() const { return started_at_; }
  TimeMs ended_at() const { return ended_at_; }
  std::uint64_t last_seq() const { return last_seq_; }
  // Leaves of the plan that are behind, and all of them.
  std::size_t steps_done() const { return leaves_done_; }
  std::size_t steps_total() const { return leaves_total_; }
  double progress() const;
  const plan::Plan& plan() const { return *plan_; }

 private:
  struct Fold;
  using Lines = std::map<std::string, StepLine>;  // by place in the tree: (node, item) of each block around it
  struct FrameInfo {
    bool live = false;
    bool iterates = false;  // the head of a foreach, not one of its items
    bool busy = false;      // an attempt is out, or it waits
    history::NodeId node = history::k_none;
    Lines::iterator line;
    std::size_t mark = SIZE_MAX;
  };
  FrameInfo* frame(history::FrameId id);
  FrameInfo* open(history::FrameId id, history::NodeId node, history::FrameId parent, std::uint32_t index,
                  history::Role role, TimeMs now);
  void close(history::FrameId id, StepPhase phase, TimeMs now, const std::string& reason);
  void set_phase(FrameInfo& frame, StepPhase phase);
  void note_change(Lines::iterator line);
  void drop_surplus();
  void count_leaves();
  void mark_done(history::NodeId node);
  void begin_mark(FrameInfo& frame, std::string what, TimeMs now);
  void end_mark(FrameInfo& frame, std::string_view outcome, std::string detail, TimeMs now);
  void moment(std::string step, std::string what, std::string_view outcome, std::string detail, TimeMs now);
  void end_run(history::RunStatus status, history::FaultPtr fault, TimeMs now);

  std::shared_ptr<const plan::Plan> plan_;
  std::vector<FrameInfo> frames_;
  Lines lines_;
  std::deque<std::string> over_;  // keys of lines that are over, oldest first; some may run again
  std::vector<const StepLine*> changed_;
  std::vector<history::NodeId> undone_by_;  // by compensation node: whose effect it undoes
  std::vector<bool> leaf_done_;
  std::vector<Mark> marks_;
  bool marks_kept_ = false;
  std::size_t leaves_done_ = 0, leaves_total_ = 0, dropped_ = 0;
  history::RunStatus status_ = history::RunStatus::pending;
  history::FaultPtr fault_;
  TimeMs started_at_ = 0, ended_at_ = 0;
  std::uint64_t last_seq_ = 0;
};

// "http.503: Service Unavailable: upstream is down", one line.
std::string describe_fault(const history::Fault& fault);

}  // namespace perdure::cli
