// From what a loader has filled to a plan that can be run.
#include "plan/finalize.h"

#include <algorithm>
#include <unordered_map>

#include "base/hash.h"
#include "base/json.h"
#include "expr/hands_on.h"
#include "plan/secrets.h"
#include "plan/spelling.h"
#include "plan/walk.h"

namespace perdure::plan {
namespace {

constexpr std::size_t k_suggestions_max = 100;  // searching the nearest of 100,000 names is for the first errors only

// Where in the source a step or output is named, for the caret.
std::size_t find_use(const std::string& source, std::string_view root, std::string_view name) {
  for (std::size_t at = source.find(root); at != std::string::npos; at = source.find(root, at + 1)) {
    const std::size_t after = at + root.size();
    const std::size_t name_at = source.find(name, after);
    if (name_at != std::string::npos && name_at - after <= 4) return name_at;
  }
  return 0;
}

class Compiler {
 public:
  explicit Compiler(Plan& plan) : plan_(plan) {}

  std::vector<PlanError> run() {
    for (ExprId id = 0; id < plan_.exprs.size(); ++id) {
      Expression& e = plan_.exprs[id];
      if (plan_.data_flow) choose_variables(e);
      if (e.source.find("$secrets") != std::string::npos && !find_secrets(id, e)) continue;
      if (compile(id, e) && !plan_.data_flow) note_uses(id, e);
    }
    if (errors_.empty()) add_parts();
    secrets_in_place();
    return std::move(errors_);
  }

 private:
  // Those that the expression may name; a program has only variables whose values are worth making.
  static void choose_variables(Expression& e) {
    std::vector<std::string> names(k_flow_variables.begin(), k_flow_variables.end());
    for (const std::string& name : e.variables) add_unique(names, name);
    std::erase_if(names, [&](const std::string& name) { return e.source.find("$" + name) == std::string::npos; });
    e.variables = std::move(names);
  }

  // What it reads of `$secrets`; false when that can't be, which is told.
  bool find_secrets(ExprId id, Expression& e) {
    const auto use = secret_use(e);
    if (!use || !use->any) return true;  // compiling it says why, or the word stands in a text
    const std::size_t at = e.source.find("$secrets");
    if (use->whole) {
      errors_.push_back({id, at, "which secret? `$secrets` is read by name", "write it like `$secrets.NAME`"});
      return false;
    }
    if (!use->others) {
      for (const auto& path : use->paths) add_unique(e.secrets, path[0]);
      e.variables = {"secrets"};
      return plan_.data_flow || listed(id, e, at);
    }
    if (plan_.data_flow && expr::hands_on(e.source, {.variables = e.variables}, "secrets")) {
      mixed_.push_back(id);
      for (const auto& path : use->paths) parts_.emplace_back(id, path);
      return true;
    }
    errors_.push_back({id, at,
                       plan_.data_flow ? "this computes with a secret and with something else"
                                       : "an expression that reads `$secrets` reads nothing else",
                       "its value is known only where it is used: put the rest into `${ }` of its own, as in "
                       "`Bearer ${ $secrets.token }`"});
    return false;
  }

  // Each part of a secret that is handed on among other things is an expression by itself.
  void add_parts() {
    for (const auto& [id, path] : parts_) {
      if (find_secret_part(plan_, path) != k_none) continue;
      Expression part;
      part.source = secret_source(path);
      part.place = plan_.exprs[id].place;
      part.owner = plan_.exprs[id].owner;
      part.variables = {"secrets"};
      part.secrets = {path[0]};
      plan_.exprs.push_back(std::move(part));
      compile(static_cast<ExprId>(plan_.exprs.size() - 1), plan_.exprs.back());
    }
  }

  // In the native dialect what is read must be listed; in the standard that is found out at run time.
  bool listed(ExprId id, const Expression& e, std::size_t at) {
    const std::vector<std::string> names = listed_secrets(plan_);
    for (const std::string& name : e.secrets) {
      if (std::find(names.begin(), names.end(), name) != names.end()) continue;
      errors_.push_back({id, at, "the secret `" + name + "` is not listed", "add it to `secrets`"});
      return false;
    }
    return true;
  }

  // A secret can be handed on and given to an activity; anywhere else its value would be needed, and recorded.
  void secrets_in_place() {
    std::vector<bool> fine(plan_.exprs.size());
    const auto allow = [&](const Template& t, const auto& again) -> void {
      if (t.type == Template::Type::expression && t.expr < fine.size()) fine[t.expr] = true;
      for (const Template& part : t.parts) again(part, again);
    };
    for (const Node& n : plan_.nodes) {
      if (n.activity && n.activity->type != "emit") allow(n.activity->with, allow);
      allow(n.set, allow);
      if (!n.flow) continue;
      for (const RareTemplate* t : {&n.flow->input_from, &n.flow->output_as, &n.flow->export_as}) allow(*t, allow);
    }
    // A part of another expression stands where that stands.
    for (const auto& [id, path] : parts_)
      if (const ExprId part = find_secret_part(plan_, path); part != k_none && fine[id]) fine[part] = true;
    for (ExprId id = 0; id < plan_.exprs.size(); ++id) {
      const bool reads =
          !plan_.exprs[id].secrets.empty() || std::find(mixed_.begin(), mixed_.end(), id) != mixed_.end();
      if (!reads || fine[id]) continue;
      errors_.push_back({id, plan_.exprs[id].source.find("$secrets"), "a secret can't be read here",
                         "its value is known only to the call or process that it is given to"});
    }
  }

