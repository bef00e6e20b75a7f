#include "activity/http/asyncapi.h"

#include <algorithm>
#include <array>

#include "activity/http/inbox.h"
#include "activity/http/openapi_parameters.h"
#include "activity/outcome.h"
#include "base/json.h"
#include "base/limits.h"

namespace perdure::activity {
namespace {

constexpr std::size_t k_names_max = 1000;  // looked through for the nearest
constexpr std::size_t k_address_bytes_max = 8192;

tl::unexpected<Error> wrong(std::string what) { return fail(ErrorCode::invalid, std::move(what)); }
std::string quoted(std::string_view text) { return "'" + head(valid_utf8(std::string(text)), 100) + "'"; }

std::string text_member(const Value& value, std::string_view name) {
  const Value* found = value.find(name);
  return found != nullptr && found->is_string() ? std::string(found->as_string()) : std::string();
}

std::string near(std::string_view name, const Value* among) {
  std::vector<std::string> names;
  if (among != nullptr && among->is_object())
    for (const auto& [key, value] : among->members())
      if (names.size() < k_names_max) names.emplace_back(key.as_string());
  const auto like = nearest(name, names);
  return like ? "; did you mean " + quoted(*like) + "?" : "";
}

bool is_json(std::string_view type) {
  type = type.substr(0, type.find(';'));
  return type.empty() || type == "application/json" || type.ends_with("+json");
}

class Finder {
 public:
  Finder(const Value& document, const Url& source, const AsyncApiCall& call)
      : document_(document), source_(source), call_(call), references_(document) {}
  Result<MessageTarget> find();

 private:
  Status find_operation();
  Status find_channel();
  Status find_server();
  bool serves_channel(const std::string& name, const Value& server);
  Result<std::string> address();
  Result<std::string> server_url();
  Result<std::string> parameter(const std::string& name);
  Result<std::string> filled(std::string text, const std::function<Result<std::string>(const std::string&)>& value);
  void describe_message();
  const Value* part(const Value* node, std::string_view name) {
    const Value* found = node != nullptr ? node->find(name) : nullptr;
    if (found == nullptr) return nullptr;
    const auto followed = references_.follow(*found);
    return followed ? *followed : nullptr;
  }

