// The step: inputs -> load -> decide -> commit -> publish. The only place with that order. Loading happened when the
// inputs were received (Shard::find); what follows here is the rest.
#include <algorithm>
#include <utility>

#include "base/json.h"
#include "base/limits.h"
#include "runtime/events.h"
#include "runtime/load.h"
#include "runtime/shard.h"

namespace perdure::runtime {
namespace {

constexpr std::size_t k_runs_a_commit = 128;
constexpr std::size_t k_bytes_a_commit = std::size_t{1} << 20;

storage::RunRow row_of(const Run& run, history::RunStatus status, TimeMs now) {
  const decider::State& state = run.state;
  storage::RunRow row;
  row.workflow = state.info->workflow;
  row.version = state.info->version;
  row.status = history::to_string(status);
  row.started_at = state.started_at;
  row.updated_at = now;
  row.closed = history::is_closed(state.status);
  row.closed_at = row.closed ? state.closed_at : 0;
  row.parent = state.info->parent;
  row.detail = state.info->detail;
  if (row.closed && state.fault) {
    auto detail = parse_json(row.detail.view());
    Value object = detail && detail->is_object() ? std::move(*detail) : Value::object();
    object.set("error", state.fault->type);
    row.detail = Bytes(to_json(object));
  }
  return row;
}

TimeMs wake_of(const Run& run) {
  if (history::is_closed(run.state.status)) return k_never;
  if (run.more || decider::has_work_in_flight(run.state)) return storage::k_wake_active;
  return decider::next_timer(run.state);
}

}  // namespace

void Shard::decide_touched() {
  std::vector<Run*> runs;
  runs.swap(touched_);
  for (Run* run : runs) {
    step(*run);
    if (commit_.runs.size() >= k_runs_a_commit || building_bytes_ >= k_bytes_a_commit) flush();
  }
  flush();
}

void Shard::step(Run& run) {
  run.touched = false;
  std::vector<Input> inputs = take_inputs(run);
  facts_.clear();
  for (Input& input : inputs) facts_.push_back(std::move(input.fact));
  decider::Decision decision =
      decider::decide(*run.plan->plan, run.state, facts_, {now_, core_.options.dormant || run.held});
  run.more = decision.more;
  const bool recorded = !decision.events.empty();
  std::vector<decider::Command> commands;
  Status taken;
  if (recorded) taken = write(run, decision);
  else commands = std::move(decision.commands);
  answer(run, inputs, decision, taken);
  for (decider::Command& command : commands) carry_out(run, command);
  if (run.more || !run.inputs.empty()) touch(run);
  if (!recorded && run.commits_pending == 0 && (!run.state.info || history::is_closed(run.state.status)))
    visitors_.push_back(run.key);
}

// What is decided at once must fit into a commit; what came after it waits for the next turn.
std::vector<Input> Shard::take_inputs(Run& run) {
  std::size_t bytes = 0, n = 0;
  while (n < run.inputs.size() && bytes < k_decision_bytes_soft) bytes += decider::payload_bytes(run.inputs[n++].fact);
  std::vector<Input> taken;
  taken.swap(run.inputs);
  const auto rest = taken.begin() + static_cast<std::ptrdiff_t>(n);
  run.inputs.assign(std::make_move_iterator(rest), std::make_move_iterator(taken.end()));
  taken.erase(rest, taken.end());
  return taken;
}

// When it is durable.
void Shard::answer(Run& run, std::vector<Input>& inputs, decider::Decision& decision, const Status& taken) {
  // What is refused rests on the state as well, and that may be ahead of the disk: a run that has just ended, say.
  for (decider::Rejection& rejection : decision.rejections) {
    Reply reply = std::exchange(inputs[rejection.fact].reply, nullptr);
    if (!reply) continue;
    if (!taken) reply(tl::unexpected<Error>(taken.error()));
    else
      when_durable(run, [reply = std::move(reply), why = std::move(rejection.error)](const Status& status) {
        reply(tl::unexpected<Error>(status ? why : status.error()));
      });
  }
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    if (!inputs[i].reply) continue;
    if (!taken) {
      inputs[i].reply(tl::unexpected<Error>(taken.error()));
      continue;
    }
    Value value;
    for (auto& [fact, told] : decision.answers)
      if (fact == i) value = std::move(told);
    when_durable(run, [reply = std::move(inputs[i].reply), value = std::move(value)](const Status& status) {
      if (status) reply(value);
      else reply(tl::unexpected<Error>(status.error()));
    });
  }
}

