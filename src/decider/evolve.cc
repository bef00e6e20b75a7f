// evolve: one event's change of the state. Everything that changes a State is in this file and frames.cc.
#include <algorithm>
#include <utility>

#include "base/json.h"
#include "base/limits.h"
#include "decider/document.h"
#include "decider/fold.h"

namespace perdure::decider {
namespace {

namespace h = history;

struct Folder : FactFolder {
  using FactFolder::operator();

  // ---- steps ----
  void operator()(const h::StepStarted& e) {
    if (!state.resuming && e.role != Role::compensation) state.resume.clear();
    Frame* f = open_frame(state, e.frame, e.node, e.parent, e.index, e.role, now);
    if (f == nullptr) return;
    if (e.role == Role::compensation) {  // of a child run, which is told to undo itself
      f->phase = Phase::waiting;
      f->wait = std::make_unique<Frame::Wait>();
      if (e.index < state.saga_log.size()) f->wait->request = Bytes::copy(state.saga_log[e.index].child);
      if (Frame* scope = live_frame(state, e.parent)) scope->cursor = e.index;
      ++state.children_out;
      return;
    }
    if (is_foreach_head(state, *f)) return;
    switch (node_of(state, *f).kind) {
      case plan::Kind::activity:
      case plan::Kind::map:
        f->phase = Phase::queued;
        state.queued.push_back(e.frame);
        break;
      case plan::Kind::listen:
        if (node_of(state, *f).flow) {
          listen_for(state, *f);
          break;
        }
        [[fallthrough]];
      case plan::Kind::wait:
      case plan::Kind::review:
      case plan::Kind::subflow: f->phase = Phase::waiting; break;
      default: break;
    }
  }
  void operator()(const h::StepSkipped& e) {
    Frame* parent = live_frame(state, e.parent);
    if (parent == nullptr || e.node >= state.plan->nodes.size()) return;
    if (is_foreach_head(state, *parent) && parent->node == e.node) {
      pass_over(state, *parent, e.index, false);
      return;
    }
    Slot* slot = slot_of(state, *parent, e.node);
    const bool carried = slot != nullptr && slot->carried;
    if (carried) win_race(*parent, e.index);
    const bool dead = parent->graph && e.index < parent->graph->taken.size() && parent->graph->taken[e.index] == 0;
    if (carried && parent->data && slot->status == StepStatus::completed)  // what it gave goes to the next task
      parent->data->now = Bytes(slot_json(state, parent->scope, e.node));
    if (carried) slot->carried = false;
    else if (slot != nullptr) set_slot(*slot, StepStatus::skipped, h::OutputKind::none, k_none, {}, {});
    pass_over(state, *parent, e.index, dead);
  }
  void operator()(const h::StepCompleted& e) {
    Frame* f = live_frame(state, e.frame);
    if (f == nullptr) return;
    auto kind = e.kind;
    Bytes output = e.output;
    if (kind == h::OutputKind::returned) {
      kind = h::OutputKind::inline_;
      output = f->returned;
    }
    const auto& node = node_of(state, *f);
    if (f->role == Role::item) {
      if (Frame* head = live_frame(state, f->parent);
          head != nullptr && head->items && f->index < head->items->results.size())
        head->items->results[f->index] = output.empty() ? Bytes::copy("null") : output;
    } else if (f->role != Role::compensation) {
      if (Slot* slot = slot_of(state, *f, f->node)) {
        set_slot(*slot, StepStatus::completed, kind, is_body_of(*state.plan, f->node, e.from) ? e.from : k_none, output,
                 {});
        for (const auto& name : node.outputs) state.outputs[name] = named_output(*slot, node, name);
      }
    }
    if (f->parent == k_none) return;
    if (f->data) hand_on(state, *f, output);
    if (Frame* parent = live_frame(state, f->parent); parent != nullptr && f->role == Role::step)
      win_race(*parent, f->index);
    close_frame(state, e.frame, ChildEnd::well, {});
  }
  void operator()(const h::StepFailed& e) {
    Frame* f = live_frame(state, e.frame);
    if (f == nullptr) return;
    end_badly(*f, StepStatus::failed, e.fault);
    keep_place(state, *f);
    close_frame(state, e.frame, e.handled ? ChildEnd::well : ChildEnd::badly, e.fault);
  }
  void operator()(const h::StepCancelled& e) {
    Frame* f = live_frame(state, e.frame);
    if (f == nullptr) return;
    end_badly(*f, StepStatus::cancelled, {});
    close_frame(state, e.frame, ChildEnd::cancelled, {});
  }

