// Steps with an effect outside of the engine.
#include <fmt/format.h>

#include <algorithm>

#include "base/json.h"
#include "base/time.h"
#include "convert/texts.h"
#include "convert/to_ows.h"

namespace perdure::convert {
namespace {

bool is_constant(const Template* t, const Value& v) {
  return t != nullptr && t->type == Template::Type::constant && t->constant == v;
}

std::string text_of(const Template* t) {
  return t != nullptr && t->type == Template::Type::constant && t->constant.is_string()
             ? std::string(t->constant.as_string())
             : std::string();
}

std::vector<std::string> keys_of(const Template& t) {
  if (t.type == Template::Type::object) return t.keys;
  std::vector<std::string> keys;
  if (t.constant.is_object())
    for (const auto& [key, v] : t.constant.members()) keys.emplace_back(key.as_string());
  return keys;
}

// Reads members of `with`, and knows which ones nobody asked for.
class Parts {
 public:
  explicit Parts(const Template& with) : with_(with), left_(keys_of(with)) {}
  const Template* get(const char* key) {
    left_.erase(std::remove(left_.begin(), left_.end(), key), left_.end());
    scratch_.emplace_back();
    return part_of(with_, key, scratch_.back());
  }
  const std::vector<std::string>& left() const { return left_; }

