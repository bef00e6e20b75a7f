#pragma once
// The plan: the compiled, validated form of a workflow; one form for all dialects. A flat table of nodes; node 0 is the
// root block and a node's id is greater than its parent's. Immutable once finalized, shared by all runs pinned to it,
// safe to read from any thread.
#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "base/time.h"
#include "base/value.h"
#include "expr/expr.h"

namespace perdure::plan {

using NodeId = std::uint32_t;
using ExprId = std::uint32_t;
using ScopeId = std::uint32_t;
inline constexpr std::uint32_t k_none = 0xffffffff;
inline constexpr std::size_t k_nesting_max = 256;  // blocks within blocks; recursion over a plan relies on it

struct Place {  // in the workflow file, from 1; 0 when there is none
  std::uint32_t line = 0, column = 0;
  friend bool operator==(const Place&, const Place&) = default;
};

enum class Kind : std::uint8_t {
  activity,     // an effect: spec.activity
  sequential,   // children in order
  parallel,     // children at once
  dag,          // children by depends (edges always taken)
  graph,        // children by written edges, first child starts; dead paths are skipped
  conditional,  // condition; children[0] then, children[1] else (k_none when absent); in a graph without branches: its
                // first edge is taken when true, its second when false
  select,       // `switch`: cases in order, first that holds
  loop,         // while/until/times over children[0]
  wait,         // duration or point in time
  listen,       // a signal
  review,       // human_review
  set,          // merge into .context
  emit,
  subflow,
  attempt,  // `try`: children[0] try, catches, finally
  raise,
  race,  // children at once, first completed wins
  map,   // task graph made at run time
  // of plans with a data flow only:
  tasks,  // `do`: children in order, each of which may say where to go on
  each,   // `for`: children[0] once for each item, one after the other
};
std::string_view to_string(Kind kind);

// A value with expressions inside. `constant`: value. `expression`: expr. `text`: parts joined (strings as they are,
// others as compact JSON). `array`: parts. `object`: keys and parts.
struct Template {
  enum class Type : std::uint8_t { constant, expression, text, array, object };
  Type type = Type::constant;
  Value constant;       // null by default
  Bytes constant_json;  // the same, written once (set by finalize)
  ExprId expr = k_none;
  std::vector<std::string> keys;
  std::vector<Template> parts;
  bool is_null() const { return type == Type::constant && constant.is_null(); }
};

// A template that few nodes have: a pointer's size when it is absent, which reads as null.
class RareTemplate {
 public:
  RareTemplate& operator=(Template t);
  bool is_null() const { return !template_; }
  const Template& get() const { return template_ ? *template_ : none(); }
  operator const Template&() const { return get(); }  // NOLINT: is one
  Template* edit() { return template_.get(); }        // nullptr when absent

