// Functions of the file and of its catalogs.
#include <algorithm>

#include "loaders/ows.h"
#include "plan/spelling.h"

namespace perdure::loaders {

// A call is a list of two: what the function gets, and the function's task.
void OwsLoader::function_body(NodeId id, const Members& m, const YamlNode& call) {
  const std::string name(call.text);
  const bool is_file = name.starts_with("./") || name.starts_with("../") || name.starts_with("file:");
  if (is_file || name.find("://") != std::string::npos) return external_function(id, m, call, name, "function");
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
  if (!arguments(id, m)) return;
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

// What `with` makes is a task before the function's.
bool OwsLoader::arguments(NodeId id, const Members& m) {
  const YamlNode* with = m.get("with");
  if (with == nullptr) return true;
  if (with->type != YamlNode::Type::mapping) {
    error(*with, "`with` takes a mapping of the function's arguments");
    return false;
  }
  const NodeId given = make(*with, "with", true, id, flow(id).pointer);
  at(given).kind = plan::Kind::set;
  Template t = data(*with, given);
  at(given).set = std::move(t);
  at(id).children.push_back(given);
  return true;
}

// NAME:VERSION@CATALOG is ENDPOINT/functions/NAME/VERSION/function.yaml.
void OwsLoader::catalog_body(NodeId id, const Members& m, const YamlNode& call) {
  const std::string_view whole = call.text;
  const std::size_t at_sign = whole.find('@'), colon = whole.find(':');
  if (colon == std::string_view::npos || colon > at_sign || colon == 0 || at_sign + 1 == whole.size())
    return error(call, "a function of a catalog is called by NAME:VERSION@CATALOG");
  const std::string_view name = whole.substr(0, colon), catalog = whole.substr(at_sign + 1);
  const YamlNode* written =
      catalogs_ != nullptr && catalogs_->type == YamlNode::Type::mapping ? tree_.find(*catalogs_, catalog) : nullptr;
  const YamlNode* endpoint_at = nullptr;
  if (written != nullptr) {
    used_.insert(written);
    endpoint_at = written->type == YamlNode::Type::mapping ? tree_.find(*written, "endpoint") : nullptr;
    if (endpoint_at != nullptr && endpoint_at->type == YamlNode::Type::mapping)
      endpoint_at = tree_.find(*endpoint_at, "uri");
    const Members c(*this, *written, "catalog", {"endpoint"});
    if (!required(c, *written, "catalog", {"endpoint"}) || endpoint_at == nullptr) return;
  }
  const std::string_view version = whole.substr(colon + 1, at_sign - colon - 1);
  const bool ours = written != nullptr ? endpoint_at->text == "builtin://perdure" : catalog == "perdure";
  if (ours) return builtin_body(id, m, call, name, version);
  if (written == nullptr && catalog != "default") {
    Strings all{"perdure", "default"};
    if (catalogs_ != nullptr && catalogs_->type == YamlNode::Type::mapping)
      for (std::size_t i = 0; i < tree_.size(*catalogs_); ++i) all.push_back(tree_.key(*catalogs_, i).text);
    return error(call, "there is no catalog `" + std::string(catalog.substr(0, 80)) + "` in `use.catalogs`",
                 did_you_mean(catalog, all));
  }
  std::string uri = written == nullptr ? std::string(k_default_catalog) : std::string(endpoint_at->text);
  if (!uri.ends_with('/')) uri += '/';
  uri += "functions/" + std::string(name) + "/" + std::string(version) + "/function.yaml";
  external_function(id, m, call, uri, name);
}

}  // namespace perdure::loaders
