#include "activity/shell/shell.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <thread>

#include "activity/conformance.h"
#include "activity/outcome.h"
#include "base/json.h"

namespace perdure::activity {
namespace {

using conformance::Answers;
using conformance::numbered;
using conformance::run_one;

Task of(std::string type, std::string args) {
  Task task;
  task.type = std::move(type);
  task.args = Bytes(std::move(args));
  return task;
}
Task shell(std::string args) { return of("shell", std::move(args)); }
Task bash(std::string source, std::string more = "") {
  return of("script", R"({"language":"bash","source":)" + to_json(Value(source)) + more + "}");
}

struct ShellTraits {
  static std::unique_ptr<Driver> make() { return make_shell({.concurrency = 4}); }
  static Task quick() { return shell(R"({"argv":["true"]})"); }
  static Task endless() { return shell(R"({"argv":["sleep","3600"]})"); }
  static Task refused() { return shell(R"({"argvv":["true"]})"); }
};

class Shell : public testing::Test {
 protected:
  Value result_of(Task task) {
    const Outcome outcome = run_one(*driver_, std::move(task));
    EXPECT_TRUE(outcome.ok) << outcome.error.type << ": " << outcome.error.title << "\n" << outcome.error.detail;
    auto value = parse_json(outcome.ok ? outcome.result.view() : "{}");
    return value ? *value : Value();
  }
  ActivityError error_of(Task task) {
    const Outcome outcome = run_one(*driver_, std::move(task));
    EXPECT_FALSE(outcome.ok) << outcome.result.view();
    return outcome.error;
  }
  std::unique_ptr<Driver> driver_ = make_shell({.concurrency = 4, .output_bytes_max = 100'000});
};

TEST_F(Shell, AnswersForADetachedProgramOnceItIsBegun) {
  const auto file = std::filesystem::temp_directory_path() / ("perdure-detached-" + std::to_string(getpid()));
  EXPECT_TRUE(result_of(bash("sleep 3600", R"(,"await":false)")).is_null());
  EXPECT_TRUE(result_of(bash("yes | head -c 300000; exit 7", R"(,"await":false)")).is_null());  // nobody reads it
  EXPECT_TRUE(result_of(bash("touch " + file.string(), R"(,"await":false,"return":"code")")).is_null());
  while (!std::filesystem::exists(file)) std::this_thread::yield();
  std::filesystem::remove(file);
}

TEST_F(Shell, TakesSecretsWhereNobodyElseSeesThem) {
  for (const char* member : {"env.KEY", "stdin", "stdin.a[0]", "script.env.KEY", "script.stdin"})
    EXPECT_TRUE(driver_->takes_secret("shell", member)) << member;
  for (const char* member : {"argv[1]", "args[0]", "source", "script.source", "script.args[0]", "cwd", "env"})
    EXPECT_FALSE(driver_->takes_secret("script", member)) << member;
  EXPECT_TRUE(driver_->takes_secret("container", "env.KEY"));
  EXPECT_FALSE(driver_->takes_secret("container", "env.HTTP_KEY"));
  EXPECT_FALSE(driver_->takes_secret("container", "image"));
}

TEST_F(Shell, GivesExitCodeAndBothStreams) {
  struct Case {
    const char* args;
    const char* result;
  };
  const Case cases[] = {
      {R"({"argv":["echo","a b","$HOME;*"]})", R"({"exit_code":0,"stdout":"a b $HOME;*\n","stderr":""})"},
      {R"({"argv":["cat"]})", R"({"exit_code":0,"stdout":"","stderr":""})"},
      {R"({"argv":["cat"],"stdin":"text\n"})", R"({"exit_code":0,"stdout":"text\n","stderr":""})"},
      {R"({"argv":["cat"],"stdin":{"a":[1,null]}})", R"({"exit_code":0,"stdout":"{\"a\":[1,null]}","stderr":""})"},
      {R"({"argv":["cat"],"stdin":7})", R"({"exit_code":0,"stdout":"7","stderr":""})"},
      {R"({"argv":["sh","-c","echo out; echo err >&2; exit 3"],"ok_codes":[0,3]})",
       R"({"exit_code":3,"stdout":"out\n","stderr":"err\n"})"},
      {R"({"argv":["pwd"],"cwd":"/usr"})", R"({"exit_code":0,"stdout":"/usr\n","stderr":""})"},
      {R"({"argv":["printf","a\\nb\\r\\n\\nc"],"parse":"lines"})",
       R"({"exit_code":0,"stdout":"a\nb\r\n\nc","stderr":"","value":["a","b","","c"]})"},
      {R"({"argv":["echo","{\"n\": 1}"],"parse":"json"})",
       R"({"exit_code":0,"stdout":"{\"n\": 1}\n","stderr":"","value":{"n":1}})"},
      {R"({"argv":["echo",5,true],"parse":"text"})", R"({"exit_code":0,"stdout":"5 true\n","stderr":""})"},
      {R"({"argv":["printf","\\377x"]})", "{\"exit_code\":0,\"stdout\":\"\xEF\xBF\xBDx\",\"stderr\":\"\"}"},
      {R"({"argv":["env"],"env":{"PATH":"/usr/bin:/bin","HOME":"/h","A":"b c","N":1}})",
       R"({"exit_code":0,"stdout":"A=b c\nHOME=/h\nN=1\nPATH=/usr/bin:/bin\nPERDURE_IDEMPOTENCY_KEY=conformance:1\n","stderr":""})"},
  };
  for (const Case& c : cases) EXPECT_EQ(to_json(result_of(shell(c.args))), to_json(*parse_json(c.result))) << c.args;
}

TEST_F(Shell, RunsScriptsWithValuesByEnvArgsAndStdin) {
  const Value bash_result =
      result_of(of("script", R"js({"script":{"language":"bash","source":"read -r x; echo \"$x $A $1\"",
      "args":["arg"],"env":{"A":"$(touch /tmp/never)"}},"stdin":"line"})js"));
  EXPECT_EQ(bash_result.find("stdout")->as_string(), "line $(touch /tmp/never) arg\n");
  const Value python = result_of(
      of("script",
         R"js({"language":"python","source":"import sys, json\nprint(json.dumps({'n': json.load(sys.stdin)['n'] + 1}))",
      "stdin":{"n":41},"parse":"json"})js"));
  EXPECT_EQ(to_json(*python.find("value")), R"({"n":42})");
  EXPECT_EQ(result_of(shell(R"({"script":{"language":"sh","source":"echo hi"}})")).find("stdout")->as_string(), "hi\n");
}

TEST_F(Shell, ReturnsThePartThatIsAskedFor) {
  const std::string source = R"("language":"sh","source":"cat; echo \"$1|$2|$3|$A\" >&2; exit $CODE","stdin":"in",)"
                             R"("args":["a",{"b":1},null],"env":{"A":[1],"B":null,"CODE":)";
  const auto of_code = [&](int code, const char* part) {
    return of("script", "{" + source + std::to_string(code) + "},\"return\":\"" + part + "\"}");
  };
  const std::string errors = R"("a|{\"b\":1}||[1]\n")";
  EXPECT_EQ(to_json(result_of(of_code(0, "stdout"))), R"("in")");
  EXPECT_EQ(to_json(result_of(of_code(0, "stderr"))), errors);
  EXPECT_EQ(to_json(result_of(of_code(3, "code"))), "3");
  EXPECT_EQ(to_json(result_of(of_code(3, "all"))), R"({"code":3,"stdout":"in","stderr":)" + errors + "}");
  EXPECT_EQ(to_json(result_of(of_code(0, "none"))), "null");
  EXPECT_EQ(error_of(of_code(3, "stdout")).type, "shell.exit");
  EXPECT_EQ(error_of(of_code(0, "stdoutt")).type, "validation");
}

