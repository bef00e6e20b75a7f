#include "runtime/load.h"

#include <utility>

namespace perdure::runtime {
namespace {

constexpr std::uint8_t k_snapshot_version = 1;

struct Snapshot {
  std::string_view plan_hash, state;
};
Result<Snapshot> open_snapshot(std::string_view bytes) {
  Reader in(bytes);
  if (const std::uint8_t version = in.u8(); in.ok() && version != k_snapshot_version)
    return fail(ErrorCode::unsupported,
                "its snapshot is of format " + std::to_string(version) + "; use a newer perdure");
  Snapshot snapshot;
  snapshot.plan_hash = in.string();
  snapshot.state = in.rest();
  if (!in.ok()) return fail(ErrorCode::corrupt, "its snapshot is damaged at byte " + std::to_string(in.offset()));
  return snapshot;
}

Result<std::string> plan_hash_of(const storage::LoadedRun& loaded) {
  if (!loaded.snapshot.empty()) {
    PERDURE_TRY(snapshot, open_snapshot(loaded.snapshot.view()));
    return std::string(snapshot.plan_hash);
  }
  if (loaded.tail.empty()) return fail(ErrorCode::corrupt, "it has no history");
  PERDURE_TRY(batch, history::decode_batch(loaded.tail.front().view()));
  const auto* started = batch.events.empty() ? nullptr : std::get_if<history::RunStarted>(&batch.events.front());
  if (started == nullptr) return fail(ErrorCode::corrupt, "its first event is not RunStarted");
  return started->info->plan_hash;
}

Result<decider::State> state_of(const storage::LoadedRun& loaded, Payloads& payloads, const plan::Plan& plan) {
  decider::State state = decider::empty_state(plan);
  if (!loaded.snapshot.empty()) {
    PERDURE_TRY(snapshot, open_snapshot(loaded.snapshot.view()));
    PERDURE_TRY(decoded, decider::decode_state(snapshot.state, plan));
    state = std::move(decoded);
  }
  for (const Bytes& bytes : loaded.tail) {
    PERDURE_TRY(batch, payloads.decode(bytes.view()));
    std::uint64_t seq = batch.first_seq;
    for (const history::Event& event : batch.events)
      if (seq++ > state.last_seq) decider::evolve(state, event, batch.now);
  }
  if (state.last_seq != loaded.last_seq)
    return fail(ErrorCode::corrupt, "its events end at " + std::to_string(state.last_seq) + " instead of " +
                                        std::to_string(loaded.last_seq));
  if (!state.info) return fail(ErrorCode::corrupt, "it has no RunStarted event");
  return state;
}

}  // namespace

Result<LoadedState> load_state(Plans& plans, Payloads& payloads, const storage::LoadedRun& loaded) {
  PERDURE_TRY(hash, plan_hash_of(loaded));
  PERDURE_TRY(plan, plans.by_hash(hash));
  PERDURE_TRY(state, state_of(loaded, payloads, *plan->plan));
  return LoadedState{std::move(plan), std::move(state)};
}

Bytes encode_snapshot(const decider::State& state) {
  Writer out;
  out.u8(k_snapshot_version);
  out.string(state.info->plan_hash);
  out.raw(decider::encode_state(state).view());
  return Bytes(out.take());
}

}  // namespace perdure::runtime
