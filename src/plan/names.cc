#include "plan/plan.h"

namespace perdure::plan {

RareTemplate& RareTemplate::operator=(Template t) {
  template_ = t.is_null() ? nullptr : std::make_unique<Template>(std::move(t));
  return *this;
}

const Template& RareTemplate::none() {
  // Written out, so that it reads as the finalized null that it stands for.
  static const Template null = [] {
    Template t;
    t.constant_json = Bytes(std::string("null"));
    return t;
  }();
  return null;
}

NodeId extended_task(const Plan& plan, const Node& each) {
  if (each.kind != Kind::each || !each.flow || each.flow->case_then.empty() || each.children.size() != 1) return k_none;
  const NodeId list = each.children[0];
  if (list >= plan.nodes.size()) return k_none;
  for (const NodeId child : plan.nodes[list].children) {
    if (child >= plan.nodes.size()) return k_none;
    const Node& task = plan.nodes[child];
    if (!task.made_up && task.flow && task.flow->pointer == each.flow->pointer) return child;
  }
  return k_none;
}

std::string_view to_string(Kind kind) {
  switch (kind) {
    case Kind::activity: return "activity";
    case Kind::sequential: return "sequential";
    case Kind::parallel: return "parallel";
    case Kind::dag: return "dag";
    case Kind::graph: return "graph";
    case Kind::conditional: return "conditional";
    case Kind::select: return "switch";
    case Kind::loop: return "loop";
    case Kind::wait: return "wait";
    case Kind::listen: return "listen";
    case Kind::review: return "human_review";
    case Kind::set: return "set";
    case Kind::emit: return "emit";
    case Kind::subflow: return "subflow";
    case Kind::attempt: return "try";
    case Kind::raise: return "raise";
    case Kind::race: return "race";
    case Kind::map: return "map";
    case Kind::tasks: return "do";
    case Kind::each: return "for";
  }
  return "?";
}

}  // namespace perdure::plan
