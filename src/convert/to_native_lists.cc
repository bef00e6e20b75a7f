// Lists of tasks, and what every task may have. A list that jumps is a loop around a switch: which task is next is a
// value of the context.
#include <algorithm>

#include "convert/texts.h"
#include "convert/to_native.h"

namespace perdure::convert {
namespace {

using plan::Next;
using plan::Then;

constexpr std::string_view k_ended = "end of the workflow";

// Whether the list goes on after this child in any other way than to the next.
bool jumps(const Node& list, const Node& child, std::size_t index) {
  const bool last = index + 1 == list.children.size();
  const auto odd = [&](const Then& then) {
    if (then.next == Next::proceed || (last && then.next == Next::exit)) return false;
    return then.next != Next::jump || then.target != index + 1;
  };
  const plan::Flow& flow = *child.flow;
  const auto odd_catch = [&](const plan::FlowCatch& c) { return odd(c.then); };
  return odd(flow.then) || std::any_of(flow.case_then.begin(), flow.case_then.end(), odd) ||
         std::any_of(flow.catches.begin(), flow.catches.end(), odd_catch);
}

Doc step_named(const std::string& id) { return Doc::map({{"id", id}}); }

}  // namespace

void ToNative::list(const Node& n, Doc& into) {
  const Machine outer = std::exchange(machine_, {});
  bool any = false;
  for (std::size_t i = 0; i < n.children.size(); ++i) any = any || jumps(n, node(n.children[i]), i);
  if (any) machine(n, into);
  else
    for (const NodeId child : n.children) task(node(child), into);
  machine_ = outer;
}

// The name of the task that comes after child `index` by `then`, as a jq literal.
std::string ToNative::place_after(const Then& then) {
  const Node& list = *machine_.list;
  const std::size_t next = then.next == Next::jump ? then.target : machine_.index + 1;
  if (then.next == Next::end && list.id != 0) {
    machine_.ends = true;
    lost(node(list.children[machine_.index]).place,
         "`then: end` within a task ends the whole workflow: an error is raised there",
         "let the list end, and go on by what it gives");
    return quoted(k_ended);
  }
  if (then.next == Next::exit || then.next == Next::end || next >= list.children.size()) return "null";
  return quoted(node(list.children[next]).name);
}

void ToNative::machine(const Node& n, Doc& into) {
  const std::string name = unique(n.id == 0 ? "flow" : n.made_up ? node(n.parent).name + "_flow" : n.name + "_flow");
  machine_ = {&n, 0, key("next", name), false};
  const std::string data = key("data", name), next = member(".context", machine_.next);
  Doc begin = step_named(unique(name + "_begin"));
  begin.set("set", Doc::map({{data, wrapped(in_)}, {machine_.next, literal(node(n.children[0]).name)}}));
  into.push(std::move(begin));
  Doc cases = Doc::list();
  for (std::size_t i = 0; i < n.children.size(); ++i) {
    const Node& child = node(n.children[i]);
    machine_.index = i;
    in_ = member(".context", data);
    Doc steps = Doc::list();
    const bool chooses = child.kind == Kind::select || !child.flow->catches.empty();
    const std::string after = place_after(child.flow->then);
    const std::string skipped = place_after({});
    if (chooses) {
      Doc first = step_named(unique(name + "_next"));
      first.set("set", Doc::map({{machine_.next, wrapped(after)}}));
      steps.push(std::move(first));
    }
    Doc body = Doc::list();
    const std::string when = child.when != k_none ? asked(child) : "";
    task_when_it_runs(child, body);
    Doc last = step_named(unique(name + "_goes_on"));
    Doc set = Doc::map({{data, wrapped(in_)}});
    if (!chooses) set.set(machine_.next, wrapped(after));
    last.set("set", std::move(set));
    body.push(std::move(last));
    if (when.empty()) {
      for (Doc& one : body.items()) steps.push(std::move(one));
    } else {
      Doc choice = step_named(unique(child.name + "_if"));
      choice.set("condition", wrapped(when));
      choice.set("then", std::move(body));
      Doc passed = step_named(unique(name + "_passes"));
      passed.set("set", Doc::map({{machine_.next, wrapped(skipped)}}));
      choice.set("else", Doc::list({std::move(passed)}));
      steps.push(std::move(choice));
    }
    Doc one = Doc::map({{"when", wrapped(next + " == " + quoted(child.name))}});
    one.set("steps", std::move(steps));
    cases.push(std::move(one));
  }
  if (machine_.ends) {
    Doc raised = step_named(unique("not_converted"));
    raised.set(
        "raise",
        Doc::map({{"type", "not-converted"}, {"title", "the workflow would end here"}, {"status", Doc(Value(501))}}));
    cases.push(
        Doc::map({{"when", wrapped(next + " == " + quoted(k_ended))}, {"steps", Doc::list({std::move(raised)})}}));
  }
  Doc choose = step_named(unique(name + "_choose"));
  choose.set("switch", std::move(cases));
  Doc loop = step_named(name);
  loop.set("until", wrapped(next + " == null"));
  loop.set("max_iterations", Doc(Value(1'000'000)));
  loop.set("steps", Doc::list({std::move(choose)}));
  into.push(std::move(loop));
  in_ = member(".context", data);
}

// `if`, on what comes to the task.
std::string ToNative::asked(const Node& n) {
  const Site outer = std::exchange(site_, {in_, in_, "null", in_, "null"});
  const Node* around = std::exchange(task_, &n);
  const std::string made = said(n.when);
  site_ = outer;
  task_ = around;
  return made;
}

// A task that is skipped hands on what came.
void ToNative::task(const Node& n, Doc& into) {
  if (n.when == k_none) return task_when_it_runs(n, into);
  const std::string raw = in_, when = asked(n);
  Doc inner = Doc::list();
  task_when_it_runs(n, inner);
  if (inner.items().empty()) return;
  const std::string name = id_of(n);
  if (inner.items().size() == 1 && inner.items()[0].find("when") == nullptr) {
    Doc& step = inner.items()[0];
    const std::string id(step.find("id")->value().as_string());
    step.set("when", wrapped(when));
    into.push(std::move(step));
    if (in_ == raw) return;
    in_ = kept(into, name,
               "(if " + member(".steps", id) + ".status == \"skipped\" then " + raw + " else " + in_ + " end)");
    return;
  }
  const std::string data = key("data", name);
  const auto hands_on = [&](const std::string& value) {
    Doc step = step_named(unique(name + "_hands_on"));
    step.set("set", Doc::map({{data, wrapped(value)}}));
    return step;
  };
  inner.push(hands_on(in_));
  Doc choice = step_named(unique(name + "_if"));
  choice.set("condition", wrapped(when));
  choice.set("then", std::move(inner));
  choice.set("else", Doc::list({hands_on(raw)}));
  into.push(std::move(choice));
  in_ = member(".context", data);
}

void ToNative::task_when_it_runs(const Node& n, Doc& into) {
  const plan::Flow& flow = *n.flow;
  const Site outer = site_;
  const Node* around = std::exchange(task_, &n);
  const std::string raw = in_, name = id_of(n);
  for (const auto& [schema, field] :
       {std::pair{&flow.input_schema, "input"}, {&flow.output_schema, "output"}, {&flow.export_schema, "export"}})
    if (!schema->is_null())
      lost(place_of(n, {field}), std::string("the schema of `") + field + "` is not checked there",
           "check it by a `raise` with `when`");
  site_ = {raw, raw, "null", raw, "null"};
  in_ = transformed(flow.input_from, raw);
  if (n.kind != Kind::activity || in_ == raw) in_ = kept(into, name, in_);
  const std::string input = in_;
  site_ = {input, input, "null", raw, "null"};
  kind(n, into);
  const std::string given = in_;
  site_ = {given, input, given, raw, given};
  in_ = kept(into, name, transformed(flow.output_as, given));
  if (!flow.export_as.is_null()) {
    site_ = {in_, input, in_, raw, given};
    Doc step = step_named(unique(name + "_export"));
    step.set("set", Doc::map({{prefix_ + "context", doc_of(flow.export_as)}}));
    into.push(std::move(step));
  }
  site_ = outer;
  task_ = around;
}

}  // namespace perdure::convert
