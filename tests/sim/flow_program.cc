#include "sim/flow_program.h"

#include <algorithm>
#include <initializer_list>

namespace perdure::sim {
namespace {

class FlowWriter {
 public:
  FlowWriter(Random& random, const ProgramRules& rules) : random_(random), rules_(rules) {}

  Text workflow() {
    Text out = "{document: {dsl: '1.0.3', namespace: default, name: " << rules_.name << ", version: '1.0.0'}";
    if (random_.chance(10)) out += ", timeout: {after: {seconds: " << number(20, 90) << "}}";
    if (random_.chance(10)) out += ", output: {as: '${ {whole: .} }'}";
    return out << ", do: " << (rules_.busy ? rounds() : list(rules_.depth)) << "}";
  }

 private:
  Text id() { return "t" << std::to_string(++count_); }
  Text number(std::uint32_t low, std::uint32_t high) { return std::to_string(random_.between(low, high)); }
  Text pick(std::initializer_list<const char*> all) { return *(all.begin() + random_.below(all.size())); }

  // Goes on in order, or with a later task, or out.
  Text list(int depth) {
    std::vector<Text> names, tasks;
    const auto n = random_.between(1, depth > 1 ? 4 : 2);
    for (std::uint32_t i = 0; i < n; ++i) names.push_back(id());
    for (std::uint32_t i = 0; i < n; ++i) {
      Text then;
      if (i + 2 < n && random_.chance(15)) then = ", then: " << names[i + 2 + random_.below(n - i - 2)];
      else if (i + 1 < n && random_.chance(8)) then = ", then: " << pick({"exit", "exit", "end", "continue"});
      const std::vector<Text> later(names.begin() + i + 1, names.end());
      const Text what = body(depth, later);
      tasks.push_back("{" << names[i] << ": {" << what << then << "}}");
    }
    if (random_.chance(20)) go_back(names, tasks);
    Text out;
    for (const std::string& task : tasks) out += (out.empty() ? "" : ", ") << task;
    return "[" << out << "]";
  }
  // Around the list until the context has counted enough: it only grows.
  void go_back(std::vector<Text>& names, std::vector<Text>& tasks) {
    const Text first = id(), last = id();
    tasks.insert(tasks.begin(), "{" << first << ": {set: {v: '${ (.v? // 0) + 1 }'}, " << counted() << "}}");
    tasks.push_back("{" << last << ": {switch: [{again: {when: '($context.n // 0) < " << number(2, 5)
                        << "', then: " << first << "}}, {on: {then: continue}}]}}");
    names.push_back(last);
  }
  static Text counted() { return "export: {as: '${ $context + {n: (($context.n // 0) + 1)} }'}"; }
  // Loops around calls, so that a run makes hundreds of decisions.
  Text rounds() {
    const Text round = "[{" << id() << ": {" << call() << "}}, {" << id() << ": {set: {v: '${ $index }'}, " << counted()
                            << "}}]";
    return "[{" << id() << ": {for: {each: x, in: '${ [range(" << number(50, 300) << ")] }'}, do: " << round << "}}, {"
                << id() << ": {" << body(rules_.depth, {}) << "}}]";
  }
  Text branches(int depth) {
    Text out;
    for (std::uint32_t i = 0, n = random_.between(1, 3); i < n; ++i)
      out += (out.empty() ? "{" : ", {") << id() << ": {" << body(depth, {})
                                         << (random_.chance(5) ? ", then: " << pick({"exit", "end"}) : "") << "}}";
    return "[" << out << "]";
  }

