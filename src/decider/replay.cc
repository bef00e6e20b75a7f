// Replay: the fold of a history, and proof that deciding its facts again gives it.
#include <fmt/format.h>

#include "base/limits.h"
#include "decider/decider.h"

namespace perdure::decider {
namespace {

constexpr std::size_t k_differences_max = 20;

void compare(const history::Batch& recorded, const std::vector<history::Event>& decided,
             std::vector<std::string>& out) {
  const history::Batch again{recorded.first_seq, recorded.now, decided};
  if (history::encode_batch(recorded) == history::encode_batch(again)) return;
  const std::size_t n = std::max(recorded.events.size(), decided.size());
  for (std::size_t i = 0; i < n && out.size() < k_differences_max; ++i) {
    const auto text = [&](const std::vector<history::Event>& events) {
      return i < events.size() ? std::string(history::name_of(events[i])) : std::string("nothing");
    };
    const bool both = i < recorded.events.size() && i < decided.size();
    const bool same =
        both && history::encode_batch({1, 0, {recorded.events[i]}}) == history::encode_batch({1, 0, {decided[i]}});
    if (!same)
      out.push_back(fmt::format("event {}: recorded {}, decided again {}", recorded.first_seq + i,
                                text(recorded.events), text(decided)));
  }
}

// A cut before the decision was long: it was made by an engine that only takes messages.
bool was_held(const history::Batch& batch) {
  if (batch.events.empty() || batch.events.size() > k_decision_events_soft) return false;
  const auto* cut = std::get_if<history::DecisionCut>(&batch.events.back());
  if (cut == nullptr || !cut->cut) return false;
  std::size_t bytes = 0;
  for (const history::Event& event : batch.events) bytes += payload_bytes(event);
  return bytes < k_decision_bytes_soft;
}

}  // namespace

Result<ReplayResult> replay(const plan::Plan& plan, std::span<const history::Batch> batches, bool verify) {
  ReplayResult result{empty_state(plan), {}, 0};
  std::uint64_t next = 1;
  for (const auto& batch : batches) {
    if (batch.first_seq != next)
      return fail(ErrorCode::corrupt,
                  fmt::format("history: event {} is followed by event {}; events are missing or doubled", next - 1,
                              batch.first_seq));
    next += batch.events.size();
    result.events += batch.events.size();
    if (!verify) {
      for (const auto& event : batch.events) evolve(result.state, event, batch.now);
      continue;
    }
    std::vector<history::Event> facts;
    for (const auto& event : batch.events)
      if (history::is_fact(event)) facts.push_back(event);
    Context context;
    context.now = batch.now;
    context.hold = was_held(batch);
    const Bytes before = encode_state(result.state);
    auto decision = decide(plan, result.state, facts, context);
    if (result.differences.size() < k_differences_max) compare(batch, decision.events, result.differences);
    // The recorded events are the truth: fold them, and hold the two states against each other.
    auto folded = decode_state(before.view(), plan);
    if (!folded) return wrap(folded.error(), fmt::format("state before event {}", batch.first_seq));
    for (const auto& event : batch.events) evolve(*folded, event, batch.now);
    if (result.differences.size() < k_differences_max && !(encode_state(*folded) == encode_state(result.state)))
      result.differences.push_back(fmt::format("state after event {}: the fold differs from the decision", next - 1));
    result.state = std::move(*folded);
  }
  return result;
}

}  // namespace perdure::decider
