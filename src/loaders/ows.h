#pragma once
// The workings of the loader of the Open Workflow Specification. What the standard leaves open is decided in
// docs/ows.md; the letters and numbers in comments are its.
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "loaders/dialect.h"

namespace perdure::loaders {

// What an expression is for: which arguments it has (docs/ows.md, F).
enum class Stage : std::uint8_t {
  workflow_input,
  workflow_output,
  entry,  // `if`, `input.from`
  work,   // the task's definition
  asked,  // conditions of loops and catches, filters of events
  output,
  export_,
};

// Where a task's `then` may go.
struct TaskList {
  enum class Of : std::uint8_t { tasks, branches, function };
  Of of = Of::tasks;
  std::uint32_t first = 0;  // index of its first task among the node's children
  std::vector<std::string_view> names;
  std::unordered_map<std::string_view, std::uint32_t> index;
};

class OwsLoader : public DialectReader {
 public:
  OwsLoader(const SourceText& source, const YamlTree& tree, const LoadLimits& limits, const KnownActivities& known,
            std::vector<Diagnostic>& out, const Resources* resources = nullptr)
      : DialectReader(Dialect::standard, source, tree, limits, known, out), resources_(resources) {}
  std::shared_ptr<const plan::Plan> load();
  std::vector<Wanted> wanted() { return std::move(wanted_); }

 private:
  using Strings = std::vector<std::string_view>;

  // ---- the file (ows.cc)
  void head();
  void document(const YamlNode& node);
  void evaluate(const YamlNode& node);
  void schedule(const YamlNode& node);
  void workflow_flow(const Members& m);
  void metadata_of_workflow(const YamlNode& node);
  void check_expression(ExprId id, bool all);
  std::string qualified(std::string_view space, std::string_view name) const;

  // ---- what `use` defines (ows_use.cc)
  void use(const YamlNode& node);
  const YamlNode* defined(const YamlNode& name, std::string_view what, const YamlNode* definitions);
  void check_unused();
  // For what it says about the file only: what it adds to the plan is taken out again.
  template <class Read>
  void aside(Read&& read) {
    const std::size_t nodes = plan_->nodes.size(), exprs = plan_->exprs.size();
    read();
    for (std::size_t e = exprs; e < plan_->exprs.size(); ++e) check_expression(static_cast<ExprId>(e), true);
    plan_->nodes.erase(plan_->nodes.begin() + static_cast<std::ptrdiff_t>(nodes), plan_->nodes.end());
    plan_->exprs.erase(plan_->exprs.begin() + static_cast<std::ptrdiff_t>(exprs), plan_->exprs.end());
    sites_.resize(exprs);
  }
  void timeout(NodeId id, const YamlNode& node);
  void time_limit(NodeId id, const YamlNode& node, std::string_view what);
  plan::FlowTimes& times(NodeId id) {
    if (!flow(id).times) flow(id).times = std::make_unique<plan::FlowTimes>();
    return *flow(id).times;
  }

  // ---- scalars and texts (ows_text.cc)
  std::optional<DurationMs> duration(const YamlNode& node, std::string_view what);
  DurationMs duration(const YamlNode& node, std::string_view what, NodeId owner, plan::RareTemplate& computed);
  std::optional<Template> duration_template(const YamlNode& node, std::string_view what, NodeId owner);
  std::optional<DurationMs> duration_members(const YamlNode& node, std::string_view what);
  ExprId expression(const YamlNode* node, std::string_view what, NodeId owner, Stage stage);
  Template data(const YamlNode& node, NodeId owner, Stage stage = Stage::work);
  Template uri(const YamlNode& node, std::string_view what, NodeId owner);
  Template transform(const YamlNode& node, std::string_view what, NodeId owner, Stage stage);
  Template mapping(const YamlNode& node, std::string_view what, NodeId owner);
  Value data_schema(const YamlNode& node, std::string_view what);
  bool required(const Members& m, const YamlNode& node, std::string_view what, Strings names);
  std::string variable(const YamlNode* node, std::string_view what, std::string_view otherwise);

  // ---- tasks (ows_task.cc)
  TaskList names_of(const YamlNode& list, TaskList::Of of);
  void fill(NodeId id, const YamlNode& list, const std::string& pointer, TaskList::Of of = TaskList::Of::tasks);
  NodeId body(const YamlNode& list, NodeId parent, std::string_view name, const std::string& pointer);
  NodeId task(const YamlNode& key, const YamlNode& node, NodeId parent, const std::string& pointer,
              const TaskList& list);
  NodeId make(const YamlNode& node, std::string name, bool made_up, NodeId parent, std::string pointer);
  plan::Flow& flow(NodeId id) { return *at(id).flow; }
  std::string_view kind_of(const YamlNode& key, const YamlNode& node);
  void route(NodeId id, const Members& m, const TaskList& list);
  void stages(NodeId id, const Members& m);
  void input_of(NodeId id, const YamlNode* node, Stage stage);
  void output_of(NodeId id, const YamlNode* node, Stage stage);
  void export_of(NodeId id, const YamlNode* node);
  void metadata_of(NodeId id, const YamlNode& node);
  void compensation(NodeId id, const YamlNode& node);
  void compensation_retry(NodeId id, const YamlNode& node);
  plan::Then then(const YamlNode* node, const TaskList& list);

  // ---- extensions (ows_extensions.cc)
  std::vector<const YamlNode*> extensions_of(std::string_view kind);
  void check_extensions();
  void describe_extended(ExprId from, NodeId task, std::string_view name, const YamlNode& definition);
  ExprId derived(const YamlNode& node, std::string source, NodeId owner);
  void before_task(NodeId list, const YamlNode& item, const std::string& pointer);
  void after_task(NodeId list, const YamlNode& item, const std::string& pointer);
  void hand_routes_on(NodeId task, NodeId whole, plan::Then after);
  void extended(NodeId id, const Members& m, std::string_view kind, const YamlNode& key, const YamlNode& node,
                const TaskList& list, const std::vector<const YamlNode*>& extensions);

