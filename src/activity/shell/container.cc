#include "activity/shell/container.h"

#include <algorithm>
#include <array>
#include <cstdio>

#include "activity/outcome.h"
#include "base/hash.h"
#include "base/json.h"

namespace perdure::activity {

// Names that the tool itself would heed come as an argument; all others by its environment, where nobody sees them.
bool is_for_the_tool(std::string_view name) {
  constexpr std::array<std::string_view, 12> k_begins = {"PATH",      "HOME",      "XDG_", "DOCKER_",
                                                         "CONTAINER", "LD_",       "TMP",  "STORAGE",
                                                         "BUILDAH_",  "REGISTRY_", "HTTP", "NO_PROXY"};
  std::string upper(name);
  for (char& c : upper)
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
  return std::any_of(k_begins.begin(), k_begins.end(),
                     [&](std::string_view begin) { return upper.starts_with(begin); });
}

namespace {

constexpr DurationMs k_grace_ms = 4000;  // the script's: to kill and remove
constexpr std::size_t k_name_bytes_max = 200;
constexpr const char* k_command_label = "dev.perdure.command";
constexpr const char* k_after_label = "dev.perdure.remove-after";

// The first of $1 that answers: the tool may be there without its service. The last is not asked.
constexpr const char* k_choose =
    R"sh(for engine in $1; do [ "$engine" = "${1##* }" ] || "$engine" version >/dev/null 2>&1 && break; done
)sh";

// $1 docker, podman or both, $2 which command of ours it is, $3 pull policy, $4 image, $5 whether to remove it, then the
// arguments of `run`. Only what carries that command's label is ever touched: never another's of the same name.
constexpr const char* k_run = R"sh(key=$2 pull=$3 image=$4 cleanup=$5; shift 5
gone() {
  left=$("$engine" ps --all --quiet --filter "label=dev.perdure.command=$key")
  [ -z "$left" ] || { "$engine" kill $left; "$engine" rm --force $left; } >/dev/null 2>&1
}
child=
trap 'trap "" TERM; [ -z "$child" ] || { kill -KILL $child; wait $child; } 2>/dev/null; gone; exit 143' TERM
gone
have() { "$engine" image inspect "$image" >/dev/null 2>&1; }
case $pull in
  always) "$engine" pull --quiet "$image" >/dev/null || exit 125 ;;
  ifNotPresent) have || "$engine" pull --quiet "$image" >/dev/null || exit 125 ;;
  never) have || { echo "the image $image is not here, and its pull policy is never" >&2; exit 125; } ;;
esac
exec 3<&0
"$engine" run "$@" <&3 &
child=$!
wait $child
code=$?
child=
[ "$cleanup" = no ] || gone
exit $code
)sh";

constexpr const char* k_remove = R"sh(left=$("$engine" ps --all --quiet --filter "label=dev.perdure.command=$2")
[ -z "$left" ] || "$engine" rm --force $left >/dev/null 2>&1
exit 0
)sh";