 private:
  static const Template& none();
  std::unique_ptr<Template> template_;
};

// Which parts of `.` an expression reads, resolved from its RootUse by finalize().
struct StepUse {
  NodeId node = k_none;
  std::string name;  // as written
};
struct Expression {
  std::string source;
  Place place;
  NodeId owner = k_none;  // the node whose scope it is evaluated in; root for head expressions
  std::vector<std::string>
      variables;  // "out","args" in compensations, "arg" in updates; in a data flow what is in scope
  // set by finalize:
  std::shared_ptr<const expr::Program> program;
  bool uses_input = false, uses_context = false, uses_run = false, uses_item = false, uses_index = false,
       uses_error = false, uses_all_steps = false, uses_all_outputs = false;
  std::vector<std::string> secrets;  // it reads these and nothing else; its value is not known here (plan/secrets.h)
  std::vector<StepUse> steps;
  std::vector<std::string> outputs;
};

enum class Priority : std::uint8_t { low, normal, high, critical };
enum class BackoffKind : std::uint8_t { exponential, linear, fixed };
enum class JitterKind : std::uint8_t { none, equal, full };

// The same meaning as policy::RetryPolicy (the plan does not depend on policy).
struct Retry {
  DurationMs initial_ms = 1'000;
  double factor = 2.0;
  DurationMs max_interval_ms = 60'000;
  std::uint32_t max_attempts = 3;
  BackoffKind backoff = BackoffKind::exponential;
  JitterKind jitter = JitterKind::full;
  std::vector<std::string> non_retryable;
  friend bool operator==(const Retry&, const Retry&) = default;
};
struct Timeouts {  // 0: none
  DurationMs start_to_close_ms = 0, schedule_to_start_ms = 0, schedule_to_close_ms = 0, heartbeat_ms = 0;
};
struct Breaker {
  std::string service;  // empty: the driver's own (host for http, tool's name)
  std::uint32_t failures = 5, successes = 2;
  DurationMs open_for_ms = 60'000;
  NodeId fallback = k_none;
  bool explicitly_set = false;
};
struct RateLimit {
  double per_second = 0;
};  // 0: none

enum class OnError : std::uint8_t { fail, proceed, fallback };  // `continue` is `proceed`

struct Case {
  ExprId when = k_none;
  NodeId body = k_none;
};  // when k_none: default
struct Catch {
  std::vector<std::string> errors;
  ExprId when = k_none;
  std::optional<Retry> retry;
  NodeId body = k_none;
};
enum class ReviewTimeout : std::uint8_t { reject, approve, escalate };

// ---- data flow: what the nodes of a plan of the Open Workflow Specification have besides -----------------------------
// Their expressions see `.` as the stage of the flow they belong to, and variables: $context, $input, $output, $task,
// $workflow, $runtime, $secrets, $authorization, and those of the loops and catches around them.

inline constexpr std::array<std::string_view, 8> k_flow_variables{"context",  "input",   "output",  "task",
                                                                  "workflow", "runtime", "secrets", "authorization"};

// Where an enclosing task list goes on.
enum class Next : std::uint8_t { proceed, exit, end, jump };
struct Then {
  Next next = Next::proceed;
  std::uint32_t target = 0;  // jump: index among the list's children
  friend bool operator==(const Then&, const Then&) = default;
};
// Empty or 0: any.
struct ErrorFilter {
  std::string type, title, detail, instance;
  std::uint32_t status = 0;
};
struct FlowCatch {  // beside Node::catches[i], whose `errors` are not used
  ErrorFilter with;
  ExprId except_when = k_none;
  std::string as = "error";
  ExprId retry_when = k_none, retry_except_when = k_none;
  DurationMs retry_for_ms = 0;  // from the first attempt on; 0: no limit
  DurationMs jitter_from_ms = 0, jitter_to_ms = 0;
  Then then;  // after the catch has handled it
};
struct EachSpec {
  ExprId in = k_none, while_ = k_none;
  std::string item = "item", index = "index";
};
struct Correlation {
  std::string name;
  ExprId from = k_none;  // of the event
  Template expect;       // null: whatever the first event had
};
struct EventFilter {
  std::vector<std::string> attributes;  // of a CloudEvent; "data" for its payload
  std::vector<Template> values;         // a constant must be equal; an expression of the event must be true or equal
  std::vector<Correlation> correlate;
};
enum class EventMode : std::uint8_t {
  one,
  any,
  all,
  fed
};  // fed: no events, but what children.back() gives, again and again
enum class EventRead : std::uint8_t { data, envelope, raw };
struct EventsSpec {
  EventMode mode = EventMode::one;
  std::vector<EventFilter> filters;  // none with `any`: every event
  ExprId until = k_none;             // of the events so far; any: goes on until it holds
  std::vector<EventFilter> until_events;
  EventMode until_mode = EventMode::one;
  bool forever = false;  // any: never satisfied
  EventRead read = EventRead::data;
  bool foreach = false;  // children[0] runs once an event, as it comes
  std::string item = "item", index = "index";
  // fed: the activity gives {message}, or nothing when there are no more.
  ExprId filter = k_none, while_ = k_none;  // of a message; of those so far
  std::uint32_t amount = 0;                 // 0: any
  DurationMs for_ms = 0;                    // 0: no end
};
// Durations that are expressions; null: the fixed one of the node or catch holds.
struct FlowTimes {
  struct Retry {
    RareTemplate delay, limit, jitter_from, jitter_to;
  };
  RareTemplate timeout;        // of the task; of node 0: of the workflow
  std::vector<Retry> retries;  // attempt: one a catch, or none at all
};
struct Flow {
  RareTemplate input_from, output_as, export_as;
  Value input_schema, output_schema, export_schema;  // JSON Schema or null
  Then then;
  std::vector<Then> case_then;         // select: one a case; each: of the extended task within, which decides
  std::vector<FlowCatch> catches;      // attempt: one a catch
  std::unique_ptr<EachSpec> each;      // Kind::each
  std::unique_ptr<EventsSpec> events;  // Kind::listen
  std::unique_ptr<FlowTimes> times;    // rare
  std::string pointer;                 // JSON pointer of the task in its file
};

// One field group per kind; only the group of the node's kind is present.
struct ActivitySpec {
  std::string type;
  std::string action;
  Template with;
  bool detached = false;  // a process that is begun and not waited for: its output is the task's input
};                        // type "http", "tool:github", "llm", ...
struct LoopSpec {
  ExprId while_ = k_none, until = k_none;
  Template times;
  std::uint32_t max_iterations = 10'000;
};
struct WaitSpec {
  Template duration;
  Template until;
};  // exactly one is not null
struct ListenSpec {
  Template signal;
  DurationMs timeout_ms = 0;
};
struct ReviewSpec {
  Template reviewers, data, form;
  std::uint32_t quorum = 1;
  DurationMs timeout_ms = 24LL * 3600 * 1000;
  ReviewTimeout on_timeout = ReviewTimeout::reject;
  bool continue_on_reject = false;
  Template escalate_to;
  bool no_self_approval = false;
};
struct EmitSpec {  // in a data flow an event is emitted by an activity of type "emit"
  Template type, data;
};
struct SubflowSpec {
  Template name;
  std::string version;
  Template with;
  bool wait = true;
};
struct RaiseSpec {
  Template type, title, detail, status;
};
struct MapSpec {
  Template tasks;
};

struct Node {
  NodeId id = 0;
  NodeId parent = k_none;
  std::string name;      // unique among its siblings; made up ("then", "case1") where the file has none
  bool made_up = false;  // the name is the loader's: no expression can mean this node
  Kind kind = Kind::sequential;
  Place place;
  std::string summary;

