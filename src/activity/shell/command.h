#pragma once
// What a shell or script task asks for, from its arguments.
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "activity/activity.h"
#include "activity/args.h"

namespace perdure::activity {

enum class OutputParse { text, json, lines };

// What of a process becomes the step's output.
enum class ProcessReturn {
  whole,  // {exit_code, stdout, stderr}, and what `parse` makes
  out,    // stdout's text
  err,    // stderr's text
  code,   // the exit code, whatever it is
  all,    // {code, stdout, stderr}, whatever the code is
  none,   // null
};

struct Command {
  std::vector<std::string> argv;
  TextPairs env;                     // as given; PATH and HOME are added later
  std::string cwd;                   // empty: the driver's
  std::optional<std::string> input;  // of stdin; nothing: /dev/null
  std::vector<std::int64_t> ok_codes{0};
  OutputParse parse = OutputParse::text;
  ProcessReturn returns = ProcessReturn::whole;
  bool detached = false;         // `await: false`: answered with null once it is begun; its output is dropped
  std::string name;              // for messages; empty: argv's first
  DurationMs term_grace_ms = 0;  // from SIGTERM to SIGKILL; 0: the driver's
  bool accepts(std::int64_t code) const;
};

// The command, or the outcome `validation`.
std::variant<Command, Outcome> read_command(const Task& task);

// stdin, env, cwd, ok_codes, parse and return: the same for programs, scripts and containers.
void read_common(Args& args, Command& command);
// A list of anything: what is no text is passed as JSON, null as an empty argument.
std::vector<std::string> argument_texts(Args& args, std::string_view name);
// Notes what the system would not take as arguments.
void check_argv(Args& args, std::string_view name, const Command& command);

// The program, for messages.
std::string who_is(const Command& command);
// What a command that ended with `code` gives; `errors` is well-formed UTF-8.
Outcome outcome_of(const Command& command, std::int64_t code, const std::string& stdout_bytes,
                   const std::string& errors);

// Where execve finds argv[0]: as it is when it has a slash, else the first executable on `path`; empty when none.
std::string find_program(const std::string& name, std::string_view path);

}  // namespace perdure::activity
