#include "sim/look.h"

#include <algorithm>
#include <bitset>
#include <iterator>

#include "base/json.h"
#include "decider/decider.h"
#include "runtime/views.h"

namespace perdure::sim {
namespace {

namespace h = history;

constexpr std::size_t k_page_bytes = std::size_t{1} << 20;
// A look in so many asks the doctor, describes a run, reads a closed run again after a crash.
constexpr std::uint32_t k_doctor_one_in = 6, k_describe_one_in = 8, k_again_one_in = 4;

bool is_damage(ErrorCode code) { return code == ErrorCode::corrupt || code == ErrorCode::unsupported; }

}  // namespace

Result<std::vector<engine::RunSummary>> list_all(engine::Engine& engine) {
  std::vector<engine::RunSummary> all;
  engine::ListRequest request;
  request.limit = 1'000;
  do {
    PERDURE_TRY(page, engine.list(request));
    std::move(page.runs.begin(), page.runs.end(), std::back_inserter(all));
    request.cursor = page.next_cursor;
  } while (!request.cursor.empty());
  return all;
}

// ---- one run ------------------------------------------------------------------------------------------------------------

HistoryCheck* Inspector::check_of(const RunKey& run) {
  std::unique_ptr<HistoryCheck>& check = runs_[run];
  if (check) return check.get();
  const auto view = machine_.engine().describe(run);
  if (!view) {
    judge_.violated(32, "run " + run.id + " is listed, but " + view.error().message);
    return nullptr;
  }
  if (view->status == "quarantined") {
    judge_.violated(7, "run " + run.id + " is quarantined: " + (view->error ? view->error->title : ""));
    return nullptr;
  }
  const auto plan = machine_.engine().plan(view->plan_hash);
  if (!plan) {
    judge_.violated(7, "run " + run.id + " has lost its plan: " + plan.error().message);
    return nullptr;
  }
  check = std::make_unique<HistoryCheck>(run, *plan, judge_, settings_.replay_one_in);
  return check.get();
}

Status Inspector::read(HistoryCheck& check, std::uint64_t from) {
  runtime::Payloads payloads(machine_.store());
  const std::uint64_t had = check.reading().last_seq;
  std::uint64_t next = from;
  for (;;) {
    PERDURE_TRY(page, machine_.store().history(check.run(), next, k_page_bytes));
    if (page.empty()) break;
    for (const storage::HistoryBatch& stored : page) {
      if (settings_.compact_over_events != 0 && stored.first_seq > check.next()) check.skip_to(stored.first_seq);
      next = stored.first_seq + stored.count;
      if (check.knows(stored.first_seq)) {
        check.check_known(stored);
        continue;
      }
      PERDURE_TRY(batch, payloads.decode(stored.batch.view()));
      check.take(stored, batch);
      if (judge_.failed()) return {};
    }
  }
  if (settings_.compact_over_events != 0) {  // all of it may be behind the snapshot
    PERDURE_TRY(loaded, machine_.store().load(check.run()));
    if (loaded.last_seq >= check.next()) check.skip_to(loaded.last_seq + 1);
    next = loaded.last_seq + 1;
  }
  if (had > 0 && from <= had && next <= had)
    judge_.violated(23, "run " + check.run().id + " had " + std::to_string(had) + " durable events and has " +
                            std::to_string(next - 1));
  return {};
}

// The engine may go on between a list and a history, as while it recovers: then both are looked at again.
bool Inspector::listed_as_it_is(const engine::RunSummary& row, HistoryCheck& check) {
  constexpr int k_tries = 4;
  std::string listed = row.status;
  std::string_view told;
  for (int i = 0; i < k_tries; ++i) {
    if (!check.reading().whole) return true;
    told = h::to_string(decider::visible_status(check.reading().state));
    if (told == listed) return true;
    const auto list = list_all(machine_.engine());
    if (!list) continue;  // refused while the store recovers
    const auto found = std::find_if(list->begin(), list->end(), [&](const auto& r) { return r.run == row.run; });
    if (found == list->end()) return true;  // removed meanwhile, which is looked at for itself
    listed = found->status;
    if (told == listed) return true;
    if (const Status status = read(check, check.next()); !status || judge_.failed()) return !judge_.failed();
  }
  judge_.violated(32, "run " + row.run.id + " is listed as " + listed + ", its history says " + std::string(told));
  return false;
}

void Inspector::look_at(const engine::RunSummary& row, Depth depth) {
  if (row.status == "quarantined") return judge_.violated(7, "run " + row.run.id + " is quarantined");
  HistoryCheck* check = check_of(row.run);
  if (check == nullptr) return;
  Seen& seen = seen_[row.run];
  const bool is_over = row.closed_at != 0 && seen.status == row.status && seen.updated_at == row.updated_at;
  const bool same_life = seen.life == machine_.lives();
  const bool again = depth == Depth::all || (!same_life && depth == Depth::usual && random_.one_in(k_again_one_in));
  if (depth != Depth::new_events) cover(*check);
  const std::uint64_t before = check->reading().last_seq;
  // What comes after the last that was seen; after a crash also a little of what was seen, or all of it.
  const std::uint64_t from = again ? 1 : same_life || is_over ? check->next() : check->shortly_before();
  if (const Status status = read(*check, from); !status)
    return judge_.violated(7, "run " + row.run.id + " has no history: " + status.error().message);
  if (judge_.failed()) return;
  seen = {machine_.lives(), row.status, row.updated_at};
  const Reading& reading = check->reading();
  if (!listed_as_it_is(row, *check)) return;
  if (depth == Depth::new_events) return;
  if (reading.last_seq != before) {
    cover(*check);
    check->check_state();
    look_at_messages(*check);
  }
  if (random_.one_in(depth == Depth::all ? 2 : k_describe_one_in)) compare_view(*check, row);
  if (depth != Depth::all) return;
  // From the beginning it costs the number of decisions times the size of the state.
  constexpr std::uint64_t k_cheap_bytes = std::uint64_t{256} << 10;
  const std::uint64_t cost = reading.batches * decider::footprint(reading.state) / k_cheap_bytes;
  if (random_.one_in(static_cast<std::uint32_t>(3 * settings_.replay_one_in + cost))) replay(row.run, reading);
}

void Inspector::replay(const RunKey& run, const Reading& reading) {
  const auto report = machine_.engine().replay(run);
  if (!report && report.error().code == ErrorCode::unsupported && settings_.compact_over_events != 0) return;
  if (!report) return judge_.violated(7, "run " + run.id + " does not replay: " + report.error().message);
  if (!report->matches) return judge_.violated(7, "run " + run.id + ": " + report->differences.front());
  if (report->events != reading.last_seq) judge_.violated(7, "run " + run.id + ": replay has other events");
}

// The state in the engine's memory is the fold of the history.
void Inspector::compare_view(HistoryCheck& check, const engine::RunSummary& row) {
  const auto view = machine_.engine().describe(row.run);
  if (!view && view.error().code == ErrorCode::not_found && may_be_gone(check)) return;  // just now
  if (!view) return judge_.violated(32, "run " + row.run.id + " is listed, but " + view.error().message);
  // It may have gone on since it was listed, as when what it needs can be read again.
  if (view->events > check.reading().last_seq)
    if (!read(check, check.next()) || judge_.failed() || view->events <= check.reading().last_seq) return;
  const std::string_view told =
      check.reading().whole ? h::to_string(decider::visible_status(check.reading().state)) : row.status;
  if (view->status != told)
    return judge_.violated(32, "run " + row.run.id + " is " + view->status + " and listed as " + std::string(told));
  if (view->events != check.reading().last_seq)
    return judge_.violated(7, "run " + row.run.id + " has " + std::to_string(view->events) + " events in memory and " +
                                  std::to_string(check.reading().last_seq) + " in its history");
  constexpr std::uint64_t k_last = 5;
  const std::uint64_t last = check.reading().last_seq;
  const auto entries = machine_.engine().history(row.run, last - std::min(last, k_last) + 1, 100);
  // Describing may have loaded it, and so made it go on.
  const bool all_there =
      entries && entries->size() >= std::min(last, k_last) && (*entries)[std::min(last, k_last) - 1].seq == last;
  if (entries && entries->empty() && may_be_gone(check)) return;
  if (!entries || (!all_there && settings_.compact_over_events == 0))
    return judge_.violated(7, "run " + row.run.id + ": the engine's history is not the store's");
  if (!check.reading().whole) return;
  const engine::RunView folded = runtime::run_view(check.reading().state);
  const auto differs = [&](const char* what) {
    judge_.violated(7, "run " + row.run.id + ": " + what + " in memory is not what the history says");
  };
  if (!(view->context == folded.context)) differs("the context");
  if (!(view->output == folded.output)) differs("the output");
  if (view->waiting_for != folded.waiting_for) differs("what it waits for");
  if (view->steps.size() != folded.steps.size()) return differs("the list of steps");
  for (std::size_t i = 0; i < view->steps.size(); ++i)
    if (view->steps[i].path != folded.steps[i].path || view->steps[i].status != folded.steps[i].status ||
        view->steps[i].attempt != folded.steps[i].attempt)
      return differs("a step");
}

void Inspector::look_at_messages(const HistoryCheck& check) {
  const auto found = clients_.find(check.run().id);
  if (found == clients_.end() || !check.reading().whole) return;
  const Client& client = found->second;
  const Reading& reading = check.reading();
  for (const std::string& key : client.acknowledged_signals)
    if (!reading.signals.contains(key))
      judge_.violated(16, "run " + check.run().id + ": signal " + key + " was acknowledged and is gone");
  std::uint64_t last = 0;
  for (const std::string& key : reading.signal_keys) {
    const std::uint64_t number = std::stoull(key.substr(1));
    if (number < last) judge_.violated(16, "run " + check.run().id + ": signal " + key + " is out of order");
    last = number;
  }
  for (const auto& [id, answer] : client.updates)
    if (!reading.updates.contains(id))
      judge_.violated(23, "run " + check.run().id + ": update " + id + " was acknowledged and is gone");
}

// ---- all of them --------------------------------------------------------------------------------------------------------

void Inspector::look(Depth depth) {
  if (judge_.failed()) return;
  random_ = Random(mix(settings_.seed, ++looks_));
  latest_ = std::max(latest_, machine_.clock().now_ms());
  if (depth == Depth::all || (depth == Depth::usual && random_.one_in(k_doctor_one_in))) {
    const auto doctor = machine_.engine().doctor();
    if (!doctor) return judge_.violated(14, "the doctor fails: " + doctor.error().message);
    for (const std::string& finding : doctor->findings)
      if (!is_outlived_parent(finding)) return judge_.violated(14, "the doctor finds: " + finding);
  }
  const auto list = list_all(machine_.engine());
  if (!list) return judge_.violated(32, "the list fails: " + list.error().message);
  std::set<RunKey> listed;
  for (const engine::RunSummary& row : *list) {
    listed.insert(row.run);
    look_at(row, depth);
    if (judge_.failed()) return;
  }
  look_for_missing(listed);
  if (depth == Depth::all) look_for_left_blobs(listed);
  if (depth == Depth::new_events) return;
  look_at_handed_out(listed);
  look_for_idle_places();
  struck_.clear();
  struck_runs_.clear();
}

// A child may still be on its way to its end when its closed parent is removed; it is found until it has got there.
bool Inspector::is_outlived_parent(const std::string& finding) const {
  constexpr std::string_view k_before = "its parent ", k_after = " does not exist";
  const std::size_t from = finding.find(k_before), to = finding.find(k_after);
  if (from == std::string::npos || to == std::string::npos) return false;
  const std::string parent = finding.substr(from + k_before.size(), to - from - k_before.size());
  const auto known = std::find_if(runs_.begin(), runs_.end(), [&](const auto& r) { return r.first.id == parent; });
  return known != runs_.end() && known->second && may_be_gone(*known->second);
}

bool Inspector::may_be_gone(const HistoryCheck& check) const {
  const Reading& reading = check.reading();
  return settings_.retention_ms != 0 && (reading.ended || !reading.whole) &&
         reading.last_at <= latest_ - static_cast<DurationMs>(settings_.retention_ms);
}

void Inspector::look_for_missing(const std::set<RunKey>& listed) {
  for (const auto& [run, check] : runs_) {
    if (!check || listed.contains(run)) continue;
    if (settings_.retention_ms == 0) return judge_.violated(1, "run " + run.id + " was there and is gone");
    if (!may_be_gone(*check))
      return judge_.violated(37, "run " + run.id + " was removed before its time; last seen " +
                                     (check->reading().ended ? "ended at " : "open at ") +
                                     format_timestamp(check->reading().last_at) + ", now " + format_timestamp(latest_));
    for (std::size_t dot = run.id.rfind('.'); dot != std::string::npos && dot > 0; dot = run.id.rfind('.', dot - 1)) {
      const RunKey above{run.tenant, run.id.substr(0, dot)};
      const auto known = runs_.find(above);
      if (known == runs_.end() || !known->second || !listed.contains(above)) continue;
      const Reading& reading = known->second->reading();
      if (reading.whole && !reading.ended && reading.ends == 0)
        return judge_.violated(37, "run " + run.id + " was removed while " + above.id + " is open");
    }
  }
  for (const auto& [id, client] : clients_)
    if (const RunKey run{"default", id}; client.acknowledged && !listed.contains(run) && !runs_.contains(run))
      return judge_.violated(1, "run " + id + " was acknowledged and is gone");
}

void Inspector::look_for_ends(const std::vector<RunKey>& told) {
  for (const RunKey& run : told)
    if (!may_have_ended(run))
      return judge_.violated(23, "run " + run.id + " refused a message because it had ended, and it has not");
}

// By what is on the disk; what can't be read, or is not kept, may say anything.
bool Inspector::may_have_ended(const RunKey& run) const {
  runtime::Payloads payloads(machine_.store());
  for (std::uint64_t next = 1;;) {
    const auto page = machine_.store().history(run, next, k_page_bytes);
    if (!page) return true;
    if (page->empty()) return next == 1 && (settings_.retention_ms != 0 || settings_.compact_over_events != 0);
    for (const storage::HistoryBatch& stored : *page) {
      const auto batch = payloads.decode(stored.batch.view());
      if (!batch || stored.first_seq != next) return true;
      for (const h::Event& event : batch->events)
        if (std::holds_alternative<h::RunCompleted>(event) || std::holds_alternative<h::RunFailed>(event)) return true;
      next += stored.count;
    }
  }
}

std::optional<std::string> Inspector::late() const {
  constexpr DurationMs k_late_ms = 2'000;
  const TimeMs before = machine_.clock().now_ms() - k_late_ms;
  for (const auto& [run, check] : runs_) {
    if (!check || check->reading().ended || !check->reading().whole) continue;
    const Reading& reading = check->reading();
    if (const TimeMs due = decider::next_timer(reading.state); due < before)
      return "run " + run.id + " has a timer that was due at " + format_timestamp(due);
    if (reading.state.paused) continue;
    for (const decider::Frame& f : reading.state.frames)
      if (const auto by = reading.begin_by.find(f.command);
          by != reading.begin_by.end() && by->second < before && f.attempt == 1 && waits_for_a_place(run, reading, f))
        return "run " + run.id + ": #" + std::to_string(f.command) + " should have begun by " +
               format_timestamp(by->second);
  }
  return std::nullopt;
}

bool Inspector::waits_for_a_place(const RunKey& run, const Reading& reading, const decider::Frame& f) const {
  if (!f.live || f.phase != decider::Phase::in_flight) return false;
  const plan::Node& node = reading.plan->nodes[f.node];
  return node.activity && Outside::takes(node.activity->type) && !outside_.was_handed_out(run, f.command, f.attempt);
}

// The engine is at rest: who can begin has begun.
void Inspector::look_for_idle_places() {
  if (outside_.held() >= settings_.in_flight) return;
  for (const auto& [run, check] : runs_) {
    if (!check || check->reading().ended || !check->reading().whole || check->reading().state.paused) continue;
    const Reading& reading = check->reading();
    for (const decider::Frame& f : reading.state.frames) {
      const plan::Node& node = reading.plan->nodes[f.node];
      if (!node.breaker && node.rate_limit.per_second == 0 && waits_for_a_place(run, reading, f))
        return judge_.violated(30, "run " + run.id + ": #" + std::to_string(f.command) + " waits, and there is room");
    }
  }
}

// Who is removed takes along what it refers to; what nobody refers to is gone with the sweep after the last start.
void Inspector::look_for_left_blobs(const std::set<RunKey>& listed) {
  std::set<std::string> runs, needed;
  for (const RunKey& run : listed) runs.insert(to_string(run));
  const auto all = machine_.store().scan("runblob/", "", SIZE_MAX);
  const auto names = machine_.store().scan_blobs("", SIZE_MAX);
  if (!all || !names) return judge_.violated(6, "blobs can't be listed, and nothing fails any more");
  for (const auto& [key, mark] : *all) {
    const std::size_t end = key.rfind('/'), begin = key.find('/') + 1;
    if (!runs.contains(key.substr(begin, end - begin)))
      return judge_.violated(37, "run " + key.substr(begin, end - begin) + " is gone and still refers to a blob");
    needed.insert(key.substr(end + 1));
  }
  for (const std::string& name : needed)
    if (!std::binary_search(names->begin(), names->end(), name)) judge_.violated(6, "blob " + name + " is gone");
  if (looks_at_all_++ == 0 || settings_.retention_ms == 0) return;
  for (const std::string& name : *names)
    if (!needed.contains(name)) return judge_.violated(37, "blob " + name + " is there and nobody refers to it");
}

// An attempt that was handed out once is in the history for good, so each is looked at once.
void Inspector::look_at_handed_out(const std::set<RunKey>& listed) {
  const auto& all = outside_.handed_out();
  for (; handed_out_checked_ < all.size(); ++handed_out_checked_) {
    const auto& [effect, attempt] = all[handed_out_checked_];
    const auto found = runs_.find(effect.first);
    if (found != runs_.end() && found->second) {
      const Reading& reading = found->second->reading();
      if (!reading.whole || may_be_gone(*found->second)) continue;
      const auto known = reading.attempts.find(effect.second);
      if (listed.contains(effect.first) && known != reading.attempts.end() && attempt <= known->second) continue;
    }
    return judge_.violated(23, "attempt " + std::to_string(attempt) + " of " + to_string(effect.first) + " #" +
                                   std::to_string(effect.second) + " was handed out and is not in the history");
  }
}

void Inspector::cover(const HistoryCheck& check) {
  if (!check.reading().whole) return;
  std::bitset<k_faults> faults;
  for (const Fault fault : struck_) faults.set(static_cast<std::size_t>(fault));
  for (const auto& [of, fault] : struck_runs_)
    if (of == check.run()) faults.set(static_cast<std::size_t>(fault));
  if (faults.none()) return;
  std::bitset<k_kinds> kinds;
  std::bitset<k_flow_kinds.size()> flows;
  bool compensating = false;
  for (const decider::Frame& frame : check.reading().state.frames) {
    if (!frame.live) continue;
    const plan::Node& node = check.reading().plan->nodes[frame.node];
    const auto kind = static_cast<std::size_t>(node.kind);
    if (!node.flow && kind < k_kinds) kinds.set(kind);
    for (std::size_t i = 0; node.flow && i < k_flow_kinds.size(); ++i)
      if (k_flow_kinds[i].first == node.kind) flows.set(i);
    compensating = compensating || frame.phase == decider::Phase::compensating;
  }
  for (std::size_t fault = 0; fault < k_faults; ++fault) {
    if (!faults[fault]) continue;
    for (std::size_t kind = 0; kind < k_kinds; ++kind) coverage_.cells[kind][fault] += kinds[kind] ? 1 : 0;
    for (std::size_t kind = 0; kind < k_flow_kinds.size(); ++kind) coverage_.flows[kind][fault] += flows[kind] ? 1 : 0;
    coverage_.compensating[fault] += compensating ? 1 : 0;
  }
}

void Inspector::judge_ledger() const {
  if (damage_seen_ > 0) return;  // a child that could not be read has failed for its parent, or could not be undone
  for (const auto& [run, check] : runs_) {
    const Reading& reading = check->reading();
    if (!reading.whole) continue;
    const auto status = reading.state.status;
    const bool aborted =
        status == h::RunStatus::failed || status == h::RunStatus::cancelled || status == h::RunStatus::timed_out;
    const auto gave_up = [id = run.id + "."](const auto& other) {  // and so have those whose child it is
      return other.second->reading().gave_up && (other.first.id + ".").starts_with(id);
    };
    if (status == h::RunStatus::compensation_failed && std::ranges::any_of(runs_, gave_up)) continue;
    if (status == h::RunStatus::compensation_failed)
      return judge_.violated(18, "run " + run.id + " could not be undone, though all undoing works in the end");
    if (!aborted) continue;
    const auto left = in_force(run, reading, outside_);
    if (!left.empty())
      return judge_.violated(20, "run " + run.id + " is " + std::string(h::to_string(status)) + " and effect #" +
                                     std::to_string(left.front()) + " is still there");
    if (reading.last_pivot != 0) continue;
    for (const std::string& child : reading.waited_children) {
      const auto found = runs_.find({run.tenant, child});
      if (found == runs_.end() || !found->second->reading().whole ||
          found->second->reading().state.status != h::RunStatus::completed)
        continue;
      if (!in_force(found->first, found->second->reading(), outside_).empty())
        return judge_.violated(20, "run " + run.id + " is " + std::string(h::to_string(status)) +
                                       " and effects of its child " + child + " are still there");
    }
  }
}

// ---- a damaged store ----------------------------------------------------------------------------------------------------

void Inspector::look_at_damage(const std::string& where) {
  runtime::Payloads payloads(machine_.store());
  const bool in_blob = where.find("/blobs/") != std::string::npos;
  const auto list = list_all(machine_.engine());
  if (!list) {
    ++damage_seen_;
    if (!is_damage(list.error().code)) judge_.violated(32, "damage in " + where + ": " + list.error().message);
    return;
  }
  std::set<RunKey> listed;
  for (const engine::RunSummary& row : *list) listed.insert(row.run);
  for (const auto& [run, check] : runs_) {
    if (!listed.contains(run)) {
      if (may_be_gone(*check)) continue;
      return judge_.violated(1, "damage in " + where + ": run " + run.id + " is gone, and nobody says so");
    }
    // What is read must be right.
    const auto page = machine_.store().history(run, 1, SIZE_MAX);
    if (!page) {
      ++damage_seen_;
      if (!is_damage(page.error().code)) judge_.violated(7, "damage in " + where + ": " + page.error().message);
      continue;
    }
    bool refused = false;
    for (const storage::HistoryBatch& stored : *page) {
      if (check->knows(stored.first_seq)) check->check_known(stored);
      const auto batch = payloads.decode(stored.batch.view());
      refused = refused || !batch;
      if (batch) check->check_blobs(stored, *batch);
      if (!batch && !is_damage(batch.error().code))
        judge_.violated(7, "damage in " + where + ": run " + run.id + ": " + batch.error().message);
    }
    damage_seen_ += refused ? 1 : 0;
    const auto view = machine_.engine().describe(run);
    const bool shut = !view || view->status == "quarantined";
    // Only blobs can be read alone: all else is checked when the store is opened.
    if (shut && listed.contains(run) && !(refused && in_blob))
      return judge_.violated(7, "damage in " + where + " has harmed run " + run.id + ": " +
                                    (view ? "it is quarantined" : view.error().message));
  }
}

}  // namespace perdure::sim
