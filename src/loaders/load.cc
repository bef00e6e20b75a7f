// Which dialect a file is in, and what is common to reading it.
#include "loaders/load.h"

#include <algorithm>

#include "loaders/native.h"
#include "loaders/ows.h"

namespace perdure::loaders {
namespace {

// A file of the standard has `document` at its top; one that forgot it still has `do`, which no native file has.
bool is_standard(const YamlTree& tree) {
  const YamlNode& root = tree.root();
  if (root.type != YamlNode::Type::mapping) return false;
  if (tree.find(root, "document") != nullptr) return true;
  const auto has = [&](std::string_view key) { return tree.find(root, key) != nullptr; };
  return has("do") && !has("name") && !has("steps") && !has("modules") && !has("workflow");
}

template <class Read>
Loaded load_by(std::string_view text, std::string_view file_name, const LoadLimits& limits, Read&& read) {
  if (text.starts_with("\xef\xbb\xbf")) text.remove_prefix(3);
  Loaded loaded;
  const SourceText source(text.substr(0, limits.file_bytes + 1), file_name);
  if (auto tree = read_yaml(source, limits, loaded.diagnostics)) {
    const bool sound = loaded.diagnostics.empty();
    auto plan = read(source, *tree, loaded.diagnostics);
    if (sound) loaded.plan = std::move(plan);
  }
  std::stable_sort(loaded.diagnostics.begin(), loaded.diagnostics.end(), [](const Diagnostic& a, const Diagnostic& b) {
    return std::pair(a.place.line, a.place.column) < std::pair(b.place.line, b.place.column);
  });
  return loaded;
}

}  // namespace

Loaded load_native(std::string_view text, std::string_view file_name, const LoadLimits& limits,
                   const KnownActivities& known) {
  return load_by(text, file_name, limits, [&](const SourceText& source, const YamlTree& tree, auto& out) {
    return NativeLoader(source, tree, limits, known, out).load();
  });
}

Result<Value> yaml_value(std::string_view text) {
  std::vector<Diagnostic> wrong;
  const SourceText source(text, "YAML");
  const auto tree = read_yaml(source, {}, wrong);
  if (!wrong.empty())
    return fail(ErrorCode::invalid, "line " + std::to_string(wrong.front().place.line) + ": " + wrong.front().message);
  if (!tree) return fail(ErrorCode::invalid, "it is no YAML");
  return to_value(*tree, tree->root());
}

Loaded load(std::string_view text, std::string_view file_name, const LoadLimits& limits, const KnownActivities& known,
            const Resources* resources) {
  std::vector<Wanted> wanted;
  Loaded loaded = load_by(text, file_name, limits, [&](const SourceText& source, const YamlTree& tree, auto& out) {
    if (!is_standard(tree)) return NativeLoader(source, tree, limits, known, out).load();
    OwsLoader loader(source, tree, limits, known, out, resources);
    auto plan = loader.load();
    wanted = loader.wanted();
    return plan;
  });
  loaded.wanted = std::move(wanted);
  return loaded;
}

}  // namespace perdure::loaders
