#include "activity/http/request.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "activity/outcome.h"
#include "base/json.h"

namespace perdure::activity {
namespace {

constexpr std::size_t k_headers_max = 200;
constexpr std::size_t k_header_bytes_max = 64 * 1024;
constexpr int k_redirects_max = 20;

std::string lower(std::string text) {
  for (char& c : text) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return text;
}

bool is_token(std::string_view text) {
  static constexpr std::string_view k_marks = "!#$%&'*+-.^_`|~";
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           k_marks.find(c) != std::string_view::npos;
  });
}
// No line breaks (they would start another header) and no control characters.
bool is_field_value(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return (c >= ' ' || c == '\t' || c < 0) && c != '\x7f'; });
}

bool has_header(const HttpRequest& request, std::string_view name) {
  return std::any_of(request.headers.begin(), request.headers.end(),
                     [name](const HttpHeader& header) { return lower(header.name) == name; });
}

void read_headers(Args& args, HttpRequest& request) {
  const auto given = args.text_pairs("headers");
  if (!given) return;
  // What frames the message or the connection is not the workflow's to set: it could end one request and begin another.
  static constexpr std::array<std::string_view, 8> k_ours = {
      "content-length", "transfer-encoding", "connection",      "upgrade", "te",
      "trailer",        "keep-alive",        "proxy-connection"};
  std::size_t bytes = 0;
  for (const auto& [name, value] : *given) {
    const std::string member = "headers." + head(valid_utf8(name), 64);
    bytes += name.size() + value.size();
    if (!is_token(name)) {
      args.wrong(member, "is no header name");
    } else if (!is_field_value(value)) {
      args.wrong(member, "has a line break or control character in its value");
    } else if (std::find(k_ours.begin(), k_ours.end(), lower(name)) != k_ours.end()) {
      args.wrong(member, "is set by the engine");
    } else {
      request.headers.push_back({name, value, net::carries_credentials(name)});
    }
  }
  if (given->size() > k_headers_max || bytes > k_header_bytes_max) {
    args.wrong("headers", "are more than " + std::to_string(k_headers_max) + " or longer than 64 KiB");
  }
}

void add_secret(Args& args, HttpRequest& request, const std::string& name, const std::string& value) {
  if (!is_token(name) || !is_field_value(value))
    return args.wrong("auth", "can't be sent: it has a line break or the like");
  if (has_header(request, lower(name)))
    return args.wrong("auth", "sets the header " + name + ", which 'headers' has too");
  request.headers.push_back({name, value, true});
}

void read_auth(Args& args, HttpRequest& request) {
  const Value* auth = args.object("auth");
  if (auth != nullptr && auth->size() != 1) {
    args.wrong("auth", "must have exactly one of: bearer, basic, digest, oauth2, oidc, header");
  }
  std::vector<std::pair<std::string, std::string>> found;
  args.nested("auth", [&](Args& inner) {
    for (const char* scheme : {"oauth2", "oidc"})
      inner.nested(scheme, [&](Args& grant) { request.grant = read_grant(grant, scheme == std::string_view("oidc")); });
    inner.nested("digest", [&request](Args& digest) {
      request.digest = Digest{digest.required_text("username"), digest.text("password").value_or("")};
    });
    if (const auto token = inner.text("bearer")) found.emplace_back("Authorization", "Bearer " + *token);
    inner.nested("basic", [&found](Args& basic) {
      const std::string user = basic.required_text("username");
      const std::string password = basic.text("password").value_or("");
      found.emplace_back("Authorization", "Basic " + base64(user + ":" + password));
    });
    inner.nested("header", [&found](Args& header) {
      const std::string name = header.required_text("name");
      found.emplace_back(name, header.required_text("value"));
    });
  });
  if (!request.url.user().empty() || !request.url.password().empty()) {
    found.emplace_back("Authorization", "Basic " + base64(request.url.user() + ":" + request.url.password()));
  }
  const bool later = request.grant || request.digest;
  if (later && has_header(request, "authorization"))
    args.wrong("auth", "sets the header Authorization, which 'headers' has too");
  if (found.size() + (later ? 1 : 0) > 1) args.wrong("auth", "is given twice: in the URL and in 'auth'");
  for (const auto& [name, value] : found) {
    if (!name.empty()) add_secret(args, request, name, value);
  }
}

