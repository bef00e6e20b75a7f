#pragma once
// The fields of every event, in the order of the encoding: one table that the codec and the printer share. A field is
// never removed or moved; a new one makes a new event type or a new batch version (docs/formats/history.md).
#include <string_view>
#include <tuple>

#include "history/event.h"

namespace perdure::history {

template <class Owner, class Type>
struct Field {
  std::string_view name;
  Type Owner::*member;
};
template <class Owner, class Type>
Field(std::string_view, Type Owner::*) -> Field<Owner, Type>;

template <class T>
struct Fields;

// PERDURE_EVENT(Type, fields...) states the name and the fields of a type.
#define PERDURE_EVENT(Type, ...)                         \
  template <>                                            \
  struct Fields<Type> {                                  \
    using Self = Type;                                   \
    static constexpr std::string_view name = #Type;      \
    static constexpr auto all = std::tuple(__VA_ARGS__); \
  }
#define PERDURE_FIELD(member) \
  Field { #member, &Self::member }

PERDURE_EVENT(Fault, PERDURE_FIELD(type), PERDURE_FIELD(title), PERDURE_FIELD(detail), PERDURE_FIELD(status),
              PERDURE_FIELD(step), PERDURE_FIELD(attempt), PERDURE_FIELD(fault_class), PERDURE_FIELD(retry_after_ms));
PERDURE_EVENT(Carried, PERDURE_FIELD(node), PERDURE_FIELD(status), PERDURE_FIELD(output));
PERDURE_EVENT(RunKey, PERDURE_FIELD(tenant), PERDURE_FIELD(id));
PERDURE_EVENT(StartInfo, PERDURE_FIELD(workflow), PERDURE_FIELD(version), PERDURE_FIELD(plan_hash),
              PERDURE_FIELD(input), PERDURE_FIELD(seed), PERDURE_FIELD(rules), PERDURE_FIELD(run),
              PERDURE_FIELD(parent), PERDURE_FIELD(parent_command), PERDURE_FIELD(parent_frame), PERDURE_FIELD(depth),
              PERDURE_FIELD(forked_from), PERDURE_FIELD(carried), PERDURE_FIELD(carried_context),
              PERDURE_FIELD(detail));

PERDURE_EVENT(RunStarted, PERDURE_FIELD(info));
PERDURE_EVENT(ActivityCompleted, PERDURE_FIELD(frame), PERDURE_FIELD(command), PERDURE_FIELD(attempt),
              PERDURE_FIELD(result));
PERDURE_EVENT(ActivityFailed, PERDURE_FIELD(frame), PERDURE_FIELD(command), PERDURE_FIELD(attempt),
              PERDURE_FIELD(fault));
PERDURE_EVENT(ActivityLost, PERDURE_FIELD(frame), PERDURE_FIELD(command), PERDURE_FIELD(attempt));
PERDURE_EVENT(TimerFired, PERDURE_FIELD(frame), PERDURE_FIELD(timer));
PERDURE_EVENT(SignalReceived, PERDURE_FIELD(name), PERDURE_FIELD(payload), PERDURE_FIELD(sender_key));
PERDURE_EVENT(UpdateReceived, PERDURE_FIELD(name), PERDURE_FIELD(argument), PERDURE_FIELD(id));
PERDURE_EVENT(ReviewDecided, PERDURE_FIELD(frame), PERDURE_FIELD(command), PERDURE_FIELD(approved),
              PERDURE_FIELD(reviewer), PERDURE_FIELD(comment), PERDURE_FIELD(data));
PERDURE_EVENT(ChildEnded, PERDURE_FIELD(frame), PERDURE_FIELD(command), PERDURE_FIELD(status), PERDURE_FIELD(output),
              PERDURE_FIELD(fault));
PERDURE_EVENT(CancelRequested, PERDURE_FIELD(by), PERDURE_FIELD(reason));
PERDURE_EVENT(PauseRequested, PERDURE_FIELD(by), PERDURE_FIELD(reason));
PERDURE_EVENT(ResumeRequested, PERDURE_FIELD(by), PERDURE_FIELD(reason));
PERDURE_EVENT(TerminateRequested, PERDURE_FIELD(by), PERDURE_FIELD(reason));
PERDURE_EVENT(RetryRequested, PERDURE_FIELD(by), PERDURE_FIELD(reason));
PERDURE_EVENT(CompensateRequested, PERDURE_FIELD(by), PERDURE_FIELD(reason));

PERDURE_EVENT(StepStarted, PERDURE_FIELD(frame), PERDURE_FIELD(node), PERDURE_FIELD(parent), PERDURE_FIELD(index),
              PERDURE_FIELD(role));
PERDURE_EVENT(StepSkipped, PERDURE_FIELD(parent), PERDURE_FIELD(node), PERDURE_FIELD(index));
PERDURE_EVENT(StepCompleted, PERDURE_FIELD(frame), PERDURE_FIELD(kind), PERDURE_FIELD(from), PERDURE_FIELD(output));
PERDURE_EVENT(StepFailed, PERDURE_FIELD(frame), PERDURE_FIELD(fault), PERDURE_FIELD(handled));
PERDURE_EVENT(StepCancelled, PERDURE_FIELD(frame));
PERDURE_EVENT(ActivityScheduled, PERDURE_FIELD(frame), PERDURE_FIELD(node), PERDURE_FIELD(parent), PERDURE_FIELD(index),
              PERDURE_FIELD(role), PERDURE_FIELD(args), PERDURE_FIELD(key));
PERDURE_EVENT(ActivityRetryScheduled, PERDURE_FIELD(frame), PERDURE_FIELD(attempt), PERDURE_FIELD(at));
PERDURE_EVENT(ActivityAttemptStarted, PERDURE_FIELD(frame), PERDURE_FIELD(attempt));
PERDURE_EVENT(ActivityCancelRequested, PERDURE_FIELD(frame));
PERDURE_EVENT(TimerStarted, PERDURE_FIELD(frame), PERDURE_FIELD(due));
PERDURE_EVENT(TimerCancelled, PERDURE_FIELD(frame));
PERDURE_EVENT(BlockRetried, PERDURE_FIELD(frame), PERDURE_FIELD(attempt));
PERDURE_EVENT(LoopIterated, PERDURE_FIELD(frame), PERDURE_FIELD(iteration));
PERDURE_EVENT(ItemsFixed, PERDURE_FIELD(frame), PERDURE_FIELD(items));
PERDURE_EVENT(BranchTaken, PERDURE_FIELD(frame), PERDURE_FIELD(branch), PERDURE_FIELD(fault));
PERDURE_EVENT(FinallyEntered, PERDURE_FIELD(frame), PERDURE_FIELD(fault));
PERDURE_EVENT(ContextSet, PERDURE_FIELD(patch));
PERDURE_EVENT(SignalConsumed, PERDURE_FIELD(frame), PERDURE_FIELD(name));
PERDURE_EVENT(ReviewOpened, PERDURE_FIELD(frame), PERDURE_FIELD(request));
PERDURE_EVENT(ChildScheduled, PERDURE_FIELD(frame), PERDURE_FIELD(child), PERDURE_FIELD(workflow),
              PERDURE_FIELD(version), PERDURE_FIELD(plan_hash), PERDURE_FIELD(input), PERDURE_FIELD(wait));
PERDURE_EVENT(ChildCancelRequested, PERDURE_FIELD(frame), PERDURE_FIELD(child), PERDURE_FIELD(undo));
PERDURE_EVENT(EventEmitted, PERDURE_FIELD(frame), PERDURE_FIELD(type), PERDURE_FIELD(data));
PERDURE_EVENT(CompensationRecorded, PERDURE_FIELD(frame), PERDURE_FIELD(node), PERDURE_FIELD(command),
              PERDURE_FIELD(args), PERDURE_FIELD(unknown_outcome), PERDURE_FIELD(fault), PERDURE_FIELD(child));
PERDURE_EVENT(PivotPassed, PERDURE_FIELD(frame));
PERDURE_EVENT(CompensationStarted, PERDURE_FIELD(frame), PERDURE_FIELD(fault));
PERDURE_EVENT(CompensationDone, PERDURE_FIELD(entry), PERDURE_FIELD(fault));
PERDURE_EVENT(FrameFailing, PERDURE_FIELD(frame), PERDURE_FIELD(fault));
PERDURE_EVENT(FrameCancelling, PERDURE_FIELD(frame));
PERDURE_EVENT(ListenOpened, PERDURE_FIELD(frame), PERDURE_FIELD(name));
PERDURE_EVENT(DecisionCut, PERDURE_FIELD(cut));
PERDURE_EVENT(TaskInput, PERDURE_FIELD(frame), PERDURE_FIELD(input));
PERDURE_EVENT(ContextExported, PERDURE_FIELD(context));
PERDURE_EVENT(TaskJumped, PERDURE_FIELD(frame), PERDURE_FIELD(to));
PERDURE_EVENT(FlowEnded, PERDURE_FIELD(frame));
PERDURE_EVENT(EventReceived, PERDURE_FIELD(event), PERDURE_FIELD(id));
PERDURE_EVENT(EventConsumed, PERDURE_FIELD(frame), PERDURE_FIELD(event), PERDURE_FIELD(filter), PERDURE_FIELD(until),
              PERDURE_FIELD(keys));
PERDURE_EVENT(RunCompleted, PERDURE_FIELD(output));
PERDURE_EVENT(RunFailed, PERDURE_FIELD(status), PERDURE_FIELD(fault));

#undef PERDURE_FIELD
#undef PERDURE_EVENT

// Calls `visit(name, field)` for each field of `value`, which may be const.
template <class T, class Visit>
void for_each_field(T& value, Visit&& visit) {
  std::apply([&](const auto&... field) { (visit(field.name, value.*(field.member)), ...); },
             Fields<std::remove_const_t<T>>::all);
}

}  // namespace perdure::history