TEST_F(Shell, RunsJavaScriptWhereNodeIsFound) {
  const auto js = [](const char* source) {
    return of("script",
              R"({"language":"js","return":"stdout","args":["x","-y"],"source":)" + to_json(Value(source)) + "}");
  };
  const Outcome outcome = run_one(*driver_, js("console.log(process.argv.slice(2).join())"));
  if (!outcome.ok && outcome.error.type == "shell.spawn") GTEST_SKIP() << "no node here";
  EXPECT_EQ(outcome.result.view(), R"("x,-y\n")");
  EXPECT_EQ(to_json(result_of(js("import { basename } from 'node:path';\nconsole.log(basename('/a/b'))"))), R"("b\n")");
}

TEST_F(Shell, TheEnvironmentIsEmptyButForWhatIsGiven) {
  setenv("PERDURE_TEST_SECRET", "canary", 1);
  Task task = bash("env | cut -d= -f1 | sort | tr '\\n' ' '; ls /proc/self/fd | wc -l");
  task.traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
  const Value result = result_of(task);
  // PWD, SHLVL and _ are bash's own; ls has its three streams and the directory it reads.
  EXPECT_EQ(result.find("stdout")->as_string(), "HOME PATH PERDURE_IDEMPOTENCY_KEY PWD SHLVL TRACEPARENT _ 4\n");
}

