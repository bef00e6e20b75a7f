#include "sim/world.h"

#include <algorithm>

#include "base/json.h"
#include "decider/decider.h"
#include "loaders/load.h"
#include "sim/machine.h"
#include "sim/program.h"

namespace perdure::sim {
namespace {

namespace h = history;

constexpr DurationMs k_day_ms = 86'400'000;

// A client's view of a run it started.
struct Client {
  std::shared_ptr<const plan::Plan> plan;
  bool acknowledged = false;
  std::uint32_t next_signal = 1;
  std::set<std::string> acknowledged_signals;
  std::map<std::string, std::string> updates;  // acknowledged: what was answered
  std::uint32_t next_update = 1;
};

class World {
 public:
  World(std::uint64_t seed, bool print)
      : print_(print),
        random_(seed),
        trace_(print),
        outside_(random_.fork(), judge_, trace_),
        machine_(random_.fork(), outside_, judge_, trace_) {
    outside_.on_fate = [this](const RunKey& run, Fate fate) {
      if (fate == Fate::refused) strike(Fault::refused, run);
      if (fate == Fate::lost_answer) strike(Fault::lost_answer, run);
      if (fate == Fate::hung) strike(Fault::hung, run);
    };
    machine_.on_failed_call = [this] { strike(Fault::failed_write); };
  }

  Outcome live() {
    write_programs();
    if (!judge_.failed()) machine_.boot();
    if (!judge_.failed()) register_workflows();
    const int operations = 40 + static_cast<int>(random_.below(120));
    for (int i = 0; i < operations && !judge_.failed(); ++i) operate();
    if (!judge_.failed()) converge();
    Outcome outcome;
    outcome.violation = judge_.first();
    outcome.trace_hash = trace_.hash();
    for (const auto& [run, reading] : readings_) {
      outcome.decisions += reading->batches;
      outcome.events += reading->last_seq;
    }
    outcome.runs = readings_.size();
    outcome.crashes = crashes_;
    outcome.coverage = coverage_;
    if (print_ && judge_.failed() && machine_.is_up()) print_histories();
    return outcome;
  }

 private:
  // ---- the machine ---------------------------------------------------------------------------------------------------

  void crash() {
    trace_.line("crash");
    ++crashes_;
    strike(Fault::crash);
    machine_.crash();
    checkpoint();
  }
  void shut_down() {
    trace_.line("shutdown");
    strike(Fault::shutdown);
    machine_.shut_down();
    checkpoint();
  }
  void after_call() {
    if (machine_.has_stopped() && !judge_.failed()) crash();
  }
  engine::Engine& engine() { return machine_.engine(); }

  // ---- programs ------------------------------------------------------------------------------------------------------

  std::shared_ptr<const plan::Plan> program(const ProgramRules& rules) {
    const std::string text = random_program(random_, rules);
    trace_.line(text);
    auto loaded = loaders::load_native(text, "program.yaml", {}, known_activities());
    if (!loaded.plan)
      judge_.violated(0,
                      "the generator wrote what does not load: " + loaders::render(loaded.diagnostics, false) + text);
    return loaded.plan;
  }
  void write_programs() {
    children_.push_back(program({"leaf", 1, {}}));
    children_.push_back(program({"child", 2, {"leaf"}}));
    for (std::uint32_t i = random_.between(1, 3); i > 0; --i)
      plans_.push_back(program({"w" + std::to_string(i), 3, {"leaf", "child"}}));
  }
  void register_workflows() {
    machine_.set_quiet(true);
    for (const auto& plan : children_)
      if (const auto done = engine().register_workflow(plan); !done) judge_.violated(0, done.error().message);
    machine_.set_quiet(false);
  }

  // ---- what clients and fate do --------------------------------------------------------------------------------------

