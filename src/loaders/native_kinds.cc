// The kinds of steps that the engine itself carries out.
#include <algorithm>

#include "base/time.h"
#include "loaders/native.h"
#include "plan/json_schema.h"

namespace perdure::loaders {

using plan::Kind;

void NativeLoader::kind_body(NodeId id, const Item& item, StepKind kind, const Around& around, const Inherited& own) {
  switch (kind) {
    case StepKind::call: return call_body(id, item);
    case StepKind::tool: return tool_body(id, item, around);
    case StepKind::script: return script_body(id, item);
    case StepKind::agent_task: return agent_body(id, item);
    case StepKind::block: return block_body(id, item, own);
    case StepKind::conditional: return conditional_body(id, item, own);
    case StepKind::select: return switch_body(id, item, own);
    case StepKind::loop: return loop_body(id, item, own);
    case StepKind::wait: return wait_body(id, item);
    case StepKind::listen: return listen_body(id, item);
    case StepKind::review: return review_body(id, item);
    case StepKind::set: {
      at(id).kind = Kind::set;
      Template set = object_member(need(item, Field::set), "set", id);
      at(id).set = std::move(set);
      return;
    }
    case StepKind::emit: return emit_body(id, item);
    case StepKind::subflow: return subflow_body(id, item);
    case StepKind::attempt: return try_body(id, item, own);
    case StepKind::raise: return raise_body(id, item);
    case StepKind::race: {
      if (const YamlNode* list = need(item, Field::race); list != nullptr) fill_block(id, *list, Kind::race, own);
      return;
    }
    case StepKind::map: return map_body(id, item);
    case StepKind::count_: return;
  }
}

void NativeLoader::block_body(NodeId id, const Item& item, const Inherited& own) {
  const YamlNode* steps = item[Field::steps];
  const YamlNode* activities = item[Field::activities];
  if (steps != nullptr && activities != nullptr)
    error(item.key_of(Field::activities), "`activities` is the same as `steps`: write one of them");
  const YamlNode* list = steps != nullptr ? steps : activities;
  const YamlNode* type = item[Field::type];
  const bool parallel = type != nullptr && type->text == "parallel";
  if (type != nullptr && type->text == "loop" && item[Field::foreach] == nullptr && !item.slipped) {
    error(*type, "a loop needs `while`, `until`, `times` or `foreach`");
  }
  if (list != nullptr) fill_block(id, *list, parallel ? Kind::parallel : Kind::sequential, own);
  else if (!item.slipped) error(*item.node, "the block lacks `steps` (or `activities`)");
}

void NativeLoader::conditional_body(NodeId id, const Item& item, const Inherited& own) {
  at(id).kind = Kind::conditional;
  const YamlNode* holds = need(item, Field::condition);
  if (holds != nullptr) {
    const ExprId e = condition(*holds, "condition", id);
    at(id).condition = e;
  }
  const YamlNode* then = item[Field::then];
  const YamlNode* otherwise = item[Field::else_];
  if (then == nullptr && otherwise == nullptr) {
    if (item[Field::next_steps] == nullptr && !item.slipped) {
      error(*item.node, "a conditional needs `then` and `else`, or `next_steps: [when it holds, when not]`");
    }
    return;
  }
  const Around around{id, {}, &own};
  NodeId branches[2] = {k_none, k_none};
  if (then != nullptr) branches[0] = block(*then, around, "then", Kind::sequential, item.key_of(Field::then).place);
  if (otherwise != nullptr)
    branches[1] = block(*otherwise, around, "else", Kind::sequential, item.key_of(Field::else_).place);
  at(id).children = {branches[0], branches[1]};
}

void NativeLoader::switch_body(NodeId id, const Item& item, const Inherited& own) {
  at(id).kind = Kind::select;
  const YamlNode* cases = need(item, Field::switch_);
  if (cases == nullptr) return;
  if (cases->type != YamlNode::Type::sequence || tree_.size(*cases) == 0) {
    return error(*cases, "`switch` takes a list of `{when, steps}`, at last `{default: true, steps}`");
  }
  bool defaulted = false;
  for (std::size_t i = 0; i < tree_.size(*cases); ++i) {
    const YamlNode& one = tree_.item(*cases, i);
    const Members m(*this, one, "switch", {"when", "default", "steps"});
    if (!m.valid()) continue;
    if (defaulted) error(one, "this case is never reached: it comes after the default");
    plan::Case made;
    const YamlNode* when = m.get("when");
    const YamlNode* fallback = m.get("default");
    if (when != nullptr) made.when = condition(*when, "when", id);
    if (fallback != nullptr) defaulted = boolean(*fallback, "default").value_or(true);
    if ((when == nullptr) == (fallback == nullptr)) error(one, "a case has `when`, or `default: true`");
    const std::string name = fallback != nullptr ? "default" : "case" + std::to_string(i + 1);
    const Around around{id, {}, &own};
    if (const YamlNode* steps = m.get("steps"); steps != nullptr)
      made.body = block(*steps, around, name, Kind::sequential, one.place);
    else error(one, "the case lacks `steps`");
    if (made.body != k_none) at(id).cases.push_back(made);
  }
}

void NativeLoader::loop_body(NodeId id, const Item& item, const Inherited& own) {
  at(id).kind = Kind::loop;
  auto loop = std::make_unique<plan::LoopSpec>();
  if (item[Field::while_] != nullptr) loop->while_ = condition(*item[Field::while_], "while", id);
  if (item[Field::until] != nullptr) loop->until = condition(*item[Field::until], "until", id);
  if (const YamlNode* times = item[Field::times]; times != nullptr) {
    loop->times = text_member(times, "times", id);
    const Template& t = loop->times;
    if (t.type == Template::Type::constant && (!t.constant.is_integer() || t.constant.as_int() < 0)) {
      error(*times, "`times` takes a whole number or an expression `${ … }`");
    }
  }
  if (const YamlNode* n = item[Field::max_iterations]; n != nullptr) {
    loop->max_iterations = static_cast<std::uint32_t>(integer(*n, "max_iterations", 1, UINT32_MAX).value_or(1));
  }
  at(id).loop = std::move(loop);
  const YamlNode* list = item[Field::steps] != nullptr ? item[Field::steps] : item[Field::activities];
  const Around around{id, {}, &own};
  if (list == nullptr) {
    if (!item.slipped) error(*item.node, "the loop lacks `steps`");
    return;
  }
  const NodeId body = block(*list, around, "steps", Kind::sequential, list->place);
  at(id).children = {body};
}

void NativeLoader::wait_body(NodeId id, const Item& item) {
  at(id).kind = Kind::wait;
  auto wait = std::make_unique<plan::WaitSpec>();
  const YamlNode* span = item[Field::wait];
  const YamlNode* until = item[Field::wait_until];
  if (span != nullptr && until != nullptr)
    error(item.key_of(Field::wait_until), "`wait` and `wait_until` exclude each other");
  if (span == nullptr && until == nullptr) need(item, Field::wait);
  if (span != nullptr) {
    wait->duration = text_member(span, "wait", id);
    if (wait->duration.type == Template::Type::constant && span->type == YamlNode::Type::scalar)
      duration(*span, "wait");
  } else if (until != nullptr) {
    wait->until = text_member(until, "wait_until", id);
    if (wait->until.type == Template::Type::constant && until->type == YamlNode::Type::scalar &&
        !parse_timestamp(until->text)) {
      error(*until, "`" + std::string(until->text.substr(0, 60)) + "` is not a point in time",
            "write it like 2026-01-31T09:00:00Z");
    }
  }
  at(id).wait = std::move(wait);
}

void NativeLoader::listen_body(NodeId id, const Item& item) {
  at(id).kind = Kind::listen;
  auto listen = std::make_unique<plan::ListenSpec>();
  if (const YamlNode* node = need(item, Field::listen); node != nullptr) {
    if (node->type == YamlNode::Type::scalar) {
      listen->signal = text_member(node, "listen", id);
    } else {
      const Members m(*this, *node, "listen", {"signal", "timeout"});
      listen->signal = text_member(m.get("signal"), "signal", id);
      if (const YamlNode* n = m.get("timeout"); n != nullptr) listen->timeout_ms = duration(*n, "timeout").value_or(0);
      if (m.valid() && m.get("signal") == nullptr) error(*node, "`listen` lacks `signal`: the name to wait for");
    }
  }
  // A timeout written beside `listen` is meant for the wait.
  DurationMs& beside = at(id).timeouts.start_to_close_ms;
  if (listen->timeout_ms == 0) listen->timeout_ms = beside;
  beside = 0;
  at(id).listen = std::move(listen);
}

void NativeLoader::review_body(NodeId id, const Item& item) {
  at(id).kind = Kind::review;
  auto review = std::make_unique<plan::ReviewSpec>();
  if (const YamlNode* n = item[Field::reviewers]; n != nullptr) {
    review->reviewers = make_template(*n, id);
    Template& t = review->reviewers;
    if (t.type == Template::Type::constant && t.constant.is_string()) t.constant = Value::array({t.constant});
    else if (t.type == Template::Type::object || (t.type == Template::Type::constant && !t.constant.is_array()))
      error(*n, "`reviewers` takes a list of names");
  }
  if (const YamlNode* n = item[Field::quorum]; n != nullptr) {
    review->quorum = static_cast<std::uint32_t>(integer(*n, "quorum", 1, 1000).value_or(1));
    const YamlNode* who = item[Field::reviewers];
    if (who != nullptr && who->type == YamlNode::Type::sequence && review->quorum > tree_.size(*who)) {
      // Groups count as one name here, so this can only be a hint.
      warn(*n, "the quorum is larger than the number of reviewers named",
           "if they are people, it can never be reached");
    }
  }
  if (const YamlNode* n = item[Field::form]; n != nullptr) {
    review->form = make_template(*n, id);
    if (review->form.type == Template::Type::constant) schema(*n, "form");
  }
  if (const YamlNode* n = item[Field::data]; n != nullptr) review->data = make_template(*n, id);
  if (const YamlNode* n = item[Field::on_timeout]; n != nullptr) {
    if (const auto c = choice(*n, "on_timeout", {"reject", "approve", "escalate"}))
      review->on_timeout = static_cast<plan::ReviewTimeout>(*c);
    if (review->on_timeout == plan::ReviewTimeout::escalate && item[Field::escalate_to] == nullptr && !item.slipped) {
      error(*n, "`on_timeout: escalate` needs `escalate_to`: whom to ask then");
    }
  }
  if (const YamlNode* n = item[Field::on_reject]; n != nullptr) {
    if (const auto c = choice(*n, "on_reject", {"fail", "continue"})) review->continue_on_reject = *c == 1;
  }
  if (const YamlNode* n = item[Field::escalate_to]; n != nullptr) {
    review->escalate_to = make_template(*n, id);
    Template& t = review->escalate_to;
    if (t.type == Template::Type::constant && t.constant.is_string()) t.constant = Value::array({t.constant});
  }
  if (const YamlNode* n = item[Field::no_self_approval]; n != nullptr)
    review->no_self_approval = boolean(*n, "no_self_approval").value_or(false);
  // The review's `timeout` is its deadline.
  DurationMs& beside = at(id).timeouts.start_to_close_ms;
  if (beside != 0) review->timeout_ms = beside;
  beside = 0;
  at(id).review = std::move(review);
}

void NativeLoader::emit_body(NodeId id, const Item& item) {
  at(id).kind = Kind::emit;
  auto emit = std::make_unique<plan::EmitSpec>();
  if (const YamlNode* node = need(item, Field::emit); node != nullptr) {
    if (node->type == YamlNode::Type::scalar) {
      emit->type = text_member(node, "emit", id);
    } else {
      const Members m(*this, *node, "emit", {"type", "data"});
      emit->type = text_member(m.get("type"), "type", id);
      if (const YamlNode* n = m.get("data"); n != nullptr) emit->data = make_template(*n, id);
      if (m.valid() && m.get("type") == nullptr) error(*node, "`emit` lacks `type`: what kind of event it is");
    }
  }
  at(id).emit = std::move(emit);
}

void NativeLoader::subflow_body(NodeId id, const Item& item) {
  at(id).kind = Kind::subflow;
  auto subflow = std::make_unique<plan::SubflowSpec>();
  if (const YamlNode* node = need(item, Field::subflow); node != nullptr) {
    subflow->name = text_member(node, "subflow", id);
    Template& t = subflow->name;
    if (t.type == Template::Type::constant && t.constant.is_string()) {
      const std::string whole(t.constant.as_string());
      const std::size_t version = whole.find('@');
      if (version != std::string::npos) {
        subflow->version = whole.substr(version + 1);
        t.constant = Value(whole.substr(0, version));
      }
      if (whole.empty() || version == 0 || version + 1 == whole.size())
        error(*node, "`subflow` takes NAME or NAME@VERSION");
    }
  }
  subflow->with = arguments(id, item, Braces::literal);
  if (const YamlNode* n = item[Field::wait]; n != nullptr) subflow->wait = boolean(*n, "wait").value_or(true);
  at(id).subflow = std::move(subflow);
}

void NativeLoader::try_body(NodeId id, const Item& item, const Inherited& own) {
  at(id).kind = Kind::attempt;
  const Around around{id, {}, &own};
  if (const YamlNode* list = need(item, Field::try_); list != nullptr) {
    const NodeId body = block(*list, around, "try", Kind::sequential, list->place);
    at(id).children = {body};
  }
  if (const YamlNode* handlers = item[Field::catch_]; handlers != nullptr) {
    if (handlers->type == YamlNode::Type::sequence) {
      for (std::size_t i = 0; i < tree_.size(*handlers); ++i) catch_body(id, tree_.item(*handlers, i), i + 1, own);
    } else {
      catch_body(id, *handlers, 1, own);
    }
  }
  if (const YamlNode* list = item[Field::finally]; list != nullptr) {
    const NodeId body = block(*list, around, "finally", Kind::sequential, list->place);
    at(id).finally = body;
  }
  if (item[Field::catch_] == nullptr && item[Field::finally] == nullptr && !item.slipped) {
    error(*item.node, "a `try` needs `catch` or `finally`");
  }
}

void NativeLoader::catch_body(NodeId id, const YamlNode& node, std::size_t number, const Inherited& own) {
  const Members m(*this, node, "catch", {"errors", "when", "retry", "steps"});
  if (!m.valid()) return;
  plan::Catch made;
  if (const YamlNode* n = m.get("errors"); n != nullptr) {
    for (const YamlNode* type : name_list(*n, "errors")) made.errors.emplace_back(type->text);
  }
  if (const YamlNode* n = m.get("when"); n != nullptr) made.when = condition(*n, "when", id);
  if (const YamlNode* n = m.get("retry"); n != nullptr) made.retry = retry(*n);
  const Around around{id, {}, &own};
  if (const YamlNode* n = m.get("steps"); n != nullptr) {
    made.body = block(*n, around, "catch" + std::to_string(number), Kind::sequential, node.place);
  }
  if (made.body == k_none && m.get("retry") == nullptr) {
    error(node, "a catch needs `steps`, or `retry`", "to ignore an error, write `on_error: continue` on the step");
  }
  at(id).catches.push_back(std::move(made));
}

void NativeLoader::raise_body(NodeId id, const Item& item) {
  at(id).kind = Kind::raise;
  auto raise = std::make_unique<plan::RaiseSpec>();
  if (const YamlNode* node = need(item, Field::raise); node != nullptr) {
    if (node->type == YamlNode::Type::scalar) {
      raise->type = text_member(node, "raise", id);
    } else {
      const Members m(*this, *node, "raise", {"type", "title", "detail", "status"});
      raise->type = text_member(m.get("type"), "type", id);
      raise->title = text_member(m.get("title"), "title", id);
      raise->detail = text_member(m.get("detail"), "detail", id);
      raise->status = text_member(m.get("status"), "status", id);
      if (m.valid() && m.get("type") == nullptr) error(*node, "`raise` lacks `type`: what the error is caught by");
    }
  }
  at(id).raise = std::move(raise);
}

void NativeLoader::map_body(NodeId id, const Item& item) {
  at(id).kind = Kind::map;
  auto map = std::make_unique<plan::MapSpec>();
  if (const YamlNode* node = need(item, Field::map); node != nullptr) {
    const Members m(*this, *node, "map", {"tasks"});
    if (const YamlNode* n = m.get("tasks"); n != nullptr) map->tasks = make_template(*n, id);
    else if (m.valid()) error(*node, "`map` lacks `tasks`: an expression that gives a list of steps");
  }
  at(id).map = std::move(map);
}

}  // namespace perdure::loaders
