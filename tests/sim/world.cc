#include "sim/world.h"

#include <algorithm>

#include "base/json.h"
#include "decider/state.h"
#include "loaders/load.h"
#include "sim/flow_program.h"
#include "sim/look.h"
#include "sim/machine.h"

namespace perdure::sim {
namespace {

namespace h = history;

constexpr DurationMs k_hour_ms = 3'600'000;

class World {
 public:
  World(const Scenario& scenario, bool print)
      : scenario_(scenario),
        settings_(scenario.settings),
        print_(print),
        trace_(print),
        outside_(settings_, judge_, trace_),
        machine_(settings_, outside_, judge_, trace_),
        inspector_(settings_, machine_, outside_, clients_, judge_) {
    outside_.on_fate = [this](const RunKey& run, Fate fate) {
      if (fate == Fate::refused) inspector_.strike(Fault::refused, run);
      if (fate == Fate::lost_answer) inspector_.strike(Fault::lost_answer, run);
      if (fate == Fate::hung) inspector_.strike(Fault::hung, run);
    };
    machine_.on_failed_call = [this] { inspector_.strike(Fault::failed_write); };
  }

  Outcome live() {
    load_programs();
    machine_.set_roll(settings_.seed, false);
    if (!judge_.failed()) machine_.boot();
    if (!judge_.failed()) register_workflows();
    for (const Operation& operation : scenario_.operations) {
      if (judge_.failed()) break;
      operate(operation);
    }
    if (!judge_.failed()) converge();
    if (print_ && judge_.failed() && machine_.is_up()) print_histories();
    return outcome();
  }

 private:
  Outcome outcome() const {
    Outcome outcome;
    outcome.violation = judge_.first();
    outcome.operations = operations_;
    outcome.trace_hash = trace_.hash();
    for (const auto& [run, check] : inspector_.runs()) {
      if (!check) continue;
      outcome.steps += check->reading().batches;
      outcome.events += check->reading().last_seq;
      outcome.partial_runs += check->reading().whole ? 0 : 1;
    }
    outcome.runs = inspector_.runs().size();
    outcome.crashes = crashes_;
    outcome.rots = rots_;
    outcome.rots_told = rots_told_;
    outcome.coverage = inspector_.coverage();
    return outcome;
  }

  // ---- programs ------------------------------------------------------------------------------------------------------

  void load_programs() {
    for (const Program& program : scenario_.children) children_.push_back(load(program));
    for (const Program& program : scenario_.programs) plans_.push_back(load(program));
  }
  std::shared_ptr<const plan::Plan> load(const Program& program) {
    trace_.line(program.text);
    auto loaded = loaders::load(program.text, program.name, {}, known_activities());
    if (!loaded.plan)
      judge_.violated(0, "a program does not load: " + loaders::render(loaded.diagnostics, false) + program.text);
    return loaded.plan;
  }
  void register_workflows() {
    machine_.set_quiet(true);
    for (const auto& plan : children_)
      if (const auto done = engine().register_workflow(plan); !done) judge_.violated(0, done.error().message);
  }

  // ---- what clients and fate do --------------------------------------------------------------------------------------

  engine::Engine& engine() { return machine_.engine(); }

