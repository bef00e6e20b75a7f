// Golden text cases: testdata/*.case. Each case states a workflow, what happens to it, and the events and commands that
// must follow. After every step the harness also proves that the state is the fold of the events, that a snapshot
// brings it back, that the doctor finds nothing, and at the end that the whole history replays to the same decisions.
// Format: testdata/README.md. PERDURE_REWRITE=1 writes what came out into the files.
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>

#include "base/json.h"
#include "decider/decider.h"
#include "loaders/load.h"

namespace perdure::decider {
namespace {

namespace h = history;
constexpr TimeMs k_start = 1'767'225'600'000;  // 2026-01-01T00:00:00Z

std::string shorten(std::string text) {
  if (text.size() > 300) text = text.substr(0, 300) + "…(" + std::to_string(text.size()) + " bytes)";
  return text;
}

class World {
 public:
  std::string run(const std::string& verb, const std::string& rest, const std::string& body) {
    if (verb == "workflow") return load(body);
    if (!plan_) return "error: no workflow\n";
    if (verb == "advance") return advance(rest);
    if (verb == "steps") return show_steps();
    if (verb == "state") return show_state();
    if (verb == "query") {
      const auto v = run_query(*plan_, state_, rest);
      return (v ? to_json(*v) : "error: " + v.error().message) + "\n";
    }
    if (verb == "recover") return recover_run();
    if (verb == "history") return show_history();
    if (verb == "carry") return carry(rest);
    std::vector<h::Event> facts;
    std::string error = parse_facts(verb, rest, body, facts);
    if (!error.empty()) return "error: " + error + "\n";
    return decide_and_show(facts);
  }

  // The whole history again.
  std::string replay_all() {
    if (!plan_ || batches_.empty()) return "";
    const auto r = replay(*plan_, batches_, true);
    if (!r) return "replay failed: " + r.error().message + "\n";
    std::string out;
    for (const auto& d : r->differences) out += "replay differs: " + d + "\n";
    if (!(encode_state(r->state) == encode_state(state_))) out += "replay ends in another state\n";
    return out;
  }

 private:
  std::string load(const std::string& yaml) {
    const auto loaded = loaders::load(yaml, "case.yaml");
    if (!loaded.ok()) return loaders::render(loaded.diagnostics, false);
    plan_ = loaded.plan;
    state_ = empty_state(*plan_);
    now_ = k_start;
    batches_.clear();
    return "ok\n";
  }

  static std::pair<std::string, std::string> cut(const std::string& s) {
    const auto at = s.find(' ');
    if (at == std::string::npos) return {s, ""};
    return {s.substr(0, at), s.substr(at + 1)};
  }

  // "name", or "name[2]" for an item; "undo name" is a compensation of that step. k_none when nothing fits.
  FrameId find(const std::string& what, std::initializer_list<Phase> phases) const {
    std::string name = what;
    std::optional<std::uint32_t> item;
    const bool undo = name.starts_with("undo:");
    if (undo) name = name.substr(5);
    if (const auto b = name.find('['); b != std::string::npos) {
      item = static_cast<std::uint32_t>(std::stoul(name.substr(b + 1)));
      name = name.substr(0, b);
    }
    for (FrameId id = 0; id < state_.frames.size(); ++id) {
      const Frame& f = state_.frames[id];
      if (!f.live || std::find(phases.begin(), phases.end(), f.phase) == phases.end()) continue;
      const bool is_undo = f.role == Role::compensation;
      if (is_undo != undo) continue;
      const auto& owner = is_undo ? plan_->nodes[state_.saga_log[f.index].node].name : plan_->nodes[f.node].name;
      if (owner != name) continue;
      if (item) {
        bool matches = false;
        for (FrameId up = id; up != k_none; up = state_.frames[up].parent)
          if (state_.frames[up].role == Role::item) {
            matches = state_.frames[up].index == *item;
            break;
          }
        if (!matches) continue;
      }
      return id;
    }
    return k_none;
  }

