#include "loaders/fields.h"

#include <algorithm>

namespace perdure::loaders {
namespace {

constexpr std::uint32_t bits() { return 0; }
template <class... More>
constexpr std::uint32_t bits(StepKind first, More... more) {
  return kind_bit(first) | bits(more...);
}

using K = StepKind;
constexpr std::uint32_t k_all = (std::uint32_t{1} << static_cast<unsigned>(K::count_)) - 1;
constexpr std::uint32_t k_activity = bits(K::call, K::tool, K::script, K::agent_task);

constexpr std::string_view k_text = R"({"type":"string"})";
constexpr std::string_view k_expr = R"({"$ref":"#/$defs/condition"})";
constexpr std::string_view k_any = R"({})";
constexpr std::string_view k_steps = R"({"$ref":"#/$defs/steps"})";
constexpr std::string_view k_names = R"({"$ref":"#/$defs/names"})";
constexpr std::string_view k_object = R"({"type":["object","string"]})";
constexpr std::string_view k_count = R"({"type":["integer","string"]})";

constexpr std::array<FieldInfo, k_fields> k_table{{
    {Field::id, "id", k_all, false, k_text,
     "The step's name in `.steps.ID`, `depends_on` and `next_steps`; unique in its list."},
    {Field::name, "name", k_all, false, k_text, "The same as `id`; beside an `id` it is a title."},
    {Field::type, "type", k_all, false, R"({"$ref":"#/$defs/type"})", "The kind of step, where no keyword says it."},
    {Field::summary, "summary", k_all, false, k_text, "What the step does, in a line, for people."},
    {Field::description, "description", k_all, false, k_text, "The same as `summary`."},
    {Field::metadata, "metadata", k_all, false, R"({"type":"object"})", "For other tools; never interpreted."},
    {Field::when, "when", k_all, false, k_expr, "Expression; the step is skipped when it is false or null."},
    {Field::foreach, "foreach", k_all, false, R"({"type":["string","array"]})",
     "Runs the step once for each item of this array, as `.item` and `.index`; the output is the array of outputs."},
    {Field::parallel, "parallel", k_all, false, R"({"type":"integer","minimum":1})",
     "With `foreach`: how many items run at once (1)."},
    {Field::retry, "retry", k_all, false, R"({"$ref":"#/$defs/retry"})",
     "How failures are retried: a preset's name, `none`, or a policy."},
    {Field::retry_policy, "retry_policy", k_all, false, R"({"$ref":"#/$defs/retry_policy"})",
     "The other spelling of `retry`; attempts = max_retries + 1."},
    {Field::timeout, "timeout", k_all, false, R"({"$ref":"#/$defs/timeout"})",
     "Of one attempt, or the four timeouts by name."},
    {Field::on_error, "on_error", k_all, false, R"({"$ref":"#/$defs/on_error"})",
     "What a failure does after its retries: fail, continue, or a step to run instead."},
    {Field::priority, "priority", k_all, false, R"({"enum":["low","normal","high","critical"]})",
     "Which queued activities go first; a block's holds for the steps in it."},
    {Field::queue, "queue", k_all, false, k_text, "The task queue; a block's holds for the steps in it."},
    {Field::breaker, "breaker", k_activity, false, R"({"$ref":"#/$defs/breaker"})",
     "The circuit breaker: a service's name or its settings."},
    {Field::rate_limit, "rate_limit", k_activity, false, R"({"type":"string","pattern":"^[0-9.]+/[0-9]*(s|m|h|d)$"})",
     "At most so many calls: 10/s, 100/m."},
    {Field::idempotency_key, "idempotency_key", k_activity, false, k_text,
     "Instead of the engine's own key, which is stable over attempts."},
    {Field::cache, "cache", k_activity, false, R"({"$ref":"#/$defs/cache"})",
     "Answers of the same call are kept for so long."},
    {Field::budget, "budget", k_all, false, R"({"$ref":"#/$defs/budget"})", "What the step may cost."},
    {Field::outputs, "outputs", k_all, false, k_names, "Names under `.outputs` that the step's result is put under."},
    {Field::inputs, "inputs", bits(K::call, K::tool, K::agent_task, K::subflow), false,
     R"({"type":["object","array","string"]})",
     "The same as `with`; a list of names takes each from outputs, input or context."},
    {Field::depends_on, "depends_on", k_all, false, k_names, "Steps of the same list that must have ended well."},
    {Field::next_steps, "next_steps", k_all, false, k_names, "Steps of the same list that follow this one."},
    {Field::compensation, "compensation", k_all, false, R"({"$ref":"#/$defs/compensation"})",
     "What undoes the step when the run or its saga fails later."},
    {Field::pivot, "pivot", k_all, false, R"({"type":"boolean"})",
     "Once this step completes, what came before is no longer undone."},
    {Field::saga, "saga", bits(K::block, K::race, K::loop, K::attempt, K::conditional, K::select), false, k_text,
     "The block is undone as a whole: when it fails, or when the run fails later."},
    {Field::call, "call", bits(K::call), true, k_text, "The built-in activity to call: http, shell, notify …"},
    {Field::with, "with", bits(K::call, K::tool, K::script, K::agent_task, K::subflow), false, k_object,
     "The arguments."},
    {Field::tool, "tool", bits(K::tool), true, k_text, "The adapter whose action is called."},
    {Field::action, "action", bits(K::tool), false, k_text, "The adapter's action."},
    {Field::script, "script", bits(K::script), true, R"({"$ref":"#/$defs/script"})",
     "A script; its source is literal text, values come by env and stdin."},
    {Field::agent_role, "agent_role", bits(K::agent_task), true, k_text, "The agent's role."},
    {Field::task, "task", bits(K::agent_task), false, k_text,
     "What the agent is to do; {name} stands for an output, input or context value."},
    {Field::model, "model", bits(K::agent_task), false, k_text, "The language model to use."},
    {Field::steps, "steps", bits(K::block, K::loop), false, k_steps, "The steps of the block."},
    {Field::activities, "activities", bits(K::block, K::loop), false, k_steps, "The same as `steps`."},
    {Field::condition, "condition", k_all, false, k_expr,
     "Of a conditional: which branch; elsewhere the same as `when`."},
    {Field::then, "then", bits(K::conditional), true, k_steps, "Steps when the condition holds."},
    {Field::else_, "else", bits(K::conditional), true, k_steps, "Steps when it does not."},
    {Field::switch_, "switch", bits(K::select), true, R"({"type":"array","items":{"$ref":"#/$defs/case"}})",
     "Cases in order; the first that holds runs."},
    {Field::while_, "while", bits(K::loop), true, k_expr, "Repeats as long as this holds; asked before each round."},
    {Field::until, "until", bits(K::loop), true, k_expr, "Repeats until this holds; asked after each round."},
    {Field::times, "times", bits(K::loop), true, k_count, "Repeats so many times."},
    {Field::max_iterations, "max_iterations", bits(K::loop), false, R"({"type":"integer","minimum":1})",
     "More rounds than this are the error loop.limit (10,000)."},
    {Field::wait, "wait", bits(K::wait, K::subflow), false, R"({"type":["string","boolean"]})",
     "How long to wait. Of a subflow: whether to wait for its end (true)."},
    {Field::wait_until, "wait_until", bits(K::wait), true, k_text, "The point in time to wait for."},
    {Field::listen, "listen", bits(K::listen), true, R"({"$ref":"#/$defs/listen"})", "Waits for a signal."},
    {Field::reviewers, "reviewers", bits(K::review), true, R"({"type":["array","string"]})", "Who may decide."},
    {Field::quorum, "quorum", bits(K::review), false, R"({"type":"integer","minimum":1})",
     "How many must approve (1)."},
    {Field::form, "form", bits(K::review), false, R"({"type":["object","boolean","string"]})",
     "JSON Schema of the data that a reviewer may edit."},
    {Field::data, "data", bits(K::review), false, k_any, "What the reviewers see and may edit."},
    {Field::on_timeout, "on_timeout", bits(K::review), false, R"({"enum":["reject","approve","escalate"]})",
     "What the deadline does (reject)."},
    {Field::on_reject, "on_reject", bits(K::review), false, R"({"enum":["fail","continue"]})",
     "Whether a rejection is the error review.rejected (fail)."},
    {Field::escalate_to, "escalate_to", bits(K::review), false, R"({"type":["array","string"]})",
     "Who decides once it is escalated."},
    {Field::no_self_approval, "no_self_approval", bits(K::review), false, R"({"type":"boolean"})",
     "Whoever started the run may not approve."},
    {Field::set, "set", bits(K::set), true, k_object, "Merges these members into `.context`."},
    {Field::emit, "emit", bits(K::emit), true, R"({"$ref":"#/$defs/emit"})", "Publishes an event."},
    {Field::subflow, "subflow", bits(K::subflow), true, k_text, "The workflow to run, NAME or NAME@VERSION."},
    {Field::try_, "try", bits(K::attempt), true, k_steps, "Steps whose errors are caught."},
    {Field::catch_, "catch", bits(K::attempt), true, R"({"type":["array","object"],"items":{"$ref":"#/$defs/catch"}})",
     "What to do about which errors."},
    {Field::finally, "finally", bits(K::attempt), true, k_steps, "Steps that run in any case."},
    {Field::raise, "raise", bits(K::raise), true, R"({"$ref":"#/$defs/raise"})", "Fails with this error."},
    {Field::race, "race", bits(K::race), true, k_steps,
     "The first to complete wins; the rest are cancelled and compensated."},
    {Field::map, "map", bits(K::map), true, R"({"$ref":"#/$defs/map"})", "Runs a task graph made at run time."},
}};

constexpr bool table_is_in_order() {
  for (std::size_t i = 0; i < k_fields; ++i)
    if (static_cast<std::size_t>(k_table[i].field) != i) return false;
  return true;
}
static_assert(table_is_in_order());

// Places in k_table, sorted by name.
constexpr auto k_by_name = [] {
  std::array<std::uint8_t, k_fields> order{};
  for (std::size_t i = 0; i < k_fields; ++i) order[i] = static_cast<std::uint8_t>(i);
  std::sort(order.begin(), order.end(), [](auto a, auto b) { return k_table[a].name < k_table[b].name; });
  return order;
}();

constexpr TypeName k_types[] = {
    {"task", k_activity},
    {"agent_task", bits(K::agent_task)},
    {"sequential", bits(K::block)},
    {"parallel", bits(K::block)},
    {"conditional", bits(K::conditional)},
    {"switch", bits(K::select)},
    {"loop", bits(K::loop, K::block)},
    {"wait", bits(K::wait)},
    {"listen", bits(K::listen)},
    {"human_review", bits(K::review)},
    {"set", bits(K::set)},
    {"emit", bits(K::emit)},
    {"subflow", bits(K::subflow)},
    {"try", bits(K::attempt)},
    {"raise", bits(K::raise)},
    {"race", bits(K::race)},
    {"map", bits(K::map)},
};

}  // namespace

std::span<const FieldInfo> field_table() { return k_table; }
const FieldInfo& info(Field field) { return k_table[static_cast<std::size_t>(field)]; }

std::optional<Field> field_named(std::string_view name) {
  const auto found = std::lower_bound(k_by_name.begin(), k_by_name.end(), name,
                                      [](std::uint8_t i, std::string_view n) { return k_table[i].name < n; });
  if (found == k_by_name.end() || k_table[*found].name != name) return std::nullopt;
  return k_table[*found].field;
}

std::span<const TypeName> type_names() { return k_types; }

std::string_view describe(StepKind kind) {
  switch (kind) {
    case K::call: return "a `call`";
    case K::tool: return "a `tool` step";
    case K::script: return "a `script`";
    case K::agent_task: return "an `agent_task`";
    case K::block: return "a block of steps";
    case K::conditional: return "a conditional";
    case K::select: return "a `switch`";
    case K::loop: return "a loop";
    case K::wait: return "a `wait`";
    case K::listen: return "a `listen`";
    case K::review: return "a human_review";
    case K::set: return "a `set`";
    case K::emit: return "an `emit`";
    case K::subflow: return "a `subflow`";
    case K::attempt: return "a `try`";
    case K::raise: return "a `raise`";
    case K::race: return "a `race`";
    case K::map: return "a `map`";
    case K::count_: break;
  }
  return "a step";
}

}  // namespace perdure::loaders
