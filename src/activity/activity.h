#pragma once
// The activity port: how the runtime has an effect outside the engine. A driver serves one or more activity types
// ("http", "shell", "notify", or a function registered in process) and answers each task exactly once.
#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/ids.h"
#include "base/result.h"
#include "base/time.h"

namespace perdure::activity {

// How a failure is to be treated (SPEC 2.3).
enum class ErrorClass : std::uint8_t {
  transient,    // retry at once
  recoverable,  // retry with back-off
  throttled,    // retry no earlier than retry_after_ms
  fatal,        // do not retry
  ambiguous,    // the effect may or may not have happened
};
std::string_view to_string(ErrorClass error_class);

// A fault of the workflow: data in its history, never a reason for the engine to stop.
struct ActivityError {
  std::string type;    // "http.503", "shell.exit", "timeout.start_to_close", "cancelled", ... (DIALECT "Errors")
  std::string title;   // one line for people
  std::string detail;  // at most 4 KiB; no secrets
  int status = 0;      // HTTP status or exit code where there is one
  ErrorClass error_class = ErrorClass::recoverable;
  DurationMs retry_after_ms = 0;  // 0: not told
};

struct Task {
  RunKey run;
  CommandId command;
  std::uint32_t attempt = 1;    // from 1; already durable
  std::string step;             // for logs and messages
  std::string type;             // "http", "shell", ...
  Bytes args;                   // JSON, the evaluated `with`
  std::string idempotency_key;  // stable over attempts
  std::string traceparent;      // W3C trace context, may be empty
  // The driver ends the attempt then with timeout.start_to_close; 0: no limit. Counted from when the work begins: time
  // in the driver's own queue is not part of it.
  DurationMs start_to_close_ms = 0;
  DurationMs heartbeat_ms = 0;  // likewise timeout.heartbeat when silent for so long; 0: none asked
  Bytes last_progress;          // what the previous attempt reported by heartbeat, JSON
  // The arguments hold secrets. Their values are masked in the outcome by the runtime; what a driver makes of them (a
  // header of credentials, a token) is the driver's to mask.
  bool confidential = false;
  // May be empty. Told each heartbeat's progress (JSON) from any thread, at the rate the activity reports; must not
  // block and may be called after the outcome was given (then it is to be ignored).
  std::function<void(Bytes)> on_progress;
};

struct Outcome {
  bool ok = false;
  Bytes result;         // JSON, when ok
  ActivityError error;  // when not ok
  static Outcome success(Bytes json) { return {true, std::move(json), {}}; }
  static Outcome failure(ActivityError e) { return {false, {}, std::move(e)}; }
};

// Called exactly once a task, from any thread, after start() was entered (possibly before it returns); must not block.
using OnDone = std::function<void(Outcome)>;

class Driver {
 public:
  virtual ~Driver() = default;
  virtual std::vector<std::string> types() const = 0;
  // Whether a secret may stand in this member of the arguments ("headers.X-Key", "args[0]"): false where others of the
  // machine would see it (arguments of a process), or where it would be recorded. From any thread.
  virtual bool takes_secret(std::string_view type, std::string_view member) const {
    (void)type;
    (void)member;
    return true;
  }
  // Begins the attempt and returns soon; long work happens on the driver's own threads, which are bounded: beyond its
  // bound the driver queues.
  virtual void start(Task task, OnDone done) = 0;
  // Asks a running attempt to stop. It still answers exactly once, within k_cancel_grace: with its real result if it
  // finished, with type "cancelled" and class fatal if it certainly had no effect, class ambiguous if it may have had.
  virtual void cancel(const RunKey& run, CommandId command) = 0;
  // Ends everything within the grace period (children of processes included); every task in flight is answered:
  // with its real result if it finished in time, else with type "engine.shutdown", class transient if it certainly had
  // no effect, ambiguous if it may have had. The runtime need not record those: the attempt is already durable and is
  // dealt with at the next start. A task that is started afterwards is answered so too. Idempotent.
  virtual void shutdown() = 0;
};
inline constexpr std::chrono::milliseconds k_cancel_grace{5000};

}  // namespace perdure::activity
