#pragma once
// The waist: everything that people and programs do with runs goes through here (CLI, embedders; later gateway, UI).
// Implemented by runtime (shards on a store). Every acknowledgement means durable. Methods are thread-safe and block
// until durable unless they end in _async. Errors are for people: what, which one, and what to do next.
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/ids.h"
#include "base/result.h"
#include "base/time.h"
#include "base/value.h"
#include "history/event.h"
#include "plan/plan.h"

namespace perdure::engine {

struct Progress;
struct StartRequest {
  std::string tenant = "default";
  std::string id;                          // empty: made, time-ordered ("run_…")
  std::shared_ptr<const plan::Plan> plan;  // or a registered workflow:
  std::string workflow, version;           // version empty: the newest registered
  Bytes input;                             // JSON text; empty: null
  Bytes detail;                            // JSON object: tags, search attributes, who; may be empty
  // Called once when the run has closed and that is durable, unless the id existed already. Without events; on an
  // engine thread, must not block. Cheaper than watch(), and cannot miss the end.
  std::function<void(const Progress&)> on_closed;
};
struct Started {
  RunKey run;
  bool existed = false;  // the same id with the same input: the same run
};

struct StepView {
  std::string id;    // name within its parent, dotted path in `path`
  std::string path;  // "checkout.charge", items as "notify[3]"
  std::string kind;
  std::string status;  // StepStatus names, plus "retrying", "queued", "compensating", "waiting"
  std::uint32_t attempt = 0;
  TimeMs started_at = 0, ended_at = 0;  // 0: not yet
  TimeMs next_at = 0;                   // timer or next attempt
  std::optional<history::Fault> error;
  std::string summary;
};
struct ReviewView {
  RunKey run;
  std::string id;  // its command number as text
  std::string step, workflow;
  TimeMs opened_at = 0, deadline = 0;
  Value request;  // reviewers, quorum, data, form
  std::vector<std::string> approvals;
};
struct RunView {
  RunKey run;
  std::string workflow, version, plan_hash, status, parent;
  TimeMs started_at = 0, updated_at = 0, closed_at = 0;
  Value input, output;  // output once completed
  std::optional<history::Fault> error;
  std::string compensation;   // "", "running", "complete", "failed"
  std::vector<Value> repair;  // compensations that failed: {step, command, error}
  Value context;
  std::uint64_t events = 0;
  double progress = 0;  // 0..1
  std::vector<StepView> steps;
  std::vector<ReviewView> reviews;
  std::vector<std::string> waiting_for;  // in words: "timer of step cool_down until …", "signal paid", …
};

struct HistoryEntry {
  std::uint64_t seq = 0;
  TimeMs at = 0;
  history::Event event;
};

struct ListRequest {
  std::string tenant = "default";
  std::optional<std::string> status, workflow, parent;
  TimeMs from = 0, until = k_never;
  std::string cursor;
  std::size_t limit = 100;
};
struct RunSummary {
  RunKey run;
  std::string workflow, version, status, parent;
  TimeMs started_at = 0, updated_at = 0, closed_at = 0;
  Value detail;
};
struct RunList {
  std::vector<RunSummary> runs;
  std::string next_cursor;
};

struct ReviewDecision {
  std::string review;  // id, or the step's name, or empty when the run has just one open
  bool approved = false;
  std::string reviewer, comment;
  std::optional<Value> data;
};

struct RestartRequest {
  RunKey from;
  std::string step;                        // top-level step to run again, with all that come after it
  std::string id;                          // of the new run; empty: made
  std::shared_ptr<const plan::Plan> plan;  // null: the same plan
  std::string by;
};

struct ReplayReport {
  bool matches = false;
  std::uint64_t events = 0, batches = 0;
  std::vector<std::string> differences;  // first ones, in words
};

struct WorkflowInfo {
  std::string name, version, plan_hash;
  TimeMs registered_at = 0;
};

// What a watcher sees. `events` are durable. Called on an engine thread; must not block.
struct Progress {
  RunKey run;
  std::vector<HistoryEntry> events;
  history::RunStatus status = history::RunStatus::running;
  bool closed = false;
};
using Watcher = std::function<void(const Progress&)>;
class Subscription {
 public:
  virtual ~Subscription() = default;
};  // ends when destroyed

struct DoctorReport {
  bool clean = false;
  std::uint64_t runs = 0, open = 0, timers = 0;
  std::vector<std::string> findings;  // each: what, which run, what to do
};

class Engine {
 public:
  virtual ~Engine() = default;

