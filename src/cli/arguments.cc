// The only file that knows CLI11: the verb table becomes a parser of it, its exceptions become Results.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <list>
#include <set>

#include "base/check.h"
#include "cli/text.h"
#include "cli/verbs.h"
#include "plan/spelling.h"

namespace perdure::cli {
namespace {

// Where CLI11 leaves what it read, for one flag or word of one verb.
struct Slot {
  std::string name;
  bool is_switch = false;
  bool on = false;
  std::vector<std::string> values;
};

void add_flag(CLI::App& app, const Flag& flag, std::list<Slot>& slots) {
  Slot& slot = slots.emplace_back();
  slot.name = flag.name;
  const std::string names = flag.short_name.empty() ? flag.name : flag.short_name + "," + flag.name;
  if (flag.value.empty()) {
    slot.is_switch = true;
    app.add_flag(names, slot.on);
    return;
  }
  // One value for each time the flag is given: a vector that may not swallow what follows.
  CLI::Option* option = app.add_option(names, slot.values)->allow_extra_args(false);
  option->multi_option_policy(flag.repeated ? CLI::MultiOptionPolicy::TakeAll : CLI::MultiOptionPolicy::TakeLast);
}

void add_positional(CLI::App& app, const Positional& positional, std::list<Slot>& slots) {
  Slot& slot = slots.emplace_back();
  slot.name = positional.name;
  CLI::Option* option = app.add_option(positional.name, slot.values);
  if (positional.repeated) {
    option->expected(positional.required ? 1 : 0, 1 << 20);
  } else {
    option->expected(1)->allow_extra_args(false);
  }
  if (positional.required) option->required();
}

std::vector<std::string> first_words() {
  std::vector<std::string> words;
  for (const Verb& verb : verbs()) {
    std::string word = verb.name.substr(0, verb.name.find(' '));
    if (!verb.hidden && std::find(words.begin(), words.end(), word) == words.end()) words.push_back(word);
  }
  return words;
}

bool is_group(std::string_view word) {
  return std::any_of(verbs().begin(), verbs().end(),
                     [&](const Verb& verb) { return verb.name.starts_with(std::string(word) + " "); });
}

std::vector<std::string> second_words(std::string_view group) {
  std::vector<std::string> words;
  for (const Verb& verb : verbs())
    if (verb.name.starts_with(std::string(group) + " ")) words.push_back(verb.name.substr(group.size() + 1));
  return words;
}

tl::unexpected<Error> unknown(std::string_view what, const std::string& word, const std::vector<std::string>& known,
                              std::string_view help) {
  const std::string near(plan::nearest(word, {known.begin(), known.end()}));
  const std::string mend =
      near.empty() ? fmt::format("'{}' lists what there is", help) : fmt::format("did you mean '{}'?", near);
  return fail(ErrorCode::invalid, fmt::format("unknown {} '{}'; {}", what, clipped(printable(word), 60), mend));
}

struct Named {
  const Verb* verb = nullptr;
  std::vector<std::string> rest;  // words without the verb's own
  std::optional<std::string> help;
};

bool is_help(const std::string& word) { return word == "--help" || word == "-h"; }

// Finds the verb among the words: the first that is no common flag or its value.
Result<Named> find_named(const std::vector<std::string>& words, std::string_view version) {
  Named named;
  std::size_t at = 0;
  const auto skip_flags = [&] {
    for (; at < words.size() && words[at].size() > 1 && words[at][0] == '-'; ++at) {
      named.rest.push_back(words[at]);
      const bool takes_value = words[at] == "--store" || words[at] == "--color";
      if (takes_value && at + 1 < words.size()) named.rest.push_back(words[++at]);
    }
  };
  skip_flags();
  const bool wants_help = std::any_of(named.rest.begin(), named.rest.end(), is_help);
  if (at == words.size()) {
    if (std::find(named.rest.begin(), named.rest.end(), "--version") != named.rest.end()) {
      named.verb = find_verb("version");
      std::erase(named.rest, "--version");
      return named;
    }
    if (!wants_help && !words.empty())
      return fail(ErrorCode::invalid, "no command given; 'perdure --help' lists what there is");
    named.help = overview_text(version);
    return named;
  }
  std::string name = words[at++];
  if (name == "help") {  // `help VERB` is `VERB --help`
    if (at == words.size()) {
      named.help = overview_text(version);
      return named;
    }
    std::vector<std::string> again(words.begin() + static_cast<std::ptrdiff_t>(at), words.end());
    again.emplace_back("--help");
    return find_named(again, version);
  }
  if (is_group(name)) {
    skip_flags();
    if (std::any_of(named.rest.begin(), named.rest.end(), is_help) && at == words.size()) {
      named.help = group_text(name);
      return named;
    }
    if (at == words.size())
      return fail(ErrorCode::invalid, fmt::format("'{}' needs a command: {}; 'perdure {} --help' tells more", name,
                                                  fmt::join(second_words(name), ", "), name));
    const std::string full = name + " " + words[at];
    if (!find_verb(full))
      return unknown("command of '" + name + "'", words[at], second_words(name), "perdure " + name + " --help");
    name = full;
    ++at;
  }
  named.verb = find_verb(name);
  if (!named.verb) return unknown("command", name, first_words(), "perdure --help");
  named.rest.insert(named.rest.end(), words.begin() + static_cast<std::ptrdiff_t>(at), words.end());
  return named;
}

std::vector<std::string> flag_names(const Verb& verb) {
  std::vector<std::string> names;
  for (const Flag& flag : verb.flags) names.push_back(flag.name);
  for (const Flag& flag : common_flags()) names.push_back(flag.name);
  return names;
}

// What CLI11 found wrong, in our words.
tl::unexpected<Error> explain(const Verb& verb, const CLI::ParseError& error, const CLI::App& app) {
  const std::string see = fmt::format("'perdure {} --help' shows how it is used", verb.name);
  if (dynamic_cast<const CLI::ExtrasError*>(&error)) {
    const std::vector<std::string> extras = app.remaining();
    const std::string word = extras.empty() ? "" : extras.front();
    if (word.size() > 1 && word[0] == '-')
      return unknown("flag", word.substr(0, word.find('=')), flag_names(verb), "perdure " + verb.name + " --help");
    return fail(ErrorCode::invalid,
                fmt::format("'{}' is one word too many for '{}'; {}", clipped(printable(word), 60), verb.name, see));
  }
  if (dynamic_cast<const CLI::RequiredError*>(&error)) {
    for (const Positional& p : verb.positionals)
      if (p.required && app.get_option(p.name)->count() == 0)
        return fail(ErrorCode::invalid, fmt::format("{} is missing: {}; {}", p.name, p.help, see));
  }
  if (dynamic_cast<const CLI::ArgumentMismatch*>(&error)) {
    for (const std::string& name : flag_names(verb))
      if (std::string_view(error.what()).find(name) != std::string_view::npos)
        return fail(ErrorCode::invalid, fmt::format("{} needs a value; {}", name, see));
  }
  return fail(ErrorCode::invalid, fmt::format("{}; {}", printable(error.what()), see));
}

Status check_choices(const Verb& verb, const Arguments& arguments) {
  const auto check = [&](const Flag& flag) -> Status {
    if (flag.choices.empty()) return {};
    for (const std::string& value : arguments.all(flag.name))
      if (std::find(flag.choices.begin(), flag.choices.end(), value) == flag.choices.end())
        return fail(ErrorCode::invalid, fmt::format("{} is '{}'; choose one of {}", flag.name,
                                                    clipped(printable(value), 60), fmt::join(flag.choices, ", ")));
    return {};
  };
  for (const Flag& flag : verb.flags) PERDURE_TRY_VOID(check(flag));
  for (const Flag& flag : common_flags()) PERDURE_TRY_VOID(check(flag));
  return {};
}

}  // namespace

bool asks_for_json(const std::vector<std::string>& words) {
  const auto end = std::find(words.begin(), words.end(), "--");
  return std::find(words.begin(), end, "--json") != end;
}

Result<Parsed> parse_arguments(const std::vector<std::string>& words, std::string_view version) {
  PERDURE_TRY(named, find_named(words, version));
  Parsed parsed;
  parsed.verb = named.verb;
  parsed.help = std::move(named.help);
  if (parsed.help) return parsed;
  const Verb& verb = *named.verb;
  const auto flags_end = std::find(named.rest.begin(), named.rest.end(), "--");
  if (std::any_of(named.rest.begin(), flags_end, is_help)) {
    parsed.help = help_text(verb);
    return parsed;
  }

  std::list<Slot> slots;
  CLI::App app;
  app.set_help_flag("");
  try {
    for (const Flag& flag : verb.flags) add_flag(app, flag, slots);
    for (const Flag& flag : common_flags()) add_flag(app, flag, slots);
    for (const Positional& positional : verb.positionals) add_positional(app, positional, slots);
  } catch (const CLI::Error& error) { CHECK(false && "the verb table does not make a parser"); }
  try {
    std::vector<std::string> reversed(named.rest.rbegin(), named.rest.rend());  // as CLI11 wants it
    app.parse(reversed);
  } catch (const CLI::ParseError& error) { return explain(verb, error, app); }
  for (Slot& slot : slots) {
    if (slot.is_switch ? slot.on : !slot.values.empty()) parsed.arguments.values[slot.name] = std::move(slot.values);
  }
  PERDURE_TRY_VOID(check_choices(verb, parsed.arguments));
  return parsed;
}

}  // namespace perdure::cli
