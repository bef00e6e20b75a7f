#include "runtime/runtime_engine.h"

#include <algorithm>
#include <thread>

#include "base/json.h"
#include "base/limits.h"
#include "runtime/events.h"
#include "runtime/views.h"
#include "runtime/virtual_clock.h"

namespace perdure::runtime {
namespace {

constexpr std::size_t k_page = 1000;

std::size_t shards_of(const RuntimeOptions& options) {
  if (options.shards > 0) return std::min<std::size_t>(options.shards, 64);
  return std::clamp<std::size_t>(std::thread::hardware_concurrency(), 1, 16);
}

void base32(std::string& out, std::uint64_t value, int digits) {
  static constexpr char k_alphabet[] = "0123456789abcdefghjkmnpqrstvwxyz";
  for (int i = digits - 1; i >= 0; --i) out += k_alphabet[(value >> (5 * i)) & 31];
}

Status check_payload(std::string_view what, const Bytes& json) {
  if (json.size() <= k_payload_bytes_max) return {};
  return fail(ErrorCode::exhausted, std::string(what) + " has " + std::to_string(json.size()) +
                                        " bytes; the limit is " + std::to_string(k_payload_bytes_max) +
                                        " (put it into a file and pass its name)");
}

}  // namespace

RuntimeEngine::RuntimeEngine(std::shared_ptr<storage::Store> store, RuntimeOptions options)
    : core_(std::move(store), std::move(options)), keeper_(core_) {}

RuntimeEngine::~RuntimeEngine() { shutdown(); }

Status RuntimeEngine::open() {
  std::string after;
  while (true) {
    PERDURE_TRY(page, core_.store->scan("breaker/", after, k_page));
    for (const auto& [key, bytes] : page)  // a damaged one begins anew, closed: it protects, it holds nothing
      if (const auto breaker = policy::decode_breaker(bytes.view()))
        core_.dispatcher.restore(std::string_view(key).substr(8), *breaker);
    if (page.size() < k_page) break;
    after = page.back().first;
  }
  after.clear();
  while (true) {
    PERDURE_TRY(page, core_.store->scan("quarantine/", after, k_page));
    for (const auto& [key, bytes] : page) {
      const std::size_t slash = key.find('/', 11);
      if (slash == std::string::npos) continue;
      const auto row = parse_json(bytes.view());
      const Value* error = row ? row->find("error") : nullptr;
      core_.quarantined[RunKey{key.substr(11, slash - 11), key.substr(slash + 1)}] = Error{
          ErrorCode::corrupt, error != nullptr && error->is_string() ? std::string(error->as_string()) : "damaged"};
    }
    if (page.size() < k_page) break;
    after = page.back().first;
  }
  const std::size_t shards = shards_of(core_.options);
  for (std::size_t i = 0; i < shards; ++i)
    core_.shards.push_back(std::make_unique<Shard>(core_, i, core_.options.cache_bytes / shards));
  if (!core_.options.dormant) {  // what was set aside may be readable again: a newer build, a repaired store
    for (const auto& [run, error] : core_.quarantined) {
      core_.recovering.fetch_add(1);
      core_.shard_of(run).post(VisitMessage{run, 0});
    }
  }
  if (core_.options.manual) return {};
  core_.poke_keeper = [this] { keeper_.poke(); };
  if (auto* clock = dynamic_cast<VirtualClock*>(core_.clock.get()))
    clock_subscription_ = clock->subscribe([this] {
      keeper_.poke();
      for (const auto& shard : core_.shards) shard->poke();
    });
  for (const auto& shard : core_.shards) shard->start_thread();
  keeper_.start_thread();
  return {};
}

bool RuntimeEngine::turn() {
  const std::size_t actors = core_.shards.size() + 1;
  const auto act = [this](std::size_t actor) { return actor == 0 ? keeper_.turn() : core_.shards[actor - 1]->turn(); };
  const auto& pick = core_.options.pick;
  bool worked = false;
  for (std::size_t actor = 0; actor < actors; ++actor) {
    while (pick && pick(2) == 1) worked = act(pick(actors)) || worked;
    worked = act(actor) || worked;
    if (!worked) worked = core_.store->lend_thread();
  }
  return worked;
}

void RuntimeEngine::shutdown() {
  if (stopped_.exchange(true)) return;
  core_.dispatcher.stop();
  if (clock_subscription_ != 0) dynamic_cast<VirtualClock&>(*core_.clock).unsubscribe(clock_subscription_);
  for (const auto& driver : core_.options.drivers) driver->shutdown();
  keeper_.stop();
  if (core_.options.manual && !core_.shards.empty())  // none when opening failed
    while (turn()) {}
  for (const auto& shard : core_.shards) shard->stop_thread();
}

std::string RuntimeEngine::make_id() {
  std::string id = "run_";
  base32(id, static_cast<std::uint64_t>(core_.clock->now_ms()), 10);
  base32(id, core_.random() & ((std::uint64_t{1} << 60) - 1), 12);
  return id;
}

Result<Value> RuntimeEngine::tell(const RunKey& run, history::Event fact) {
  PERDURE_TRY_VOID(check_id("the run's id", run.id));
  Shard& shard = core_.shard_of(run);
  if (stopped_) return tl::unexpected<Error>(shut_down());
  const auto slot = std::make_shared<AnswerSlot<Value>>();
  const auto promise = std::make_shared<Promise<Value>>(slot);
  shard.post(FactMessage{run, std::move(fact), [promise](Result<Value> result) { promise->set(std::move(result)); }});
  if (core_.options.manual)
    while (!slot->ready() && turn()) {}
  return slot->take(core_.options.manual);
}

// ---- workflows ------------------------------------------------------------------------------------------------------

Result<engine::WorkflowInfo> RuntimeEngine::register_workflow(std::shared_ptr<const plan::Plan> plan) {
  const PlanPtr entry = core_.plans.adopt(std::move(plan));
  const plan::Plan& known = *entry->plan;
  constexpr std::size_t k_key_bytes_max = 1024;  // of the storage port
  if (workflow_key(known.name, known.version).size() > k_key_bytes_max)
    return fail(ErrorCode::invalid,
                "the workflow's name and version are too long together; the limit is about 1,000 bytes");
  PERDURE_TRY(all, core_.plans.workflows(known.name));
  for (const engine::WorkflowInfo& info : all) {
    if (info.version != known.version) continue;
    if (info.plan_hash == known.hash) return info;
    return fail(ErrorCode::conflict, "workflow '" + known.name + "' version '" + known.version +
                                         "' is registered with other content; give the file a new version");
  }
  const engine::WorkflowInfo info{known.name, known.version, known.hash, core_.clock->now_ms()};
  Bytes row(to_json(Value::object({{"hash", Value(info.plan_hash)}, {"registered_at", Value(info.registered_at)}})));
  Shard& shard = *core_.shards[0];
  auto kept = ask<Value>(shard, [&shard, entry, row, info](std::function<void(Result<Value>)> done) {
    shard.post(KeyMessage{plan_key(info.plan_hash), entry->plan->encoded, {}});
    shard.post(KeyMessage{workflow_key(info.name, info.version), row, std::move(done)});
  });
  if (!kept) return tl::unexpected<Error>(std::move(kept).error());
  entry->stored = true;
  return info;
}

Result<std::shared_ptr<const plan::Plan>> RuntimeEngine::workflow(const std::string& name, const std::string& version) {
  PERDURE_TRY(entry, core_.plans.by_name(name, version));
  return entry->plan;
}

Result<std::shared_ptr<const plan::Plan>> RuntimeEngine::plan(const std::string& hash) {
  PERDURE_TRY(entry, core_.plans.by_hash(hash));
  return entry->plan;
}

// ---- starting, waiting, watching ------------------------------------------------------------------------------------

Result<engine::Started> RuntimeEngine::start(engine::StartRequest request) {
  const auto slot = std::make_shared<AnswerSlot<engine::Started>>();
  const auto promise = std::make_shared<Promise<engine::Started>>(slot);
  start_async(std::move(request), [promise](Result<engine::Started> result) { promise->set(std::move(result)); });
  if (core_.options.manual)
    while (!slot->ready() && turn()) {}
  return slot->take(core_.options.manual);
}

void RuntimeEngine::start_async(engine::StartRequest request, std::function<void(Result<engine::Started>)> done) {
  if (stopped_) return done(tl::unexpected<Error>(shut_down()));
  auto entry = request.plan ? Result<PlanPtr>(core_.plans.adopt(std::move(request.plan)))
                            : core_.plans.by_name(request.workflow, request.version);
  if (!entry) return done(tl::unexpected<Error>(std::move(entry).error()));
  const PlanPtr plan = std::move(*entry);
  if (!plan->unavailable.empty()) return done(fail(ErrorCode::unsupported, plan->unavailable));
  if (const Status valid = check_id("the tenant", request.tenant); !valid)
    return done(tl::unexpected<Error>(valid.error()));
  const bool fresh = request.id.empty();
  if (fresh) request.id = make_id();
  else if (const Status valid = check_id("the run's id", request.id); !valid)
    return done(tl::unexpected<Error>(valid.error()));
  if (const Status fits = check_payload("the input", request.input); !fits)
    return done(tl::unexpected<Error>(fits.error()));
  auto input = decider::check_input(*plan->plan, request.input);
  if (!input) return done(tl::unexpected<Error>(std::move(input).error()));
  if (core_.requests.fetch_add(1) >= core_.options.requests_waiting) {
    core_.requests.fetch_sub(1);
    return done(fail(ErrorCode::exhausted, std::to_string(core_.options.requests_waiting) +
                                               " starts wait already (requests_waiting); try again later"));
  }
  auto info = std::make_shared<history::StartInfo>();
  info->workflow = plan->plan->name;
  info->version = plan->plan->version;
  info->plan_hash = plan->plan->hash;
  info->input = std::move(*input);
  info->run = RunKey{std::move(request.tenant), std::move(request.id)};
  info->detail = std::move(request.detail);
  put_start(
      plan, std::move(info), fresh,
      [this, done = std::move(done)](Result<engine::Started> started) {
        core_.requests.fetch_sub(1);
        done(std::move(started));
      },
      std::move(request.on_closed));
}

void RuntimeEngine::put_start(PlanPtr plan, std::shared_ptr<history::StartInfo> info, bool fresh,
                              std::function<void(Result<engine::Started>)> done,
                              std::function<void(const engine::Progress&)> on_closed) {
  if (info->seed == 0) info->seed = core_.random();
  Shard& shard = core_.shard_of(info->run);
  shard.post(StartMessage{std::move(plan), std::move(info), fresh, std::move(done), std::move(on_closed)});
}

Result<engine::RunView> RuntimeEngine::wait(const RunKey& run, bool until_idle, std::chrono::milliseconds at_most) {
  if (stopped_) return tl::unexpected<Error>(shut_down());
  Shard& shard = core_.shard_of(run);
  const auto slot = std::make_shared<AnswerSlot<engine::RunView>>();
  const auto interest = std::make_shared<std::atomic<std::uint64_t>>(0);
  const auto promise = std::make_shared<Promise<engine::RunView>>(slot);
  shard.post(CallMessage{[&shard, run, until_idle, promise, interest] {
    const auto arrived = [until_idle](const Run& r) {
      return r.commits_pending == 0 && r.state.info &&
             (history::is_closed(r.state.status) || (until_idle && is_idle(r.state) && r.inputs.empty()));
    };
    auto found = shard.find(run);
    if (!found) return promise->set(tl::unexpected<Error>(std::move(found).error()));
    if (arrived(**found)) return promise->set(run_view((*found)->state));
    interest->store(shard.add_interest(run, {0, false, [promise, arrived](const engine::Progress&, const Run& r) {
                                               if (!arrived(r)) return true;
                                               promise->set(run_view(r.state));
                                               return false;
                                             }}));
  }});
  if (core_.options.manual)
    while (!slot->ready() && turn()) {}
  if (!slot->wait(core_.options.manual ? std::chrono::milliseconds(0) : at_most)) {
    shard.post(CallMessage{[&shard, run, interest] { shard.drop_interest(run, interest->load()); }});
    return fail(ErrorCode::cancelled, "run '" + run.id + "' has not ended yet");
  }
  return slot->take(true);
}

namespace {

// Held while the watcher runs, so that ending the subscription waits for it; the watcher itself may end it.
struct Watched {
  std::recursive_mutex mutex;
  bool wanted = true;
};

class Watching final : public engine::Subscription {
 public:
  explicit Watching(std::shared_ptr<Watched> watched) : watched_(std::move(watched)) {}
  ~Watching() override {
    const std::lock_guard lock(watched_->mutex);
    watched_->wanted = false;  // the shard lets go of it at the run's next event
  }
  Watching(const Watching&) = delete;
  Watching& operator=(const Watching&) = delete;

