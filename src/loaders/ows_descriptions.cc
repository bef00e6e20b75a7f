// Descriptions of services (OpenAPI, AsyncAPI, proto). One that lies beside the workflow is read with it and becomes part of
// the plan; one with a URI of its own is read when it is called (F8).
#include "base/json.h"
#include "loaders/ows.h"

namespace perdure::loaders {
namespace {

// A path beside the workflow's own file, as it is written.
bool is_beside(const YamlNode& uri) {
  return uri.type == YamlNode::Type::scalar && !uri.text.empty() && uri.text.find("://") == std::string_view::npos &&
         !uri.text.starts_with("file:") && uri.text.find('{') == std::string_view::npos;
}

// What a .proto file imports, but for what comes with protobuf. Statements end with `;`, texts and comments are no statements.
std::vector<std::string> imports_of(std::string_view text) {
  std::vector<std::string> found;
  std::string statement;
  const auto statement_over = [&] {
    const std::size_t word = statement.find_first_not_of(" \t\r\n");
    const std::size_t open = statement.find('"'), close = statement.rfind('"');
    if (word != std::string::npos && statement.compare(word, 6, "import") == 0 && open < close)
      if (std::string path = statement.substr(open + 1, close - open - 1); !path.starts_with("google/protobuf/"))
        found.push_back(std::move(path));
    statement.clear();
  };
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (text.substr(at, 2) == "//") {
      at = std::min(text.find('\n', at), text.size() - 1);
    } else if (text.substr(at, 2) == "/*") {
      const std::size_t end = text.find("*/", at + 2);
      if (end == std::string_view::npos) break;
      at = end + 1;
    } else if (text[at] == ';' || text[at] == '{' || text[at] == '}') {
      statement_over();
    } else {
      statement += text[at] == '\'' ? '"' : text[at];
    }
  }
  return found;
}

}  // namespace

Template OwsLoader::resource(const YamlNode& node, NodeId owner, std::string_view what) {
  const Members m(*this, node, what, {"name", "endpoint"});
  TemplatePairs pairs;
  if (const YamlNode* n = m.get("name"); n != nullptr)
    pairs.emplace_back("name", constant_template(Value(text(*n, "name").value_or(""))));
  const YamlNode* at_node = m.get("endpoint");
  if (at_node == nullptr) {
    required(m, node, what, {"endpoint"});
    return object_template(std::move(pairs));
  }
  if (is_beside(*at_node)) {
    pairs.emplace_back("endpoint", constant_template(Value(at_node->text)));
    if (const std::string* read = external(*at_node, at_node->text)) {
      pairs.emplace_back("content", constant_template(Value(*read)));
      if (what == "proto") pairs.emplace_back("files", constant_template(proto_files(*at_node, *read)));
    }
  } else {
    pairs.emplace_back("endpoint", endpoint(*at_node, owner, "endpoint"));
  }
  return object_template(std::move(pairs));
}

// By the path that imports name, relative to the first file's folder.
Value OwsLoader::proto_files(const YamlNode& root, const std::string& read) {
  const std::size_t slash = root.text.rfind('/');
  const std::string folder(slash == std::string_view::npos ? "" : root.text.substr(0, slash + 1));
  Value files = Value::object();
  std::vector<std::string> wanted = imports_of(read);
  while (!wanted.empty()) {
    const std::string path = std::move(wanted.back());
    wanted.pop_back();
    if (files.find(path) != nullptr) continue;
    if (path.empty() || path.front() == '/' || path.find("..") != std::string::npos ||
        path.find("://") != std::string::npos) {
      error(root, "it imports `" + path.substr(0, 100) + "`, which is no path within its folder");
      continue;
    }
    const std::string* text_of_it = external(root, folder + path);
    if (text_of_it == nullptr) continue;
    files.set(path, Value(*text_of_it));
    for (std::string& more : imports_of(*text_of_it)) wanted.push_back(std::move(more));
  }
  return files;
}

}  // namespace perdure::loaders
