// try: the first catch whose errors and `when` match takes the fault, but one that only retries takes it no longer than it
// does; finally runs in every case, also on cancel.
#include "decider/turn.h"
#include "policy/retry.h"

namespace perdure::decider {

std::optional<DurationMs> delay_before(const plan::Retry& retry, std::uint32_t attempt, const history::Fault& fault,
                                       std::uint64_t seed);

namespace {
bool catches(const plan::Catch& c, const history::Fault& fault) {
  if (c.errors.empty()) return true;
  for (const auto& pattern : c.errors)
    if (policy::error_matches(pattern, fault.type)) return true;
  return false;
}
}  // namespace

void Turn::advance_try(FrameId id) {
  const plan::Node& n = node(id);
  {
    const Frame& f = frame(id);
    if (f.phase == Phase::running && f.done_children == 0 && f.live_children == 0) {
      enter(n.children.at(0), id, 0, Role::step);
    }
  }
  const Frame& f = frame(id);
  if (f.live_children > 0) return;
  const FaultPtr why = f.child_fault;
  if (f.phase == Phase::finalizing) {
    if (f.cancel_wanted) settle_cancel(id);
    else if (why) settle_failure(id, why);
    else if (f.fault) settle_failure(id, f.fault);
    else complete(id, history::OutputKind::node, f.branch == k_none ? n.children[0] : n.catches[f.branch].body);
    return;
  }
  if (f.phase == Phase::catching || !why) {
    end_try(id, why);
    return;
  }
  if (n.flow) {
    flow_catch(id, why);
    return;
  }
  for (std::uint32_t i = 0; i < n.catches.size(); ++i) {
    const plan::Catch& c = n.catches[i];
    if (!catches(c, *why)) continue;
    if (c.when != plan::k_none) {
      Surroundings s = around(id);
      s.error = why.get();
      const auto holds = evaluate_condition(state_, c.when, s);
      if (!holds) {
        end_try(id, holds.error());
        return;
      }
      if (!*holds) continue;
    }
    if (c.retry) {
      history::Fault asked = *why;  // the file names it as one to retry, whatever its class says
      if (asked.fault_class == history::FaultClass::fatal) asked.fault_class = history::FaultClass::recoverable;
      if (const auto delay = delay_before(*c.retry, f.attempt, asked, state_.info->seed ^ f.command)) {
        emit(history::ActivityRetryScheduled{id, f.attempt + 1, context_.now + *delay});
        return;
      }
      // Trying again has not mended it. To pass over an error is written without `retry`.
      if (c.body == plan::k_none) continue;
    }
    emit(history::BranchTaken{id, i, why});
    if (c.body != plan::k_none) enter(c.body, id, 1 + i, Role::step);
    if (frame(id).live_children == 0) end_try(id, frame(id).child_fault);
    return;
  }
  end_try(id, why);
}

// The try or its catch is over; `fault` when it is not mended.
void Turn::end_try(FrameId id, FaultPtr why) {
  const plan::Node& n = node(id);
  if (n.finally != plan::k_none) {
    emit(history::FinallyEntered{id, std::move(why)});
    enter(n.finally, id, 0, Role::step);
    wake(id);
    return;
  }
  if (why) {
    settle_failure(id, std::move(why));
    return;
  }
  const std::uint32_t branch = frame(id).branch;
  const NodeId from = branch == k_none ? n.children[0] : n.catches[branch].body;
  if (from == plan::k_none) complete(id, history::OutputKind::none);
  else complete(id, history::OutputKind::node, from);
}

}  // namespace perdure::decider
