#include "activity/http/websocket.h"

#include <openssl/evp.h>
#include <openssl/rand.h>
#include <sys/types.h>  // before wslay, which lacks it
#include <wslay/wslay.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>

#include "base/check.h"
#include "base/limits.h"

namespace perdure::activity {
namespace {

constexpr std::size_t k_handshake_bytes_max = 64 * 1024;
constexpr std::string_view k_guid = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";  // of RFC 6455

tl::unexpected<Error> wrong(std::string what) { return fail(ErrorCode::invalid, std::move(what)); }

std::string random_key() {
  std::array<unsigned char, 16> bytes{};
  CHECK(RAND_bytes(bytes.data(), static_cast<int>(bytes.size())) == 1);
  return base64({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
}

std::string accept_of(const std::string& key) {
  const std::string text = key + std::string(k_guid);
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned size = 0;
  CHECK(EVP_Digest(text.data(), text.size(), digest.data(), &size, EVP_sha1(), nullptr) == 1);
  return base64({reinterpret_cast<const char*>(digest.data()), size});
}

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return out;
}

std::string_view trimmed(std::string_view text) {
  const std::size_t first = text.find_first_not_of(" \t\r");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t\r") - first + 1);
}

// Path and query, and host with port where it is not the scheme's own.
std::pair<std::string, std::string> place_of(const Url& url) {
  const std::string& text = url.text();
  const std::size_t authority = text.find("://") + 3;
  const std::size_t path = text.find_first_of("/?", authority);
  std::string target = path == std::string::npos ? "/" : text.substr(path);
  if (target.front() == '?') target.insert(0, "/");
  return {target, text.substr(authority, path == std::string::npos ? path : path - authority)};
}

HttpResponse read_answer(std::string_view head) {
  HttpResponse answer;
  const std::string_view line = trimmed(head.substr(0, head.find('\n')));
  const std::size_t space = line.find(' ');
  if (space != std::string_view::npos && line.starts_with("HTTP/1.")) {
    std::from_chars(line.data() + space + 1, line.data() + line.size(), answer.status);
    const std::size_t reason = line.find(' ', space + 1);
    if (reason != std::string_view::npos) answer.reason = line.substr(reason + 1);
  }
  for (std::size_t at = head.find('\n'); at != std::string_view::npos && at + 1 < head.size();) {
    const std::size_t end = head.find('\n', at + 1);
    const std::string_view header = head.substr(at + 1, end == std::string_view::npos ? end : end - at - 1);
    const std::size_t colon = header.find(':');
    if (colon != std::string_view::npos)
      answer.headers.emplace_back(lower(trimmed(header.substr(0, colon))),
                                  std::string(trimmed(header.substr(colon + 1))));
    at = end;
  }
  return answer;
}

}  // namespace

struct WebSocket::Frames {
  explicit Frames(WebSocket& owner) {
    static constexpr wslay_event_callbacks k_calls = {&Frames::receive, &Frames::send, &Frames::mask,   nullptr,
                                                      nullptr,          nullptr,       &Frames::message};
    CHECK(wslay_event_context_client_init(&context, &k_calls, &owner) == 0);
    wslay_event_config_set_max_recv_msg_length(context, k_message_bytes_max);
  }
  ~Frames() { wslay_event_context_free(context); }
  Frames(const Frames&) = delete;
  Frames& operator=(const Frames&) = delete;

