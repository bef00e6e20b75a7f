#include "cli/verbs.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "cli/text.h"

namespace perdure::cli {

std::optional<std::string> Arguments::text(std::string_view name) const {
  const auto found = values.find(name);
  if (found == values.end() || found->second.empty()) return std::nullopt;
  return found->second.back();
}

std::string Arguments::text_or(std::string_view name, std::string_view fallback) const {
  return text(name).value_or(std::string(fallback));
}

std::vector<std::string> Arguments::all(std::string_view name) const {
  const auto found = values.find(name);
  return found == values.end() ? std::vector<std::string>{} : found->second;
}

Result<long long> Arguments::number(std::string_view name, long long fallback, long long least, long long most) const {
  const std::optional<std::string> given = text(name);
  if (!given) return fallback;
  long long number = 0;
  const auto [end, error] = std::from_chars(given->data(), given->data() + given->size(), number);
  if (error != std::errc{} || end != given->data() + given->size() || number < least || number > most)
    return fail(ErrorCode::invalid,
                fmt::format("{} is '{}'; give a whole number from {} to {}", name, printable(*given), least, most));
  return number;
}

const std::vector<Verb>& verbs() {
  static const std::vector<Verb> table = [] {
    std::vector<Verb> made;
    add_run_verbs(made);
    add_author_verbs(made);
    add_look_verbs(made);
    add_change_verbs(made);
    add_review_verbs(made);
    add_store_verbs(made);
    add_other_verbs(made);
    return made;
  }();
  return table;
}

const std::vector<Flag>& common_flags() {
  static const std::vector<Flag> flags = {
      {.name = "--store",
       .value = "DIR",
       .help = "where runs are kept (default: PERDURE_STORE, else the user's data folder)",
       .complete = Complete::folder},
      {.name = "--json", .value = "", .help = "print JSON, errors too"},
      {.name = "--color",
       .value = "WHEN",
       .help = "auto, always or never (default auto; NO_COLOR is heeded)",
       .choices = {"auto", "always", "never"}},
  };
  return flags;
}

const Verb* find_verb(std::string_view name) {
  const auto& all = verbs();
  const auto found = std::find_if(all.begin(), all.end(), [&](const Verb& verb) { return verb.name == name; });
  return found == all.end() ? nullptr : &*found;
}

namespace {

std::string usage_of(const Verb& verb) {
  std::string usage = "perdure " + verb.name;
  for (const Positional& p : verb.positionals) {
    std::string word = p.name + (p.repeated ? "…" : "");
    usage += p.required ? " " + word : " [" + word + "]";
  }
  return usage + " [flags]";
}

// Two columns: the left one as wide as its widest cell, the right one wrapped by the terminal.
std::string columns(const std::vector<std::pair<std::string, std::string>>& rows) {
  std::size_t width = 0;
  for (const auto& [left, right] : rows) width = std::max(width, display_width(left));
  std::string out;
  for (const auto& [left, right] : rows) out += "  " + padded(left, width) + "  " + right + "\n";
  return out;
}

std::string flag_cell(const Flag& flag) {
  std::string cell = flag.short_name.empty() ? "    " : flag.short_name + ", ";
  cell += flag.name;
  if (!flag.value.empty()) cell += " " + flag.value;
  return cell;
}

std::string flag_rows(const std::vector<Flag>& flags) {
  std::vector<std::pair<std::string, std::string>> rows;
  for (const Flag& flag : flags) rows.emplace_back(flag_cell(flag), flag.help + (flag.repeated ? " (may repeat)" : ""));
  return columns(rows);
}

}  // namespace

std::string help_text(const Verb& verb) {
  std::string out = verb.summary + "\n\nUsage:\n  " + usage_of(verb) + "\n";
  if (!verb.positionals.empty()) {
    std::vector<std::pair<std::string, std::string>> rows;
    for (const Positional& p : verb.positionals) rows.emplace_back(p.name, p.help);
    out += "\nArguments:\n" + columns(rows);
  }
  if (!verb.flags.empty()) out += "\nFlags:\n" + flag_rows(verb.flags);
  out += "\nFlags of every command:\n" + flag_rows(common_flags());
  if (!verb.notes.empty()) out += "\n" + verb.notes + "\n";
  if (!verb.examples.empty()) {
    out += "\nExamples:\n";
    for (const Example& example : verb.examples) out += fmt::format("  # {}\n  {}\n", example.says, example.command);
  }
  return out;
}

std::string reference_text() {
  std::string out;
  std::string group;
  for (const Verb& verb : verbs()) {
    if (verb.hidden) continue;
    if (verb.group != group) out += fmt::format("\n## {}\n", group = verb.group);
    out += fmt::format("\n### {}\n\n{}.\n\n```\n{}\n", verb.name, verb.summary, usage_of(verb));
    std::vector<std::pair<std::string, std::string>> rows;
    for (const Positional& p : verb.positionals) rows.emplace_back(p.name, p.help);
    out += columns(rows) + flag_rows(verb.flags) + "```\n";
    if (!verb.notes.empty()) out += "\n" + verb.notes + "\n";
    out += "\n```sh\n";
    for (const Example& example : verb.examples) out += fmt::format("# {}\n{}\n", example.says, example.command);
    out += "```\n";
  }
  return out;
}

std::string group_text(std::string_view group) {
  std::vector<std::pair<std::string, std::string>> rows;
  for (const Verb& verb : verbs())
    if (verb.name.starts_with(std::string(group) + " ")) rows.emplace_back(verb.name, verb.summary);
  return fmt::format("Usage:\n  perdure {} COMMAND [flags]\n\nCommands:\n{}\n'perdure {} COMMAND --help' tells more.\n",
                     group, columns(rows), group);
}

std::string overview_text(std::string_view version) {
  std::string out = fmt::format(
      "perdure {}: workflows that survive crashes and undo themselves\n\nUsage:\n  perdure COMMAND [arguments] "
      "[flags]\n",
      version);
  std::vector<std::string> groups;
  for (const Verb& verb : verbs())
    if (!verb.hidden && std::find(groups.begin(), groups.end(), verb.group) == groups.end())
      groups.push_back(verb.group);
  std::size_t width = 0;
  for (const Verb& verb : verbs())
    if (!verb.hidden) width = std::max(width, verb.name.size());
  for (const std::string& group : groups) {
    out += "\n" + group + ":\n";
    for (const Verb& verb : verbs())
      if (verb.group == group && !verb.hidden) out += "  " + padded(verb.name, width) + "  " + verb.summary + "\n";
  }
  out += "\nFlags of every command:\n" + flag_rows(common_flags());
  out +=
      "\nExit codes: 0 completed, 1 failed, 2 invalid input, 3 waiting or paused, 130 interrupted.\n"
      "'perdure COMMAND --help' tells more, with examples.\n";
  return out;
}

}  // namespace perdure::cli