  // Registering the same content is a no-op; the same name and version with other content is `conflict`.
  virtual Result<WorkflowInfo> register_workflow(std::shared_ptr<const plan::Plan> plan) = 0;
  virtual Result<std::shared_ptr<const plan::Plan>> workflow(const std::string& name, const std::string& version) = 0;
  virtual Result<std::vector<WorkflowInfo>> workflows() = 0;
  virtual Result<std::shared_ptr<const plan::Plan>> plan(const std::string& hash) = 0;

  virtual Result<Started> start(StartRequest request) = 0;
  virtual void start_async(StartRequest request, std::function<void(Result<Started>)> done) = 0;

  // Blocks until the run is closed (or waiting or paused when `until_idle`), or the time is over (`cancelled`).
  virtual Result<RunView> wait(const RunKey& run, bool until_idle, std::chrono::milliseconds at_most) = 0;
  virtual std::unique_ptr<Subscription> watch(const RunKey& run, Watcher watcher) = 0;

  virtual Result<RunView> describe(const RunKey& run) = 0;
  virtual Result<std::vector<HistoryEntry>> history(const RunKey& run, std::uint64_t from_seq, std::size_t limit) = 0;
  virtual Result<RunList> list(const ListRequest& request) = 0;
  virtual Result<Value> query(const RunKey& run, const std::string& name) = 0;
  virtual Result<std::vector<ReviewView>> reviews(const std::string& tenant) = 0;

  // `key`: the sender's own, the same key is applied once; may be empty.
  virtual Status signal(const RunKey& run, const std::string& name, const Value& payload, const std::string& key) = 0;
  // A CloudEvent for every run of the tenant that listens to events; gives those that have recorded it
  // because one of their listens may want it. specversion, id, source and time are filled in; `type` must be there
  // (`invalid`). The same source and id is applied once a run. A run in which 10,000 wait untaken is passed over.
  virtual Result<std::vector<RunKey>> publish(const std::string& tenant, const Value& event) = 0;
  virtual Result<Value> update(const RunKey& run, const std::string& name, const Value& argument,
                               const std::string& id) = 0;  // `invalid` when the validator refuses; nothing recorded
  virtual Status review(const RunKey& run, const ReviewDecision& decision) = 0;
  virtual Status pause(const RunKey& run, const std::string& by, const std::string& reason) = 0;
  virtual Status resume(const RunKey& run, const std::string& by, const std::string& reason) = 0;
  virtual Status cancel(const RunKey& run, const std::string& by, const std::string& reason) = 0;
  virtual Status terminate(const RunKey& run, const std::string& by, const std::string& reason) = 0;
  virtual Status retry(const RunKey& run, const std::string& by, const std::string& reason) = 0;
  virtual Result<Started> restart(const RestartRequest& request) = 0;

  // state == replay(history), and deciding the recorded facts again gives the recorded events.
  virtual Result<ReplayReport> replay(const RunKey& run) = 0;
  // A self-contained JSON document: plan, history batches (base64), row. import refuses an id that exists.
  virtual Result<std::string> export_run(const RunKey& run) = 0;
  virtual Result<RunKey> import_run(const std::string& document) = 0;
  virtual Result<DoctorReport> doctor() = 0;

  // Stops taking work, lets go of what runs (it is resumed at the next start), closes cleanly.
  virtual void shutdown() = 0;
};

}  // namespace perdure::engine
