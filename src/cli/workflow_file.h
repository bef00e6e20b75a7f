#pragma once
// A workflow named on the command line: a file's path, or the name of a registered one.
#include <memory>
#include <optional>
#include <string>

#include "base/result.h"
#include "cli/session.h"
#include "loaders/load.h"

namespace perdure::cli {

struct WorkflowFile {
  std::string name;  // as given, "-" for standard input
  std::string text;
  loaders::Loaded loaded;
};
// Reads and loads; what is wrong inside the file is in `loaded`, not an error.
Result<WorkflowFile> load_file(Session& session, const std::string& name);
// The plan, or everything that is wrong: printed on stderr (with --json as JSON on stdout), and an `invalid` error that
// counts it.
Result<std::shared_ptr<const plan::Plan>> load_plan(Session& session, const std::string& name);
// A file's plan, or that of NAME[@VERSION] in the store, which is only read.
Result<std::shared_ptr<const plan::Plan>> plan_of_word(Session& session, const std::string& word);
// What of a plan can't be run by this build or here, in words with its place; nothing when all can.
std::optional<std::string> not_available(const Session& session, const plan::Plan& plan);
// Whether a word is meant as a file: it has a slash or a YAML ending, or such a file exists.
bool looks_like_file(const std::string& word);
// NAME or NAME@VERSION among what is registered.
Result<std::shared_ptr<const plan::Plan>> registered_plan(engine::Engine& engine, const std::string& word);

}  // namespace perdure::cli