  // What a fact about this step is for: as it is now, else as it was last, so that an answer can come late or twice.
  struct Aim {
    FrameId frame = 0;
    std::uint64_t command = 0;
    std::uint32_t attempt = 1;
  };
  bool aim(const std::string& what, Phase phase) {
    const FrameId id = find(what, {phase});
    if (id != k_none) aims_[what] = {id, state_.frames[id].command, state_.frames[id].attempt};
    return aims_.contains(what);
  }

  void remember_aims() {
    for (FrameId id = 0; id < state_.frames.size(); ++id) {
      const Frame& f = state_.frames[id];
      if (!f.live || (f.phase != Phase::in_flight && f.phase != Phase::waiting)) continue;
      const bool undo = f.role == Role::compensation;
      aims_[(undo ? "undo:" : "") + plan_->nodes[undo ? state_.saga_log[f.index].node : f.node].name] = {id, f.command,
                                                                                                         f.attempt};
    }
  }

  static h::FaultPtr make(const std::string& type, const std::string& cls, DurationMs after) {
    auto f = std::make_shared<h::Fault>();
    f->type = type;
    f->title = type + " happened";
    f->fault_class = h::FaultClass::recoverable;
    for (int c = 0; c < 5; ++c)
      if (cls == h::to_string(static_cast<h::FaultClass>(c))) f->fault_class = static_cast<h::FaultClass>(c);
    f->retry_after_ms = after;
    return f;
  }

  // One line a fact; `batch` takes several from its body, decided at once.
  std::string parse_facts(const std::string& verb, const std::string& rest, const std::string& body,
                          std::vector<h::Event>& out) {
    if (verb == "batch" || verb == "hold") {
      hold_ = verb == "hold";
      std::istringstream lines(body);
      for (std::string line; std::getline(lines, line);) {
        const auto [v, r] = cut(line);
        if (auto e = parse_facts(v, r, "", out); !e.empty()) return e;
      }
      return "";
    }
    const auto [a, more] = cut(rest);
    if (verb == "start") {
      auto info = std::make_shared<h::StartInfo>();
      info->workflow = plan_->name;
      info->version = plan_->version;
      info->seed = 42;
      info->run = {"default", "run1"};
      info->detail = Bytes(std::string(R"({"by":"ann"})"));
      info->carried = carried_;
      auto input = check_input(*plan_, rest.empty() ? Bytes() : Bytes(rest));
      if (!input) return input.error().message;
      info->input = *input;
      out.emplace_back(h::RunStarted{info});
    } else if (verb == "flood") {
      for (int i = std::stoi(more); i > 0; --i) out.emplace_back(h::SignalReceived{a, Bytes(std::string("1")), ""});
    } else if (verb == "flood_events") {
      for (int i = 0; i < std::stoi(more); ++i)
        out.emplace_back(h::EventReceived{Bytes(R"({"type":")" + a + R"("})"), "e" + std::to_string(i)});
    } else if (verb == "update") {
      const auto hash = a.find('#');
      out.emplace_back(
          h::UpdateReceived{a.substr(0, hash), Bytes(more), hash == std::string::npos ? "" : a.substr(hash + 1)});
    } else if (verb == "timer") {
      const auto length = parse_duration(rest);
      if (!length) return length.error().message;
      now_ += *length;
      for (auto& fact : due_timers(state_, now_, 1000)) out.push_back(std::move(fact));
    } else if (verb == "cancel") {
      out.emplace_back(h::CancelRequested{"ann", rest});
    } else if (verb == "pause") {
      out.emplace_back(h::PauseRequested{"ann", rest});
    } else if (verb == "resume") {
      out.emplace_back(h::ResumeRequested{"ann", rest});
    } else if (verb == "terminate") {
      out.emplace_back(h::TerminateRequested{"ann", rest});
    } else if (verb == "retry") {
      out.emplace_back(h::RetryRequested{"ann", rest});
    } else if (verb == "undo") {
      out.emplace_back(h::CompensateRequested{"ann", rest});
    } else if (verb == "go") {
      // no facts: goes on after a cut
    } else {
      return parse_answer(verb, rest, out);
    }
    return "";
  }

