// Lists, and what is done with a run's history: reading, proving, copying, starting anew from a step.
#include <fmt/format.h>

#include <algorithm>

#include "base/json.h"
#include "runtime/base64.h"
#include "runtime/runtime_engine.h"
#include "runtime/views.h"
#include "storage/rules.h"

namespace perdure::runtime {
namespace {

constexpr std::size_t k_page_bytes = std::size_t{1} << 20;
constexpr std::int64_t k_export_version = 1;
constexpr const char* k_quarantined = "quarantined";  // as history::to_string says it

storage::ListQuery to_query(const engine::ListRequest& request) {
  storage::ListQuery query;
  query.tenant = request.tenant;
  query.status = request.status;
  query.workflow = request.workflow;
  query.parent = request.parent;
  query.started_from = request.from;
  query.started_until = request.until;
  query.cursor = request.cursor;
  query.limit = request.limit;
  return query;
}

engine::RunSummary summary_of(RunKey key, storage::RunRow row) {
  engine::RunSummary summary;
  summary.run = std::move(key);
  summary.workflow = std::move(row.workflow);
  summary.version = std::move(row.version);
  summary.status = std::move(row.status);
  summary.parent = std::move(row.parent);
  summary.started_at = row.started_at;
  summary.updated_at = row.updated_at;
  summary.closed_at = row.closed_at;
  if (auto detail = parse_json(row.detail.view())) summary.detail = std::move(*detail);
  return summary;
}

}  // namespace

Result<engine::RunList> RuntimeEngine::list(const engine::ListRequest& request) {
  storage::ListQuery query = to_query(request);
  if (query.status == k_quarantined) return list_quarantined(std::move(query));
  engine::RunList out;
  do {
    query.limit = request.limit - out.runs.size();
    PERDURE_TRY(page, core_.store->list(query));
    for (auto& [key, row] : page.rows) {
      if (is_quarantined(key)) {
        if (request.status) continue;
        row.status = k_quarantined;
      }
      out.runs.push_back(summary_of(std::move(key), std::move(row)));
    }
    query.cursor = std::move(page.next_cursor);
  } while (!query.cursor.empty() && out.runs.size() < request.limit);
  out.next_cursor = std::move(query.cursor);
  return out;
}

// They are few: all of them are known by name.
Result<engine::RunList> RuntimeEngine::list_quarantined(storage::ListQuery query) {
  PERDURE_TRY_VOID(storage::check_query(query));
  query.status.reset();
  std::vector<RunKey> keys;
  {
    const std::lock_guard lock(core_.quarantine_mutex);
    for (const auto& [run, error] : core_.quarantined)
      if (run.tenant == query.tenant) keys.push_back(run);
  }
  std::vector<std::pair<RunKey, storage::RunRow>> rows;
  for (RunKey& key : keys) {
    auto row = core_.store->row(key);
    if (row && !*row) continue;  // removed meanwhile
    storage::RunRow known = row ? std::move(**row) : storage::RunRow{};
    known.status = k_quarantined;
    if (storage::matches(query, known)) rows.emplace_back(std::move(key), std::move(known));
  }
  const auto position = [](const auto& row) { return std::tuple(-row.second.started_at, row.first.id); };
  std::sort(rows.begin(), rows.end(), [&](const auto& a, const auto& b) { return position(a) < position(b); });
  if (!query.cursor.empty()) {
    PERDURE_TRY(after, storage::decode_cursor(query.cursor));
    std::erase_if(rows, [&](const auto& row) { return position(row) <= std::tuple(-after.started_at, after.id); });
  }
  engine::RunList out;
  for (auto& [key, row] : rows) {
    if (out.runs.size() == query.limit) {
      out.next_cursor = storage::encode_cursor({out.runs.back().started_at, out.runs.back().run.id});
      break;
    }
    out.runs.push_back(summary_of(std::move(key), std::move(row)));
  }
  return out;
}

Result<std::vector<engine::HistoryEntry>> RuntimeEngine::history(const RunKey& run, std::uint64_t from_seq,
                                                                 std::size_t limit) {
  std::vector<engine::HistoryEntry> entries;
  std::uint64_t next = std::max<std::uint64_t>(1, from_seq);
  while (entries.size() < limit) {
    PERDURE_TRY(page, core_.store->history(run, next, k_page_bytes));
    if (page.empty()) break;
    for (const storage::HistoryBatch& stored : page) {
      auto batch = core_.payloads.decode(stored.batch.view());
      if (!batch) return wrap(std::move(batch).error(), "run '" + run.id + "'");
      std::uint64_t seq = batch->first_seq;
      for (history::Event& event : batch->events) {
        if (seq >= next && entries.size() < limit) entries.push_back({seq, batch->now, std::move(event)});
        ++seq;
      }
      next = stored.first_seq + stored.count;
    }
  }
  return entries;
}

Result<std::vector<history::Batch>> RuntimeEngine::batches(const RunKey& run) {
  std::vector<history::Batch> all;
  std::uint64_t next = 1;
  while (true) {
    PERDURE_TRY(page, core_.store->history(run, next, k_page_bytes));
    if (page.empty()) return all;
    for (const storage::HistoryBatch& stored : page) {
      auto batch = core_.payloads.decode(stored.batch.view());
      if (!batch) return wrap(std::move(batch).error(), "run '" + run.id + "'");
      all.push_back(std::move(*batch));
      next = stored.first_seq + stored.count;
    }
  }
}

Result<LoadedState> RuntimeEngine::load_durable(const RunKey& run) {
  PERDURE_TRY(loaded, core_.store->load(run));
  return load_state(core_.plans, core_.payloads, loaded);
}

Result<engine::ReplayReport> RuntimeEngine::replay(const RunKey& run) {
  // What is decided but not yet durable must not be mistaken for a difference: both sides are read in one go.
  PERDURE_TRY(now, load_durable(run));
  PERDURE_TRY(all, batches(run));
  std::erase_if(all, [&](const history::Batch& batch) { return batch.first_seq > now.state.last_seq; });
  engine::ReplayReport report;
  report.batches = all.size();
  if (all.empty() || all.front().first_seq != 1)
    return fail(ErrorCode::unsupported, "run '" + run.id + "' can't be replayed from its beginning: events up to " +
                                            std::to_string(all.empty() ? 0 : all.front().first_seq - 1) +
                                            " were compacted behind a snapshot");
  PERDURE_TRY(replayed, decider::replay(*now.plan->plan, all, true));
  report.events = replayed.events;
  report.differences = std::move(replayed.differences);
  if (!(decider::encode_state(replayed.state) == decider::encode_state(now.state)))
    report.differences.push_back("the stored state differs from the fold of the history");
  report.matches = report.differences.empty();
  return report;
}

Result<engine::Started> RuntimeEngine::restart(const engine::RestartRequest& request) {
  PERDURE_TRY(from, load_durable(request.from));
  const PlanPtr plan = request.plan ? core_.plans.adopt(request.plan) : from.plan;
  if (!plan->unavailable.empty()) return fail(ErrorCode::unsupported, plan->unavailable);
  PERDURE_TRY(carried, decider::carry_for_restart(from.state, *plan->plan, request.step));
  PERDURE_TRY(input, decider::check_input(*plan->plan, from.state.info->input));
  if (!request.id.empty()) PERDURE_TRY_VOID(check_id("the run's id", request.id));

  auto info = std::make_shared<history::StartInfo>();
  info->workflow = plan->plan->name;
  info->version = plan->plan->version;
  info->plan_hash = plan->plan->hash;
  info->input = std::move(input);
  info->run = RunKey{request.from.tenant, request.id.empty() ? make_id() : request.id};
  info->forked_from = request.from.id;
  if (plan->plan->hash == from.plan->plan->hash) info->seed = from.state.info->seed;  // what it carries may hold marks
  info->carried = std::move(carried);
  info->carried_context = Bytes(to_json(context_before(request.from, from, request.step)));
  info->detail = Bytes(to_json(Value::object(
      {{"forked_from", Value(request.from.id)}, {"restarted_at", Value(request.step)}, {"by", Value(request.by)}})));
  const auto slot = std::make_shared<AnswerSlot<engine::Started>>();
  const auto promise = std::make_shared<Promise<engine::Started>>(slot);
  if (stopped_) return tl::unexpected<Error>(shut_down());
  put_start(plan, std::move(info), request.id.empty(),
            [promise](Result<engine::Started> result) { promise->set(std::move(result)); });
  if (core_.options.manual)
    while (!slot->ready() && turn()) {}
  return slot->take(core_.options.manual);
}

// The run's variables as they were when the step began; as they are now if it never did or its history is gone.
Value RuntimeEngine::context_before(const RunKey& run, const LoadedState& from, const std::string& step) {
  history::NodeId node = history::k_none;
  for (const plan::NodeId child : from.plan->plan->nodes[0].children)
    if (from.plan->plan->nodes[child].name == step) node = child;
  const auto all = batches(run);
  if (!all || all->empty() || all->front().first_seq != 1) return from.state.context;
  decider::State state = decider::empty_state(*from.plan->plan);
  for (const history::Batch& batch : *all) {
    for (const history::Event& event : batch.events) {
      const auto* started = std::get_if<history::StepStarted>(&event);
      const auto* scheduled = std::get_if<history::ActivityScheduled>(&event);
      if ((started != nullptr && started->node == node) || (scheduled != nullptr && scheduled->node == node))
        return state.context;
      decider::evolve(state, event, batch.now);
    }
  }
  return from.state.context;
}

// ---- copies -----------------------------------------------------------------------------------------------------------

Result<std::string> RuntimeEngine::export_run(const RunKey& run) {
  PERDURE_TRY(loaded, core_.store->load(run));
  PERDURE_TRY(state, load_state(core_.plans, core_.payloads, loaded));
  Value batches = Value::array();
  std::uint64_t next = 1;
  while (true) {
    PERDURE_TRY(page, core_.store->history(run, next, k_page_bytes));
    if (page.empty()) break;
    for (const storage::HistoryBatch& stored : page) {
      if (stored.first_seq != next)
        return fail(ErrorCode::unsupported, "run '" + run.id + "' can't be exported whole: events up to " +
                                                std::to_string(stored.first_seq - 1) +
                                                " were compacted behind a snapshot");
      PERDURE_TRY(whole, core_.payloads.decode(stored.batch.view()));  // a document has no blobs beside it
      batches.push_back(Value(to_base64(history::encode_batch(whole).view())));
      next = stored.first_seq + stored.count;
    }
  }
  Value document = Value::object();
  document.set("perdure_export", k_export_version);
  document.set("tenant", run.tenant);
  document.set("run", run.id);
  document.set("workflow", loaded.row.workflow);
  document.set("version", loaded.row.version);
  document.set("status", loaded.row.status);
  document.set("plan_hash", state.plan->plan->hash);
  document.set("plan", to_base64(state.plan->plan->encoded.view()));
  document.set("batches", std::move(batches));
  return to_pretty_json(document) + "\n";
}

namespace {

Result<std::string> text_member(const Value& document, std::string_view name) {
  const Value* member = document.find(name);
  if (member == nullptr || !member->is_string())
    return fail(ErrorCode::invalid,
                "the document has no text '" + std::string(name) + "'; is it an export of perdure?");
  return std::string(member->as_string());
}

struct Imported {
  RunKey run;
  std::shared_ptr<const plan::Plan> plan;
  std::vector<history::Batch> batches;
};

Result<Imported> read_export(const std::string& text) {
  PERDURE_TRY(document, parse_json(text));
  const Value* version = document.find("perdure_export");
  if (version == nullptr || !version->is_integer())
    return fail(ErrorCode::invalid, "the document has no 'perdure_export'; it is no export of perdure");
  if (version->as_int() != k_export_version)
    return fail(ErrorCode::unsupported, "the document is of export version " + std::to_string(version->as_int()) +
                                            ", this build reads version 1");
  Imported imported;
  PERDURE_TRY(tenant, text_member(document, "tenant"));
  PERDURE_TRY(id, text_member(document, "run"));
  PERDURE_TRY_VOID(check_id("the tenant", tenant));
  PERDURE_TRY_VOID(check_id("the run's id", id));
  imported.run = RunKey{std::move(tenant), std::move(id)};
  PERDURE_TRY(plan_text, text_member(document, "plan"));
  PERDURE_TRY(plan_bytes, from_base64(plan_text));
  PERDURE_TRY(plan, plan::decode(plan_bytes));
  imported.plan = std::move(plan);
  const Value* batches = document.find("batches");
  if (batches == nullptr || !batches->is_array() || batches->size() == 0)
    return fail(ErrorCode::invalid, "the document has no 'batches'");
  for (const Value& item : batches->items()) {
    if (!item.is_string()) return fail(ErrorCode::invalid, "an item of 'batches' is no text");
    PERDURE_TRY(bytes, from_base64(item.as_string()));
    PERDURE_TRY(batch, history::decode_batch(bytes));
    imported.batches.push_back(std::move(batch));
  }
  return imported;
}

}  // namespace

Result<RunKey> RuntimeEngine::import_run(const std::string& document) {
  if (stopped_) return tl::unexpected<Error>(shut_down());
  PERDURE_TRY(imported, read_export(document));
  auto replayed = decider::replay(*imported.plan, imported.batches, true);
  if (!replayed) return wrap(std::move(replayed).error(), "the document's history");
  if (!replayed->differences.empty())
    return fail(ErrorCode::corrupt, "the document's history does not replay: " + replayed->differences.front());
  const decider::State& state = replayed->state;
  if (!state.info || state.info->plan_hash != imported.plan->hash || state.info->run != imported.run)
    return fail(ErrorCode::corrupt, "the document's history belongs to another run or plan");
  PERDURE_TRY(existing, core_.store->row(imported.run));
  if (existing) return fail(ErrorCode::conflict, "run '" + imported.run.id + "' exists already");

  storage::Commit commit;
  commit.epoch = core_.store->epoch();
  commit.keys.push_back({plan_key(imported.plan->hash), imported.plan->encoded});
  if (imported.run.tenant != "default") commit.keys.push_back({tenant_key(imported.run.tenant), Bytes::copy("1")});
  std::vector<std::string> blobs;
  for (std::size_t i = 0; i < imported.batches.size(); ++i) {
    storage::RunWrite write;
    write.run = imported.run;
    write.first_seq = imported.batches[i].first_seq;
    write.count = static_cast<std::uint32_t>(imported.batches[i].events.size());
    auto encoded = core_.payloads.encode(imported.batches[i]);
    if (!encoded) {
      core_.payloads.unpin(blobs);
      return tl::unexpected<Error>(std::move(encoded).error());
    }
    write.batch = std::move(encoded->batch);
    Payloads::add_references(imported.run, encoded->blobs, commit.keys);
    std::move(encoded->blobs.begin(), encoded->blobs.end(), std::back_inserter(blobs));
    if (i == 0 || i + 1 == imported.batches.size()) {
      write.row = import_row(state);
      write.wake = history::is_closed(state.status)     ? k_never
                   : decider::has_work_in_flight(state) ? storage::k_wake_active
                                                        : decider::next_timer(state);
    }
    commit.runs.push_back(std::move(write));
  }
  const auto slot = std::make_shared<AnswerSlot<RunKey>>();
  const auto promise = std::make_shared<Promise<RunKey>>(slot);
  core_.store->commit(std::move(commit), [promise, run = imported.run](Status status) {
    if (status) promise->set(run);
    else promise->set(tl::unexpected<Error>(status.error()));
  });
  core_.payloads.unpin(blobs);
  if (core_.options.manual)
    while (!slot->ready() && turn()) {}
  PERDURE_TRY(run, slot->take(core_.options.manual));
  core_.recovering.fetch_add(1);
  core_.shard_of(run).post(VisitMessage{run, 0});  // it goes on from where it was
  return run;
}

storage::RunRow RuntimeEngine::import_row(const decider::State& state) {
  storage::RunRow row;
  row.workflow = state.info->workflow;
  row.version = state.info->version;
  row.status = history::to_string(decider::visible_status(state));
  row.started_at = state.started_at;
  row.updated_at = state.updated_at;
  row.closed_at = state.closed_at;
  row.closed = history::is_closed(state.status);
  row.parent = state.info->parent;
  row.detail = state.info->detail;
  return row;
}

// ---- doctor -----------------------------------------------------------------------------------------------------------

namespace {
void note(engine::DoctorReport& report, std::string finding) {
  constexpr std::size_t k_findings_max = 100;
  if (report.findings.size() < k_findings_max) report.findings.push_back(std::move(finding));
}
}  // namespace

Result<engine::DoctorReport> RuntimeEngine::doctor() {
  engine::DoctorReport report;
  PERDURE_TRY(verified, core_.store->verify());
  for (const Error& damage : verified.damage) note(report, "damage: " + damage.message + "; restore it from a backup");
  PERDURE_TRY(all, tenants(*core_.store));
  for (const std::string& tenant : all) PERDURE_TRY_VOID(examine(tenant, report));
  report.clean = report.findings.empty();
  return report;
}

Status RuntimeEngine::examine(const std::string& tenant, engine::DoctorReport& report) {
  storage::ListQuery query;
  query.tenant = tenant;
  query.limit = 1000;
  do {
    PERDURE_TRY(page, core_.store->list(query));
    for (const auto& [run, row] : page.rows) {
      ++report.runs;
      if (row.closed) continue;
      ++report.open;
      const std::string name = "run " + (tenant == "default" ? run.id : to_string(run));
      // The run's shard looks, so that state and row are of one moment.
      auto seen = look<std::vector<std::string>>(run, [&report](const Run& r) {
        std::vector<std::string> findings = decider::check_state(r.state);
        report.timers += r.state.timers.size();
        const bool closed = history::is_closed(r.state.status);
        const TimeMs wake = closed                                           ? k_never
                            : r.more || decider::has_work_in_flight(r.state) ? storage::k_wake_active
                                                                             : decider::next_timer(r.state);
        if (wake != r.wake && r.inputs.empty())
          findings.push_back("it is to be woken at " + std::to_string(r.wake) + " instead of " + std::to_string(wake));
        return Result<std::vector<std::string>>(std::move(findings));
      });
      if (!seen) {
        note(report, name + ": " + seen.error().message + "; export what can be read, then terminate or purge it");
        continue;
      }
      for (const std::string& finding : *seen)
        note(report, name + ": " + finding + "; run `perdure replay " + run.id + "`");
      if (row.parent.empty()) continue;
      const auto parent = core_.store->row({run.tenant, row.parent});
      if (parent && !*parent)
        note(report, name + ": its parent " + row.parent +
                         " does not exist (removed by retention, or lost): nobody waits for its end; cancel it unless "
                         "it is to go on by itself");
    }
    query.cursor = page.next_cursor;
  } while (!query.cursor.empty());
  return {};
}

}  // namespace perdure::runtime
