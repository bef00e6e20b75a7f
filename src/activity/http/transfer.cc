#include "activity/http/transfer.h"

#include <sys/socket.h>

#include <algorithm>
#include <chrono>
#include <cstring>

#include "activity/http/inbox.h"
#include "activity/outcome.h"
#include "base/check.h"
#include "net/redirect.h"

namespace perdure::activity {
namespace {

// A connection that rested longer may have been closed by the server just now. A request that must not be made twice
// does not take that chance; others are sent again by libcurl.
constexpr long k_rest_of_unrepeatable_s = 1;

template <class T>
void set(CURL* easy, CURLoption option, T value) {
  // Fails only for an option that this libcurl does not have, or without memory.
  CHECK(curl_easy_setopt(easy, option, value) == CURLE_OK);
}

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return out;
}
std::string_view trimmed(std::string_view text) {
  const auto space = [](char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; };
  while (!text.empty() && space(text.front())) text.remove_prefix(1);
  while (!text.empty() && space(text.back())) text.remove_suffix(1);
  return text;
}

bool is_tls_error(CURLcode code) {
  switch (code) {
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_SSL_ENGINE_NOTFOUND:
    case CURLE_SSL_ENGINE_SETFAILED:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_CIPHER:
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_USE_SSL_FAILED:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_CRL_BADFILE:
    case CURLE_SSL_ISSUER_ERROR:
    case CURLE_SSL_PINNEDPUBKEYNOTMATCH:
    case CURLE_SSL_INVALIDCERTSTATUS:
    case CURLE_SSL_CLIENTCERT: return true;
    default: return false;
  }
}

}  // namespace

std::int64_t steady_ms() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

Transfer::Transfer(Task task, OnDone done, HttpRequest request, const HttpOptions& options, Easy easy)
    : task_(std::move(task)),
      done_(std::move(done)),
      request_(std::move(request)),
      secrets_(request_.secrets()),
      options_(options),
      easy_(std::move(easy)) {
  for (const std::string& route : options_.connect_to) {
    curl_slist* longer = curl_slist_append(connect_to_, route.c_str());
    CHECK(longer != nullptr);
    connect_to_ = longer;
  }
}

Transfer::~Transfer() {
  curl_slist_free_all(header_list_);
  curl_slist_free_all(connect_to_);
}

std::string Transfer::what() const { return request_.method + " " + request_.url.printable(); }

std::size_t Transfer::body_bytes_max() const {
  if (request_.max_body == 0) return options_.body_bytes_max;
  return std::min(options_.body_bytes_max, static_cast<std::size_t>(request_.max_body));
}

// ---- setting up ----

