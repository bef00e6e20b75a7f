#include "activity/http/grpc.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "activity/outcome.h"
#include "base/json.h"
#include "base/limits.h"

namespace perdure::activity {
namespace {

constexpr std::size_t k_prefix = 5;  // of a message: compressed or not, and its length
constexpr int k_https = 443;

struct Code {
  std::string_view name;
  int status;  // of HTTP, the nearest
  ErrorClass error_class;
};
// By number, from 0.
constexpr std::array<Code, 17> k_codes{{{"OK", 200, ErrorClass::fatal},
                                        {"CANCELLED", 499, ErrorClass::ambiguous},
                                        {"UNKNOWN", 500, ErrorClass::recoverable},
                                        {"INVALID_ARGUMENT", 400, ErrorClass::fatal},
                                        {"DEADLINE_EXCEEDED", 408, ErrorClass::ambiguous},
                                        {"NOT_FOUND", 404, ErrorClass::fatal},
                                        {"ALREADY_EXISTS", 409, ErrorClass::fatal},
                                        {"PERMISSION_DENIED", 403, ErrorClass::fatal},
                                        {"RESOURCE_EXHAUSTED", 429, ErrorClass::throttled},
                                        {"FAILED_PRECONDITION", 400, ErrorClass::fatal},
                                        {"ABORTED", 409, ErrorClass::recoverable},
                                        {"OUT_OF_RANGE", 400, ErrorClass::fatal},
                                        {"UNIMPLEMENTED", 501, ErrorClass::fatal},
                                        {"INTERNAL", 500, ErrorClass::recoverable},
                                        {"UNAVAILABLE", 503, ErrorClass::recoverable},
                                        {"DATA_LOSS", 500, ErrorClass::recoverable},
                                        {"UNAUTHENTICATED", 401, ErrorClass::fatal}}};

tl::unexpected<Error> wrong(std::string what) { return fail(ErrorCode::invalid, std::move(what)); }

template <class T>
std::optional<T> number(const std::string* text) {
  T value{};
  if (text == nullptr) return std::nullopt;
  const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), value);
  if (error != std::errc{} || end != text->data() + text->size()) return std::nullopt;
  return value;
}

// grpc-message: percent-encoded.
std::string decoded(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    std::uint8_t byte = 0;
    if (text[i] == '%' && i + 2 < text.size() &&
        std::from_chars(text.data() + i + 1, text.data() + i + 3, byte, 16).ptr == text.data() + i + 3) {
      out.push_back(static_cast<char>(byte));
      i += 2;
    } else {
      out.push_back(text[i]);
    }
  }
  return valid_utf8(std::move(out));
}

bool is_host(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '.' ||
           c == '_' || c == ':';
  });
}

// The credentials of the call, and where it goes; TLS where the port is that of https or none is told (C13).
void read_service(Args& service, GrpcCall& call) {
  call.service = service.required_text("name");
  std::string host = service.required_text("host");
  const auto port = service.integer("port", 0, 65535).value_or(0);
  const Value* tls = service.any("tls");
  const bool secure = tls != nullptr && tls->is_bool() ? tls->as_bool() : port == 0 || port == k_https;
  if (!host.empty() && !is_host(host)) return service.wrong("host", "is no name of a host");
  if (host.find(':') != std::string::npos) host = "[" + host + "]";
  const std::string at = host + ":" + std::to_string(port == 0 ? k_https : port);
  call.request.set("url", Value((secure ? "https://" : "http://") + at));
  if (const Value* auth = service.any("authentication")) call.request.set("auth", *auth);
  call.what = " on " + at;
}

Outcome answered(const GrpcCall& call, std::string_view type, const std::string& why, ErrorClass error_class) {
  return failure({.type = std::string(type), .title = call.what + ": " + why, .error_class = error_class});
}

