// Events as JSON, for people and `--json`.
#include "base/json.h"
#include "history/fields.h"

namespace perdure::history {
namespace {

template <class T>
Value object_of(const T& value);

Value text_of(Role role) {
  switch (role) {
    case Role::step: return "step";
    case Role::item: return "item";
    case Role::compensation: return "compensation";
    case Role::fallback: return "fallback";
  }
  return "unknown";
}
Value text_of(OutputKind kind) {
  switch (kind) {
    case OutputKind::none: return "none";
    case OutputKind::inline_: return "inline";
    case OutputKind::returned: return "returned";
    case OutputKind::node: return "node";
    case OutputKind::children: return "children";
  }
  return "unknown";
}
Value text_of(FaultClass fault_class) { return to_string(fault_class); }
Value text_of(StepStatus status) { return to_string(status); }
Value text_of(RunStatus status) { return to_string(status); }

bool is_time(std::string_view name) { return name == "next_at" || name == "due"; }

void add(Value& out, std::string_view name, bool value) { out.set(name, value); }
void add(Value& out, std::string_view name, int value) {
  if (value != 0) out.set(name, value);
}
void add(Value& out, std::string_view name, std::int64_t value) {
  if (is_time(name)) out.set(name, value == k_never ? Value() : Value(format_timestamp(value)));
  else if (value != 0) out.set(name, value);
}
void add(Value& out, std::string_view name, std::uint64_t value) {
  if (value != 0) out.set(name, value);
}
void add(Value& out, std::string_view name, std::uint32_t value) {
  if (value != k_none) out.set(name, static_cast<std::int64_t>(value));
}
void add(Value& out, std::string_view name, const std::string& value) {
  if (!value.empty()) out.set(name, value);
}
// Payloads are JSON; what is not (it can only come from a damaged or foreign history) is shown as text.
void add(Value& out, std::string_view name, const Bytes& value) {
  if (value.empty()) return;
  auto parsed = parse_json(value.view());
  out.set(name, parsed ? std::move(*parsed) : Value(value.view()));
}
void add(Value& out, std::string_view name, const RunKey& value) { out.set(name, to_string(value)); }
template <class Enum>
requires std::is_enum_v<Enum>
void add(Value& out, std::string_view name, Enum value) {
  out.set(name == "fault_class" ? "class" : name, text_of(value));
}
void add(Value& out, std::string_view name, const FaultPtr& value) {
  if (value) out.set(name == "fault" ? "error" : name, object_of(*value));
}
void add(Value& out, std::string_view name, const std::shared_ptr<const StartInfo>& value) {
  if (value) out.set(name, object_of(*value));
}
void add(Value& out, std::string_view name, const std::vector<Carried>& value) {
  if (value.empty()) return;
  Value items = Value::array();
  for (const Carried& carried : value) items.push_back(object_of(carried));
  out.set(name, std::move(items));
}

template <class T>
Value object_of(const T& value) {
  Value out = Value::object();
  for_each_field(value, [&out](std::string_view name, const auto& field) { add(out, name, field); });
  return out;
}

}  // namespace

Value to_value(const Event& event, std::uint64_t seq, TimeMs at) {
  Value out = Value::object();
  out.set("seq", seq);
  out.set("at", format_timestamp(at));
  out.set("type", name_of(event));
  std::visit(
      [&out](const auto& e) {
        for_each_field(e, [&out](std::string_view name, const auto& field) {
          // An event's own point in time and type are taken: `at` of a retry is when it is due, `type` what is emitted.
          add(out, name == "at" ? "next_at" : name == "type" ? "event_type" : name, field);
        });
      },
      event);
  return out;
}

}  // namespace perdure::history
