#pragma once
// Messages of a subscription that have been read and not been asked for yet, and how they are cut from what comes: the
// frames of a web socket, the events of `text/event-stream`, the lines of JSON lines, or whole answers. Pure. Bounded: one
// that is full is not read for.
#include <deque>
#include <optional>
#include <string>
#include <string_view>

#include "activity/http/response.h"
#include "base/value.h"

namespace perdure::activity {

class Inbox {
 public:
  explicit Inbox(std::string correlation) : correlation_(std::move(correlation)) {}

  // Of a connection: it is there; a piece of an answer, or a frame; it has ended. False: a message is too large.
  void begin(const HttpResponse& response);
  bool take_piece(std::string_view bytes);
  bool take_frame(bool text, std::string_view payload);
  void end();
  bool begun() const { return begun_; }

  bool full() const;
  bool empty() const { return messages_.empty(); }
  Value next();  // {payload, headers, correlationId}; not when empty

 private:
  enum class Form { whole, events, lines };
  void add(Value payload, Value headers);
  void take_line(std::string_view line);
  void end_event();

  const std::string correlation_;
  std::deque<Value> messages_;
  std::size_t bytes_ = 0;  // of messages_, as values
  bool begun_ = false;
  Form form_ = Form::whole;
  Value headers_;        // of the answer
  std::string partial_;  // of a line or an answer
  bool after_cr_ = false;
  std::string data_, event_, id_;  // of an event
  bool has_data_ = false;
};

}  // namespace perdure::activity
