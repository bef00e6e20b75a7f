#include "sim/program.h"

#include <initializer_list>

#include "base/check.h"
#include "base/json.h"
#include "loaders/yaml_tree.h"

namespace perdure::sim {
namespace {

class Writer {
 public:
  Writer(Random& random, const ProgramRules& rules) : random_(random), rules_(rules) {}

  Text workflow() {
    Text out = "name: " << rules_.name << "\nversion: \"1\"\ncontext: {go: true, n: 0}\n";
    out += random_.chance(rules_.busy ? 100 : 65)
               ? "defaults: {retry: {max_attempts: " << number(2, 4) << ", initial: " << number(1, 3)
                                                     << "s, jitter: " << pick({"none", "full", "equal"}) << "}}\n"
               : "defaults: {retry: none}\n";
    Text limits;
    if (random_.chance(30)) limits = "parallel: " << number(1, 3);
    if (random_.chance(12)) limits += (limits.empty() ? "" : ", ") << Text("timeout: ") << number(20, 90) << "s";
    if (!limits.empty()) out += "limits: {" << limits << "}\n";
    out += "queries: {n: .context.n}\n";
    out += "updates: {bump: {validate: '$arg | type == \"number\"', set: {n: '${ $arg }'}}}\n";
    const auto shape = random_.below(100);
    if (rules_.storm) out += "steps: " << storm() << "\n";
    else if (rules_.busy) out += "steps: " << rounds() << "\n";
    else if (shape < 12) out += "modules: " << dag(rules_.depth) << "\n";
    else if (shape < 24) out += "steps: " << graph(rules_.depth) << "\n";
    else out += "steps: " << list(rules_.depth) << "\n";
    return out;
  }

 private:
  Text id() { return "s" << std::to_string(++count_); }
  Text number(std::uint32_t low, std::uint32_t high) { return std::to_string(random_.between(low, high)); }
  Text pick(std::initializer_list<const char*> all) { return *(all.begin() + random_.below(all.size())); }
  std::uint32_t width(int depth) { return random_.between(1, depth > 1 ? 4 : 2); }
  static Text item(const Text& name, const Text& rest) { return Text("{id: ") << name << ", " << rest << "}"; }
  Text item(const Text& rest) { return item(id(), rest); }