 private:
  const std::shared_ptr<Watched> watched_;
};

}  // namespace

std::unique_ptr<engine::Subscription> RuntimeEngine::watch(const RunKey& run, engine::Watcher watcher) {
  Shard& shard = core_.shard_of(run);
  auto watched = std::make_shared<Watched>();
  shard.post(CallMessage{[&shard, run, watched, watcher = std::move(watcher)] {
    shard.add_interest(run, {0, true, [watched, watcher](const engine::Progress& progress, const Run&) {
                               const std::lock_guard lock(watched->mutex);
                               if (watched->wanted) watcher(progress);
                               return watched->wanted;
                             }});
  }});
  return std::make_unique<Watching>(std::move(watched));
}

// ---- reads ----------------------------------------------------------------------------------------------------------

Result<engine::RunView> RuntimeEngine::describe(const RunKey& run) {
  {
    const std::lock_guard lock(core_.quarantine_mutex);
    if (const auto found = core_.quarantined.find(run); found != core_.quarantined.end()) {
      engine::RunView view;
      view.run = run;
      view.status = history::to_string(history::RunStatus::quarantined);
      view.error = history::Fault{"corrupt", found->second.message, "", 0, "", 0, history::FaultClass::fatal, 0};
      return view;
    }
  }
  return look<engine::RunView>(run, [](const Run& r) { return Result<engine::RunView>(run_view(r.state)); });
}

bool RuntimeEngine::is_quarantined(const RunKey& run) {
  const std::lock_guard lock(core_.quarantine_mutex);
  return core_.quarantined.contains(run);
}

// The row of a run that can't be read may say what it was before: quarantine goes before the row.
Result<Value> RuntimeEngine::query(const RunKey& run, const std::string& name) {
  return look<Value>(run, [name](const Run& r) { return decider::run_query(*r.plan->plan, r.state, name); });
}

Result<std::vector<engine::ReviewView>> RuntimeEngine::reviews(const std::string& tenant) {
  const std::string prefix = "review/" + tenant + "/";
  std::vector<engine::ReviewView> all;
  std::string after;
  while (true) {
    PERDURE_TRY(page, core_.store->scan(prefix, after, k_page));
    for (const auto& [key, mark] : page) {
      auto open = look<std::vector<engine::ReviewView>>(RunKey{tenant, key.substr(prefix.size())}, [](const Run& r) {
        return Result<std::vector<engine::ReviewView>>(review_views(r.state));
      });
      if (!open) continue;  // ended and removed meanwhile, or quarantined: others are shown
      std::move(open->begin(), open->end(), std::back_inserter(all));
    }
    if (page.size() < k_page) return all;
    after = page.back().first;
  }
}

// ---- messages to runs -------------------------------------------------------------------------------------------------

namespace {
Status only_status(Result<Value> result) {
  if (result) return {};
  return tl::unexpected<Error>(std::move(result).error());
}
}  // namespace

Status RuntimeEngine::signal(const RunKey& run, const std::string& name, const Value& payload, const std::string& key) {
  Bytes json(to_json(payload));
  PERDURE_TRY_VOID(check_payload("the signal's payload", json));
  return only_status(tell(run, history::SignalReceived{name, std::move(json), key}));
}
Result<std::vector<RunKey>> RuntimeEngine::publish(const std::string& tenant, const Value& event) {
  if (stopped_) return tl::unexpected<Error>(shut_down());
  PERDURE_TRY_VOID(check_id("the tenant", tenant));
  PERDURE_TRY(whole, complete_event(event, make_id(), core_.clock->now_ms()));
  PERDURE_TRY_VOID(check_payload("the event", Bytes(to_json(whole))));
  const auto slot = std::make_shared<AnswerSlot<std::vector<RunKey>>>();
  publish_event(core_, tenant, whole,
                [promise = std::make_shared<Promise<std::vector<RunKey>>>(slot)](Result<std::vector<RunKey>> told) {
                  promise->set(std::move(told));
                });
  if (core_.options.manual)
    while (!slot->ready() && turn()) {}
  return slot->take(core_.options.manual);
}
Result<Value> RuntimeEngine::update(const RunKey& run, const std::string& name, const Value& argument,
                                    const std::string& id) {
  Bytes json(to_json(argument));
  PERDURE_TRY_VOID(check_payload("the update's argument", json));
  return tell(run, history::UpdateReceived{name, std::move(json), id});
}
Status RuntimeEngine::pause(const RunKey& run, const std::string& by, const std::string& reason) {
  return only_status(tell(run, history::PauseRequested{by, reason}));
}
Status RuntimeEngine::resume(const RunKey& run, const std::string& by, const std::string& reason) {
  return only_status(tell(run, history::ResumeRequested{by, reason}));
}
Status RuntimeEngine::cancel(const RunKey& run, const std::string& by, const std::string& reason) {
  return only_status(tell(run, history::CancelRequested{by, reason}));
}
Status RuntimeEngine::terminate(const RunKey& run, const std::string& by, const std::string& reason) {
  return only_status(tell(run, history::TerminateRequested{by, reason}));
}
Status RuntimeEngine::retry(const RunKey& run, const std::string& by, const std::string& reason) {
  return only_status(tell(run, history::RetryRequested{by, reason}));
}

Status RuntimeEngine::review(const RunKey& run, const engine::ReviewDecision& decision) {
  Shard& shard = core_.shard_of(run);
  return only_status(ask<Value>(shard, [&shard, run, decision](std::function<void(Result<Value>)> done) {
    auto found = shard.find(run);
    if (!found) return done(tl::unexpected<Error>(std::move(found).error()));
    const decider::State& state = (*found)->state;
    std::vector<engine::ReviewView> open = review_views(state);
    if (!decision.review.empty())
      std::erase_if(open, [&](const auto& r) { return r.id != decision.review && r.step != decision.review; });
    if (open.empty())
      return done(fail(ErrorCode::not_found, "run '" + run.id + "' has no open review" +
                                                 (decision.review.empty() ? "" : " '" + decision.review + "'")));
    if (open.size() > 1)
      return done(fail(ErrorCode::invalid, "run '" + run.id + "' has " + std::to_string(open.size()) +
                                               " open reviews; say which one, by its step or id"));
    history::ReviewDecided fact;
    fact.command = std::stoull(open.front().id);
    for (history::FrameId id = 0; id < state.frames.size(); ++id)
      if (state.frames[id].live && state.frames[id].command == fact.command) fact.frame = id;
    fact.approved = decision.approved;
    fact.reviewer = decision.reviewer;
    fact.comment = decision.comment;
    if (decision.data) fact.data = Bytes(to_json(*decision.data));
    shard.add_input(**found, std::move(fact), std::move(done));
  }));
}

// ---- making one -------------------------------------------------------------------------------------------------------

Result<std::unique_ptr<engine::Engine>> make_engine(std::shared_ptr<storage::Store> store, RuntimeOptions options) {
  auto made = std::make_unique<RuntimeEngine>(std::move(store), std::move(options));
  PERDURE_TRY_VOID(made->open());
  return std::unique_ptr<engine::Engine>(std::move(made));
}

bool turn(engine::Engine& engine) { return dynamic_cast<RuntimeEngine&>(engine).turn(); }

}  // namespace perdure::runtime
