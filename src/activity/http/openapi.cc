#include "activity/http/openapi.h"

#include <algorithm>
#include <array>
#include <set>

#include "activity/http/openapi_parameters.h"
#include "activity/outcome.h"
#include "base/json.h"
#include "base/limits.h"

namespace perdure::activity {
namespace {

constexpr std::array<std::string_view, 7> k_methods = {"get", "put", "post", "delete", "options", "head", "patch"};
constexpr std::size_t k_schemas_max = 100;  // that make up one body
constexpr std::size_t k_names_max = 1000;   // looked through for the nearest

tl::unexpected<Error> wrong(std::string what) { return fail(ErrorCode::invalid, std::move(what)); }
std::string quoted(std::string_view text) { return "'" + head(valid_utf8(std::string(text)), 100) + "'"; }
std::string near(std::string_view name, const std::vector<std::string>& names) {
  const auto like = nearest(name, names);
  return like ? "; did you mean " + quoted(*like) + "?" : "";
}

std::string text_member(const Value& value, std::string_view name) {
  const Value* found = value.find(name);
  return found != nullptr && found->is_string() ? std::string(found->as_string()) : std::string();
}
bool is_true(const Value* value) { return value != nullptr && value->is_bool() && value->as_bool(); }
const Value* list_member(const Value& value, std::string_view name) {
  const Value* found = value.find(name);
  return found != nullptr && found->is_array() ? found : nullptr;
}
std::vector<std::string> texts(const Value* list) {
  std::vector<std::string> all;
  if (list == nullptr) return all;
  for (const Value& item : list->items())
    if (item.is_string()) all.emplace_back(item.as_string());
  return all;
}

struct Operation {
  std::string path;
  std::string method;
  const Value* item = nullptr;  // what the document says of the path
  const Value* definition = nullptr;
};

Result<Operation> find_operation(const Value& document, References& references, const std::string& id) {
  const Value* paths = document.find("paths");
  if (paths == nullptr || !paths->is_object()) return wrong("the document has no paths");
  std::vector<std::string> names;
  for (const auto& [path, written] : paths->members()) {
    const auto item = references.follow(written);
    if (!item) continue;  // another path may have it
    for (const std::string_view method : k_methods) {
      const Value* definition = (*item)->find(method);
      if (definition == nullptr || !definition->is_object()) continue;
      const std::string name = text_member(*definition, "operationId");
      if (name == id) return Operation{std::string(path.as_string()), std::string(method), *item, definition};
      if (!name.empty() && names.size() < k_names_max) names.push_back(name);
    }
  }
  return wrong("the document has no such operation" + near(id, names));
}

// ---- where ----

Result<Url> swagger_base(const Value& document, const Operation& operation, const Url& source) {
  std::vector<std::string> schemes = texts(list_member(*operation.definition, "schemes"));
  if (schemes.empty()) schemes = texts(list_member(document, "schemes"));
  const auto offers = [&](std::string_view scheme) {
    return std::find(schemes.begin(), schemes.end(), scheme) != schemes.end();
  };
  const net::Origin& origin = source.origin();
  const std::string scheme = offers("https") ? "https" : offers("http") ? "http" : origin.scheme;
  std::string host = text_member(document, "host");
  if (host.empty()) host = origin.host + (scheme == origin.scheme ? ":" + std::to_string(origin.port) : "");
  std::string path = text_member(document, "basePath");
  if (!path.starts_with("/")) path.insert(0, "/");
  return source.resolve(scheme + "://" + host + path);
}

Result<std::string> server_text(const Value& server) {
  std::string url = text_member(server, "url");
  const Value* variables = server.find("variables");
  for (std::size_t open = 0; (open = url.find('{', open)) != std::string::npos;) {
    const std::size_t close = url.find('}', open);
    if (close == std::string::npos) break;
    const std::string name = url.substr(open + 1, close - open - 1);
    const Value* variable = variables != nullptr ? variables->find(name) : nullptr;
    const Value* value = variable != nullptr ? variable->find("default") : nullptr;
    const auto text = value != nullptr ? scalar_text(*value) : std::nullopt;
    if (!text) return wrong("has a variable without a default: " + quoted(name));
    url.replace(open, close - open + 1, *text);
    open += text->size();
  }
  return url.empty() ? "/" : url;
}

Result<Url> server_base(const Value& document, const Operation& operation, const Url& source) {
  for (const Value* place : {operation.definition, operation.item, &document}) {
    const Value* servers = list_member(*place, "servers");
    if (servers == nullptr || servers->size() == 0) continue;
    PERDURE_TRY(text, server_text(servers->at(0)));
    return source.resolve(text);
  }
  return source.resolve("/");
}

// ---- what ----

// Puts the parameters of one call where its operation wants them.
class Placing {
 public:
  Placing(const Value& document, const Operation& operation, const Value& given, bool swagger)
      : document_(document), operation_(operation), given_(given), swagger_(swagger), references_(document) {}
  Status place() {
    PERDURE_TRY_VOID(read_parameters());
    for (const Parameter& parameter : parameters_) PERDURE_TRY_VOID(place(parameter));
    PERDURE_TRY_VOID(place_body());
    return check_unknown();
  }
  Result<std::string> path() const;
  const std::string& query() const { return query_; }
  Value headers() const;
  const std::optional<Body>& body() const { return body_; }

