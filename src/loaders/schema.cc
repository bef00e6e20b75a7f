#include "loaders/schema.h"

#include "base/check.h"
#include "base/json.h"
#include "loaders/fields.h"
#include "policy/retry.h"

namespace perdure::loaders {
namespace {

// Shapes that fields refer to. `retry.enum` and `type.enum` are put in below, from the tables that the loader uses.
constexpr std::string_view k_defs = R"json({
"condition": {"type": ["string", "boolean"], "description": "A jq expression, with or without ${ }."},
"duration": {"type": "string", "pattern": "^\\$\\{|^P|^[0-9.]+(ms|s|m|h|d)", "description": "500ms, 30s, 5m, 24h, 7d or PT5M."},
"names": {"type": ["array", "string"], "items": {"type": "string"}},
"steps": {"type": "array", "minItems": 1, "items": {"$ref": "#/$defs/step"}},
"body": {"oneOf": [{"$ref": "#/$defs/step"}, {"$ref": "#/$defs/steps"}]},
"retry": {"oneOf": [
  {"type": "string"},
  {"type": "object", "additionalProperties": false, "properties": {
    "preset": {"type": "string", "description": "The policy to start from."},
    "initial": {"$ref": "#/$defs/duration", "description": "Before the second attempt (1s)."},
    "factor": {"type": "number", "minimum": 1, "description": "Each delay is the last times this (2)."},
    "max_interval": {"$ref": "#/$defs/duration", "description": "No delay is longer (60s)."},
    "max_attempts": {"type": "integer", "minimum": 0, "description": "The first one included (3); 0 is without limit."},
    "jitter": {"enum": ["none", "equal", "full"], "description": "How much of the delay is random (full)."},
    "non_retryable": {"$ref": "#/$defs/names", "description": "Error types that end the attempts, prefix.* matches."}}}]},
"retry_policy": {"type": "object", "additionalProperties": false, "properties": {
  "max_retries": {"type": "integer", "minimum": 0},
  "backoff": {"enum": ["exponential", "linear", "fixed"]},
  "initial_delay": {"$ref": "#/$defs/duration"},
  "max_delay": {"$ref": "#/$defs/duration"},
  "jitter": {"enum": ["none", "equal", "full", true, false]},
  "non_retryable": {"$ref": "#/$defs/names"}}},
"timeout": {"oneOf": [
  {"$ref": "#/$defs/duration"},
  {"type": "object", "additionalProperties": false, "properties": {
    "start_to_close": {"$ref": "#/$defs/duration", "description": "One attempt, from start to answer."},
    "schedule_to_start": {"$ref": "#/$defs/duration", "description": "In the queue."},
    "schedule_to_close": {"$ref": "#/$defs/duration", "description": "All attempts and the waits between them."},
    "heartbeat": {"$ref": "#/$defs/duration", "description": "Silence of a running attempt."}}}]},
"on_error": {"oneOf": [
  {"enum": ["fail", "continue"]},
  {"type": "object", "additionalProperties": false, "required": ["fallback"], "properties": {"fallback": {"$ref": "#/$defs/body"}}}]},
"breaker": {"oneOf": [
  {"type": "string"},
  {"type": "object", "additionalProperties": false, "properties": {
    "service": {"type": "string"},
    "failures": {"type": "integer", "minimum": 1, "description": "Failures that open it (5)."},
    "open_for": {"$ref": "#/$defs/duration", "description": "How long it stays open (60s)."},
    "successes": {"type": "integer", "minimum": 1, "description": "Probes that close it (2)."},
    "fallback": {"$ref": "#/$defs/body"}}}]},
"cache": {"oneOf": [
  {"$ref": "#/$defs/duration"},
  {"type": "object", "additionalProperties": false, "required": ["for"], "properties": {
    "for": {"$ref": "#/$defs/duration"}, "key": {"type": "string"}}}]},
"budget": {"type": "object", "additionalProperties": false, "properties": {
  "usd": {"type": "number", "minimum": 0}, "tokens": {"type": "integer", "minimum": 0},
  "on_exceed": {"enum": ["fail", "pause", "fallback"]}}},
"compensation": {"oneOf": [
  {"type": "string", "description": "An action of the step's own tool."},
  {"$ref": "#/$defs/step", "description": "A call, tool or script; $out is the result to undo, $args the step's arguments."}]},
"script": {"oneOf": [
  {"type": "string", "description": "The source of a bash script."},
  {"type": "object", "additionalProperties": false, "required": ["source"], "properties": {
    "language": {"enum": ["bash", "sh", "python", "js"]},
    "source": {"type": "string", "description": "Literal text; nothing in it is evaluated."},
    "args": {"type": ["array", "string"]}, "stdin": {}, "env": {"type": ["object", "string"]}, "cwd": {"type": "string"},
    "ok_codes": {"type": ["array", "string"]}, "parse": {"enum": ["text", "json", "lines"]},
    "return": {"enum": ["whole", "stdout", "stderr", "code", "all", "none"]}}}]},
"case": {"type": "object", "additionalProperties": false, "required": ["steps"], "properties": {
  "when": {"$ref": "#/$defs/condition"}, "default": {"const": true}, "steps": {"$ref": "#/$defs/steps"}}},
"catch": {"type": "object", "additionalProperties": false, "properties": {
  "errors": {"$ref": "#/$defs/names", "description": "Error types, prefix.* matches; none: all."},
  "when": {"$ref": "#/$defs/condition"}, "retry": {"$ref": "#/$defs/retry"}, "steps": {"$ref": "#/$defs/steps"}}},
"listen": {"oneOf": [
  {"type": "string"},
  {"type": "object", "additionalProperties": false, "required": ["signal"], "properties": {
    "signal": {"type": "string"}, "timeout": {"$ref": "#/$defs/duration"}}}]},
"emit": {"oneOf": [
  {"type": "string"},
  {"type": "object", "additionalProperties": false, "required": ["type"], "properties": {"type": {"type": "string"}, "data": {}}}]},
"raise": {"oneOf": [
  {"type": "string"},
  {"type": "object", "additionalProperties": false, "required": ["type"], "properties": {
    "type": {"type": "string"}, "title": {"type": "string"}, "detail": {"type": "string"}, "status": {"type": ["integer", "string"]}}}]},
"map": {"type": "object", "additionalProperties": false, "required": ["tasks"], "properties": {
  "tasks": {"type": ["string", "array"], "description": "The steps to run, each with id, depends_on and what to do."}}}
})json";

