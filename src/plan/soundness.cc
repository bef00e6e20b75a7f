// What decoded plans are checked for before anything follows their indexes.
#include "plan/finalize.h"
#include "plan/walk.h"

namespace perdure::plan {
namespace {

// Every index into `exprs` is in range; present where the kind needs it.
class Check {
 public:
  explicit Check(const Plan& plan) : plan_(plan) {}
  bool run() {
    for (const Expression& e : plan_.exprs) ok_ = ok_ && e.owner < plan_.nodes.size();
    for (const Query& q : plan_.queries) need(q.expr);
    for (const Update& u : plan_.updates) {
      may(u.validate);
      tmpl_ok(u.set);
    }
    tmpl_ok(plan_.output);
    for (const Node& n : plan_.nodes) node_ok(n);
    return ok_ && (plan_.data_flow || plan_.context.is_object());
  }

 private:
  void may(ExprId id) { ok_ = ok_ && (id == k_none || id < plan_.exprs.size()); }
  void need(ExprId id) { ok_ = ok_ && id < plan_.exprs.size(); }
  void want(bool holds) { ok_ = ok_ && holds; }
  void tmpl_ok(const Template& t) {
    if (t.type == Template::Type::expression) need(t.expr);
    if (t.type == Template::Type::object) want(t.keys.size() == t.parts.size());
    for (const Template& part : t.parts) tmpl_ok(part);
  }
  void node_ok(const Node& n) {
    may(n.when);
    may(n.foreach);
    for_each_template(n, [&](const Template& t, const char*) { tmpl_ok(t); });
    want(n.on_error != OnError::fallback || n.fallback != k_none);
    for (const Case& c : n.cases) {
      may(c.when);
      want(c.body != k_none || n.flow);
    }
    for (const Catch& c : n.catches) may(c.when);
    const auto one = [&](bool present, Kind kind) { want(present == (n.kind == kind)); };
    want((n.flow != nullptr) == plan_.data_flow);
    if (n.flow) flow_ok(n);
    else want(n.kind != Kind::tasks && n.kind != Kind::each);
    one(n.activity != nullptr, Kind::activity);
    one(n.loop != nullptr, Kind::loop);
    one(n.wait != nullptr, Kind::wait);
    if (!n.flow) one(n.listen != nullptr, Kind::listen);
    one(n.review != nullptr, Kind::review);
    one(n.emit != nullptr, Kind::emit);
    one(n.subflow != nullptr, Kind::subflow);
    one(n.raise != nullptr, Kind::raise);
    one(n.map != nullptr, Kind::map);
    one(n.condition != k_none, Kind::conditional);
    may(n.condition);
    want(n.kind != Kind::activity || n.retry != nullptr);
    want(n.kind == Kind::attempt || (n.catches.empty() && n.finally == k_none));
    want(n.kind == Kind::select || n.cases.empty());
    if (n.loop) {
      may(n.loop->while_);
      may(n.loop->until);
    }
    if (n.wait) want(n.wait->duration.is_null() != n.wait->until.is_null());
    children_ok(n);
  }
  void filters_ok(const std::vector<EventFilter>& filters) {
    for (const EventFilter& filter : filters) {
      want(filter.attributes.size() == filter.values.size());
      for (const Correlation& one : filter.correlate) need(one.from);
    }
  }
  // An extended task says by its cases, or by having been handled, where the `each` around it goes on.
  std::size_t routes_of(const Node& n) const {
    if (n.kind != Kind::each || n.flow->case_then.empty()) return n.cases.size();
    const NodeId decides = extended_task(plan_, n);
    if (decides == k_none) return 0;
    const Node& task = plan_.nodes[decides];
    return task.kind == Kind::attempt ? task.catches.size() : task.cases.size();
  }
  void flow_ok(const Node& n) {
    const Flow& f = *n.flow;
    want(f.case_then.size() == routes_of(n) && f.catches.size() == n.catches.size());
    want((f.each != nullptr) == (n.kind == Kind::each) && (f.events != nullptr) == (n.kind == Kind::listen));
    want(n.foreach == k_none && n.kind != Kind::map && n.kind != Kind::loop && n.kind != Kind::emit);
    for (const FlowCatch& c : f.catches) {
      may(c.except_when);
      may(c.retry_when);
      may(c.retry_except_when);
    }
    if (f.times) want(f.times->retries.empty() || f.times->retries.size() == f.catches.size());
    if (f.each) {
      need(f.each->in);
      may(f.each->while_);
    }
    if (f.events) {
      may(f.events->until);
      filters_ok(f.events->filters);
      filters_ok(f.events->until_events);
      const bool fed = f.events->mode == EventMode::fed;
      may(f.events->filter);
      may(f.events->while_);
      want(f.events->for_ms >= 0);
      want(n.children.size() == (f.events->foreach ? 1U : 0U) + (fed ? 1U : 0U));
      for (const NodeId c : n.children) want(c != k_none);
      if (fed && ok_) want(plan_.nodes[n.children.back()].kind == Kind::activity);
    }
  }
  void children_ok(const Node& n) {
    const std::size_t count = n.children.size();
    if (is_block(n.kind)) {
      for (const NodeId c : n.children) want(c != k_none);
    } else if (n.kind == Kind::conditional) {
      want(count == 0 || count == 2);
    } else if (n.kind == Kind::loop || n.kind == Kind::attempt || n.kind == Kind::each) {
      want(count == 1 && n.children[0] != k_none);
    } else if (n.kind != Kind::listen || !n.flow) {
      want(count == 0);
    }
  }
  const Plan& plan_;
  bool ok_ = true;
};

}  // namespace

bool is_sound(const Plan& plan) { return Check(plan).run(); }

}  // namespace perdure::plan