 private:
  Status read_parameters();
  Status place(const Parameter& parameter);
  Status place_body();
  Status place_request_body(const Value& definition);
  Status take_members(const Value* schema, std::size_t& left, Value& into);
  Status check_unknown() const;
  const Value* given(std::string_view name) const {
    const Value* value = given_.find(name);
    return value != nullptr && !value->is_null() ? value : nullptr;
  }
  bool declares(std::string_view name) const {
    return std::any_of(parameters_.begin(), parameters_.end(), [&](const Parameter& p) { return p.name == name; });
  }

  const Value& document_;
  const Operation& operation_;
  const Value& given_;
  const bool swagger_;
  References references_;
  std::vector<Parameter> parameters_;
  std::set<std::string, std::less<>> in_body_;  // names whose values went there
  TextPairs path_values_;
  std::string query_, cookies_;
  Value headers_ = Value::object();
  Value form_;  // null: no field of a form
  std::optional<Value> body_value_;
  std::optional<Body> body_;
};

Status Placing::read_parameters() {
  for (const Value* place : {operation_.item, operation_.definition}) {
    const Value* list = list_member(*place, "parameters");
    if (list == nullptr) continue;
    for (const Value& written : list->items()) {
      const auto definition = references_.follow(written);
      if (!definition) return wrong("one of its parameters " + definition.error().message);
      Parameter one{text_member(**definition, "name"), text_member(**definition, "in"), *definition};
      // The operation's own replaces that of the path.
      std::erase_if(parameters_, [&](const Parameter& p) { return p.name == one.name && p.in == one.in; });
      parameters_.push_back(std::move(one));
      if (parameters_.size() > k_openapi_parameters_max)
        return wrong("it has more than " + std::to_string(k_openapi_parameters_max) + " parameters");
    }
  }
  return {};
}

Status Placing::place(const Parameter& parameter) {
  const std::string what = "its parameter " + quoted(parameter.name);
  const Value* value = given(parameter.name);
  if (value == nullptr) {
    if (parameter.in == "path" || is_true(parameter.definition->find("required")))
      return wrong(what + " is required and missing");
    return {};
  }
  const auto failed = [&](const Error& error) { return wrong(what + " " + error.message); };
  if (parameter.in == "body") {
    body_value_ = *value;
  } else if (parameter.in == "formData") {
    auto text = text_of(parameter, *value, Encoding::none);
    if (!text) return failed(text.error());
    const bool repeat = value->is_array() && text_member(*parameter.definition, "collectionFormat") == "multi";
    form_.set(parameter.name, repeat ? *value : Value(*text));
  } else if (parameter.in == "path" || parameter.in == "header") {
    const bool in_path = parameter.in == "path";
    auto text = text_of(parameter, *value, in_path ? Encoding::percent : Encoding::none);
    if (!text) return failed(text.error());
    if (in_path && (text->empty() || *text == "." || *text == ".."))
      return wrong(what + " would name another path: it is empty, '.' or '..'");
    if (in_path) path_values_.emplace_back(parameter.name, *std::move(text));
    else headers_.set(parameter.name, Value(*text));
  } else if (parameter.in == "query" || parameter.in == "cookie") {
    auto pairs = pairs_of(parameter, *value, Encoding::percent);
    if (!pairs) return failed(pairs.error());
    std::string& to = parameter.in == "query" ? query_ : cookies_;
    for (const auto& [name, text] : *pairs)
      to += (to.empty() ? "" : parameter.in == "query" ? "&" : "; ") + name + "=" + text;
  } else {
    return wrong(what + " has no place: the document says " + quoted(parameter.in));
  }
  return {};
}

Status Placing::place_body() {
  if (!swagger_) {
    const Value* definition = operation_.definition->find("requestBody");
    if (definition == nullptr) return {};
    const auto followed = references_.follow(*definition);
    if (!followed) return wrong("its body " + followed.error().message);
    return place_request_body(**followed);
  }
  if (!form_.is_null()) body_value_ = form_;
  if (!body_value_) return {};
  const Value* consumes = list_member(*operation_.definition, "consumes");
  std::vector<std::string> types = texts(consumes != nullptr ? consumes : list_member(document_, "consumes"));
  if (!form_.is_null()) {  // whatever else the document takes
    std::erase_if(types, [](const std::string& type) {
      return type != "application/x-www-form-urlencoded" && type != "multipart/form-data";
    });
    if (types.empty()) types.emplace_back("application/x-www-form-urlencoded");
  }
  auto body = body_of(*body_value_, types);
  if (!body) return wrong("its body " + body.error().message);
  body_ = *std::move(body);
  return {};
}

// The parameter `body`; without one, the parameters that are members of the body's schema.
Status Placing::place_request_body(const Value& definition) {
  const Value* content = definition.find("content");
  std::vector<std::string> types;
  const Value* schema = nullptr;
  if (content != nullptr && content->is_object()) {
    for (const auto& [type, media] : content->members()) {
      types.emplace_back(type.as_string());
      if (schema == nullptr) schema = media.find("schema");
    }
  }
  if (const Value* whole = given("body"); whole != nullptr && !declares("body")) {
    body_value_ = *whole;
    in_body_.insert("body");
  } else {
    Value members = Value::object();
    std::size_t left = k_schemas_max;
    PERDURE_TRY_VOID(take_members(schema, left, members));
    if (members.size() > 0) body_value_ = std::move(members);
  }
  if (!body_value_) {
    if (is_true(definition.find("required"))) return wrong("its body is required and missing: the parameter 'body'");
    return {};
  }
  auto body = body_of(*body_value_, types);
  if (!body) return wrong("its body " + body.error().message);
  body_ = *std::move(body);
  return {};
}

Status Placing::take_members(const Value* schema, std::size_t& left, Value& into) {
  if (schema == nullptr || left == 0) return {};
  --left;
  const auto reached = references_.follow(*schema);
  if (!reached) return wrong("the schema of its body " + reached.error().message);
  const Value* followed = *reached;
  if (const Value* properties = followed->find("properties"); properties != nullptr) {
    for (const auto& [name, value] : given_.members()) {
      const std::string_view word = name.as_string();
      if (value.is_null() || declares(word) || properties->find(word) == nullptr) continue;
      into.set(word, value);
      in_body_.emplace(word);
    }
  }
  if (const Value* all = list_member(*followed, "allOf"); all != nullptr) {
    for (const Value& part : all->items()) PERDURE_TRY_VOID(take_members(&part, left, into));
  }
  return {};
}

Status Placing::check_unknown() const {
  std::vector<std::string> names;
  for (const Parameter& parameter : parameters_) names.push_back(parameter.name);
  for (const auto& [name, value] : given_.members()) {
    const std::string_view word = name.as_string();
    if (value.is_null() || declares(word) || in_body_.contains(word)) continue;
    return wrong("it has no parameter " + quoted(word) + near(word, names));
  }
  return {};
}

Result<std::string> Placing::path() const {
  std::string out;
  std::string_view rest = operation_.path;
  while (true) {
    const std::size_t open = std::min(rest.find('{'), rest.size());
    const std::size_t close = rest.find('}', open);
    out += rest.substr(0, open);
    if (close == std::string_view::npos) return out;
    const std::string_view name = rest.substr(open + 1, close - open - 1);
    const auto found = std::find_if(path_values_.begin(), path_values_.end(), [&](auto& p) { return p.first == name; });
    if (found == path_values_.end()) return wrong("the document does not say what " + quoted(name) + " is in its path");
    out += found->second;
    rest.remove_prefix(close + 1);
  }
}

Value Placing::headers() const {
  Value all = headers_;
  const auto add = [&all](std::string_view name, std::string_view value) {
    const auto same = [&](const Value::Member& m) {
      const std::string_view other = m.first.as_string();
      return std::equal(other.begin(), other.end(), name.begin(), name.end(),
                        [](char a, char b) { return (a | 0x20) == (b | 0x20); });
    };
    if (std::none_of(all.members().begin(), all.members().end(), same)) all.set(name, Value(value));
  };
  if (!cookies_.empty()) add("Cookie", cookies_);
  if (body_) add("Content-Type", body_->content_type);
  add("Accept", "application/json, */*;q=0.8");
  return all;
}

}  // namespace

std::variant<OpenApiCall, Outcome> read_openapi_call(const Task& task) {
  Args args("openapi", task.args.view());
  OpenApiCall call;
  call.document = read_resource(args, "document", k_openapi_document_bytes_max);
  call.document.request.set("headers", Value::object({{"Accept", "application/json, */*;q=0.8"}}));
  call.operation = args.required_text("operationId");
  if (const Value* parameters = args.object("parameters")) call.parameters = *parameters;
  if (const Value* auth = args.any("authentication")) call.request.set("auth", *auth);
  for (const char* name : {"output", "redirects", "expect", "timeout"})
    if (const Value* value = args.any(name)) call.request.set(name, *value);
  if (auto mistakes = args.finish()) return *std::move(mistakes);
  return call;
}

Result<Value> read_document(std::string_view text, const ReadYaml& read_yaml) {
  const std::size_t first = text.find_first_not_of(" \t\r\n\xEF\xBB\xBF");
  if (first != std::string_view::npos && text[first] == '{') return parse_json(text.substr(first));
  if (!read_yaml) return fail(ErrorCode::unsupported, "it is no JSON object, and YAML is not read here");
  return read_yaml(text);
}

Result<Value> operation_arguments(const Value& document, const Url& source, const OpenApiCall& call) {
  const auto version = [&document](std::string_view name) {
    const Value* told = document.find(name);
    const auto text = told != nullptr ? scalar_text(*told) : std::nullopt;
    return text.value_or("");
  };
  const bool swagger = version("swagger") == "2.0" || version("swagger") == "2";
  if (!swagger && !version("openapi").starts_with("3."))
    return wrong("the document is neither Swagger 2.0 nor OpenAPI 3");
  References references(document);
  PERDURE_TRY(operation, find_operation(document, references, call.operation));
  Placing placing(document, operation, call.parameters, swagger);
  PERDURE_TRY_VOID(placing.place());
  PERDURE_TRY(path, placing.path());
  auto base = swagger ? swagger_base(document, operation, source) : server_base(document, operation, source);
  if (!base) return wrong("its server " + base.error().message);
  std::string url = base->text().substr(0, base->text().find('?'));
  while (url.ends_with('/')) url.pop_back();
  if (!path.starts_with("/")) url += '/';
  url += path;
  if (!placing.query().empty()) url += (path.find('?') == std::string::npos ? '?' : '&') + placing.query();

  std::string method = operation.method;
  for (char& c : method) c = static_cast<char>(c - 'a' + 'A');
  Value arguments = call.request;
  arguments.set("method", Value(method));
  arguments.set("url", Value(url));
  arguments.set("headers", placing.headers());
  if (placing.body()) arguments.set("body", Value(placing.body()->text));
  return arguments;
}

std::variant<HttpRequest, Outcome> operation_request(const Task& task, const Value& document, const Url& source,
                                                     const OpenApiCall& call, std::string_view user_agent) {
  const std::string title =
      "the operation " + quoted(call.operation) + " of " + source.printable() + " can't be called";
  const auto arguments = operation_arguments(document, source, call);
  if (!arguments)
    return failure({.type = "openapi.request",
                    .title = title + ": " + arguments.error().message,
                    .error_class = ErrorClass::fatal});
  Task request = task;
  request.args = Bytes(to_json(*arguments));
  auto read = read_request(request, user_agent);
  if (auto* mistake = std::get_if<Outcome>(&read)) {
    mistake->error.type = "openapi.request";
    mistake->error.title = title;
  }
  return read;
}

Outcome bad_document(std::string_view kind, const Resource& resource, const std::string& why) {
  const bool open = kind == "openapi";
  return failure({.type = std::string(kind) + ".document",
                  .title = std::string("the ") + (open ? "OpenAPI" : "AsyncAPI") + " document " + resource.printable() +
                           " can't be read: " + head(valid_utf8(why), 300),
                  .error_class = ErrorClass::fatal});
}

const Value* DocumentCache::find(const std::string& key) {
  const auto found = std::find_if(documents_.begin(), documents_.end(), [&](const auto& d) { return d.first == key; });
  if (found == documents_.end()) return nullptr;
  documents_.splice(documents_.begin(), documents_, found);
  return &found->second;
}

void DocumentCache::keep(std::string key, Value document) {
  std::erase_if(documents_, [&](const auto& d) { return d.first == key; });
  documents_.emplace_front(std::move(key), std::move(document));
  std::size_t bytes = 0;
  std::size_t kept = 0;
  for (auto it = documents_.begin(); it != documents_.end(); ++it) {
    bytes += it->second.footprint();
    if (++kept <= k_openapi_cache_max && bytes <= k_openapi_cache_bytes_max) continue;
    documents_.erase(it, documents_.end());
    return;
  }
}

}  // namespace perdure::activity