  // ---- activities and timers ----
  void operator()(const h::ActivityScheduled& e) {
    Frame* f = live_frame(state, e.frame);
    if (f == nullptr) {
      f = open_frame(state, e.frame, e.node, e.parent, e.index, e.role, now);
      if (f == nullptr) return;
    } else {
      leave_queue(e.frame);
    }
    f->command = state.last_seq;
    f->args = e.args;
    f->key = e.key.empty() ? Bytes() : Bytes::copy(e.key);
    f->attempt = 1;
    f->fault.reset();
    if (e.role == Role::compensation)
      if (Frame* scope = live_frame(state, e.parent)) scope->cursor = e.index;
    f->phase = Phase::in_flight;
    ++state.in_flight;
  }
  void operator()(const h::ActivityRetryScheduled& e) {
    Frame* f = live_frame(state, e.frame);
    if (f == nullptr) return;
    f->phase = Phase::backing_off;
    f->attempt = e.attempt;
    set_timer(state, e.frame, e.at, state.last_seq);
  }
  void operator()(const h::ActivityAttemptStarted& e) {
    Frame* f = live_frame(state, e.frame);
    if (f == nullptr) return;
    leave_queue(e.frame);
    f->attempt = e.attempt;
    f->fault.reset();
    f->phase = Phase::in_flight;
    ++state.in_flight;
  }
  void operator()(const h::ActivityCancelRequested& e) {
    if (Frame* f = live_frame(state, e.frame)) f->cancel_wanted = true;
  }
  void operator()(const h::TimerStarted& e) {
    Frame* f = live_frame(state, e.frame);
    if (f == nullptr) return;
    if (node_of(state, *f).kind == plan::Kind::wait) f->phase = Phase::waiting;
    set_timer(state, e.frame, e.due, state.last_seq);
  }
  void operator()(const h::TimerCancelled& e) {
    if (live_frame(state, e.frame) != nullptr) clear_timer(state, e.frame);
  }

