// Completion scripts, written from the verb table. Words that live in the store (run ids, workflows) are asked of the
// binary itself: `perdure list --quiet`.
#include <fmt/format.h>

#include <algorithm>

#include "cli/verbs.h"

namespace perdure::cli {
namespace {

// A text inside single quotes, for all three shells.
std::string quoted(std::string_view text) {
  std::string out = "'";
  for (const char c : text) out += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return out + "'";
}

std::vector<std::string> names_below(std::string_view group) {  // "" : first words
  std::vector<std::string> words;
  for (const Verb& verb : verbs()) {
    if (verb.hidden) continue;
    std::string word;
    if (group.empty()) word = verb.name.substr(0, verb.name.find(' '));
    else if (verb.name.starts_with(std::string(group) + " ")) word = verb.name.substr(group.size() + 1);
    if (!word.empty() && std::find(words.begin(), words.end(), word) == words.end()) words.push_back(word);
  }
  return words;
}

std::vector<std::string> groups() {
  std::vector<std::string> names;
  for (const Verb& verb : verbs())
    if (const auto space = verb.name.find(' '); space != std::string::npos)
      if (const std::string group = verb.name.substr(0, space);
          std::find(names.begin(), names.end(), group) == names.end())
        names.push_back(group);
  return names;
}

std::vector<Flag> all_flags(const Verb& verb) {
  std::vector<Flag> flags = verb.flags;
  flags.insert(flags.end(), common_flags().begin(), common_flags().end());
  return flags;
}

std::string summary_of(const std::string& word) {
  if (const Verb* verb = find_verb(word)) return verb->summary;
  return fmt::format("{}", fmt::join(names_below(word), ", "));
}

std::string flag_words(const Verb& verb) {
  std::string words;
  for (const Flag& flag : all_flags(verb)) words += (words.empty() ? "" : " ") + flag.name;
  return words + " --help";
}

Complete first_complete(const Verb& verb) {
  return verb.positionals.empty() ? Complete::nothing : verb.positionals[0].complete;
}

std::string bash_offer(Complete complete) {
  switch (complete) {
    case Complete::file: return "COMPREPLY=($(compgen -f -- \"$cur\"))";
    case Complete::folder: return "COMPREPLY=($(compgen -d -- \"$cur\"))";
    case Complete::run: return "COMPREPLY=($(compgen -W \"$(perdure list --quiet 2>/dev/null)\" -- \"$cur\"))";
    case Complete::workflow:
      return "COMPREPLY=($(compgen -W \"$(perdure workflows --quiet 2>/dev/null)\" -- \"$cur\"))";
    case Complete::pattern:
      return "COMPREPLY=($(compgen -W \"$(perdure new --list --quiet 2>/dev/null)\" -- \"$cur\"))";
    case Complete::workload:
    case Complete::nothing: return "COMPREPLY=()";
  }
  return "COMPREPLY=()";
}

std::string bash_script() {
  std::string out =
      "# perdure completion for bash\n"
      "_perdure() {\n"
      "  local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} verb=${COMP_WORDS[1]}\n"
      "  COMPREPLY=()\n";
  out += fmt::format("  if ((COMP_CWORD == 1)); then\n    COMPREPLY=($(compgen -W {} -- \"$cur\"))\n    return\n  fi\n",
                     quoted(fmt::format("{}", fmt::join(names_below(""), " "))));
  out += "  case $verb in\n";
  for (const std::string& group : groups())
    out += fmt::format(
        "    {0})\n      if ((COMP_CWORD == 2)); then\n        COMPREPLY=($(compgen -W {1} -- \"$cur\"))\n        "
        "return\n      fi\n"
        "      verb=\"{0} ${{COMP_WORDS[2]}}\" ;;\n",
        group, quoted(fmt::format("{}", fmt::join(names_below(group), " "))));
  out += "  esac\n  case $prev in\n    --store) COMPREPLY=($(compgen -d -- \"$cur\")); return ;;\n";
  out += "    --color) COMPREPLY=($(compgen -W 'auto always never' -- \"$cur\")); return ;;\n  esac\n  case $verb in\n";
  for (const Verb& verb : verbs()) {
    if (verb.hidden) continue;
    out += fmt::format("    {})\n      case $prev in\n",
                       verb.name.find(' ') == std::string::npos ? verb.name : quoted(verb.name));
    for (const Flag& flag : verb.flags) {
      if (flag.value.empty()) continue;
      const std::string names = flag.short_name.empty() ? flag.name : flag.short_name + "|" + flag.name;
      const std::string offer = flag.choices.empty()
                                    ? bash_offer(flag.complete)
                                    : fmt::format("COMPREPLY=($(compgen -W {} -- \"$cur\"))",
                                                  quoted(fmt::format("{}", fmt::join(flag.choices, " "))));
      out += fmt::format("        {}) {}; return ;;\n", names, offer);
    }
    out += fmt::format(
        "      esac\n      if [[ $cur == -* ]]; then COMPREPLY=($(compgen -W {} -- \"$cur\")); else {}; fi ;;\n",
        quoted(flag_words(verb)), bash_offer(first_complete(verb)));
  }
  return out + "  esac\n}\ncomplete -o filenames -F _perdure perdure\n";
}

std::string zsh_value(const Flag& flag) {
  if (!flag.choices.empty()) return fmt::format("({})", fmt::join(flag.choices, " "));
  switch (flag.complete) {
    case Complete::file: return "_files";
    case Complete::folder: return "_files -/";
    case Complete::run: return "_perdure_runs";
    case Complete::workflow: return "_perdure_workflows";
    case Complete::pattern: return "_perdure_patterns";
    case Complete::workload:
    case Complete::nothing: return "";
  }
  return "";
}

std::string zsh_text(std::string text) {  // inside an _arguments specification
  for (std::size_t i = 0; i < text.size(); ++i)
    if (text[i] == ':' || text[i] == '[' || text[i] == ']') text.insert(i++, "\\");
  return text;
}

std::string zsh_script() {
  std::string out =
      "#compdef perdure\n"
      "_perdure_runs() { compadd -- ${(f)\"$(perdure list --quiet 2>/dev/null)\"} }\n"
      "_perdure_workflows() { compadd -- ${(f)\"$(perdure workflows --quiet 2>/dev/null)\"} }\n"
      "_perdure_patterns() { compadd -- ${(f)\"$(perdure new --list --quiet 2>/dev/null)\"} }\n"
      "_perdure() {\n  local -a verbs\n  local verb=$words[2] at=2\n  if ((CURRENT == 2)); then\n    verbs=(\n";
  for (const std::string& word : names_below(""))
    out += fmt::format("      {}\n", quoted(word + ":" + zsh_text(summary_of(word))));
  out += "    )\n    _describe command verbs\n    return\n  fi\n  case $verb in\n";
  for (const std::string& group : groups()) {
    out += fmt::format("    {0})\n      if ((CURRENT == 3)); then\n        verbs=(\n", group);
    for (const std::string& word : names_below(group))
      out += fmt::format("          {}\n", quoted(word + ":" + zsh_text(summary_of(group + " " + word))));
    out += fmt::format(
        "        )\n        _describe command verbs\n        return\n      fi\n      verb=\"{} $words[3]\"; at=3 ;;\n",
        group);
  }
  out += "  esac\n  shift $((at - 1)) words\n  ((CURRENT -= at - 1))\n  case $verb in\n";
  for (const Verb& verb : verbs()) {
    if (verb.hidden) continue;
    out += fmt::format("    {})\n      _arguments -s", quoted(verb.name));
    for (const Flag& flag : all_flags(verb)) {
      std::string spec = fmt::format("{}{}[{}]", flag.repeated ? "*" : "", flag.name, zsh_text(flag.help));
      if (!flag.value.empty()) spec += ":" + flag.value + ":" + zsh_value(flag);
      out += " \\\n        " + quoted(spec);
    }
    std::size_t number = 0;
    for (const Positional& p : verb.positionals) {
      ++number;
      const std::string place = p.repeated ? "*" : std::to_string(number);
      out += " \\\n        " +
             quoted(fmt::format("{}:{}:{}", place, p.name,
                                zsh_value({.name = {}, .value = {}, .help = {}, .complete = p.complete})));
    }
    out += " ;;\n";
  }
  return out + "  esac\n}\n_perdure \"$@\"\n";
}

std::string fish_offer(Complete complete) {
  switch (complete) {
    case Complete::file:
    case Complete::folder: return " -F";
    case Complete::run: return " -x -a '(perdure list --quiet 2>/dev/null)'";
    case Complete::workflow: return " -x -a '(perdure workflows --quiet 2>/dev/null)'";
    case Complete::pattern: return " -x -a '(perdure new --list --quiet 2>/dev/null)'";
    case Complete::workload:
    case Complete::nothing: return "";
  }
  return "";
}

std::string fish_script() {
  std::string out = "# perdure completion for fish\ncomplete -c perdure -f\n";
  for (const std::string& word : names_below(""))
    out += fmt::format("complete -c perdure -n __fish_use_subcommand -a {} -d {}\n", word, quoted(summary_of(word)));
  for (const std::string& group : groups())
    for (const std::string& word : names_below(group))
      out += fmt::format(
          "complete -c perdure -n '__fish_seen_subcommand_from {0}; and not __fish_seen_subcommand_from {1}' -a {2} -d "
          "{3}\n",
          group, fmt::join(names_below(group), " "), word, quoted(summary_of(group + " " + word)));
  for (const Verb& verb : verbs()) {
    if (verb.hidden) continue;
    const std::size_t space = verb.name.find(' ');
    std::string when = "__fish_seen_subcommand_from " + verb.name.substr(0, space);
    if (space != std::string::npos) when += "; and __fish_seen_subcommand_from " + verb.name.substr(space + 1);
    for (const Flag& flag : all_flags(verb)) {
      out += fmt::format("complete -c perdure -n {} -l {} -d {}", quoted(when), flag.name.substr(2), quoted(flag.help));
      if (!flag.short_name.empty()) out += " -s " + flag.short_name.substr(1);
      if (!flag.value.empty())
        out += flag.choices.empty() ? (fish_offer(flag.complete).empty() ? " -x" : " -r" + fish_offer(flag.complete))
                                    : fmt::format(" -x -a {}", quoted(fmt::format("{}", fmt::join(flag.choices, " "))));
      out += "\n";
    }
    if (const Complete complete = first_complete(verb); complete != Complete::nothing)
      if (const std::string offer = fish_offer(complete); !offer.empty())
        out += fmt::format("complete -c perdure -n {}{}\n", quoted(when), offer);
  }
  return out;
}

}  // namespace

Result<std::string> completion_script(std::string_view shell) {
  if (shell == "bash") return bash_script();
  if (shell == "zsh") return zsh_script();
  if (shell == "fish") return fish_script();
  return fail(ErrorCode::invalid, "there is completion for bash, zsh and fish; name one of them");
}

}  // namespace perdure::cli