 private:
  const Template& with_;
  std::vector<std::string> left_;
  std::deque<Template> scratch_;
};

bool makes_object(const Template& t) {
  return t.type == Template::Type::object || (t.type == Template::Type::constant && t.constant.is_object());
}

}  // namespace

// A mapping, or an expression: what is neither is the driver's to refuse, as it is here.
Doc ToOws::mapping_of(const Template& t) { return makes_object(t) ? doc_of(t) : Doc(wrapped(jq_of(t))); }

// The same for all attempts of one step, another for each item and round: what the engine's own key is.
std::string ToOws::repetition_key(const Node& n) const {
  std::string key = "\\($workflow.id)/" + keys_.at(n.id);
  for (const Loop& loop : loops_)
    if (!loop.index.empty()) key += "/\\(" + loop.index + ")";
  return "\"" + key + "\"";
}

Doc ToOws::activity(const Node& n) {
  const std::string& type = n.activity->type;
  if (!makes_object(n.activity->with) && type != "tool")
    return impossible(n, "arguments that are computed as a whole", "write the members of `with` out");
  if (type == "http") return http(n);
  if (type == "openapi") return openapi(n);
  if (type == "shell" || type == "script") return shell(n);
  if (type == "agent_task") return agent(n);
  const std::string what =
      type.starts_with("tool:") ? "the tool `" + type.substr(5) + "`" : "the activity `" + type + "`";
  return impossible(n, what, "call its service by http, or make a function of it");
}

Doc ToOws::authentication(const Template& auth) {
  Doc made = Doc::map();
  for (const std::string& scheme : keys_of(auth)) {
    Template scratch;
    const Template& policy = *part_of(auth, scheme, scratch);
    if (scheme == "bearer") made.set(scheme, Doc::map({{"token", doc_of(policy)}}));
    else made.set(scheme, doc_of(policy));
  }
  return made;
}

Doc ToOws::http(const Node& n) {
  Parts with(n.activity->with);
  const Template* body = with.get("body");
  const Template* method = with.get("method");
  const bool reads = method == nullptr ? body == nullptr : text_of(method) == "GET" || text_of(method) == "HEAD";
  Doc made = Doc::map({{"method", method != nullptr ? doc_of(*method) : Doc(body != nullptr ? "POST" : "GET")}});
  const Template* url = with.get("url");
  Doc endpoint = url != nullptr ? one_expression(*url) : Doc("");
  const std::string literal_url = url != nullptr ? text_of(url) : "";
  if (literal_url.empty() && url != nullptr) endpoint = Doc(wrapped(jq_of(*url)));
  if (literal_url.find_first_of("{ ") != std::string::npos) endpoint = Doc(wrapped(quoted(literal_url)));
  if (const Template* auth = with.get("auth"); auth != nullptr) {
    if (makes_object(*auth) && keys_of(*auth) != std::vector<std::string>{"header"}) {
      endpoint = Doc::map({{"uri", std::move(endpoint)}});
      endpoint.set("authentication", authentication(*auth));
    } else {
      lost(place_of(n, {"with"}), "`auth` of this form is not carried over", "send the header in `headers`");
    }
  }
  made.set("endpoint", std::move(endpoint));
  const Template* headers = with.get("headers");
  const bool again = n.retry && n.retry->max_attempts != 1;
  if (!n.idempotency_key.is_null() || (again && !reads && !in_compensation_)) {
    const std::string key = n.idempotency_key.is_null() ? repetition_key(n) : jq_of(n.idempotency_key);
    Doc all = headers != nullptr && makes_object(*headers) ? doc_of(*headers) : Doc::map();
    if (headers == nullptr || makes_object(*headers)) {
      if (all.find("Idempotency-Key") == nullptr) all.set("Idempotency-Key", wrapped(key));
      made.set("headers", std::move(all));
    } else {
      made.set("headers", wrapped("{\"Idempotency-Key\": " + key + "} + (" + jq_of(*headers) + ")"));
    }
  } else if (headers != nullptr) {
    made.set("headers", mapping_of(*headers));
  }
  if (const Template* query = with.get("query"); query != nullptr) made.set("query", mapping_of(*query));
  if (body != nullptr) made.set("body", doc_of(*body));
  const Template* output = with.get("output");
  const std::string form = output != nullptr ? text_of(output) : "whole";
  made.set("output", form == "content" || form == "raw" ? form : "response");
  const Template* redirects = with.get("redirects");
  if (!is_constant(redirects, Value(0))) made.set("redirect", Doc(true));
  if (redirects != nullptr && !is_constant(redirects, Value(0)) && !is_constant(redirects, Value(20)))
    changed(place_of(n, {"with"}), "redirects are followed 20 times at most there", "write `redirects: 0` for none");
  const Template* expect = with.get("expect");
  if (expect != nullptr && text_of(expect) != "2xx" && text_of(expect) != "200-399")
    lost(place_of(n, {"with"}), "`expect`: every status but 2xx is an error there",
         "catch the others by `errors: {with: {status: …}}`");
  const Template* timeout = with.get("timeout");
  Doc task = Doc::map({{"call", "http"}, {"with", std::move(made)}});
  if (const auto ms = parse_duration(text_of(timeout)); timeout != nullptr && ms)
    task.set(
        "timeout",
        Doc::map({{"after", iso_duration(n.timeouts.start_to_close_ms > 0 ? std::min(*ms, n.timeouts.start_to_close_ms)
                                                                          : *ms)}}));
  else if (timeout != nullptr)
    lost(place_of(n, {"with"}), "a `timeout` that is computed is not carried over", "write it out");
  for (const std::string& name : with.left())
    lost(place_of(n, {"with"}), "`" + name + "` of http is not carried over", "the standard has no such argument");
  if (form == "whole") shape(task, "{status: .statusCode, headers: .headers, body: .content}");
  return task;
}

Doc ToOws::openapi(const Node& n) {
  Parts with(n.activity->with);
  Doc made = Doc::map();
  for (const char* name : {"document", "operationId"})
    if (const Template* t = with.get(name); t != nullptr) made.set(name, doc_of(*t));
  if (const Template* t = with.get("parameters"); t != nullptr) made.set("parameters", mapping_of(*t));
  if (const Template* auth = with.get("authentication"); auth != nullptr && makes_object(*auth))
    made.set("authentication", authentication(*auth));
  const Template* output = with.get("output");
  const std::string form = output != nullptr ? text_of(output) : "whole";
  made.set("output", form == "content" || form == "raw" ? form : "response");
  if (!is_constant(with.get("redirects"), Value(0))) made.set("redirect", Doc(true));
  for (const std::string& name : with.left())
    lost(place_of(n, {"with"}), "`" + name + "` of openapi is not carried over", "the standard has no such argument");
  Doc task = Doc::map({{"call", "openapi"}, {"with", std::move(made)}});
  if (form == "whole") shape(task, "{status: .statusCode, headers: .headers, body: .content}");
  return task;
}

Doc ToOws::agent(const Node& n) {
  Parts with(n.activity->with);
  Doc made = Doc::map();
  for (const char* name : {"agent_role", "task", "model"})
    if (const Template* t = with.get(name); t != nullptr) made.set(name, one_expression(*t));
  if (const Template* t = with.get("with"); t != nullptr) made.set("inputs", mapping_of(*t));
  return Doc::map({{"call", "agent-task:1.0.0@perdure"}, {"with", std::move(made)}});
}

// `run`, with what a process gets; `return: all` where its exit code or stderr matter.
Doc ToOws::process(const Node& n, Doc run, const Template* env, const Template* stdin_) {
  Doc& inner = run.members().front().second;
  if (stdin_ != nullptr) {
    const bool text = stdin_->type == Template::Type::constant && stdin_->constant.is_string();
    inner.set("stdin", text ? doc_of(*stdin_) : Doc(wrapped(jq_of(*stdin_))));
  }
  if (env != nullptr) inner.set("environment", mapping_of(*env));
  Parts with(n.activity->with);
  const Template* codes = with.get("ok_codes");
  const std::string form = text_of(with.get("return"));
  const std::string parse = text_of(with.get("parse"));
  std::string value;
  if (parse == "json") value = "value: (.stdout | fromjson)";
  if (parse == "lines")
    value = "value: (.stdout | split(\"\\n\") | if .[-1] == \"\" then .[:-1] else . end | map(rtrimstr(\"\\r\")))";
  if (!form.empty() && form != "whole") {
    run.set("return", form);
    if (codes != nullptr)
      lost(place_of(n, {"with", "script"}), "`ok_codes` is not carried over: any exit code but 0 is an error there",
           "let the program exit with 0");
    return Doc::map({{"run", std::move(run)}});
  }
  const bool simple = codes == nullptr && !reads_stderr_;
  if (simple) {
    Doc task = Doc::map({{"run", std::move(run)}});
    shape(task, "{exit_code: 0, stdout: ., stderr: \"\"}");
    if (!value.empty()) shape(task, ". + {" + value + "}");
    return task;
  }
  run.set("return", "all");
  Doc task = Doc::map({{"run", std::move(run)}});
  shape(task, "{exit_code: .code, stdout: .stdout, stderr: .stderr}");
  Doc error = Doc::map({{"type", "https://open-workflow-specification.org/spec/1.0.0/errors/runtime"},
                        {"status", Doc(Value(500))},
                        {"title", "${ \"exit code \\(.exit_code)\" }"},
                        {"detail", "${ .stderr }"}});
  Doc check =
      Doc::map({{"if", wrapped(codes != nullptr ? ".exit_code as $code | (" + jq_of(*codes) + ") | index($code) == null"
                                                : ".exit_code != 0")}});
  check.set("raise", Doc::map({{"error", std::move(error)}}));
  Doc both = do_list({{"run", std::move(task)}, {"check", std::move(check)}});
  if (!value.empty()) shape(both, ". + {" + value + "}");
  return both;
}

Doc ToOws::shell(const Node& n) {
  Parts with(n.activity->with);
  const Template* cwd = with.get("cwd");
  const Template* env = with.get("env");
  const Template* stdin_ = with.get("stdin");
  const auto item = [&](const Template& t) {
    return t.type == Template::Type::constant && !t.constant.is_string() ? Doc(perdure::to_json(t.constant))
                                                                         : one_expression(t);
  };
  const auto items = [&](const Template* t, Doc& into) {
    if (t == nullptr) return true;
    if (t->type == Template::Type::array)
      for (const Template& part : t->parts) into.push(item(part));
    else if (t->type == Template::Type::constant && t->constant.is_array())
      for (const Value& v : t->constant.items())
        into.push(v.is_string() ? Doc(literal(v.as_string())) : Doc(perdure::to_json(v)));
    else return false;
    return true;
  };
  const std::string change = cwd != nullptr ? "cd \"$1\" && shift && " : "";
  Doc arguments = Doc::list();
  if (cwd != nullptr) arguments.push(one_expression(*cwd));
  Doc run = Doc::map();
  const bool script = n.activity->type == "script";
  const std::string language = script ? text_of(with.get("language")) : "";
  if (script && (language == "python" || language == "js") && cwd == nullptr) {
    Doc code = Doc::map({{"language", language}, {"code", text_of(with.get("source"))}});
    if (!items(with.get("args"), arguments))
      return impossible(n, "arguments that are computed as a list", "write them out one by one");
    if (!arguments.empty()) code.set("arguments", std::move(arguments));
    run.set("script", std::move(code));
    return process(n, std::move(run), env, stdin_);
  }
  if (script) {  // the source is an argument: nothing of it is looked at by another shell
    const char* program = language == "python" ? "python3"
                          : language == "js"   ? "node"
                          : language == "sh"   ? "sh"
                                               : "bash";
    const char* option = language == "js" ? "-e" : "-c";
    arguments.push(literal(text_of(with.get("source"))));
    if (language != "python" && language != "js") arguments.push(program);
    if (!items(with.get("args"), arguments))
      return impossible(n, "arguments that are computed as a list", "write them out one by one");
    run.set("shell", Doc::map({{"command", fmt::format("{}exec {} {} \"$@\"", change, program, option)},
                               {"arguments", std::move(arguments)}}));
    return process(n, std::move(run), env, stdin_);
  }
  const bool known = items(with.get("argv"), arguments);
  if (!known || arguments.empty())
    return impossible(n, "a command that is computed as a list", "write its arguments out one by one");
  run.set("shell", Doc::map({{"command", change + "exec \"$@\""}, {"arguments", std::move(arguments)}}));
  return process(n, std::move(run), env, stdin_);
}

}  // namespace perdure::convert