  // Facts about a step: answers of attempts, people and children.
  std::string parse_answer(const std::string& verb, const std::string& rest, std::vector<h::Event>& out) {
    const auto [a, more] = cut(rest);
    if (verb == "complete" || verb == "fail" || verb == "lose" || verb == "late") {
      if (verb != "late" && !aim(a, Phase::in_flight)) return "no attempt of '" + a + "' was ever in flight";
      if (verb == "late") {
        out.emplace_back(h::ActivityCompleted{1, 9999, 1, Bytes(std::string("\"late\""))});
        return "";
      }
      const auto [id, command, attempt] = aims_[a];
      if (verb == "complete")
        out.emplace_back(h::ActivityCompleted{id, command, attempt, Bytes(more.empty() ? "null" : more)});
      if (verb == "lose") out.emplace_back(h::ActivityLost{id, command, attempt});
      if (verb == "fail") {
        const auto [type, r2] = cut(more);
        const auto [cls, after] = cut(r2);
        out.emplace_back(
            h::ActivityFailed{id, command, attempt, make(type, cls, after.empty() ? 0 : std::stol(after))});
      }
    } else if (verb == "signal") {
      const auto [payload, key] = cut(more);
      out.emplace_back(h::SignalReceived{a, Bytes(payload.empty() ? "null" : payload), key});
    } else if (verb == "event") {  // ID JSON
      out.emplace_back(h::EventReceived{Bytes(more), a});
    } else if (verb == "review") {
      if (!aim(a, Phase::waiting)) return "no review '" + a + "' was ever open";
      const auto [id, command, attempt] = aims_[a];
      const auto [decision, r2] = cut(more);
      const auto [who, r3] = cut(r2);
      const auto [comment, data] = cut(r3);
      out.emplace_back(
          h::ReviewDecided{id, command, decision == "approve", who, comment, data.empty() ? Bytes() : Bytes(data)});
    } else if (verb == "child") {
      if (!aim(a, Phase::waiting)) return "no child '" + a + "' was ever out";
      const auto [id, command, attempt] = aims_[a];
      const auto [status, r2] = cut(more);
      const auto parsed = h::parse_run_status(status);
      if (!parsed) return "status?";
      const bool ok = *parsed == RunStatus::completed || *parsed == RunStatus::running;
      out.emplace_back(h::ChildEnded{id, command, *parsed, ok && !r2.empty() ? Bytes(r2) : Bytes(),
                                     !ok && !r2.empty() ? make(r2, "fatal", 0) : nullptr});
    } else {
      return "unknown verb '" + verb + "'";
    }
    return "";
  }

  std::string decide_and_show(const std::vector<h::Event>& facts) {
    std::string out;
    const Bytes before = encode_state(state_);
    Context context;
    context.now = now_;
    context.hold = std::exchange(hold_, false);
    const std::uint64_t first = state_.last_seq + 1;
    auto decision = decide(*plan_, state_, facts, context);
    if (!decision.events.empty()) batches_.push_back({first, now_, decision.events});
    remember_aims();
    // state == fold, snapshot == state, sound
    auto folded = decode_state(before.view(), *plan_);
    if (!folded) return "snapshot does not read: " + folded.error().message + "\n";
    for (const auto& e : decision.events) evolve(*folded, e, now_);
    if (!(encode_state(*folded) == encode_state(state_))) out += "FOLD DIFFERS\n";
    for (const auto& finding : check_state(state_)) out += "UNSOUND: " + finding + "\n";

    std::uint64_t seq = first;
    const std::size_t shown = decision.events.size() > 200 ? 10 : decision.events.size();
    for (std::size_t i = 0; i < shown; ++i) out += show_event(decision.events[i], seq++);
    if (shown < decision.events.size()) out += "… " + std::to_string(decision.events.size()) + " events\n";
    const std::size_t commands = decision.commands.size() > 50 ? 5 : decision.commands.size();
    for (std::size_t i = 0; i < commands; ++i) out += show_command(decision.commands[i]);
    if (commands < decision.commands.size()) out += "… " + std::to_string(decision.commands.size()) + " commands\n";
    for (const auto& r : decision.rejections)
      out += "rejected: " + std::string(to_string(r.error.code)) + ": " + r.error.message + "\n";
    const std::size_t answers = decision.answers.size() > 50 ? 5 : decision.answers.size();
    for (std::size_t i = 0; i < answers; ++i) out += "answer: " + to_json(decision.answers[i].second) + "\n";
    if (answers < decision.answers.size()) out += "… " + std::to_string(decision.answers.size()) + " answers\n";
    if (decision.more) out += "more\n";
    out += "= " + std::string(h::to_string(visible_status(state_)));
    if (next_timer(state_) != k_never) out += ", timer in " + format_duration(next_timer(state_) - now_);
    return out + "\n";
  }

