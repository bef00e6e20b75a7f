// Lists of tasks, and what every task may have.
#include <algorithm>

#include "base/limits.h"
#include "loaders/ows.h"
#include "plan/spelling.h"

namespace perdure::loaders {
namespace {

using plan::Next;
using plan::Then;

struct TaskKind {
  std::string_view name;                      // the member that says so
  std::vector<std::string_view> others = {};  // its other members
};
const std::vector<TaskKind>& kinds() {
  static const std::vector<TaskKind> all{{"call", {"with"}},
                                         {"for", {"while", "do"}},
                                         {"do"},
                                         {"fork"},
                                         {"emit"},
                                         {"listen", {"foreach"}},
                                         {"raise"},
                                         {"run"},
                                         {"set"},
                                         {"switch"},
                                         {"try", {"catch"}},
                                         {"wait"}};
  return all;
}
constexpr std::string_view k_common[] = {"if", "input", "output", "export", "timeout", "then", "metadata"};

const TaskKind* kind_named(std::string_view name) {
  for (const TaskKind& k : kinds())
    if (k.name == name) return &k;
  return nullptr;
}

const TaskKind* kind_with(std::string_view member) {
  for (const TaskKind& k : kinds())
    if (std::find(k.others.begin(), k.others.end(), member) != k.others.end()) return &k;
  return nullptr;
}

bool is_task_name(std::string_view name) {
  return !name.empty() && name.size() <= k_id_bytes_max && std::none_of(name.begin(), name.end(), [](char c) {
    return static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
  });
}

}  // namespace

std::string escaped(std::string_view name) {
  std::string out;
  for (const char c : name) {
    if (c == '~') out += "~0";
    else if (c == '/') out += "~1";
    else out.push_back(c);
  }
  return out;
}

// ---- lists

TaskList OwsLoader::names_of(const YamlNode& list, TaskList::Of of) {
  TaskList names;
  names.of = of;
  if (list.type != YamlNode::Type::sequence) return names;
  for (std::size_t i = 0; i < tree_.size(list); ++i) {
    const YamlNode& item = tree_.item(list, i);
    const bool one = item.type == YamlNode::Type::mapping && tree_.size(item) > 0;
    const std::string_view name = one ? tree_.key(item, 0).text : std::string_view();
    names.names.push_back(name);
    if (one) names.index.emplace(name, static_cast<std::uint32_t>(i));
  }
  return names;
}

void OwsLoader::fill(NodeId id, const YamlNode& list, const std::string& pointer, TaskList::Of of) {
  if (list.type != YamlNode::Type::sequence) {
    return error(list, "a list of tasks is expected here",
                 list.type == YamlNode::Type::mapping ? "begin each task with `- `" : "");
  }
  TaskList names = names_of(list, of);
  names.first = static_cast<std::uint32_t>(at(id).children.size());
  for (std::size_t i = 0; i < tree_.size(list) && !stopped_; ++i) {
    const YamlNode& item = tree_.item(list, i);
    const std::string at_item = pointer + "/" + std::to_string(i);
    const bool mapping = item.type == YamlNode::Type::mapping && tree_.size(item) > 0;
    const bool flat = mapping && tree_.size(item) > 1 && tree_.value(item, 0).type == YamlNode::Type::scalar;
    if (!mapping) error(item, "a task is written `- NAME: {…}`");
    if (flat)
      error(tree_.key(item, 1), "`" + std::string(tree_.key(item, 1).text.substr(0, 80)) + "` stands beside its task",
            "indent what belongs to `" + std::string(tree_.key(item, 0).text.substr(0, 80)) + "`");
    if (!mapping || flat) {
      const NodeId nothing = make(item, "task" + std::to_string(i), true, id, at_item);
      at(id).children.push_back(nothing);
      continue;
    }
    const YamlNode& key = tree_.key(item, 0);
    if (tree_.size(item) > 1) {
      error(tree_.key(item, 1),
            "an item of the list is one task, and `" + std::string(key.text.substr(0, 80)) + "` is it",
            "begin each task with `- `");
    } else if (const auto first = names.index.find(key.text); first->second != i) {
      error(key, "two tasks of this list are called `" + std::string(key.text.substr(0, 80)) + "`",
            "the first is on line " + std::to_string(tree_.item(list, first->second).place.line));
    }
    const YamlNode& value = tree_.value(item, 0);
    const NodeId made = task(key, value, id, at_item + "/" + escaped(key.text), names);
    at(id).children.push_back(made);
  }
  at(id).children.shrink_to_fit();
}

NodeId OwsLoader::body(const YamlNode& list, NodeId parent, std::string_view name, const std::string& pointer) {
  const NodeId id = make(list, std::string(name), true, parent, flow(parent).pointer);
  fill(id, list, pointer);
  return id;
}

NodeId OwsLoader::make(const YamlNode& node, std::string name, bool made_up, NodeId parent, std::string pointer) {
  const NodeId id = add(node, std::move(name), made_up, parent);
  at(id).kind = plan::Kind::tasks;
  at(id).flow = std::make_unique<plan::Flow>();
  at(id).flow->pointer = std::move(pointer);
  return id;
}

// ---- one task

// Which member says what kind of task it is; empty when none does, which is told.
std::string_view OwsLoader::kind_of(const YamlNode& key, const YamlNode& node) {
  const TaskKind* kind = nullptr;
  for (const TaskKind& k : kinds()) {
    if (tree_.find(node, k.name) == nullptr || (k.name == "do" && kind != nullptr && kind->name == "for")) continue;
    if (kind != nullptr) {
      error(key,
            "a task is of one kind: `" + std::string(kind->name) + "` and `" + std::string(k.name) +
                "` exclude each other",
            "make two tasks of it");
      return {};
    }
    kind = &k;
  }
  std::vector<std::string_view> words;
  for (const TaskKind& k : kinds()) words.push_back(k.name);
  for (std::size_t i = 0; i < tree_.size(node) && kind == nullptr; ++i) {
    const std::string_view word = tree_.key(node, i).text;
    if (std::find(std::begin(k_common), std::end(k_common), word) == std::end(k_common) && kind_with(word) == nullptr)
      kind = kind_named(plan::nearest(word, words));
  }
  if (kind == nullptr) {
    error(key, "the task `" + std::string(key.text.substr(0, 80)) + "` does not say what to do",
          "give it one of call, do, emit, for, fork, listen, raise, run, set, switch, try, wait");
    return {};
  }
  return kind->name;
}

NodeId OwsLoader::task(const YamlNode& key, const YamlNode& node, NodeId parent, const std::string& pointer,
                       const TaskList& list) {
  const NodeId id = make(key, std::string(key.text), false, parent, pointer);
  if (++steps_ > limits_.steps || depth_ >= plan::k_nesting_max) {
    if (!stopped_)
      error(key, depth_ >= plan::k_nesting_max
                     ? "tasks are nested more than " + std::to_string(plan::k_nesting_max) + " deep (the limit)"
                     : "the workflow has more than " + std::to_string(limits_.steps) + " tasks (the limit)");
    stopped_ = true;
    return id;
  }
  if (!is_task_name(key.text)) {
    error(key,
          "a task's name is a text of at most " + std::to_string(k_id_bytes_max) + " bytes without control characters");
  } else if (key.text == "continue" || key.text == "exit" || key.text == "end") {
    error(key, "a task can't be called `" + std::string(key.text) + "`: `then: " + std::string(key.text) +
                   "` means something else");
  }
  if (node.type != YamlNode::Type::mapping) {
    error(node, "the task `" + std::string(key.text.substr(0, 80)) + "` does not say what to do",
          "give it `call`, `do`, `set`, `switch` or another kind");
    return id;
  }
  const TaskKind* kind = kind_named(kind_of(key, node));
  if (kind == nullptr) return id;
  std::vector<std::string_view> members(std::begin(k_common), std::end(k_common));
  members.push_back(kind->name);
  members.insert(members.end(), kind->others.begin(), kind->others.end());
  const Members m(*this, node, key.text, std::move(members));
  ++depth_;
  if (const auto extensions = extensions_of(kind->name); !extensions.empty()) {
    extended(id, m, kind->name, key, node, list, extensions);
  } else {
    route(id, m, list);
    stages(id, m);
    kind_body(id, m, kind->name, node, list);
  }
  --depth_;
  return id;
}

void OwsLoader::input_of(NodeId id, const YamlNode* node, Stage stage) {
  if (node == nullptr) return;
  const Members m(*this, *node, "input", {"schema", "from"});
  if (const YamlNode* n = m.get("schema"); n != nullptr) flow(id).input_schema = data_schema(*n, "input.schema");
  if (const YamlNode* n = m.get("from"); n != nullptr) {
    Template t = transform(*n, "from", id, stage);
    flow(id).input_from = std::move(t);
  }
}

void OwsLoader::output_of(NodeId id, const YamlNode* node, Stage stage) {
  if (node == nullptr) return;
  const Members m(*this, *node, "output", {"schema", "as"});
  if (const YamlNode* n = m.get("schema"); n != nullptr) flow(id).output_schema = data_schema(*n, "output.schema");
  if (const YamlNode* n = m.get("as"); n != nullptr) {
    Template t = transform(*n, "as", id, stage);
    flow(id).output_as = std::move(t);
  }
}

void OwsLoader::export_of(NodeId id, const YamlNode* node) {
  if (node == nullptr) return;
  const Members m(*this, *node, "export", {"schema", "as"});
  if (const YamlNode* n = m.get("schema"); n != nullptr) flow(id).export_schema = data_schema(*n, "export.schema");
  if (const YamlNode* n = m.get("as"); n != nullptr) {
    Template t = transform(*n, "as", id, Stage::export_);
    flow(id).export_as = std::move(t);
  }
}

// Whether it runs, and where the flow goes on.
void OwsLoader::route(NodeId id, const Members& m, const TaskList& list) {
  const ExprId when = expression(m.get("if"), "if", id, Stage::entry);
  at(id).when = when;
  flow(id).then = then(m.get("then"), list);
  if (const YamlNode* n = m.get("metadata"); n != nullptr && n->type != YamlNode::Type::mapping)
    error(*n, "`metadata` takes a mapping");
}

// Its data, its time, and what only Perdure reads.
void OwsLoader::stages(NodeId id, const Members& m) {
  input_of(id, m.get("input"), Stage::entry);
  output_of(id, m.get("output"), Stage::output);
  export_of(id, m.get("export"));
  if (const YamlNode* n = m.get("timeout"); n != nullptr) timeout(id, *n);
  if (const YamlNode* n = m.get("metadata"); n != nullptr && n->type == YamlNode::Type::mapping) metadata_of(id, *n);
}

Then OwsLoader::then(const YamlNode* node, const TaskList& list) {
  if (node == nullptr) return {};
  const auto name = text(*node, "then");
  if (!name || list.of == TaskList::Of::function || *name == "continue") return {};
  if (*name == "exit") return {Next::exit, 0};
  if (*name == "end") return {Next::end, 0};
  const auto found = list.index.find(*name);
  if (list.of == TaskList::Of::branches) {
    error(*node, "a branch can't go on with `" + name->substr(0, 80) + "`: branches run at the same time",
          "`then` of a branch is continue, exit or end");
  } else if (found != list.index.end()) {
    return {Next::jump, list.first + found->second};
  } else {
    std::vector<std::string_view> all = list.names;
    for (const char* word : {"continue", "exit", "end"}) all.emplace_back(word);
    error(*node, "`then` names `" + name->substr(0, 80) + "`, which is no task of this list", did_you_mean(*name, all));
  }
  return {};
}

// ---- metadata

// Of a free map; but a slip in a name of ours is told.
void OwsLoader::metadata_of(NodeId id, const YamlNode& node) {
  for (std::size_t i = 0; i < tree_.size(node); ++i) {
    const YamlNode& key = tree_.key(node, i);
    const YamlNode& v = tree_.value(node, i);
    if (!key.text.starts_with("perdure.dev/")) continue;
    if (key.text == "perdure.dev/summary") {
      at(id).summary = text(v, key.text).value_or("");
    } else if (key.text == "perdure.dev/budget") {
      at(id).budget = budget(v);
    } else if (key.text == "perdure.dev/compensate") {
      compensation(id, v);
    } else {
      error(key, "Perdure knows no `" + std::string(key.text.substr(0, 80)) + "`",
            did_you_mean(key.text, {"perdure.dev/compensate", "perdure.dev/budget", "perdure.dev/summary"}));
    }
  }
}

// Which errors are worth another attempt is the engine's to say, so the policy has no conditions.
void OwsLoader::compensation_retry(NodeId id, const YamlNode& node) {
  const YamlNode* policy = node.type == YamlNode::Type::scalar ? defined(node, "retry", retries_) : &node;
  if (policy == nullptr) return;
  const Members m(*this, *policy, "retry", {"delay", "backoff", "limit"});
  const YamlNode* limit = m.get("limit");
  if (limit != nullptr && limit->type == YamlNode::Type::mapping) {
    if (const Members l(*this, *limit, "limit", {"attempt"}); l.get("attempt") != nullptr)
      if (const Members a(*this, *l.get("attempt"), "attempt", {"count"}); a.slipped()) return;
  }
  if (!m.valid() || m.slipped()) return;
  plan::Catch made;
  plan::FlowCatch unused;
  const std::size_t before = errors_;
  retry(id, *policy, made, unused);
  if (errors_ == before && made.retry) at(id).retry = std::make_shared<const plan::Retry>(*std::move(made.retry));
}

// One call or process; `.` and $out are what it undoes, $args what that was given.
void OwsLoader::compensation(NodeId id, const YamlNode& node) {
  static const std::vector<std::string_view> k_members{"call", "with", "run", "timeout", "retry"};
  const Members m(*this, node, "perdure.dev/compensate", k_members);
  if (!m.valid()) return;
  const YamlNode* call = m.get("call");
  const YamlNode* run = m.get("run");
  if ((call == nullptr) == (run == nullptr)) {
    if (!m.slipped()) error(node, "a compensation has `call` or `run`");
    return;
  }
  const std::vector<std::string> outer = std::exchange(variables_, {"out", "args"});
  const NodeId made = make(node, "compensation", true, id, flow(id).pointer);
  if (const YamlNode* n = m.get("timeout"); n != nullptr) timeout(made, *n);
  const std::size_t before = errors_;
  kind_body(made, m, call != nullptr ? "call" : "run", node, {});
  if (const YamlNode* n = m.get("retry"); n != nullptr) compensation_retry(made, *n);
  variables_ = outer;
  if (at(made).kind != plan::Kind::activity && errors_ == before)
    error(call != nullptr ? *call : *run, "a compensation is one call or process, not a function or workflow");
  at(made).kind = plan::Kind::activity;  // also after a mistake, which was told
  at(id).compensation = made;
}

}  // namespace perdure::loaders
