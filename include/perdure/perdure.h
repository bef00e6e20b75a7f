#pragma once
// Perdure inside your own process: open a store, give names to your functions, start workflows and wait for them. What
// a run has done survives the process; the next one that opens the store goes on from there.
//
//   using namespace perdure::embed;
//   auto engine = Engine::open({.directory = "/var/lib/shop"}, {{"shop.charge", charge}});
//   if (!engine) return complain(engine.error().message);
//   auto run = (*engine)->start(yaml_text, R"({"order": 17})", "order-17");
//   auto ended = (*engine)->wait(run->id);
//
// JSON goes in and out as text. Nothing here throws; what your functions throw becomes a failure of their step.
// Link with the CMake target perdure_app.
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace perdure::embed {

struct Error {
  std::string code;     // invalid, not_found, conflict, corrupt, unsupported, exhausted, io, cancelled, internal
  std::string message;  // what failed, which one, and what to do next
};

// A value, or why there is none. Ask before you take.
template <class T>
class [[nodiscard]] Result {
 public:
  Result(T value) : held_(std::in_place_index<0>, std::move(value)) {}      // NOLINT: converts
  Result(Error error) : held_(std::in_place_index<1>, std::move(error)) {}  // NOLINT: converts
  explicit operator bool() const { return held_.index() == 0; }
  T& operator*() { return std::get<0>(held_); }
  const T& operator*() const { return std::get<0>(held_); }
  T* operator->() { return &std::get<0>(held_); }
  const T* operator->() const { return &std::get<0>(held_); }
  const Error& error() const { return std::get<1>(held_); }

 private:
  std::variant<T, Error> held_;
};
struct Done {};

// What a function of yours is given. Valid while it runs; thread-safe.
class Call {
 public:
  virtual ~Call() = default;
  virtual std::string_view arguments() const = 0;  // JSON: the step's `with`
  virtual std::string_view run() const = 0;
  virtual std::string_view step() const = 0;
  virtual std::uint32_t attempt() const = 0;  // from 1
  // The same for every attempt of this step: hand it to services that know such keys, and an effect happens once.
  virtual std::string_view idempotency_key() const = 0;
  virtual bool cancelled() const = 0;            // poll it in long work, then answer fail("cancelled", …)
  virtual void heartbeat(std::string json) = 0;  // progress; also what a heartbeat timeout waits for
};

enum class Again {
  later,    // retry by the step's policy
  never,    // retrying can't help
  unknown,  // the effect may have happened: retried, and undone if the run fails
};
struct Answer {
  bool ok = true;
  std::string json;         // the result; empty: null
  std::string type, title;  // of a failure: "card.declined", "The card was declined"
  Again again = Again::later;
  static Answer success(std::string json = {}) { return {true, std::move(json), {}, {}, Again::later}; }
  static Answer fail(std::string type, std::string title, Again again = Again::later) {
    return {false, {}, std::move(type), std::move(title), again};
  }
};
using Function = std::function<Answer(Call&)>;

// Called by `call: NAME` in a workflow, on one of the engine's threads.
struct Activity {
  std::string name;
  Function function;
};

struct Options {
  std::string directory;                          // made when missing; empty: in memory, nothing survives
  std::size_t threads = 0;                        // for functions; 0: one a core
  bool outside = true;                            // http, shell, script and notify steps are available
  bool allow_private_addresses = false;           // of http steps
  std::chrono::milliseconds keep_closed_runs{0};  // then they are removed; 0: kept
  // The value of a secret that a workflow lists, as JSON; nothing when there is none. Asked for from any thread, when it is
  // needed; kept nowhere.
  std::function<std::optional<std::string>(std::string_view name)> secret = {};
};

struct Run {
  std::string id, workflow, version;
  std::string status;                   // running, waiting, paused, completed, failed, cancelled, …
  std::string input, output;            // JSON
  std::string error_type, error_title;  // of a run that failed
  bool closed = false;
};

// Thread-safe. Destroying it shuts down: what is in flight is taken up when the store is opened again.
class Engine {
 public:
  static Result<std::unique_ptr<Engine>> open(Options options, std::vector<Activity> activities);
  virtual ~Engine() = default;

  // Starts a run of the workflow in `yaml`; it is durable when this returns. `id` makes it idempotent: the same id with
  // the same workflow and input is the same run. Empty: one is made.
  virtual Result<Run> start(std::string_view yaml, std::string_view input_json = "null", std::string_view id = {}) = 0;
  // Keeps a workflow under its name and version, for start_registered() and `subflow:`.
  virtual Result<Done> register_workflow(std::string_view yaml) = 0;
  virtual Result<Run> start_registered(std::string_view name, std::string_view input_json = "null",
                                       std::string_view id = {}) = 0;

  // Until the run has closed; `cancelled` when the time is over.
  virtual Result<Run> wait(std::string_view id, std::chrono::milliseconds at_most = std::chrono::hours(24)) = 0;
  virtual Result<Run> describe(std::string_view id) = 0;
  virtual Result<Done> signal(std::string_view id, std::string_view name, std::string_view payload_json) = 0;
  virtual Result<Done> cancel(std::string_view id, std::string_view reason) = 0;
};

}  // namespace perdure::embed
