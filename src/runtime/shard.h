#pragma once
// A shard: a single-threaded loop that owns the runs whose keys hash to it.
//
// One turn: publish what has become durable; take everything from the inbox; load the runs concerned; decide each with
// all its facts; commit many runs at once; go on. The order inputs -> load -> decide -> commit -> publish is in step.cc
// and nowhere else. The shard never waits for the disk: it decides on tentative state, and holds back effects and
// answers until their commit is durable.
#include <condition_variable>
#include <deque>
#include <functional>
#include <list>
#include <mutex>
#include <set>
#include <thread>
#include <unordered_map>
#include <variant>
#include <vector>

#include "engine/engine.h"
#include "runtime/core.h"
#include "runtime/run.h"

namespace perdure::runtime {

struct StartMessage {
  PlanPtr plan;
  std::shared_ptr<const history::StartInfo> info;
  bool fresh_id = false;  // made by us: cannot exist
  std::function<void(Result<engine::Started>)> done;
  std::function<void(const engine::Progress&)> on_closed;  // may be empty
};
struct FactMessage {
  RunKey run;
  history::Event fact;
  Reply reply;
};
// Load the run and see what it needs: after a start of the process, or because a timer is due.
struct VisitMessage {
  RunKey run;
  TimeMs timer = 0;  // 0: recovery
};
// On the shard's thread.
struct CallMessage {
  std::function<void()> call;
  std::function<void(Error)>
      refuse{};  // of a client that waits for an answer; else it waits for the store however long
};
struct KeyMessage {
  std::string key;
  std::optional<Bytes> value;
  Reply reply;
};
using Message = std::variant<StartMessage, FactMessage, VisitMessage, CallMessage, KeyMessage>;

struct RunKeyHash {
  std::size_t operator()(const RunKey& key) const {
    return std::hash<std::string_view>{}(key.id) ^ (std::hash<std::string_view>{}(key.tenant) * 31);
  }
};

// One watcher of a run. `call` gives false when it wants no more.
struct Interest {
  std::uint64_t id = 0;
  bool wants_events = false;
  std::function<bool(const engine::Progress&, const Run&)> call;
};

class Shard {
 public:
  Shard(Core& core, std::size_t index, std::size_t cache_bytes);
  ~Shard();
  Shard(const Shard&) = delete;
  Shard& operator=(const Shard&) = delete;

  void start_thread();
  void stop_thread();          // after the turn at hand; pending commits are waited for
  void post(Message message);  // from any thread
  void poke();                 // the clock has moved, or something else changed

  // One turn; false when there was nothing to do.
  bool turn();
  // When the next timer held is due.
  TimeMs next_due() const { return timers_.empty() ? k_never : timers_.begin()->first; }

  // On the shard's thread only: ---------------------------------------------------------------------------------
  // The run, loaded and recovered: `not_found`, `corrupt` (quarantined). A closed run is loaded and not kept.
  Result<Run*> find(const RunKey& key);
  // Calls `look` with the run; what it returns is called once what it saw is durable, or with the error if it never is.
  using Deliver = std::function<void(const Status&)>;
  // Once all that was committed so far is durable, or has failed. On the shard's thread.
  void when_all_durable(Deliver deliver);
  void read(const RunKey& key, const std::function<Deliver(Result<const Run*>)>& look);
  void add_input(Run& run, history::Event fact, Reply reply);
  std::uint64_t add_interest(const RunKey& key, Interest interest);
  void drop_interest(const RunKey& key, std::uint64_t id);

 private:
  struct PendingStep {
    Run* run = nullptr;
    std::uint64_t first_seq = 1;
    TimeMs now = 0;
    history::RunStatus status = history::RunStatus::running;
    std::vector<history::Event> events;
    std::vector<decider::Command> commands;
  };
  struct PendingCommit {
    std::uint64_t number = 0;
    bool done = false;
    Status status;
    std::vector<PendingStep> steps;
    std::vector<std::function<void(const Status&)>> replies;
  };

  // shard.cc: the loop
  void loop();
  void sleep();
  bool take_inbox();
  void receive(StartMessage& message);
  void receive(FactMessage& message);
  void receive(VisitMessage& message);
  void receive(CallMessage& message) { message.call(); }
  void receive(KeyMessage& message);
  // Tries again a little later: the store could not be read, and nobody else would send this again.
  void defer(Message message);
  void take_up_deferred();
  void fire_timers();
  void hold_timer(Run& run);
  void touch(Run& run);

