// Other files that a workflow refers to: schemas, scripts and functions. The loader names what it wants and is given the
// texts; what they say becomes part of the plan, so that a later change of theirs changes nothing.
#include <algorithm>

#include "base/json.h"
#include "loaders/ows.h"
#include "plan/json_schema.h"

namespace perdure::loaders {
namespace {

constexpr std::size_t k_resources_max = 64;  // of one workflow

bool is_absolute(std::string_view uri) { return uri.find("://") != std::string_view::npos || uri.starts_with("file:"); }

// Without `.` and `..` in its path, so that one file has one name.
std::string tidy(std::string uri) {
  const std::size_t scheme = uri.find("://");
  const std::size_t host = scheme == std::string::npos ? 0 : std::min(uri.find('/', scheme + 3), uri.size());
  while (host == 0 && uri.starts_with("./")) uri.erase(0, 2);
  for (std::size_t at = uri.find("/./", host); at != std::string::npos; at = uri.find("/./", host)) uri.erase(at, 2);
  for (std::size_t at = uri.find("/../", host); at != std::string::npos;) {
    const std::size_t before = at == 0 ? std::string::npos : uri.rfind('/', at - 1);
    const std::size_t from = before == std::string::npos || before < host ? host : before + 1;
    const bool fixed = from >= at || std::string_view(uri).substr(from, at - from) == "..";
    if (fixed) {
      at = uri.find("/../", at + 3);
    } else {
      uri.erase(from, at + 4 - from);
      at = uri.find("/../", host);
    }
  }
  return uri;
}

// `uri` as it is meant in the file at `base`.
std::string resolved(std::string_view base, std::string_view uri) {
  if (base.empty() || is_absolute(uri) || uri.starts_with(k_default_catalog)) return std::string(uri);
  const std::size_t scheme = base.find("://");
  const std::size_t host = scheme == std::string_view::npos ? 0 : scheme + 3;
  if (uri.starts_with('/')) {
    const std::size_t path = scheme == std::string_view::npos ? 0 : std::min(base.find('/', host), base.size());
    return std::string(base.substr(0, path)) + std::string(uri);
  }
  const std::size_t slash = base.rfind('/');
  const bool folder = slash != std::string_view::npos && slash >= host;
  return std::string(folder ? base.substr(0, slash + 1) : base.substr(0, 0)) + std::string(uri);
}

// "https://HOST/OWNER/NAME…" -> {HOST, the rest}; empty when it is not on that host.
std::string_view on_host(std::string_view uri, std::string_view host) {
  for (const std::string_view scheme : {"https://", "http://"}) {
    if (!uri.starts_with(scheme)) continue;
    const std::string_view rest = uri.substr(scheme.size());
    if (rest.starts_with(host) && rest.size() > host.size() && rest[host.size()] == '/')
      return rest.substr(host.size() + 1);
  }
  return {};
}

}  // namespace

// A page of GitHub or GitLab as the file that it shows (C12).
std::string raw_uri(std::string_view uri) {
  if (const std::string_view path = on_host(uri, "github.com"); !path.empty()) {
    for (const std::string_view page : {"/blob/", "/tree/"})
      if (const std::size_t at = path.find(page); at != std::string_view::npos)
        return "https://raw.githubusercontent.com/" + std::string(path.substr(0, at)) + "/" +
               std::string(path.substr(at + page.size()));
    // A repository as a catalog: its default branch.
    const std::size_t name = path.find('/');
    const std::size_t end = name == std::string_view::npos ? name : path.find('/', name + 1);
    if (end != std::string_view::npos && path.substr(end + 1).starts_with("functions/"))
      return "https://raw.githubusercontent.com/" + std::string(path.substr(0, end)) + "/HEAD" +
             std::string(path.substr(end));
  }
  if (!on_host(uri, "gitlab.com").empty()) {
    for (const std::string_view page : {"/-/blob/", "/-/tree/"})
      if (const std::size_t at = uri.find(page); at != std::string_view::npos)
        return std::string(uri.substr(0, at)) + "/-/raw/" + std::string(uri.substr(at + page.size()));
  }
  return std::string(uri);
}

// The text at a URI that is as written, or nothing: it is wanted, or the mistake was told.
const std::string* OwsLoader::external(const YamlNode& at_node, std::string_view written) {
  if (written.find("${") != std::string_view::npos || written.find('{') != std::string_view::npos) {
    error(at_node, "what is read from another file is read before anything runs: its URI is fixed",
          "write the URI out");
    return nullptr;
  }
  const std::string uri = tidy(resolved(base_, raw_uri(written)));
  if (uri.starts_with("http://")) {
    error(at_node, "`" + uri.substr(0, 120) + "` could be altered on its way", "it is read over https only");
    return nullptr;
  }
  if (resources_ == nullptr) {
    error(at_node, "other files can't be read here", "write what it has into this one");
    return nullptr;
  }
  if (const auto found = resources_->texts.find(uri); found != resources_->texts.end()) return &found->second;
  const bool known = std::any_of(wanted_.begin(), wanted_.end(), [&](const Wanted& w) { return w.uri == uri; });
  if (known) return nullptr;
  if (resources_->texts.size() + wanted_.size() >= k_resources_max) {
    error(at_node, "the workflow refers to more than " + std::to_string(k_resources_max) + " other files (the limit)");
    return nullptr;
  }
  wanted_.push_back({uri, at_node.place});
  return nullptr;
}

// {name, endpoint}, read now.
const std::string* OwsLoader::external_resource(const YamlNode& node, std::string_view what) {
  const Members m(*this, node, what, {"name", "endpoint"});
  if (!required(m, node, what, {"endpoint"})) return nullptr;
  const YamlNode* uri_at = m.get("endpoint");
  if (uri_at->type == YamlNode::Type::mapping) {
    const Members e(*this, *uri_at, "endpoint", {"uri", "authentication"});
    if (const YamlNode* n = e.get("authentication"); n != nullptr) {
      error(*n, "what is read before anything runs can't ask for credentials", "copy the file next to the workflow");
      return nullptr;
    }
    if (!required(e, *uri_at, "endpoint", {"uri"})) return nullptr;
    uri_at = e.get("uri");
  }
  const auto written = text(*uri_at, "endpoint");
  return written ? external(*uri_at, *written) : nullptr;
}

Value OwsLoader::external_schema(const YamlNode& node, std::string_view what) {
  const std::string* read = external_resource(node, "resource");
  if (read == nullptr) return {};
  auto schema = yaml_value(*read);
  if (!schema) {
    error(node, "the schema can't be read: " + schema.error().message);
    return {};
  }
  if (!schema->is_object() && !schema->is_bool()) {
    error(node, "`" + std::string(what) + "` refers to a file that is no JSON Schema");
    return {};
  }
  for (const plan::SchemaError& e : plan::check_schema(*schema))
    error(node, "`" + std::string(what) + "` refers to a file that is no JSON Schema: " + plan::to_string(e, what));
  return std::move(*schema);
}

// The function at a URI, read by a loader of its own into this plan; what is wrong in it is told at the call.
void OwsLoader::external_function(NodeId id, const Members& m, const YamlNode& call, std::string_view written,
                                  std::string_view name) {
  const std::string* read = external(call, written);
  if (read == nullptr) return;
  const auto found = resources_->texts.find(tidy(resolved(base_, raw_uri(written))));
  const std::string& uri = found->first;
  if (std::find(expanding_.begin(), expanding_.end(), uri) != expanding_.end())
    return error(call, "the function `" + uri.substr(0, 120) + "` calls itself");
  if (!arguments(id, m)) return;
  std::vector<Diagnostic> wrong;
  const SourceText source(*read, uri);
  const auto tree = read_yaml(source, limits_, wrong);
  const std::size_t nodes = plan_->nodes.size(), exprs = plan_->exprs.size();
  const auto is_wrong = [&] {
    return std::any_of(wrong.begin(), wrong.end(), [](const Diagnostic& d) { return d.severity == Severity::error; });
  };
  if (tree && !is_wrong()) {
    OwsLoader other(source, *tree, limits_, known_, wrong);
    other.lend(*this);
    other.base_ = uri;
    other.expanding_.push_back(uri);
    YamlNode key = call;
    key.text = name;
    TaskList alone;
    alone.of = TaskList::Of::function;
    const NodeId made = other.task(key, tree->root(), id, flow(id).pointer, alone);
    for (std::size_t e = exprs; e < plan_->exprs.size(); ++e) other.check_expression(static_cast<ExprId>(e), true);
    other.expanding_.pop_back();
    lend(other);
    at(id).children.push_back(made);
    // Places are those of this file.
    for (std::size_t n = nodes; n < plan_->nodes.size(); ++n) plan_->nodes[n].place = call.place;
    for (std::size_t e = exprs; e < plan_->exprs.size(); ++e) {
      plan_->exprs[e].place = call.place;
      sites_[e].scalar = &call;
      sites_[e].exact = false;
    }
  }
  for (const Diagnostic& d : wrong) {
    const std::string message =
        uri + ":" + std::to_string(d.place.line) + ":" + std::to_string(d.place.column) + ": " + d.message;
    if (d.severity == Severity::error) error(call, message, d.hint);
    else warn(call, message, d.hint);
  }
  if (tree && !is_wrong()) return;
  at(id).children.clear();
  plan_->nodes.erase(plan_->nodes.begin() + static_cast<std::ptrdiff_t>(nodes), plan_->nodes.end());
  plan_->exprs.erase(plan_->exprs.begin() + static_cast<std::ptrdiff_t>(exprs), plan_->exprs.end());
  sites_.resize(exprs);
}

// Takes over what two loaders of one plan share.
void OwsLoader::lend(OwsLoader& from) {
  plan_ = from.plan_;
  sites_ = std::move(from.sites_);
  resources_ = from.resources_;
  wanted_ = std::move(from.wanted_);
  expanding_ = from.expanding_;
  steps_ = from.steps_;
  depth_ = from.depth_;
  in_extension_ = from.in_extension_;
  stopped_ = from.stopped_;
}

}  // namespace perdure::loaders
