// Functions of the file and of its catalogs.
#include <algorithm>

#include "loaders/ows.h"
#include "plan/spelling.h"

namespace perdure::loaders {

// A call is a list of two: what the function gets, and the function's task.
void OwsLoader::function_body(NodeId id, const Members& m, const YamlNode& call) {
  const std::string name(call.text);
  if (name.find("://") != std::string::npos)
    return error(call, "functions of another file can't be read in this build", "define it in `use.functions`");
  if (name.find('@') != std::string::npos) return catalog_body(id, m, call);
  const YamlNode* function =
      functions_ != nullptr && functions_->type == YamlNode::Type::mapping ? tree_.find(*functions_, name) : nullptr;
  if (function == nullptr) {
    Strings all{"http", "openapi", "grpc", "asyncapi", "mcp", "a2a"};
    if (functions_ != nullptr && functions_->type == YamlNode::Type::mapping)
      for (std::size_t i = 0; i < tree_.size(*functions_); ++i) all.push_back(tree_.key(*functions_, i).text);
    return error(call, "there is no function `" + name.substr(0, 80) + "` in `use.functions`", did_you_mean(name, all));
  }
  used_.insert(function);
  if (const auto at_name = std::find(expanding_.begin(), expanding_.end(), name); at_name != expanding_.end()) {
    std::string path;
    for (auto it = at_name; it != expanding_.end(); ++it) path.append(std::string(*it).substr(0, 80)).append(" -> ");
    return error(call, "these functions call each other: " + path + name.substr(0, 80));
  }
  if (const YamlNode* with = m.get("with"); with != nullptr) {
    if (with->type != YamlNode::Type::mapping)
      return error(*with, "`with` takes a mapping of the function's arguments");
    const NodeId given = make(*with, "with", true, id, flow(id).pointer);
    at(given).kind = plan::Kind::set;
    Template t = data(*with, given);
    at(given).set = std::move(t);
    at(id).children.push_back(given);
  }
  const YamlNode* key = &call;
  for (std::size_t i = 0; i < tree_.size(*functions_); ++i)
    if (tree_.key(*functions_, i).text == name) key = &tree_.key(*functions_, i);
  const std::vector<std::string> outer = std::exchange(variables_, {});
  expanding_.push_back(key->text);
  TaskList alone;
  alone.of = TaskList::Of::function;
  const NodeId made = task(*key, *function, id, "/use/functions/" + escaped(name), alone);
  at(id).children.push_back(made);
  expanding_.pop_back();
  variables_ = outer;
}

// NAME:VERSION@CATALOG
void OwsLoader::catalog_body(NodeId id, const Members& m, const YamlNode& call) {
  const std::string_view whole = call.text;
  const std::size_t at_sign = whole.find('@'), colon = whole.find(':');
  if (colon == std::string_view::npos || colon > at_sign || colon == 0 || at_sign + 1 == whole.size())
    return error(call, "a function of a catalog is called by NAME:VERSION@CATALOG");
  const std::string_view name = whole.substr(0, colon), catalog = whole.substr(at_sign + 1);
  const YamlNode* written =
      catalogs_ != nullptr && catalogs_->type == YamlNode::Type::mapping ? tree_.find(*catalogs_, catalog) : nullptr;
  bool ours = catalog == "perdure" && written == nullptr;
  if (written != nullptr) {
    used_.insert(written);
    const YamlNode* at_endpoint = written->type == YamlNode::Type::mapping ? tree_.find(*written, "endpoint") : nullptr;
    if (at_endpoint != nullptr && at_endpoint->type == YamlNode::Type::mapping)
      at_endpoint = tree_.find(*at_endpoint, "uri");
    ours = at_endpoint != nullptr && at_endpoint->text == "builtin://perdure";
  }
  if (ours) return builtin_body(id, m, call, name, whole.substr(colon + 1, at_sign - colon - 1));
  if (written == nullptr && catalog != "default") {
    Strings all{"perdure", "default"};
    if (catalogs_ != nullptr && catalogs_->type == YamlNode::Type::mapping)
      for (std::size_t i = 0; i < tree_.size(*catalogs_); ++i) all.push_back(tree_.key(*catalogs_, i).text);
    return error(call, "there is no catalog `" + std::string(catalog.substr(0, 80)) + "` in `use.catalogs`",
                 did_you_mean(catalog, all));
  }
  error(call, "functions of catalogs can't be read in this build",
        "define it in `use.functions`; the catalog `perdure` is built in");
}

}  // namespace perdure::loaders
