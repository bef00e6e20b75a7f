// Transfers that are no single answer: web sockets, and messages as they come.
#include <curl/curl.h>

#include <array>

#include "activity/http/inbox.h"
#include "activity/http/transfer.h"
#include "activity/outcome.h"
#include "base/check.h"
#include "base/limits.h"

namespace perdure::activity {

bool Transfer::take_piece(std::string_view bytes) {
  if (request_.inbox->take_piece(bytes)) return true;
  body_too_large_ = true;
  return false;
}

// What a subscription's connection ends with is no fault while it had begun: it is made again.
Outcome Transfer::stream_over() {
  if (body_too_large_)
    return error("asyncapi.message_too_large",
                 what() + " sent a message of more than " + std::to_string(k_message_bytes_max) + " bytes",
                 ErrorClass::fatal);
  request_.inbox->end();
  return Outcome::success(Bytes(std::string("{}")));
}

bool Transfer::connected(CURLcode code) {
  if (!request_.websocket || code != CURLE_OK || socket_) return false;
  socket_ = std::make_unique<WebSocket>(request_, [this](bool text, std::string_view payload) {
    return !is_stream() || request_.inbox->take_frame(text, payload);
  });
  return true;
}

std::optional<Outcome> Transfer::pump() {
  if (socket_) return pump_socket();
  if (held_ && !request_.inbox->full()) {
    held_ = false;
    curl_easy_pause(easy_.get(), CURLPAUSE_CONT);
  }
  return std::nullopt;
}

Outcome Transfer::socket_lost(const std::string& why) const {
  return error("ws.lost", what() + ": the web socket was lost: " + why,
               payload_sent_ ? ErrorClass::ambiguous : ErrorClass::recoverable);
}

std::optional<Outcome> Transfer::pump_socket() {
  bool over = false;
  Status sound;
  std::array<char, 16 * 1024> chunk{};
  held_ = is_stream() && request_.inbox->full();
  while (sound && !over && !held_) {
    std::size_t got = 0;
    const CURLcode code = curl_easy_recv(easy_.get(), chunk.data(), chunk.size(), &got);
    if (code == CURLE_AGAIN) break;
    over = code != CURLE_OK || got == 0;
    if (!over) {
      last_bytes_ms_ = steady_ms();
      sound = socket_->take({chunk.data(), got});
      held_ = is_stream() && request_.inbox->full();
    }
  }
  if (socket_->answered() && !socket_->open() && sound) {
    response_ = socket_->answer();
    return refusal_of(request_, response_, secrets_, 0);
  }
  if (sound && socket_->open() && is_stream() && !request_.inbox->begun()) request_.inbox->begin(socket_->answer());
  if (sound && socket_->open() && !is_stream() && !payload_sent_) {
    payload_sent_ = true;
    socket_->send(request_.body.value_or(""));
    socket_->close();
  }
  while (!socket_->output().empty()) {
    std::size_t put = 0;
    const CURLcode code = curl_easy_send(easy_.get(), socket_->output().data(), socket_->output().size(), &put);
    if (code == CURLE_AGAIN) break;
    if (code != CURLE_OK) {
      over = true;
      break;
    }
    socket_->sent(put);
  }
  if (!sound) return socket_lost(sound.error().message);
  if (socket_->closed() && socket_->output().empty()) over = true;
  if (!over) return std::nullopt;
  if (is_stream() && request_.inbox->begun()) return stream_over();
  if (socket_->closed() && payload_sent_) return request_.read_answer(socket_->answer());
  return socket_lost("the server hung up");
}

std::optional<curl_waitfd> Transfer::awaited() const {
  if (!socket_) return std::nullopt;
  curl_socket_t fd = CURL_SOCKET_BAD;
  if (curl_easy_getinfo(easy_.get(), CURLINFO_ACTIVESOCKET, &fd) != CURLE_OK || fd == CURL_SOCKET_BAD)
    return std::nullopt;
  const int events = (held_ ? 0 : CURL_WAIT_POLLIN) | (socket_->output().empty() ? 0 : CURL_WAIT_POLLOUT);
  return curl_waitfd{fd, static_cast<short>(events), 0};
}

}  // namespace perdure::activity
