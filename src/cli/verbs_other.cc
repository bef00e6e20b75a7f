// bench, version, completion.
#include <fmt/format.h>

#include <algorithm>

#include "cli/session.h"
#include "cli/verbs.h"

namespace perdure::cli {
namespace {

Result<int> bench(Session& session) {
  if (!session.backend.bench)
    return fail(ErrorCode::unsupported, "this build has no benchmarks; use the release build");
  const auto names = session.args.all("WORKLOAD");
  for (const std::string& name : names)
    if (std::find(session.backend.workloads.begin(), session.backend.workloads.end(), name) ==
        session.backend.workloads.end())
      return fail(ErrorCode::invalid,
                  fmt::format("there is no workload '{}'; choose among {}", clipped(printable(name), 60),
                              fmt::join(session.backend.workloads, ", ")));
  // Never the user's own store: it would be filled with a million runs.
  const std::filesystem::path dir = session.args.text_or("--store", "");
  return session.backend.bench(names, dir, session.json);
}

Result<int> version(Session& session) {
  if (session.json)
    session.print_json(Value::object({{"version", session.backend.version}, {"build", session.backend.build}}));
  else
    session.print(fmt::format("perdure {}{}\n", session.backend.version,
                              session.backend.build.empty() ? "" : " (" + session.backend.build + ")"));
  return k_exit_ok;
}

Result<int> completion(Session& session) {
  PERDURE_TRY(script, completion_script(session.args.text_or("SHELL", "")));
  session.print(script);
  return k_exit_ok;
}

}  // namespace

void add_other_verbs(std::vector<Verb>& verbs) {
  verbs.push_back({.name = "bench",
                   .group = "Other",
                   .summary = "Measure this machine: runs and steps a second, latency, memory",
                   .positionals = {{.name = "WORKLOAD",
                                    .help = "which (default: all)",
                                    .required = false,
                                    .repeated = true,
                                    .complete = Complete::workload}},
                   .flags = {},
                   .notes = "Works in a temporary folder, or in the one that --store names; never in your own store.",
                   .examples = {{"perdure bench steps10 latency1 --json", "two workloads, for a program"}},
                   .run = bench});
  verbs.push_back({.name = "version",
                   .group = "Other",
                   .summary = "The version of this binary",
                   .positionals = {},
                   .flags = {},
                   .examples = {{"perdure version --json", "for a program"}},
                   .run = version});
  verbs.push_back(
      {.name = "completion",
       .group = "Other",
       .summary = "A completion script for bash, zsh or fish",
       .positionals = {{.name = "SHELL", .help = "bash, zsh or fish"}},
       .flags = {},
       .examples = {{"perdure completion bash > ~/.local/share/bash-completion/completions/perdure", "for bash"},
                    {"perdure completion zsh > ~/.zfunc/_perdure", "for zsh, with ~/.zfunc in fpath"},
                    {"perdure completion fish > ~/.config/fish/completions/perdure.fish", "for fish"}},
       .run = completion});
}

}  // namespace perdure::cli