  // ---- blocks ----
  void operator()(const h::BlockRetried& e) {
    Frame* f = live_frame(state, e.frame);
    if (f == nullptr) return;
    f->attempt = e.attempt;
    f->phase = Phase::running;
    f->fault.reset();
    f->child_fault.reset();
    f->cursor = f->iteration = f->done_children = 0;
    f->branch = k_none;
    f->timer = 0;
    f->finalized = false;
    f->items.reset();
    if (f->data) f->data->now = f->data->input;
    forget_places(state);
    const auto& node = node_of(state, *f);
    stop_listening(state, e.frame);
    if (node.kind != plan::Kind::map) f->wait.reset();  // a task graph stays planned
    if (f->graph) {
      Frame::Graph& g = *f->graph;
      g.waiting = node.indegree;
      g.taken.assign(node.children.size(), node.kind == plan::Kind::dag ? 1 : 0);
      g.ready.clear();
      for (std::uint32_t i = 0; i < node.children.size(); ++i)
        if (g.waiting[i] == 0) g.ready.push_back(i);
      if (node.kind == plan::Kind::graph && !g.taken.empty()) g.taken[0] = 1;
    }
  }
  void operator()(const h::LoopIterated& e) {
    Frame* f = live_frame(state, e.frame);
    if (f == nullptr) return;
    f->iteration = e.iteration;
    if (f->listening && f->items && e.iteration > 0 && e.iteration <= f->items->items.size())
      f->data->now = Bytes(to_json(f->items->items.at(e.iteration - 1)));
  }
  void operator()(const h::ItemsFixed& e) {
    Frame* f = live_frame(state, e.frame);
    if (f == nullptr) return;
    auto items = parse_json(e.items.view());
    if (!items || !items->is_array()) items = Value::array();
    const auto before = is_foreach_head(state, *f) ? std::move(f->items)
                                                   : nullptr;  // of a retried run: items that had ended well are kept
    f->items = std::make_unique<Items>();
    f->items->items = std::move(*items);
    f->items->results.resize(f->items->items.size());
    for (std::size_t i = 0; before && i < std::min(before->results.size(), f->items->results.size()); ++i)
      if (before->items.at(i) == f->items->items.at(i)) f->items->results[i] = before->results[i];
  }
  void operator()(const h::BranchTaken& e) {
    Frame* f = live_frame(state, e.frame);
    if (f == nullptr) return;
    if (!is_branch(*f, e.branch)) return;
    f->child_fault.reset();
    forget_places(state);
    if (f->timer == k_timer_fired) f->timer = 0;
    if (f->phase == Phase::queued) leave_queue(e.frame);
    stop_listening(state, e.frame);
    if (e.branch == k_branch_fallback || e.branch == k_branch_breaker) {
      f->phase = Phase::fallback;
      f->fault = e.fault;
      f->branch = e.branch;
      return;
    }
    f->branch = e.branch;
    if (node_of(state, *f).kind == plan::Kind::attempt) {
      f->phase = Phase::catching;
      f->fault = e.fault;
      if (f->data) f->data->now = f->data->input;
    }
  }
  void operator()(const h::FinallyEntered& e) {
    Frame* f = live_frame(state, e.frame);
    if (f == nullptr) return;
    clear_timer(state, e.frame);  // cleaning up is not limited by the time of what it cleans up
    f->timer = 0;
    f->finalized = true;
    f->phase = Phase::finalizing;
    f->fault = e.fault;
    f->child_fault.reset();
  }
  void operator()(const h::ContextSet& e) {
    const auto patch = parse_json(e.patch.view());
    if (!patch || !patch->is_object()) return;
    for (const auto& [key, value] : patch->members()) state.context.set(key.as_string(), value);
    answer_update();
  }
  void operator()(const h::TaskInput& e) {
    Frame* f = live_frame(state, e.frame);
    if (f == nullptr || !f->data) return;
    if (f->data->now == f->data->input) f->data->now = e.input;  // not one that goes on where it stood
    f->data->input = e.input;
    f->data->parsed.reset();
  }
  void operator()(const h::ContextExported& e) {
    auto context = parse_json(e.context.view());
    if (context) state.context = std::move(*context);
  }
  void operator()(const h::TaskJumped& e) {
    Frame* f = live_frame(state, e.frame);
    if (f == nullptr || node_of(state, *f).kind != plan::Kind::tasks) return;
    f->branch = std::min<std::uint32_t>(e.to, static_cast<std::uint32_t>(node_of(state, *f).children.size()));
  }
  void operator()(const h::FlowEnded& e) {
    state.ending = true;
    for (const Frame* f = live_frame(state, e.frame); f != nullptr && f->parent != k_none;) {
      Frame* parent = live_frame(state, f->parent);
      if (parent != nullptr && node_of(state, *parent).kind == plan::Kind::parallel) parent->branch = f->index;
      f = parent;
    }
  }
  void operator()(const h::EventConsumed& e) {
    if (Frame* f = live_frame(state, e.frame)) consume(state, *f, e);
  }
  void operator()(const h::EventEmitted&) {}
  void operator()(const h::DecisionCut& e) { state.cut = e.cut; }
  void operator()(const h::FrameFailing& e) {
    Frame* f = live_frame(state, e.frame);
    if (f == nullptr) return;
    clear_timer(state, e.frame);
    f->timer = 0;
    f->fault = e.fault;
    f->child_fault.reset();
    if (!waits_for_child(state, *f)) f->phase = Phase::failing;  // a child run is told to stop, and answered for first
  }
  void operator()(const h::FrameCancelling& e) {
    Frame* f = live_frame(state, e.frame);
    if (f == nullptr) return;
    f->cancel_wanted = true;
    f->timer = f->timer == k_timer_fired ? 0 : f->timer;
    if (f->phase == Phase::running || f->phase == Phase::fallback || f->phase == Phase::catching || f->listening) {
      clear_timer(state, e.frame);
      f->phase = Phase::cancelling;
    }
  }

