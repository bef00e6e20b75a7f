// Random plans and random facts, from fixed seeds. After every decision: the state is the fold of the events, a
// snapshot brings it back, the doctor finds nothing. When the facts behave again every run ends; after an abort the
// ledger of effects is empty; what a scope undoes it undoes in reverse; the terminal event is the last; the whole
// history replays. A second test reads snapshots with flipped and missing bytes and drives what it got.
#include <gtest/gtest.h>

#include <map>
#include <set>
#include <string>

#include "base/json.h"
#include "decider/decider.h"
#include "loaders/load.h"

namespace perdure::decider {
namespace {

namespace h = history;

struct Random {
  std::uint64_t state;
  std::uint64_t next() {
    std::uint64_t x = (state += 0x9e3779b97f4a7c15ULL);
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebULL;
    return x ^ (x >> 31);
  }
  std::uint32_t below(std::uint32_t n) { return static_cast<std::uint32_t>(next() % n); }
  bool chance(std::uint32_t percent) { return below(100) < percent; }
};

// A workflow in the native dialect, in flow style so that nesting needs no indentation.
class Generator {
 public:
  explicit Generator(Random& random) : random_(random) {}
  std::string workflow() {
    std::string out = "name: w\ncontext: {go: true}\n";
    out += random_.chance(60) ? "defaults: {retry: {max_attempts: 3, initial: 1s, jitter: none}}\n"
                              : "defaults: {retry: none}\n";
    if (random_.chance(30)) out += "limits: {parallel: " + std::to_string(1 + random_.below(3)) + "}\n";
    else if (random_.chance(20)) out += "limits: {timeout: 40s}\n";
    out += "steps: " + list(3, random_.chance(25)) + "\n";
    return out;
  }

 private:
  std::string id() { return "s" + std::to_string(++count_); }
  std::string list(int depth, bool dag = false) {
    std::string out = "[";
    std::vector<std::string> before;
    const auto n = 1 + random_.below(depth > 1 ? 4 : 2);
    for (std::uint32_t i = 0; i < n; ++i) {
      const std::string name = id();
      std::string extra;
      if (dag && !before.empty() && random_.chance(70))
        extra = ", depends_on: [" + before[random_.below(static_cast<std::uint32_t>(before.size()))] + "]";
      before.push_back(name);
      out += (i == 0 ? "" : ", ") + std::string("{id: ") + name + ", " + body(depth) + extra + "}";
    }
    return out + "]";
  }
  std::string activity() {
    std::string out = "call: shell, with: {argv: [x]}";
    if (random_.chance(60)) out += ", compensation: {call: shell, with: {argv: [undo]}}";
    return out;
  }
  // Fields that any step may have.
  std::string common(int depth, bool block) {
    std::string out;
    if (random_.chance(12)) out += ", on_error: continue";
    else if (random_.chance(10) && depth > 0)
      out += ", on_error: {fallback: {id: " + id() + ", " + body(depth - 1) + "}}";
    if (block && random_.chance(25)) out += ", saga: scope";
    if (block && random_.chance(15)) out += ", retry: {max_attempts: 2, initial: 2s, jitter: none}";
    if (block && random_.chance(12)) out += ", timeout: 15s";
    if (random_.chance(8)) out += ", when: .context.go";
    if (random_.chance(10)) out += ", foreach: '[1,2,3]', parallel: " + std::to_string(1 + random_.below(3));
    return out;
  }
  std::string body(int depth) {
    if (depth <= 0) return leaf();
    switch (random_.below(12)) {
      case 0: return "type: sequential, steps: " + list(depth - 1) + common(depth - 1, true);
      case 1:
      case 2: return "type: parallel, steps: " + list(depth - 1) + common(depth - 1, true);
      case 3: return "type: sequential, steps: " + list(depth - 1, true) + common(depth - 1, true);
      case 4: return "race: " + list(depth - 1) + common(depth - 1, true);
      case 5:
        return "condition: .context.go, then: " + list(depth - 1) + ", else: " + list(depth - 1) +
               common(depth - 1, true);
      case 6: return "times: " + std::to_string(random_.below(3)) + ", steps: " + list(depth - 1);
      case 7:
      case 8: {
        std::string out = "try: " + list(depth - 1);
        std::string catches;
        if (random_.chance(30)) catches = "{errors: [flaky], retry: {max_attempts: 2, initial: 1s, jitter: none}}";
        if (random_.chance(40))
          catches += (catches.empty() ? "" : ", ") + std::string("{steps: ") + list(depth - 1) + "}";
        if (!catches.empty()) out += ", catch: [" + catches + "]";
        if (catches.empty() || random_.chance(50)) out += ", finally: " + list(depth - 1);
        return out + common(depth - 1, true);
      }
      default: return leaf();
    }
  }
  std::string leaf() {
    switch (random_.below(14)) {
      case 0: return "wait: " + std::to_string(1 + random_.below(20)) + "s" + common(0, false);
      case 1: return random_.chance(50) ? "listen: go" : "listen: {signal: go, timeout: 8s}";
      case 2: return "set: {go: " + std::string(random_.chance(50) ? "true" : "false") + "}";
      case 3: return "emit: {type: e, data: 1}";
      case 4: return random_.chance(40) ? "raise: {type: flaky}" : "set: {n: '${ .run.id }'}";
      case 5:
        return "subflow: child" + std::string(random_.chance(30) ? ", timeout: 10s" : "") +
               (random_.chance(30) ? ", retry: {max_attempts: 2, initial: 1s, jitter: none}" : "") + common(0, false);
      case 6:
        return "type: human_review, reviewers: [ann, bob], quorum: " + std::to_string(1 + random_.below(2)) +
               ", timeout: 12s" + common(0, false);
      default: return activity() + common(1, false);
    }
  }
  Random& random_;
  int count_ = 0;
};

// The outside: answers commands, keeps the ledger of effects, and checks each decision.
class Outside {
 public:
  Outside(std::shared_ptr<const plan::Plan> plan, Random& random)
      : plan_(std::move(plan)), random_(random), state_(empty_state(*plan_)) {}