  void operate(const Operation& operation) {
    ++operations_;
    trace_.line("-- " + std::to_string(operations_) + " " + std::string(to_string(operation.act)));
    random_ = Random(operation.roll);
    machine_.set_roll(operation.roll, operation.quiet);
    carry_out(operation.act);
    if (judge_.failed()) return;
    if (machine_.has_stopped()) crash();
    // What is compacted or removed later must have been read before.
    if (settings_.compact_over_events != 0 || settings_.retention_ms != 0) look_at_what_is_new();
  }
  void carry_out(Act act) {
    switch (act) {
      case Act::turns: return take_turns();
      case Act::settle: return machine_.settle();
      case Act::answer: return outside_.answer_one(random_);
      case Act::answers: return answer_some();
      case Act::advance: return machine_.pass(random_.chance(80) ? random_.below(3'000) : random_.below(30'000));
      case Act::jump: return jump();
      case Act::start: return start();
      case Act::stop_soon: return machine_.stop_soon(random_.below(12));
      case Act::crash: return crash();
      case Act::shutdown: return shut_down();
      case Act::second_process: return second_process();
      case Act::fill_disk: return machine_.fill_disk(random_.below(30)), inspector_.strike(Fault::full_disk);
      case Act::checkpoint: return checkpoint(Depth::usual);
      case Act::rot: return rot();
      default: return message(act);
    }
  }
  void take_turns() {
    for (auto n = 1 + random_.below(4); n > 0 && runtime::turn(engine()); --n) {}
  }
  void answer_some() {
    outside_.answer_some(random_);
    machine_.settle();
  }
  void jump() {
    static constexpr DurationMs k_month = 30 * 24 * k_hour_ms;
    const DurationMs by = random_.chance(50) ? k_hour_ms : random_.chance(80) ? 60'000 : k_month;
    const bool back = random_.chance(50);
    trace_.line(back ? "clock back" : "clock ahead");
    inspector_.strike(back ? Fault::clock_back : Fault::clock_ahead);
    machine_.clock().set(machine_.clock().now_ms() + (back ? -by : by));
    if (back) outside_.clock_set_back();
    outside_.answer_overdue();
  }
  void second_process() {
    if (machine_.open_store()) judge_.violated(21, "a second process has opened the store");
  }
  void crash() {
    trace_.line("crash");
    ++crashes_;
    inspector_.strike(Fault::crash);
    machine_.crash();
    judge_refused();
    checkpoint(Depth::usual);
  }
  void judge_refused() {
    const bool was_quiet = machine_.set_quiet(true);
    if (!judge_.failed()) inspector_.look_for_ends(std::exchange(refused_, {}));
    machine_.set_quiet(was_quiet);
  }
  void shut_down() {
    trace_.line("shutdown");
    inspector_.strike(Fault::shutdown);
    machine_.shut_down();
    checkpoint(Depth::usual);
  }
  // Found, or of no consequence; and once the byte is right again all is well.
  void rot() {
    ++rots_;
    ++crashes_;
    inspector_.strike(Fault::crash);
    machine_.set_quiet(true);
    const auto where = machine_.crash_and_rot(random_);
    if (!where) {
      ++rots_told_;
      trace_.line("damage is told: " + where.error().message);
      if (where.error().code != ErrorCode::corrupt && where.error().code != ErrorCode::unsupported)
        judge_.violated(6, "damage is taken for something else: " + where.error().message);
    } else if (!where->empty() && machine_.is_up()) {
      machine_.settle();
      const std::uint64_t before = inspector_.damage_seen();
      inspector_.look_at_damage(*where);
      rots_told_ += inspector_.damage_seen() > before ? 1 : 0;
    }
    if (judge_.failed()) return;
    machine_.crash_and_restore();
    checkpoint(Depth::usual);
  }

  void start() {
    std::string id = "r" + std::to_string(clients_.size() + 1);
    // An id whose run was removed is free, so that a second start would be another run.
    const bool again = settings_.retention_ms == 0 && random_.chance(15);
    if (!clients_.empty() && (clients_.size() >= settings_.runs_max || again)) id = any_client();
    if (settings_.retention_ms != 0 && clients_.contains(id)) return;
    auto [at, fresh] = clients_.try_emplace(id);
    Client& client = at->second;
    if (fresh) client.plan = plans_[random_.below(plans_.size())];
    trace_.line("start " + id);
    engine::StartRequest request;
    request.id = id;
    request.plan = client.plan;
    request.input = Bytes("{\"id\":\"" + id + "\"}");
    // The answer may come after this engine is gone, and then counts for nothing.
    engine().start_async(std::move(request),
                         [this, id, life = machine_.lives()](const Result<engine::Started>& started) {
                           if (life != machine_.lives() || machine_.has_stopped()) return;
                           Client& of = clients_[id];
                           if (!started) return judge_error("start of " + id, started.error());
                           if (of.acknowledged && !started->existed)
                             judge_.violated(24, "run " + id + " was started twice");
                           of.acknowledged = true;
                         });
  }
  const std::string& any_client() {
    auto at = clients_.begin();
    std::advance(at, random_.below(clients_.size()));
    return at->first;
  }
  // What a client may be told in bad times.
  void judge_error(const std::string& what, const Error& error, const RunKey& run = {}) {
    trace_.line(what + ": " + error.message);
    if (error.message.ends_with("nothing more can be sent to it") && !machine_.has_stopped()) refused_.push_back(run);
    if (error.code == ErrorCode::corrupt || error.code == ErrorCode::internal || error.code == ErrorCode::lease_lost)
      judge_.violated(23, what + ": " + error.message);
  }

