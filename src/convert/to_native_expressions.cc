// What an expression of the standard is in the native dialect: `.` and the variables are expressions over the run's
// document.
#include "base/json.h"
#include "convert/texts.h"
#include "convert/to_native.h"

namespace perdure::convert {
namespace {

constexpr std::size_t k_long = 400;  // bytes of an expression that is worth a name of its own

}  // namespace

// What the variable is, or nothing when it is none of ours.
std::string ToNative::bound(const std::string& name, const std::string& jq, plan::Place at) {
  if (name == "context") return context_;
  if (name == "input") return site_.input;
  if (name == "output") return site_.output;
  if (name == "runtime") return R"({name: "perdure", version: "1", metadata: {}})";
  if (name == "authorization" || name == "secrets") {
    lost(at, "`$" + name + "` is not there", "hand what is needed in as input");
    return name == "secrets" ? "{}" : "null";
  }
  if (name == "workflow") {
    if (mentions(jq, "definition") || mentions(jq, "epoch"))
      lost(at, "`$workflow` has only `id`, `input` and `startedAt.iso8601` there", "write out what is needed");
    return "{id: .run.id, input: .input, startedAt: {iso8601: .run.started_at}}";
  }
  if (name == "task") {
    if (mentions(jq, "definition") || mentions(jq, "startedAt"))
      lost(at, "`$task` has only `name`, `reference`, `input` and `output` there", "write out what is needed");
    const Node& n = task_ != nullptr ? *task_ : node(0);
    return "{name: " + quoted(n.name) + ", reference: " + quoted(n.flow->pointer) + ", input: (" + site_.raw +
           "), output: (" + site_.raw_output + ")}";
  }
  const auto found = variables_.find(name);
  return found != variables_.end() ? found->second : "";
}

std::string ToNative::said(ExprId id) {
  const plan::Expression& e = expression(id);
  const std::string jq = one_line(e.source);
  if (!e.secrets.empty() && jq.starts_with("$secrets") && is_path(jq.substr(8))) return jq;
  if (is_path(jq) || jq == ".") return piped(site_.dot, jq);
  std::string binds;
  const auto bind = [&](const std::string& name) {
    if (!mentions(jq, "$" + name)) return;
    const std::string value = bound(name, jq, e.place);
    if (value.empty()) return;
    // `$name.path` alone is a path of what it stands for.
    const std::string rest = jq.starts_with("$" + name) ? jq.substr(name.size() + 1) : "?";
    if (rest.empty() || is_path(rest)) binds = "=" + (rest.empty() ? value : piped(value, rest));
    else binds += "(" + value + ") as $" + name + " | ";
  };
  for (const std::string_view name : plan::k_flow_variables) bind(std::string(name));
  for (const auto& [name, value] : variables_) bind(name);
  if (binds.starts_with('=')) return binds.substr(1);
  const bool scoped = jq.starts_with("def ") || !binds.empty();
  const std::string whole = piped(site_.dot, jq);
  return scoped || site_.dot != "." ? binds + whole : whole;
}

std::string ToNative::transformed(const Template& t, const std::string& dot) {
  if (t.is_null()) return dot;
  const std::string outer = std::exchange(site_.dot, dot);
  std::string made = jq_of(t);
  site_.dot = outer;
  const bool scoped = made.find(" as $") != std::string::npos || made.find("def ") != std::string::npos;
  return scoped ? "(" + made + ")" : made;
}

// The expression, or a name under which its value is kept from now on: what is long, and what `$context` may change.
std::string ToNative::kept(Doc& list, const std::string& name, const std::string& value) {
  const bool moves = keeps_context_ && value.find(context_) != std::string::npos;
  if (value.size() <= k_long && !moves) return value;
  const std::string own = key("data", name);
  Doc step = Doc::map({{"id", unique(name + "_data")}});
  step.set("set", Doc::map({{own, wrapped(value)}}));
  list.push(std::move(step));
  return member(".context", own);
}

}  // namespace perdure::convert
