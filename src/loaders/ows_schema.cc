// The overlay for editors: what the official schema leaves open and Perdure reads.
#include "base/check.h"
#include "base/json.h"
#include "loaders/schema.h"

namespace perdure::loaders {
namespace {

// Only the places where tasks and metadata stand; everything else is the official schema's.
constexpr std::string_view k_overlay = R"json({
"$schema": "https://json-schema.org/draft/2020-12/schema",
"title": "Open Workflow Specification, with what Perdure reads in it",
"type": "object",
"properties": {
  "document": {"properties": {"metadata": {"$ref": "#/$defs/workflowMetadata"}}},
  "do": {"$ref": "#/$defs/taskList"},
  "use": {"properties": {
    "functions": {"type": "object", "additionalProperties": {"$ref": "#/$defs/task"}},
    "extensions": {"type": "array", "items": {"type": "object", "additionalProperties": {"properties": {
      "before": {"$ref": "#/$defs/taskList"}, "after": {"$ref": "#/$defs/taskList"}}}}}}}},
"$defs": {
  "taskList": {"type": "array", "items": {"type": "object", "additionalProperties": {"$ref": "#/$defs/task"}}},
  "task": {
    "properties": {
      "metadata": {"$ref": "#/$defs/taskMetadata"},
      "do": {"$ref": "#/$defs/taskList"},
      "try": {"$ref": "#/$defs/taskList"},
      "catch": {"properties": {"do": {"$ref": "#/$defs/taskList"}}},
      "fork": {"properties": {"branches": {"$ref": "#/$defs/taskList"}}},
      "foreach": {"properties": {"do": {"$ref": "#/$defs/taskList"}}}},
    "allOf": [
      {"if": {"properties": {"call": {"pattern": "@perdure$"}}, "required": ["call"]},
       "then": {"properties": {"call": {"enum": ["human-review:1.0.0@perdure", "agent-task:1.0.0@perdure", "require:1.0.0@perdure"],
         "description": "A function of the catalog that is built in: human-review asks people, agent-task an agent; require says that the workflow needs what only Perdure does."}}}},
      {"if": {"properties": {"call": {"const": "human-review:1.0.0@perdure"}}, "required": ["call"]},
       "then": {"properties": {"with": {"$ref": "#/$defs/humanReview"}}}},
      {"if": {"properties": {"call": {"const": "agent-task:1.0.0@perdure"}}, "required": ["call"]},
       "then": {"required": ["with"], "properties": {"with": {"$ref": "#/$defs/agentTask"}}}},
      {"if": {"properties": {"call": {"const": "require:1.0.0@perdure"}}, "required": ["call"]},
       "then": {"required": ["with"], "properties": {"with": {"$ref": "#/$defs/require"}}}}]},
  "workflowMetadata": {"type": "object", "description": "Free, but for the names that begin with perdure.dev/.",
    "properties": {
      "perdure.dev/summary": {"$ref": "#/$defs/summary"},
      "perdure.dev/budget": {"$ref": "#/$defs/budget"}},
    "propertyNames": {"if": {"pattern": "^perdure\\.dev/"}, "then": {"enum": ["perdure.dev/summary", "perdure.dev/budget"]}}},
  "taskMetadata": {"type": "object", "description": "Free, but for the names that begin with perdure.dev/.",
    "properties": {
      "perdure.dev/summary": {"$ref": "#/$defs/summary"},
      "perdure.dev/budget": {"$ref": "#/$defs/budget"},
      "perdure.dev/compensate": {"$ref": "#/$defs/compensate"}},
    "propertyNames": {"if": {"pattern": "^perdure\\.dev/"},
      "then": {"enum": ["perdure.dev/summary", "perdure.dev/budget", "perdure.dev/compensate"]}}},
  "summary": {"type": "string", "description": "What it does, in a line, for people."},
  "budget": {"type": "object", "additionalProperties": false, "description": "What it may cost.", "properties": {
    "usd": {"type": "number", "minimum": 0}, "tokens": {"type": "integer", "minimum": 0},
    "on_exceed": {"enum": ["fail", "pause", "fallback"], "description": "What happens when it would cost more (fail)."}}},
  "compensate": {"type": "object", "additionalProperties": false,
    "description": "Undoes the task when the run fails, is rejected or cancelled later, in reverse order. $out is the task's raw output, $args what it was given.",
    "properties": {
      "call": {"type": "string", "description": "http, openapi or another call."},
      "with": {"type": "object", "description": "Its arguments."},
      "run": {"type": "object", "description": "A process: shell, script or container."},
      "timeout": {"type": ["object", "string"], "description": "Of one attempt: {after: PT30S}, or the name of one in use.timeouts."},
      "retry": {"description": "Attempts and the time between them; which errors are worth one is Perdure's to say.", "oneOf": [
        {"type": "string", "description": "The name of one in use.retries."},
        {"type": "object", "additionalProperties": false, "properties": {
          "delay": {"type": ["object", "string"]}, "backoff": {"type": "object"},
          "limit": {"type": "object", "additionalProperties": false, "properties": {
            "attempt": {"type": "object", "additionalProperties": false, "properties": {"count": {"type": "integer", "minimum": 0}}}}}}}]}},
    "oneOf": [{"required": ["call"]}, {"required": ["run"]}]},
  "people": {"type": ["array", "string"], "items": {"type": "string"}},
  "humanReview": {"type": "object", "additionalProperties": false, "properties": {
    "reviewers": {"$ref": "#/$defs/people", "description": "Who may decide; without it anybody."},
    "quorum": {"type": "integer", "minimum": 1, "description": "How many must approve (1)."},
    "data": {"description": "What the reviewers see and may edit."},
    "form": {"type": ["object", "boolean", "string"], "description": "JSON Schema of the data."},
    "timeout": {"type": ["object", "string"], "description": "When on_timeout happens: a duration of the specification (24 hours)."},
    "on_timeout": {"enum": ["reject", "approve", "escalate"], "description": "What the deadline does (reject)."},
    "escalate_to": {"$ref": "#/$defs/people", "description": "Who decides once it is escalated."},
    "on_reject": {"enum": ["fail", "continue"], "description": "Whether a rejection is an error (fail)."},
    "no_self_approval": {"type": "boolean", "description": "Whoever started the run may not approve."}}},
  "agentTask": {"type": "object", "additionalProperties": false, "required": ["agent_role", "task"], "properties": {
    "agent_role": {"type": "string"}, "task": {"type": "string", "description": "What the agent is to do."},
    "model": {"type": "string"}, "inputs": {"type": ["object", "string"]}}},
  "require": {"type": "object", "additionalProperties": false, "required": ["features"], "properties": {
    "features": {"type": "array", "items": {"enum": ["compensate", "budget", "human-review", "agent-task"]}}}}}
})json";

}  // namespace

Value ows_schema(std::string_view official) {
  auto value = parse_json(k_overlay);
  CHECK(value.has_value());  // written above
  if (!official.empty()) value->set("allOf", Value::array({Value::object({{"$ref", official}})}));
  return *value;
}

}  // namespace perdure::loaders