  bool compile(ExprId id, Expression& e) {
    std::string key;
    for (const std::string& v : e.variables) key.append(v).push_back('\x1f');
    key.append(e.source);
    if (const auto known = programs_.find(key); known != programs_.end()) {
      e.program = known->second;
      return true;
    }
    auto program = expr::Program::compile(e.source, {.variables = e.variables});
    if (!program) {
      errors_.push_back({id, program.error().offset, program.error().message, program.error().hint});
      return false;
    }
    e.program = *program;
    programs_.emplace(std::move(key), *program);
    return true;
  }

  void note_uses(ExprId id, Expression& e) {
    const expr::RootUse& use = e.program->root_use();
    if (use.whole) {
      e.uses_input = e.uses_context = e.uses_run = e.uses_item = e.uses_index = e.uses_error = true;
      e.uses_all_steps = e.uses_all_outputs = true;
    }
    for (const auto& path : use.paths) {
      if (path.empty()) continue;
      const std::string& root = path[0];
      if (root == "input") e.uses_input = true;
      else if (root == "context") e.uses_context = true;
      else if (root == "run") e.uses_run = true;
      else if (root == "item") e.uses_item = true;
      else if (root == "index") e.uses_index = true;
      else if (root == "error") e.uses_error = true;
      else if (root == "outputs" && path.size() == 1) e.uses_all_outputs = true;
      else if (root == "outputs") add_unique(e.outputs, path[1]);
      else if (root == "steps" && path.size() == 1) e.uses_all_steps = true;
      else if (root == "steps") step(id, e, path[1]);
      else unknown_root(id, e, root);
    }
    if (e.uses_all_outputs) e.outputs.clear();
  }

  static void add_unique(std::vector<std::string>& names, const std::string& name) {
    if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
  }

  void step(ExprId id, Expression& e, const std::string& name) {
    for (const StepUse& known : e.steps)
      if (known.name == name) return;
    const Resolved r = resolve(plan_, e.owner, name);
    e.steps.push_back({r.why == Resolved::Why::found ? r.node : k_none, name});
    if (r.why == Resolved::Why::found) return;
    PlanError error{id, find_use(e.source, "steps", name), "", ""};
    if (r.why == Resolved::Why::ambiguous) {
      error.message = "several steps are called `" + name + "`";
      error.hint = "give them different ids, or read it from the output of the block it is in";
    } else if (r.why == Resolved::Why::inside_foreach) {
      const std::string& around = plan_.nodes[r.node].name;
      error.message = "`" + name + "` runs once for each item of `" + around + "`: from outside there is no one result";
      error.hint = "read the list of results: .steps." + around + ".output";
    } else {
      error.message = "no step is called `" + name + "`";
      const std::string_view near = nearest_step(name);
      if (!near.empty()) error.hint = "did you mean `" + std::string(near) + "`?";
    }
    errors_.push_back(std::move(error));
  }

  std::string_view nearest_step(std::string_view name) {
    if (++suggestions_ > k_suggestions_max) return {};
    std::vector<std::string_view> names;
    for (const NodeId n : plan_.by_name) names.push_back(plan_.nodes[n].name);
    return nearest(name, names);
  }

  void unknown_root(ExprId id, const Expression& e, const std::string& root) {
    static const std::vector<std::string_view> roots{"input", "steps", "outputs", "context",
                                                     "run",   "item",  "index",   "error"};
    PlanError error{
        id, 0, "`." + root + "` does not exist: `.` has input, steps, outputs, context, run, item, index, error", ""};
    if (const std::size_t at = e.source.find("." + root); at != std::string::npos) error.offset = at;
    const NodeId step = resolve_step(plan_, e.owner, root);
    if (const std::string_view near = nearest(root, roots); !near.empty()) {
      error.hint = "did you mean `." + std::string(near) + "`?";
    } else if (step != k_none) {
      error.hint = "the result of that step is `.steps." + root + ".output`";
    }
    errors_.push_back(std::move(error));
  }

  Plan& plan_;
  std::vector<PlanError> errors_;
  std::unordered_map<std::string, std::shared_ptr<const expr::Program>> programs_;
  std::size_t suggestions_ = 0;
  std::vector<ExprId> mixed_;  // read secrets and other things
  std::vector<std::pair<ExprId, std::vector<std::string>>> parts_;
};

void write_constant(Template& t) {
  if (t.type == Template::Type::constant) t.constant_json = Bytes(to_json(t.constant));
  for (Template& part : t.parts) write_constant(part);
}

}  // namespace

std::vector<PlanError> compile_expressions(Plan& plan) { return Compiler(plan).run(); }

void write_constants(Plan& plan) {
  // Most templates of most nodes are absent; one shared "null" serves them all.
  const Bytes null_json(std::string("null"));
  const auto write = [&](Template& t, const char*) {
    if (t.is_null()) t.constant_json = null_json;
    else write_constant(t);
  };
  for (Node& node : plan.nodes) for_each_template(node, write);
  write(plan.output, "output");
  for (Update& update : plan.updates) write(update.set, "set");
}

void encode_and_hash(Plan& plan) {
  std::string meaning = encode_meaning(plan);
  plan.hash = sha256_hex(meaning);
  meaning += encode_places(plan);
  plan.encoded = Bytes(std::move(meaning));
}

std::vector<PlanError> finalize(Plan& plan) {
  if (auto wrong = lay_out(plan)) return {{k_none, 0, *wrong, ""}};
  std::vector<PlanError> errors = compile_expressions(plan);
  if (!errors.empty()) return errors;
  write_constants(plan);
  encode_and_hash(plan);
  return errors;
}

Bytes encode(const Plan& plan) {
  if (!plan.encoded.empty()) return plan.encoded;
  return Bytes(encode_meaning(plan) + encode_places(plan));
}

}  // namespace perdure::plan
