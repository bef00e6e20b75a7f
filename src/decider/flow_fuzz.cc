// Any workflow that loads, lived for a while: whatever its data flow does, the state is the fold of the events, a snapshot
// brings it back, and the doctor finds nothing. The text itself decides how commands are answered.
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <set>
#include <string>
#include <string_view>

#include "base/check.h"
#include "base/json.h"
#include "decider/decider.h"
#include "loaders/load.h"

namespace {

using namespace perdure;
using namespace perdure::decider;
namespace h = history;

constexpr int k_decisions_max = 120;
constexpr std::size_t k_events_max = 3'000;  // of an endless loop, say
constexpr std::size_t k_state_bytes_max = std::size_t{1} << 20;

// Answers that tasks of the standard look into.
constexpr std::string_view k_results[] = {
    R"({"statusCode":200,"content":{"id":7},"headers":{"a":"b"},"id":7,"code":0,"stdout":"1\n","stderr":""})", "null",
    "[1,2,3]", R"("text")"};

class Life {
 public:
  Life(std::shared_ptr<const plan::Plan> plan, std::uint64_t seed)
      : plan_(std::move(plan)), seed_(seed), state_(empty_state(*plan_)) {}

  void live() {
    auto info = std::make_shared<h::StartInfo>();
    info->workflow = plan_->name;
    info->seed = seed_;
    info->run = {"default", "r"};
    info->input = Bytes(std::string(R"({"list":[1,2],"x":1,"text":"a"})"));
    decide_facts({h::RunStarted{info}});
    for (int i = 0; i < k_decisions_max && !h::is_closed(state_.status); ++i) {
      const std::vector<h::Event> facts = next_facts();
      if (facts.empty() && !more_) return;
      decide_facts(facts);
      if (encode_state(state_).size() > k_state_bytes_max || state_.last_seq > k_events_max) return;
    }
  }

 private:
  std::uint64_t drawn() {
    std::uint64_t x = (seed_ += 0x9e3779b97f4a7c15ULL);
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebULL;
    return x ^ (x >> 31);
  }

  std::vector<h::Event> next_facts() {
    for (FrameId id = 0; id < state_.frames.size(); ++id) {
      const Frame& f = state_.frames[id];
      if (!f.live || f.phase != Phase::in_flight) continue;
      const std::uint64_t what = drawn() % 8;
      if (what < 5)
        return {h::ActivityCompleted{id, f.command, f.attempt,
                                     Bytes(std::string(k_results[drawn() % std::size(k_results)]))}};
      if (what == 5) return {h::ActivityLost{id, f.command, f.attempt}};
      auto fault = std::make_shared<h::Fault>();
      fault->type = what == 6 ? "http.503" : "shell.exit";
      fault->title = "it failed";
      fault->fault_class = what == 6 ? h::FaultClass::recoverable : h::FaultClass::fatal;
      return {h::ActivityFailed{id, f.command, f.attempt, std::move(fault)}};
    }
    for (FrameId id = 0; id < state_.frames.size(); ++id) {
      const Frame& f = state_.frames[id];
      if (f.live && f.phase == Phase::waiting && children_.contains(f.command))
        return {h::ChildEnded{id, f.command, RunStatus::completed, Bytes(std::string(k_results[0])), {}}};
    }
    if (drawn() % 2 == 0 || next_timer(state_) == k_never) {
      const std::string event = R"({"id":"e)" + std::to_string(++events_) +
                                R"(","source":"/s","type":"com.example.happened","specversion":"1.0","data":{"x":1}})";
      if (events_ < 8) return {h::EventReceived{Bytes(event), "e" + std::to_string(events_)}};
    }
    if (next_timer(state_) == k_never) return {};
    now_ = std::max(now_, next_timer(state_));
    return due_timers(state_, now_, 1);
  }

  void decide_facts(const std::vector<h::Event>& facts) {
    const Bytes before = encode_state(state_);
    auto d = decide(*plan_, state_, facts, {now_, 0});
    more_ = d.more;
    auto folded = decode_state(before.view(), *plan_);
    CHECK(folded.has_value());
    for (const auto& e : d.events) evolve(*folded, e, now_);
    CHECK(encode_state(*folded) == encode_state(state_));
    CHECK(check_state(state_).empty());
    for (const auto& c : d.commands)
      if (const auto* child = std::get_if<StartChild>(&c)) children_.insert(child->command);
  }

  std::shared_ptr<const plan::Plan> plan_;
  std::uint64_t seed_;
  State state_;
  TimeMs now_ = 1'700'000'000'000;
  bool more_ = false;
  int events_ = 0;
  std::set<std::uint64_t> children_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const loaders::Loaded loaded = loaders::load(text, "fuzz.yaml");
  if (!loaded.ok()) return 0;
  std::uint64_t seed = size;
  for (const char c : text) seed = seed * 31 + static_cast<unsigned char>(c);
  Life(loaded.plan, seed).live();
  return 0;
}
