// The tasks that the engine itself carries out.
#include <algorithm>

#include "base/limits.h"
#include "loaders/ows.h"

namespace perdure::loaders {
namespace {

using plan::Kind;

constexpr std::uint32_t k_attempts_max = 10'000;  // where the author set no limit (X13)
constexpr DurationMs k_backoff_max_ms = 365LL * 24 * 3600 * 1000;

}  // namespace

void OwsLoader::kind_body(NodeId id, const Members& m, std::string_view kind, const YamlNode& node,
                          const TaskList& list) {
  const YamlNode* own = m.get(kind);
  if (own == nullptr) return;  // misspelt beyond what was guessed
  const std::string& pointer = flow(id).pointer;
  if (kind == "call") return call_body(id, m, *own);
  if (kind == "do") return fill(id, *own, std::string(pointer) + "/do");
  if (kind == "emit") return emit_body(id, *own);
  if (kind == "for") return for_body(id, m, node);
  if (kind == "fork") return fork_body(id, *own);
  if (kind == "listen") return listen_body(id, m, *own);
  if (kind == "raise") return raise_body(id, *own);
  if (kind == "run") return run_body(id, *own);
  if (kind == "set") return set_body(id, *own);
  if (kind == "switch") return switch_body(id, *own, list);
  if (kind == "try") return try_body(id, m, node, list);
  return wait_body(id, *own);
}

void OwsLoader::for_body(NodeId id, const Members& m, const YamlNode& node) {
  at(id).kind = Kind::each;
  auto each = std::make_unique<plan::EachSpec>();
  const Members loop(*this, *m.get("for"), "for", {"each", "in", "at"});
  each->item = variable(loop.get("each"), "each", each->item);
  each->index = variable(loop.get("at"), "at", each->index);
  if (each->item == each->index && loop.valid())
    error(*m.get("for"), "the item and its index can't both be called `" + each->item + "`");
  if (const YamlNode* in = loop.get("in"); in != nullptr) {
    if (in->type == YamlNode::Type::scalar) each->in = expression(in, "in", id, Stage::work);
    else if (in->type == YamlNode::Type::sequence) each->in = add_derived(*in, as_source(data(*in, id)), id);
    else error(*in, "`in` takes a list or an expression that gives one");
  } else {
    required(loop, *m.get("for"), "for", {"in"});
  }
  const std::vector<std::string> outer = variables_;
  variables_.push_back(each->item);
  variables_.push_back(each->index);
  each->while_ = expression(m.get("while"), "while", id, Stage::asked);
  flow(id).each = std::move(each);
  if (const YamlNode* n = m.get("do"); n != nullptr) {
    const NodeId made = body(*n, id, "do", flow(id).pointer + "/do");
    at(id).children = {made};
  } else {
    required(m, node, "for", {"do"});
  }
  variables_ = outer;
}

void OwsLoader::fork_body(NodeId id, const YamlNode& node) {
  at(id).kind = Kind::parallel;
  const Members m(*this, node, "fork", {"branches", "compete"});
  bool compete = false;
  if (const YamlNode* n = m.get("compete"); n != nullptr) compete = boolean(*n, "compete").value_or(false);
  if (compete) at(id).kind = Kind::race;
  const YamlNode* branches = m.get("branches");
  if (branches == nullptr) return (void)required(m, node, "fork", {"branches"});
  if (compete && branches->type == YamlNode::Type::sequence && tree_.size(*branches) == 0)
    error(*branches, "a fork that competes needs a branch that can win");
  fill(id, *branches, flow(id).pointer + "/fork/branches", TaskList::Of::branches);
}

void OwsLoader::switch_body(NodeId id, const YamlNode& node, const TaskList& list) {
  at(id).kind = Kind::select;
  if (node.type != YamlNode::Type::sequence || tree_.size(node) == 0)
    return error(node, "`switch` takes a list of cases, `- NAME: {when: …, then: …}`");
  std::optional<plan::Then> fallback;
  const YamlNode* fallback_at = nullptr;
  for (std::size_t i = 0; i < tree_.size(node); ++i) {
    const YamlNode& item = tree_.item(node, i);
    if (item.type != YamlNode::Type::mapping || tree_.size(item) != 1) {
      error(item, "a case is written `- NAME: {when: …, then: …}`",
            item.type == YamlNode::Type::mapping && tree_.find(item, "then") != nullptr ? "give it a name" : "");
      continue;
    }
    const YamlNode& one = tree_.value(item, 0);
    const Members m(*this, one, tree_.key(item, 0).text, {"when", "then"});
    if (!required(m, one, tree_.key(item, 0).text, {"then"})) continue;
    const plan::Then next = then(m.get("then"), list);
    if (const YamlNode* when = m.get("when"); when != nullptr) {
      const ExprId holds = expression(when, "when", id, Stage::work);
      at(id).cases.push_back({holds, k_none});
      flow(id).case_then.push_back(next);
    } else if (m.slipped()) {
      continue;
    } else if (fallback) {
      error(tree_.key(item, 0), "a switch has one default: this case too has no `when`",
            "the first is on line " + std::to_string(fallback_at->place.line));
    } else {
      fallback = next;
      fallback_at = &tree_.key(item, 0);
    }
  }
  if (!fallback) return;
  at(id).cases.push_back({k_none, k_none});  // tried last, wherever it stands (T5)
  flow(id).case_then.push_back(*fallback);
}

void OwsLoader::try_body(NodeId id, const Members& m, const YamlNode& node, const TaskList& list) {
  at(id).kind = Kind::attempt;
  const NodeId tried = body(*m.get("try"), id, "try", flow(id).pointer + "/try");
  at(id).children = {tried};
  if (const YamlNode* n = m.get("catch"); n != nullptr) catch_body(id, *n, list);
  else required(m, node, "try", {"catch"});
}

void OwsLoader::catch_body(NodeId id, const YamlNode& node, const TaskList& list) {
  const Members m(*this, node, "catch", {"errors", "as", "when", "exceptWhen", "retry", "do", "then"});
  if (!m.valid()) return;
  plan::Catch made;
  plan::FlowCatch flow_made;
  if (const YamlNode* errors = m.get("errors"); errors != nullptr) {
    const Members e(*this, *errors, "errors", {"with"});
    if (const YamlNode* with = e.get("with"); with != nullptr) {
      const Members f(*this, *with, "with", {"type", "status", "instance", "title", "detail"});
      const auto take = [&](std::string_view name, std::string& into) {
        if (const YamlNode* n = f.get(name); n != nullptr) into = text(*n, name).value_or("");
      };
      take("type", flow_made.with.type);
      take("instance", flow_made.with.instance);
      take("title", flow_made.with.title);
      take("detail", flow_made.with.detail);
      if (const YamlNode* n = f.get("status"); n != nullptr)
        flow_made.with.status = static_cast<std::uint32_t>(integer(*n, "status", 1, 999).value_or(0));
    }
  }
  flow_made.as = variable(m.get("as"), "as", flow_made.as);
  const std::vector<std::string> outer = variables_;
  variables_.push_back(flow_made.as);
  made.when = expression(m.get("when"), "when", id, Stage::asked);
  flow_made.except_when = expression(m.get("exceptWhen"), "exceptWhen", id, Stage::asked);
  if (const YamlNode* n = m.get("retry"); n != nullptr) retry(id, *n, made, flow_made);
  if (const YamlNode* n = m.get("do"); n != nullptr) made.body = body(*n, id, "catch", flow(id).pointer + "/catch/do");
  variables_ = outer;
  flow_made.then = then(m.get("then"), list);
  at(id).catches.push_back(std::move(made));
  flow(id).catches.push_back(std::move(flow_made));
}

void OwsLoader::retry(NodeId id, const YamlNode& node, plan::Catch& made, plan::FlowCatch& flow_made) {
  const YamlNode* policy = node.type == YamlNode::Type::scalar ? defined(node, "retry", retries_) : &node;
  if (policy == nullptr) return;
  const Members m(*this, *policy, "retry", {"when", "exceptWhen", "delay", "backoff", "limit", "jitter"});
  if (!m.valid()) return;
  plan::Retry r{0, 2.0, k_backoff_max_ms, k_attempts_max, plan::BackoffKind::fixed, plan::JitterKind::none, {}};
  flow_made.retry_when = expression(m.get("when"), "when", id, Stage::asked);
  flow_made.retry_except_when = expression(m.get("exceptWhen"), "exceptWhen", id, Stage::asked);
  plan::FlowTimes::Retry computed;
  if (const YamlNode* n = m.get("delay"); n != nullptr) r.initial_ms = duration(*n, "delay", id, computed.delay);
  if (const YamlNode* n = m.get("backoff"); n != nullptr) {
    const Members b(*this, *n, "backoff", {"constant", "exponential", "linear"});
    if (b.get("exponential") != nullptr) r.backoff = plan::BackoffKind::exponential;
    if (b.get("linear") != nullptr) r.backoff = plan::BackoffKind::linear;
    if (b.valid() && tree_.size(*n) != 1 && !b.slipped())
      error(*n, "`backoff` is one of constant, exponential, linear");
  }
  if (const YamlNode* n = m.get("limit"); n != nullptr) retry_limit(id, *n, r, flow_made, computed);
  if (const YamlNode* n = m.get("jitter"); n != nullptr) {
    const Members j(*this, *n, "jitter", {"from", "to"});
    if (required(j, *n, "jitter", {"from", "to"})) {
      flow_made.jitter_from_ms = duration(*j.get("from"), "from", id, computed.jitter_from);
      const std::size_t before = errors_;
      flow_made.jitter_to_ms = duration(*j.get("to"), "to", id, computed.jitter_to);
      const bool both_fixed = computed.jitter_from.is_null() && computed.jitter_to.is_null() && errors_ == before;
      if (both_fixed && flow_made.jitter_to_ms < flow_made.jitter_from_ms) error(*j.get("to"), "`to` is before `from`");
    }
  }
  made.retry = std::move(r);
  const bool any = !computed.delay.is_null() || !computed.limit.is_null() || !computed.jitter_from.is_null() ||
                   !computed.jitter_to.is_null();
  if (any) times(id).retries.push_back(std::move(computed));
}

void OwsLoader::retry_limit(NodeId id, const YamlNode& node, plan::Retry& r, plan::FlowCatch& flow_made,
                            plan::FlowTimes::Retry& computed) {
  const Members limit(*this, node, "limit", {"attempt", "duration"});
  if (const YamlNode* n = limit.get("duration"); n != nullptr)
    flow_made.retry_for_ms = duration(*n, "duration", id, computed.limit);
  const YamlNode* attempt = limit.get("attempt");
  if (attempt == nullptr) return;
  const Members m(*this, *attempt, "attempt", {"count", "duration"});
  if (const YamlNode* n = m.get("count"); n != nullptr)  // of retries (X10)
    r.max_attempts = static_cast<std::uint32_t>(integer(*n, "count", 0, k_attempts_max - 1).value_or(0)) + 1;
  if (const YamlNode* n = m.get("duration"); n != nullptr) time_limit(at(id).children[0], *n, "duration");
}

void OwsLoader::set_body(NodeId id, const YamlNode& node) {
  at(id).kind = Kind::set;
  const bool is_text = node.type == YamlNode::Type::scalar && scalar_value(node).is_string();
  if (!is_text && (node.type != YamlNode::Type::mapping || tree_.size(node) == 0))
    return error(node, "`set` takes a mapping of what to set, or an expression `${ … }` that gives one");
  Template t = data(node, id);
  at(id).set = std::move(t);
}

void OwsLoader::raise_body(NodeId id, const YamlNode& node) {
  at(id).kind = Kind::raise;
  at(id).raise = std::make_unique<plan::RaiseSpec>();
  const Members m(*this, node, "raise", {"error"});
  if (!required(m, node, "raise", {"error"})) return;
  const YamlNode* error_at = m.get("error");
  if (error_at->type == YamlNode::Type::scalar) error_at = defined(*error_at, "error", use_errors_);
  if (error_at != nullptr) error_definition(id, *error_at);
}

void OwsLoader::error_definition(NodeId id, const YamlNode& node) {
  const Members m(*this, node, "error", {"type", "status", "instance", "title", "detail"});
  if (!m.valid()) return;
  plan::RaiseSpec raise;
  if (const YamlNode* n = m.get("type"); n != nullptr) raise.type = uri(*n, "type", id);
  if (const YamlNode* n = m.get("status"); n != nullptr)
    raise.status = constant_template(Value(integer(*n, "status", 100, 999).value_or(500)));
  const auto words = [&](std::string_view name) {
    const YamlNode* n = m.get(name);
    return n != nullptr && text(*n, name) ? data(*n, id) : Template{};
  };
  raise.title = words("title");
  raise.detail = words("detail");
  (void)words("instance");  // the engine's to say (X2)
  required(m, node, "error", {"type", "status"});
  *at(id).raise = std::move(raise);
}

void OwsLoader::wait_body(NodeId id, const YamlNode& node) {
  at(id).kind = Kind::wait;
  auto wait = std::make_unique<plan::WaitSpec>();
  wait->duration = duration_template(node, "wait", id).value_or(constant_template(Value("0ms")));
  at(id).wait = std::move(wait);
}

// Where events of the workflow come from: /NAMESPACE/NAME/VERSION.
std::string OwsLoader::workflow_source() const {
  const bool bare = plan_->name.find('/') == std::string::npos;
  return (bare ? "/default/" : "/") + plan_->name + "/" + plan_->version;
}

void OwsLoader::emit_body(NodeId id, const YamlNode& node) {
  activity(id, "emit", {});
  const Members m(*this, node, "emit", {"event"});
  if (!required(m, node, "emit", {"event"})) return;
  const Members event(*this, *m.get("event"), "event", {"with"});
  if (!required(event, *m.get("event"), "event", {"with"})) return;
  const YamlNode& with = *event.get("with");
  if (with.type != YamlNode::Type::mapping) return error(with, "`with` takes a mapping of the event's attributes");
  TemplatePairs pairs;
  for (std::size_t i = 0; i < tree_.size(with); ++i) {
    const std::string_view name = tree_.key(with, i).text;
    const YamlNode& v = tree_.value(with, i);
    const bool is_uri = name == "source" || name == "dataschema";
    if (name != "data" && v.type != YamlNode::Type::scalar)
      error(v, "the attribute `" + std::string(name.substr(0, 80)) + "` takes a text");
    Template t = is_uri ? uri(v, name, id) : data(v, id);
    pairs.emplace_back(std::string(name), std::move(t));
  }
  if (tree_.find(with, "type") == nullptr) error(with, "the event lacks `type`");
  if (tree_.find(with, "source") == nullptr) pairs.emplace_back("source", constant_template(Value(workflow_source())));
  activity(id, "emit", std::move(pairs));
}

}  // namespace perdure::loaders