TEST_F(Shell, ErrorsSayWhatAndWhy) {
  struct Case {
    const char* args;
    const char* type;
    ErrorClass error_class;
    const char* title;
    int status;
  };
  const auto fatal = ErrorClass::fatal;
  const auto again = ErrorClass::recoverable;
  const Case cases[] = {
      {R"({"argv":["sh","-c","exit 7"]})", "shell.exit", again, "'sh' ended with exit code 7", 7},
      {R"({"argv":["true"],"ok_codes":[1]})", "shell.exit", again, "'true' ended with exit code 0", 0},
      {R"({"argv":["sh","-c","kill -SEGV $$"]})", "shell.signal", again, "'sh' was ended by signal 11 (SIGSEGV)", 139},
      {R"({"argv":["no-such-program"]})", "shell.spawn", fatal, "there is no program 'no-such-program' on PATH", 0},
      {R"({"argv":["/no/such"]})", "shell.spawn", fatal,
       "can't run '/no/such': No such file or directory (the file, or the interpreter it names)", 0},
      {R"({"argv":["/etc/passwd"]})", "shell.spawn", fatal, "can't run '/etc/passwd': Permission denied", 0},
      {R"({"argv":["true"],"cwd":"/no/such"})", "shell.spawn", fatal,
       "can't enter the working directory '/no/such': No such file or directory", 0},
      {R"({"argv":["echo","{"],"parse":"json"})", "shell.parse", fatal, nullptr, 0},
      {R"({"argv":["sh","-c","yes"]})", "shell.output_too_large", fatal,
       "'sh' wrote more than 100000 bytes to stdout and was killed; write large output to a file", 0},
      {R"({"argv":["sh","-c","yes >&2"]})", "shell.output_too_large", fatal, nullptr, 0},
      {R"({"argv":[]})", "validation", fatal, "shell: 'with.argv' must name a program first", 0},
      {R"({})", "validation", fatal, "shell: 'with.argv' is missing: a list of the program and its arguments", 0},
      {R"({"argv":"ls"})", "validation", fatal, "shell: 'with.argv' must be a list of strings, not a string", 0},
      {R"({"argv":["a\u0000b"]})", "validation", fatal, nullptr, 0},
      {R"({"argv":["true"],"env":{"A=B":"c"}})", "validation", fatal, nullptr, 0},
      {R"({"argv":["true"],"ok_codes":[256]})", "validation", fatal, nullptr, 0},
      {R"({"argv":["true"],"script":{"language":"sh","source":"x"}})", "validation", fatal, nullptr, 0},
      {R"({"script":{"language":"perl","source":"x"}})", "validation", fatal, nullptr, 0},
      {R"({"script":{"language":"sh","sauce":"x"}})", "validation", fatal, "shell: 'with.script.source' is missing", 0},
  };
  for (const Case& c : cases) {
    const ActivityError error = error_of(shell(c.args));
    EXPECT_EQ(error.type, c.type) << c.args << " " << error.title;
    EXPECT_EQ(error.error_class, c.error_class) << c.args;
    EXPECT_EQ(error.status, c.status) << c.args;
    if (c.title != nullptr) { EXPECT_EQ(error.title, c.title) << c.args; }
  }
  EXPECT_EQ(error_of(shell(R"({"argv":["nope"],"env":{"PATH":"/x:/y"}})")).detail, "PATH is /x:/y");
}

TEST_F(Shell, TheEndOfStderrIsTheDetail) {
  const ActivityError error = error_of(bash("for i in $(seq 3000); do echo line $i; done >&2; exit 1"));
  EXPECT_EQ(error.detail.size(), k_error_detail_bytes_max);
  EXPECT_EQ(error.detail.substr(error.detail.size() - 20), "line 2999\nline 3000\n");
}

TEST_F(Shell, MegabytesPassWhenAllowed) {
  auto wide = make_shell({.concurrency = 2});
  const std::string input(3'000'000, 'x');
  const Outcome outcome = run_one(*wide, shell(R"({"argv":["cat"],"stdin":")" + input + R"("})"));
  ASSERT_TRUE(outcome.ok) << outcome.error.title;
  EXPECT_EQ(parse_json(outcome.result.view())->find("stdout")->size(), input.size());
}

TEST_F(Shell, SilenceBeyondTheHeartbeatEndsIt) {
  Task task = bash("sleep 3600");
  task.heartbeat_ms = 50;
  EXPECT_EQ(error_of(task).type, "timeout.heartbeat");
}

TEST_F(Shell, WaitingTasksAreCancelledWithoutEffect) {
  auto narrow = make_shell({.concurrency = 1, .queue_max = 2});
  Answers answers;
  const auto began = std::filesystem::temp_directory_path() / ("perdure-began-" + std::to_string(getpid()));
  narrow->start(numbered(bash("touch " + began.string() + "; sleep 3600"), 1), answers.expect(CommandId{1}));
  while (!std::filesystem::exists(began)) std::this_thread::yield();
  std::filesystem::remove(began);
  for (std::uint64_t seq = 2; seq <= 8; ++seq) {
    narrow->start(numbered(shell(R"({"argv":["true"]})"), seq), answers.expect(CommandId{seq}));
  }
  EXPECT_EQ(answers.arrived(), 5u);
  EXPECT_EQ(answers.of(8).error.type, "queue.full");
  narrow->cancel({"default", "conformance"}, CommandId{2});
  narrow->cancel({"default", "conformance"}, CommandId{1});
  ASSERT_TRUE(answers.wait_all());
  EXPECT_EQ(answers.of(1).error.error_class, ErrorClass::ambiguous);
  EXPECT_EQ(answers.of(2).error.type, "cancelled");
}

}  // namespace

namespace conformance {
INSTANTIATE_TYPED_TEST_SUITE_P(Shell, DriverConformance, ShellTraits);
}
}  // namespace perdure::activity