  // common fields
  ExprId when = k_none;
  ExprId foreach = k_none;
  std::uint32_t foreach_parallel = 1;
  // Set on every activity; on other kinds only when written. Shared: most nodes have the same one.
  std::shared_ptr<const Retry> retry;
  Timeouts timeouts;
  OnError on_error = OnError::fail;
  NodeId fallback = k_none;
  NodeId compensation = k_none;  // an activity node; not a child in the flow (its parent is this node)
  bool pivot = false;
  std::string saga;  // not empty: a scope of its own
  std::vector<std::string> outputs;
  Priority priority = Priority::normal;
  std::string queue;
  std::unique_ptr<Breaker> breaker;
  RateLimit rate_limit;
  RareTemplate idempotency_key;  // null: the command id
  DurationMs cache_for_ms = 0;
  RareTemplate cache_key;
  Value budget;  // validated, kept, enforced by later builds

  // body
  std::vector<NodeId> children;
  std::vector<std::vector<std::uint32_t>> edges;  // dag, graph: child index -> child indexes that depend on it
  std::vector<std::uint32_t> indegree;            // dag, graph: per child; set by finalize
  std::vector<Case> cases;
  std::vector<Catch> catches;
  NodeId finally = k_none;
  ExprId condition = k_none;
  RareTemplate set;
  std::unique_ptr<ActivitySpec> activity;
  std::unique_ptr<LoopSpec> loop;
  std::unique_ptr<WaitSpec> wait;
  std::unique_ptr<ListenSpec> listen;
  std::unique_ptr<ReviewSpec> review;
  std::unique_ptr<EmitSpec> emit;
  std::unique_ptr<SubflowSpec> subflow;
  std::unique_ptr<RaiseSpec> raise;
  std::unique_ptr<MapSpec> map;
  std::unique_ptr<Flow> flow;  // on every node of a plan with a data flow, and on no other

