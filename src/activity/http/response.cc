#include "activity/http/response.h"

#include <curl/curl.h>

#include <algorithm>
#include <charconv>

#include "activity/outcome.h"
#include "base/json.h"

namespace perdure::activity {
namespace {

constexpr DurationMs k_retry_after_max_ms = 24LL * 3600 * 1000;

std::string lower(std::string text) {
  for (char& c : text) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return text;
}

// "application/json" of "Application/JSON; charset=utf-8".
std::string media_type(const std::string* content_type) {
  if (content_type == nullptr) return {};
  std::string type = content_type->substr(0, content_type->find(';'));
  type.erase(std::remove_if(type.begin(), type.end(), [](char c) { return c == ' ' || c == '\t'; }), type.end());
  return lower(std::move(type));
}

bool is_json(std::string_view type) {
  return type == "application/json" || type == "text/json" || (type.size() > 5 && type.ends_with("+json"));
}

bool is_text(std::string_view type) {
  return type.starts_with("text/") || type == "application/xml" || type.ends_with("+xml") ||
         type == "application/x-www-form-urlencoded" || type == "application/javascript" ||
         type == "application/yaml" || type.ends_with("+yaml");
}

Value body_value(HttpResponse& response) {
  if (is_json(media_type(response.header("content-type")))) {
    if (response.body.empty()) return Value();
    // A service that calls something JSON which is not still has had its effect: the text is handed on.
    if (auto parsed = parse_json(response.body)) return std::move(*parsed);
  }
  return Value(valid_utf8(std::move(response.body)));
}

Value headers_value(const HttpResponse& response) {
  Value headers = Value::object();
  for (const auto& [name, value] : response.headers) {
    const Value text(valid_utf8(value));
    const Value* before = headers.find(name);
    if (name == "set-cookie") {  // the one header whose values can't be joined by commas
      Value list = before != nullptr ? *before : Value::array();
      list.push_back(text);
      headers.set(name, std::move(list));
    } else if (before != nullptr) {
      headers.set(name, Value(std::string(before->as_string()) + ", " + std::string(text.as_string())));
    } else {
      headers.set(name, text);
    }
  }
  return headers;
}

// JSON is parsed, text is text, anything else is base64; nothing is null.
Value content_value(HttpResponse& response) {
  if (response.body.empty()) return {};
  const std::string type = media_type(response.header("content-type"));
  if (is_json(type) || is_text(type)) return body_value(response);
  return Value(base64(response.body));
}

Value asked_value(const HttpRequest& request) {
  Value headers = Value::object();
  for (const HttpHeader& header : request.headers)
    headers.set(lower(header.name), Value(header.secret ? std::string("***") : header.value));
  return Value::object({{"method", request.asked_method}, {"uri", request.url.text()}, {"headers", headers}});
}

Value without_credentials(Value headers) {
  for (const auto& [name, value] : std::vector<Value::Member>(headers.members()))
    if (net::carries_credentials(name.as_string())) headers.set(name.as_string(), Value("***"));
  return headers;
}

ErrorClass class_of(int status, bool told_when) {
  switch (status) {
    case 429: return ErrorClass::throttled;
    case 408:
    case 425:
    case 503: return told_when ? ErrorClass::throttled : ErrorClass::recoverable;
    default: return status >= 500 ? ErrorClass::recoverable : ErrorClass::fatal;
  }
}

}  // namespace

const std::string* HttpResponse::header(std::string_view lower_name) const {
  const auto it = std::find_if(headers.begin(), headers.end(), [&](const auto& h) { return h.first == lower_name; });
  return it == headers.end() ? nullptr : &it->second;
}

Outcome success_of(const HttpRequest& request, HttpResponse response) {
  const auto done = [](const Value& value) { return Outcome::success(Bytes(to_json(value))); };
  if (request.output == HttpOutput::bytes) return Outcome::success(Bytes(std::move(response.body)));
  if (request.output == HttpOutput::raw) return done(Value(base64(response.body)));
  if (request.output == HttpOutput::content) return done(content_value(response));
  Value headers = headers_value(response);
  const Value status(response.status);
  if (request.output == HttpOutput::whole)
    return done(Value::object({{"status", status}, {"headers", std::move(headers)}, {"body", body_value(response)}}));
  return done(Value::object({{"request", asked_value(request)},
                             {"statusCode", status},
                             {"headers", without_credentials(std::move(headers))},
                             {"content", content_value(response)}}));
}

Outcome refusal_of(const HttpRequest& request, const HttpResponse& response, const std::vector<std::string>& secrets,
                   TimeMs now_ms) {
  const DurationMs wait = retry_after_ms(response, now_ms);
  std::string title = request.method + " " + request.url.printable() + " answered " + std::to_string(response.status);
  if (!response.reason.empty()) title += " " + head(valid_utf8(response.reason), 100);
  // Redacted before it is cut, so that no half of a secret stays at the border.
  std::string detail = redacted(response.body.substr(0, 4 * k_error_detail_bytes_max), secrets);
  return failure({.type = "http." + std::to_string(response.status),
                  .title = redacted(std::move(title), secrets),
                  .error_class = class_of(response.status, wait > 0),
                  .detail = valid_utf8(std::move(detail)),
                  .status = response.status,
                  .retry_after_ms = wait});
}

DurationMs retry_after_ms(const HttpResponse& response, TimeMs now_ms) {
  const std::string* text = response.header("retry-after");
  if (text == nullptr) return 0;
  std::int64_t seconds = 0;
  const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), seconds);
  if (error == std::errc{} && end == text->data() + text->size()) {
    return std::clamp<std::int64_t>(seconds, 0, k_retry_after_max_ms / 1000) * 1000;
  }
  const time_t date = curl_getdate(text->c_str(), nullptr);
  if (date < 0) return 0;
  return std::clamp<std::int64_t>(std::int64_t{date} * 1000 - now_ms, 0, k_retry_after_max_ms);
}

std::string redacted(std::string text, const std::vector<std::string>& secrets) {
  static constexpr std::string_view k_mask = "***";
  for (const std::string& secret : secrets) {
    for (std::size_t at = 0; (at = text.find(secret, at)) != std::string::npos; at += k_mask.size()) {
      text.replace(at, secret.size(), k_mask);
    }
  }
  return text;
}

}  // namespace perdure::activity