  // step.cc: the step
  void decide_touched();
  void step(Run& run);
  static std::vector<Input> take_inputs(Run& run);
  void answer(Run& run, std::vector<Input>& inputs, decider::Decision& decision, const Status& taken);
  Status write(Run& run, decider::Decision& decision);
  void add_plan(const Run& run);
  void add_tenant(const std::string& tenant);
  void note_reviews(Run& run, const std::vector<history::Event>& events);
  void when_durable(const Run& run, Deliver deliver);
  void flush();
  bool take_completions();
  void publish(PendingCommit& commit);
  void carry_out(Run& run, decider::Command& command);
  void dispatch(Run& run, decider::DispatchActivity& command);
  void tell(Run& run, const PendingStep& step);

  // cache.cc: runs in memory
  Run* cached(const RunKey& key);
  Result<Run*> load(const RunKey& key);
  Status recover(Run& run, const Away* away);
  bool lacks_secret(const Run& run) const;
  Status let_go(Run& run);
  void quarantine(const RunKey& key, const storage::LoadedRun* loaded, Error error);
  void release(Run& run, const storage::LoadedRun& loaded);
  void use(Run& run);
  void unlink(Run& run);
  void weigh(Run& run);
  void evict();
  bool may_rest(const Run& run) const;
  void leave(Run& run);  // to the disk, remembering what is out
  void forget(Run& run);
  void let_visitors_go();

  // failure.cc: a failed commit
  void note_failure(const Error& error);
  bool settle_failure();  // false: there was nothing to do
  void salvage(PendingStep& step);
  void hold(Message& message);
  tl::unexpected<Error> refusal() const;
  void refuse_calls();
  void report_parked();

  // children.cc
  void start_child(const Run& parent, const decider::StartChild& command);
  void start_child_again(const RunKey& parent, const decider::StartChild& command);
  void begin_child(const PlanPtr& plan, const std::shared_ptr<const history::StartInfo>& info,
                   const decider::StartChild& command);
  void begin_child_again(const history::StartInfo& child, const decider::StartChild& command);
  void child_found(const Run& child, const history::StartInfo& wanted, bool wait);
  void cancel_child(const RunKey& parent, const decider::CancelChild& command);
  void undo_child(const Run& parent, const decider::UndoChild& command);
  void begin_undo(const RunKey& parent, const decider::UndoChild& command, const RunKey& child);
  void tell_undone(Run& child);
  void tell_undone(const RunKey& child);
  void notify_parent(const Run& run, const decider::NotifyParent& command);
  void child_ended(const RunKey& parent, history::ChildEnded fact);

  Core& core_;
  const std::size_t index_;
  const std::size_t cache_bytes_;
  TimeMs now_ = 0;  // of the turn

  std::unordered_map<RunKey, std::unique_ptr<Run>, RunKeyHash> runs_;
  std::unordered_map<RunKey, Away, RunKeyHash> away_;
  std::size_t cached_bytes_ = 0;
  Run* newest_ = nullptr;
  Run* oldest_ = nullptr;
  std::vector<Run*> touched_;
  std::vector<RunKey> visitors_;  // closed runs that were loaded to be looked at, let go at the turn's end

  std::set<std::string> tenants_known_;  // whose keys this shard has written
  storage::Commit commit_;               // being built
  PendingCommit building_;
  std::size_t building_bytes_ = 0;
  std::vector<std::string> building_blobs_;
  std::deque<PendingCommit> pending_;
  std::uint64_t commits_ = 0;

  std::set<std::pair<TimeMs, RunKey>> timers_;
  std::unordered_map<RunKey, std::vector<Interest>, RunKeyHash> interests_;
  std::uint64_t last_interest_ = 0;
  std::unordered_map<RunKey, std::vector<std::pair<RunKey, decider::UndoChild>>, RunKeyHash> undo_waiters_;  // by child

  bool parked_ = false;
  std::uint64_t parked_since_ = 0;  // the failure that was reported
  bool failing_ = false;
  std::vector<Message> salvaged_;

  std::vector<Message> local_;  // posted by this thread
  std::vector<Message> batch_;
  std::vector<history::Event> facts_;

  std::mutex mutex_;
  std::condition_variable wake_;
  std::vector<Message> deferred_;  // the shard's own
  std::int64_t deferred_until_us_ = 0;
  std::vector<Message> inbox_;
  std::vector<std::pair<std::uint64_t, Status>> completions_;
  bool sleeping_ = false;
  bool poked_ = false;
  bool stop_ = false;
  std::thread thread_;
};

}  // namespace perdure::runtime