  void start() {
    auto info = std::make_shared<h::StartInfo>();
    info->workflow = "w";
    info->seed = random_.next();
    info->run = {"default", "r"};
    info->input = Bytes(std::string("null"));
    decide_facts({h::RunStarted{info}});
  }
  bool open() const { return !h::is_closed(state_.status); }
  const State& state() const { return state_; }
  const std::vector<h::Batch>& batches() const { return batches_; }

  // Anything may happen.
  void stir() {
    std::vector<h::Event> facts;
    for (std::uint32_t n = 1 + random_.below(3); n > 0; --n) {
      const auto what = random_.below(100);
      if (what < 55) answer(facts, true);
      else if (what < 68) tick(facts);
      else if (what < 74) facts.emplace_back(h::SignalReceived{"go", Bytes(std::string("1")), ""});
      else if (what < 82) visit_people(facts, true);
      else if (what < 85) facts.emplace_back(h::PauseRequested{});
      else if (what < 92) facts.emplace_back(h::ResumeRequested{});
      else if (what < 94) facts.emplace_back(h::CancelRequested{});
      else if (what < 97 && recoveries_ < 4) {
        decide_facts(facts);
        return crash();
      } else if (what == 97 && !last_.empty())
        facts.push_back(last_[random_.below(static_cast<std::uint32_t>(last_.size()))]);
      else if (what == 98 && random_.chance(20)) terminate(facts);
    }
    decide_facts(facts);
  }
  // Everything behaves: whatever is asked for is done.
  void settle() {
    for (int i = 0; open(); ++i) {
      ASSERT_LT(i, 5000) << "the run does not end";
      std::vector<h::Event> facts;
      if (state_.paused) facts.emplace_back(h::ResumeRequested{});
      const std::size_t before = facts.size();
      answer(facts, false);
      if (facts.size() == before) visit_people(facts, false);
      if (facts.size() == before && next_timer(state_) != k_never) {
        now_ = std::max(now_, next_timer(state_));
        tick(facts);
      }
      if (facts.size() == before) {
        for (const Frame& f : state_.frames)
          if (f.live && f.phase == Phase::waiting && plan_->nodes[f.node].kind == plan::Kind::listen) {
            facts.emplace_back(h::SignalReceived{"go", Bytes(std::string("2")), ""});
            break;
          }
      }
      ASSERT_TRUE(!facts.empty() || more_) << "the run waits for nothing";
      decide_facts(facts);
      if (::testing::Test::HasFatalFailure()) return;
    }
  }
  void again(const h::Event& fact) { decide_facts({fact}); }

