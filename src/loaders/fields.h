#pragma once
// The fields of the native dialect: one table that the loader checks files against and that `schema` prints for
// editors.
#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace perdure::loaders {

// Kinds of steps as they are written (the plan has fewer: call, tool, script and agent_task are activities there).
enum class StepKind : std::uint8_t {
  call,
  tool,
  script,
  agent_task,
  block,
  conditional,
  select,
  loop,
  wait,
  listen,
  review,
  set,
  emit,
  subflow,
  attempt,
  raise,
  race,
  map,
  count_,
};

enum class Field : std::uint8_t {
  id,
  name,
  type,
  summary,
  description,
  metadata,
  when,
  foreach,
  parallel,
  retry,
  retry_policy,
  timeout,
  on_error,
  priority,
  queue,
  breaker,
  rate_limit,
  idempotency_key,
  cache,
  budget,
  outputs,
  inputs,
  depends_on,
  next_steps,
  compensation,
  pivot,
  saga,
  call,
  with,
  tool,
  action,
  script,
  agent_role,
  task,
  model,
  steps,
  activities,
  condition,
  then,
  else_,
  switch_,
  while_,
  until,
  times,
  max_iterations,
  wait,
  wait_until,
  listen,
  reviewers,
  quorum,
  form,
  data,
  on_timeout,
  on_reject,
  escalate_to,
  no_self_approval,
  set,
  emit,
  subflow,
  try_,
  catch_,
  finally,
  raise,
  race,
  map,
  count_,
};
inline constexpr std::size_t k_fields = static_cast<std::size_t>(Field::count_);

constexpr std::uint32_t kind_bit(StepKind kind) { return std::uint32_t{1} << static_cast<unsigned>(kind); }

struct FieldInfo {
  Field field;
  std::string_view name;
  std::uint32_t kinds;      // of steps it belongs to
  bool decides = false;     // its presence says that the step is of the (one) kind in `kinds`
  std::string_view schema;  // JSON Schema of its value, as JSON text; may refer to #/$defs
  std::string_view help;
};

std::span<const FieldInfo> field_table();  // in the order of Field
const FieldInfo& info(Field field);
std::optional<Field> field_named(std::string_view name);

// Values of `type:`.
struct TypeName {
  std::string_view name;
  std::uint32_t kinds;
};
std::span<const TypeName> type_names();
std::string_view describe(StepKind kind);  // "a human_review step"

}  // namespace perdure::loaders