  static ssize_t receive(wslay_event_context_ptr context, std::uint8_t* into, std::size_t size, int /*flags*/,
                         void* self) {
    std::string& input = static_cast<WebSocket*>(self)->input_;
    if (input.empty()) {
      wslay_event_set_error(context, WSLAY_ERR_WOULDBLOCK);
      return -1;
    }
    const std::size_t bytes = std::min(size, input.size());
    std::memcpy(into, input.data(), bytes);
    input.erase(0, bytes);
    return static_cast<ssize_t>(bytes);
  }
  static ssize_t send(wslay_event_context_ptr /*context*/, const std::uint8_t* data, std::size_t size, int /*flags*/,
                      void* self) {
    static_cast<WebSocket*>(self)->output_.append(reinterpret_cast<const char*>(data), size);
    return static_cast<ssize_t>(size);
  }
  static int mask(wslay_event_context_ptr /*context*/, std::uint8_t* into, std::size_t size, void* /*self*/) {
    return RAND_bytes(into, static_cast<int>(size)) == 1 ? 0 : -1;
  }
  static void message(wslay_event_context_ptr /*context*/, const wslay_event_on_msg_recv_arg* got, void* self) {
    WebSocket& owner = *static_cast<WebSocket*>(self);
    const bool text = got->opcode == WSLAY_TEXT_FRAME;
    if (!text && got->opcode != WSLAY_BINARY_FRAME) return;
    const std::string_view payload(reinterpret_cast<const char*>(got->msg), got->msg_length);
    if (!owner.on_message_(text, payload)) owner.too_large_ = true;
  }

  wslay_event_context_ptr context = nullptr;
};

WebSocket::WebSocket(const HttpRequest& request, OnMessage on_message)
    : WebSocket(request, std::move(on_message), random_key()) {}

WebSocket::WebSocket(const HttpRequest& request, OnMessage on_message, const std::string& key)
    : expected_(accept_of(key)), on_message_(std::move(on_message)) {
  const auto [target, host] = place_of(request.url);
  output_ = "GET " + target + " HTTP/1.1\r\nHost: " + host +
            "\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: " + key +
            "\r\n";
  for (const HttpHeader& header : request.headers)
    if (lower(header.name) != "host") output_ += header.name + ": " + header.value + "\r\n";
  output_ += "\r\n";
}

WebSocket::~WebSocket() = default;

Status WebSocket::take(std::string_view bytes) {
  input_ += bytes;
  if (!answered_) PERDURE_TRY_VOID(take_handshake());
  return open() ? run() : Status();
}

Status WebSocket::take_handshake() {
  const std::size_t end = input_.find("\r\n\r\n");
  if (end == std::string::npos) {
    if (input_.size() > k_handshake_bytes_max) return wrong("its answer to the handshake has no end");
    return {};
  }
  answered_ = true;
  answer_ = read_answer(std::string_view(input_).substr(0, end));
  input_.erase(0, end + 4);
  if (answer_.status != 101) {
    answer_.body = std::exchange(input_, {});
    return {};
  }
  const std::string* upgrade = answer_.header("upgrade");
  const std::string* accept = answer_.header("sec-websocket-accept");
  if (upgrade == nullptr || lower(*upgrade) != "websocket" || accept == nullptr || *accept != expected_)
    return wrong("its answer to the handshake is not that of a web socket");
  frames_ = std::make_unique<Frames>(*this);
  return {};
}

Status WebSocket::run() {
  const int got = wslay_event_recv(frames_->context);
  const int put = wslay_event_send(frames_->context);
  if (too_large_) return wrong("it sent a message of more than " + std::to_string(k_message_bytes_max) + " bytes");
  const bool deaf = wslay_event_get_read_enabled(frames_->context) == 0 && !closed();
  if (got != 0 || put != 0 || deaf) return wrong("what it sent is no web socket's, or too much of it");
  return {};
}

void WebSocket::send(std::string_view text) {
  const wslay_event_msg message{WSLAY_TEXT_FRAME, reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
  CHECK(open() && wslay_event_queue_msg(frames_->context, &message) == 0);
  wslay_event_send(frames_->context);
}

void WebSocket::close() {
  if (!open()) return;
  wslay_event_queue_close(frames_->context, WSLAY_CODE_NORMAL_CLOSURE, nullptr, 0);
  wslay_event_send(frames_->context);
}

bool WebSocket::closed() const { return open() && wslay_event_get_close_received(frames_->context) != 0; }

}  // namespace perdure::activity
