#pragma once
// For the tests of this folder: a terminal made of strings, and an engine that plays a script.
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "cli/backend.h"
#include "cli/cli.h"
#include "cli/io.h"
#include "engine/engine.h"
#include "loaders/load.h"

namespace perdure::cli::testing {

class FakeIo final : public Io {
 public:
  std::string out_text, err_text, stdin_text;
  std::deque<std::string> lines;  // typed at the terminal
  bool out_tty = false, err_tty = false, in_tty = false;
  std::map<std::string, std::string> variables{{"HOME", "/nowhere"}, {"USER", "ann"}, {"LANG", "C.UTF-8"}};
  TimeMs now = 1'000'000;
  bool interrupt = false;

  void out(std::string_view text) override { out_text += text; }
  void err(std::string_view text) override { err_text += text; }
  bool out_is_terminal() const override { return out_tty; }
  bool err_is_terminal() const override { return err_tty; }
  bool in_is_terminal() const override { return in_tty; }
  Size size() const override { return {}; }
  bool output_failed() const override { return false; }
  Result<std::string> read_input(std::size_t limit) override {
    if (stdin_text.size() > limit) return fail(ErrorCode::exhausted, "too large");
    return stdin_text;
  }
  std::optional<std::string> read_line() override {
    if (lines.empty()) return std::nullopt;
    std::string line = lines.front();
    lines.pop_front();
    return line;
  }
  std::optional<std::string> env(const char* name) const override {
    const auto found = variables.find(name);
    return found == variables.end() ? std::nullopt : std::optional(found->second);
  }
  TimeMs now_ms() override { return now; }
  void catch_interrupts() override {}
  bool interrupted() const override { return interrupt; }
};

// What a run of the fake does, and what was asked of it.
struct Script {
  std::shared_ptr<const plan::Plan> plan;
  std::vector<engine::HistoryEntry> entries;  // the whole history, there at once
  engine::RunView view;
  std::vector<engine::HistoryEntry> after_review;  // appended when a review is decided, with view_after
  engine::RunView view_after;
  std::vector<engine::ReviewView> reviews;
  std::vector<engine::RunSummary> runs;
  std::optional<Error> error;  // of every call that changes something

  std::vector<OpenOptions> opened;
  std::vector<engine::StartRequest> started;
  std::vector<engine::ReviewDecision> decided;
  std::vector<std::string> did;  // "signal paid {...} key", "cancel ann why", …
  int shutdowns = 0;
};

class FakeEngine final : public engine::Engine {
 public:
  explicit FakeEngine(Script& script) : s_(script) {}