  Text list(int depth) {
    Text out = "[";
    const auto n = width(depth);
    for (std::uint32_t i = 0; i < n; ++i) {
      const Text name = id();
      out += (i == 0 ? "" : ", ") << item(name, body(depth) << (random_.chance(4) ? ", pivot: true" : ""));
    }
    return out << "]";
  }
  Text dag(int depth) {
    Text out = "[";
    std::vector<Text> before;
    for (std::uint32_t i = 0, n = width(depth) + 1; i < n; ++i) {
      const Text name = id();
      Text after;
      if (!before.empty() && (i == 1 || random_.chance(60)))
        after = ", depends_on: [" << before[random_.below(before.size())] << "]";
      before.push_back(name);
      out += (i == 0 ? "" : ", ") << item(name, body(depth) << after);
    }
    return out << "]";
  }
  // Loops around everything else, so that a run makes hundreds of decisions.
  Text rounds() {
    Text out = "[";
    for (std::uint32_t i = 0, n = random_.between(1, 2); i < n; ++i) {
      const Text name = id();
      const bool simple = random_.chance(65);
      const Text round =
          simple ? "[" << item(activity() << (random_.chance(50) ? ", on_error: continue" : "")) << "]" : list(1);
      const Text times = simple ? number(200, 1'200) : number(20, 80);
      out += (i == 0 ? "" : ", ") << item(name, random_.chance(70) ? "times: " << times << ", steps: " << round
                                                                   : "type: loop, foreach: '[range("
                                                                         << times << ")]', parallel: " << number(1, 8)
                                                                         << ", steps: " << round);
      out += ", " << item(body(rules_.depth));
    }
    return out << "]";
  }
  Text storm() {
    const Text items = "foreach: '[range(" << number(1000, 3000) << ")]', parallel: 5000, ";
    const Text first = item(items << "wait: " << number(5, 100) << "s");
    const Text name = id();
    const Text second =
        item(name, items << (random_.chance(50) ? "call: sim.do, retry: {max_attempts: 3, initial: 4s, jitter: none}"
                                                : "wait_until: '${ .run.started_at | fromdate + 300 | todate }'"));
    return "[" << first << (random_.chance(50) ? ", " << second : "") << ", " << item(body(1)) << "]";
  }
  // A diamond, a chain, or a choice that joins.
  Text graph(int depth) {
    const Text a = id(), b = id(), c = id(), d = id();
    switch (random_.below(3)) {
      case 0:
        return "[" << item(a, body(depth) << ", next_steps: [" << b << ", " << c << "]") << ", "
                   << item(b, body(depth) << ", next_steps: [" << d << "]") << ", "
                   << item(c, body(depth) << ", next_steps: [" << d << "]") << ", " << item(d, body(depth)) << "]";
      case 1:
        return "[" << item(a, body(depth) << ", next_steps: [" << b << "]") << ", "
                   << item(b, body(depth) << ", next_steps: [" << c << "]") << ", " << item(c, body(depth)) << "]";
      default:
        return "[" << item(a, "condition: .context.go, next_steps: [" << b << ", " << c << "]") << ", "
                   << item(b, body(depth) << ", next_steps: [" << d << "]") << ", "
                   << item(c, body(depth) << ", next_steps: [" << d << "]") << ", " << item(d, body(depth)) << "]";
    }
  }
  Text activity() {
    Text limits, told;  // the party is told its limits, too, and sees whether they hold
    if (random_.chance(8)) {
      const Text service = pick({"bank", "shop"}), failures = number(1, 3), open_for = number(2, 12);
      limits = ", breaker: {service: " << service << ", failures: " << failures << ", open_for: " << open_for
                                       << "s, successes: 1}";
      told = ", service: " << service << ", failures: " << failures << ", open_for: " << open_for;
    }
    if (rules_.rated && random_.chance(6)) {
      limits += ", rate_limit: 2/s";
      told += (told.empty() ? ", service: any" : "") << Text(", rate: 2");
    }
    Text out = "call: sim.do, with: {n: "
               << number(0, 9) << told
               << (random_.chance(rules_.busy ? 1 : 6)
                       ? ", big: '${ [range(" << number(300, rules_.huge ? 20'000 : 2'500) << ")] | tostring }'"
                       : "")
               << "}" << limits;
    // Undoing is retried until it works: what is left in force is then the engine's doing.
    if (random_.chance(65))
      out +=
          ", compensation: {call: sim.undo, retry: {max_attempts: 1000, initial: 1s, max_interval: 5s, jitter: none}, "
          "with: {out: '${ $out }', args: '${ $args }'}}";
    if (random_.chance(12)) out += ", timeout: " << number(1, 8) << "s";
    else if (random_.chance(6)) out += ", timeout: {schedule_to_close: " << number(5, 20) << "s}";
    else if (random_.chance(rules_.crowded ? 25 : 4)) out += ", timeout: {schedule_to_start: " << number(2, 9) << "s}";
    if (random_.chance(10))
      out += ", retry: {max_attempts: " << number(1, 5) << ", initial: " << number(0, 2) << "s, jitter: none}";
    if (random_.chance(8)) out += ", priority: " << pick({"low", "normal", "high", "critical"});
    return out;
  }
  // Fields that any step may have.
  Text common(int depth, bool block) {
    Text out;
    if (random_.chance(12)) out += ", on_error: continue";
    else if (random_.chance(10) && depth > 0) out += ", on_error: {fallback: " << item(body(depth - 1)) << "}";
    if (block && random_.chance(25)) out += ", saga: scope";
    if (block && random_.chance(15)) out += ", retry: {max_attempts: 2, initial: 2s, jitter: none}";
    if (block && random_.chance(12)) out += ", timeout: " << number(5, 25) << "s";
    if (random_.chance(8)) out += ", when: .context.go";
    if (random_.chance(10)) out += ", foreach: '[1,2,3]', parallel: " << number(1, 3);
    return out;
  }
  Text body(int depth) {
    if (rules_.nested && !rules_.subflows.empty() && random_.chance(25)) return subflow();
    if (depth <= 0) return leaf();
    const int inner = depth - 1;
    switch (random_.below(18)) {
      case 0: return "type: sequential, steps: " << list(inner) << common(inner, true);
      case 1:
      case 2: return "type: parallel, steps: " << list(inner) << common(inner, true);
      case 3: return "type: sequential, steps: " << dag(inner) << common(inner, true);
      case 4: return "type: sequential, steps: " << graph(inner) << common(inner, true);
      case 5: return "race: " << list(inner) << common(inner, true);
      case 6:
        return "condition: .context.go, then: " << list(inner) << ", else: " << list(inner) << common(inner, true);
      case 7:
        return "switch: [{when: .context.n > 2, steps: " << list(inner)
                                                         << "}, {when: .context.go, steps: " << list(inner)
                                                         << "}, {default: true, steps: " << list(inner) << "}]"
                                                         << common(inner, true);
      case 8: return "times: " << number(0, 3) << ", steps: " << list(inner);
      case 9:
        return pick({"while: .context.n < 3", "until: .context.n >= 2"})
               << ", max_iterations: " << number(2, 6) << ", steps: [" << item(body(inner)) << ", "
               << item("set: {n: '${ .context.n + 1 }'}") << "]" << common(inner, true);
      case 10: return "type: loop, foreach: '[1,2]', parallel: " << number(1, 2) << ", steps: " << list(inner);
      case 11:
      case 12: return attempt(inner);
      default: return leaf();
    }
  }
  Text attempt(int depth) {
    Text out = "try: " << list(depth);
    Text catches;
    if (random_.chance(30)) catches = "{errors: [flaky], retry: {max_attempts: 2, initial: 1s, jitter: none}}";
    if (random_.chance(40)) catches += (catches.empty() ? "" : ", ") << Text("{steps: ") << list(depth) << "}";
    if (!catches.empty()) out += ", catch: [" << catches << "]";
    if (catches.empty() || random_.chance(50)) out += ", finally: " << list(depth);
    return out << common(depth, true);
  }
  Text subflow() {
    return "subflow: " << rules_.subflows[random_.below(rules_.subflows.size())]
                       << (random_.chance(25) ? ", timeout: 10s" : "") << (random_.chance(10) ? ", wait: false" : "")
                       << (random_.chance(25) ? ", retry: {max_attempts: 2, initial: 1s, jitter: none}" : "")
                       << common(0, false);
  }
  Text leaf() {
    switch (random_.below(18)) {
      case 0: return "wait: " << (random_.chance(60) ? number(1, 20) : number(35, 200)) << "s" << common(0, false);
      case 1:
        return random_.chance(50) ? "listen: go" : "listen: {signal: " << pick({"go", "stop"}) << ", timeout: 8s}";
      case 2: return "set: {go: " << pick({"true", "false"}) << "}";
      case 3: return "emit: {type: e, data: 1}";
      case 4: return random_.chance(40) ? "raise: {type: flaky}" : "set: {id: '${ .run.id }'}";
      case 5: return rules_.subflows.empty() ? activity() : subflow();
      case 6:
        return "type: human_review, reviewers: [ann, bob], quorum: "
               << number(1, 2) << ", timeout: " << number(6, 20)
               << "s, on_timeout: " << pick({"reject", "approve", "escalate"})
               << ", escalate_to: eve, on_reject: " << pick({"fail", "continue"}) << common(0, false);
      case 7:
        if (rules_.subflows.empty()) return activity();
        return "map: {tasks: '${ [{id: \"a\", call: \"sim.do\", with: {n: 1}}, {id: \"b\", call: \"sim.do\", with: {n: "
               "2}, "
               "depends_on: [\"a\"]}] }'}"
               << common(0, false);
      case 8: return "wait_until: '${ .run.started_at | fromdate + 5 | todate }'";
      default: return activity() << common(1, false);
    }
  }

  Random& random_;
  const ProgramRules& rules_;
  int count_ = 0;
};

}  // namespace

std::string as_json(const std::string& text, const std::string& name) {
  const loaders::SourceText source(text, name);
  std::vector<loaders::Diagnostic> problems;
  const auto tree = loaders::read_yaml(source, {}, problems);
  CHECK(tree.has_value() && problems.empty());
  return to_json(loaders::to_value(*tree, tree->root()));
}

std::string random_program(Random& random, const ProgramRules& rules) {
  return as_json(Writer(random, rules).workflow(), rules.name);
}

}  // namespace perdure::sim