  std::string show_event(const h::Event& e, std::uint64_t seq) const {
    auto v = h::to_value(e, seq, 0);
    v.erase("seq");
    v.erase("at");
    v.erase("type");
    if (const Value* node = v.find("node"); node != nullptr && node->is_integer() && node->as_int() >= 0 &&
                                            static_cast<std::size_t>(node->as_int()) < plan_->nodes.size())
      v.set("node", plan_->nodes[static_cast<std::size_t>(node->as_int())].name);
    if (std::holds_alternative<h::RunStarted>(e))
      v = Value::object({{"input", std::get<h::RunStarted>(e).info->input.view()}});
    return std::to_string(seq) + " " + std::string(h::name_of(e)) + " " + shorten(to_json(v)) + "\n";
  }

  std::string show_command(const Command& c) const {
    struct Show {
      const plan::Plan& plan;
      std::string operator()(const DispatchActivity& d) const {
        std::string s = "dispatch " + plan.nodes[d.node].name + " #" + std::to_string(d.command) + " attempt " +
                        std::to_string(d.attempt) + " " + shorten(std::string(d.args.view()));
        if (!d.idempotency_key.empty()) s += " key " + d.idempotency_key;
        if (d.start_to_close_ms != 0) s += " within " + format_duration(d.start_to_close_ms);
        return s;
      }
      std::string operator()(const CancelActivity& d) const { return "cancel #" + std::to_string(d.command); }
      std::string operator()(const StartChild& d) const {
        return "start child " + d.child + " of " + d.workflow + " " + std::string(d.input.view()) +
               (d.wait ? "" : " without waiting");
      }
      std::string operator()(const CancelChild& d) const { return "cancel child " + d.child; }
      std::string operator()(const UndoChild& d) const { return "undo child " + d.child; }
      std::string operator()(const PublishEvent& d) const {
        return "publish " + d.type + " " + std::string(d.data.view());
      }
      std::string operator()(const OpenReview& d) const { return "open review " + std::string(d.request.view()); }
      std::string operator()(const NotifyParent& d) const {
        return "notify parent " + d.parent + " " + std::string(h::to_string(d.status));
      }
    };
    return "> " + std::visit(Show{*plan_}, c) + "\n";
  }