  // What is in effect is owed or was never to be undone; after an abort nothing is in effect.
  void check_ledger() const {
    if (terminated_) return;
    std::set<std::uint64_t> owed;
    for (const auto& entry : state_.saga_log)
      if (!entry.done) owed.insert(entry.command);
    for (const auto command : effects_)
      EXPECT_TRUE(owed.contains(command)) << "effect " << command << " is in force and nobody owes its undoing";
    if (state_.status == RunStatus::completed) return;
    EXPECT_TRUE(effects_.empty()) << effects_.size() << " effects are left after " << h::to_string(state_.status);
    EXPECT_NE(state_.status, RunStatus::compensation_failed);
  }

 private:
  struct Out {
    FrameId frame;
    std::uint64_t command;
    std::uint32_t attempt;
    bool undoable;
  };

  void decide_facts(const std::vector<h::Event>& facts) {
    if (::testing::Test::HasFatalFailure()) return;
    for (const auto& f : facts) last_.push_back(f);
    const Bytes before = encode_state(state_);
    const std::uint64_t first = state_.last_seq + 1;
    auto d = decide(*plan_, state_, facts, {now_, 0});
    more_ = d.more;
    auto folded = decode_state(before.view(), *plan_);
    ASSERT_TRUE(folded) << folded.error().message;
    for (const auto& e : d.events) evolve(*folded, e, now_);
    ASSERT_TRUE(encode_state(*folded) == encode_state(state_))
        << "the fold differs from the decision at event " << first;
    if (std::getenv("PERDURE_SEED") != nullptr) print(first, d.events);
    for (const auto& finding : check_state(state_)) FAIL() << finding << " after event " << state_.last_seq;
    check_events(d.events);
    for (auto& c : d.commands) take(c);
    if (!d.events.empty()) batches_.push_back({first, now_, std::move(d.events)});
  }
  void print(std::uint64_t seq, const std::vector<h::Event>& events) const {
    for (const auto& e : events) {
      Value v = h::to_value(e, seq++, now_);
      if (const Value* node = v.find("node"); node != nullptr)
        v.set("node", plan_->nodes[static_cast<std::size_t>(node->as_int())].name);
      std::fprintf(stderr, "%s\n", to_json(v).substr(0, 240).c_str());
    }
  }
  void check_events(const std::vector<h::Event>& events) {
    for (const auto& e : events) {
      if (std::holds_alternative<h::RetryRequested>(e) || std::holds_alternative<h::CompensateRequested>(e))
        ended_ = false;
      ASSERT_FALSE(ended_) << h::name_of(e) << " after the end";
      if (std::holds_alternative<h::RunCompleted>(e) || std::holds_alternative<h::RunFailed>(e)) ended_ = true;
      if (const auto* s = std::get_if<h::CompensationStarted>(&e)) undone_down_to_[s->frame] = UINT32_MAX;
      if (const auto* a = std::get_if<h::ActivityScheduled>(&e); a != nullptr && a->role == Role::compensation) {
        ASSERT_LT(a->index, undone_down_to_[a->parent]) << "undone out of order";
        undone_down_to_[a->parent] = a->index;
      }
    }
    if (plan_->parallel == 0) return;
    std::uint32_t out = 0;
    for (const Frame& f : state_.frames)
      out += f.live && f.phase == Phase::in_flight && f.role != Role::compensation ? 1 : 0;
    ASSERT_LE(out, plan_->parallel) << "over the run's limit";
  }
  void take(const Command& command) {
    if (const auto* c = std::get_if<StartChild>(&command)) children_.emplace(c->command, c->frame);
    if (const auto* c = std::get_if<UndoChild>(&command)) undoing_.emplace(c->command, c->frame);
  }