void read_body(Args& args, HttpRequest& request) {
  const Value* body = args.any("body");
  if (body == nullptr || body->is_null()) return;
  if (body->is_string()) {
    request.body = std::string(body->as_string());
  } else {
    request.body = to_json(*body);
    if (!has_header(request, "content-type")) request.headers.push_back({"Content-Type", "application/json"});
  }
}

void read_query(Args& args, HttpRequest& request) {
  const Value* query = args.object("query");
  if (query == nullptr) return;
  TextPairs pairs;
  for (const auto& [key, value] : query->members()) {
    const std::string name(key.as_string());
    const auto add = [&](const Value& item) {
      if (item.is_null()) return;
      if (auto text = scalar_text(item)) pairs.emplace_back(name, std::move(*text));
      else args.wrong("query." + name, "must be a string, a number, a boolean, or a list of them");
    };
    if (value.is_array()) std::for_each(value.items().begin(), value.items().end(), add);
    else add(value);
  }
  if (const Status added = request.url.add_query(pairs); !added) args.wrong("query", added.error().message);
}

// 204, "204", "2xx", "200-204".
std::optional<StatusRange> read_range(const Value& value) {
  const auto text = scalar_text(value);
  if (!text) return std::nullopt;
  const auto code = [](std::string_view digits) -> int {
    int number = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
    return error == std::errc{} && end == digits.data() + digits.size() && number >= 100 && number <= 599 ? number : 0;
  };
  if (text->size() == 3 && (*text)[0] >= '1' && (*text)[0] <= '5' && lower(text->substr(1)) == "xx") {
    const int hundred = ((*text)[0] - '0') * 100;
    return StatusRange{hundred, hundred + 99};
  }
  if (text->size() == 7 && (*text)[3] == '-') {
    const StatusRange range{code(std::string_view(*text).substr(0, 3)), code(std::string_view(*text).substr(4))};
    if (range.low > 0 && range.low <= range.high) return range;
    return std::nullopt;
  }
  const int single = text->size() == 3 ? code(*text) : 0;
  if (single == 0) return std::nullopt;
  return StatusRange{single, single};
}

void read_expect(Args& args, HttpRequest& request) {
  const Value* expect = args.any("expect");
  if (expect == nullptr || expect->is_null()) return;
  request.expect.clear();
  const std::vector<Value> one{*expect};
  for (const Value& item : expect->is_array() ? expect->items() : one) {
    if (const auto range = read_range(item)) request.expect.push_back(*range);
    else return args.wrong("expect", "must be status codes like 200, \"2xx\" or \"200-204\", or a list of them");
  }
  if (request.expect.empty()) args.wrong("expect", "must name a status code");
}

void read_proxy(Args& args, HttpRequest& request) {
  const auto proxy = args.text("proxy");
  if (!proxy) return;
  const std::size_t scheme_end = proxy->find("://");
  const std::string scheme = scheme_end == std::string::npos ? "" : proxy->substr(0, scheme_end);
  constexpr std::size_t k_longest = 2048;
  if (proxy->size() > k_longest ||
      (scheme != "http" && scheme != "https" && scheme != "socks5" && scheme != "socks5h") || !is_field_value(*proxy)) {
    args.wrong("proxy", "must start with http://, https://, socks5:// or socks5h://");
  }
  request.proxy = *proxy;
}

void read_method(Args& args, HttpRequest& request) {
  if (auto method = args.text("method")) {
    request.asked_method = *method;
    for (char& c : *method) {
      if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
    }
    constexpr std::size_t k_longest = 32;
    if (!is_token(*method) || method->size() > k_longest || *method == "CONNECT" || *method == "TRACE") {
      args.wrong("method", "is no method a workflow can use");
    }
    request.method = *method;
  } else if (request.body) {
    request.method = "POST";
  }
  if (request.asked_method.empty()) request.asked_method = request.method;
  if (request.method == "HEAD" && request.body) args.wrong("body", "can't go with the method HEAD");
}