  std::string advance(const std::string& rest) {
    const auto length = parse_duration(rest);
    if (!length) return "error: " + length.error().message + "\n";
    now_ += *length;
    return decide_and_show(due_timers(state_, now_, 1000));
  }
  std::string recover_run() {
    auto again = decode_state(encode_state(state_).view(), *plan_);
    if (!again) return again.error().message + "\n";
    state_ = std::move(*again);
    const auto r = recover(*plan_, state_);
    std::string out;
    for (const auto& c : r.commands) out += show_command(c);
    return out + decide_and_show(r.facts);
  }
  std::string show_steps() const {
    std::string out;
    for (const auto& s : steps(state_)) {
      out += s.path + " " + std::string(h::to_string(s.status));
      if (s.attempt > 1) out += " attempt " + std::to_string(s.attempt);
      if (s.fault) out += " (" + s.fault->type + ")";
      out += "\n";
    }
    return out;
  }
  std::string show_state() const {
    std::string out = "context " + to_json(state_.context) + "\n";
    if (!state_.output.empty()) out += "output " + std::string(state_.output.view()) + "\n";
    if (state_.fault)
      out += "error " + state_.fault->type + ": " + state_.fault->title +
             (state_.fault->detail.empty() ? "" : " | " + state_.fault->detail) + "\n";
    if (!state_.compensation.empty()) out += "compensation " + state_.compensation + "\n";
    for (const auto& e : state_.saga_log)
      out += "saga " + plan_->nodes[e.node].name + (e.done ? e.fault ? " failed" : " undone" : "") +
             (e.unknown_outcome ? " unknown" : "") + "\n";
    return out;
  }
  std::string show_history() const {
    std::string out;
    for (const auto& b : batches_) {
      std::uint64_t seq = b.first_seq;
      for (const auto& e : b.events) out += show_event(e, seq++);
    }
    return out;
  }
  // Starts over in a new run that takes results over, as restart --from does.
  std::string carry(const std::string& step) {
    auto c = carry_for_restart(state_, *plan_, step);
    if (!c) return "error: " + c.error().message + "\n";
    carried_ = std::move(*c);
    state_ = empty_state(*plan_);
    batches_.clear();
    std::string out;
    for (const auto& one : carried_) out += plan_->nodes[one.node].name + " = " + std::string(one.output.view()) + "\n";
    return out;
  }

  std::shared_ptr<const plan::Plan> plan_;
  State state_;
  std::vector<h::Batch> batches_;
  std::vector<h::Carried> carried_;
  std::map<std::string, Aim> aims_;
  TimeMs now_ = k_start;
  bool hold_ = false;
};

// A case file: commands with a body, "----", what must come out, an empty line.
class Golden : public ::testing::TestWithParam<std::filesystem::path> {};

TEST_P(Golden, Case) {
  std::ifstream in(GetParam());
  std::ostringstream rewritten;
  World world;
  std::vector<std::string> comments;
  std::string line;
  int number = 0;
  const bool rewrite = std::getenv("PERDURE_REWRITE") != nullptr;
  while (std::getline(in, line)) {
    ++number;
    if (line.empty() || line[0] == '#') {
      rewritten << line << "\n";
      continue;
    }
    const int at = number;
    const std::string head = line;
    std::string body, expected;
    while (std::getline(in, line) && ++number && line != "----") body += line + "\n";
    while (std::getline(in, line) && ++number && !line.empty()) expected += line + "\n";
    const auto space = head.find(' ');
    const std::string got =
        world.run(head.substr(0, space), space == std::string::npos ? "" : head.substr(space + 1), body);
    if (!rewrite) { EXPECT_EQ(expected, got) << GetParam().filename() << ":" << at << ": " << head; }
    EXPECT_EQ(got.find("FOLD DIFFERS"), std::string::npos) << GetParam().filename() << ":" << at;
    EXPECT_EQ(got.find("UNSOUND"), std::string::npos) << GetParam().filename() << ":" << at << "\n" << got;
    rewritten << head << "\n" << body << "----\n" << got << "\n";
  }
  EXPECT_EQ(world.replay_all(), "") << GetParam().filename();
  if (rewrite) {
    in.close();
    std::string text = rewritten.str();
    while (text.ends_with("\n\n")) text.pop_back();
    std::ofstream(GetParam()) << text;
  }
}

std::vector<std::filesystem::path> cases() {
  std::vector<std::filesystem::path> paths;
  for (const auto& entry :
       std::filesystem::directory_iterator(std::string(PERDURE_SOURCE_DIR) + "/src/decider/testdata"))
    if (entry.path().extension() == ".case") paths.push_back(entry.path());
  std::sort(paths.begin(), paths.end());
  return paths;
}

INSTANTIATE_TEST_SUITE_P(Decider, Golden, ::testing::ValuesIn(cases()), [](const auto& p) {
  std::string name = p.param.stem().string();
  for (char& c : name)
    if (std::isalnum(static_cast<unsigned char>(c)) == 0) c = '_';
  return name;
});

}  // namespace
}  // namespace perdure::decider
