// The fake engine's parts that need a body, and the command line as a whole on it.
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "base/json.h"
#include "cli/testing.h"
#include "cli/verbs.h"

namespace perdure::cli::testing {

Result<std::vector<RunKey>> FakeEngine::publish(const std::string& tenant, const Value& event) {
  PERDURE_TRY_VOID(note("publish", tenant, to_json(event)));
  return std::vector<RunKey>{{tenant, "r1"}};
}
Status FakeEngine::signal(const RunKey&, const std::string& name, const Value& payload, const std::string& key) {
  return note("signal", name, to_json(payload) + " " + key);
}
Result<Value> FakeEngine::update(const RunKey&, const std::string& name, const Value& argument, const std::string& id) {
  PERDURE_TRY_VOID(note("update", name, to_json(argument) + " " + id));
  return Value::object({{"eta", argument}});
}

Ran run_words(const std::vector<std::string>& words, FakeIo& io, Script& script) {
  Backend backend;
  backend.version = "1.2.3";
  backend.open = [&](const OpenOptions& options) -> Result<std::unique_ptr<engine::Engine>> {
    script.opened.push_back(options);
    return std::make_unique<FakeEngine>(script);
  };
  const int code = run(words, backend, io);
  return {.code = code, .out = io.out_text, .err = io.err_text};
}

Ran run_words(const std::vector<std::string>& words, Script& script) {
  FakeIo io;
  return run_words(words, io, script);
}

std::shared_ptr<const plan::Plan> plan_of(std::string_view yaml) {
  const loaders::Loaded loaded = loaders::load_native(yaml, "test.yaml");
  EXPECT_TRUE(loaded.ok()) << loaders::render(loaded.diagnostics, false);
  return loaded.plan;
}

std::vector<engine::HistoryEntry> history_of(std::vector<history::Event> events, TimeMs start, DurationMs step_ms) {
  std::vector<engine::HistoryEntry> entries;
  for (history::Event& event : events) {
    const auto seq = static_cast<std::uint64_t>(entries.size() + 1);
    entries.push_back(
        {.seq = seq, .at = start + static_cast<TimeMs>(entries.size()) * step_ms, .event = std::move(event)});
  }
  return entries;
}

}  // namespace perdure::cli::testing

namespace perdure::cli {
namespace {

namespace h = history;
using testing::FakeIo;
using testing::history_of;
using testing::plan_of;
using testing::Ran;
using testing::run_words;
using testing::Script;

constexpr std::string_view k_flow = R"(name: flow
version: "1"
input: {type: object, properties: {n: {type: integer}, s: {type: string}}}
steps:
  - {id: get, call: shell, with: {argv: ["true"]}}
  - {id: ask, type: human_review, reviewers: [ann], data: {text: hi}}
)";

h::NodeId node(const plan::Plan& plan, std::string_view name) {
  for (const plan::Node& one : plan.nodes)
    if (one.name == name) return one.id;
  ADD_FAILURE() << "no node " << name;
  return 0;
}

class CommandLine : public ::testing::Test {
 protected:
  CommandLine() {
    dir_ = std::filesystem::temp_directory_path() / ("perdure-cli-test-" + std::to_string(::getpid()) + "-" + next());
    std::filesystem::create_directories(dir_);
    file_ = (dir_ / "flow.yaml").string();
    std::ofstream(file_) << k_flow;
    script_.plan = plan_of(k_flow);
    script_.view.run = {.tenant = "default", .id = "r1"};
    script_.view.workflow = "flow";
    script_.view.started_at = 1'000'000;
    script_.view.closed_at = 1'003'000;
    io_.variables["PERDURE_STORE"] = dir_.string();
  }
  ~CommandLine() override { std::filesystem::remove_all(dir_); }
  static std::string next() {
    static int number = 0;
    return std::to_string(++number);
  }