  Result<engine::WorkflowInfo> register_workflow(std::shared_ptr<const plan::Plan> plan) override {
    s_.did.push_back("register " + plan->name);
    return engine::WorkflowInfo{.name = plan->name, .version = plan->version, .plan_hash = plan->hash};
  }
  Result<std::shared_ptr<const plan::Plan>> workflow(const std::string& name, const std::string&) override {
    if (s_.plan && s_.plan->name == name) return s_.plan;
    return fail(ErrorCode::not_found, "no workflow " + name);
  }
  Result<std::vector<engine::WorkflowInfo>> workflows() override {
    std::vector<engine::WorkflowInfo> all;
    if (s_.plan) all.push_back({.name = s_.plan->name, .version = s_.plan->version, .plan_hash = s_.plan->hash});
    return all;
  }
  Result<std::shared_ptr<const plan::Plan>> plan(const std::string&) override { return s_.plan; }
  Result<engine::Started> start(engine::StartRequest request) override {
    if (s_.error) return tl::unexpected(*s_.error);
    s_.started.push_back(std::move(request));
    if (!s_.plan) s_.plan = s_.started.back().plan;
    return engine::Started{.run = s_.view.run};
  }
  void start_async(engine::StartRequest request, std::function<void(Result<engine::Started>)> done) override {
    done(start(std::move(request)));
  }
  Result<engine::RunView> wait(const RunKey&, bool, std::chrono::milliseconds) override { return s_.view; }
  std::unique_ptr<engine::Subscription> watch(const RunKey&, engine::Watcher) override {
    return std::make_unique<engine::Subscription>();
  }
  Result<engine::RunView> describe(const RunKey& key) override {
    if (key.id != s_.view.run.id) return fail(ErrorCode::not_found, "there is no run " + key.id);
    return s_.view;
  }
  Result<std::vector<engine::HistoryEntry>> history(const RunKey&, std::uint64_t from, std::size_t limit) override {
    std::vector<engine::HistoryEntry> page;
    for (const engine::HistoryEntry& entry : s_.entries)
      if (entry.seq >= from && page.size() < limit) page.push_back(entry);
    return page;
  }
  Result<engine::RunList> list(const engine::ListRequest&) override {
    return engine::RunList{.runs = s_.runs, .next_cursor = ""};
  }
  Result<Value> query(const RunKey&, const std::string& name) override { return Value::object({{"name", name}}); }
  Result<std::vector<engine::ReviewView>> reviews(const std::string&) override { return s_.reviews; }
  Result<std::vector<RunKey>> publish(const std::string& tenant, const Value& event) override;
  Status signal(const RunKey&, const std::string& name, const Value& payload, const std::string& key) override;
  Result<Value> update(const RunKey&, const std::string& name, const Value& argument, const std::string& id) override;
  Status review(const RunKey&, const engine::ReviewDecision& decision) override {
    if (s_.error) return tl::unexpected(*s_.error);
    s_.decided.push_back(decision);
    s_.entries.insert(s_.entries.end(), s_.after_review.begin(), s_.after_review.end());
    s_.reviews.clear();
    s_.view = s_.view_after;
    return {};
  }
  Status pause(const RunKey&, const std::string& by, const std::string& why) override { return note("pause", by, why); }
  Status resume(const RunKey&, const std::string& by, const std::string& why) override {
    return note("resume", by, why);
  }
  Status cancel(const RunKey&, const std::string& by, const std::string& why) override {
    return note("cancel", by, why);
  }
  Status terminate(const RunKey&, const std::string& by, const std::string& why) override {
    return note("terminate", by, why);
  }
  Status retry(const RunKey&, const std::string& by, const std::string& why) override { return note("retry", by, why); }
  Result<engine::Started> restart(const engine::RestartRequest& request) override {
    s_.did.push_back("restart " + request.step);
    return engine::Started{.run = s_.view.run};
  }
  Result<engine::ReplayReport> replay(const RunKey&) override {
    return engine::ReplayReport{.matches = true, .events = 3, .batches = 2, .differences = {}};
  }
  Result<std::string> export_run(const RunKey&) override { return std::string("{}"); }
  Result<RunKey> import_run(const std::string&) override { return s_.view.run; }
  Result<engine::DoctorReport> doctor() override {
    return engine::DoctorReport{.clean = true, .runs = 1, .open = 0, .timers = 0, .findings = {}};
  }
  void shutdown() override { ++s_.shutdowns; }

 private:
  Status note(std::string what, const std::string& by, const std::string& why) {
    if (s_.error) return tl::unexpected(*s_.error);
    s_.did.push_back(std::move(what) + " " + by + " " + why);
    return {};
  }
  Script& s_;
};

// One command on the fake.
struct Ran {
  int code = -1;
  std::string out, err;
};
Ran run_words(const std::vector<std::string>& words, FakeIo& io, Script& script);
Ran run_words(const std::vector<std::string>& words, Script& script);

// A plan from a text that must be valid.
std::shared_ptr<const plan::Plan> plan_of(std::string_view yaml);
inline history::ActivityScheduled scheduled(history::FrameId frame, history::NodeId node, history::FrameId parent,
                                            std::uint32_t index, history::Role role = history::Role::step) {
  history::ActivityScheduled event;
  event.frame = frame;
  event.node = node;
  event.parent = parent;
  event.index = index;
  event.role = role;
  return event;
}
// Numbers the events from 1, `step_ms` apart.
std::vector<engine::HistoryEntry> history_of(std::vector<history::Event> events, TimeMs start = 1'000'000,
                                             DurationMs step_ms = 1'000);

}  // namespace perdure::cli::testing