  std::uint64_t effect_of(const Frame& f) const {
    return f.role == Role::compensation ? state_.saga_log[f.index].command : f.command;
  }
  // One attempt in flight, or child run, ends somehow; well when nothing is wrong.
  void answer(std::vector<h::Event>& facts, bool wild) {
    std::vector<FrameId> out;
    for (FrameId id = 0; id < state_.frames.size(); ++id)
      if (state_.frames[id].live && (state_.frames[id].phase == Phase::in_flight || waits_for_child(id)))
        out.push_back(id);
    if (out.empty()) return;
    const FrameId id = out[random_.below(static_cast<std::uint32_t>(out.size()))];
    const Frame& f = state_.frames[id];
    for (const auto& fact : facts)  // one answer an attempt
      if (const auto* frame = frame_of(fact); frame != nullptr && *frame == id) return;
    if (f.phase == Phase::waiting) return answer_child(facts, id, wild);
    const bool undoing = f.role == Role::compensation;
    const bool undoable = undoing || plan_->nodes[f.node].compensation != plan::k_none;
    const auto what = wild ? random_.below(100) : 0;
    if (what < 60 || (undoing && what < 75)) {
      if (undoing) effects_.erase(effect_of(f));
      else if (undoable) effects_.insert(f.command);
      facts.emplace_back(h::ActivityCompleted{id, f.command, f.attempt, Bytes(std::string("{\"v\":1}"))});
      return;
    }
    auto fault = std::make_shared<h::Fault>();
    fault->type = random_.chance(50) ? "flaky" : "broken";
    fault->fault_class = undoing ? h::FaultClass::ambiguous : static_cast<h::FaultClass>(random_.below(5));
    if (undoing || fault->fault_class == h::FaultClass::ambiguous) return lose(facts, id);
    facts.emplace_back(h::ActivityFailed{id, f.command, f.attempt, std::move(fault)});
  }
  // Nobody knows how it went; the ledger does.
  void lose(std::vector<h::Event>& facts, FrameId id) {
    const Frame& f = state_.frames[id];
    if (random_.chance(50)) {
      if (f.role == Role::compensation) effects_.erase(effect_of(f));
      else if (plan_->nodes[f.node].compensation != plan::k_none) effects_.insert(f.command);
    }
    if (f.role != Role::compensation && random_.chance(50)) {
      auto fault = std::make_shared<h::Fault>();
      fault->type = "timeout.start_to_close";
      fault->fault_class = h::FaultClass::ambiguous;
      facts.emplace_back(h::ActivityFailed{id, f.command, f.attempt, std::move(fault)});
    } else if (f.lost < 8) {
      facts.emplace_back(h::ActivityLost{id, f.command, f.attempt});
    }
  }
  bool waits_for_child(FrameId id) const {
    const Frame& f = state_.frames[id];
    return f.phase == Phase::waiting && f.wait && (children_.contains(f.command) || undoing_.contains(f.command));
  }
  void answer_child(std::vector<h::Event>& facts, FrameId id, bool wild) {
    const Frame& f = state_.frames[id];
    if (f.role == Role::compensation) {
      effects_.erase(effect_of(f));
      facts.emplace_back(h::ChildEnded{id, f.command, RunStatus::cancelled, {}, {}});
      return;
    }
    const auto what = wild ? random_.below(3) : 0;
    if (what == 0) effects_.insert(f.command);
    facts.emplace_back(h::ChildEnded{id,
                                     f.command,
                                     what == 0   ? RunStatus::completed
                                     : what == 1 ? RunStatus::failed
                                                 : RunStatus::cancelled,
                                     {},
                                     {}});
  }
  static const FrameId* frame_of(const h::Event& fact) {
    if (const auto* a = std::get_if<h::ActivityCompleted>(&fact)) return &a->frame;
    if (const auto* b = std::get_if<h::ActivityFailed>(&fact)) return &b->frame;
    if (const auto* c = std::get_if<h::ActivityLost>(&fact)) return &c->frame;
    if (const auto* d = std::get_if<h::ChildEnded>(&fact)) return &d->frame;
    return nullptr;
  }
  void tick(std::vector<h::Event>& facts) {
    now_ += random_.below(5000);
    for (auto& fact : due_timers(state_, now_, 100)) facts.push_back(std::move(fact));
  }
  void visit_people(std::vector<h::Event>& facts, bool wild) {
    for (FrameId id = 0; id < state_.frames.size(); ++id) {
      const Frame& f = state_.frames[id];
      if (!f.live || f.phase != Phase::waiting || !f.wait || plan_->nodes[f.node].kind != plan::Kind::review) continue;
      facts.emplace_back(
          h::ReviewDecided{id, f.command, !wild || random_.chance(70), f.wait->votes.empty() ? "ann" : "bob", "", {}});
      return;
    }
  }
  void crash() {
    ++recoveries_;
    auto again = decode_state(encode_state(state_).view(), *plan_);
    ASSERT_TRUE(again) << again.error().message;
    state_ = std::move(*again);
    auto r = recover(*plan_, state_);
    std::vector<h::Event> facts;
    for (const auto& fact : r.facts) {
      const Frame& f = state_.frames[std::get<h::ActivityLost>(fact).frame];
      if (random_.chance(50)) {
        if (f.role == Role::compensation) effects_.erase(effect_of(f));
        else if (plan_->nodes[f.node].compensation != plan::k_none) effects_.insert(f.command);
      }
      facts.push_back(fact);
    }
    decide_facts(facts);
  }
  void terminate(std::vector<h::Event>& facts) {
    terminated_ = true;
    facts.emplace_back(h::TerminateRequested{});
  }