  // ---- kinds (ows_kinds.cc, ows_events.cc, ows_calls.cc, ows_asyncapi.cc, ows_run.cc)
  void kind_body(NodeId id, const Members& m, std::string_view kind, const YamlNode& node, const TaskList& list);
  void for_body(NodeId id, const Members& m, const YamlNode& node);
  void fork_body(NodeId id, const YamlNode& node);
  void switch_body(NodeId id, const YamlNode& node, const TaskList& list);
  void try_body(NodeId id, const Members& m, const YamlNode& node, const TaskList& list);
  void catch_body(NodeId id, const YamlNode& node, const TaskList& list);
  void retry(NodeId id, const YamlNode& node, plan::Catch& made, plan::FlowCatch& flow);
  void retry_limit(NodeId id, const YamlNode& node, plan::Retry& retry, plan::FlowCatch& flow,
                   plan::FlowTimes::Retry& computed);
  void set_body(NodeId id, const YamlNode& node);
  void raise_body(NodeId id, const YamlNode& node);
  void error_definition(NodeId id, const YamlNode& node);
  void wait_body(NodeId id, const YamlNode& node);
  std::string workflow_source() const;
  void emit_body(NodeId id, const YamlNode& node);
  void listen_body(NodeId id, const Members& m, const YamlNode& node);
  void event_strategy(NodeId id, const YamlNode& node, plan::EventsSpec& into, bool stop_only);
  plan::EventFilter event_filter(NodeId id, const YamlNode& node);
  void correlations(NodeId id, const YamlNode& node, plan::EventFilter& filter);
  void iterator(NodeId id, const YamlNode& node, plan::EventsSpec& into);

  void call_body(NodeId id, const Members& m, const YamlNode& node);
  void activity(NodeId id, std::string type, TemplatePairs with);
  void http_body(NodeId id, const YamlNode& with);
  void openapi_body(NodeId id, const YamlNode& with);
  void grpc_body(NodeId id, const YamlNode& with);
  void asyncapi_body(NodeId id, const YamlNode& with);
  TemplatePairs asyncapi_target(const Members& m, NodeId owner);
  void subscription(NodeId id, const YamlNode& with, const Members& call);
  void consume(NodeId id, const YamlNode& node, plan::EventsSpec& into);
  void mcp_body(NodeId id, const YamlNode& with);
  void a2a_body(NodeId id, const YamlNode& with);
  Template endpoint(const YamlNode& node, NodeId owner, std::string_view what, std::optional<Template>* auth = nullptr);
  Template resource(const YamlNode& node, NodeId owner, std::string_view what);
  Value proto_files(const YamlNode& root, const std::string& read);
  void answer(const Members& m, TemplatePairs& into);
  void function_body(NodeId id, const Members& m, const YamlNode& call);
  bool arguments(NodeId id, const Members& m);
  void catalog_body(NodeId id, const Members& m, const YamlNode& call);

  // ---- other files (ows_resources.cc)
  const std::string* external(const YamlNode& at_node, std::string_view written);
  const std::string* external_resource(const YamlNode& node, std::string_view what);
  Value external_schema(const YamlNode& node, std::string_view what);
  void external_function(NodeId id, const Members& m, const YamlNode& call, std::string_view written,
                         std::string_view name);
  void lend(OwsLoader& from);

  // ---- the built-in catalog (ows_builtin.cc)
  void builtin_body(NodeId id, const Members& m, const YamlNode& call, std::string_view name, std::string_view version);
  void agent_body(NodeId id, const YamlNode& with);
  Template people(const YamlNode& node, std::string_view what, NodeId owner);
  void review_body(NodeId id, const YamlNode* with);

  std::optional<Template> authentication(const YamlNode& node, NodeId owner);
  Template credentials(const YamlNode& node, NodeId owner, std::string_view scheme);
  Template secret_members(const YamlNode& secret, NodeId owner, std::string_view scheme);
  Template token_request(const YamlNode& node, NodeId owner, std::string_view scheme);

  void run_body(NodeId id, const YamlNode& node);
  void shell_body(NodeId id, const YamlNode& node, std::string_view returns);
  void script_body(NodeId id, const YamlNode& node, std::string_view returns);
  void container_body(NodeId id, const YamlNode& node, std::string_view returns);
  void subflow_body(NodeId id, const YamlNode& node, std::string_view returns, const YamlNode* returns_at);
  void process_members(const Members& m, NodeId id, TemplatePairs& into);

  const Resources* resources_ = nullptr;
  std::vector<Wanted> wanted_;
  std::string base_;  // the URI of what is read, when it is another file

  bool loose_ = false;
  bool in_extension_ = false;  // what is read belongs to one: it is not extended itself
  std::size_t steps_ = 0, depth_ = 0;
  // Of `use`, where it has them.
  const YamlNode* authentications_ = nullptr;
  const YamlNode* use_errors_ = nullptr;
  const YamlNode* functions_ = nullptr;
  const YamlNode* retries_ = nullptr;
  const YamlNode* timeouts_ = nullptr;
  const YamlNode* catalogs_ = nullptr;
  const YamlNode* extensions_ = nullptr;
  std::set<const YamlNode*> used_;           // definitions that something refers to
  std::vector<std::string_view> expanding_;  // functions being read, outermost first
};

// A page of GitHub or GitLab as the file that it shows.
std::string raw_uri(std::string_view uri);

// A name as a token of a JSON Pointer (RFC 6901).
std::string escaped(std::string_view name);

}  // namespace perdure::loaders