void add_own_headers(const Task& task, std::string_view user_agent, HttpRequest& request) {
  const auto add = [&request](std::string name, std::string_view lower_name, std::string_view value) {
    if (value.empty() || !is_field_value(value) || has_header(request, lower_name)) return;
    request.headers.push_back({std::move(name), std::string(value)});
  };
  add("Idempotency-Key", "idempotency-key", task.idempotency_key);
  add("traceparent", "traceparent", task.traceparent);
  add("User-Agent", "user-agent", user_agent);
}

void read_output(Args& args, HttpRequest& request) {
  if (!args.has("output")) return (void)args.any("output");
  const std::string form = args.one_of("output", {"whole", "content", "raw", "response"}, "whole");
  if (form == "content") request.output = HttpOutput::content;
  if (form == "raw") request.output = HttpOutput::raw;
  if (form == "response") request.output = HttpOutput::response;
}

}  // namespace

std::string base64(std::string_view text) {
  static constexpr char k_digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out;
  for (std::size_t i = 0; i < text.size(); i += 3) {
    std::uint32_t group = 0;
    for (std::size_t j = 0; j < 3; ++j) {
      group = (group << 8) | (i + j < text.size() ? static_cast<unsigned char>(text[i + j]) : 0U);
    }
    for (std::size_t j = 0; j < 4; ++j) {
      out.push_back(i + j <= text.size() ? k_digits[(group >> (18 - 6 * j)) & 63] : '=');
    }
  }
  return out;
}

bool HttpRequest::expects(int status) const {
  return std::any_of(expect.begin(), expect.end(),
                     [status](const StatusRange& range) { return range.low <= status && status <= range.high; });
}

std::vector<std::string> HttpRequest::secrets() const {
  std::vector<std::string> all;
  const auto add = [&all](std::string_view text) {
    constexpr std::size_t k_shortest = 4;  // shorter ones would blank ordinary words
    if (text.size() >= k_shortest) all.emplace_back(text);
  };
  for (const HttpHeader& header : headers) {
    if (!header.secret) continue;
    add(header.value);
    const std::size_t space = header.value.find(' ');
    if (space != std::string::npos) add(std::string_view(header.value).substr(space + 1));
  }
  add(url.password());
  if (digest) add(digest->password);
  const std::size_t at = proxy.find('@');
  const std::size_t scheme = proxy.find("://");
  if (at != std::string::npos && scheme != std::string::npos && scheme < at)
    add(proxy.substr(scheme + 3, at - scheme - 3));
  return all;
}

bool is_safe(std::string_view method) { return method == "GET" || method == "HEAD" || method == "OPTIONS"; }
bool is_idempotent(std::string_view method) { return is_safe(method) || method == "PUT" || method == "DELETE"; }

std::variant<HttpRequest, Outcome> read_request(const Task& task, std::string_view user_agent) {
  Args args("http", task.args.view());
  HttpRequest request;
  const std::string url = args.required_text("url");
  if (!url.empty()) {
    auto parsed = Url::parse(url);
    if (parsed) request.url = std::move(*parsed);
    else args.wrong("url", parsed.error().message);
  }
  read_headers(args, request);
  read_auth(args, request);
  read_query(args, request);
  read_body(args, request);
  read_method(args, request);
  read_expect(args, request);
  read_proxy(args, request);
  read_output(args, request);
  request.timeout_ms = args.duration("timeout").value_or(0);
  request.redirects = static_cast<int>(args.integer("redirects", 0, k_redirects_max).value_or(request.redirects));
  request.max_body = args.integer("max_body", 1, INT64_MAX).value_or(0);
  if (auto wrong = args.finish()) return std::move(*wrong);
  add_own_headers(task, user_agent, request);
  return request;
}

}  // namespace perdure::activity
