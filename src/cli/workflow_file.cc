#include "cli/workflow_file.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/json.h"
#include "plan/spelling.h"

namespace perdure::cli {
namespace {

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
  file.loaded = loaders::load(file.text, name == "-" ? "stdin" : name);
  return file;
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
