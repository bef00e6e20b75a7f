// What expressions of the Open Workflow Specification see: `.` is the stage of the data flow they belong to, all else
// are variables. Only those that an expression names are made.
#include <fmt/format.h>

#include "base/json.h"
#include "decider/document.h"
#include "decider/frames.h"
#include "history/standard_error.h"

namespace perdure::decider {
namespace {

Value parsed(const Bytes& json) {
  if (json.empty()) return {};
  auto value = parse_json(json.view());
  return value ? std::move(*value) : Value();
}

// Those around a task that has no frame yet are its list's.
const Frame* frame_of(const State& state, const Surroundings& around) { return live_frame(state, around.frame); }

const Value& input_of(const Frame::Data& data) {
  if (!data.parsed) data.parsed = parsed(data.input);
  return *data.parsed;
}

Value moment(TimeMs at) {
  return Value::object({{"iso8601", format_timestamp(at)},
                        {"epoch", Value::object({{"seconds", Value(at / 1000)}, {"milliseconds", Value(at)}})}});
}

// The part of the document that a JSON pointer names.
Value at_pointer(const Value& document, std::string_view pointer) {
  const Value* at = &document;
  while (!pointer.empty() && at != nullptr) {
    pointer.remove_prefix(1);
    const std::size_t end = std::min(pointer.find('/'), pointer.size());
    std::string token;
    for (std::size_t i = 0; i < end; ++i) {
      if (pointer[i] != '~' || i + 1 >= end) token.push_back(pointer[i]);
      else token.push_back(pointer[++i] == '1' ? '/' : '~');
    }
    pointer.remove_prefix(end);
    if (at->is_array()) {
      const auto index = parse_json(token);
      at = index && index->is_integer() && static_cast<std::size_t>(index->as_int()) < at->size()
               ? &at->at(static_cast<std::size_t>(index->as_int()))
               : nullptr;
    } else {
      at = at->find(token);
    }
  }
  return at != nullptr ? *at : Value();
}

Value workflow_descriptor(const State& state) {
  return Value::object({{"id", state.info ? state.info->run.id : std::string()},
                        {"definition", state.plan->definition},
                        {"input", state.info ? parsed(state.info->input) : Value()},
                        {"startedAt", moment(state.started_at)}});
}

Value task_descriptor(const State& state, const Surroundings& around) {
  const Frame* frame = frame_of(state, around);
  auto task = Value::object();
  if (frame == nullptr) return task;
  const plan::Node& node = around.step != k_none ? state.plan->nodes[around.step] : node_of(state, *frame);
  task.set("name", node.name);
  if (!node.flow) return task;
  task.set("reference", node.flow->pointer);
  task.set("definition", at_pointer(state.plan->definition, node.flow->pointer));
  if (frame->data) task.set("input", parsed(frame->data->raw));
  task.set("output", around.raw_output != nullptr ? *around.raw_output : Value());
  task.set("startedAt", moment(frame->started_at));
  return task;
}

Value runtime_descriptor() {
  return Value::object({{"name", "perdure"}, {"version", "1"}, {"metadata", Value::object()}});
}

// Of a call that gave credentials, once it has answered. What only its driver knows is masked, and a secret in it is the
// mark that stands for it.
Value authorization_descriptor(const State& state, const Surroundings& around) {
  const Frame* frame = around.raw_output != nullptr ? frame_of(state, around) : nullptr;
  if (frame == nullptr || node_of(state, *frame).kind != plan::Kind::activity) return {};
  const Value args = parsed(frame->args);
  const Value* auth = args.find("auth");
  if (auth == nullptr) auth = args.find("authentication");
  if (auth == nullptr) {
    const Value* service = args.find("service");  // of a gRPC call
    auth = service != nullptr ? service->find("authentication") : nullptr;
  }
  if (auth == nullptr || !auth->is_object() || auth->size() != 1) return {};
  const auto& [scheme, given] = auth->members()[0];
  static constexpr std::array<std::array<std::string_view, 2>, 5> k_schemes{
      {{"basic", "Basic"}, {"bearer", "Bearer"}, {"digest", "Digest"}, {"oauth2", "Bearer"}, {"oidc", "Bearer"}}};
  for (const auto& [ours, theirs] : k_schemes)
    if (scheme.as_string() == ours)
      return Value::object({{"scheme", theirs}, {"parameter", ours == "bearer" ? given : Value("***")}});
  return {};
}

// Of the loop or listener at `frame`, if it has that name.
const Value* loop_variable(const State& state, const Frame& frame, const Surroundings& around, bool here,
                           const std::string& name, Value& index) {
  const plan::Node& node = node_of(state, frame);
  if (!node.flow) return nullptr;
  const std::string* item = nullptr;
  const std::string* count = nullptr;
  if (node.flow->each) {
    item = &node.flow->each->item;
    count = &node.flow->each->index;
  } else if (node.flow->events && node.flow->events->foreach) {
    item = &node.flow->events->item;
    count = &node.flow->events->index;
  } else {
    return nullptr;
  }
  const bool given = here && around.item != nullptr;
  if (!given && (!frame.items || frame.iteration == 0 || frame.iteration > frame.items->items.size())) return nullptr;
  const std::uint32_t at = given ? around.index : frame.iteration - 1;
  if (name == *item) return given ? around.item : &frame.items->items.at(at);
  if (name != *count) return nullptr;
  index = Value(static_cast<std::int64_t>(at));
  return &index;
}

// Variables of the loops and catches around, the innermost first.
Value scoped_variable(const State& state, const Surroundings& around, const std::string& name) {
  Value index;
  bool here = true;
  for (const Frame* f = frame_of(state, around); f != nullptr; f = live_frame(state, f->parent), here = false) {
    if (const Value* found = loop_variable(state, *f, around, here, name, index)) return *found;
    const plan::Node& node = node_of(state, *f);
    if (!node.flow || node.kind != plan::Kind::attempt) continue;
    if (here && around.error != nullptr) {
      for (const plan::FlowCatch& c : node.flow->catches)
        if (c.as == name) return history::error_value(*around.error);
    }
    if (f->phase == Phase::catching && f->fault && f->branch < node.flow->catches.size() &&
        node.flow->catches[f->branch].as == name)
      return history::error_value(*f->fault);
  }
  return {};
}

Value variable(const State& state, const Surroundings& around, const std::string& name) {
  if (name == "context") return state.context;
  if (name == "input") {
    if (around.input != nullptr) return *around.input;
    const Frame* frame = frame_of(state, around);
    return frame != nullptr && frame->data ? input_of(*frame->data) : Value();
  }
  if (name == "out" || name == "arg") return around.variables.empty() ? Value() : around.variables[0];
  if (name == "args" && around.variables.size() > 1) return around.variables[1];
  if (name == "output") return around.output != nullptr ? *around.output : Value();
  if (name == "workflow") return workflow_descriptor(state);
  if (name == "task") return task_descriptor(state, around);
  if (name == "runtime") return runtime_descriptor();
  if (name == "secrets") return around.secrets != nullptr ? *around.secrets : Value();
  if (name == "authorization") return authorization_descriptor(state, around);
  return scoped_variable(state, around, name);
}

}  // namespace

tl::expected<Value, expr::EvalError> evaluate_flow(const State& state, const plan::Expression& e,
                                                   const Surroundings& around) {
  std::vector<Value> values;
  values.reserve(e.variables.size());
  for (const std::string& name : e.variables) values.push_back(variable(state, around, name));
  static const Value null;
  const Frame* frame = frame_of(state, around);
  const Value& dot = around.dot != nullptr             ? *around.dot
                     : frame != nullptr && frame->data ? input_of(*frame->data)
                                                       : null;
  return e.program->evaluate(dot, values);
}

}  // namespace perdure::decider