  std::vector<h::Event> begun() const {
    return {h::RunStarted{.info = std::make_shared<h::StartInfo>()},
            testing::scheduled(1, node(*script_.plan, "get"), 0, 0),
            h::ActivityCompleted{.frame = 1, .command = 2, .attempt = 1, .result = Bytes("{}")},
            h::StepCompleted{.frame = 1, .kind = {}, .from = h::k_none, .output = {}}};
  }
  void completes() {
    std::vector<h::Event> events = begun();
    events.emplace_back(h::RunCompleted{.output = Bytes("{\"a\":1}")});
    script_.entries = history_of(std::move(events));
    script_.view.status = "completed";
    script_.view.output = Value::object({{"a", 1}});
    script_.view.events = script_.entries.size();
  }
  void fails(h::RunStatus status = h::RunStatus::failed) {
    h::Fault fault;
    fault.type = "http.503";
    fault.title = "Service \x1b[31mUnavailable";
    fault.step = "get";
    std::vector<h::Event> events = begun();
    events.emplace_back(h::RunFailed{.status = status, .fault = std::make_shared<h::Fault>(fault)});
    script_.entries = history_of(std::move(events));
    script_.view.status = h::to_string(status);
    script_.view.error = fault;
  }
  void waits() {
    std::vector<h::Event> events = begun();
    events.emplace_back(
        h::StepStarted{.frame = 1, .node = node(*script_.plan, "ask"), .parent = 0, .index = 1, .role = h::Role::step});
    events.emplace_back(h::ReviewOpened{.frame = 1, .request = {}});
    script_.entries = history_of(std::move(events));
    script_.view.status = "waiting";
    script_.view.closed_at = 0;
    script_.view.waiting_for = {"a review of step ask"};
    engine::ReviewView review{.run = script_.view.run,
                              .id = "5",
                              .step = "ask",
                              .workflow = "flow",
                              .opened_at = 1'000'000,
                              .deadline = 0,
                              .request = Value::object({{"data", Value::object({{"text", "hi"}})}}),
                              .approvals = {}};
    script_.view.reviews = {review};
    script_.reviews = {review};
    script_.after_review = {{.seq = 7, .at = 1'007'000, .event = h::RunCompleted{.output = {}}}};
    script_.view_after = script_.view;
    script_.view_after.status = "completed";
    script_.view_after.output = "done";
    script_.view_after.closed_at = 1'007'000;
    script_.view_after.reviews.clear();
  }