Outcome refused(const GrpcCall& call, int number, const HttpResponse& response) {
  const bool known = number > 0 && number < static_cast<int>(k_codes.size());
  const Code& code = k_codes[static_cast<std::size_t>(known ? number : 2)];
  const std::string* told = response.header("grpc-message");
  const std::string message = told != nullptr ? decoded(*told) : "";
  const auto wait = ::perdure::activity::number<DurationMs>(response.header("grpc-retry-pushback-ms")).value_or(0);
  std::string title = call.what + " answered " + std::string(code.name);
  if (!known) title += " (" + std::to_string(number) + ")";
  if (!message.empty()) title += ": " + head(message, 200);
  return failure({.type = "grpc." + std::string(code.name),
                  .title = std::move(title),
                  .error_class = code.error_class,
                  .detail = message,
                  .status = code.status,
                  .retry_after_ms = std::clamp<DurationMs>(wait, 0, DurationMs{24} * 3600 * 1000)});
}

}  // namespace

std::variant<GrpcCall, Outcome> read_grpc_call(const Task& task) {
  Args args("grpc", task.args.view());
  GrpcCall call;
  call.proto = read_resource(args, "proto", k_proto_file_bytes_max);
  if (args.object("service") == nullptr) args.wrong("service", "must say whom to call: {name, host, port}");
  args.nested("service", [&call](Args& service) { read_service(service, call); });
  call.method = args.required_text("method");
  if (const Value* arguments = args.object("arguments")) call.arguments = *arguments;
  if (auto mistakes = args.finish()) return *std::move(mistakes);
  call.what = "grpc " + head(valid_utf8(call.service), 100) + "/" + head(valid_utf8(call.method), 100) + call.what;
  return call;
}

Result<std::optional<Resource>> ProtoFiles::next() const {
  if (wanted_.empty()) return std::optional<Resource>();
  if (wanted_.back().empty()) return std::optional<Resource>(root_);
  if (const Value* known = root_.files.find(wanted_.back()); known != nullptr && known->is_string()) {
    Resource one = root_;
    one.content = std::string(known->as_string());
    return std::optional<Resource>(std::move(one));
  }
  if (root_.content || root_.uri().empty())
    return wrong("it imports '" + head(wanted_.back(), 100) + "', and says not where it is from");
  PERDURE_TRY(one, root_.beside(wanted_.back()));
  return std::optional<Resource>(std::move(one));
}

Status ProtoFiles::add(std::string text) {
  const std::string path = wanted_.back();
  wanted_.pop_back();
  auto imports = Proto::imports_of(text);
  if (!imports) return path.empty() ? tl::unexpected(imports.error()) : wrap(imports.error(), head(path, 100));
  files_[path] = std::move(text);
  for (std::string& import : *imports) {
    // Nowhere but beside the first: an import is a name, not a way out of the folder.
    const bool within = !import.empty() && import.front() != '/' && import.find("..") == std::string::npos &&
                        import.find("://") == std::string::npos;
    if (!within) return wrong("it imports '" + head(valid_utf8(import), 100) + "', which is no path within its folder");
    if (files_.contains(import) || std::find(wanted_.begin(), wanted_.end(), import) != wanted_.end()) continue;
    if (files_.size() + wanted_.size() >= k_proto_files_max)
      return fail(ErrorCode::exhausted, "it imports more than " + std::to_string(k_proto_files_max) + " files");
    wanted_.push_back(std::move(import));
  }
  return {};
}

std::string grpc_frame(std::string_view message) {
  std::string frame(1, '\0');
  for (int shift = 24; shift >= 0; shift -= 8) frame.push_back(static_cast<char>((message.size() >> shift) & 0xFF));
  return frame.append(message);
}

Result<std::vector<std::string_view>> grpc_messages(std::string_view body) {
  std::vector<std::string_view> messages;
  while (!body.empty()) {
    if (body.size() < k_prefix) return wrong("it ends within a message");
    if (body[0] != 0) return wrong("it is compressed, which was not asked for");
    std::size_t size = 0;
    for (std::size_t i = 1; i < k_prefix; ++i) size = size << 8 | static_cast<std::uint8_t>(body[i]);
    body.remove_prefix(k_prefix);
    if (size > body.size()) return wrong("it ends within a message");
    messages.push_back(body.substr(0, size));
    body.remove_prefix(size);
  }
  return messages;
}

