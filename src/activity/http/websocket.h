#pragma once
// The client's side of a web socket (RFC 6455), over bytes: the handshake, and frames by wslay. Pings are answered.
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "activity/http/request.h"
#include "activity/http/response.h"
#include "base/result.h"

namespace perdure::activity {

class WebSocket {
 public:
  using OnMessage = std::function<bool(bool text, std::string_view payload)>;  // false: too large
  // `request`: where to, and its headers.
  WebSocket(const HttpRequest& request, OnMessage on_message);
  ~WebSocket();
  WebSocket(const WebSocket&) = delete;
  WebSocket& operator=(const WebSocket&) = delete;

  // What the server has sent. Errors: invalid, after which nothing is to be done but to hang up.
  Status take(std::string_view bytes);
  // What is to be sent to it, and how much of that was.
  std::string_view output() const { return output_; }
  void sent(std::size_t bytes) { output_.erase(0, bytes); }

  bool open() const { return frames_ != nullptr; }  // the handshake is over, well
  bool answered() const { return answered_; }       // the handshake is over
  const HttpResponse& answer() const { return answer_; }
  void send(std::string_view text);  // once it is open
  void close();
  bool closed() const;  // the server has closed it

 private:
  struct Frames;
  WebSocket(const HttpRequest& request, OnMessage on_message, const std::string& key);
  Status take_handshake();
  Status run();

  const std::string expected_;  // Sec-WebSocket-Accept
  OnMessage on_message_;
  std::string input_, output_;
  bool answered_ = false;
  bool too_large_ = false;
  HttpResponse answer_;
  std::unique_ptr<Frames> frames_;
};

}  // namespace perdure::activity
