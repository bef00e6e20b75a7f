#pragma once
// The verb table: one description of every verb, from which arguments are parsed, help is written and shell completion
// is made.
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace perdure::cli {

class Session;

// What a shell can offer for a word.
enum class Complete { nothing, file, folder, run, workflow, pattern, workload };

struct Positional {
  std::string name;  // "FILE", as help shows it
  std::string help;
  bool required = true;
  bool repeated = false;
  Complete complete = Complete::nothing;
};
struct Flag {
  std::string name;   // "--input"
  std::string value;  // "JSON", as help shows it; empty: a switch
  std::string help;
  std::string short_name = {};  // "-i"
  bool repeated = false;
  Complete complete = Complete::nothing;
  std::vector<std::string> choices = {};
};
struct Example {
  std::string command, says;
};

// Words and flags as given. Asking for a name the verb does not declare is our bug.
class Arguments {
 public:
  std::map<std::string, std::vector<std::string>, std::less<>> values;

  bool on(std::string_view name) const { return values.find(name) != values.end(); }
  std::optional<std::string> text(std::string_view name) const;
  std::string text_or(std::string_view name, std::string_view fallback) const;
  std::vector<std::string> all(std::string_view name) const;
  // A whole number within the bounds, or `invalid` naming them.
  Result<long long> number(std::string_view name, long long fallback, long long least, long long most) const;
};

// Gives the process's exit code. An error is printed by the caller and becomes 2 when `invalid`, else 1.
using VerbFunction = Result<int> (*)(Session&);

struct Verb {
  std::string name;   // "review approve" is a verb of the group "review"
  std::string group;  // heading in the overview
  std::string summary;
  std::vector<Positional> positionals = {};
  std::vector<Flag> flags = {};
  std::string notes = {};  // more help, may be empty
  std::vector<Example> examples = {};
  VerbFunction run = nullptr;
  bool hidden = false;  // for completion scripts
};

// In the order of the overview. By family, each in its own file:
void add_run_verbs(std::vector<Verb>& verbs);     // verbs_run.cc: run, resume
void add_author_verbs(std::vector<Verb>& verbs);  // verbs_author.cc: validate, plan, graph, fmt, schema, diff, new
void add_convert_verb(std::vector<Verb>& verbs);  // verbs_convert.cc
void add_look_verbs(std::vector<Verb>& verbs);    // verbs_look.cc: list, show, history, query
void add_change_verbs(std::vector<Verb>& verbs);  // verbs_change.cc: signal, update, pause, cancel, terminate, …
void add_review_verbs(std::vector<Verb>& verbs);  // verbs_review.cc
void add_store_verbs(std::vector<Verb>& verbs);   // verbs_store.cc: register, workflows, export, …, doctor, store
void add_other_verbs(std::vector<Verb>& verbs);   // verbs_other.cc: bench, version, completion
const std::vector<Verb>& verbs();
const std::vector<Flag>& common_flags();  // of every verb
const Verb* find_verb(std::string_view name);

// Help, from the table alone.
std::string overview_text(std::string_view version);
std::string help_text(const Verb& verb);
std::string group_text(std::string_view group);  // of "review", "store"

std::string reference_text();  // Markdown: the second half of docs/cli.md

// Reads the words after the program's name. `help`: asked for it, `text` is what to print.
struct Parsed {
  const Verb* verb = nullptr;
  Arguments arguments;
  std::optional<std::string> help;
};
Result<Parsed> parse_arguments(const std::vector<std::string>& words, std::string_view version);
// Whether errors are to be written as JSON, before anything is known to be well formed.
bool asks_for_json(const std::vector<std::string>& words);

// A script for bash, zsh or fish; `invalid` for another shell.
Result<std::string> completion_script(std::string_view shell);

}  // namespace perdure::cli
