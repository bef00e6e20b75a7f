// Sagas: what is recorded when an effect is done, and undoing a scope in exact reverse order of completion.
#include "base/json.h"
#include "decider/turn.h"

namespace perdure::decider {

// The arguments are evaluated now, with the result at hand, so that undoing depends on nothing that changes later.
void Turn::record_effect(FrameId id, bool unknown_outcome) {
  const Frame& f = frame(id);
  const plan::Node& n = node(id);
  const plan::Node& undo = plan_.nodes[n.compensation];
  const auto parsed = [](const Bytes& b) {
    auto v = parse_json(b.view());
    return v ? *v : Value();
  };
  const Value variables[] = {unknown_outcome ? Value() : parsed(f.returned), parsed(f.args)};
  Surroundings s = around(id);
  s.variables = variables;
  auto args = render_json(state_, undo.activity->with, s);
  history::CompensationRecorded record{id, f.node, f.command, {}, unknown_outcome, {}, ""};
  if (args) record.args = std::move(*args);
  else record.fault = args.error();
  emit(std::move(record));
}

void Turn::record_child(FrameId id, bool unknown_outcome) {
  const Frame& f = frame(id);
  emit(history::CompensationRecorded{
      id, f.node, f.command, {}, unknown_outcome, {}, std::string(f.wait->request.view())});
}

// A step is given up without being waited for: what it did, or may have done, is owed all the same.
void Turn::record_possible(FrameId id) {
  const Frame& f = frame(id);
  const plan::Node& n = node(id);
  if (f.role == Role::compensation || is_foreach_head(state_, f)) return;
  const bool activity = n.kind == plan::Kind::activity;
  const bool child = n.kind == plan::Kind::subflow || (n.kind == plan::Kind::map && f.wait);
  bool unknown = child && waits_for_child(state_, f);
  switch (f.phase) {
    case Phase::in_flight: unknown = activity; break;
    case Phase::queued:
    case Phase::backing_off:
    case Phase::failing: unknown = activity && f.maybe_effect; break;
    default: break;
  }
  const bool certain = (activity || child) && f.phase == Phase::returned;
  if (!unknown && !certain) return;
  if (n.compensation != k_none) record_effect(id, unknown);
  else if (n.kind == plan::Kind::map || (child && n.subflow->wait)) record_child(id, unknown);
  if (certain && n.pivot && f.role != Role::item) emit(history::PivotPassed{id});
}

// The last entry before `below` that belongs to the frame's scope and is still owed; k_none when there is none.
std::uint32_t Turn::next_undo(const Frame& f, std::uint32_t below) const {
  if (f.saga >= state_.sagas.size()) return k_none;
  for (std::uint32_t i = std::min<std::uint32_t>(below, static_cast<std::uint32_t>(state_.saga_log.size())); i-- > 0;) {
    if (i < state_.sagas[f.saga].first_entry) break;
    const SagaEntry& entry = state_.saga_log[i];
    if (entry.done) continue;
    bool owed = true, mine = false;
    for (std::uint32_t s = entry.saga; s < state_.sagas.size() && owed; s = state_.sagas[s].parent) {
      owed = i >= state_.sagas[s].floor;
      if (s == f.saga) {
        mine = true;
        break;
      }
    }
    if (owed && mine) return i;
  }
  return k_none;
}

bool Turn::has_undo(const Frame& f) const {
  return next_undo(f, static_cast<std::uint32_t>(state_.saga_log.size())) != k_none;
}

void Turn::compensate(FrameId id, FaultPtr why) {
  emit(history::CompensationStarted{id, std::move(why)});
  advance_compensation(id);
}

void Turn::advance_compensation(FrameId id) {
  while (true) {
    const Frame& f = frame(id);
    if (f.live_children > 0) return;
    const std::uint32_t i = next_undo(f, f.cursor);
    if (i == k_none) break;
    const SagaEntry& entry = state_.saga_log[i];
    if (entry.fault) {  // its arguments could not be made: for the repair list
      emit(history::CompensationDone{i, entry.fault});
      continue;
    }
    if (!entry.child.empty()) {
      const std::string child = entry.child;
      const bool unknown = entry.unknown_outcome;
      const FrameId undo = open(entry.node, id, i, Role::compensation);
      out_.commands.emplace_back(UndoChild{undo, frame(undo).command, child, unknown});
      return;
    }
    const FrameId undo = next_frame();
    emit(history::ActivityScheduled{undo, plan_.nodes[entry.node].compensation, id, i, Role::compensation, entry.args,
                                    ""});
    dispatch(undo);
    return;
  }
  const Frame& f = frame(id);
  if (f.cancel_wanted) settle_cancel(id);
  else settle_failure(id, f.fault);
}

void Turn::compensation_ended(FrameId id, FaultPtr why) {
  const Frame& f = frame(id);
  const FrameId scope = f.parent;
  const std::uint32_t entry = f.index;
  emit(history::CompensationDone{entry, std::move(why)});
  emit(history::StepCompleted{id, history::OutputKind::none, k_none, {}});
  wake_parent(scope);
}

}  // namespace perdure::decider
