#include "cli/workflow_file.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/hash.h"
#include "base/json.h"
#include "plan/spelling.h"

namespace perdure::cli {
namespace {

constexpr int k_rounds_max = 16;
constexpr std::size_t k_resource_bytes_max = std::size_t{4} << 20;

// A file that a workflow in `folder` refers to.
Result<std::string> read_resource(Session& session, const std::filesystem::path& folder, std::string uri) {
  if (uri.starts_with(loaders::k_default_catalog)) {
    const auto catalog = session.io.env("PERDURE_CATALOG");
    if (!catalog || catalog->empty())
      return fail(ErrorCode::invalid, "there is no default catalog here; set PERDURE_CATALOG to its folder or URL");
    uri = *catalog + (catalog->ends_with('/') ? "" : "/") + uri.substr(loaders::k_default_catalog.size());
    if (uri.find("://") == std::string::npos) return read_file(uri, k_resource_bytes_max);
  }
  if (uri.starts_with("https://")) return session.fetch(uri, k_resource_bytes_max);
  if (uri.starts_with("file://localhost/")) uri.erase(7, 9);
  if (uri.starts_with("file:///")) uri.erase(0, 7);
  else if (uri.starts_with("file:") && !uri.starts_with("file://")) uri.erase(0, 5);
  if (uri.find("://") != std::string::npos)
    return fail(ErrorCode::invalid, "only https and files of this machine can be read");
  return read_file(folder / uri, k_resource_bytes_max);
}

// NAMESPACE/NAME of a registered workflow can be told from a path only by what is there.
bool may_be_qualified(const std::string& word) {
  return std::count(word.begin(), word.end(), '/') == 1 && word.front() != '/' && word.front() != '.' &&
         word.front() != '~' && word.back() != '/';
}

}  // namespace

Result<WorkflowFile> load_file(Session& session, const std::string& name) {
  WorkflowFile file{.name = name, .text = {}, .loaded = {}};
  PERDURE_TRY(text, name == "-" ? session.io.read_input(k_file_bytes_max) : read_file(name));
  file.text = std::move(text);
  const std::string shown = name == "-" ? "stdin" : name;
  const std::filesystem::path folder = name == "-" ? "." : std::filesystem::path(name).parent_path();
  // What another file refers to is known once that one was read.
  loaders::Resources resources;
  for (int round = 0; round < k_rounds_max; ++round) {
    file.loaded = loaders::load(file.text, shown, {}, loaders::KnownActivities::built_in(), &resources);
    if (file.loaded.wanted.empty()) return file;
    for (const loaders::Wanted& wanted : file.loaded.wanted) {
      auto read = read_resource(session, folder, wanted.uri);
      if (!read)
        return fail(ErrorCode::invalid, fmt::format("{}:{}:{}: {}: {}", printable(shown), wanted.place.line,
                                                    wanted.place.column, printable(wanted.uri), read.error().message));
      session.say(fmt::format("read {}, sha256 {}", printable(wanted.uri), sha256_hex(*read)));
      resources.texts[wanted.uri] = std::move(*read);
    }
  }
  return fail(ErrorCode::invalid, printable(shown) + ": files refer to each other more than " +
                                      std::to_string(k_rounds_max) + " deep (the limit)");
}

std::optional<std::string> not_available(const Session& session, const plan::Plan& plan) {
  if (auto missing = loaders::not_available(plan)) return missing;
  if (!session.backend.containers.empty()) return std::nullopt;
  for (const plan::Node& node : plan.nodes)
    if (node.activity && node.activity->type == "container")
      return fmt::format("line {}: step `{}` runs a container, and there is neither docker nor podman on PATH",
                         node.place.line, node.name);
  return std::nullopt;
}

Result<std::shared_ptr<const plan::Plan>> load_plan(Session& session, const std::string& name) {
  PERDURE_TRY(file, load_file(session, name));
  const auto is_error = [](const loaders::Diagnostic& d) { return d.severity == loaders::Diagnostic::Severity::error; };
  const auto errors = std::count_if(file.loaded.diagnostics.begin(), file.loaded.diagnostics.end(), is_error);
  if (!file.loaded.diagnostics.empty()) {
    if (session.json) {
      Value list = Value::array();
      for (const loaders::Diagnostic& d : file.loaded.diagnostics) list.push_back(loaders::to_json(d));
      if (!file.loaded.ok()) session.io.err(to_json(Value::object({{"diagnostics", list}})) + "\n");
    } else if (!session.args.on("--quiet") || !file.loaded.ok()) {
      session.io.err(printable_with_colors(loaders::render(file.loaded.diagnostics, session.err_palette().color())));
    }
  }
  if (file.loaded.ok()) return file.loaded.plan;
  return fail(ErrorCode::invalid, fmt::format("{} has {} error{}; mend {} and run it again", printable(name), errors,
                                              errors == 1 ? "" : "s", errors == 1 ? "it" : "them"));
}

bool looks_like_file(const std::string& word) {
  if (word == "-" || word.ends_with(".yaml") || word.ends_with(".yml") || word.ends_with(".json")) return true;
  std::error_code ignored;
  return std::filesystem::is_regular_file(word, ignored) ||
         (word.find('/') != std::string::npos && !may_be_qualified(word));
}

Result<std::shared_ptr<const plan::Plan>> registered_plan(engine::Engine& engine, const std::string& word) {
  const std::size_t at = word.find('@');
  const std::string name = word.substr(0, at);
  const std::string version = at == std::string::npos ? "" : word.substr(at + 1);
  Result<std::shared_ptr<const plan::Plan>> plan = engine.workflow(name, version);
  if (plan || plan.error().code != ErrorCode::not_found) return plan;
  const auto known = engine.workflows();
  std::vector<std::string_view> names;
  if (known)
    for (const engine::WorkflowInfo& info : *known) names.push_back(info.name);
  const std::string near(plan::nearest(name, names));
  std::string mend = "'perdure workflows' lists what is registered, a file is named by its path";
  if (std::find(names.begin(), names.end(), name) != names.end()) mend = "'perdure workflows' lists its versions";
  else if (!near.empty()) mend = fmt::format("did you mean '{}'?", near);
  return fail(ErrorCode::invalid, fmt::format("no workflow '{}' is registered, and no file has this name; {}",
                                              clipped(printable(word), 80), mend));
}

Result<std::shared_ptr<const plan::Plan>> plan_of_word(Session& session, const std::string& word) {
  if (looks_like_file(word)) return load_plan(session, word);
  PERDURE_TRY(dir, session.store());
  std::error_code ignored;
  if (!std::filesystem::exists(dir, ignored))
    return fail(ErrorCode::invalid,
                fmt::format("there is no file '{}', and no store to look for a workflow of this name; check the path",
                            clipped(printable(word), 80)));
  PERDURE_TRY(engine, session.open_existing(Drive::nothing));
  return registered_plan(*engine, word);
}

}  // namespace perdure::cli