  void operate() {
    const auto what = random_.below(1000);
    if (what < 260) engine_turns();
    else if (what < 420) outside_.answer_one();
    else if (what < 530) advance();
    else if (what < 610) start();
    else if (what < 830) message();
    else if (what < 870) machine_.stop_soon(random_.below(12));
    else if (what < 900) crash();
    else if (what < 910) shut_down();
    else if (what < 930) second_process();
    else if (what < 950) machine_.fill_disk(random_.below(30)), strike(Fault::full_disk);
    else if (what < 970) jump();
    else if (what < 985) machine_.settle();
    else checkpoint();
    after_call();
  }
  void engine_turns() {
    for (auto n = 1 + random_.below(4); n > 0 && runtime::turn(engine()); --n) {}
  }
  void advance() { machine_.pass(random_.chance(80) ? random_.below(3'000) : random_.below(30'000)); }
  void jump() {
    static constexpr DurationMs k_hour = 3'600'000, k_month = 30 * 24 * k_hour;
    const DurationMs by = random_.chance(50) ? k_hour : random_.chance(80) ? 60'000 : k_month;
    const bool back = random_.chance(50);
    trace_.line(back ? "clock back" : "clock ahead");
    strike(back ? Fault::clock_back : Fault::clock_ahead);
    machine_.clock().set(machine_.clock().now_ms() + (back ? -by : by));
    outside_.answer_overdue();
  }
  void second_process() {
    if (machine_.open_store()) judge_.violated(21, "a second process has opened the store");
  }

  static std::string input_of(const std::string& id) { return "{\"id\":\"" + id + "\"}"; }
  void start() {
    std::string id = "r" + std::to_string(clients_.size() + 1);
    if (!clients_.empty() && (clients_.size() >= 8 || random_.chance(15))) id = any_client();
    auto [at, fresh] = clients_.try_emplace(id);
    Client& client = at->second;
    if (fresh) client.plan = plans_[random_.below(plans_.size())];
    trace_.line("start " + id);
    engine::StartRequest request;
    request.id = id;
    request.plan = client.plan;
    request.input = Bytes(input_of(id));
    // The answer may come after this engine is gone, and then counts for nothing.
    engine().start_async(std::move(request), [this, id, life = machine_.lives()](Result<engine::Started> started) {
      if (life != machine_.lives() || machine_.has_stopped()) return;
      Client& of = clients_[id];
      if (!started) return judge_error("start of " + id, started.error());
      if (of.acknowledged && !started->existed) judge_.violated(24, "run " + id + " was started twice");
      of.acknowledged = true;
    });
  }
  const std::string& any_client() {
    auto at = clients_.begin();
    std::advance(at, random_.below(clients_.size()));
    return at->first;
  }
  // What a client may be told in bad times.
  static bool is_trouble(const Error& error) {
    return error.code == ErrorCode::io || error.code == ErrorCode::exhausted || error.code == ErrorCode::cancelled;
  }
  void judge_error(const std::string& what, const Error& error) {
    trace_.line(what + ": " + error.message);
    if (error.code == ErrorCode::corrupt || error.code == ErrorCode::internal || error.code == ErrorCode::lease_lost)
      judge_.violated(23, what + ": " + error.message);
  }