  std::shared_ptr<const plan::Plan> plan_;
  Random& random_;
  State state_;
  TimeMs now_ = 1'767'225'600'000;
  std::vector<h::Batch> batches_;
  std::vector<h::Event> last_;
  std::set<std::uint64_t> effects_;  // by the command that made them
  std::map<std::uint64_t, FrameId> children_, undoing_;
  std::map<FrameId, std::uint32_t> undone_down_to_;
  bool more_ = false, ended_ = false, terminated_ = false;
  int recoveries_ = 0;
};

std::shared_ptr<const plan::Plan> random_plan(Random& random, std::string& yaml) {
  yaml = Generator(random).workflow();
  auto loaded = loaders::load_native(yaml, "random.yaml");
  EXPECT_TRUE(loaded.ok()) << loaders::render(loaded.diagnostics, false) << yaml;
  return loaded.plan;
}

void live(std::uint64_t seed) {
  Random random{seed};
  std::string yaml;
  const auto plan = random_plan(random, yaml);
  if (!plan) return;
  SCOPED_TRACE("seed " + std::to_string(seed) + "\n" + yaml);
  Outside outside(plan, random);
  outside.start();
  for (int i = 0; i < 30 && outside.open() && !::testing::Test::HasFatalFailure(); ++i) outside.stir();
  outside.settle();
  if (::testing::Test::HasFatalFailure()) return;
  outside.check_ledger();
  if (outside.state().status != RunStatus::completed && random.chance(50)) {
    outside.again(h::RetryRequested{});
    for (int i = 0; i < 10 && outside.open(); ++i) outside.stir();
    outside.settle();
    outside.check_ledger();
  }
  if (outside.state().status == RunStatus::completed && random.chance(50)) {
    outside.again(h::CompensateRequested{});
    outside.settle();
    outside.check_ledger();
  }
  const auto r = replay(*plan, outside.batches(), true);
  ASSERT_TRUE(r) << r.error().message;
  for (const auto& difference : r->differences) ADD_FAILURE() << difference;
}

std::uint64_t seeds(std::uint64_t usual) {
  const char* many = std::getenv("PERDURE_SEEDS");
  return many != nullptr ? std::strtoull(many, nullptr, 10) : usual;
}

TEST(RandomDecisions, KeepTheInvariants) {
  const char* one = std::getenv("PERDURE_SEED");  // a failing seed, to be looked at by itself
  if (one != nullptr) return live(std::strtoull(one, nullptr, 10));
  for (std::uint64_t seed = 1; seed <= seeds(1500) && !HasFailure(); ++seed) live(seed);
}

// Events that do not fit the state change nothing but its sequence.
TEST(RandomDecisions, DamagedHistories) {
  int folded = 0;
  for (std::uint64_t seed = 1; seed <= seeds(60); ++seed) {
    Random random{seed * 7919};
    std::string yaml;
    const auto plan = random_plan(random, yaml);
    if (!plan) continue;
    SCOPED_TRACE("seed " + std::to_string(seed) + "\n" + yaml);
    Outside outside(plan, random);
    outside.start();
    for (int i = 0; i < 8 && outside.open(); ++i) outside.stir();
    for (int i = 0; i < 40; ++i) {
      State state = empty_state(*plan);
      const auto damaged = random.below(static_cast<std::uint32_t>(outside.batches().size()));
      for (std::uint32_t b = 0; b < outside.batches().size(); ++b) {
        std::string bytes(h::encode_batch(outside.batches()[b]).view());
        if (b == damaged)
          bytes[random.below(static_cast<std::uint32_t>(bytes.size()))] =
              static_cast<char>(random.below(random.chance(50) ? 8 : 256));
        const auto batch = h::decode_batch(bytes);
        if (!batch) continue;
        folded += b == damaged ? 1 : 0;
        for (const auto& e : batch->events) evolve(state, e, batch->now);
      }
      (void)check_state(state);
      (void)steps(state);
      (void)encode_state(state);
    }
  }
  EXPECT_GT(folded, 100);  // else it tests nothing
}

// A damaged snapshot is refused, or gives a state that can be driven without harm.
TEST(RandomDecisions, DamagedSnapshots) {
  int accepted = 0;
  for (std::uint64_t seed = 1; seed <= seeds(60); ++seed) {
    Random random{seed * 977};
    std::string yaml;
    const auto plan = random_plan(random, yaml);
    if (!plan) continue;
    SCOPED_TRACE("seed " + std::to_string(seed) + "\n" + yaml);
    Outside outside(plan, random);
    outside.start();
    for (int i = 0; i < 4 && outside.open(); ++i) outside.stir();
    const std::string good(encode_state(outside.state()).view());
    for (int i = 0; i < 120; ++i) {
      std::string bad = good;
      if (i < 20) bad.resize(random.below(static_cast<std::uint32_t>(bad.size())));
      else
        for (std::uint32_t n = 1 + random.below(3); n > 0; --n)
          bad[random.below(static_cast<std::uint32_t>(bad.size()))] =
              static_cast<char>(random.chance(50) ? random.below(4) : random.below(256));
      auto state = decode_state(bad, *plan);
      if (!state) continue;
      ++accepted;
      (void)check_state(*state);
      (void)steps(*state);
      (void)visible_status(*state);
      (void)progress(*state);
      auto r = recover(*plan, *state);
      auto timers = due_timers(*state, state->updated_at + 100'000, 100);
      r.facts.insert(r.facts.end(), timers.begin(), timers.end());
      r.facts.emplace_back(h::SignalReceived{"go", {}, ""});
      for (FrameId id = 0; id < state->frames.size() && id < 100; ++id)
        r.facts.emplace_back(h::ReviewDecided{id, state->frames[id].command, true, "ann", "", {}});
      decide(*plan, *state, r.facts, {state->updated_at, 0});
      const std::vector<h::Event> more{h::ResumeRequested{}, h::CancelRequested{}};
      decide(*plan, *state, more, {state->updated_at, 0});
      (void)encode_state(*state);
      (void)check_state(*state);
    }
  }
  EXPECT_GT(accepted, 100);  // else it tests nothing
}

}  // namespace
}  // namespace perdure::decider