constexpr const char* k_sweep = R"sh(now=$(date +%s)
"$engine" ps --all --quiet --filter label=dev.perdure.remove-after --filter status=exited | while read -r id; do
  said=$("$engine" container inspect --format '{{ index .Config.Labels "dev.perdure.remove-after" }}|{{ .State.FinishedAt }}' "$id") || continue
  ended=$(date -d "$(echo "${said#*|}" | cut -d' ' -f1-3)" +%s) || continue
  [ $((ended + ${said%%|*})) -gt "$now" ] || "$engine" rm "$id" >/dev/null
done 2>/dev/null
exit 0
)sh";

std::string text_of(const Value& value) { return value.is_string() ? std::string(value.as_string()) : to_json(value); }

bool is_name(std::string_view text) {
  const auto plain = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9'); };
  return !text.empty() && text.size() <= k_name_bytes_max && plain(text.front()) &&
         std::all_of(text.begin(), text.end(), [&](char c) { return plain(c) || c == '_' || c == '.' || c == '-'; });
}

// What tells this command from all others, through every attempt.
std::string key_of(const Task& task) {
  std::array<char, 17> run{};
  std::snprintf(run.data(), run.size(), "%016llx",
                static_cast<unsigned long long>(checksum64(task.run.tenant + '\0' + task.run.id)));
  return std::string(run.data()) + "-" + std::to_string(task.command.seq);
}

std::string own_name(const Task& task) {
  std::string step = task.step.substr(0, 60);
  for (char& c : step)
    if (!is_name(std::string(1, c))) c = '-';
  return "perdure-" + step + "-" + key_of(task);
}

class Reader {
 public:
  explicit Reader(const Task& task) : task_(task), args_("container", task.args.view()) {}
  std::variant<Container, Outcome> read(const std::string& engines);

 private:
  void pairs(const char* name, const char* option);
  void environment();
  void lifetime();
  std::vector<std::string> tail();
  std::string safe(std::string_view member, std::string text) {
    if (text.starts_with("-") || text.find('\0') != std::string::npos)
      args_.wrong(member, "can't be '" + head(valid_utf8(text), 60) + "'");
    return text;
  }

  const Task& task_;
  Args args_;
  Container made_;
  std::vector<std::string> run_;
  bool remove_ = false;
};

// `{8080: 80}`, `{/here: /there}`: what is outside, then what is inside.
void Reader::pairs(const char* name, const char* option) {
  const Value* given = args_.object(name);
  if (given == nullptr) return;
  for (const auto& [outside, inside] : given->members()) {
    if (inside.is_null()) continue;
    const std::string pair = std::string(outside.as_string()) + ":" + text_of(inside);
    run_.insert(run_.end(), {option, safe(name, pair)});
  }
}

void Reader::environment() {
  for (const auto& [name, value] : made_.command.env) {
    const bool as_argument = is_for_the_tool(name);
    run_.insert(run_.end(), {"--env", safe("env", as_argument ? name + "=" + value : name)});
  }
  std::erase_if(made_.command.env, [](const auto& one) { return is_for_the_tool(one.first); });
}

void Reader::lifetime() {
  const std::string cleanup = args_.one_of("cleanup", {"always", "never", "eventually"}, "never");
  const auto after = args_.duration("cleanup_after");
  remove_ = cleanup == "always";
  if (cleanup != "eventually") return;
  made_.remove_after_ms = after.value_or(1);
  run_.insert(run_.end(),
              {"--label", std::string(k_after_label) + "=" + std::to_string((made_.remove_after_ms + 999) / 1000)});
}

// What comes after the options: the image, and what runs in it.
std::vector<std::string> Reader::tail() {
  const std::string image = safe("image", args_.required_text("image"));
  const auto command = args_.text("command");
  const std::vector<std::string> more = argument_texts(args_, "args");
  std::vector<std::string> all;
  if (command) all = {"--entrypoint", "sh", image, "-c", *command, "sh"};
  else all = {image};
  all.insert(all.end(), more.begin(), more.end());
  return all;
}

std::variant<Container, Outcome> Reader::read(const std::string& engines) {
  read_common(args_, made_.command);
  const std::string name = args_.text("name").value_or(own_name(task_));
  if (!is_name(name)) args_.wrong("name", "is none that a container can have: letters, digits, '_', '.' and '-'");
  const std::string pull = args_.one_of("pullPolicy", {"ifNotPresent", "always", "never"}, "ifNotPresent");
  const std::string& key = made_.key = key_of(task_);
  run_ = {"--name", name, "--pull", "never", "--label", std::string(k_command_label) + "=" + key};
  lifetime();
  pairs("ports", "--publish");
  pairs("volumes", "--volume");
  environment();
  if (made_.command.input) run_.emplace_back("--interactive");
  const std::vector<std::string> rest = tail();
  const std::string image = rest.front() == "--entrypoint" ? rest[2] : rest.front();
  std::vector<std::string>& argv = made_.command.argv;
  argv = {"/bin/sh", "-c",  std::string(k_choose) + k_run, "container", engines, key,
          pull,      image, remove_ ? "yes" : "no"};
  argv.insert(argv.end(), run_.begin(), run_.end());
  argv.insert(argv.end(), rest.begin(), rest.end());
  check_argv(args_, "args", made_.command);
  if (auto wrong = args_.finish()) return std::move(*wrong);
  if (engines.empty())
    return failure({.type = "container.unavailable",
                    .title = "there is neither docker nor podman on PATH, and a container needs one of them",
                    .error_class = ErrorClass::fatal});
  made_.command.name = "container " + name;
  made_.command.term_grace_ms = k_grace_ms;
  return std::move(made_);
}

Command script(const char* source, std::vector<std::string> arguments) {
  Command command;
  command.argv = {"/bin/sh", "-c", std::string(k_choose) + source, "container"};
  command.argv.insert(command.argv.end(), arguments.begin(), arguments.end());
  return command;
}

}  // namespace

std::string container_engines(std::string_view path) {
  std::string all;
  for (const char* name : {"docker", "podman"})
    if (!find_program(name, path).empty()) all += (all.empty() ? "" : " ") + std::string(name);
  return all;
}

std::variant<Container, Outcome> read_container(const Task& task, const std::string& engines) {
  return Reader(task).read(engines);
}

Command removal(const std::string& engines, const std::string& key) { return script(k_remove, {engines, key}); }
Command sweep(const std::string& engines) { return script(k_sweep, {engines}); }

}  // namespace perdure::activity
