// Snapshot encoding of State, docs/formats/state.md. Indexes (timers, listeners, counters, free places) are not
// written: they are rebuilt, so that they can't disagree with what they index.
#include "base/json.h"
#include "decider/frames.h"

namespace perdure::decider {
namespace {

constexpr std::uint8_t k_version = 1;

void put_fault(Writer& w, const FaultPtr& fault) {
  w.boolean(fault != nullptr);
  if (!fault) return;
  w.string(fault->type);
  w.string(fault->title);
  w.string(fault->detail);
  w.zigzag(fault->status);
  w.string(fault->step);
  w.varint(fault->attempt);
  w.u8(static_cast<std::uint8_t>(fault->fault_class));
  w.zigzag(fault->retry_after_ms);
}
FaultPtr get_fault(Reader& r) {
  if (!r.boolean()) return nullptr;
  auto fault = std::make_shared<history::Fault>();
  fault->type = r.string();
  fault->title = r.string();
  fault->detail = r.string();
  fault->status = static_cast<int>(r.zigzag());
  fault->step = r.string();
  fault->attempt = static_cast<std::uint32_t>(r.varint());
  fault->fault_class = static_cast<history::FaultClass>(r.u8() % 5);
  fault->retry_after_ms = r.zigzag();
  return fault;
}
void put_value(Writer& w, const Value& v) { w.string(to_json(v)); }
Value get_value(Reader& r) {
  auto v = parse_json(r.string());
  if (!v) r.fail_here();
  return v ? std::move(*v) : Value();
}
std::uint32_t u32(Reader& r) { return static_cast<std::uint32_t>(r.varint()); }
void put_id(Writer& w, std::uint32_t id) { w.varint(id == k_none ? 0 : std::uint64_t{id} + 1); }
std::uint32_t get_id(Reader& r) {
  const auto v = r.varint();
  return v == 0 ? k_none : static_cast<std::uint32_t>(v - 1);
}
template <class E>
E get_enum(Reader& r, E last) {
  const auto v = r.u8();
  if (v > static_cast<std::uint8_t>(last)) r.fail_here();
  return static_cast<E>(v <= static_cast<std::uint8_t>(last) ? v : 0);
}

void put_info(Writer& w, const std::shared_ptr<const history::StartInfo>& info) {
  w.boolean(info != nullptr);
  if (info) w.bytes(history::encode_batch({1, 0, {history::RunStarted{info}}}));
}
std::shared_ptr<const history::StartInfo> get_info(Reader& r) {
  if (!r.boolean()) return nullptr;
  auto batch = history::decode_batch(r.string());
  if (!batch || batch->events.size() != 1 || !std::holds_alternative<history::RunStarted>(batch->events[0])) {
    r.fail_here();
    return nullptr;
  }
  return std::get<history::RunStarted>(batch->events[0]).info;
}

void put_items(Writer& w, const Items& items) {
  put_value(w, items.items);
  for (const auto& result : items.results) w.bytes(result);
}
Items get_items(Reader& r) {
  Items items;
  items.items = get_value(r);
  if (!items.items.is_array()) r.fail_here();
  items.results.resize(items.items.size());
  for (auto& result : items.results) result = r.bytes();
  return items;
}

constexpr std::uint8_t k_with_items = 0x80;  // beside a slot's status
void put_slot(Writer& w, const Slot& s) {
  w.u8(static_cast<std::uint8_t>(static_cast<std::uint8_t>(s.status) | (s.items ? k_with_items : 0)));
  if (s.items) put_items(w, *s.items);
  if (s.status == StepStatus::none) return;
  w.u8(static_cast<std::uint8_t>(s.kind));
  w.u8(static_cast<std::uint8_t>((s.carried ? 1 : 0) | (s.undone ? 2 : 0)));
  put_id(w, s.from);
  w.bytes(s.output);
  put_fault(w, s.fault);
}
Slot get_slot(Reader& r) {
  Slot s;
  const auto status = r.u8();
  if ((status & ~k_with_items) > static_cast<std::uint8_t>(StepStatus::cancelled)) {
    r.fail_here();
    return s;
  }
  s.status = static_cast<StepStatus>(status & ~k_with_items);
  if ((status & k_with_items) != 0) s.items = std::make_shared<Items>(get_items(r));
  if (s.status == StepStatus::none) return s;
  s.kind = get_enum(r, history::OutputKind::children);
  const auto flags = r.u8();
  s.carried = (flags & 1) != 0;
  s.undone = (flags & 2) != 0;
  s.from = get_id(r);
  s.output = r.bytes();
  s.fault = get_fault(r);
  return s;
}

void put_graph(Writer& w, const Frame::Graph& g) {
  w.varint(g.waiting.size());
  for (std::size_t i = 0; i < g.waiting.size(); ++i) w.varint((std::uint64_t{g.waiting[i]} << 1) | g.taken[i]);
  w.varint(g.ready.size());
  for (const auto i : g.ready) w.varint(i);
}
std::unique_ptr<Frame::Graph> get_graph(Reader& r, std::size_t children) {
  auto g = std::make_unique<Frame::Graph>();
  if (r.count() != children) r.fail_here();
  for (std::size_t i = 0; i < children && r.ok(); ++i) {
    const auto v = r.varint();
    g->waiting.push_back(static_cast<std::uint32_t>(v >> 1));
    g->taken.push_back(static_cast<std::uint8_t>(v & 1));
  }
  for (auto n = r.count(); n > 0 && r.ok(); --n) {
    g->ready.push_back(u32(r));
    if (g->ready.back() >= children) r.fail_here();
  }
  return g;
}

void put_listening(Writer& w, const Frame::Listening& l) {
  for (const auto* met : {&l.met, &l.until_met}) {
    w.varint(met->size());
    for (const auto one : *met) w.u8(one);
  }
  put_value(w, l.keys);
  w.boolean(l.answered);
}
std::unique_ptr<Frame::Listening> get_listening(Reader& r, const plan::Node& node) {
  auto l = std::make_unique<Frame::Listening>();
  for (auto* met : {&l->met, &l->until_met})
    for (auto n = r.count(); n > 0 && r.ok(); --n) met->push_back(r.u8() != 0 ? 1 : 0);
  l->keys = get_value(r);
  l->answered = r.boolean();
  const bool fits = node.flow && node.flow->events && l->met.size() == node.flow->events->filters.size() &&
                    l->until_met.size() == node.flow->events->until_events.size();
  if (!fits) r.fail_here();
  return l;
}

void put_frame(Writer& w, const Frame& f) {
  w.boolean(f.live);
  if (!f.live) return;
  w.u8(static_cast<std::uint8_t>(f.role));
  w.u8(static_cast<std::uint8_t>(f.phase));
  w.u8(static_cast<std::uint8_t>((f.cancel_wanted ? 1 : 0) | (f.owns_saga ? 2 : 0) | (f.maybe_effect ? 4 : 0) |
                                 (f.graph ? 8 : 0) | (f.items ? 16 : 0) | (f.wait ? 32 : 0) | (f.finalized ? 64 : 0) |
                                 (f.data ? 128 : 0)));
  w.u8(f.lost);
  for (const auto id :
       {f.node, f.parent, f.index, f.scope, f.saga, f.branch, f.first_child, f.next_sibling, f.previous_sibling})
    put_id(w, id);
  for (const auto n : {f.attempt, f.live_children, f.cursor, f.iteration, f.done_children}) w.varint(n);
  w.varint(f.command);
  w.varint(f.landed);
  w.zigzag(f.started_at);
  w.zigzag(f.due);
  w.varint(f.timer);
  w.bytes(f.args);
  w.bytes(f.key);
  w.bytes(f.returned);
  put_fault(w, f.fault);
  put_fault(w, f.child_fault);
  if (f.graph) put_graph(w, *f.graph);
  if (f.items) put_items(w, *f.items);
  if (f.wait) {
    w.bytes(f.wait->request);
    w.string(f.wait->name);
    w.string(f.wait->plan_hash);
    w.varint(f.wait->votes.size());
    for (const auto& [who, approved] : f.wait->votes) {
      w.string(who);
      w.boolean(approved);
    }
  }
  if (!f.data) return;
  for (const Bytes* part : {&f.data->raw, &f.data->input, &f.data->now}) w.bytes(*part);
  w.boolean(f.listening != nullptr);
  if (f.listening) put_listening(w, *f.listening);
}

Frame get_frame(Reader& r, const plan::Plan& plan) {
  Frame f;
  f.live = r.boolean();
  if (!f.live) return f;
  f.role = get_enum(r, Role::fallback);
  f.phase = get_enum(r, Phase::compensating);
  const auto flags = r.u8();
  f.cancel_wanted = (flags & 1) != 0;
  f.owns_saga = (flags & 2) != 0;
  f.maybe_effect = (flags & 4) != 0;
  f.finalized = (flags & 64) != 0;
  f.lost = r.u8();
  for (auto* id : {&f.node, &f.parent, &f.index, &f.scope, &f.saga, &f.branch, &f.first_child, &f.next_sibling,
                   &f.previous_sibling})
    *id = get_id(r);
  if (f.node >= plan.nodes.size()) {
    r.fail_here();
    return Frame{};
  }
  for (auto* n : {&f.attempt, &f.live_children, &f.cursor, &f.iteration, &f.done_children}) *n = u32(r);
  f.command = r.varint();
  f.landed = r.varint();
  f.started_at = r.zigzag();
  f.due = r.zigzag();
  f.timer = r.varint();
  f.args = r.bytes();
  f.key = r.bytes();
  f.returned = r.bytes();
  f.fault = get_fault(r);
  f.child_fault = get_fault(r);
  if ((flags & 8) != 0) f.graph = get_graph(r, plan.nodes[f.node].children.size());
  if ((flags & 16) != 0) f.items = std::make_unique<Items>(get_items(r));
  if ((flags & 32) != 0) {
    f.wait = std::make_unique<Frame::Wait>();
    f.wait->request = r.bytes();
    f.wait->name = r.string();
    f.wait->plan_hash = r.string();
    for (auto n = r.count(2); n > 0 && r.ok(); --n) {
      std::string who(r.string());
      f.wait->votes.emplace_back(std::move(who), r.boolean());
    }
  }
  if ((flags & 128) != 0) {
    f.data = std::make_unique<Frame::Data>();
    for (Bytes* part : {&f.data->raw, &f.data->input, &f.data->now}) *part = r.bytes();
    if (r.boolean()) f.listening = get_listening(r, plan.nodes[f.node]);
  }
  return f;
}

void put_saga(Writer& w, const State& state) {
  w.varint(state.sagas.size());
  for (const auto& s : state.sagas) {
    put_id(w, s.parent);
    w.varint(s.first_entry);
    w.varint(s.floor);
    w.u8(static_cast<std::uint8_t>((s.closed ? 1 : 0) | (s.undoing ? 2 : 0)));
  }
  w.varint(state.saga_log.size());
  for (const auto& e : state.saga_log) {
    put_id(w, e.saga);
    put_id(w, e.node);
    w.varint(e.command);
    w.bytes(e.args);
    put_fault(w, e.fault);
    w.string(e.child);
    w.boolean(e.unknown_outcome);
    w.boolean(e.done);
  }
}
void get_saga(Reader& r, State& state) {
  for (auto n = r.count(4); n > 0 && r.ok(); --n) {
    SagaScope s;
    s.parent = get_id(r);
    s.first_entry = u32(r);
    s.floor = u32(r);
    const auto flags = r.u8();
    s.closed = (flags & 1) != 0;
    s.undoing = (flags & 2) != 0;
    if (s.parent != k_none && s.parent >= state.sagas.size()) r.fail_here();
    state.sagas.push_back(s);
  }
  for (auto n = r.count(8); n > 0 && r.ok(); --n) {
    SagaEntry e;
    e.saga = get_id(r);
    e.node = get_id(r);
    e.command = r.varint();
    e.args = r.bytes();
    e.fault = get_fault(r);
    e.child = r.string();
    e.unknown_outcome = r.boolean();
    e.done = r.boolean();
    if (e.saga >= state.sagas.size() || e.node >= state.plan->nodes.size()) r.fail_here();
    state.saga_log.push_back(std::move(e));
  }
}

void put_places(Writer& w, const State& state) {
  w.varint(state.events.size());
  for (const PendingEvent& pending : state.events) {
    w.varint(pending.seq);
    w.bytes(pending.event);
  }
  w.varint(state.resume.size());
  for (const auto& [node, place] : state.resume) {
    w.varint(node);
    w.varint(place.cursor);
    w.varint(place.iteration);
    w.bytes(place.now);
    w.bytes(place.items);
  }
}
void get_places(Reader& r, State& state) {
  for (auto n = r.count(2); n > 0 && r.ok(); --n) {
    PendingEvent pending;
    pending.seq = r.varint();
    pending.event = r.bytes();
    state.events.push_back(std::move(pending));
  }
  for (auto n = r.count(5); n > 0 && r.ok(); --n) {
    const auto node = u32(r);
    if (node >= state.plan->nodes.size()) return r.fail_here();
    Resume& place = state.resume[node];
    place.cursor = u32(r);
    place.iteration = u32(r);
    place.now = r.bytes();
    place.items = r.bytes();
  }
}

// What is derived from the frames.
void rebuild(State& state) {
  for (FrameId id = 0; id < state.frames.size(); ++id) {
    const Frame& f = state.frames[id];
    if (!f.live) continue;
    if (f.due != k_never) state.timers.emplace(f.due, id);
    if (f.phase == Phase::in_flight) ++state.in_flight;
    if (f.wait && !f.wait->name.empty() && f.phase == Phase::waiting)
      state.listeners[f.wait->name].emplace(f.command, id);
    if (waits_for_child(state, f)) ++state.children_out;
  }
}

}  // namespace

Bytes encode_state(const State& state) {
  Writer w;
  w.u8(k_version);
  put_info(w, state.info);
  w.u8(static_cast<std::uint8_t>(state.status));
  w.u8(static_cast<std::uint8_t>((state.paused ? 1 : 0) | (state.cancel_requested ? 2 : 0) | (state.cut ? 4 : 0) |
                                 (state.ending ? 8 : 0) | (state.resuming ? 16 : 0)));
  w.varint(state.last_seq);
  for (const auto t : {state.started_at, state.updated_at, state.closed_at}) w.zigzag(t);
  put_value(w, state.context);
  w.varint(state.outputs.size());
  for (const auto& [name, value] : state.outputs) {
    w.string(name);
    put_value(w, value);
  }
  w.bytes(state.output);
  put_fault(w, state.fault);
  w.string(state.compensation);
  w.varint(state.scopes.size());
  for (const auto& scope : state.scopes) {
    w.boolean(scope != nullptr);
    if (!scope) continue;
    put_id(w, scope->id);
    put_id(w, scope->parent);
    w.varint(scope->slots.size());
    for (const auto& slot : scope->slots) put_slot(w, slot);
  }
  w.varint(state.free_scopes.size());
  for (const auto id : state.free_scopes) w.varint(id);
  put_saga(w, state);
  w.varint(state.frames.size());
  for (const auto& frame : state.frames) put_frame(w, frame);
  w.varint(state.free_frames.size());
  for (const auto id : state.free_frames) w.varint(id);
  w.varint(state.queued.size());
  for (const auto id : state.queued) w.varint(id);
  w.varint(state.signals.size());
  for (const auto& [name, queue] : state.signals) {
    w.string(name);
    w.varint(queue.size());
    for (const auto& payload : queue) w.bytes(payload);
  }
  w.varint(state.signal_keys.size());
  for (const auto& key : state.signal_keys) w.string(key);
  w.varint(state.update_answers.size());
  for (const auto& [id, answer] : state.update_answers) {
    w.string(id);
    w.bytes(answer);
  }
  if (state.plan->data_flow) put_places(w, state);
  return Bytes(w.take());
}

Result<State> decode_state(std::string_view bytes, const plan::Plan& plan) {
  Reader r(bytes);
  if (const auto version = r.u8(); version != k_version)
    return fail(ErrorCode::unsupported, "snapshot: version " + std::to_string(version) + " is not known to this build");
  State state;
  state.plan = &plan;
  state.info = get_info(r);
  state.status = get_enum(r, RunStatus::quarantined);
  const auto flags = r.u8();
  state.paused = (flags & 1) != 0;
  state.cancel_requested = (flags & 2) != 0;
  state.cut = (flags & 4) != 0;
  state.ending = (flags & 8) != 0;
  state.resuming = (flags & 16) != 0;
  state.last_seq = r.varint();
  for (auto* t : {&state.started_at, &state.updated_at, &state.closed_at}) *t = r.zigzag();
  state.context = get_value(r);
  for (auto n = r.count(2); n > 0 && r.ok(); --n) {
    std::string name(r.string());
    state.outputs.emplace(std::move(name), get_value(r));
  }
  state.output = r.bytes();
  state.fault = get_fault(r);
  state.compensation = r.string();
  for (auto n = r.count(); n > 0 && r.ok(); --n) {
    if (!r.boolean()) {
      state.scopes.push_back(nullptr);
      continue;
    }
    auto scope = std::make_unique<ScopeState>();
    scope->id = get_id(r);
    scope->parent = get_id(r);
    for (auto slots = r.count(); slots > 0 && r.ok(); --slots) scope->slots.push_back(get_slot(r));
    if (scope->id >= plan.scopes.size() || scope->slots.size() != plan.scopes[scope->id].slots) r.fail_here();
    state.scopes.push_back(std::move(scope));
  }
  for (auto n = r.count(); n > 0 && r.ok(); --n) {
    state.free_scopes.push_back(u32(r));
    if (state.free_scopes.back() >= state.scopes.size() || state.scopes[state.free_scopes.back()]) r.fail_here();
  }
  get_saga(r, state);
  for (auto n = r.count(); n > 0 && r.ok(); --n) state.frames.push_back(get_frame(r, plan));
  for (auto n = r.count(); n > 0 && r.ok(); --n) {
    state.free_frames.push_back(u32(r));
    if (state.free_frames.back() >= state.frames.size() || state.frames[state.free_frames.back()].live) r.fail_here();
  }
  for (auto n = r.count(); n > 0 && r.ok(); --n) {
    state.queued.push_back(u32(r));
    if (live_frame(state, state.queued.back()) == nullptr) r.fail_here();
  }
  for (auto n = r.count(2); n > 0 && r.ok(); --n) {
    auto& queue = state.signals[std::string(r.string())];
    for (auto k = r.count(); k > 0 && r.ok(); --k) queue.push_back(r.bytes());
    state.signals_buffered += queue.size();
  }
  for (auto n = r.count(); n > 0 && r.ok(); --n) state.signal_keys.emplace_back(r.string());
  for (auto n = r.count(2); n > 0 && r.ok(); --n) {
    std::string id(r.string());
    state.update_answers.emplace_back(std::move(id), r.bytes());
    state.update_answers_bytes += state.update_answers.back().second.size();
  }
  if (plan.data_flow) get_places(r, state);
  if (auto end = r.finish("snapshot"); !end) return tl::unexpected<Error>(end.error());
  if (!holds_together(state)) return fail(ErrorCode::corrupt, "snapshot: its parts do not fit together");
  rebuild(state);
  return state;
}

}  // namespace perdure::decider