void Shard::when_durable(const Run& run, Deliver deliver) {
  if (run.commits_pending == 0) return deliver(Status());
  when_all_durable(std::move(deliver));
}

// Commits become durable in order, so the youngest one covers them all.
void Shard::when_all_durable(Deliver deliver) {
  if (!commit_.runs.empty() || !commit_.keys.empty()) building_.replies.push_back(std::move(deliver));
  else if (!pending_.empty()) pending_.back().replies.push_back(std::move(deliver));
  else deliver(Status());
}

void Shard::read(const RunKey& key, const std::function<Deliver(Result<const Run*>)>& look) {
  auto run = find(key);
  if (!run) return look(tl::unexpected<Error>(run.error()))(Status());
  when_durable(**run, look(Result<const Run*>(*run)));
}

Status Shard::write(Run& run, decider::Decision& decision) {
  PendingStep pending;
  pending.run = &run;
  pending.now = now_;
  pending.first_seq = run.state.last_seq + 1 - decision.events.size();
  pending.status = decider::visible_status(run.state);
  pending.commands = std::move(decision.commands);

  storage::RunWrite write;
  write.run = run.key;
  write.first_seq = pending.first_seq;
  write.count = static_cast<std::uint32_t>(decision.events.size());
  history::Batch batch{pending.first_seq, now_, std::move(decision.events)};
  auto encoded = core_.payloads.encode(batch);
  if (!encoded) {  // as with a failed commit, of a decision that was not even offered
    note_failure(encoded.error());
    pending.events = std::move(batch.events);
    salvage(pending);
    return tl::unexpected<Error>(std::move(encoded).error());
  }
  write.batch = std::move(encoded->batch);
  if (!encoded->blobs.empty()) {
    Payloads::add_references(run.key, encoded->blobs, commit_.keys);
    std::move(encoded->blobs.begin(), encoded->blobs.end(), std::back_inserter(building_blobs_));
  }
  run.tail_bytes += write.batch.size();
  building_bytes_ += write.batch.size();

  const bool created = pending.first_seq == 1;
  if (created) {
    add_plan(run);
    add_tenant(run.key.tenant);
  }
  // A run that was closed may have been tried again and closed anew.
  if (created || pending.status != run.row_status || history::is_closed(pending.status)) {
    write.row = row_of(run, pending.status, now_);
    run.row_status = pending.status;
  }
  if (const TimeMs wake = wake_of(run); created || wake != run.wake) {
    write.wake = wake;
    run.wake = wake;
  }
  if (run.plan->has_reviews) note_reviews(run, batch.events);
  if (const bool open = !history::is_closed(run.state.status); run.plan->listens && open != run.listening) {
    run.listening = open;
    commit_.keys.push_back({listening_key(run.key), open ? std::optional<Bytes>(Bytes::copy("{}")) : std::nullopt});
  }
  if (run.tail_bytes > std::max(core_.options.snapshot_over_bytes, 2 * run.snapshot_bytes)) {
    Bytes snapshot = encode_snapshot(run.state);
    run.snapshot_bytes = snapshot.size();
    run.tail_bytes = 0;
    if (snapshot.size() <= k_snapshot_bytes_max) {  // else no commit would hold it, and none after it would be taken
      building_bytes_ += snapshot.size();
      write.snapshot = std::move(snapshot);
      write.compact_over_events = core_.options.compact_over_events;
    }
  }
  pending.events = std::move(batch.events);

  ++run.commits_pending;
  weigh(run);
  commit_.runs.push_back(std::move(write));
  building_.steps.push_back(std::move(pending));
  return {};
}