  Text common(bool lasts) {
    Text out;
    if (random_.chance(8)) out += ", if: '(($context.n // 0) + (.v? // 0)) < " << number(1, 6) << "'";
    if (random_.chance(12)) out += ", input: {from: '${ {v: (.v? // 0)} }'}";
    if (random_.chance(12)) out += ", output: {as: '${ {v: (.v? // 1)} }'}";
    if (random_.chance(15)) out += ", " << counted();
    if (lasts && random_.chance(12)) out += ", timeout: {after: {seconds: " << number(3, 25) << "}}";
    return out;
  }
  Text call() {
    Text out = "call: openapi, with: " << operation("do", "n: " << number(0, 9) << ", v: '${ .v? // 0 }'");
    // Undoing has no retry of its own here: the party always does it (outside.cc).
    if (random_.chance(65))
      out += ", metadata: {perdure.dev/compensate: {call: openapi, with: "
             << operation("undo", "out: '${ $out }', args: '${ $args }'") << "}}";
    return out;
  }
  static Text operation(const std::string& name, const std::string& parameters) {
    return "{document: {endpoint: 'http://sim.example/api'}, operationId: " << name << ", parameters: {" << parameters
                                                                            << "}}";
  }
  Text body(int depth, const std::vector<Text>& later) {
    if (depth <= 0) return leaf(later);
    const int inner = depth - 1;
    switch (random_.below(15)) {
      case 0:
      case 1: return "do: " << list(inner) << common(true);
      case 2:
        return "for: {each: x, in: " << pick({"'${ [1, 2, 3] }'", "[1, 2]", "'${ [range(4)] }'"}) << ", at: i}"
                                     << (random_.chance(30) ? ", while: '$i < 2 and (.v? // 0) < 9'" : "")
                                     << ", do: " << list(inner) << common(true);
      case 3:
      case 4: return "fork: {branches: " << branches(inner) << "}" << common(true);
      case 5:
      case 6: return "fork: {compete: true, branches: " << branches(inner) << "}" << common(true);
      case 7:
      case 8:
      case 9: return attempt(inner, later) << common(true);
      default: return leaf(later);
    }
  }
  Text attempt(int depth, const std::vector<Text>& later) {
    Text caught;
    const auto add = [&](const std::string& member) { caught += (caught.empty() ? "" : ", ") << member; };
    if (random_.chance(25))
      add("errors: {with: {" << pick({"status: 500", "type: 'https://serverlessworkflow.io/spec/1.0.0/errors/runtime'",
                                      "type: 'https://serverlessworkflow.io/spec/1.0.0/errors/timeout'"})
                             << "}}");
    if (random_.chance(20)) add("as: why, when: '$why.status >= 400'");
    if (random_.chance(60)) add("retry: {" << policy() << "}");
    if (random_.chance(50)) add("do: " << list(depth));
    if (!later.empty() && random_.chance(15)) add("then: " << later[random_.below(later.size())]);
    return "try: " << list(depth) << ", catch: {" << caught << "}";
  }
  Text policy() {
    Text out = "delay: {seconds: " << number(1, 3) << "}";
    const auto backoff = random_.below(4);
    if (backoff < 3)
      out += Text(", backoff: {") << (backoff == 0 ? "constant" : backoff == 1 ? "linear" : "exponential") << ": {}}";
    if (random_.chance(30)) out += ", jitter: {from: {milliseconds: 100}, to: {milliseconds: 700}}";
    if (random_.chance(10)) out += ", when: '.status == 500'";
    out += ", limit: {attempt: {count: " << number(0, 3)
                                         << (random_.chance(15) ? ", duration: {seconds: " << number(3, 9) << "}" : "")
                                         << "}";
    return out << (random_.chance(15) ? ", duration: {seconds: " << number(5, 30) << "}}" : "}");
  }
  Text leaf(const std::vector<Text>& later) {
    switch (random_.below(20)) {
      case 0:
      case 1:
        return "wait: {seconds: " << (random_.chance(60) ? number(1, 20) : number(35, 200)) << "}" << common(true);
      case 2:
      case 3:
      case 4:
        return listen() << common(false)
                        << (random_.chance(35) ? ", timeout: {after: {seconds: " << number(4, 15) << "}}" : "");
      case 5:
      case 6:
      case 7:
        return "emit: {event: {with: {type: " << pick({"a", "b", "c"}) << ", data: {k: " << number(1, 2)
                                              << ", v: '${ $context.n // 0 }'}}}}" << common(false);
      case 8: return "set: {v: '${ (.v? // 0) + 1 }'}" << common(false);
      case 9: return "raise: {error: {type: 'https://sim.example/flaky', status: 500, title: no}}";
      case 10:
        if (later.empty()) return "set: {v: 1}" << common(false);
        return "switch: [{one: {when: '(($context.n // 0) % 2) == 1', then: "
               << later[random_.below(later.size())]
               << "}}, {two: {when: '(.v? // 0) > 3', then: " << pick({"exit", "continue"}) << "}}]";
      case 11:
      case 12:
        if (rules_.subflows.empty()) return call() << common(true);
        return "run: {workflow: {namespace: default, name: " << rules_.subflows[random_.below(rules_.subflows.size())]
                                                             << ", version: latest, input: {v: '${ .v? // 0 }'}}"
                                                             << (random_.chance(12) ? ", await: false" : "") << "}"
                                                             << common(true);
      default: return (random_.chance(50) ? sturdy() : call() << hurried()) << common(false);
    }
  }
  Text hurried() { return random_.chance(40) ? ", timeout: {after: {seconds: " << number(1, 8) << "}}" : ""; }
  // Most calls of real files stand in a try: without it a flow rarely comes far.
  Text sturdy() {
    return "try: [{" << id() << ": {" << call() << hurried() << "}}], catch: {retry: {delay: {seconds: " << number(0, 2)
                     << "}, limit: {attempt: {count: " << number(2, 5) << "}}}}";
  }
  Text filter(const char* type) {
    Text out = Text("{with: {type: ") << type << "}";
    if (random_.chance(45)) out += ", correlate: {k: {from: .data.k}}";
    else if (random_.chance(35)) out += ", correlate: {k: {from: .data.k, expect: " << number(1, 2) << "}}";
    return out << "}";
  }
  Text listen() {
    const Text each = random_.chance(20)
                          ? ", foreach: {item: e, do: [{" << id() << ": {set: {v: '${ $e.v }'}, " << counted() << "}}]}"
                          : "";
    switch (random_.below(5)) {
      case 0: return "listen: {to: {one: " << filter(random_.chance(50) ? "a" : "b") << "}}" << each;
      case 1: return "listen: {to: {all: [" << filter("a") << ", " << filter("b") << "]}}" << each;
      case 2: return "listen: {to: {any: [" << filter("a") << ", " << filter("c") << "]}}" << each;
      case 3: return "listen: {to: {any: [{with: {type: a}}], until: 'length >= 2'}}" << each;
      default: return "listen: {to: {any: [{with: {type: a}}], until: {one: {with: {type: b}}}}}" << each;
    }
  }

  Random& random_;
  const ProgramRules& rules_;
  int count_ = 0;
};

}  // namespace

std::string random_flow(Random& random, const ProgramRules& rules) {
  return as_json(FlowWriter(random, rules).workflow(), rules.name);
}

}  // namespace perdure::sim