  // ---- messages, people, children ----
  void operator()(const h::ListenOpened& e) {
    Frame* f = live_frame(state, e.frame);
    if (f == nullptr) return;
    f->wait = std::make_unique<Frame::Wait>();
    f->wait->name = e.name;
    f->phase = Phase::waiting;
    state.listeners[e.name].emplace(f->command, e.frame);
  }
  void operator()(const h::SignalConsumed& e) {
    Frame* f = live_frame(state, e.frame);
    const auto signals = state.signals.find(e.name);
    if (f == nullptr || signals == state.signals.end() || signals->second.empty()) return;
    f->returned = signals->second.front();
    f->phase = Phase::returned;
    signals->second.pop_front();
    --state.signals_buffered;
    if (signals->second.empty()) state.signals.erase(signals);
    if (const auto l = state.listeners.find(e.name); l != state.listeners.end()) {
      l->second.erase({f->command, e.frame});
      if (l->second.empty()) state.listeners.erase(l);
    }
  }
  void operator()(const h::ReviewOpened& e) {
    Frame* f = live_frame(state, e.frame);
    if (f == nullptr) return;
    if (!f->wait) f->wait = std::make_unique<Frame::Wait>();
    else ++f->iteration;  // escalated
    f->wait->request = e.request;
    f->phase = Phase::waiting;
    f->timer = 0;
  }
  void operator()(const h::ChildScheduled& e) {
    Frame* f = live_frame(state, e.frame);
    if (f == nullptr) return;
    f->command = state.last_seq;  // each attempt is another child
    f->wait = std::make_unique<Frame::Wait>();
    f->wait->request = Bytes::copy(e.child);
    f->wait->plan_hash = e.plan_hash;
    f->key = Bytes::copy(e.workflow);
    f->args = e.input;
    f->phase = Phase::waiting;
    ++state.children_out;
  }
  void operator()(const h::ChildCancelRequested& e) {
    if (Frame* f = live_frame(state, e.frame)) f->cancel_wanted = true;
  }

  // ---- saga ----
  void operator()(const h::CompensationRecorded& e) {
    const Frame* f = live_frame(state, e.frame);
    if (f == nullptr || f->saga >= state.sagas.size()) return;
    SagaEntry entry;
    entry.saga = f->saga;
    entry.node = e.node;
    entry.command = e.command;
    entry.args = e.args;
    entry.fault = e.fault;
    entry.child = e.child;
    entry.unknown_outcome = e.unknown_outcome;
    state.saga_log.push_back(std::move(entry));
  }
  void operator()(const h::PivotPassed& e) {
    const Frame* f = live_frame(state, e.frame);
    // What came before a block that is a scope of its own was done in the scope around it.
    if (f != nullptr && f->parent != k_none && !state.plan->nodes[f->node].saga.empty()) f = &state.frames[f->parent];
    if (f != nullptr && f->saga < state.sagas.size())
      state.sagas[f->saga].floor = static_cast<std::uint32_t>(state.saga_log.size());
  }
  void operator()(const h::CompensationStarted& e) {
    Frame* f = live_frame(state, e.frame);
    if (f == nullptr) return;
    if (f->phase == Phase::queued) leave_queue(e.frame);
    clear_timer(state, e.frame);
    f->timer = 0;
    f->phase = Phase::compensating;
    f->fault = e.fault;
    f->child_fault.reset();
    f->cursor = static_cast<std::uint32_t>(state.saga_log.size());
    state.compensation = "running";
    if (f->parent != k_none) return;
    state.status = RunStatus::compensating;
    if (!state.sagas.empty()) state.sagas[0].undoing = true;
  }
  void operator()(const h::CompensationDone& e) {
    if (e.entry >= state.saga_log.size()) return;
    state.saga_log[e.entry].done = true;
    state.saga_log[e.entry].fault = e.fault;
    if (!e.fault) mark_undone(state, state.saga_log[e.entry]);
  }

  // ---- the end ----
  void operator()(const h::RunCompleted& e) {
    state.output = e.output;
    state.compensation = compensation_outcome();
    const FaultPtr left = left_by_undoing();  // of a part of the run: somebody has to look at it
    close(left ? RunStatus::compensation_failed : RunStatus::completed, left, StepStatus::completed);
  }
  void operator()(const h::RunFailed& e) {
    state.compensation = compensation_outcome();
    close(e.status, e.fault, StepStatus::cancelled);
  }

