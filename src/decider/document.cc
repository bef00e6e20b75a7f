#include "decider/document.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/json.h"
#include "base/limits.h"
#include "decider/frames.h"
#include "plan/secrets.h"

namespace perdure::decider {
namespace {

constexpr int k_alias_depth_max = 512;  // plans are at most 64 deep; a damaged state must not loop

void append_slot(std::string& out, const State& state, std::uint32_t scope, NodeId node, int depth) {
  const Slot* slot = slot_of(state, scope, node);
  if (slot == nullptr || slot->status != StepStatus::completed || depth > k_alias_depth_max) {
    out += "null";
    return;
  }
  switch (slot->kind) {
    case history::OutputKind::inline_:
    case history::OutputKind::returned:
      out += slot->output.empty() ? std::string_view("null") : slot->output.view();
      return;
    case history::OutputKind::node: append_slot(out, state, scope, slot->from, depth + 1); return;
    case history::OutputKind::children: {
      out.push_back('{');
      bool first = true;
      for (const NodeId child : state.plan->nodes[node].children) {
        if (child == k_none) continue;
        if (!first) out.push_back(',');
        first = false;
        append_json(out, Value(state.plan->nodes[child].name));
        out.push_back(':');
        append_slot(out, state, scope, child, depth + 1);
      }
      out.push_back('}');
      return;
    }
    case history::OutputKind::none: out += "null"; return;
  }
}

Value step_entry(const State& state, std::uint32_t scope, NodeId node) {
  const Slot* slot = slot_of(state, scope, node);
  auto entry = Value::object();
  entry.set("output", slot_value(state, scope, node));
  entry.set("status", slot == nullptr || slot->status == StepStatus::none ? Value("pending")
                                                                          : Value(history::to_string(slot->status)));
  entry.set("error", slot != nullptr && slot->fault ? fault_value(*slot->fault) : Value());
  return entry;
}

Value all_steps(const State& state, std::uint32_t scope) {
  auto steps = Value::object();
  // Outer scopes first, so that an inner step of the same name wins.
  std::vector<std::uint32_t> chain;
  for (auto s = scope; s < state.scopes.size() && state.scopes[s]; s = state.scopes[s]->parent) chain.push_back(s);
  for (auto at = chain.rbegin(); at != chain.rend(); ++at)
    for (const auto& node : state.plan->nodes) {
      if (node.scope != state.scopes[*at]->id || node.parent == k_none || node.slot >= state.scopes[*at]->slots.size())
        continue;
      if (state.scopes[*at]->slots[node.slot].status != StepStatus::none)
        steps.set(node.name, step_entry(state, *at, node.id));
    }
  return steps;
}

struct Where {
  const Value* item = nullptr;
  Value index;
  const history::Fault* error = nullptr;
};

// `.item`, `.index` and `.error` are those of the nearest enclosing item, loop and catch.
Where locate(const State& state, const Surroundings& around) {
  Where where;
  where.item = around.item;
  if (around.item != nullptr) where.index = Value(static_cast<std::int64_t>(around.index));
  where.error = around.error;
  for (const Frame* f = live_frame(state, around.frame); f != nullptr; f = live_frame(state, f->parent)) {
    if (f->role == Role::item) {
      const Frame* head = live_frame(state, f->parent);
      if (where.item == nullptr && head != nullptr && head->items && f->index < head->items->items.size())
        where.item = &head->items->items.at(f->index);
      if (where.index.is_null()) where.index = Value(static_cast<std::int64_t>(f->index));
    } else if (node_of(state, *f).kind == plan::Kind::loop && where.index.is_null() && f->iteration > 0) {
      where.index = Value(static_cast<std::int64_t>(f->iteration - 1));
    }
    if (where.error == nullptr && f->fault && (f->phase == Phase::catching || f->phase == Phase::fallback))
      where.error = f->fault.get();
  }
  return where;
}

Value document(const State& state, const plan::Expression& e, const Surroundings& around) {
  auto doc = Value::object();
  if (e.uses_input) {
    if (!state.has_parsed_input) {
      auto parsed = state.info ? parse_json(state.info->input.view()) : Result<Value>(Value());
      state.parsed_input = parsed ? std::move(*parsed) : Value();
      state.has_parsed_input = true;
    }
    doc.set("input", state.parsed_input);
  }
  const Frame* frame = live_frame(state, around.frame);
  const std::uint32_t scope = frame != nullptr ? frame->scope : 0;
  if (e.uses_all_steps) {
    doc.set("steps", all_steps(state, scope));
  } else if (!e.steps.empty()) {
    auto steps = Value::object();
    for (const auto& use : e.steps) steps.set(use.name, step_entry(state, scope, use.node));
    doc.set("steps", std::move(steps));
  }
  if (e.uses_all_outputs || !e.outputs.empty()) {
    auto outputs = Value::object();
    if (e.uses_all_outputs)
      for (const auto& [name, value] : state.outputs) outputs.set(name, value);
    else
      for (const auto& name : e.outputs)
        if (const auto at = state.outputs.find(name); at != state.outputs.end()) outputs.set(name, at->second);
    doc.set("outputs", std::move(outputs));
  }
  if (e.uses_context) doc.set("context", state.context);
  if (e.uses_run && state.info) {
    doc.set("run", Value::object({{"id", state.info->run.id},
                                  {"workflow", state.info->workflow},
                                  {"version", state.info->version},
                                  {"tenant", state.info->run.tenant},
                                  {"started_at", format_timestamp(state.started_at)}}));
  }
  if (e.uses_item || e.uses_index || e.uses_error) {
    const Where where = locate(state, around);
    if (e.uses_item) doc.set("item", where.item != nullptr ? *where.item : Value());
    if (e.uses_index) doc.set("index", where.index);
    if (e.uses_error) doc.set("error", where.error != nullptr ? fault_value(*where.error) : Value());
  }
  return doc;
}

std::string step_name(const State& state, FrameId id) {
  const Frame* frame = live_frame(state, id);
  return frame != nullptr && frame->parent != k_none ? place_name(node_of(state, *frame)) : std::string();
}

}  // namespace

FaultPtr make_fault(std::string type, std::string title, std::string step, history::FaultClass fault_class) {
  auto fault = std::make_shared<history::Fault>();
  fault->type = std::move(type);
  fault->title = std::move(title);
  fault->step = std::move(step);
  fault->fault_class = fault_class;
  return fault;
}

Value fault_value(const history::Fault& fault) {
  return Value::object({{"type", fault.type},
                        {"title", fault.title},
                        {"detail", fault.detail},
                        {"status", fault.status},
                        {"step", fault.step},
                        {"attempt", static_cast<std::int64_t>(fault.attempt)},
                        {"class", history::to_string(fault.fault_class)}});
}

std::string slot_json(const State& state, std::uint32_t scope, NodeId node) {
  std::string out;
  append_slot(out, state, scope, node, 0);
  return out;
}

Value slot_value(const State& state, std::uint32_t scope, NodeId node) {
  const Slot* slot = slot_of(state, scope, node);
  if (slot == nullptr || slot->status != StepStatus::completed) return {};
  if (!slot->has_parsed) {
    auto parsed = parse_json(slot_json(state, scope, node));
    if (slot->kind != history::OutputKind::inline_) return parsed ? std::move(*parsed) : Value();
    slot->parsed = parsed ? std::move(*parsed) : Value();
    slot->has_parsed = true;
  }
  return slot->parsed;
}

const std::string& place_name(const plan::Node& node) { return node.flow ? node.flow->pointer : node.name; }

namespace {

std::string fault_place(const State& state, const Surroundings& around) {
  return around.step != k_none ? place_name(state.plan->nodes[around.step]) : step_name(state, around.frame);
}

// What stands for a secret until a driver needs it.
Evaluated<Value> mark_of(const State& state, plan::ExprId id, const Surroundings& around) {
  const std::vector<std::string> listed = plan::listed_secrets(*state.plan);
  for (const std::string& name : state.plan->exprs[id].secrets) {
    if (std::find(listed.begin(), listed.end(), name) != listed.end()) continue;
    return tl::unexpected<FaultPtr>(make_fault(
        "secret.unlisted", "the workflow does not list the secret '" + name + "'", fault_place(state, around)));
  }
  return Value(plan::secret_mark(state.info ? state.info->seed : 0, id));
}

// `$secrets` as an expression sees it that only hands them on.
Evaluated<Value> marks_of(const State& state, const plan::Expression& e, const Surroundings& around) {
  auto secrets = Value::object();
  const auto use = plan::secret_use(e);
  if (!use) return secrets;
  for (const auto& path : use->paths) {
    const plan::ExprId part = plan::find_secret_part(*state.plan, path);
    if (part == plan::k_none) continue;
    auto mark = mark_of(state, part, around);
    if (!mark) return mark;
    if (path.size() == 1) {
      secrets.set(path[0], std::move(*mark));
      continue;
    }
    const Value* known = secrets.find(path[0]);
    Value members = known != nullptr ? *known : Value::object();
    members.set(path[1], std::move(*mark));
    secrets.set(path[0], std::move(members));
  }
  return secrets;
}

}  // namespace

Evaluated<Value> evaluate(const State& state, plan::ExprId id, const Surroundings& around) {
  const plan::Expression& e = state.plan->exprs[id];
  if (!e.secrets.empty()) return mark_of(state, id, around);
  if (state.plan->data_flow && around.secrets == nullptr && e.source.find("$secrets") != std::string::npos) {
    const auto marks = marks_of(state, e, around);
    if (!marks) return marks;
    Surroundings with = around;
    with.secrets = &*marks;
    return evaluate(state, id, with);
  }
  auto value = state.plan->data_flow ? evaluate_flow(state, e, around)
                                     : e.program->evaluate(document(state, e, around), around.variables);
  if (value) return std::move(*value);
  auto fault = std::make_shared<history::Fault>();
  fault->type = "expression";
  fault->title = value.error().message;
  fault->detail = fmt::format("in ${{ {} }} at line {}, column {}", e.source, e.place.line, e.place.column);
  fault->step = fault_place(state, around);
  fault->fault_class = history::FaultClass::fatal;
  return tl::unexpected<FaultPtr>(std::move(fault));
}

Evaluated<bool> evaluate_condition(const State& state, plan::ExprId id, const Surroundings& around) {
  auto value = evaluate(state, id, around);
  if (!value) return tl::unexpected<FaultPtr>(value.error());
  return value->truthy();
}

Evaluated<Value> render(const State& state, const plan::Template& text, const Surroundings& around) {
  using Type = plan::Template::Type;
  switch (text.type) {
    case Type::constant: return text.constant;
    case Type::expression: return evaluate(state, text.expr, around);
    case Type::text: {
      std::string joined;
      for (const auto& part : text.parts) {
        auto value = render(state, part, around);
        if (!value) return value;
        if (value->is_string()) joined += value->as_string();
        else append_json(joined, *value);
      }
      return Value(joined);
    }
    case Type::array: {
      std::vector<Value> items;
      items.reserve(text.parts.size());
      for (const auto& part : text.parts) {
        auto value = render(state, part, around);
        if (!value) return value;
        items.push_back(std::move(*value));
      }
      return Value::array(std::move(items));
    }
    case Type::object: {
      auto object = Value::object();
      for (std::size_t i = 0; i < text.parts.size(); ++i) {
        auto value = render(state, text.parts[i], around);
        if (!value) return value;
        object.set(text.keys[i], std::move(*value));
      }
      return object;
    }
  }
  return Value();
}

Evaluated<Bytes> render_json(const State& state, const plan::Template& text, const Surroundings& around) {
  if (text.type == plan::Template::Type::constant && !text.constant_json.empty()) return text.constant_json;
  auto value = render(state, text, around);
  if (!value) return tl::unexpected<FaultPtr>(value.error());
  return Bytes(to_json(*value));
}

Evaluated<std::string> render_text(const State& state, const plan::Template& text, const Surroundings& around) {
  auto value = render(state, text, around);
  if (!value) return tl::unexpected<FaultPtr>(value.error());
  return value->is_string() ? std::string(value->as_string()) : to_json(*value);
}

}  // namespace perdure::decider
