// The fields that every step may have.
#include <algorithm>
#include <charconv>

#include "loaders/native.h"
#include "policy/retry.h"

namespace perdure::loaders {
namespace {

plan::Retry to_plan(const policy::RetryPolicy& p) {
  return {p.initial_ms,
          p.factor,
          p.max_interval_ms,
          p.max_attempts,
          static_cast<plan::BackoffKind>(p.backoff),
          static_cast<plan::JitterKind>(p.jitter),
          p.non_retryable};
}
static_assert(static_cast<int>(policy::Backoff::fixed) == static_cast<int>(plan::BackoffKind::fixed));
static_assert(static_cast<int>(policy::Jitter::full) == static_cast<int>(plan::JitterKind::full));

constexpr std::int64_t k_attempts_max = 1'000'000;

bool runs_activity(StepKind kind) {
  return kind == StepKind::call || kind == StepKind::tool || kind == StepKind::script || kind == StepKind::agent_task;
}

}  // namespace

// The default policy when there is none.
std::shared_ptr<const plan::Retry> NativeLoader::shared(std::optional<plan::Retry> retry) {
  if (!retry) retry = to_plan(policy::preset("default").value_or(policy::RetryPolicy{}));
  return std::make_shared<const plan::Retry>(*std::move(retry));
}

std::optional<plan::Retry> NativeLoader::retry(const YamlNode& node) {
  if (node.type == YamlNode::Type::scalar) {
    if (scalar_value(node).is_number()) {
      error(node, "`retry` takes a preset's name or a policy",
            "did you mean `{max_attempts: " + std::string(node.text.substr(0, 20)) + "}`?");
      return std::nullopt;
    }
    if (auto preset = policy::preset(node.text)) return to_plan(*preset);
    const std::vector<std::string> names = policy::preset_names();
    std::string list;
    for (const std::string& n : names) list.append(list.empty() ? "" : ", ").append(n);
    error(node, "there is no retry preset `" + std::string(node.text.substr(0, 80)) + "`",
          did_you_mean(node.text, {names.begin(), names.end()}, "presets are " + list));
    return std::nullopt;
  }
  const Members m(*this, node, "retry",
                  {"initial", "factor", "max_interval", "max_attempts", "jitter", "non_retryable", "preset"});
  if (!m.valid()) return std::nullopt;
  plan::Retry r = to_plan(policy::preset("default").value_or(policy::RetryPolicy{}));
  if (const YamlNode* n = m.get("preset"); n != nullptr)
    if (auto base = retry(*n)) r = std::move(*base);
  if (const YamlNode* n = m.get("initial"); n != nullptr) r.initial_ms = duration(*n, "initial").value_or(r.initial_ms);
  if (const YamlNode* n = m.get("factor"); n != nullptr) r.factor = real(*n, "factor", 1).value_or(r.factor);
  if (const YamlNode* n = m.get("max_interval"); n != nullptr)
    r.max_interval_ms = duration(*n, "max_interval").value_or(r.max_interval_ms);
  if (const YamlNode* n = m.get("max_attempts"); n != nullptr) {
    r.max_attempts =
        static_cast<std::uint32_t>(integer(*n, "max_attempts", 0, k_attempts_max).value_or(r.max_attempts));
  }
  if (const YamlNode* n = m.get("jitter"); n != nullptr) {
    if (const auto c = choice(*n, "jitter", {"none", "equal", "full"})) r.jitter = static_cast<plan::JitterKind>(*c);
  }
  if (const YamlNode* n = m.get("non_retryable"); n != nullptr) {
    r.non_retryable.clear();
    for (const YamlNode* type : name_list(*n, "non_retryable")) r.non_retryable.emplace_back(type->text);
  }
  return r;
}

std::optional<plan::Retry> NativeLoader::retry_policy(const YamlNode& node) {
  const Members m(*this, node, "retry_policy",
                  {"max_retries", "backoff", "initial_delay", "max_delay", "jitter", "non_retryable"});
  if (!m.valid()) return std::nullopt;
  plan::Retry r = to_plan(policy::preset("default").value_or(policy::RetryPolicy{}));
  if (const YamlNode* n = m.get("max_retries"); n != nullptr) {
    r.max_attempts = static_cast<std::uint32_t>(integer(*n, "max_retries", 0, k_attempts_max).value_or(2)) + 1;
  }
  if (const YamlNode* n = m.get("backoff"); n != nullptr) {
    if (const auto c = choice(*n, "backoff", {"exponential", "linear", "fixed"}))
      r.backoff = static_cast<plan::BackoffKind>(*c);
  }
  if (const YamlNode* n = m.get("initial_delay"); n != nullptr)
    r.initial_ms = duration(*n, "initial_delay").value_or(r.initial_ms);
  if (const YamlNode* n = m.get("max_delay"); n != nullptr)
    r.max_interval_ms = duration(*n, "max_delay").value_or(r.max_interval_ms);
  if (const YamlNode* n = m.get("jitter"); n != nullptr) {
    const Value v = n->type == YamlNode::Type::scalar ? scalar_value(*n) : Value();
    if (v.is_bool()) r.jitter = v.as_bool() ? plan::JitterKind::full : plan::JitterKind::none;
    else if (const auto c = choice(*n, "jitter", {"none", "equal", "full"}))
      r.jitter = static_cast<plan::JitterKind>(*c);
  }
  if (const YamlNode* n = m.get("non_retryable"); n != nullptr) {
    for (const YamlNode* type : name_list(*n, "non_retryable")) r.non_retryable.emplace_back(type->text);
  }
  return r;
}

plan::Timeouts NativeLoader::timeout(const YamlNode& node) {
  plan::Timeouts t;
  if (node.type == YamlNode::Type::scalar) {
    t.start_to_close_ms = duration(node, "timeout").value_or(0);
    return t;
  }
  const Members m(*this, node, "timeout", {"start_to_close", "schedule_to_start", "schedule_to_close", "heartbeat"});
  const auto one = [&](std::string_view name, DurationMs& into) {
    if (const YamlNode* n = m.get(name); n != nullptr) into = duration(*n, name).value_or(0);
  };
  one("start_to_close", t.start_to_close_ms);
  one("schedule_to_start", t.schedule_to_start_ms);
  one("schedule_to_close", t.schedule_to_close_ms);
  one("heartbeat", t.heartbeat_ms);
  return t;
}

plan::RateLimit NativeLoader::rate_limit(const YamlNode& node) {
  const std::string_view form = node.type == YamlNode::Type::scalar ? node.text : std::string_view();
  const std::size_t slash = form.find('/');
  double count = 0;
  if (slash != std::string_view::npos) {
    const std::string_view number = form.substr(0, slash);
    const auto [end, problem] = std::from_chars(number.data(), number.data() + number.size(), count);
    std::string unit(form.substr(slash + 1));
    if (!unit.empty() && (unit[0] < '0' || unit[0] > '9')) unit.insert(unit.begin(), '1');
    const auto per = parse_duration(unit);
    if (problem == std::errc() && end == number.data() + number.size() && per && *per > 0 && count > 0 &&
        count <= 1e9) {
      return {count * 1000.0 / static_cast<double>(*per)};
    }
  }
  error(node, "`rate_limit` takes calls per time", "write it like 10/s, 100/m or 5000/h");
  return {};
}

// A body that hangs on a step: one step's mapping, or a list of steps.
NodeId NativeLoader::body(const YamlNode& node, NodeId parent, std::string_view made_up, const Inherited& own) {
  const Around around{parent, made_up, &own};
  if (node.type == YamlNode::Type::sequence) return block(node, around, made_up, plan::Kind::sequential, node.place);
  return step(node, around);
}

void NativeLoader::breaker(NodeId id, const YamlNode& node, const Inherited& own) {
  auto made = std::make_unique<plan::Breaker>();
  plan::Breaker& b = *made;
  b.explicitly_set = true;
  if (node.type == YamlNode::Type::scalar) {
    b.service = text(node, "breaker").value_or("");
    at(id).breaker = std::move(made);
    return;
  }
  const Members m(*this, node, "breaker", {"service", "failures", "open_for", "successes", "fallback"});
  if (const YamlNode* n = m.get("service"); n != nullptr) b.service = text(*n, "service").value_or("");
  if (const YamlNode* n = m.get("failures"); n != nullptr)
    b.failures = static_cast<std::uint32_t>(integer(*n, "failures", 1, 1'000'000).value_or(5));
  if (const YamlNode* n = m.get("successes"); n != nullptr)
    b.successes = static_cast<std::uint32_t>(integer(*n, "successes", 1, 1'000'000).value_or(2));
  if (const YamlNode* n = m.get("open_for"); n != nullptr) b.open_for_ms = duration(*n, "open_for").value_or(60'000);
  if (const YamlNode* n = m.get("fallback"); n != nullptr) b.fallback = body(*n, id, "breaker_fallback", own);
  at(id).breaker = std::move(made);
}

void NativeLoader::naming(NodeId id, const Item& item) {
  plan::Node& node = at(id);
  if (item[Field::id] != nullptr && item[Field::name] != nullptr)
    node.summary = text(*item[Field::name], "name").value_or("");
  for (const Field f : {Field::description, Field::summary}) {
    if (item[f] != nullptr) node.summary = text(*item[f], info(f).name).value_or("");
  }
  if (item[Field::outputs] == nullptr) return;
  for (const YamlNode* name : name_list(*item[Field::outputs], "outputs")) {
    if (std::find(node.outputs.begin(), node.outputs.end(), name->text) != node.outputs.end()) {
      error(*name, "`" + std::string(name->text) + "` is listed twice");
    }
    node.outputs.emplace_back(name->text);
  }
}

void NativeLoader::running(NodeId id, const Item& item, StepKind kind, const Around& around, Inherited& own) {
  const bool activity = runs_activity(kind);
  const bool branches = kind == StepKind::conditional;
  if (item[Field::when] != nullptr) at(id).when = condition(*item[Field::when], "when", id);
  if (item[Field::condition] != nullptr && !branches) {
    if (item[Field::when] != nullptr)
      error(item.key_of(Field::condition), "`condition` is the same as `when` here: write one of them");
    else at(id).when = condition(*item[Field::condition], "condition", id);
  }
  if (item[Field::foreach] != nullptr) at(id).foreach = array_expression(*item[Field::foreach], "foreach", id);
  if (item[Field::parallel] != nullptr) {
    at(id).foreach_parallel =
        static_cast<std::uint32_t>(integer(*item[Field::parallel], "parallel", 1, 1'000'000).value_or(1));
    if (item[Field::foreach] == nullptr && !item.slipped) {
      error(item.key_of(Field::parallel), "`parallel` is how many items of a `foreach` run at once",
            "steps side by side are `type: parallel`");
    }
  }
  if (item[Field::retry] != nullptr && item[Field::retry_policy] != nullptr) {
    error(item.key_of(Field::retry_policy), "`retry` and `retry_policy` say the same: write one of them");
  }
  if (item[Field::retry_policy] != nullptr) at(id).retry = shared(retry_policy(*item[Field::retry_policy]));
  if (item[Field::retry] != nullptr) at(id).retry = shared(retry(*item[Field::retry]));
  if (activity && !at(id).retry) at(id).retry = own.retry;
  if (item[Field::timeout] != nullptr) at(id).timeouts = timeout(*item[Field::timeout]);
  else if (activity) at(id).timeouts = own.timeouts;
  if (item[Field::priority] != nullptr) {
    if (const auto c = choice(*item[Field::priority], "priority", {"low", "normal", "high", "critical"}))
      own.priority = static_cast<plan::Priority>(*c);
  }
  if (item[Field::queue] != nullptr) own.queue = text(*item[Field::queue], "queue").value_or("");
  if (activity || item[Field::priority] != nullptr) at(id).priority = own.priority;
  if (activity || item[Field::queue] != nullptr) at(id).queue = own.queue;
  if (item[Field::budget] != nullptr) at(id).budget = budget(*item[Field::budget]);
  (void)around;
}

void NativeLoader::guarding(NodeId id, const Item& item, const Inherited& own) {
  if (item[Field::breaker] != nullptr) breaker(id, *item[Field::breaker], own);
  if (item[Field::rate_limit] != nullptr) at(id).rate_limit = rate_limit(*item[Field::rate_limit]);
  if (item[Field::idempotency_key] != nullptr) {
    Template key = text_member(item[Field::idempotency_key], "idempotency_key", id);
    at(id).idempotency_key = std::move(key);
  }
  if (const YamlNode* cache = item[Field::cache]; cache != nullptr) {
    if (cache->type == YamlNode::Type::scalar) {
      at(id).cache_for_ms = duration(*cache, "cache").value_or(0);
    } else {
      const Members m(*this, *cache, "cache", {"for", "key"});
      if (const YamlNode* n = m.get("for"); n != nullptr) at(id).cache_for_ms = duration(*n, "for").value_or(0);
      else if (m.valid()) error(*cache, "`cache` lacks `for`: how long an answer is kept");
      Template key = text_member(m.get("key"), "key", id);
      at(id).cache_key = std::move(key);
    }
  }
  const YamlNode* on_error = item[Field::on_error];
  if (on_error == nullptr) return;
  if (on_error->type == YamlNode::Type::scalar) {
    if (const auto c = choice(*on_error, "on_error", {"fail", "continue"}))
      at(id).on_error = *c == 0 ? plan::OnError::fail : plan::OnError::proceed;
    return;
  }
  const Members m(*this, *on_error, "on_error", {"fallback"});
  if (const YamlNode* n = m.get("fallback"); n != nullptr) {
    const NodeId fallback = body(*n, id, "fallback", own);
    at(id).fallback = fallback;
    if (fallback != k_none) at(id).on_error = plan::OnError::fallback;
  } else if (m.valid()) {
    error(*on_error, "`on_error` takes fail, continue or {fallback: a step}");
  }
}

void NativeLoader::undoing(NodeId id, const Item& item, const Inherited& own) {
  if (item[Field::pivot] != nullptr) at(id).pivot = boolean(*item[Field::pivot], "pivot").value_or(false);
  if (item[Field::saga] != nullptr) at(id).saga = text(*item[Field::saga], "saga").value_or("");
  const YamlNode* undo = item[Field::compensation];
  if (undo == nullptr) return;
  const std::string_view tool = item[Field::tool] != nullptr ? item[Field::tool]->text : std::string_view();
  const std::vector<std::string> outer = std::exchange(variables_, {"out", "args"});
  NodeId made = k_none;
  if (undo->type == YamlNode::Type::scalar) {
    const auto action = text(*undo, "compensation");
    if (action && tool.empty()) {
      error(*undo, "only a `tool` step's compensation is the name of an action",
            "write what to call: {call: http, with: {…}}");
    } else if (action) {
      made = add(*undo, "compensation", true, id);
      plan::Node& node = at(made);
      node.kind = plan::Kind::activity;
      node.retry = own.retry;
      node.activity = std::make_unique<plan::ActivitySpec>();
      node.activity->type = "tool:" + std::string(tool);
      node.activity->action = *action;
      Template with;
      with.type = Template::Type::object;
      for (const char* name : {"out", "args"}) {
        Template part;
        part.type = Template::Type::expression;
        part.expr = add_expression(*undo, 0, std::string("$") + name, made);
        if (part.expr == k_none) continue;
        sites_[part.expr].exact = false;
        with.keys.emplace_back(name);
        with.parts.push_back(std::move(part));
      }
      at(made).activity->with = std::move(with);
    }
  } else {
    Around around{id, "compensation", &own};
    around.compensation = true;
    around.same_tool = tool;
    made = step(*undo, around);
    if (made != k_none) at(made).kind = plan::Kind::activity;  // also after a mistake, which was told
  }
  at(id).compensation = made;
  variables_ = outer;
}

void NativeLoader::common(NodeId id, const Item& item, StepKind kind, const Around& around, Inherited& own) {
  naming(id, item);
  running(id, item, kind, around, own);
  guarding(id, item, own);
  undoing(id, item, own);
}

}  // namespace perdure::loaders
