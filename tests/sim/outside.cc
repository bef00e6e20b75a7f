#include "sim/outside.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/hash.h"
#include "sim/flow_program.h"

namespace perdure::sim {
namespace {

activity::Outcome failed(std::string type, activity::ErrorClass error_class, DurationMs retry_after_ms = 0) {
  activity::ActivityError error;
  error.type = std::move(type);
  error.title = "the simulated party says no";
  error.error_class = error_class;
  error.retry_after_ms = retry_after_ms;
  return activity::Outcome::failure(std::move(error));
}

std::string name_of(const activity::Task& task) {
  return fmt::format(FMT_STRING("{} {}#{}.{}"), task.type, task.run.id, task.command.seq, task.attempt);
}

// Undoing in a flow, which knows no retry for it: the party always does it, sooner or later.
bool is_sure(const activity::Task& task) {
  return task.type == k_call_type && task.args.view().find("\"operationId\":\"undo\"") != std::string_view::npos;
}

}  // namespace

class SimulatedDriver final : public activity::Driver {
 public:
  explicit SimulatedDriver(Outside& outside) : outside_(outside) {}
  std::vector<std::string> types() const override { return {"sim.do", "sim.undo", k_call_type}; }
  void start(activity::Task task, activity::OnDone done) override {
    if (!stopped_) outside_.start(std::move(task), std::move(done));
    else done(failed("engine.shutdown", activity::ErrorClass::transient));
  }
  void cancel(const RunKey& run, CommandId command) override {
    if (!stopped_) outside_.cancel(run, command);
  }
  void shutdown() override { stopped_ = true; }