// A run's plan is there when the run is.
void Shard::add_plan(const Run& run) {
  if (run.plan->stored.load(std::memory_order_relaxed)) return;
  std::string key = plan_key(run.plan->plan->hash);
  for (const storage::KeyWrite& known : commit_.keys)
    if (known.key == key) return;
  commit_.keys.push_back({std::move(key), run.plan->plan->encoded});
}

void Shard::add_tenant(const std::string& tenant) {
  if (tenant == "default" || !tenants_known_.insert(tenant).second) return;
  commit_.keys.push_back({tenant_key(tenant), Bytes::copy("1")});
}

// Runs with an open review are listed under "review/", for the reviewers' inbox.
void Shard::note_reviews(Run& run, const std::vector<history::Event>& events) {
  bool look = false;
  for (const history::Event& event : events)
    look = look || std::holds_alternative<history::ReviewOpened>(event) ||
           (run.reviews_open && !std::holds_alternative<history::StepStarted>(event));
  if (!look) return;
  bool open = false;
  for (const decider::Frame& frame : run.state.frames)
    open = open || (frame.live && frame.phase == decider::Phase::waiting && frame.wait &&
                    !frame.wait->request.empty() && run.plan->plan->nodes[frame.node].kind == plan::Kind::review);
  if (open == run.reviews_open) return;
  run.reviews_open = open;
  commit_.keys.push_back(
      {"review/" + to_string(run.key), open ? std::optional<Bytes>(Bytes::copy("{}")) : std::nullopt});
}

void Shard::flush() {
  if (commit_.runs.empty() && commit_.keys.empty()) {
    if (building_.replies.empty()) return;
    PendingCommit waiting = std::exchange(building_, {});
    for (const auto& reply : waiting.replies) reply(Status());
    return;
  }
  building_.number = ++commits_;
  pending_.push_back(std::exchange(building_, {}));
  storage::Commit commit = std::exchange(commit_, {});
  building_bytes_ = 0;
  commit.epoch = core_.store->epoch();
  core_.store->commit(std::move(commit), [this, number = commits_](Status status) {
    // Told within the lock: once the shard has seen its last completion it may be destroyed, and the store's thread is
    // not one that anybody joins before that.
    const std::lock_guard lock(mutex_);
    completions_.emplace_back(number, std::move(status));
    if (std::exchange(sleeping_, false)) wake_.notify_one();
  });
  if (!building_blobs_.empty()) core_.payloads.unpin(std::exchange(building_blobs_, {}));
}

bool Shard::take_completions() {
  std::vector<std::pair<std::uint64_t, Status>> completions;
  {
    const std::lock_guard lock(mutex_);
    completions.swap(completions_);
  }
  for (auto& [number, status] : completions) {
    PendingCommit& commit = pending_[number - pending_.front().number];
    commit.done = true;
    commit.status = std::move(status);
  }
  while (!pending_.empty() && pending_.front().done) {
    PendingCommit commit = std::move(pending_.front());
    pending_.pop_front();
    publish(commit);
  }
  return !completions.empty();
}

void Shard::publish(PendingCommit& commit) {
  if (!commit.status) {
    note_failure(commit.status.error());
    for (PendingStep& step : commit.steps) salvage(step);
    for (const auto& reply : commit.replies) reply(commit.status);
    return;
  }
  for (PendingStep& step : commit.steps) {
    Run& run = *step.run;
    --run.commits_pending;
    run.published = step.status;
    if (step.first_seq == 1) run.plan->stored.store(true, std::memory_order_relaxed);
    if (run.watched) tell(run, step);
    hold_timer(run);
    for (decider::Command& command : step.commands) carry_out(run, command);
  }
  for (const auto& reply : commit.replies) reply(commit.status);
  for (PendingStep& step : commit.steps) {
    Run& run = *step.run;
    if (run.commits_pending > 0) continue;
    if (!history::is_closed(step.status)) {
      if (may_rest(run)) leave(run);
      continue;
    }
    if (!undo_waiters_.empty()) tell_undone(run);
    if (!run.touched && history::is_closed(run.state.status)) forget(run);
  }
}

