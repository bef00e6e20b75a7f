// The kinds of steps that the engine itself carries out.
#include <fmt/format.h>

#include <algorithm>

#include "base/json.h"
#include "base/time.h"
#include "convert/texts.h"
#include "convert/to_ows.h"

namespace perdure::convert {
namespace {

Doc case_of(const std::string& name, const std::string& when, const std::string& then) {
  Doc one = Doc::map();
  if (!when.empty()) one.set("when", wrapped(when));
  one.set("then", then);
  return Doc::map({{name, std::move(one)}});
}

Doc switch_of(std::vector<Doc> cases) { return Doc::map({{"switch", Doc::list(std::move(cases))}}); }

std::string negated(const std::string& jq) { return as_term(jq) + " | not"; }

Doc tried_again(Doc tasks, Doc clause) {
  return Doc::list({Doc::map({{"again", Doc::map({{"try", std::move(tasks)}, {"catch", std::move(clause)}})}})});
}

}  // namespace

Doc ToOws::kind(const Node& n, const std::string& name) {
  (void)name;
  switch (n.kind) {
    case Kind::activity: return activity(n);
    case Kind::sequential:
    case Kind::parallel:
    case Kind::dag:
    case Kind::graph: return block(n);
    case Kind::conditional:
    case Kind::select: return branches(n);
    case Kind::loop: return loop(n);
    case Kind::wait: return wait(n);
    case Kind::listen: return listen(n);
    case Kind::review: return review(n);
    case Kind::set: {
      Doc set = doc_of(n.set);
      if (set.type() != Doc::Type::map || set.empty()) set = Doc(wrapped(jq_of(n.set)));
      return Doc::map({{"set", std::move(set)}});
    }
    case Kind::emit: return emit(n);
    case Kind::subflow: return subflow(n);
    case Kind::attempt: return attempt(n);
    case Kind::raise: return raise(n);
    case Kind::race: return race(n);
    case Kind::map:
      return impossible(n, "a task graph made at run time (`map`)",
                        "write the steps out, or start a workflow of its own");
    case Kind::tasks:
    case Kind::each: break;
  }
  return nothing();
}

// Something that has no equal: it fails where it would have run.
Doc ToOws::impossible(const Node& n, const std::string& what, const std::string& mend) {
  if (in_compensation_) return Doc::map();  // told by the caller
  lost(n.place, "`" + n.name + "`: " + what + " can't be said in the standard; an error is raised in its place", mend);
  Doc error = Doc::map({{"type", std::string(k_error_prefix) + "not-converted"}, {"status", Doc(Value(501))}});
  error.set("title", literal("`" + n.name + "` was not converted: " + what));
  return Doc::map({{"raise", Doc::map({{"error", std::move(error)}})}});
}

Doc ToOws::block(const Node& n) {
  Doc task = n.kind == Kind::parallel ? Doc::map({{"fork", Doc::map({{"branches", tasks(n.children)}})}})
                                      : Doc::map({{"do", list_of(n)}});
  if (needed_.count(n.id) > 0 || n.compensation != k_none) shape(task, outputs_of(n));
  return task;
}

// A switch that jumps to one of several lists, each of which leaves.
Doc ToOws::branches(const Node& n) {
  std::vector<std::pair<std::string, NodeId>> bodies;
  std::vector<Doc> cases;
  if (n.kind == Kind::conditional) {
    const std::string holds = said(n.condition);
    const bool bare = std::all_of(n.children.begin(), n.children.end(), [](NodeId c) { return c == k_none; });
    if (bare) return Doc::map({{"set", wrapped("if " + holds + " then true else false end")}});
    for (std::size_t i = 0; i < n.children.size(); ++i) {
      const std::string name = i == 0 ? "then" : "else";
      const bool there = n.children[i] != k_none;
      cases.push_back(case_of(i == 0 ? "holds" : "otherwise", i == 0 ? holds : "", there ? name : "exit"));
      if (there) bodies.emplace_back(name, n.children[i]);
    }
  } else {
    bool otherwise = false;
    for (std::size_t i = 0; i < n.cases.size(); ++i) {
      const bool last = n.cases[i].when == k_none;
      const std::string name = last ? "default" : fmt::format("case{}", i + 1);
      cases.push_back(case_of(name, last ? "" : said(n.cases[i].when), name));
      bodies.emplace_back(name, n.cases[i].body);
      otherwise = otherwise || last;
    }
    if (!otherwise) cases.push_back(case_of("otherwise", "", "exit"));
  }
  std::vector<std::pair<std::string, Doc>> list;
  if (needed_.count(n.id) > 0) list.emplace_back("none", nothing());
  list.emplace_back("choose", switch_of(std::move(cases)));
  for (const auto& [name, body] : bodies) {
    Doc one = Doc::map({{"do", list_of(node(body))}});
    if (needed_.count(n.id) > 0) shape(one, outputs_of(node(body)));
    one.set("then", "exit");
    list.emplace_back(name, std::move(one));
  }
  return do_list(std::move(list));
}

// `times` that is a number.
Doc ToOws::counted(const Node& n) {
  const std::string depth = loops_.empty() ? "" : std::to_string(loops_.size() + 1);
  loops_.push_back({"", "$index" + depth});
  const Node& body = node(n.children[0]);
  Doc round = Doc::map({{"do", list_of(body)}});
  loops_.pop_back();
  if (needed_.count(n.id) > 0) shape(round, outputs_of(body));
  const std::string count = jq_of(n.loop->times);
  Doc task = Doc::map({{"input", Doc::map({{"from", "${ null }"}})}});
  task.set("for",
           Doc::map({{"each", "round" + depth}, {"at", "index" + depth}, {"in", wrapped("[range(" + count + ")]")}}));
  task.set("do", Doc::list({Doc::map({{"round", std::move(round)}})}));
  shape(task, "{iterations: " + count + ", last: .}");
  return task;
}

Doc ToOws::loop(const Node& n) {
  const plan::LoopSpec& spec = *n.loop;
  const bool times = !spec.times.is_null();
  if (times && spec.times.type == Template::Type::constant && spec.while_ == k_none && spec.until == k_none)
    return counted(n);
  const std::string rounds = member(".rounds", keys_[n.id]);
  loops_.push_back({"", "$context" + rounds});
  const Node& body = node(n.children[0]);
  Doc round = Doc::map({{"do", list_of(body)}});
  if (needed_.count(n.id) > 0) shape(round, outputs_of(body));
  add_export(round, rounds + " += 1");
  // Asked between rounds, `.index` is that of the round before.
  std::string outer = "null";
  for (const Loop& loop : loops_)
    if (!loop.index.empty() && &loop != &loops_.back()) outer = loop.index;
  loops_.back().index = fmt::format("(if $context{0} == 0 then {1} else $context{0} - 1 end)", rounds, outer);
  std::string goes_on;
  if (times) goes_on = "$context" + rounds + " < (" + jq_of(spec.times) + ")";
  if (spec.while_ != k_none) goes_on.append(goes_on.empty() ? "" : " and ").append("(" + said(spec.while_) + ")");
  Doc begin = nothing();
  add_export(begin, rounds + " = 0");
  std::vector<Doc> check;
  if (!goes_on.empty()) check.push_back(case_of("over", negated(goes_on), "exit"));
  const bool limited = !times && spec.max_iterations != plan::LoopSpec{}.max_iterations;
  if (limited)
    check.push_back(case_of("limit", fmt::format("$context{} >= {}", rounds, spec.max_iterations), "too_many"));
  check.push_back(case_of("go", "", "round"));
  const bool checks = check.size() > 1;
  std::vector<std::pair<std::string, Doc>> list;
  list.emplace_back("begin", std::move(begin));
  if (checks) list.emplace_back("check", switch_of(std::move(check)));
  const std::string again = checks ? "check" : "round";
  if (spec.until == k_none) round.set("then", again);
  list.emplace_back("round", std::move(round));
  if (spec.until != k_none)
    list.emplace_back("after", switch_of({case_of("over", said(spec.until), "exit"), case_of("again", "", again)}));
  if (limited) {
    Doc error = Doc::map({{"type", std::string(k_error_prefix) + "loop.limit"}, {"status", Doc(Value(500))}});
    error.set("title", fmt::format("the loop reached its limit of {} iterations", spec.max_iterations));
    list.emplace_back("too_many", Doc::map({{"raise", Doc::map({{"error", std::move(error)}})}}));
  }
  loops_.pop_back();
  Doc task = do_list(std::move(list));
  shape(task, "{iterations: $context" + rounds + ", last: .}");
  return task;
}

Doc ToOws::wait(const Node& n) {
  const plan::WaitSpec& w = *n.wait;
  if (w.until.is_null()) {
    if (w.duration.type == Template::Type::constant && w.duration.constant.is_string())
      if (const auto ms = parse_duration(w.duration.constant.as_string()))
        return Doc::map({{"wait", iso_duration(*ms)}, {"output", Doc::map({{"as", "${ null }"}})}});
    changed(place_of(n, {"wait"}), "the time to wait is computed: other runtimes take ISO 8601 only, not `10m`",
            "let the expression give a text like PT10M");
    return Doc::map({{"wait", wrapped(jq_of(w.duration))}, {"output", Doc::map({{"as", "${ null }"}})}});
  }
  std::string until = "(" + jq_of(w.until) + " | fromdate)";
  if (w.until.type == Template::Type::constant && w.until.constant.is_string())
    if (const auto at = parse_timestamp(w.until.constant.as_string())) until = fmt::format("{}", *at / 1000);
  if (until.front() == '(')
    changed(place_of(n, {"wait_until"}), "the point in time has to be written like 2026-01-31T09:00:00Z there",
            "no fractions of seconds, no other time zones");
  Doc task = Doc::map(
      {{"wait", wrapped("{milliseconds: ([0, " + until + " * 1000 - $task.startedAt.epoch.milliseconds] | max)}")}});
  task.set("output", Doc::map({{"as", "${ null }"}}));
  return task;
}

Doc ToOws::listen(const Node& n) {
  const plan::ListenSpec& spec = *n.listen;
  changed(place_of(n, {"listen"}), "a signal becomes an event whose subject is the run's id",
          "send it with `perdure emit` and that subject");
  Doc with = Doc::map({{"type", one_expression(spec.signal)}, {"subject", "${ . == $workflow.id }"}});
  Doc to = Doc::map({{"one", Doc::map({{"with", std::move(with)}})}});
  Doc task = Doc::map({{"listen", Doc::map({{"to", std::move(to)}})}});
  shape(task, ".[0]");
  if (spec.timeout_ms > 0) task.set("timeout", Doc::map({{"after", iso_duration(spec.timeout_ms)}}));
  return task;
}

Doc ToOws::review(const Node& n) {
  const plan::ReviewSpec& r = *n.review;
  Doc with = Doc::map();
  const auto put = [&](const char* name, const Template& t) {
    if (!t.is_null()) with.set(name, doc_of(t));
  };
  put("reviewers", r.reviewers);
  if (r.quorum != 1) with.set("quorum", Doc(Value(std::int64_t{r.quorum})));
  put("form", r.form);
  put("data", r.data);
  with.set("timeout", iso_duration(r.timeout_ms));
  static constexpr const char* k_names[] = {"reject", "approve", "escalate"};
  if (r.on_timeout != plan::ReviewTimeout::reject) with.set("on_timeout", k_names[static_cast<int>(r.on_timeout)]);
  put("escalate_to", r.escalate_to);
  if (r.continue_on_reject) with.set("on_reject", "continue");
  if (r.no_self_approval) with.set("no_self_approval", Doc(true));
  return Doc::map({{"call", "human-review:1.0.0@perdure"}, {"with", std::move(with)}});
}

Doc ToOws::attempt(const Node& n) {
  const Node& tried = node(n.children[0]);
  Doc task = Doc::map({{"try", list_of(tried)}});
  if (n.finally != k_none)
    lost(place_of(n, {"finally"}), "`finally` runs after the try there only when no error goes on outward",
         "catch everything, do it, and raise the error again");
  const std::string outer = std::exchange(error_, "$error");
  Doc handler = Doc::map(), within = Doc::map();
  std::string any;
  std::vector<Doc> cases;
  std::vector<std::pair<std::string, Doc>> bodies;
  for (std::size_t i = 0; i < n.catches.size(); ++i) {
    const plan::Catch& c = n.catches[i];
    const std::string condition = condition_on_error(c);
    if (c.retry && c.retry->max_attempts != 1) {
      Doc again = retry(*c.retry, n.place, false, true);
      if (n.catches.size() == 1) {
        handler.set("retry", std::move(again));
      } else if (i == 0) {  // in a try of its own within
        if (!condition.empty()) within.set("when", wrapped(condition));
        within.set("retry", std::move(again));
      } else {
        lost(place_of(n, {"catch"}), "several catches, and not the first of them retries: nothing is retried there",
             "nest two `try`");
      }
    }
    if (c.retry && c.body == k_none && n.catches.size() > 1) continue;  // what it does not mend is for the others
    any.append(any.empty() ? "" : " or ").append("(" + (condition.empty() ? "true" : condition) + ")");
    const std::string name = fmt::format("catch{}", i + 1);
    // In `do`, `.` is the try's input: conditions look at the error as `$error`.
    cases.push_back(case_of(name, condition.empty() ? "" : "$error | " + condition, c.body == k_none ? "exit" : name));
    if (c.body == k_none) {  // the error is taken all the same
      if (n.catches.size() == 1 && !c.retry) handler.set("do", Doc::list({Doc::map({{"none", nothing()}})}));
      continue;
    }
    Doc body = Doc::map({{"do", list_of(node(c.body))}});
    if (needed_.count(n.id) > 0) shape(body, outputs_of(node(c.body)));
    body.set("then", "exit");
    bodies.emplace_back(name, std::move(body));
  }
  error_ = outer;
  const bool everything = n.catches.size() == 1 && condition_on_error(n.catches[0]).empty();
  if (n.catches.size() == 1 && !everything) handler.set("when", wrapped(any.substr(1, any.size() - 2)));
  if (n.catches.size() > 1) handler.set("when", wrapped(any.empty() ? "false" : any));
  if (n.catches.empty()) handler.set("when", "${ false }");
  if (!bodies.empty()) {
    std::vector<std::pair<std::string, Doc>> list;
    if (n.catches.size() == 1) {
      bodies[0].second.members().pop_back();  // its `then`
      list = std::move(bodies);
    } else {
      list.emplace_back("choose", switch_of(std::move(cases)));
      for (auto& body : bodies) list.push_back(std::move(body));
    }
    handler.set("do", *do_list(std::move(list)).find("do"));
  }
  if (needed_.count(n.id) > 0) {
    Doc inner = Doc::map({{"do", std::move(*task.find("try"))}});
    shape(inner, outputs_of(tried));
    task.set("try", Doc::list({Doc::map({{"try", std::move(inner)}})}));
  }
  if (!within.members().empty()) task.set("try", tried_again(std::move(*task.find("try")), std::move(within)));
  task.set("catch", std::move(handler));
  if (n.finally == k_none) return task;
  Doc last = Doc::map({{"do", list_of(node(n.finally))}});
  shape(last, "$input");  // what the try gave goes on
  return do_list({{"try", std::move(task)}, {"finally", std::move(last)}});
}

Doc ToOws::race(const Node& n) {
  Doc list = Doc::list();
  for (const NodeId child : n.children) {
    Doc task = do_list({{name_for(node(child)), step(node(child))}});
    task.line = node(child).place.line;
    shape(task, "{winner: " + quoted(node(child).name) + ", output: .}");
    list.push(Doc::map({{name_for(node(child)), std::move(task)}}));
  }
  return Doc::map({{"fork", Doc::map({{"compete", Doc(true)}, {"branches", std::move(list)}})}});
}

Doc ToOws::raise(const Node& n) {
  const plan::RaiseSpec& r = *n.raise;
  Doc error = Doc::map();
  if (r.type.type == Template::Type::constant && r.type.constant.is_string()) {
    const std::string type(r.type.constant.as_string());
    const bool uri = type.find(':') != std::string::npos && type.find_first_of(" {}\t\n") == std::string::npos;
    std::string safe;
    for (const char c : type) {
      if (std::string_view(" {}\t\n\"<>\\^`|").find(c) == std::string_view::npos) safe.push_back(c);
      else safe += fmt::format("%{:02X}", static_cast<unsigned char>(c));
    }
    error.set("type", uri ? type : std::string(k_error_prefix) + safe);
  } else {
    error.set("type", wrapped(jq_of(r.type) + " | tostring | if test(\":\") then . else " + quoted(k_error_prefix) +
                              " + . end"));
  }
  Value status(500);
  if (r.status.type == Template::Type::constant && r.status.constant.is_integer() &&
      r.status.constant.as_int() >= 100 && r.status.constant.as_int() <= 999) {
    status = r.status.constant;
  } else if (!r.status.is_null()) {
    lost(place_of(n, {"raise"}), "the error's status is 500 there: it takes a number from 100 to 999", "write it out");
  }
  error.set("status", Doc(status));
  for (const auto& [name, t] : {std::pair{"title", &r.title}, {"detail", &r.detail}})
    if (!t->is_null()) error.set(name, one_expression(*t));
  return Doc::map({{"raise", Doc::map({{"error", std::move(error)}})}});
}

Doc ToOws::emit(const Node& n) {
  Doc with = Doc::map({{"type", one_expression(n.emit->type)}});
  if (!n.emit->data.is_null()) with.set("data", doc_of(n.emit->data));
  Doc task = Doc::map({{"emit", Doc::map({{"event", Doc::map({{"with", std::move(with)}})}})}});
  shape(task, ".id");
  return task;
}

Doc ToOws::subflow(const Node& n) {
  const plan::SubflowSpec& s = *n.subflow;
  if (s.name.type != Template::Type::constant || !s.name.constant.is_string())
    return impossible(n, "a workflow whose name is computed", "choose between workflows with a `switch`");
  const std::string whole(s.name.constant.as_string());
  const std::size_t slash = whole.find('/');
  Doc workflow = Doc::map({{"namespace", slash == std::string::npos ? "default" : whole.substr(0, slash)}});
  workflow.set("name", slash == std::string::npos ? whole : whole.substr(slash + 1));
  workflow.set("version", s.version.empty() ? "latest" : s.version);
  Doc input = doc_of(s.with);
  if (input.type() != Doc::Type::map) {
    lost(place_of(n, {"with", "inputs"}), "the input of a workflow is an object there: it is handed on as `input`",
         "write its members out");
    input = Doc::map({{"input", std::move(input)}});
  }
  workflow.set("input", std::move(input));
  Doc run = Doc::map({{"workflow", std::move(workflow)}});
  if (!s.wait) run.set("await", Doc(false));
  return Doc::map({{"run", std::move(run)}});
}

}  // namespace perdure::convert