  // set by finalize
  ScopeId scope = 0;             // where this node's own result lives
  std::uint32_t slot = 0;        // its place there
  ScopeId inner_scope = k_none;  // foreach over a body with steps inside: the scope each item gets
  std::uint32_t index = 0;       // place among the parent's children
};

struct Scope {
  NodeId owner = k_none;
  ScopeId parent = k_none;
  std::uint32_t slots = 0;
};

struct Query {
  std::string name;
  ExprId expr = k_none;
};
struct Update {
  std::string name;
  ExprId validate = k_none;
  Template set;
};

struct Plan {
  std::string name, version, description;
  Value metadata;      // kept, never interpreted
  Value input_schema;  // JSON Schema or null
  Value context;       // initial .context, an object; of a plan with a data flow whatever $context begins as
  Template output;     // null: every top-level step's output by id
  bool has_output = false;
  DurationMs timeout_ms = 0;   // limits.timeout
  std::uint32_t parallel = 0;  // limits.parallel: activities in flight in one run; 0: no limit
  Value budget, secrets, triggers, tags, search;
  bool data_flow = false;  // of the Open Workflow Specification; every node has a flow; node 0 is its `do`
  Value definition;        // data flow: the workflow as written, when an expression looks at it
  std::vector<Query> queries;
  std::vector<Update> updates;
  std::vector<Node> nodes;
  std::vector<Expression> exprs;

  // set by finalize
  std::vector<Scope> scopes;
  std::vector<NodeId> by_name;  // nodes that are not made up, by (name, parent): what resolve_step searches
  std::string hash;             // sha256 of the canonical encoding without its places, 64 hex digits: moving lines
                                // or writing a comment makes no new version
  Bytes encoded;                // the whole encoding
};

// An expression that does not compile, or names a step it can't see. expr k_none: the shape of the plan is wrong.
struct PlanError {
  ExprId expr = k_none;
  std::size_t offset = 0;
  std::string message, hint;
};

// Compiles every expression, resolves the steps they name, lays out scopes, encodes and hashes. All errors at once;
// with errors the plan is neither encoded nor hashed. Must be called exactly once on a plan that a loader has filled.
std::vector<PlanError> finalize(Plan& plan);

// The step an expression owned by `from` means by `.steps.NAME`: a sibling, else a child of an enclosing block going
// outward (and inside already finished sibling blocks when the name is unique in the plan). k_none when there is none.
NodeId resolve_step(const Plan& plan, NodeId from, std::string_view name);

// The task that the `each` stands around together with its extensions (docs/ows.md, P), when it says where that goes on;
// k_none for every other node. Total on plans that are not checked yet.
NodeId extended_task(const Plan& plan, const Node& each);

// Canonical encoding (docs/formats/plan.md): same meaning, same bytes but for the places at its end.
Bytes encode(const Plan& plan);
// From bytes of any origin; `corrupt` with offset, or `unsupported` when written by a newer version. Finalized. What
// comes back keeps every invariant that a loader's plan has (a tree, all indexes in range, no cycle).
Result<std::shared_ptr<const Plan>> decode(std::string_view bytes);

}  // namespace perdure::plan