  // ---- helpers ----
  // The update before this event is answered with the context as it is now. Beyond their budget the oldest answers are
  // forgotten, their ids are not.
  void answer_update() {
    auto& answers = state.update_answers;
    if (answers.empty() || !answers.back().second.empty()) return;
    answers.back().second = Bytes(to_json(state.context));
    state.update_answers_bytes += answers.back().second.size();
    for (auto old = answers.begin(); state.update_answers_bytes > k_update_answers_bytes_max; ++old) {
      if (std::next(old) == answers.end()) return;
      state.update_answers_bytes -= old->second.size();
      old->second = Bytes();
    }
  }
  void win_race(Frame& race, std::uint32_t index) const {
    const auto& node = node_of(state, race);
    if (node.kind == plan::Kind::race && race.branch == k_none && index < node.children.size()) race.branch = index;
  }
  bool is_branch(const Frame& f, std::uint32_t branch) const {
    const auto& node = node_of(state, f);
    if (branch == k_branch_fallback) return node.fallback != k_none;
    if (branch == k_branch_breaker) return node.breaker && node.breaker->fallback != k_none;
    switch (node.kind) {
      case plan::Kind::conditional: return branch < 2;
      case plan::Kind::select: return branch < node.cases.size();
      case plan::Kind::attempt: return branch < node.catches.size();
      case plan::Kind::each: return branch < node.flow->case_then.size();
      default: return false;
    }
  }
  void leave_queue(FrameId id) {
    if (!state.queued.empty() && state.queued.front() == id) state.queued.pop_front();
    else std::erase(state.queued, id);
  }
  // A foreach keeps what of it had ended well, for a retry of the run.
  void end_badly(const Frame& f, StepStatus status, FaultPtr fault) {
    if (f.role != Role::step && f.role != Role::fallback) return;
    Slot* slot = slot_of(state, f, f.node);
    if (slot == nullptr) return;
    set_slot(*slot, status, h::OutputKind::none, k_none, {}, std::move(fault));
    if (f.items && is_foreach_head(state, f)) slot->items = std::make_shared<Items>(*f.items);
  }
  void close(RunStatus status, FaultPtr fault, StepStatus unfinished) {
    if (unfinished != StepStatus::completed)
      for (const auto& f : state.frames)
        if (f.live) keep_place(state, f);
    state.status = status;
    state.fault = std::move(fault);
    state.closed_at = now;
    state.paused = false;
    state.cut = false;
    for (const auto& f : state.frames)
      if (f.live && (f.role == Role::step || f.role == Role::fallback))
        if (const Slot* slot = slot_of(state, f, f.node); slot != nullptr && slot->status == StepStatus::running)
          end_badly(f, unfinished, {});
    if (live_frame(state, 0) != nullptr) drop_frame(state, 0);
    state.frames.clear();
    state.free_frames.clear();
    state.queued.clear();
    state.listeners.clear();
    state.timers.clear();
    state.in_flight = state.children_out = 0;
  }
  FaultPtr left_by_undoing() const {
    for (const auto& entry : state.saga_log)
      if (entry.done && entry.fault) return entry.fault;
    return {};
  }
  std::string compensation_outcome() const {
    if (state.compensation.empty()) return "";
    if (left_by_undoing()) return "failed";
    for (const auto& f : state.frames)
      if (f.live && f.phase == Phase::compensating && f.live_children > 0) return "incomplete";
    return "complete";
  }
};

}  // namespace

Value named_output(const Slot& slot, const plan::Node& node, const std::string& name) {
  Value result;
  if (slot.kind == h::OutputKind::inline_)
    if (auto parsed = parse_json(slot.output.view())) result = std::move(*parsed);
  if (const Value* member = result.find(name)) return *member;
  return node.outputs.size() == 1 ? result : Value();
}

void evolve(State& state, const history::Event& event, TimeMs now) {
  ++state.last_seq;
  state.updated_at = now;
  std::visit(Folder{{state, now}}, event);
}

}  // namespace perdure::decider
