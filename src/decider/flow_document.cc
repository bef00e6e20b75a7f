// What expressions of the Open Workflow Specification see: `.` is the stage of the data flow they belong to, all else
// are variables. Only those that an expression names are made.
#include <fmt/format.h>

#include <array>

#include "base/json.h"
#include "decider/document.h"
#include "decider/frames.h"

namespace perdure::decider {
namespace {

constexpr std::string_view k_types = "https://open-workflow-specification.org/spec/1.0.0/errors/";
constexpr std::string_view k_hosts[] = {"open-workflow-specification.org/", "serverlessworkflow.io/"};

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
        if (c.as == name) return error_value(*around.error);
    }
    if (f->phase == Phase::catching && f->fault && f->branch < node.flow->catches.size() &&
        node.flow->catches[f->branch].as == name)
      return error_value(*f->fault);
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
  return scoped_variable(state, around, name);
}

struct Mapped {
  std::string_view prefix, id;  // id: the name of a standard error, or a whole URI
  int status;
};
// Faults of ours, by the beginning of their type, as the specification calls them.
constexpr std::array<Mapped, 14> k_mapped{{{"review.rejected", "https://perdure.dev/errors/review-rejected", 403},
                                           {"review.timeout", "timeout", 408},
                                           {"http.blocked", "authorization", 403},
                                           {"http", "communication", 500},
                                           {"timeout", "timeout", 408},
                                           {"expression", "expression", 400},
                                           {"schema", "validation", 400},
                                           {"validation", "configuration", 400},  // of what a driver is given
                                           {"configuration", "configuration", 400},
                                           {"openapi", "configuration", 400},
                                           {"auth.token", "authentication", 401},
                                           {"subflow.not_found", "configuration", 400},
                                           {"subflow.unavailable", "configuration", 400},
                                           {"activity.unknown", "configuration", 400}}};

}  // namespace

std::string error_type(std::string_view type) {
  std::string_view rest = type;
  for (const std::string_view scheme : {std::string_view("https://"), std::string_view("http://")})
    if (rest.starts_with(scheme)) rest.remove_prefix(scheme.size());
  bool standard = false;
  for (const std::string_view host : k_hosts)
    if (rest.starts_with(host)) {
      rest.remove_prefix(host.size());
      standard = true;
    }
  if (!standard) return std::string(type);
  for (const std::string_view path : {std::string_view("dsl/errors/types/"), std::string_view("spec/1.0.")}) {
    if (!rest.starts_with(path)) continue;
    const std::string_view name = rest.substr(rest.rfind('/') + 1);
    const std::string_view between = rest.substr(path.size(), rest.size() - path.size() - name.size());
    const bool version = between.size() > 8 && between.ends_with("/errors/") &&
                         between.find_first_not_of("0123456789") == between.size() - 8;
    if (between.empty() || version) return std::string(k_types) + std::string(name);
  }
  return std::string(type);
}

Value error_value(const history::Fault& fault) {
  auto error = Value::object();
  const bool ours = fault.type.find(':') == std::string::npos && !fault.type.starts_with("/");
  std::string type = fault.type;
  int status = fault.status;
  if (ours) {
    std::string_view id = "runtime";
    int usual = 500;
    for (const Mapped& one : k_mapped)
      if (fault.type.starts_with(one.prefix)) {
        id = one.id;
        usual = one.status;
        break;
      }
    type = id.starts_with("https://") ? std::string(id) : std::string(k_types) + std::string(id);
    if (status == 0 || id == "runtime") status = usual;
    if (fault.type.starts_with("http.") && status == usual)
      if (const auto code = parse_json(std::string_view(fault.type).substr(5)); code && code->is_integer())
        status = static_cast<int>(code->as_int());
  }
  error.set("type", type);
  error.set("status", Value(static_cast<std::int64_t>(status)));
  error.set("title", fault.title);
  if (!fault.detail.empty()) error.set("detail", fault.detail);
  if (!fault.step.empty()) error.set("instance", fault.step);
  return error;
}

FaultPtr standard_fault(const history::Fault& fault) {
  auto standard = std::make_shared<history::Fault>(fault);
  const Value error = error_value(fault);
  standard->type = std::string(error.find("type")->as_string());
  standard->status = static_cast<int>(error.find("status")->as_int());
  if (fault.type == "timeout.run") standard->step = "/timeout";
  return standard;
}

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