  void message() {
    if (clients_.empty()) return;
    const std::string id = any_client();
    Client& client = clients_[id];
    const RunKey run{"default", id};
    const auto what = random_.below(100);
    Status status;
    if (what < 35) signal(run, client);
    else if (what < 50) update(run, client);
    else if (what < 70) review();
    else if (what < 77) status = engine().pause(run, "sim", ""), strike(Fault::pause, run);
    else if (what < 86) status = engine().resume(run, "sim", "");
    else if (what < 89) status = engine().cancel(run, "sim", ""), strike(Fault::cancel, run);
    else if (what < 91) status = engine().terminate(run, "sim", ""), strike(Fault::terminate, run);
    else if (what < 94) status = engine().retry(run, "sim", "");
    else if (what < 95) restart(run, client);
    else if (what < 97) static_cast<void>(engine().describe(run));
    else static_cast<void>(engine().query(run, "n"));
    if (!status) judge_error("message to " + id, status.error());
  }
  // One sender, who goes on only when the one before was acknowledged, and sometimes repeats itself.
  void signal(const RunKey& run, Client& client) {
    const bool again = client.next_signal > 1 && random_.chance(20);
    const std::uint32_t number = again ? 1 + random_.below(client.next_signal - 1) : client.next_signal;
    const std::string key = "s" + std::to_string(number);
    const Status told = engine().signal(run, number % 4 == 0 ? "stop" : "go", Value(std::int64_t{number}), key);
    trace_.line("signal " + run.id + " " + key + (told ? "" : " " + told.error().message));
    if (machine_.has_stopped()) return;
    if (!told) return judge_error("signal", told.error());
    client.acknowledged_signals.insert(key);
    if (!again) ++client.next_signal;
  }
  void update(const RunKey& run, Client& client) {
    const bool again = client.next_update > 1 && random_.chance(20);
    const std::uint32_t number = again ? 1 + random_.below(client.next_update - 1) : client.next_update;
    const std::string id = "u" + std::to_string(number);
    const bool valid = number % 5 != 0;
    const auto told = engine().update(run, "bump", valid ? Value(std::int64_t{number % 4}) : Value("no"), id);
    trace_.line("update " + run.id + " " + id + (told ? "" : " " + told.error().message));
    if (machine_.has_stopped()) return;
    if (!told) {
      if (!valid && !again) ++client.next_update;
      return judge_error("update", told.error());
    }
    if (!valid) return judge_.violated(24, "update " + id + " was taken against its validator");
    const auto [known, fresh] = client.updates.try_emplace(id, to_json(*told));
    if (!fresh && known->second != to_json(*told))
      judge_.violated(24, "update " + id + " was answered " + known->second + " and then " + to_json(*told));
    if (!again) ++client.next_update;
  }
  void review() {
    const auto open = engine().reviews("default");
    if (!open || open->empty()) return;
    decide_review((*open)[random_.below(open->size())], random_.chance(75));
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

  // ---- looking -------------------------------------------------------------------------------------------------------

  void strike(Fault fault) { struck_.insert(fault); }
  void strike(Fault fault, const RunKey& run) { struck_runs_.insert({run, fault}); }
  void cover(const RunKey& run, const Reading& reading) {
    const auto mark = [&](Fault fault) {
      for (const decider::Frame& frame : reading.state.frames) {
        if (!frame.live) continue;
        ++coverage_
              .cells[static_cast<std::size_t>(reading.plan->nodes[frame.node].kind)][static_cast<std::size_t>(fault)];
        if (frame.phase == decider::Phase::compensating) ++coverage_.compensating[static_cast<std::size_t>(fault)];
      }
    };
    for (const Fault fault : struck_) mark(fault);
    for (const auto& [of, fault] : struck_runs_)
      if (of == run) mark(fault);
  }

  // The store has recovered from whatever it met, and the engine has nothing left to do at this instant.
  bool is_well() {
    machine_.settle();
    const Status told = engine().signal({"default", "nobody"}, "x", Value(), "");
    if (!told) trouble_ = told.error().message;
    machine_.settle();
    return !told && told.error().code == ErrorCode::not_found;
  }
  void checkpoint() {
    if (judge_.failed()) return;
    trace_.line("checkpoint");
    const bool was_quiet = machine_.set_quiet(true);
    for (int tries = 0; !is_well() && !judge_.failed(); ++tries) {
      if (tries == 60) return judge_.violated(2, "the store does not recover: " + trouble_);
      machine_.pass(1'000);
    }
    look();
    machine_.set_quiet(was_quiet);
    struck_.clear();
    struck_runs_.clear();
  }

  void look() {
    if (judge_.failed()) return;
    const auto doctor = engine().doctor();
    if (!doctor) return judge_.violated(14, "the doctor fails: " + doctor.error().message);
    if (!doctor->clean) return judge_.violated(14, "the doctor finds: " + doctor->findings.front());
    engine::ListRequest request;
    request.limit = 1000;
    const auto list = engine().list(request);
    if (!list) return judge_.violated(32, "the list fails: " + list.error().message);
    std::set<std::string> listed;
    for (const engine::RunSummary& row : list->runs) {
      listed.insert(row.run.id);
      look_at(row);
      if (judge_.failed()) return;
    }
    for (const auto& [id, client] : clients_)
      if (client.acknowledged && !listed.contains(id))
        return judge_.violated(1, "run " + id + " was acknowledged and is gone");
    for (const auto& [effect, attempts] : outside_.attempts())
      for (const std::uint32_t attempt : attempts)
        if (!listed.contains(effect.first.id) || !readings_[effect.first]->attempts.contains({effect.second, attempt}))
          return judge_.violated(23, "attempt " + std::to_string(attempt) + " of " + to_string(effect.first) + " #" +
                                         std::to_string(effect.second) + " was handed out and is not in the history");
  }
  void look_at(const engine::RunSummary& row) {
    const auto view = engine().describe(row.run);
    if (!view) return judge_.violated(32, "run " + row.run.id + " is listed, but " + view.error().message);
    if (view->status == "quarantined")
      return judge_.violated(7, "run " + row.run.id + " is quarantined: " + (view->error ? view->error->title : ""));
    if (view->status != row.status)
      return judge_.violated(32, "run " + row.run.id + " is " + view->status + " and listed as " + row.status);
    const auto known = readings_.find(row.run);
    if (known != readings_.end()) cover(row.run, *known->second);
    // Read before, and nothing has come since. After a crash everything is read anew.
    if (known != readings_.end() && known->second->last_seq == view->events &&
        known->second->seen_in == machine_.lives())
      return look_at_messages(row.run, *known->second);
    const auto entries = engine().history(row.run, 1, 1'000'000);
    if (!entries) return judge_.violated(7, "run " + row.run.id + " has no history: " + entries.error().message);
    Earlier& before = earlier_[row.run];
    const auto plan = engine().plan(view->plan_hash);
    if (!plan) return judge_.violated(7, "run " + row.run.id + " has lost its plan: " + plan.error().message);
    const auto reading = read_history(row.run, *entries, *plan, before, judge_);
    reading->seen_in = machine_.lives();
    readings_[row.run] = reading;
    cover(row.run, *reading);
    before = {reading->last_seq, reading->prefix_hash};
    if (judge_.failed()) return;
    if (std::string(h::to_string(decider::visible_status(reading->state))) != view->status)
      return judge_.violated(7, "run " + row.run.id + " is " + view->status + ", its history says otherwise");
    const auto replay = engine().replay(row.run);
    if (!replay) return judge_.violated(7, "run " + row.run.id + " does not replay: " + replay.error().message);
    reading->batches = replay->batches;
    if (!replay->matches) return judge_.violated(7, "run " + row.run.id + ": " + replay->differences.front());
    look_at_messages(row.run, *reading);
  }
  void look_at_messages(const RunKey& run, const Reading& reading) {
    const auto found = clients_.find(run.id);
    if (found == clients_.end()) return;
    const Client& client = found->second;
    std::set<std::string> signals(reading.signal_keys.begin(), reading.signal_keys.end());
    for (const std::string& key : client.acknowledged_signals)
      if (!signals.contains(key))
        judge_.violated(16, "run " + run.id + ": signal " + key + " was acknowledged and is gone");
    std::uint64_t last = 0;
    for (const std::string& key : reading.signal_keys) {
      const std::uint64_t number = std::stoull(key.substr(1));
      if (key[0] == 's' && number < last) judge_.violated(16, "run " + run.id + ": signal " + key + " is out of order");
      if (key[0] == 's') last = number;
    }
    std::set<std::string> updates(reading.update_ids.begin(), reading.update_ids.end());
    for (const auto& [id, answer] : client.updates)
      if (!updates.contains(id))
        judge_.violated(23, "run " + run.id + ": update " + id + " was acknowledged and is gone");
  }

  void print_histories() {
    for (const auto& [run, reading] : readings_) {
      const auto entries = engine().history(run, 1, 1'000'000);
      if (!entries) continue;
      for (const engine::HistoryEntry& entry : *entries) {
        Value shown = h::to_value(entry.event, entry.seq, entry.at);
        if (const Value* node = shown.find("node"); node != nullptr && node->is_integer())
          shown.set("node", reading->plan->nodes[static_cast<std::size_t>(node->as_int())].name);
        std::fprintf(stderr, "%s %s\n", run.id.c_str(), to_json(shown).substr(0, 300).c_str());
      }
    }
  }

  // ---- the second phase ----------------------------------------------------------------------------------------------

  void converge() {
    trace_.line("converge");
    machine_.end_faults();
    outside_.wild = false;
    checkpoint();
    DurationMs step = 1'000;
    std::vector<engine::RunSummary> open;
    for (int round = 0; round < 400 && !judge_.failed(); ++round) {
      machine_.settle();
      outside_.answer_all();
      machine_.settle();
      open = open_runs();
      if (open.empty() && outside_.held() == 0) break;
      for (const engine::RunSummary& row : open) help(row);
      machine_.pass(step);
      step = round < 100 ? 1'000 : std::min<DurationMs>(step * 2, k_day_ms);
    }
    if (judge_.failed()) return;
    checkpoint();
    if (!open.empty()) return judge_stuck(open.front());
    judge_ledger();
    if (!judge_.failed() && random_.chance(30)) {
      crash();  // and all of it is still there
      machine_.settle();
      judge_ledger();
    }
  }
  std::vector<engine::RunSummary> open_runs() {
    engine::ListRequest request;
    request.limit = 1000;
    std::vector<engine::RunSummary> open;
    auto list = engine().list(request);
    if (!list) return open;
    for (engine::RunSummary& row : list->runs)
      if (row.closed_at == 0) open.push_back(std::move(row));
    return open;
  }
  void help(const engine::RunSummary& row) {
    const auto view = engine().describe(row.run);
    if (!view) return;
    if (view->status == "paused") static_cast<void>(engine().resume(row.run, "sim", ""));
    for (const engine::ReviewView& review : view->reviews) decide_review(review, true);
    for (const std::string& what : view->waiting_for) {
      if (!what.starts_with("signal ")) continue;
      const std::string name = what.substr(7, what.find(' ', 7) - 7);
      static_cast<void>(engine().signal(row.run, name, Value(1), ""));
    }
  }
  void judge_stuck(const engine::RunSummary& row) {
    const auto view = engine().describe(row.run);
    std::string text =
        "run " + row.run.id + " does not end at " + format_timestamp(machine_.clock().now_ms()) + ": " + row.status;
    if (view)
      for (const std::string& what : view->waiting_for) text += "; waits for " + what;
    judge_.violated(2, text);
  }
  // After an abort nothing is in effect that could have been undone.
  void judge_ledger() {
    for (const auto& [run, reading] : readings_) {
      const auto status = reading->state.status;
      const bool aborted =
          status == h::RunStatus::failed || status == h::RunStatus::cancelled || status == h::RunStatus::timed_out;
      if (status == h::RunStatus::compensation_failed)
        return judge_.violated(18, "run " + run.id + " could not be undone, though all undoing works in the end");
      if (!aborted) continue;
      const auto left = in_force(run, *reading, outside_);
      if (!left.empty())
        return judge_.violated(20, "run " + run.id + " is " + std::string(h::to_string(status)) + " and effect #" +
                                       std::to_string(left.front()) + " is still there");
      if (reading->last_pivot != 0) continue;
      for (const std::string& child : reading->waited_children) {
        const auto found = readings_.find({run.tenant, child});
        if (found == readings_.end() || found->second->state.status != h::RunStatus::completed) continue;
        if (!in_force(found->first, *found->second, outside_).empty())
          return judge_.violated(20, "run " + run.id + " is " + std::string(h::to_string(status)) +
                                         " and effects of its child " + child + " are still there");
      }
    }
  }

  bool print_;
  Random random_;
  Judge judge_;
  Trace trace_;
  Outside outside_;
  Machine machine_;
  std::uint64_t crashes_ = 0;
  std::string trouble_;

  std::vector<std::shared_ptr<const plan::Plan>> plans_, children_;
  std::map<std::string, Client> clients_;
  std::map<RunKey, std::shared_ptr<Reading>> readings_;
  std::map<RunKey, Earlier> earlier_;
  std::set<Fault> struck_;
  std::set<std::pair<RunKey, Fault>> struck_runs_;
  Coverage coverage_;
};

}  // namespace

Outcome live(std::uint64_t seed, bool print_trace) { return World(seed, print_trace).live(); }

}  // namespace perdure::sim