void Shard::carry_out(Run& run, decider::Command& command) {
  struct Carrier {
    Shard& shard;
    Run& run;
    void operator()(decider::DispatchActivity& c) const { shard.dispatch(run, c); }
    void operator()(const decider::CancelActivity& c) const {
      const decider::Frame* frame = c.frame < run.state.frames.size() ? &run.state.frames[c.frame] : nullptr;
      const history::NodeId node = c.node != history::k_none                         ? c.node
                                   : frame != nullptr && frame->command == c.command ? frame->node
                                                                                     : history::k_none;
      shard.core_.dispatcher.cancel(run.key, *run.plan, node, c.command);
    }
    void operator()(const decider::StartChild& c) const { shard.start_child(run, c); }
    void operator()(const decider::CancelChild& c) const { shard.cancel_child(run.key, c); }
    void operator()(const decider::UndoChild& c) const { shard.undo_child(run, c); }
    void operator()(const decider::PublishEvent&) const {}  // watchers see it among the events
    void operator()(const decider::OpenReview&) const {}    // likewise; the inbox has it since the commit
    void operator()(const decider::NotifyParent& c) const { shard.notify_parent(run, c); }
  };
  std::visit(Carrier{*this, run}, command);
}

void Shard::dispatch(Run& run, decider::DispatchActivity& command) {
  constexpr std::size_t k_tidy_over = 16;
  if (run.dispatched.size() >= k_tidy_over && run.dispatched.size() > 2 * std::size_t{run.state.in_flight}) {
    std::vector<Dispatched> live;
    for (const decider::Frame& frame : run.state.frames)
      if (frame.live && frame.phase == decider::Phase::in_flight) live.push_back({frame.command, frame.attempt});
    std::erase_if(run.dispatched, [&](const Dispatched& d) { return !is_out(live, d); });
  }
  run.dispatched.push_back({command.command, command.attempt});
  Attempt attempt;
  attempt.run = run.key;
  attempt.plan = run.plan;
  attempt.node = command.node;
  attempt.frame = command.frame;
  attempt.command = command.command;
  attempt.attempt = command.attempt;
  attempt.args = std::move(command.args);
  attempt.idempotency_key = std::move(command.idempotency_key);
  attempt.start_to_close_ms = command.start_to_close_ms;
  attempt.seed = run.state.info->seed;
  core_.dispatcher.dispatch(std::move(attempt));
}

void Shard::tell(Run& run, const PendingStep& step) {
  engine::Progress progress;
  progress.status = step.status;
  progress.closed = history::is_closed(step.status);
  if (progress.closed && run.on_closed) {
    progress.run = run.key;
    std::exchange(run.on_closed, nullptr)(progress);
  }
  const auto found = interests_.empty() ? interests_.end() : interests_.find(run.key);
  if (found == interests_.end()) {
    run.watched = run.on_closed != nullptr;
    return;
  }
  progress.run = run.key;
  for (const Interest& interest : found->second) {
    if (!interest.wants_events || !progress.events.empty()) continue;
    std::uint64_t seq = step.first_seq;
    for (const history::Event& event : step.events) progress.events.push_back({seq++, step.now, event});
  }
  std::vector<Interest> told = std::move(found->second);
  interests_.erase(found);
  std::erase_if(told, [&](const Interest& interest) { return !interest.call(progress, run); });
  if (told.empty()) return;
  auto& kept = interests_[run.key];
  std::move(told.begin(), told.end(), std::back_inserter(kept));
}

}  // namespace perdure::runtime
