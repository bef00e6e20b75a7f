#pragma once
// One attempt of an http task: a request, its redirects, and what became of it.
#include <curl/curl.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "activity/http/http.h"
#include "activity/http/request.h"
#include "activity/http/response.h"
#include "activity/http/websocket.h"

namespace perdure::activity {

struct ReleaseEasy {
  void operator()(CURL* easy) const { curl_easy_cleanup(easy); }
};
using Easy = std::unique_ptr<CURL, ReleaseEasy>;

// Lives at one address while its easy handle is in use.
class Transfer {
 public:
  Transfer(Task task, OnDone done, HttpRequest request, const HttpOptions& options, Easy easy);
  ~Transfer();
  Transfer(const Transfer&) = delete;
  Transfer& operator=(const Transfer&) = delete;

  const Task& task() const { return task_; }
  CURL* easy() const { return easy_.get(); }
  Easy release() { return std::move(easy_); }

  // Sets the handle up for the next request: the first one, or the one a redirect asked for. An outcome when it may not
  // be made.
  std::optional<Outcome> prepare();
  // After the request ended: its outcome, or nothing when a redirect is to be followed (prepare() then).
  std::optional<Outcome> hop_ended(CURLcode code, TimeMs now_ms);

  // Time, in ms of the steady clock.
  void begin_at(std::int64_t now_ms, std::int64_t since_ms);  // since: when the task's time began
  std::int64_t next_moment() const;                           // when expired() should be asked next
  std::optional<Outcome> expired(std::int64_t now_ms);        // the time limit's outcome, when it is reached
  // A web socket, or messages that come as long as the server sends (transfer_stream.cc).
  bool is_stream() const { return request_.inbox != nullptr; }
  // Whether the request is a web socket that is connected now: it stays with the multi handle, and is pumped.
  bool connected(CURLcode code);
  // Sends and reads what can be; an outcome when it is over. For other transfers: reads on when there is room again.
  std::optional<Outcome> pump();
  std::optional<curl_waitfd> awaited() const;  // what pump() waits for

  Outcome cancelled() const;
  Outcome dropped() const;  // at shutdown

  void answer(Outcome outcome);

 private:
  // libcurl's callbacks.
  static std::size_t on_header(char* data, std::size_t size, std::size_t count, void* self);
  static std::size_t on_body(char* data, std::size_t size, std::size_t count, void* self);
  static std::size_t on_send(char* data, std::size_t size, std::size_t count, void* self);
  static int on_rewind(void* self, curl_off_t offset, int origin);
  static curl_socket_t on_open_socket(void* self, curlsocktype purpose, curl_sockaddr* address);
  bool take_header(std::string_view line);

  bool has_limit() const;
  bool take_piece(std::string_view bytes);
  std::optional<Outcome> pump_socket();
  Outcome socket_lost(const std::string& why) const;
  Outcome stream_over();
  void set_up_limits();
  void set_up_proxy();
  void set_up_body();
  std::optional<Outcome> check_proxied_target() const;
  std::optional<Outcome> follow(const std::string& location);
  Outcome failed(CURLcode code) const;
  Outcome blocked(std::string why) const;
  Outcome error(std::string type, std::string title, ErrorClass error_class, std::string detail = {}) const;

  bool something_was_sent() const;
  bool may_have_had_an_effect() const;  // by what was sent, and by the method
  std::string what() const;             // "POST https://host/path"
  std::size_t body_bytes_max() const;

  Task task_;
  OnDone done_;
  HttpRequest request_;
  const std::vector<std::string> secrets_;  // also those that a redirect has dropped
  const HttpOptions& options_;
  Easy easy_;
  curl_slist* header_list_ = nullptr;
  curl_slist* connect_to_ = nullptr;

  HttpResponse response_;
  std::size_t header_bytes_ = 0;
  std::size_t header_lines_ = 0;
  std::size_t sent_bytes_ = 0;  // of the body
  std::string blocked_;         // why the guard refused an address
  int opened_ = 0;              // sockets
  bool body_too_large_ = false;
  bool headers_too_large_ = false;
  bool effect_before_ = false;  // an earlier request of the chain was carried out
  std::unique_ptr<WebSocket> socket_;
  bool payload_sent_ = false;  // of a web socket that sends one message
  bool held_ = false;          // nothing is read until the inbox has room
  int redirects_ = 0;
  std::int64_t started_ms_ = 0;
  std::int64_t deadline_ms_ = 0;
  DurationMs limit_ms_ = 0;
  std::int64_t last_bytes_ms_ = 0;
  char curl_message_[CURL_ERROR_SIZE] = {};
};

std::int64_t steady_ms();

}  // namespace perdure::activity