std::optional<Outcome> Transfer::prepare() {
  CURL* easy = easy_.get();
  curl_easy_reset(easy);
  response_ = {};
  header_bytes_ = header_lines_ = sent_bytes_ = 0;
  opened_ = 0;
  body_too_large_ = headers_too_large_ = false;
  blocked_.clear();
  curl_message_[0] = '\0';
  if (auto refused = check_proxied_target()) return refused;

  set(easy, CURLOPT_PRIVATE, static_cast<void*>(this));
  set(easy, CURLOPT_ERRORBUFFER, curl_message_);
  set(easy, CURLOPT_NOSIGNAL, 1L);
  set(easy, CURLOPT_URL, request_.url.text().c_str());
  set(easy, CURLOPT_PROTOCOLS_STR, "http,https");
  if (request_.http2) {
    const bool tls = request_.url.origin().scheme == "https";
    set(easy, CURLOPT_HTTP_VERSION, tls ? CURL_HTTP_VERSION_2TLS : CURL_HTTP_VERSION_2_PRIOR_KNOWLEDGE);
    if (!tls) {  // libcurl 7.88 takes up such a connection as if it were new, and the server hangs up
      set(easy, CURLOPT_FRESH_CONNECT, 1L);
      set(easy, CURLOPT_FORBID_REUSE, 1L);
    }
  }
  set(easy, CURLOPT_FOLLOWLOCATION, 0L);
  set(easy, CURLOPT_NETRC, static_cast<long>(CURL_NETRC_IGNORED));
  set(easy, CURLOPT_SSL_VERIFYPEER, 1L);
  set(easy, CURLOPT_SSL_VERIFYHOST, 2L);
  set(easy, CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
  if (!options_.ca_file.empty()) {
    set(easy, CURLOPT_CAINFO, options_.ca_file.c_str());
    set(easy, CURLOPT_CAPATH, static_cast<char*>(nullptr));
  }
  set(easy, CURLOPT_CONNECT_TO, connect_to_);
  set(easy, CURLOPT_HEADERFUNCTION, &Transfer::on_header);
  set(easy, CURLOPT_HEADERDATA, static_cast<void*>(this));
  set(easy, CURLOPT_WRITEFUNCTION, &Transfer::on_body);
  set(easy, CURLOPT_WRITEDATA, static_cast<void*>(this));
  set(easy, CURLOPT_OPENSOCKETFUNCTION, &Transfer::on_open_socket);
  set(easy, CURLOPT_OPENSOCKETDATA, static_cast<void*>(this));
  set_up_limits();
  set_up_proxy();
  if (request_.websocket) {
    set(easy, CURLOPT_CONNECT_ONLY, 1L);
    set(easy, CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
    set(easy, CURLOPT_HTTPPROXYTUNNEL, 1L);
    set(easy, CURLOPT_FRESH_CONNECT, 1L);
    return std::nullopt;
  }
  set_up_body();
  if (request_.digest) {
    set(easy, CURLOPT_HTTPAUTH, CURLAUTH_DIGEST);
    set(easy, CURLOPT_USERNAME, request_.digest->username.c_str());
    set(easy, CURLOPT_PASSWORD, request_.digest->password.c_str());
  }
  return std::nullopt;
}

void Transfer::set_up_limits() {
  CURL* easy = easy_.get();
  set(easy, CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(options_.connect_timeout_ms));
  set(easy, CURLOPT_QUICK_EXIT, 1L);
  if (request_.inbox || request_.websocket) set(easy, CURLOPT_TCP_KEEPALIVE, 1L);
  if (request_.method != "HEAD" && !request_.inbox)
    set(easy, CURLOPT_MAXFILESIZE_LARGE, static_cast<curl_off_t>(body_bytes_max()));
  if (is_idempotent(request_.method)) return;
  set(easy, CURLOPT_MAXAGE_CONN, k_rest_of_unrepeatable_s);
  // With a body that was sent libcurl does not repeat it by itself, for lack of a way to rewind; without one it would.
  if (!request_.body || request_.body->empty() || request_.digest) set(easy, CURLOPT_FRESH_CONNECT, 1L);
}

void Transfer::set_up_proxy() {
  CURL* easy = easy_.get();
  const std::string& proxy = request_.proxy.empty() ? options_.proxy : request_.proxy;
  set(easy, CURLOPT_PROXY, proxy.c_str());  // empty: none, whatever the environment says
  set(easy, CURLOPT_NOPROXY, "");
  set(easy, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
}

void Transfer::set_up_body() {
  CURL* easy = easy_.get();
  const bool usually_has_body = request_.method == "POST" || request_.method == "PUT" || request_.method == "PATCH";
  if (request_.method == "HEAD") {
    set(easy, CURLOPT_NOBODY, 1L);
  } else if (request_.body || usually_has_body) {
    set(easy, CURLOPT_POST, 1L);
    set(easy, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request_.body ? request_.body->size() : 0));
    set(easy, CURLOPT_READFUNCTION, &Transfer::on_send);
    set(easy, CURLOPT_READDATA, static_cast<void*>(this));
    if (is_idempotent(request_.method) || request_.digest) {  // a challenge says that nothing was done
      set(easy, CURLOPT_SEEKFUNCTION, &Transfer::on_rewind);
      set(easy, CURLOPT_SEEKDATA, static_cast<void*>(this));
    }
  }
  if (request_.method != "HEAD") set(easy, CURLOPT_CUSTOMREQUEST, request_.method.c_str());

  curl_slist_free_all(header_list_);
  header_list_ = nullptr;
  bool own_encoding = false;
  bool own_type = false;
  const auto append = [this](const std::string& line) {
    curl_slist* longer = curl_slist_append(header_list_, line.c_str());
    CHECK(longer != nullptr);
    header_list_ = longer;
  };
  for (const HttpHeader& header : request_.headers) {
    append(header.value.empty() ? header.name + ";" : header.name + ": " + header.value);
    own_encoding = own_encoding || lower(header.name) == "accept-encoding";
    own_type = own_type || lower(header.name) == "content-type";
  }
  append("Expect:");                       // no waiting for 100 Continue
  if (!own_type) append("Content-Type:");  // libcurl would call any body a form
  set(easy, CURLOPT_HTTPHEADER, header_list_);
  if (!own_encoding) set(easy, CURLOPT_ACCEPT_ENCODING, "");
}

// A proxy resolves names itself, out of the guard's sight. What is written as an address is judged here.
std::optional<Outcome> Transfer::check_proxied_target() const {
  if (request_.proxy.empty() && options_.proxy.empty()) return std::nullopt;
  std::string host = request_.url.origin().host;
  if (!host.empty() && host.back() == '.') host.pop_back();
  const bool local = host == "localhost" || host.ends_with(".localhost");
  const auto address = net::IpAddress::parse(local ? "127.0.0.1" : host);
  if (!address) return std::nullopt;
  const Status allowed = net::check_address(options_.addresses, *address);
  if (allowed) return std::nullopt;
  return blocked(allowed.error().message);
}

// ---- libcurl's callbacks ----

curl_socket_t Transfer::on_open_socket(void* self, curlsocktype purpose, curl_sockaddr* address) {
  Transfer& transfer = *static_cast<Transfer*>(self);
  if (purpose != CURLSOCKTYPE_IPCXN) return CURL_SOCKET_BAD;
  const bool operators_proxy = transfer.request_.proxy.empty() && !transfer.options_.proxy.empty();
  const auto ip = net::IpAddress::from_sockaddr(&address->addr, address->addrlen);
  Status allowed = ip ? net::check_address(transfer.options_.addresses, *ip) : Status(tl::unexpected(ip.error()));
  if (!allowed && !operators_proxy) {
    transfer.blocked_ = allowed.error().message;
    return CURL_SOCKET_BAD;
  }
  ++transfer.opened_;
  return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

bool Transfer::take_header(std::string_view line) {
  header_bytes_ += line.size();
  ++header_lines_;
  if (header_bytes_ > options_.header_bytes_max || header_lines_ > options_.header_lines_max) {
    headers_too_large_ = true;
    return false;
  }
  line = trimmed(line);
  if (line.starts_with("HTTP/")) {  // also after a 100 Continue
    response_ = {};
    const std::size_t status = line.find(' ');
    const std::string_view after = status == std::string_view::npos ? "" : trimmed(line.substr(status));
    const std::size_t reason = after.find(' ');
    if (reason != std::string_view::npos) response_.reason = trimmed(after.substr(reason));
    return true;
  }
  if (line.empty() && is_stream()) {  // the headers are over
    long status = 0;
    curl_easy_getinfo(easy_.get(), CURLINFO_RESPONSE_CODE, &status);
    if (request_.expects(static_cast<int>(status))) request_.inbox->begin(response_);
    return true;
  }
  const std::size_t colon = line.find(':');
  if (colon == std::string_view::npos || colon == 0) return true;
  response_.headers.emplace_back(lower(trimmed(line.substr(0, colon))), std::string(trimmed(line.substr(colon + 1))));
  return true;
}

std::size_t Transfer::on_header(char* data, std::size_t size, std::size_t count, void* self) {
  Transfer& transfer = *static_cast<Transfer*>(self);
  transfer.last_bytes_ms_ = steady_ms();
  return transfer.take_header({data, size * count}) ? size * count : 0;
}

std::size_t Transfer::on_body(char* data, std::size_t size, std::size_t count, void* self) {
  Transfer& transfer = *static_cast<Transfer*>(self);
  transfer.last_bytes_ms_ = steady_ms();
  if (transfer.is_stream() && transfer.request_.inbox->begun()) {
    if (transfer.request_.inbox->full()) {
      transfer.held_ = true;
      return CURL_WRITEFUNC_PAUSE;
    }
    return transfer.take_piece({data, size * count}) ? size * count : 0;
  }
  std::string& body = transfer.response_.body;
  const std::size_t bytes = size * count;
  if (bytes > transfer.body_bytes_max() - body.size()) {
    transfer.body_too_large_ = true;
    return 0;
  }
  body.append(data, bytes);
  return bytes;
}

std::size_t Transfer::on_send(char* data, std::size_t size, std::size_t count, void* self) {
  Transfer& transfer = *static_cast<Transfer*>(self);
  if (!transfer.request_.body) return 0;
  const std::string& body = *transfer.request_.body;
  const std::size_t bytes = std::min(size * count, body.size() - transfer.sent_bytes_);
  std::memcpy(data, body.data() + transfer.sent_bytes_, bytes);
  transfer.sent_bytes_ += bytes;
  return bytes;
}

int Transfer::on_rewind(void* self, curl_off_t offset, int origin) {
  Transfer& transfer = *static_cast<Transfer*>(self);
  if (origin != SEEK_SET || offset < 0 || !transfer.request_.body ||
      static_cast<std::size_t>(offset) > transfer.request_.body->size()) {
    return CURL_SEEKFUNC_FAIL;
  }
  transfer.sent_bytes_ = static_cast<std::size_t>(offset);
  return CURL_SEEKFUNC_OK;
}

// ---- what became of it ----

bool Transfer::something_was_sent() const {
  long bytes = 0;
  curl_off_t ready_us = 0;
  curl_easy_getinfo(easy_.get(), CURLINFO_REQUEST_SIZE, &bytes);
  curl_easy_getinfo(easy_.get(), CURLINFO_PRETRANSFER_TIME_T, &ready_us);
  return bytes > 0 || ready_us > 0 || sent_bytes_ > 0;
}

bool Transfer::may_have_had_an_effect() const {
  return effect_before_ || (!is_safe(request_.method) && something_was_sent());
}

Outcome Transfer::error(std::string type, std::string title, ErrorClass error_class, std::string detail) const {
  return failure({.type = std::move(type),
                  .title = redacted(std::move(title), secrets_),
                  .error_class = error_class,
                  .detail = redacted(std::move(detail), secrets_)});
}

// Where the arguments hold secrets, the headers of credentials that were made of them may not come back either.
void Transfer::answer(Outcome outcome) {
  if (task_.confidential && !secrets_.empty()) {
    if (outcome.ok) outcome.result = Bytes(redacted(std::string(outcome.result.view()), secrets_));
    outcome.error.title = redacted(std::move(outcome.error.title), secrets_);
    outcome.error.detail = redacted(std::move(outcome.error.detail), secrets_);
  }
  done_(std::move(outcome));
}

Outcome Transfer::blocked(std::string why) const {
  return error("http.blocked", what() + " is blocked: " + std::move(why),
               effect_before_ ? ErrorClass::ambiguous : ErrorClass::fatal);
}

Outcome Transfer::failed(CURLcode code) const {
  const std::string told = curl_message_[0] != '\0' ? curl_message_ : curl_easy_strerror(code);
  if (headers_too_large_) {
    return error("http.headers_too_large",
                 what() + " answered with more than " + std::to_string(options_.header_bytes_max) + " bytes or " +
                     std::to_string(options_.header_lines_max) + " lines of headers",
                 ErrorClass::fatal);
  }
  if (!blocked_.empty() && opened_ == 0) return blocked(blocked_);
  if (is_tls_error(code)) {
    // A connection that broke during the handshake says nothing about certificates.
    const bool broke = code == CURLE_SSL_CONNECT_ERROR && (told.find("SSL_ERROR_SYSCALL") != std::string::npos ||
                                                           told.find("unexpected eof") != std::string::npos ||
                                                           told.find("onnection reset") != std::string::npos);
    if (!broke) return error("http.tls", what() + ": the connection is not secure: " + told, ErrorClass::fatal);
  }
  const bool repeatable = !effect_before_ && (is_idempotent(request_.method) || !something_was_sent());
  const ErrorClass error_class = repeatable ? ErrorClass::recoverable : ErrorClass::ambiguous;
  const std::string when =
      something_was_sent() ? ": the connection was lost after the request was sent" : ": no connection";
  return error("http.connect", what() + when + ": " + told, error_class);
}

std::optional<Outcome> Transfer::hop_ended(CURLcode code, TimeMs now_ms) {
  long status = 0;
  curl_easy_getinfo(easy_.get(), CURLINFO_RESPONSE_CODE, &status);
  response_.status = static_cast<int>(status);
  if (is_stream() && request_.inbox->begun()) return stream_over();
  const bool too_large = body_too_large_ || code == CURLE_FILESIZE_EXCEEDED;
  if (code != CURLE_OK && !too_large) return failed(code);
  if (net::is_redirect(response_.status) && request_.redirects > 0) {
    if (const std::string* location = response_.header("location")) return follow(*location);
  }
  if (!request_.expects(response_.status)) return refusal_of(request_, response_, secrets_, now_ms);
  if (too_large) {
    return error("http.body_too_large",
                 what() + " answered with more than " + std::to_string(body_bytes_max()) + " bytes", ErrorClass::fatal);
  }
  if (!request_.read_answer) return success_of(request_, std::move(response_));
  Outcome outcome = request_.read_answer(response_);
  if (!outcome.ok) {
    outcome.error.title = redacted(std::move(outcome.error.title), secrets_);
    outcome.error.detail = redacted(std::move(outcome.error.detail), secrets_);
  }
  return outcome;
}

std::optional<Outcome> Transfer::follow(const std::string& location) {
  if (++redirects_ > request_.redirects) {
    return error("http.redirects",
                 what() + " redirects once more after " + std::to_string(request_.redirects) + " redirects",
                 ErrorClass::fatal);
  }
  auto next = request_.url.resolve(location);
  if (!next) return blocked("its redirect " + next.error().message);
  const Status allowed = net::check_redirect(request_.url.origin(), next->origin());
  if (!allowed) return blocked(allowed.error().message);
  const std::string method = net::method_after_redirect(response_.status, request_.method);
  // 303 and its like say that the request was carried out; 307 and 308, that it was not.
  if (method != request_.method) {
    if (!is_safe(request_.method)) effect_before_ = true;
    request_.body.reset();
    std::erase_if(request_.headers, [](const HttpHeader& h) { return lower(h.name).starts_with("content-"); });
    request_.method = method;
  }
  if (next->origin() != request_.url.origin()) {
    request_.digest.reset();
    std::erase_if(request_.headers, [](const HttpHeader& h) { return h.secret || lower(h.name) == "host"; });
  }
  request_.url = std::move(*next);
  return std::nullopt;
}

// ---- time ----

void Transfer::begin_at(std::int64_t now_ms, std::int64_t since_ms) {
  started_ms_ = since_ms;
  last_bytes_ms_ = now_ms;
  limit_ms_ = task_.start_to_close_ms > 0 ? task_.start_to_close_ms : options_.timeout_ms;
  if (request_.timeout_ms > 0) limit_ms_ = std::min(limit_ms_, request_.timeout_ms);
  deadline_ms_ = started_ms_ + limit_ms_ + 1;  // the start was rounded down
}

// Once messages come there is no end to their coming.
bool Transfer::has_limit() const { return !is_stream() || !request_.inbox->begun(); }

std::int64_t Transfer::next_moment() const {
  if (!has_limit()) return INT64_MAX;
  return task_.heartbeat_ms > 0 ? std::min(deadline_ms_, last_bytes_ms_ + task_.heartbeat_ms) : deadline_ms_;
}

std::optional<Outcome> Transfer::expired(std::int64_t now_ms) {
  if (!has_limit()) return std::nullopt;
  const ErrorClass error_class = may_have_had_an_effect() ? ErrorClass::ambiguous : ErrorClass::recoverable;
  if (now_ms >= deadline_ms_) {
    return error("timeout.start_to_close", what() + " was not answered within " + format_duration(limit_ms_),
                 error_class);
  }
  if (task_.heartbeat_ms > 0 && now_ms >= last_bytes_ms_ + task_.heartbeat_ms) {
    return error("timeout.heartbeat", what() + " sent nothing for " + format_duration(task_.heartbeat_ms), error_class);
  }
  return std::nullopt;
}

Outcome Transfer::cancelled() const {
  return error("cancelled", what() + " was cancelled while it ran",
               may_have_had_an_effect() ? ErrorClass::ambiguous : ErrorClass::fatal);
}

Outcome Transfer::dropped() const { return shutdown_outcome(may_have_had_an_effect()); }

}  // namespace perdure::activity