 private:
  Outside& outside_;
  bool stopped_ = false;
};

std::shared_ptr<activity::Driver> Outside::driver(std::shared_ptr<Clock> clock) {
  clock_ = std::move(clock);
  ++life_;
  return std::make_shared<SimulatedDriver>(*this);
}

Random Outside::random_of(const activity::Task& task, std::uint64_t question) const {
  return Random(mix(settings_.seed ^ checksum64(task.run.id), mix(task.command.seq, task.attempt * 16 + question)));
}

void Outside::start(activity::Task task, activity::OnDone done) {
  const Effect effect{task.run, task.command.seq};
  trace_.line("  start " + name_of(task));
  Command& command = commands_of(task.run)[task.command.seq];
  if (task.attempt <= command.last_attempt)
    judge_.violated(9, name_of(task) + " was handed out after attempt " + std::to_string(command.last_attempt));
  if (command.out_in_life == life_) judge_.violated(9, name_of(task) + " begins while one before it is out");
  command.last_attempt = task.attempt;
  command.out_in_life = life_;
  handed_out_.push_back({effect, task.attempt});
  const std::uint64_t whose = mix(checksum64(task.run.id), task.command.seq);
  if (const auto [known, fresh] = by_key_.try_emplace(checksum64(task.idempotency_key), whose);
      !fresh && known->second != whose)
    judge_.violated(12, name_of(task) + " has the idempotency key of another command");
  if (const auto why = services_.begins(task, clock_->now_ms()))
    judge_.violated(30, name_of(task) + " begins: " + *why);
  Random random = random_of(task, 0);
  Held held{std::move(task), std::move(done), clock_->now_ms(), life_};
  if (!wild) return finish(std::move(held), Fate::ok);
  std::uint64_t what = random.below(100);
  if (what < settings_.at_once_percent) return finish(std::move(held), Fate::ok);
  what -= settings_.at_once_percent;
  const bool sure = is_sure(held.task);
  if (what < settings_.refused_percent && !sure) return finish(std::move(held), Fate::refused);
  what -= settings_.refused_percent;
  if (what < settings_.lost_percent && !sure) return finish(std::move(held), Fate::lost_answer);
  held_.push_back(std::move(held));
  if (held_.size() > settings_.in_flight) judge_.violated(30, "more activities in flight than activities_in_flight");
}

void Outside::cancel(const RunKey& run, CommandId command) {
  for (std::size_t i = 0; i < held_.size(); ++i) {
    if (held_[i].task.run != run || held_[i].task.command != command) continue;
    trace_.line("  cancel " + name_of(held_[i].task));
    Random random = random_of(held_[i].task, 1);
    if (random.chance(40)) return;  // it answers in its own time
    Held one = std::move(held_[i]);
    held_.erase(held_.begin() + static_cast<std::ptrdiff_t>(i));
    return finish(std::move(one), random.chance(70)   ? Fate::cancelled
                                  : random.chance(50) ? Fate::ok
                                                      : Fate::lost_answer);
  }
}

Outside::Commands& Outside::commands_of(const RunKey& run) { return commands_[run.id]; }

bool Outside::takes(std::string_view activity_type) {
  return activity_type == "sim.do" || activity_type == "sim.undo" || activity_type == k_call_type;
}

bool Outside::was_handed_out(const RunKey& run, std::uint64_t command, std::uint32_t attempt) const {
  const auto commands = commands_.find(run.id);
  if (commands == commands_.end()) return false;
  const auto known = commands->second.find(command);
  return known != commands->second.end() && known->second.last_attempt >= attempt;
}

void Outside::take_effect(const activity::Task& task) { commands_of(task.run)[task.command.seq].in_effect = true; }

bool Outside::in_effect(const Effect& effect) const {
  const auto commands = commands_.find(effect.first.id);
  if (commands == commands_.end()) return false;
  const auto command = commands->second.find(effect.second);
  return command != commands->second.end() && command->second.in_effect;
}

Bytes Outside::answer_of(const activity::Task& task) const {
  std::string text = "{\"of\":" + std::to_string(task.command.seq);
  if (settings_.big_percent != 0)
    if (Random random = random_of(task, 2); random.below(100) < settings_.big_percent) {
      const std::size_t size = 66'000 + random.below(2) * 1000;
      text += ",\"big\":\"" + std::string(size, static_cast<char>('a' + random.below(3))) + "\"";
    }
  return Bytes(text + "}");
}

void Outside::finish(Held held, Fate fate) {
  const activity::Task& task = held.task;
  if (on_fate) on_fate(task.run, fate);
  trace_.line("  answer " + name_of(task) + " " + k_fate_names[static_cast<std::size_t>(fate)]);
  activity::Outcome outcome = outcome_of(task, fate);
  commands_of(task.run)[task.command.seq].out_in_life = 0;
  services_.ended(task, outcome, clock_->now_ms());
  held.done(std::move(outcome));
}

activity::Outcome Outside::outcome_of(const activity::Task& task, Fate fate) {
  Random random = random_of(task, 3);
  switch (fate) {
    case Fate::ok:
    case Fate::late: take_effect(task); return activity::Outcome::success(answer_of(task));
    case Fate::refused: {
      static constexpr activity::ErrorClass k_classes[] = {
          activity::ErrorClass::transient, activity::ErrorClass::recoverable, activity::ErrorClass::throttled,
          activity::ErrorClass::fatal};
      const bool undo = task.type == "sim.undo";
      const auto error_class = k_classes[random.below(undo ? 3 : 4)];
      const DurationMs after = error_class == activity::ErrorClass::throttled ? 1 + random.below(3000) : 0;
      return failed(random.chance(50) ? "flaky" : "broken", error_class, after);
    }
    case Fate::lost_answer:
    case Fate::hung:
      if (random.chance(50)) take_effect(task);
      return failed(fate == Fate::hung ? "timeout.start_to_close" : "flaky", activity::ErrorClass::ambiguous);
    case Fate::cancelled:
      if (random.chance(50)) return failed("cancelled", activity::ErrorClass::fatal);
      if (random.chance(50)) take_effect(task);
      return failed("cancelled", activity::ErrorClass::ambiguous);
  }
  return {};
}

void Outside::answer_one(Random& random) {
  if (held_.empty()) return;
  const auto at = static_cast<std::ptrdiff_t>(random.below(held_.size()));
  Held one = std::move(held_[static_cast<std::size_t>(at)]);
  held_.erase(held_.begin() + at);
  const auto what = random.below(100);
  const Fate fate = what < 70 || is_sure(one.task) ? Fate::late : what < 88 ? Fate::refused : Fate::lost_answer;
  finish(std::move(one), fate);
}

void Outside::answer_some(Random& random) {
  for (std::size_t n = held_.size(); n > 0 && !held_.empty(); --n)
    if (random.chance(80)) answer_one(random);
}

void Outside::answer_all() {
  while (!held_.empty()) {
    Held one = std::move(held_.back());
    held_.pop_back();
    finish(std::move(one), Fate::late);
  }
}

void Outside::answer_overdue() {
  const TimeMs now = clock_->now_ms();
  for (std::size_t i = 0; i < held_.size();) {
    const DurationMs limit = held_[i].task.start_to_close_ms;
    if (limit == 0 || held_[i].started_at + limit > now) {
      ++i;
      continue;
    }
    Held one = std::move(held_[i]);
    held_.erase(held_.begin() + static_cast<std::ptrdiff_t>(i));
    finish(std::move(one), Fate::hung);
    i = 0;  // an answer may start or cancel others
  }
}

void Outside::process_died() {
  services_.process_died();
  std::vector<Held> gone;
  gone.swap(held_);
  for (const Held& held : gone)
    if (random_of(held.task, 4).chance(50)) take_effect(held.task);
}

}  // namespace perdure::sim
