// The tasks that the engine itself carries out. Each leaves in `in_` what it gives.
#include <fmt/format.h>

#include <algorithm>

#include "base/json.h"
#include "base/time.h"
#include "convert/texts.h"
#include "convert/to_native.h"

namespace perdure::convert {

void ToNative::kind(const Node& n, Doc& into) {
  switch (n.kind) {
    case Kind::tasks: return block(n, into);
    case Kind::each: return each(n, into);
    case Kind::parallel:
    case Kind::race: return fork(n, into);
    case Kind::select: return choose(n, into);
    case Kind::attempt: return attempt(n, into);
    case Kind::set: return set(n, into);
    case Kind::raise: return raise(n, into);
    case Kind::wait: return wait(n, into);
    case Kind::listen: return listen(n, into);
    case Kind::subflow: return subflow(n, into);
    case Kind::review: return review(n, into);
    case Kind::activity: return activity(n, into);
    default: return impossible(n, "a task of this kind", "write it anew", into);
  }
}

// A step with what every one may have.
Doc ToNative::step_of(const Node& n) {
  Doc step = Doc::map({{"id", id_of(n)}});
  step.line = n.made_up ? 0 : n.place.line;
  if (!n.summary.empty()) step.set("summary", n.summary);
  return step;
}

void ToNative::common(const Node& n, Doc& step) {
  if (n.timeouts.start_to_close_ms > 0) step.set("timeout", short_duration(n.timeouts.start_to_close_ms));
  if (n.flow->times && !n.flow->times->timeout.is_null())
    lost(place_of(n, {"timeout"}), "a timeout by an expression is not carried over", "write it out");
  if (!n.budget.is_null()) step.set("budget", Doc(n.budget));
  if (const loaders::YamlNode* mapping = written(n); mapping != nullptr) {
    Doc metadata = Doc::map();
    if (const loaders::YamlNode* own = tree_.find(*mapping, "metadata"); own != nullptr) {
      const Value kept = loaders::to_value(tree_, *own);
      for (const auto& [key, v] : kept.is_object() ? kept.members() : std::vector<Value::Member>{})
        if (!key.as_string().starts_with("perdure.dev/")) metadata.set(std::string(key.as_string()), Doc(v));
    }
    if (!metadata.empty()) step.set("metadata", std::move(metadata));
  }
  if (n.compensation == k_none) return;
  const Site outer = std::exchange(site_, {"$out", "$out", "$out", "$out", "$out"});
  const Node& undo = node(n.compensation);
  Doc made = Doc::map();
  in_compensation_ = true;
  if (!call_of(undo, made))
    lost(place_of(n, {"metadata"}), "what undoes `" + n.name + "` can't be said there",
         "undo it by a call of http or a process");
  in_compensation_ = false;
  site_ = outer;
  if (undo.timeouts.start_to_close_ms > 0) made.set("timeout", short_duration(undo.timeouts.start_to_close_ms));
  if (undo.retry && undo.retry->max_attempts != 1) made.set("retry", policy(*undo.retry));
  step.set("compensation", std::move(made));
}

// It fails where it would have run.
void ToNative::impossible(const Node& n, const std::string& what, const std::string& mend, Doc& into) {
  lost(n.place, "`" + n.name + "`: " + what + " can't be said in the native dialect; an error is raised in its place",
       mend);
  Doc step = step_of(n);
  step.set("raise", Doc::map({{"type", "not-converted"},
                              {"title", literal("`" + n.name + "` was not converted: " + what)},
                              {"status", Doc(Value(501))}}));
  into.push(std::move(step));
}

// The list itself, unless the task has something that needs a block.
void ToNative::block(const Node& n, Doc& into) {
  Doc step = step_of(n);
  common(n, step);
  const bool bare = step.members().size() == 1;
  Doc steps = Doc::list();
  list(n, steps);
  if (steps.items().empty()) return;
  if (n.compensation != k_none)
    lost(place_of(n, {"metadata"}), "what undoes a list of tasks gets their results by name there, not the last output",
         "undo the tasks one by one");
  if (bare && n.made_up) {
    for (Doc& one : steps.items()) into.push(std::move(one));
    return;
  }
  step.set("steps", std::move(steps));
  into.push(std::move(step));
}

void ToNative::choose(const Node& n, Doc& into) {
  if (n.compensation != k_none)
    lost(place_of(n, {"metadata"}), "what undoes a `switch` is not carried over", "undo the tasks that it leads to");
  if (machine_.list == nullptr) return;  // all cases go on with the next task
  std::string next, otherwise = place_after(n.flow->then);
  for (std::size_t i = 0; i < n.cases.size(); ++i) {
    const std::string to =
        place_after(n.flow->case_then[i].next == plan::Next::proceed ? plan::Then{} : n.flow->case_then[i]);
    if (n.cases[i].when == k_none) otherwise = to;
    else next += (next.empty() ? "if " : " elif ") + said(n.cases[i].when) + " then " + to;
  }
  Doc step = step_of(n);
  step.set("set",
           Doc::map({{machine_.next, wrapped(next.empty() ? otherwise : next + " else " + otherwise + " end")}}));
  into.push(std::move(step));
}

// One after the other, each with what the one before gave: a loop that counts.
void ToNative::each(const Node& n, Doc& into) {
  const plan::EachSpec& spec = *n.flow->each;
  const std::string name = id_of(n);
  const std::string all = key("list", name), data = key("data", name), item = key("item", name),
                    at = key("index", name);
  const auto of_context = [](const std::string& key) { return member(".context", key); };
  Doc begin = Doc::map({{"id", unique(name + "_begin")}});
  const std::string in = said(spec.in);
  begin.set(
      "set",
      Doc::map({{all, wrapped("(" + in + ") | if type == \"array\" then . else error(\"`in` needs a list\") end")},
                {data, wrapped(in_)},
                {at, Doc(Value(0))}}));
  into.push(std::move(begin));
  const auto outer = variables_;
  // `.index` of a loop is not yet the next round's when `while` is asked.
  const std::string next = of_context(all) + "[" + of_context(at) + "]";
  std::string goes_on = of_context(at) + " < (" + of_context(all) + " | length)";
  if (spec.while_ != k_none) {
    variables_[spec.item] = next;
    variables_[spec.index] = of_context(at);
    const std::string dot = std::exchange(site_.dot, of_context(data));
    goes_on += " and (" + said(spec.while_) + ")";
    site_.dot = dot;
    variables_ = outer;
  }
  variables_[spec.item] = of_context(item);
  variables_[spec.index] = of_context(at);
  Doc take = Doc::map({{"id", unique(name + "_item")}});
  take.set("set", Doc::map({{item, wrapped(next)}}));
  Doc steps = Doc::list();
  steps.push(std::move(take));
  in_ = of_context(data);
  list(node(n.children[0]), steps);
  Doc over = Doc::map({{"id", unique(name + "_end")}});
  over.set("set", Doc::map({{data, wrapped(in_)}, {at, wrapped(of_context(at) + " + 1")}}));
  steps.push(std::move(over));
  variables_ = outer;
  Doc step = step_of(n);
  step.set("while", wrapped(goes_on));
  step.set("max_iterations", Doc(Value(1'000'000)));
  step.set("steps", std::move(steps));
  common(n, step);
  into.push(std::move(step));
  in_ = of_context(data);
}

void ToNative::fork(const Node& n, Doc& into) {
  const std::string input = in_, name = id_of(n);
  const bool compete = n.kind == Kind::race;
  Doc branches = Doc::list();
  std::vector<std::string> outs;
  std::string winner;
  const Machine outer = std::exchange(machine_, {});
  for (const NodeId child : n.children) {
    const Node& branch = node(child);
    if (branch.flow->then.next == plan::Next::end)
      lost(place_of(branch, {"then"}), "`then: end` in a branch ends the branch only",
           "let the fork end, and go on by what it gives");
    in_ = input;
    Doc steps = Doc::list();
    task(branch, steps);
    if (steps.items().empty()) {
      Doc nothing = Doc::map({{"id", unique(branch.name + "_nothing")}});
      nothing.set("set", Doc::map({{prefix_ + "nothing", Doc()}}));
      steps.push(std::move(nothing));
    }
    Doc one = std::move(steps.items()[0]);
    if (steps.items().size() > 1) {
      steps.items()[0] = std::move(one);
      one = Doc::map({{"id", unique(branch.name + "_branch")}});
      one.set("steps", std::move(steps));
    }
    winner += (winner.empty() ? "if " : " elif ") + member(".steps", name) +
              ".output.winner == " + quoted(one.find("id")->value().as_string()) + " then " + in_;
    outs.push_back("(" + in_ + ")");
    branches.push(std::move(one));
  }
  machine_ = outer;
  Doc step = step_of(n);
  if (compete) {
    step.set("race", std::move(branches));
    in_ = "(" + winner + " else null end)";
  } else {
    step.set("type", "parallel");
    step.set("steps", std::move(branches));
    in_ = "[";
    for (const std::string& out : outs) in_ += (in_.size() > 1 ? ", " : "") + out;
    in_ += "]";
  }
  common(n, step);
  if (n.children.empty()) {
    in_ = "[]";
    return;
  }
  into.push(std::move(step));
  in_ = kept(into, name, in_);
}

// An object is what the step gives; anything else is kept under a name.
void ToNative::set(const Node& n, Doc& into) {
  const Template& t = n.set;
  Doc step = step_of(n);
  const bool object =
      t.type == Template::Type::object || (t.type == Template::Type::constant && t.constant.is_object());
  if (object && !n.made_up) {
    step.set("set", doc_of(t));
    in_ = member(".steps", id_of(n)) + ".output";
  } else {
    const std::string data = key("data", id_of(n));
    step.set("set", Doc::map({{data, doc_of(t)}}));
    in_ = member(".context", data);
  }
  common(n, step);
  into.push(std::move(step));
}

void ToNative::raise(const Node& n, Doc& into) {
  Doc error = Doc::map();
  for (const auto& [name, t] : {std::pair{"type", &n.raise->type},
                                {"title", &n.raise->title},
                                {"detail", &n.raise->detail},
                                {"status", &n.raise->status}}) {
    if (t->is_null()) continue;
    error.set(name, doc_of(*t));
  }
  Doc step = step_of(n);
  step.set("raise", std::move(error));
  into.push(std::move(step));
}

void ToNative::wait(const Node& n, Doc& into) {
  Doc step = step_of(n);
  const Template& t = n.wait->duration;
  Doc wait = doc_of(t);
  if (t.type == Template::Type::constant && t.constant.is_string())
    if (const auto ms = parse_duration(t.constant.as_string())) wait = Doc(short_duration(*ms));
  step.set("wait", std::move(wait));
  common(n, step);
  if (Doc* timeout = step.find("timeout"); timeout != nullptr) {  // a wait itself has none
    Doc limited = Doc::map({{"id", unique(id_of(n) + "_limited")}, {"timeout", *timeout}});
    std::erase_if(step.members(), [](const auto& m) { return m.first == "timeout"; });
    limited.set("steps", Doc::list({std::move(step)}));
    step = std::move(limited);
  }
  into.push(std::move(step));
}

// One event of one type: a signal of that name.
void ToNative::listen(const Node& n, Doc& into) {
  const plan::EventsSpec& events = *n.flow->events;
  const bool one = events.filters.size() == 1 && !events.foreach && events.until == k_none &&
                   events.until_events.empty() && events.read == plan::EventRead::data;
  std::string type;
  bool more = !one;
  if (one) {
    const plan::EventFilter& filter = events.filters[0];
    for (std::size_t i = 0; i < filter.attributes.size(); ++i) {
      const Template& t = filter.values[i];
      if (filter.attributes[i] == "type" && t.type == Template::Type::constant && t.constant.is_string())
        type = std::string(t.constant.as_string());
      else if (filter.attributes[i] != "subject" || t.type != Template::Type::expression ||
               one_line(expression(t.expr).source) != ". == $workflow.id")
        more = true;
    }
    more = more || !filter.correlate.empty();
  }
  if (more || type.empty())
    return impossible(n, "to listen for anything but one event by its type", "listen for one signal", into);
  changed(place_of(n, {"listen"}), "an event becomes a signal to the run",
          "send it with `perdure signal RUN " + type + "`");
  Doc step = step_of(n);
  step.set("listen", Doc::map({{"signal", literal(type)}}));
  common(n, step);
  into.push(std::move(step));
  in_ = "[" + member(".steps", id_of(n)) + ".output]";
}

void ToNative::subflow(const Node& n, Doc& into) {
  const plan::SubflowSpec& s = *n.subflow;
  Doc step = step_of(n);
  std::string name(s.name.constant.is_string() ? s.name.constant.as_string() : "");
  if (const std::size_t slash = name.find('/'); slash != std::string::npos) {
    changed(place_of(n, {"run"}), "the workflow is looked for without its namespace there",
            "register it under that name");
    name.erase(0, slash + 1);
  }
  step.set("subflow", literal(name) + (s.version.empty() || s.version == "latest" ? "" : "@" + s.version));
  Doc with = doc_of(s.with);
  step.set("with", std::move(with));
  if (!s.wait) step.set("wait", Doc(false));
  common(n, step);
  into.push(std::move(step));
  if (s.wait) in_ = member(".steps", id_of(n)) + ".output";
}

void ToNative::review(const Node& n, Doc& into) {
  const plan::ReviewSpec& r = *n.review;
  Doc step = step_of(n);
  step.set("type", "human_review");
  const auto put = [&](const char* name, const Template& t) {
    if (!t.is_null()) step.set(name, doc_of(t));
  };
  put("reviewers", r.reviewers);
  if (r.quorum != 1) step.set("quorum", Doc(Value(std::int64_t{r.quorum})));
  put("form", r.form);
  put("data", r.data);
  common(n, step);
  step.set("timeout", short_duration(r.timeout_ms));
  static constexpr const char* k_names[] = {"reject", "approve", "escalate"};
  if (r.on_timeout != plan::ReviewTimeout::reject) step.set("on_timeout", k_names[static_cast<int>(r.on_timeout)]);
  put("escalate_to", r.escalate_to);
  if (r.continue_on_reject) step.set("on_reject", "continue");
  if (r.no_self_approval) step.set("no_self_approval", Doc(true));
  into.push(std::move(step));
  in_ = member(".steps", id_of(n)) + ".output";
}

}  // namespace perdure::convert
