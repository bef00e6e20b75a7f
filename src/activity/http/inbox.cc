#include "activity/http/inbox.h"

#include "activity/http/openapi_parameters.h"
#include "activity/http/request.h"
#include "activity/outcome.h"
#include "base/json.h"
#include "base/limits.h"

namespace perdure::activity {
namespace {

// JSON where it is, else text.
Value payload_of(std::string_view bytes) {
  if (auto json = parse_json(bytes)) return std::move(*json);
  return Value(valid_utf8(std::string(bytes)));
}

}  // namespace

void Inbox::begin(const HttpResponse& response) {
  begun_ = true;
  partial_.clear();
  data_.clear();
  event_.clear();
  id_.clear();
  has_data_ = after_cr_ = false;
  const std::string* type = response.header("content-type");
  const std::string media = type != nullptr ? type->substr(0, type->find(';')) : "";
  form_ = media == "text/event-stream"                                      ? Form::events
          : media == "application/x-ndjson" || media == "application/jsonl" ? Form::lines
                                                                            : Form::whole;
  headers_ = Value::object();
  for (const auto& [name, value] : response.headers)
    if (!net::carries_credentials(name)) headers_.set(name, Value(valid_utf8(value)));
}

bool Inbox::take_piece(std::string_view bytes) {
  if (form_ == Form::whole) {
    partial_ += bytes;
    return partial_.size() <= k_message_bytes_max;
  }
  while (!bytes.empty()) {
    if (after_cr_ && bytes.front() == '\n') bytes.remove_prefix(1);
    after_cr_ = false;
    const std::size_t end = bytes.find_first_of("\r\n");
    partial_ += bytes.substr(0, end);
    if (partial_.size() + data_.size() > k_message_bytes_max) return false;
    if (end == std::string_view::npos) return true;
    after_cr_ = bytes[end] == '\r';
    bytes.remove_prefix(end + 1);
    take_line(partial_);
    partial_.clear();
  }
  return true;
}

void Inbox::take_line(std::string_view line) {
  if (form_ == Form::lines) {
    if (line.find_first_not_of(" \t") != std::string_view::npos) add(payload_of(line), Value::object());
    return;
  }
  if (line.empty()) return end_event();
  const std::size_t colon = line.find(':');
  const std::string_view field = line.substr(0, colon);
  std::string_view value = colon == std::string_view::npos ? "" : line.substr(colon + 1);
  if (value.starts_with(' ')) value.remove_prefix(1);
  if (field == "data") {
    if (has_data_) data_ += '\n';
    data_ += value;
    has_data_ = true;
  } else if (field == "event") {
    event_ = value;
  } else if (field == "id") {
    id_ = value;
  }
}

void Inbox::end_event() {
  if (has_data_) {
    Value headers = Value::object();
    if (!event_.empty()) headers.set("event", Value(valid_utf8(event_)));
    if (!id_.empty()) headers.set("id", Value(valid_utf8(id_)));
    add(payload_of(data_), std::move(headers));
  }
  data_.clear();
  event_.clear();
  has_data_ = false;
}

bool Inbox::take_frame(bool text, std::string_view payload) {
  if (payload.size() > k_message_bytes_max) return false;
  add(text ? payload_of(payload) : Value(base64(payload)), Value::object());
  return true;
}

void Inbox::end() {
  if (begun_ && form_ == Form::whole && !partial_.empty()) add(payload_of(partial_), headers_);
  if (begun_ && form_ == Form::lines && !partial_.empty()) take_line(partial_);
  partial_.clear();
  begun_ = false;
}

void Inbox::add(Value payload, Value headers) {
  Value message = Value::object({{"payload", std::move(payload)}, {"headers", std::move(headers)}});
  if (!correlation_.empty()) {
    References within(message);
    const auto found = within.follow(Value::object({{"$ref", Value("#/" + correlation_)}}));
    if (found && !(*found)->is_null()) message.set("correlationId", **found);
  }
  bytes_ += message.footprint();
  messages_.push_back(std::move(message));
}

bool Inbox::full() const { return messages_.size() >= k_messages_waiting_max || bytes_ >= 4 * k_message_bytes_max; }

Value Inbox::next() {
  Value first = std::move(messages_.front());
  messages_.pop_front();
  bytes_ -= first.footprint();
  return first;
}

}  // namespace perdure::activity
