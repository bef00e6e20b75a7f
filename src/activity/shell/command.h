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
  bool detached = false;  // `await: false`: answered with null once it is begun; its output is dropped
  bool accepts(std::int64_t code) const;
};

// The command, or the outcome `validation`.
std::variant<Command, Outcome> read_command(const Task& task);

// Where execve finds argv[0]: as it is when it has a slash, else the first executable on `path`; empty when none.
std::string find_program(const std::string& name, std::string_view path);

}  // namespace perdure::activity
