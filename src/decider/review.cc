// human_review: waits for people. The request is a JSON object {step, reviewers, quorum, data, form, deadline,
// no_self_approval, escalated}; the answer {approved, reviewer, feedback, data}.
#include <algorithm>
#include <set>

#include "base/json.h"
#include "decider/turn.h"
#include "plan/json_schema.h"

namespace perdure::decider {

void Turn::begin_review(FrameId id) { open_review(id, false); }

void Turn::open_review(FrameId id, bool escalated) {
  const plan::ReviewSpec& spec = *node(id).review;
  const auto reviewers = render(state_, escalated ? spec.escalate_to : spec.reviewers, around(id));
  const auto data = render(state_, spec.data, around(id));
  const auto form = render(state_, spec.form, around(id));
  for (const auto* part : {&reviewers, &data, &form})
    if (!*part) {
      settle_failure(id, part->error());
      return;
    }
  const TimeMs deadline = spec.timeout_ms == 0 ? k_never : context_.now + spec.timeout_ms;
  auto request = Value::object();
  request.set("step", node(id).name);
  request.set("reviewers", reviewers->is_string() ? Value::array({*reviewers}) : *reviewers);
  request.set("quorum", static_cast<std::int64_t>(spec.quorum));
  request.set("data", *data);
  request.set("form", *form);
  request.set("deadline", deadline == k_never ? Value() : Value(format_timestamp(deadline)));
  request.set("no_self_approval", spec.no_self_approval);
  request.set("escalated", escalated);
  Bytes text(to_json(request));
  emit(history::ReviewOpened{id, text});
  const TimeMs timer = std::min(deadline, wait_deadline(id));
  if (timer != k_never) emit(history::TimerStarted{id, timer});
  out_.commands.emplace_back(OpenReview{id, frame(id).command, text});
}

namespace {
enum class Votes : std::uint8_t { open, approved, rejected };
Votes count(const Frame& f, const plan::ReviewSpec& spec) {
  std::set<std::string_view> approvals;
  for (const auto& [who, approved] : f.wait->votes) {
    if (!approved) return Votes::rejected;
    approvals.insert(who);
  }
  return approvals.size() >= spec.quorum ? Votes::approved : Votes::open;
}
}  // namespace

// Whether the votes decide it.
bool Turn::advance_review(FrameId id) {
  const Frame& f = frame(id);
  if (!f.wait || f.wait->votes.empty()) return false;
  const plan::ReviewSpec& spec = *node(id).review;
  const Votes votes = count(f, spec);
  if (votes == Votes::open) return false;
  if (votes == Votes::approved || spec.continue_on_reject) {
    complete(id, history::OutputKind::returned);
    return true;
  }
  auto why =
      std::make_shared<history::Fault>(*fault(id, "review.rejected", "rejected by " + f.wait->votes.back().first));
  if (const auto answer = parse_json(f.returned.view()); answer && answer->find("feedback") != nullptr)
    if (const Value* feedback = answer->find("feedback"); feedback->is_string())
      why->detail = std::string(feedback->as_string());
  settle_failure(id, std::move(why));
  return true;
}

void Turn::review_timeout(FrameId id) {
  if (wait_deadline(id) <= context_.now) {
    fail(id, timeout(id, "timeout.start_to_close", "task '" + node(id).name + "' exceeded its time limit"));
    return;
  }
  const plan::ReviewSpec& spec = *node(id).review;
  const Frame& f = frame(id);
  const auto close = [&](bool approved) {
    const auto request = parse_json(f.wait->request.view());
    const Value* data = request ? request->find("data") : nullptr;
    auto answer =
        Value::object({{"approved", approved}, {"reviewer", Value()}, {"feedback", "no decision before the deadline"}});
    answer.set("data", data != nullptr ? *data : Value());
    complete(id, history::OutputKind::inline_, k_none, Bytes(to_json(answer)));
  };
  if (spec.on_timeout == plan::ReviewTimeout::approve) return close(true);
  if (spec.on_timeout == plan::ReviewTimeout::escalate && f.iteration == 0 && !spec.escalate_to.is_null())
    return open_review(id, true);
  if (spec.continue_on_reject) return close(false);
  settle_failure(id, fault(id, "review.timeout", "nobody decided before the deadline"));
}

std::optional<Error> Turn::refuse_review(const history::ReviewDecided& decision) {
  const Frame* f = live_frame(state_, decision.frame);
  const bool open = f != nullptr && f->command == decision.command && f->wait && f->phase == Phase::waiting &&
                    f->timer != k_timer_fired && node_of(state_, *f).kind == plan::Kind::review;
  if (!open || count(*f, *node_of(state_, *f).review) != Votes::open)
    return Error{ErrorCode::conflict, "this review is not open any more"};
  const auto request = parse_json(f->wait->request.view());
  if (!request) return Error{ErrorCode::internal, "the review's request can't be read"};
  const Value* reviewers = request->find("reviewers");
  if (reviewers != nullptr && reviewers->is_array() && reviewers->size() > 0) {
    const auto& list = reviewers->items();
    if (std::none_of(list.begin(), list.end(),
                     [&](const Value& r) { return r.is_string() && r.as_string() == decision.reviewer; }))
      return Error{ErrorCode::invalid, "'" + decision.reviewer + "' is not among the reviewers " + to_json(*reviewers) +
                                           "; decide as one of them"};
  }
  if (node_of(state_, *f).review->no_self_approval && decision.approved) {
    const auto detail = parse_json(state_.info->detail.view());
    const Value* by = detail ? detail->find("by") : nullptr;
    if (by != nullptr && by->is_string() && by->as_string() == decision.reviewer)
      return Error{ErrorCode::invalid,
                   "'" + decision.reviewer + "' started this run and may not approve it (no_self_approval)"};
  }
  for (const auto& [who, approved] : f->wait->votes)
    if (who == decision.reviewer) return Error{ErrorCode::conflict, "'" + decision.reviewer + "' has decided already"};
  const Value* form = request->find("form");
  if (form == nullptr || !form->is_object() || !decision.approved) return std::nullopt;
  Value data;  // what the approval stands for: as given, as edited before, or as proposed
  if (!decision.data.empty()) {
    auto given = parse_json(decision.data.view());
    if (!given) return wrap(given.error(), "data").value();
    data = std::move(*given);
  } else {
    const auto edited = parse_json(f->returned.view());
    const Value* kept = edited && !f->wait->votes.empty() ? edited->find("data") : request->find("data");
    if (kept != nullptr) data = *kept;
  }
  if (const auto errors = plan::validate_schema(*form, data); !errors.empty())
    return Error{ErrorCode::invalid, "the data does not fit the form: " + to_string(errors.front(), "data")};
  return std::nullopt;
}

}  // namespace perdure::decider