std::variant<HttpRequest, Outcome> method_request(const Task& task, const std::shared_ptr<const Proto>& proto,
                                                  const GrpcCall& call, DurationMs left_ms,
                                                  std::string_view user_agent) {
  const auto no = [&](const std::string& why) { return answered(call, "grpc.request", why, ErrorClass::fatal); };
  const auto method = proto->find(call.service, call.method);
  if (!method) return no(method.error().message);
  auto message = proto->encode(*method, call.arguments);
  if (!message) return no(message.error().message);

  Task asking = task;
  Value arguments = call.request;
  arguments.set("url",
                Value(std::string(arguments.find("url")->as_string()) + "/" + method->service + "/" + method->name));
  arguments.set("method", Value("POST"));
  arguments.set("redirects", Value(0));
  arguments.set("expect", Value(200));
  arguments.set("headers",
                Value::object({{"Content-Type", "application/grpc+proto"}, {"Accept-Encoding", "identity"}}));
  asking.args = Bytes(to_json(arguments));
  auto read = read_request(asking, user_agent);
  if (auto* mistake = std::get_if<Outcome>(&read)) {
    mistake->error.type = "grpc.request";
    mistake->error.title = call.what + " can't be called";
    return read;
  }
  auto& request = std::get<HttpRequest>(read);
  constexpr DurationMs k_ms_max = 99'999'999;  // eight digits
  const std::string limit =
      left_ms <= k_ms_max ? std::to_string(left_ms) + "m" : std::to_string(std::min(left_ms / 1000, k_ms_max)) + "S";
  request.headers.push_back({"TE", "trailers"});
  request.headers.push_back({"grpc-timeout", limit});
  request.body = grpc_frame(*message);
  request.http2 = true;
  request.read_answer = [call, proto, method = *method](const HttpResponse& response) {
    return grpc_outcome(call, *proto, method, response);
  };
  return read;
}

Outcome bad_proto(const GrpcCall& call, const std::string& why) {
  return failure({.type = "grpc.proto",
                  .title = "the proto file " + call.proto.printable() + " can't be read: " + head(valid_utf8(why), 300),
                  .error_class = ErrorClass::fatal});
}

Outcome grpc_outcome(const GrpcCall& call, const Proto& proto, const ProtoMethod& method,
                     const HttpResponse& response) {
  const auto bad = [&](const std::string& why) {
    return answered(call, "grpc.answer", "its answer can't be read: " + why, ErrorClass::ambiguous);
  };
  const std::string* told = response.header("grpc-status");
  if (told == nullptr) return bad("it has no grpc-status; is this a gRPC service?");
  const auto status = number<int>(told);
  if (!status) return bad("its grpc-status is no number");
  if (*status != 0) return refused(call, *status, response);
  const auto messages = grpc_messages(response.body);
  if (!messages) return bad(messages.error().message);
  if (!method.many_answers && messages->size() != 1)
    return bad("it has " + std::to_string(messages->size()) + " messages instead of one");
  Value all = Value::array();
  for (const std::string_view message : *messages) {
    auto one = proto.decode(method, message);
    if (!one) return bad(one.error().message);
    if (!method.many_answers) return Outcome::success(Bytes(to_json(*one)));
    all.push_back(*std::move(one));
  }
  return Outcome::success(Bytes(to_json(all)));
}

std::shared_ptr<const Proto> ProtoCache::find(const std::string& key) {
  const auto found = std::find_if(known_.begin(), known_.end(), [&](const auto& one) { return one.first == key; });
  if (found == known_.end()) return nullptr;
  known_.splice(known_.begin(), known_, found);
  return found->second;
}

void ProtoCache::keep(std::string key, std::shared_ptr<const Proto> proto) {
  std::erase_if(known_, [&](const auto& one) { return one.first == key; });
  known_.emplace_front(std::move(key), std::move(proto));
  if (known_.size() > k_proto_cache_max) known_.pop_back();
}

}  // namespace perdure::activity