  void message(Act act) {
    if (clients_.empty()) return;
    const std::string id = any_client();
    Client& client = clients_[id];
    const RunKey run{"default", id};
    Status status;
    switch (act) {
      case Act::signal: return signal(run, client);
      case Act::update: return update(run, client);
      case Act::review: return review();
      case Act::publish: return publish();
      case Act::restart: return restart(run, client);
      case Act::query: return query(run);
      case Act::pause: status = engine().pause(run, "sim", ""), inspector_.strike(Fault::pause, run); break;
      case Act::resume: status = engine().resume(run, "sim", ""); break;
      case Act::cancel: status = engine().cancel(run, "sim", ""), inspector_.strike(Fault::cancel, run); break;
      case Act::terminate: return terminate(run);
      default: status = engine().retry(run, "sim", ""); break;
    }
    if (!status) judge_error("message to " + id, status.error(), run);
  }
  // What is out answers a run that has gone on without it, when it is retried at once.
  void terminate(const RunKey& run) {
    inspector_.strike(Fault::terminate, run);
    Status status = engine().terminate(run, "sim", "");
    if (status && random_.chance(50)) status = engine().retry(run, "sim", "");
    if (!status) judge_error("message to " + run.id, status.error(), run);
  }
  // One sender, who goes on only when the one before was acknowledged, and sometimes repeats itself.
  void signal(const RunKey& run, Client& client) {
    const bool again = client.next_signal > 1 && random_.chance(20);
    const std::uint32_t number = again ? 1 + random_.below(client.next_signal - 1) : client.next_signal;
    const std::string key = "s" + std::to_string(number);
    const Status told = engine().signal(run, number % 4 == 0 ? "stop" : "go", Value(std::int64_t{number}), key);
    trace_.line("signal " + run.id + " " + key + (told ? "" : " " + told.error().message));
    if (machine_.has_stopped()) return;
    if (!told) return judge_error("signal", told.error(), run);
    client.acknowledged_signals.insert(key);
    if (!again) ++client.next_signal;
  }
  void update(const RunKey& run, Client& client) {
    const bool again = client.next_update > 1 && random_.chance(20);
    const std::uint32_t number = again ? 1 + random_.below(client.next_update - 1) : client.next_update;
    const std::string id = "u" + std::to_string(number);
    const bool valid = number % 3 != 2;
    const auto told = engine().update(run, "bump", valid ? Value(std::int64_t{number % 4}) : Value("no"), id);
    trace_.line("update " + run.id + " " + id + (told ? "" : " " + told.error().message));
    if (machine_.has_stopped()) return;
    if (!told) {
      if (!valid && !again) ++client.next_update;
      return judge_error("update", told.error(), run);
    }
    if (!valid) return judge_.violated(24, "update " + id + " was taken against its validator");
    const auto [known, fresh] = client.updates.try_emplace(id, to_json(*told));
    if (!fresh && known->second != to_json(*told))
      judge_.violated(24, "update " + id + " was answered " + known->second + " and then " + to_json(*told));
    if (!again) ++client.next_update;
  }
  void publish() {
    static constexpr const char* k_types[] = {"a", "b", "c"};
    if (published_ == 0 || !random_.chance(15)) ++published_;
    const char* type = k_types[random_.below(3)];
    publish(type, 1 + random_.below(2), "e" + std::to_string(published_));
  }
  // Who recorded it has it for good, once.
  void publish(const std::string& type, std::int64_t key, const std::string& id) {
    Value event = Value::object({{"type", type}, {"source", "/sim"}, {"id", id}});
    event.set("data", Value::object({{"k", Value(key)}, {"v", Value(static_cast<std::int64_t>(published_))}}));
    const auto told = engine().publish("default", event);
    trace_.line("publish " + id + (told ? " to " + std::to_string(told->size()) : " " + told.error().message));
    if (machine_.has_stopped()) return;
    if (!told) return judge_error("event", told.error());
    for (const RunKey& run : *told) told_.emplace_back(run, "/sim " + id, std::nullopt);
    // And whoever may want it has been told.
    for (const auto& [run, check] : inspector_.runs())
      if (check && !check->reading().ended && may_listen_for(*check->reading().plan, type))
        told_.emplace_back(run, "/sim " + id, check->reading().ends);
  }
  void judge_told() {
    for (auto& [run, id, ends] : std::exchange(told_, {})) {
      const auto found = inspector_.runs().find(run);
      if (found == inspector_.runs().end() || !found->second || !found->second->reading().whole) continue;
      const Reading& reading = found->second->reading();
      if (!reading.ended && (!ends || *ends == reading.ends) && !reading.events.contains(id))
        judge_.violated(16, "run " + run.id + ": event " + id + " was acknowledged and is not there");
    }
  }
  void review() {
    const auto open = engine().reviews("default");
    if (!open || open->empty()) return;
    const bool approved = random_.chance(75);
    decide_review((*open)[random_.below(open->size())], approved);
  }
  void decide_review(const engine::ReviewView& view, bool approved) {
    engine::ReviewDecision decision;
    decision.review = view.id;
    decision.approved = approved;
    decision.reviewer = view.approvals.empty() ? "ann" : view.approvals.front() == "ann" ? "bob" : "ann";
    static_cast<void>(engine().review(view.run, decision));
  }
  void restart(const RunKey& run, const Client& client) {
    const auto& children = client.plan->nodes[0].children;
    engine::RestartRequest request;
    request.from = run;
    request.step = client.plan->nodes[children[random_.below(children.size())]].name;
    const auto restarted = engine().restart(request);
    if (!restarted) return judge_error("restart", restarted.error());
    trace_.line("restarted as " + restarted->run.id);
  }
  void query(const RunKey& run) {
    if (random_.chance(50)) static_cast<void>(engine().describe(run));
    else static_cast<void>(engine().query(run, "n"));
  }