  const Value& document_;
  const Url& source_;
  const AsyncApiCall& call_;
  References references_;
  bool old_ = false;  // 2.x
  std::string channel_name_;
  const Value* channel_ = nullptr;
  const Value* operation_ = nullptr;
  const Value* server_ = nullptr;
  std::string protocol_;
  std::string content_type_;
  std::string correlation_;
};

// 2.x: the channel's `publish` for a message, its `subscribe` for messages.
Status Finder::find_channel() {
  const Value* channels = part(&document_, "channels");
  if (call_.channel.empty()) return wrong("version 2 has no names of operations: give `channel` instead");
  channel_name_ = call_.channel;
  channel_ = part(channels, channel_name_);
  if (channel_ == nullptr)
    return wrong("the document has no channel " + quoted(call_.channel) + near(call_.channel, channels));
  const char* kind = call_.subscribe ? "subscribe" : "publish";
  operation_ = part(channel_, kind);
  if (operation_ == nullptr) return wrong("the channel " + quoted(call_.channel) + " has no operation " + quoted(kind));
  return {};
}

// 3.x. Whether it says `send` or `receive` depends on whose document it is; the call says which it means.
Status Finder::find_operation() {
  const Value* operations = part(&document_, "operations");
  if (call_.operation.empty()) return wrong("version 3 is called by `operation`, not `channel`");
  operation_ = part(operations, call_.operation);
  if (operation_ == nullptr)
    return wrong("the document has no operation " + quoted(call_.operation) + near(call_.operation, operations));
  channel_ = part(operation_, "channel");
  if (channel_ == nullptr) return wrong("the operation " + quoted(call_.operation) + " has no channel");
  const Value* named = channel_->find("address");
  if (named != nullptr && named->is_string()) channel_name_ = named->as_string();
  return {};
}

bool Finder::serves_channel(const std::string& name, const Value& server) {
  const Value* only = channel_->find("servers");
  if (only == nullptr || !only->is_array() || only->size() == 0) return true;
  return std::any_of(only->items().begin(), only->items().end(), [&](const Value& one) {
    if (one.is_string()) return one.as_string() == name;
    const auto followed = references_.follow(one);
    return followed && *followed == &server;
  });
}

Status Finder::find_server() {
  const Value* servers = part(&document_, "servers");
  if (servers == nullptr || !servers->is_object() || servers->size() == 0) return wrong("the document has no servers");
  std::string others;
  for (const auto& [key, written] : servers->members()) {
    const std::string name(key.as_string());
    const Value* server = part(servers, name);
    if (server == nullptr || (call_.server.empty() && !serves_channel(name, *server))) continue;
    if (!call_.server.empty() && name != call_.server) continue;
    const std::string protocol = text_member(*server, "protocol");
    const std::string plain = protocol == "https" ? "http" : protocol == "wss" ? "ws" : protocol;
    const bool spoken = plain == "http" || plain == "ws";
    const bool asked = !call_.server.empty() || call_.protocol.empty() || call_.protocol == plain;
    if (spoken && asked) {
      server_ = server;
      protocol_ = protocol;
      return {};
    }
    if (others.size() < 300) others += (others.empty() ? "" : ", ") + quoted(name) + " speaks " + quoted(protocol);
  }
  if (others.empty() && !call_.server.empty())
    return wrong("the document has no server " + quoted(call_.server) + near(call_.server, servers));
  const std::string wanted =
      call_.protocol.empty() ? "http and ws are spoken here" : quoted(call_.protocol) + " was asked for";
  return wrong("it has no server for this: " + wanted + (others.empty() ? "" : "; " + others));
}

// `{name}` replaced.
Result<std::string> Finder::filled(std::string text,
                                   const std::function<Result<std::string>(const std::string&)>& value) {
  for (std::size_t open = 0; (open = text.find('{', open)) != std::string::npos;) {
    const std::size_t close = text.find('}', open);
    if (close == std::string::npos) break;
    PERDURE_TRY(made, value(text.substr(open + 1, close - open - 1)));
    text.replace(open, close - open + 1, made);
    open += made.size();
    if (text.size() > k_address_bytes_max) return wrong("its address is too long");
  }
  return text;
}

// Of a channel: from the message, where the document says so, else its default.
Result<std::string> Finder::parameter(const std::string& name) {
  const Value* definition = part(part(channel_, "parameters"), name);
  std::string location = definition != nullptr ? text_member(*definition, "location") : "";
  if (!call_.subscribe && location.starts_with("$message.")) {
    const Value message = Value::object({{"payload", call_.payload}, {"header", call_.headers}});
    const std::size_t pointer = location.find('#');
    const std::string path = location.substr(9, pointer == std::string::npos ? pointer : pointer - 9) +
                             (pointer == std::string::npos ? "" : location.substr(pointer + 1));
    const Value reference = Value::object({{"$ref", "#/" + path}});
    References within(message);
    const auto found = within.follow(reference);
    if (const auto text = found ? scalar_text(**found) : std::nullopt) return percent_encoded(*text);
  }
  const Value* schema = part(definition, "schema");  // 2.x
  for (const Value* place : {definition, schema}) {
    const Value* otherwise = place != nullptr ? place->find("default") : nullptr;
    if (const auto text = otherwise != nullptr ? scalar_text(*otherwise) : std::nullopt) return percent_encoded(*text);
  }
  return wrong("its channel's parameter " + quoted(name) + " has no default, and no place in the message");
}

Result<std::string> Finder::address() {
  return filled(channel_name_, [this](const std::string& name) { return parameter(name); });
}

Result<std::string> Finder::server_url() {
  const bool tls = protocol_ == "https" || protocol_ == "wss";
  std::string url =
      old_ ? text_member(*server_, "url") : text_member(*server_, "host") + text_member(*server_, "pathname");
  const Value* variables = server_->find("variables");
  PERDURE_TRY(made, filled(url, [&](const std::string& name) -> Result<std::string> {
                if (const Value* given = call_.variables.find(name); given != nullptr)
                  if (const auto text = scalar_text(*given)) return *text;
                const Value* otherwise = part(part(variables != nullptr ? server_ : nullptr, "variables"), name);
                otherwise = otherwise != nullptr ? otherwise->find("default") : nullptr;
                const auto text = otherwise != nullptr ? scalar_text(*otherwise) : std::nullopt;
                if (!text) return wrong("its server has a variable without a value: " + quoted(name));
                return *text;
              }));
  const std::size_t scheme = made.find("://");
  if (scheme != std::string::npos) {
    const std::string given = made.substr(0, scheme);
    const bool secure = given == "https" || given == "wss";
    return (secure || tls ? "https://" : "http://") + made.substr(scheme + 3);
  }
  if (made.starts_with("/")) {
    PERDURE_TRY(relative, source_.resolve(made));
    return relative.text();
  }
  return (tls ? "https://" : "http://") + made;
}

// Its content type, and where its correlation id is. The first where there are several.
void Finder::describe_message() {
  const Value* message = part(operation_, "message");
  const Value* list = old_ ? (message != nullptr ? message->find("oneOf") : nullptr) : part(operation_, "messages");
  if (list != nullptr && list->is_array() && list->size() > 0) {
    const auto first = references_.follow(list->at(0));
    message = first ? *first : nullptr;
  } else if (!old_) {
    const Value* messages = part(channel_, "messages");
    if (messages != nullptr && messages->is_object() && messages->size() > 0)
      message = part(messages, messages->members().front().first.as_string());
  }
  content_type_ = text_member(document_, "defaultContentType");
  if (message == nullptr) return;
  if (const std::string own = text_member(*message, "contentType"); !own.empty()) content_type_ = own;
  const Value* correlation = part(message, "correlationId");
  const std::string location = correlation != nullptr ? text_member(*correlation, "location") : "";
  const std::size_t pointer = location.find('#');
  if (!location.starts_with("$message.") || pointer == std::string::npos) return;
  const std::string place = location.substr(9, pointer - 9);
  correlation_ = (place == "header" ? "headers" : place) + location.substr(pointer + 1);
}

Result<MessageTarget> Finder::find() {
  const Value* version = document_.find("asyncapi");
  const std::string told = version != nullptr ? scalar_text(*version).value_or("") : "";
  old_ = told.starts_with("2.");
  if (!old_ && !told.starts_with("3.")) return wrong("the document is neither AsyncAPI 2 nor 3");
  PERDURE_TRY_VOID(old_ ? find_channel() : find_operation());
  PERDURE_TRY_VOID(find_server());
  PERDURE_TRY(url, server_url());
  PERDURE_TRY(path, address());
  if (const std::size_t query = url.find('?'); query != std::string::npos) url.resize(query);
  while (url.ends_with('/')) url.pop_back();
  if (!path.empty()) url += (path.starts_with("/") ? "" : "/") + path;
  describe_message();

  MessageTarget target;
  target.websocket = protocol_ == "ws" || protocol_ == "wss";
  target.correlation = correlation_;
  target.request.set("url", Value(url));
  target.request.set("redirects", Value(target.websocket ? 0 : 5));
  const Value* binding = part(part(operation_, "bindings"), "http");
  std::string method = binding != nullptr ? text_member(*binding, "method") : "";
  if (method.empty() || target.websocket) method = call_.subscribe || target.websocket ? "GET" : "POST";
  target.request.set("method", Value(method));
  Value headers = call_.headers;
  if (call_.subscribe && !target.websocket)
    headers.set("Accept", Value("text/event-stream, application/x-ndjson, application/json, */*;q=0.5"));
  if (!call_.subscribe) {
    target.text = is_json(content_type_) || !call_.payload.is_string() ? to_json(call_.payload)
                                                                       : std::string(call_.payload.as_string());
    if (!target.websocket) {
      headers.set("Content-Type", Value(content_type_.empty() ? "application/json" : content_type_));
      target.request.set("body", Value(target.text));
    }
  }
  target.request.set("headers", headers);
  if (call_.auth) target.request.set("auth", *call_.auth);
  return target;
}

// What a call that has published gives: the message.
Outcome published(const AsyncApiCall& call) {
  Value message = Value::object({{"payload", call.payload}});
  if (call.headers.size() > 0) message.set("headers", call.headers);
  return Outcome::success(Bytes(to_json(message)));
}

}  // namespace

std::variant<AsyncApiCall, Outcome> read_asyncapi_call(const Task& task) {
  Args args("asyncapi", task.args.view());
  AsyncApiCall call;
  call.document = read_resource(args, "document", k_openapi_document_bytes_max);
  call.channel = args.text("channel").value_or("");
  call.operation = args.text("operation").value_or("");
  if (call.channel.empty() == call.operation.empty())
    args.wrong("operation", "or 'channel' must be given, one of them");
  call.protocol = args.has("protocol") ? args.one_of("protocol", {"http", "ws"}, "") : "";
  if (!args.has("protocol")) (void)args.any("protocol");
  args.nested("server", [&call](Args& server) {
    call.server = server.required_text("name");
    if (const Value* variables = server.object("variables")) call.variables = *variables;
  });
  args.nested("message", [&call](Args& message) {
    if (const Value* payload = message.any("payload")) call.payload = *payload;
    if (const Value* headers = message.object("headers")) call.headers = *headers;
    (void)message.any("correlationId");
  });
  const Value* subscribe = args.any("subscribe");
  call.subscribe = subscribe != nullptr && subscribe->truthy();
  if (const Value* auth = args.any("authentication"); auth != nullptr && !auth->is_null()) call.auth = *auth;
  if (auto mistakes = args.finish()) return *std::move(mistakes);
  return call;
}

Result<MessageTarget> message_target(const Value& document, const Url& source, const AsyncApiCall& call) {
  return Finder(document, source, call).find();
}

std::variant<HttpRequest, Outcome> message_request(const Task& task, const Value& document, const AsyncApiCall& call,
                                                   std::string_view user_agent) {
  const std::string name =
      call.operation.empty() ? "channel " + quoted(call.channel) : "operation " + quoted(call.operation);
  const std::string title = "the " + name + " of " + call.document.printable() + " can't be called";
  const auto target = message_target(document, call.document.url(), call);
  if (!target)
    return failure(
        {.type = "asyncapi.request", .title = title + ": " + target.error().message, .error_class = ErrorClass::fatal});
  Task asking = task;
  asking.args = Bytes(to_json(target->request));
  if (call.subscribe) asking.idempotency_key.clear();
  auto read = read_request(asking, user_agent);
  if (auto* mistake = std::get_if<Outcome>(&read)) {
    mistake->error.type = "asyncapi.request";
    mistake->error.title = title;
    return read;
  }
  auto& request = std::get<HttpRequest>(read);
  request.websocket = target->websocket;
  if (call.subscribe) {
    request.inbox = std::make_shared<Inbox>(target->correlation);
    return read;
  }
  if (target->websocket) request.body = target->text;
  request.read_answer = [call](const HttpResponse&) { return published(call); };
  return read;
}

}  // namespace perdure::activity
