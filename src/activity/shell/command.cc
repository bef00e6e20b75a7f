#include "activity/shell/command.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

#include "activity/outcome.h"
#include "base/json.h"

namespace perdure::activity {
namespace {

constexpr std::size_t k_argument_bytes_max = 128 * 1024 - 1;  // the kernel's limit of one argument
constexpr std::size_t k_arguments_max = 10'000;

bool has_nul(const std::string& text) { return text.find('\0') != std::string::npos; }

void read_return(Args& args, Command& command) {
  if (!args.has("return")) return (void)args.any("return");
  const std::string what = args.one_of("return", {"whole", "stdout", "stderr", "code", "all", "none"}, "whole");
  if (what == "stdout") command.returns = ProcessReturn::out;
  if (what == "stderr") command.returns = ProcessReturn::err;
  if (what == "code") command.returns = ProcessReturn::code;
  if (what == "all") command.returns = ProcessReturn::all;
  if (what == "none") command.returns = ProcessReturn::none;
}

// A module says so by its imports and exports.
bool is_module(std::string_view code) {
  const auto begins = [&](std::string_view word) {
    return code.starts_with(word) || code.find("\n" + std::string(word)) != std::string_view::npos;
  };
  return begins("import ") || begins("import{") || begins("export ");
}

std::optional<Value> parsed_output(OutputParse how, const std::string& text, std::string& problem) {
  if (how == OutputParse::text) return std::nullopt;
  if (how == OutputParse::json) {
    auto value = parse_json(text);
    if (value) return std::move(*value);
    problem = value.error().message;
    return std::nullopt;
  }
  std::vector<Value> lines;
  std::string_view rest = text;
  while (!rest.empty()) {
    const std::size_t end = rest.find('\n');
    std::string_view line = rest.substr(0, end);
    if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
    lines.emplace_back(line);
    rest = end == std::string_view::npos ? std::string_view() : rest.substr(end + 1);
  }
  return Value::array(std::move(lines));
}

std::optional<Value> returned(ProcessReturn what, std::int64_t code, const std::string& output,
                              const std::string& errors) {
  switch (what) {
    case ProcessReturn::whole: return std::nullopt;
    case ProcessReturn::out: return Value(output);
    case ProcessReturn::err: return Value(errors);
    case ProcessReturn::code: return Value(code);
    case ProcessReturn::none: return Value();
    case ProcessReturn::all: break;
  }
  return Value::object({{"code", Value(code)}, {"stdout", Value(output)}, {"stderr", Value(errors)}});
}

void read_script(Args& args, Command& command) {
  const std::string language = args.one_of("language", {"bash", "sh", "python", "js"}, "");
  if (!args.has("language")) args.wrong("language", "is missing: bash, sh, python or js");
  std::string source = args.required_text("source");
  const std::vector<std::string> more = argument_texts(args, "args");
  read_common(args, command);
  if (language == "bash") command.argv = {"bash", "--noprofile", "--norc", "-c", std::move(source), "bash"};
  if (language == "sh") command.argv = {"sh", "-c", std::move(source), "sh"};
  if (language == "python") command.argv = {"python3", "-c", std::move(source)};
  if (language == "js") {
    // The name stands where that of a file would: arguments begin at process.argv[2].
    const char* type = is_module(source) ? "--input-type=module" : "--input-type=commonjs";
    command.argv = {"node", type, "-e", std::move(source), "--", "script"};
  }
  command.argv.insert(command.argv.end(), more.begin(), more.end());
  check_argv(args, "source", command);
}

void read_program(Args& args, Command& command) {
  if (auto argv = args.texts("argv")) {
    command.argv = std::move(*argv);
    if (command.argv.empty() || command.argv.front().empty()) args.wrong("argv", "must name a program first");
  } else if (!args.has("argv")) {
    args.wrong("argv", "is missing: a list of the program and its arguments");
  }
  read_common(args, command);
  check_argv(args, "argv", command);
}

}  // namespace

void read_common(Args& args, Command& command) {
  if (const Value* input = args.any("stdin"); input != nullptr && !input->is_null()) {
    command.input = input->is_string() ? std::string(input->as_string()) : to_json(*input);
  }
  if (const Value* given = args.object("env"); given != nullptr) {
    TextPairs env;  // what is no text is passed as JSON, null is left out
    for (const auto& [name, value] : given->members())
      if (!value.is_null()) env.emplace_back(name.as_string(), value.is_string() ? value.as_string() : to_json(value));
    for (const auto& [name, value] : env) {
      if (name.empty() || name.find('=') != std::string::npos || has_nul(name) || has_nul(value)) {
        args.wrong("env",
                   "has a variable that can't be set: names are not empty and without '=', and neither names nor "
                   "values have NUL bytes");
        break;
      }
    }
    command.env.insert(command.env.end(), env.begin(), env.end());
  }
  if (auto cwd = args.text("cwd")) {
    command.cwd = *cwd;
    if (has_nul(*cwd)) args.wrong("cwd", "has a NUL byte");
  }
  if (const Value* codes = args.any("ok_codes"); codes != nullptr && !codes->is_null()) {
    const auto is_code = [](const Value& v) { return v.is_integer() && v.as_int() >= 0 && v.as_int() <= 255; };
    if (!codes->is_array() || codes->size() == 0 ||
        !std::all_of(codes->items().begin(), codes->items().end(), is_code)) {
      args.wrong("ok_codes", "must be a list of exit codes from 0 to 255");
    } else {
      command.ok_codes.clear();
      for (const Value& code : codes->items()) command.ok_codes.push_back(code.as_int());
    }
  }
  if (const Value* await = args.any("await"); await != nullptr && !await->is_null()) {
    if (!await->is_bool()) args.wrong("await", "must be true or false");
    else command.detached = !await->as_bool();
  }
  read_return(args, command);
  if (args.has("parse")) {
    const std::string parse = args.one_of("parse", {"text", "json", "lines"}, "text");
    command.parse = parse == "json" ? OutputParse::json : parse == "lines" ? OutputParse::lines : OutputParse::text;
  } else {
    args.any("parse");
  }
}

std::vector<std::string> argument_texts(Args& args, std::string_view name) {
  std::vector<std::string> texts;
  const Value* list = args.any(name);
  if (list == nullptr || list->is_null()) return texts;
  if (!list->is_array()) {
    args.wrong(name, "must be a list");
    return texts;
  }
  for (const Value& item : list->items())
    texts.push_back(item.is_null() ? "" : item.is_string() ? std::string(item.as_string()) : to_json(item));
  return texts;
}

void check_argv(Args& args, std::string_view name, const Command& command) {
  if (command.argv.size() > k_arguments_max) {
    args.wrong(name, "has more than " + std::to_string(k_arguments_max) + " arguments; pass long lists by stdin");
  }
  for (const std::string& argument : command.argv) {
    if (has_nul(argument)) return args.wrong(name, "has a NUL byte, which no argument can have");
    if (argument.size() > k_argument_bytes_max) {
      return args.wrong(name, "has an argument of " + std::to_string(argument.size()) +
                                  " bytes; the system takes at most " + std::to_string(k_argument_bytes_max) +
                                  ": pass it by stdin or a file");
    }
  }
}

bool Command::accepts(std::int64_t code) const {
  return returns == ProcessReturn::code || returns == ProcessReturn::all ||
         std::find(ok_codes.begin(), ok_codes.end(), code) != ok_codes.end();
}

std::variant<Command, Outcome> read_command(const Task& task) {
  Args args(task.type, task.args.view());
  Command command;
  if (args.has("script")) {
    // Values that vary may stand beside the script, which is literal text.
    args.nested("script", [&command](Args& inner) { read_script(inner, command); });
    read_common(args, command);
    if (args.has("argv")) {
      args.any("argv");
      args.wrong("argv", "and 'script' exclude each other");
    }
  } else if (task.type == "script") {
    read_script(args, command);
  } else {
    read_program(args, command);
    args.any("script");
  }
  if (auto wrong = args.finish()) return std::move(*wrong);
  return command;
}

std::string who_is(const Command& command) {
  return "'" + head(valid_utf8(command.name.empty() ? command.argv.front() : command.name), 200) + "'";
}

Outcome outcome_of(const Command& command, std::int64_t code, const std::string& stdout_bytes,
                   const std::string& errors) {
  if (!command.accepts(code)) {
    return failure({.type = "shell.exit",
                    .title = who_is(command) + " ended with exit code " + std::to_string(code),
                    .detail = tail(errors, k_error_detail_bytes_max),
                    .status = static_cast<int>(code)});
  }
  const std::string output = valid_utf8(stdout_bytes);
  if (const auto part = returned(command.returns, code, output, errors)) return Outcome::success(Bytes(to_json(*part)));
  Value result = Value::object({{"exit_code", Value(code)}, {"stdout", Value(output)}, {"stderr", Value(errors)}});
  std::string problem;
  if (auto value = parsed_output(command.parse, output, problem)) result.set("value", std::move(*value));
  if (!problem.empty()) {
    return failure({.type = "shell.parse",
                    .title = who_is(command) + " ended well, but its output is no JSON: " + problem,
                    .error_class = ErrorClass::fatal,
                    .detail = head(output, k_error_detail_bytes_max),
                    .status = static_cast<int>(code)});
  }
  return Outcome::success(Bytes(to_json(result)));
}

std::string find_program(const std::string& name, std::string_view path) {
  if (name.find('/') != std::string::npos) return name;
  while (!path.empty()) {
    const std::size_t colon = path.find(':');
    const std::string_view directory = path.substr(0, colon);
    path = colon == std::string_view::npos ? std::string_view() : path.substr(colon + 1);
    if (directory.empty() || directory.front() != '/') continue;  // "the current directory" is nobody's intention
    std::string candidate = std::string(directory) + "/" + name;
    struct stat info {};
    if (stat(candidate.c_str(), &info) == 0 && S_ISREG(info.st_mode) && access(candidate.c_str(), X_OK) == 0) {
      return candidate;
    }
  }
  return {};
}

}  // namespace perdure::activity