  std::filesystem::path dir_;
  std::string file_;
  Script script_;
  FakeIo io_;
};

TEST_F(CommandLine, RunCompletesWithItsOutputOnStdout) {
  completes();
  const Ran ran = run_words({"run", file_, "--id", "r1", "-i", "n=7", "-i", "s=7"}, io_, script_);
  EXPECT_EQ(ran.code, 0) << ran.err;
  EXPECT_EQ(ran.out, "{\n  \"a\": 1\n}\n");
  EXPECT_NE(ran.err.find("completed in 3.0 s"), std::string::npos) << ran.err;
  EXPECT_NE(ran.err.find("get  completed (2.0 s)"), std::string::npos) << ran.err;
  ASSERT_EQ(script_.started.size(), 1U);
  EXPECT_EQ(script_.started[0].input.view(), R"({"n":7,"s":"7"})");
  EXPECT_EQ(script_.started[0].id, "r1");
  ASSERT_EQ(script_.opened.size(), 1U);
  EXPECT_TRUE(script_.opened[0].allow_private_addresses);
  EXPECT_EQ(script_.opened[0].drive, Drive::everything);
  EXPECT_EQ(script_.shutdowns, 1);
}

TEST_F(CommandLine, TheEnvironmentSaysWhomHttpTrustsAndWhereItGoes) {
  completes();
  io_.variables["PERDURE_HTTP_CA_FILE"] = "/etc/own.pem";
  io_.variables["PERDURE_HTTP_CONNECT_TO"] = "a.test:443:127.0.0.1:8443,b.test:80:127.0.0.1:8080";
  EXPECT_EQ(run_words({"run", file_, "--id", "r1"}, io_, script_).code, 0);
  ASSERT_EQ(script_.opened.size(), 1U);
  EXPECT_EQ(script_.opened[0].http_ca_file, "/etc/own.pem");
  EXPECT_EQ(script_.opened[0].http_connect_to,
            (std::vector<std::string>{"a.test:443:127.0.0.1:8443", "b.test:80:127.0.0.1:8080"}));
}

TEST_F(CommandLine, EventsAreLinesOfJsonWithTheResultLast) {
  completes();
  const Ran ran = run_words({"run", file_, "--json"}, io_, script_);
  EXPECT_EQ(ran.code, 0);
  EXPECT_EQ(ran.err, "");
  std::vector<Value> lines;
  for (std::size_t at = 0; at < ran.out.size();) {
    const std::size_t end = ran.out.find('\n', at);
    const auto parsed = parse_json(ran.out.substr(at, end - at));
    ASSERT_TRUE(parsed);
    lines.push_back(*parsed);
    at = end + 1;
  }
  ASSERT_EQ(lines.size(), 6U);
  EXPECT_EQ(lines[1].find("type")->as_string(), "ActivityScheduled");
  EXPECT_EQ(lines[1].find("step_path")->as_string(), "get");
  EXPECT_EQ(lines[3].find("step_path")->as_string(), "get") << "a step's last event names it too";
  EXPECT_EQ(lines[5].find("type")->as_string(), "RunResult");
  EXPECT_EQ(lines[5].find("exit_code")->as_int(), 0);
  EXPECT_EQ(*lines[5].find("output"), Value::object({{"a", 1}}));
}

TEST_F(CommandLine, FailedRunExitsWithOneAndCanNotDriveTheTerminal) {
  fails();
  const Ran ran = run_words({"run", file_}, io_, script_);
  EXPECT_EQ(ran.code, 1);
  EXPECT_EQ(ran.out, "");
  EXPECT_NE(ran.err.find("http.503: Service \\x1b[31mUnavailable (step get)"), std::string::npos) << ran.err;
  EXPECT_EQ(ran.err.find('\x1b'), std::string::npos);
}

TEST_F(CommandLine, WaitingRunExitsWithThreeAndSaysHowToAnswer) {
  waits();
  const Ran ran = run_words({"run", file_}, io_, script_);
  EXPECT_EQ(ran.code, 3);
  EXPECT_NE(ran.err.find("waiting for a review of step ask\n  perdure review approve r1\n"), std::string::npos)
      << ran.err;
}

TEST_F(CommandLine, InterruptedRunExitsWith130AndSaysHowToResume) {
  waits();
  io_.interrupt = true;
  const Ran ran = run_words({"run", file_, "--store", dir_.string() + "/it's"}, io_, script_);
  EXPECT_EQ(ran.code, 130);
  EXPECT_NE(ran.err.find("  perdure resume r1 --store '" + dir_.string() + "/it'\\''s'\n"), std::string::npos)
      << ran.err;
  EXPECT_EQ(script_.shutdowns, 1);
}

TEST_F(CommandLine, ReviewsArePutToThePersonAtTheTerminal) {
  waits();
  io_.err_tty = io_.in_tty = true;
  io_.lines = {"what?", "a", "looks fine"};
  const Ran ran = run_words({"run", file_}, io_, script_);
  EXPECT_EQ(ran.code, 0) << ran.err;
  ASSERT_EQ(script_.decided.size(), 1U);
  EXPECT_TRUE(script_.decided[0].approved);
  EXPECT_EQ(script_.decided[0].comment, "looks fine");
  EXPECT_EQ(script_.decided[0].reviewer, "ann");
  EXPECT_EQ(script_.decided[0].review, "5");
  EXPECT_EQ(ran.out, "\"done\"\n");
}

TEST_F(CommandLine, AReviewPutOffLeavesTheRunWaiting) {
  waits();
  io_.err_tty = io_.in_tty = true;
  io_.lines = {"l"};
  EXPECT_EQ(run_words({"run", file_}, io_, script_).code, 3);
  EXPECT_TRUE(script_.decided.empty());
}

TEST_F(CommandLine, AMessageThatGotThroughExitsWithZeroHoweverTheRunGoesOn) {
  waits();
  EXPECT_EQ(run_words({"signal", "r1", "paid", "--data", "{\"sum\": 7}", "--key", "k"}, io_, script_).code, 0);
  EXPECT_EQ(script_.did, std::vector<std::string>{"signal paid {\"sum\":7} k"});
  script_.did.clear();
  EXPECT_EQ(run_words({"emit", "order.paid", "--data", "{\"sum\": 7}", "--attribute", "subject=42", "--no-drive"}, io_,
                      script_)
                .code,
            0);
  EXPECT_EQ(script_.did, std::vector<std::string>{
                             "publish default {\"type\":\"order.paid\",\"subject\":\"42\",\"data\":{\"sum\":7}}"});
  script_.view_after.status = "failed";
  const Ran ran = run_words({"review", "reject", "r1", "--comment", "no"}, io_, script_);
  EXPECT_EQ(ran.code, 0) << ran.err;
  ASSERT_EQ(script_.decided.size(), 1U);
  EXPECT_FALSE(script_.decided[0].approved);
}

TEST_F(CommandLine, WhatIsRefusedIsAnErrorWithItsCode) {
  waits();
  script_.error = Error{ErrorCode::invalid, "the data does not fit the form; see 'perdure review show'"};
  EXPECT_EQ(run_words({"review", "approve", "r1"}, io_, script_).code, 2);
  script_.error = Error{ErrorCode::conflict, "the store is held by process 7; end it first"};
  FakeIo io = io_;
  io.err_text.clear();
  const Ran ran = run_words({"pause", "r1", "--json"}, io, script_);
  EXPECT_EQ(ran.code, 1);
  EXPECT_EQ(ran.err,
            "{\"error\":{\"code\":\"conflict\",\"message\":\"the store is held by process 7; end it "
            "first\",\"exit_code\":1}}\n");
}

TEST_F(CommandLine, CancelIsWellWhenEverythingWasUndone) {
  fails(h::RunStatus::cancelled);
  EXPECT_EQ(run_words({"cancel", "r1", "--reason", "why"}, io_, script_).code, 0);
  EXPECT_EQ(script_.did, std::vector<std::string>{"cancel ann why"});
  script_.view.compensation = "failed";
  script_.view.repair = {Value::object({{"step", "get"}})};
  const Ran ran = run_words({"cancel", "r1"}, io_, script_);
  EXPECT_EQ(ran.code, 1);
  EXPECT_NE(ran.err.find("could not be undone"), std::string::npos);
}

TEST_F(CommandLine, LookingOpensTheStoreWithoutDrivingIt) {
  completes();
  for (const std::vector<std::string>& words : std::vector<std::vector<std::string>>{{"list"},
                                                                                     {"show", "r1"},
                                                                                     {"history", "r1"},
                                                                                     {"history", "r1", "--events"},
                                                                                     {"query", "r1", "eta"},
                                                                                     {"doctor"},
                                                                                     {"replay", "r1"},
                                                                                     {"export", "r1"},
                                                                                     {"review", "list"},
                                                                                     {"workflows"}}) {
    script_.opened.clear();
    FakeIo io = io_;
    const Ran ran = run_words(words, io, script_);
    EXPECT_EQ(ran.code, 0) << words[0] << ran.err;
    ASSERT_EQ(script_.opened.size(), 1U) << words[0];
    EXPECT_EQ(script_.opened[0].drive, Drive::nothing) << words[0];
  }
}

TEST_F(CommandLine, ResumeOfARunThatIsOverShowsItsResult) {
  completes();
  const Ran ran = run_words({"resume", "r1"}, io_, script_);
  EXPECT_EQ(ran.code, 0);
  EXPECT_EQ(ran.out, "{\n  \"a\": 1\n}\n");
  fails();
  EXPECT_EQ(run_words({"resume", "r1"}, io_, script_).code, 1);
}

TEST_F(CommandLine, LookingDoesNotMakeAStore) {
  io_.variables["PERDURE_STORE"] = (dir_ / "none").string();
  const Ran ran = run_words({"show", "r1"}, io_, script_);
  EXPECT_EQ(ran.code, 1);
  EXPECT_NE(ran.err.find("there is no store at"), std::string::npos);
  EXPECT_TRUE(script_.opened.empty());
}

TEST_F(CommandLine, BadInputIsRefusedBeforeAnythingRuns) {
  struct Case {
    std::vector<std::string> words;
    std::string says;
  };
  const std::vector<Case> cases = {
      {{"rnu", "x"}, "unknown command 'rnu'; did you mean 'run'?"},
      {{"zzzzzzz"}, "unknown command 'zzzzzzz'; 'perdure --help' lists what there is"},
      {{"review", "aprove", "r1"}, "did you mean 'approve'?"},
      {{"review"}, "'review' needs a command: list, show, approve, reject"},
      {{"run"}, "WORKFLOW is missing"},
      {{"run", file_, "extra"}, "'extra' is one word too many for 'run'"},
      {{"run", file_, "--inptu", "x"}, "unknown flag '--inptu'; did you mean '--input'?"},
      {{"run", file_, "--input"}, "--input needs a value"},
      {{"run", file_, "--input", "{"}, "--input is no JSON"},
      {{"run", file_, "--input", "n=x"}, "input n is 'x'; the workflow wants an integer"},
      {{"run", file_, "--input", "{}", "--input", "[]"}, "--input has two documents"},
      {{"run", file_, "--input", "@/nowhere/x"}, "/nowhere/x does not exist"},
      {{"run", file_, "--id", "a b"}, "--id holds a character that is not allowed"},
      {{"run", "/nowhere/f.yaml"}, "/nowhere/f.yaml does not exist"},
      {{"run", dir_.string()}, "is a folder"},
      {{"run", "flwo"}, "did you mean 'flow'?"},
      {{"show", "a/b"}, "the run id holds a character"},
      {{"list", "--status", "done"}, "--status is 'done'"},
      {{"list", "--limit", "0"}, "--limit is '0'; give a whole number from 1 to 10000"},
      {{"list", "--from", "yesterday"}, "--from is 'yesterday'"},
      {{"list", "--color", "blue"}, "--color is 'blue'; choose one of auto, always, never"},
      {{"restart", "r1"}, "--from is missing"},
      {{"completion", "csh"}, "bash, zsh and fish"},
      {{"--json"}, "no command given"},
      {{"run", std::string(100'000, 'x')}, "no workflow"},
      {{std::string("\x1b[2J", 4)}, "unknown command '\\x1b[2J'"},
  };
  for (const Case& one : cases) {
    FakeIo io = io_;
    const Ran ran = run_words(one.words, io, script_);
    EXPECT_EQ(ran.code, 2) << one.words[0] << ": " << ran.err;
    EXPECT_NE(ran.err.find(one.says), std::string::npos) << ran.err;
    EXPECT_EQ(ran.err.find('\x1b'), std::string::npos);
    EXPECT_LT(ran.err.size(), 100'000U);
  }
  EXPECT_TRUE(script_.started.empty());
}

TEST_F(CommandLine, EveryVerbHasHelpWithAnExample) {
  for (const Verb& verb : verbs()) {
    std::vector<std::string> words;
    const std::size_t space = verb.name.find(' ');
    words.push_back(verb.name.substr(0, space));
    if (space != std::string::npos) words.push_back(verb.name.substr(space + 1));
    words.emplace_back("--help");
    FakeIo io = io_;
    const Ran ran = run_words(words, io, script_);
    EXPECT_EQ(ran.code, 0) << verb.name;
    EXPECT_NE(ran.out.find("perdure " + verb.name), std::string::npos) << verb.name;
    EXPECT_NE(ran.out.find("Examples:"), std::string::npos) << verb.name;
    EXPECT_FALSE(verb.summary.empty());
    EXPECT_NE(verb.run, nullptr);
  }
  FakeIo io = io_;
  EXPECT_EQ(run_words({}, io, script_).code, 0);
  EXPECT_NE(io.out_text.find("Exit codes:"), std::string::npos);
}

TEST(Reference, DocsHaveTheVerbTable) {
  const std::string path = std::string(PERDURE_SOURCE_DIR) + "/docs/cli.md";
  std::ostringstream read;
  read << std::ifstream(path).rdbuf();
  const std::string mark = "<!-- From here on written by PERDURE_REWRITE=1 cli_test, from the verb table. -->\n";
  const std::size_t at = read.str().find(mark);
  ASSERT_NE(at, std::string::npos);
  const std::string head = read.str().substr(0, at + mark.size());
  if (std::getenv("PERDURE_REWRITE")) std::ofstream(path) << head << reference_text();
  else EXPECT_EQ(read.str(), head + reference_text()) << "PERDURE_REWRITE=1 brings docs/cli.md up to date";
}

TEST_F(CommandLine, ValidateShowsEveryFile) {
  std::ofstream(dir_ / "bad.yaml") << "name: bad\nsteps:\n  - {id: a, cal: shell}\n";
  const Ran ran =
      run_words({"validate", file_, (dir_ / "bad.yaml").string(), (dir_ / "none.yaml").string()}, io_, script_);
  EXPECT_EQ(ran.code, 2);
  EXPECT_NE(ran.out.find("flow.yaml: valid: flow@1\n"), std::string::npos) << ran.out;
  EXPECT_NE(ran.err.find("bad.yaml:3:13: error:"), std::string::npos) << ran.err;
  EXPECT_NE(ran.err.find("none.yaml does not exist"), std::string::npos) << ran.err;
  FakeIo io = io_;
  io.out_text.clear();
  const Ran json = run_words({"validate", "--json", file_}, io, script_);
  EXPECT_EQ(json.code, 0);
  const auto report = parse_json(json.out);
  ASSERT_TRUE(report);
  EXPECT_TRUE(report->find("valid")->as_bool());
}

}  // namespace
}  // namespace perdure::cli