constexpr std::string_view k_head = R"json({
"name": {"type": "string", "minLength": 1, "description": "The workflow's name."},
"version": {"type": ["string", "number"], "description": "Versions of one name live side by side; running runs keep theirs."},
"description": {"type": "string"},
"metadata": {"description": "Kept, never interpreted."},
"input": {"type": ["object", "boolean"], "description": "JSON Schema of the run's input; defaults are filled in."},
"context": {"type": "object", "description": "The run's own variables, `.context`."},
"defaults": {"type": "object", "additionalProperties": false, "description": "For every activity that does not say otherwise.",
  "properties": {"retry": {"$ref": "#/$defs/retry"}, "retry_policy": {"$ref": "#/$defs/retry_policy"},
    "timeout": {"$ref": "#/$defs/timeout"}, "priority": {"enum": ["low", "normal", "high", "critical"]}, "queue": {"type": "string"}}},
"limits": {"type": "object", "additionalProperties": false, "properties": {
  "timeout": {"$ref": "#/$defs/duration", "description": "Of the whole run."},
  "parallel": {"type": "integer", "minimum": 1, "description": "Activities of one run at the same time."},
  "budget": {"$ref": "#/$defs/budget"}}},
"queries": {"type": "object", "additionalProperties": {"$ref": "#/$defs/condition"}, "description": "Expressions that can be asked of a run by name."},
"updates": {"type": "object", "description": "Changes of the context, validated before they are recorded; $arg is what was sent.",
  "additionalProperties": {"type": "object", "additionalProperties": false, "required": ["set"], "properties": {
    "validate": {"$ref": "#/$defs/condition"}, "set": {"type": ["object", "string"]}}}},
"output": {"description": "What the run answers; by default every top-level step's output by its id."},
"steps": {"$ref": "#/$defs/steps", "description": "In order; a DAG when an item has depends_on, a graph when one has next_steps."},
"modules": {"$ref": "#/$defs/steps", "description": "A DAG of blocks with activities."},
"secrets": {"type": ["array", "object"], "description": "References to secrets, by name."},
"on": {"type": ["object", "array"], "description": "Triggers."},
"tags": {"type": "array", "items": {"type": ["string", "number", "boolean", "null"]}, "description": "For searching."},
"search": {"type": "object", "description": "Search attributes."}
})json";

Value parsed(std::string_view json) {
  auto value = parse_json(json);
  CHECK(value.has_value());  // written above
  return *value;
}

Value step_schema() {
  Value properties = Value::object();
  for (const FieldInfo& f : field_table()) {
    Value own = parsed(f.schema);
    own.set("description", Value(f.help));
    properties.set(f.name, std::move(own));
  }
  Value step = Value::object({{"type", "object"}, {"additionalProperties", false}});
  step.set("properties", std::move(properties));
  return step;
}

}  // namespace

Value dialect_schema() {
  Value defs = parsed(k_defs);
  Value types = Value::array();
  for (const TypeName& t : type_names()) types.push_back(Value(t.name));
  defs.set("type", Value::object({{"enum", types}}));
  Value presets = Value::array();
  for (const std::string& name : policy::preset_names()) presets.push_back(Value(name));
  Value retry = *defs.find("retry");
  Value forms = *retry.find("oneOf");
  forms.set_at(0, Value::object({{"enum", presets}, {"description", "A preset."}}));
  retry.set("oneOf", forms);
  defs.set("retry", retry);
  defs.set("step", step_schema());
  Value head = parsed(k_head);
  Value workflow = Value::object({{"type", "object"}, {"additionalProperties", false}});
  workflow.set("properties", head);
  workflow.set("description", "The head can be written in here instead.");
  head.set("workflow", std::move(workflow));
  Value schema = Value::object({{"$schema", "https://json-schema.org/draft/2020-12/schema"},
                                {"title", "Perdure workflow"},
                                {"type", "object"},
                                {"additionalProperties", false}});
  schema.set("properties", std::move(head));
  schema.set("$defs", std::move(defs));
  return schema;
}

}  // namespace perdure::loaders