  // ---- looking -------------------------------------------------------------------------------------------------------

  // The store has recovered from whatever it met, and the engine has nothing left to do at this instant.
  bool is_well() {
    machine_.settle();
    if (machine_.has_missed_reads()) machine_.pass(1'000);
    const Status told = engine().signal({"default", "nobody"}, "x", Value(), "");
    if (!told) trouble_ = told.error().message;
    machine_.settle();
    return !told && told.error().code == ErrorCode::not_found;
  }
  void checkpoint(Depth depth) {
    if (judge_.failed()) return;
    trace_.line("checkpoint");
    const bool was_quiet = machine_.set_quiet(true);
    for (int tries = 0; !is_well() && !judge_.failed(); ++tries) {
      if (tries == 60) return judge_.violated(2, "the store does not recover: " + trouble_);
      machine_.pass(1'000);
    }
    inspector_.look(depth);
    judge_told();
    refused_.clear();
    judge_rest();
    outside_.all_durable();
    machine_.set_quiet(was_quiet);
  }
  // The engine is at rest, and has looked at its clock: what is due has come.
  void judge_rest() {
    constexpr int k_tries =
        12;  // a read that failed is done again; who waits may have begun to after the clock was set
    for (int tries = 0; tries < k_tries && !judge_.failed() && inspector_.late(); ++tries) {
      machine_.pass(1'000);
      if (is_well()) inspector_.look(Depth::new_events);
    }
    if (judge_.failed()) return;
    if (const auto late = inspector_.late()) judge_.violated(13, *late);
  }
  void look_at_what_is_new() {
    if (judge_.failed()) return;
    const bool was_quiet = machine_.set_quiet(true);
    if (is_well()) inspector_.look(Depth::new_events);
    machine_.set_quiet(was_quiet);
  }

  void print_histories() {
    for (const auto& [run, check] : inspector_.runs()) {
      const auto entries = engine().history(run, 1, 1'000'000);
      if (!entries || !check) continue;
      for (const engine::HistoryEntry& entry : *entries) {
        Value shown = h::to_value(entry.event, entry.seq, entry.at);
        if (const Value* node = shown.find("node"); node != nullptr && node->is_integer())
          shown.set("node", check->reading().plan->nodes[static_cast<std::size_t>(node->as_int())].name);
        std::fprintf(stderr, "%s %s\n", run.id.c_str(), to_json(shown).substr(0, 300).c_str());
      }
    }
  }

  // ---- the second phase ----------------------------------------------------------------------------------------------

  void converge() {
    trace_.line("converge");
    machine_.end_faults();
    outside_.wild = false;
    checkpoint(Depth::usual);
    DurationMs step = 1'000;
    std::vector<engine::RunSummary> open;
    for (int round = 0; round < 2'000 && !judge_.failed(); ++round) {
      machine_.settle();
      outside_.answer_all();
      machine_.settle();
      if (settings_.compact_over_events != 0 || settings_.retention_ms != 0) look_at_what_is_new();
      open = open_runs();
      if (open.empty() && outside_.held() == 0) break;
      for (const engine::RunSummary& row : open) help(row);
      if (settings_.retention_ms != 0) look_at_what_is_new();  // they may have closed, and be removed soon
      machine_.pass(step);
      // In the end by days: the clock may have been set back by months.
      if (round > 10) step = std::min<DurationMs>(step + step / 4, round > 1'500 ? 24 * k_hour_ms : k_hour_ms);
    }
    if (judge_.failed()) return;
    checkpoint(Depth::all);
    if (judge_.failed()) return;
    if (!open.empty()) return judge_stuck(open.front());
    inspector_.judge_ledger();
    if (judge_.failed() || settings_.crash_at_end == 0) return;
    ++crashes_;
    machine_.crash();  // and all of it is still there
    checkpoint(Depth::all);
    inspector_.judge_ledger();
  }
  std::vector<engine::RunSummary> open_runs() {
    std::vector<engine::RunSummary> open;
    auto list = list_all(engine());
    if (!list) return open;
    for (engine::RunSummary& row : *list)
      if (row.closed_at == 0) open.push_back(std::move(row));
    return open;
  }
  // A run at work goes on by itself, now that activities answer. One that waited for nobody is looked at less often.
  void help(const engine::RunSummary& row) {
    if (row.status == "paused") static_cast<void>(engine().resume(row.run, "sim", ""));
    if (row.status != "waiting") return;
    Patience& patience = patience_[row.run];
    if (patience.left > 0) return static_cast<void>(--patience.left);
    const auto view = engine().describe(row.run);
    if (!view) return;
    patience.rounds = patience.left = std::min(2 * patience.rounds + 1, 15);
    if (!view->reviews.empty()) patience = {};
    for (const engine::ReviewView& review : view->reviews) decide_review(review, true);
    for (const std::string& what : view->waiting_for) {
      const bool event = what.starts_with("event ");
      if (!event && !what.starts_with("signal ")) continue;
      patience = {};
      if (event) {
        help_listeners();
        continue;
      }
      const std::string name = what.substr(7, what.find(' ', 7) - 7);
      static_cast<void>(engine().signal(row.run, name, Value(1), ""));
    }
  }
  void help_listeners() {
    for (const char* type : {"a", "b", "c"})
      for (const std::int64_t key : {1, 2}) publish(type, key, "e" + std::to_string(++published_));
  }
  void judge_stuck(const engine::RunSummary& row) {
    const auto view = engine().describe(row.run);
    std::string text =
        "run " + row.run.id + " does not end at " + format_timestamp(machine_.clock().now_ms()) + ": " + row.status;
    if (view)
      for (const std::string& what : view->waiting_for) text += "; waits for " + what;
    judge_.violated(2, text);
  }

  const Scenario& scenario_;
  const Settings& settings_;
  bool print_;
  Random random_{0};
  Judge judge_;
  Trace trace_;
  Outside outside_;
  Machine machine_;
  std::size_t operations_ = 0;
  std::uint64_t crashes_ = 0, rots_ = 0, rots_told_ = 0;
  std::string trouble_;
  struct Patience {
    int rounds = 0, left = 0;
  };
  std::map<RunKey, Patience> patience_;
  std::uint64_t published_ = 0;
  // Events that runs have acknowledged, or may want unless they ended more often than that; not looked for yet.
  std::vector<std::tuple<RunKey, std::string, std::optional<std::uint32_t>>> told_;
  std::vector<RunKey> refused_;  // messages to them, because they had ended; not looked for yet
  std::vector<std::shared_ptr<const plan::Plan>> plans_, children_;
  Clients clients_;
  Inspector inspector_;
};

}  // namespace

Outcome live(const Scenario& scenario, bool print_trace) { return World(scenario, print_trace).live(); }

}  // namespace perdure::sim
