#include "activity/notify/notify.h"

#include <unistd.h>

#include <atomic>
#include <chrono>
#include <map>
#include <mutex>
#include <utility>
#include <vector>

#include "activity/args.h"
#include "activity/outcome.h"
#include "base/json.h"

namespace perdure::activity {
namespace {

constexpr std::size_t k_message_bytes_max = std::size_t{256} << 10;

struct Message {
  std::string channel;
  std::string text;
  std::string title;
  std::string url;
  Value data;
};

std::optional<Outcome> read_message(const Task& task, Message& message) {
  Args args("notify", task.args.view());
  message.channel = args.one_of("channel", {"log", "webhook"}, "log");
  const Value* text = args.any("message");
  if (text == nullptr || text->is_null()) {
    args.wrong("message", "is missing");
  } else {
    message.text = text->is_string() ? std::string(text->as_string()) : to_json(*text);
    if (message.text.size() > k_message_bytes_max) args.wrong("message", "is longer than 256 KiB");
  }
  message.title = args.text("title").value_or("");
  message.url = args.text("url").value_or("");
  if (message.channel == "webhook" && message.url.empty()) args.wrong("url", "is missing: where the webhook goes");
  if (message.channel == "log" && !message.url.empty()) args.wrong("url", "has no use for the channel 'log'");
  if (const Value* data = args.any("data")) message.data = *data;
  return args.finish();
}

// What both channels tell, under the names that logs use.
Value content(const Task& task, const Message& message) {
  Value value = Value::object({{"message", Value(message.text)}});
  if (!message.title.empty()) value.set("title", Value(message.title));
  if (!message.data.is_null()) value.set("data", message.data);
  value.set("tenant", Value(task.run.tenant));
  value.set("run_id", Value(task.run.id));
  value.set("step", Value(task.step));
  value.set("attempt", Value(static_cast<std::int64_t>(task.attempt)));
  if (!task.traceparent.empty()) value.set("traceparent", Value(task.traceparent));
  return value;
}

void write_to_stderr(std::string_view line) {
  const std::string whole = std::string(line) + "\n";
  for (std::size_t done = 0; done < whole.size();) {
    const ssize_t n = write(STDERR_FILENO, whole.data() + done, whole.size() - done);
    if (n <= 0) return;  // nobody listens; a notification to a closed terminal is no reason to fail a run
    done += static_cast<std::size_t>(n);
  }
}

class Notify final : public Driver {
 public:
  explicit Notify(NotifyOptions options) : options_(std::move(options)), flights_(std::make_shared<Flights>()) {
    if (!options_.sink) options_.sink = write_to_stderr;
  }
  ~Notify() override { shutdown(); }
  Notify(const Notify&) = delete;
  Notify& operator=(const Notify&) = delete;

  std::vector<std::string> types() const override { return {"notify"}; }

  void start(Task task, OnDone done) override {
    if (stopping_) return done(shutdown_outcome(false));
    Message message;
    if (auto wrong = read_message(task, message)) return done(std::move(*wrong));
    if (message.channel == "log") return done(log(task, message));
    if (!options_.http) {
      return done(failure({.type = "notify.unavailable",
                           .title = "webhooks are not available here: no http driver is wired in",
                           .error_class = ErrorClass::fatal}));
    }
    send(std::move(task), message, std::move(done));
  }

  void cancel(const RunKey& run, CommandId command) override {
    if (options_.cancel_http) options_.cancel_http(run, command);
  }

  void shutdown() override {
    stopping_ = true;
    std::map<std::uint64_t, Flight> left;
    {
      const std::lock_guard lock(flights_->mutex);
      left.swap(flights_->by_number);
    }
    for (auto& [number, flight] : left) {
      flight.done(shutdown_outcome(true));
      cancel(flight.run, flight.command);
    }
  }

 private:
  struct Flight {
    RunKey run;
    CommandId command;
    OnDone done;
  };
  // The webhooks on their way. Shared with the callbacks given to the http driver, which may come after this is gone.
  struct Flights {
    std::mutex mutex;
    std::uint64_t next = 0;
    std::map<std::uint64_t, Flight> by_number;

    std::uint64_t add(Flight flight) {
      const std::lock_guard lock(mutex);
      by_number.emplace(++next, std::move(flight));
      return next;
    }
    void answer(std::uint64_t number, Outcome outcome) {
      OnDone done;
      {
        const std::lock_guard lock(mutex);
        const auto found = by_number.find(number);
        if (found == by_number.end()) return;  // answered at the shutdown
        done = std::move(found->second.done);
        by_number.erase(found);
      }
      done(std::move(outcome));
    }
  };

  Outcome log(const Task& task, const Message& message) {
    Value line =
        Value::object({{"timestamp", Value(format_timestamp(now_ms()))}, {"level", "info"}, {"event", "notify"}});
    const Value what = content(task, message);
    for (const auto& [key, value] : what.members()) line.set(key.as_string(), value);
    const std::string text = to_json(line);  // JSON has no raw line breaks: one message stays one line
    const std::lock_guard lock(sink_mutex_);
    options_.sink(text);
    return Outcome::success(Bytes::copy(R"({"channel":"log"})"));
  }

  void send(Task task, const Message& message, OnDone done) {
    Value body = content(task, message);
    // What chat services (Slack, Mattermost and their like) show.
    body.set("text", Value(message.title.empty() ? message.text : message.title + "\n" + message.text));
    const Value args = Value::object({{"method", "POST"}, {"url", Value(message.url)}, {"body", std::move(body)}});
    const std::uint64_t number = flights_->add({task.run, task.command, std::move(done)});
    task.type = "http";
    task.args = Bytes(to_json(args));
    options_.http(std::move(task), [flights = flights_, number](Outcome outcome) {
      if (outcome.ok) outcome.result = summary(outcome.result);
      flights->answer(number, std::move(outcome));
    });
  }

  static Bytes summary(const Bytes& response) {
    Value result = Value::object({{"channel", "webhook"}});
    if (const auto parsed = parse_json(response.view())) {
      if (const Value* status = parsed->find("status")) result.set("status", *status);
    }
    return Bytes(to_json(result));
  }

  TimeMs now_ms() const {
    if (options_.clock != nullptr) return options_.clock->now_ms();
    return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::system_clock::now().time_since_epoch())
        .count();
  }

  NotifyOptions options_;
  std::mutex sink_mutex_;
  std::shared_ptr<Flights> flights_;
  std::atomic<bool> stopping_{false};
};

}  // namespace

std::unique_ptr<Driver> make_notify(NotifyOptions options) { return std::make_unique<Notify>(std::move(options)); }

}  // namespace perdure::activity
