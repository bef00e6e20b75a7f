// The data flow of the Open Workflow Specification, as events change it.
#include <algorithm>

#include "base/json.h"
#include "decider/frames.h"

namespace perdure::decider {
namespace {

bool has_place(plan::Kind kind) { return kind == plan::Kind::tasks || kind == plan::Kind::each; }

// What the task reads of an event.
Value as_read(Value event, plan::EventRead read) {
  if (read == plan::EventRead::envelope) return event;
  const Value* data = event.find("data");
  if (read == plan::EventRead::data) return data != nullptr ? *data : Value();
  const Value* binary = event.find("data_base64");
  if (binary != nullptr) return *binary;
  if (data == nullptr) return {};
  return data->is_string() ? *data : Value(to_json(*data));
}

// Whether `child` is what a subscription gets its messages by.
bool is_feed(const State& state, const Frame& parent, const Frame& child) {
  const plan::Node& node = node_of(state, parent);
  return node.flow && node.flow->events && node.flow->events->mode == plan::EventMode::fed &&
         node.children.back() == child.node;
}

}  // namespace

// A branch of a fork begins with what the fork got, every other task with what the one before it gave.
void open_flow(State& state, Frame& frame, const Frame* parent) {
  frame.data = std::make_unique<Frame::Data>();
  Frame::Data& data = *frame.data;
  if (parent == nullptr) {
    if (state.info) data.raw = state.info->input;
  } else if (parent->data) {
    const auto kind = node_of(state, *parent).kind;
    const bool branch = kind == plan::Kind::parallel || kind == plan::Kind::race;
    data.raw = branch || is_feed(state, *parent, frame) ? parent->data->input : parent->data->now;
  }
  data.input = data.now = data.raw;
  if (!state.resuming || !has_place(node_of(state, frame).kind)) return;
  const auto found = state.resume.find(frame.node);
  if (found == state.resume.end()) return;
  frame.cursor = found->second.cursor;
  data.now = found->second.now;
  frame.iteration = found->second.iteration;
  if (!found->second.items.empty()) {
    auto items = parse_json(found->second.items.view());
    frame.items = std::make_unique<Items>();
    frame.items->items = items && items->is_array() ? std::move(*items) : Value::array();
    frame.items->results.resize(frame.items->items.size());
  }
  state.resume.erase(found);
  state.resuming = !state.resume.empty();
}

void hand_on(State& state, const Frame& ended, const Bytes& output) {
  Frame* parent = live_frame(state, ended.parent);
  if (parent == nullptr || !parent->data) return;
  parent->data->now = output;
  if (is_feed(state, *parent, ended)) {
    if (parent->listening) parent->listening->answered = true;
    return;
  }
  if (parent->listening && parent->items && parent->iteration > 0 && parent->iteration <= parent->items->results.size())
    parent->items->results[parent->iteration - 1] = output;
}

// The list's next task; one that jumped was told where before it ended (TaskJumped).
void go_on(Frame& list, std::uint32_t after) {
  list.cursor = list.branch != k_none ? list.branch : after + 1;
  list.branch = k_none;
}

void keep_place(State& state, const Frame& frame) {
  if (!frame.data || !has_place(node_of(state, frame).kind)) return;
  if (state.resuming) forget_places(state);
  Resume place;
  place.cursor = frame.cursor;
  place.now = frame.data->now;
  if (frame.items) {
    place.items = Bytes(to_json(frame.items->items));
    place.iteration = frame.iteration == 0 ? 0 : frame.iteration - 1;  // the one that failed comes again
  }
  state.resume[frame.node] = std::move(place);
}

void listen_for(State& state, Frame& frame) {
  const plan::EventsSpec& spec = *node_of(state, frame).flow->events;
  frame.phase = Phase::waiting;
  frame.listening = std::make_unique<Frame::Listening>();
  frame.listening->met.resize(spec.filters.size());
  frame.listening->until_met.resize(spec.until_events.size());
  frame.listening->keys = Value::object();
  frame.items = std::make_unique<Items>();
  frame.items->items = Value::array();
}

void consume(State& state, Frame& frame, const history::EventConsumed& taken) {
  if (frame.listening && frame.listening->answered && taken.event == 0) {
    const auto answer = parse_json(frame.data->now.view());
    const Value* message = answer ? answer->find("message") : nullptr;
    frame.listening->answered = false;
    if (taken.until || message == nullptr) return;
    frame.items->items.push_back(*message);
    frame.items->results.emplace_back();
    return;
  }
  const auto at = std::find_if(state.events.begin(), state.events.end(),
                               [&](const PendingEvent& pending) { return pending.seq == taken.event; });
  if (at == state.events.end() || !frame.listening) return;
  const plan::EventsSpec& spec = *node_of(state, frame).flow->events;
  auto event = parse_json(at->event.view());
  state.events.erase(at);
  auto& met = taken.until ? frame.listening->until_met : frame.listening->met;
  if (taken.filter < met.size()) met[taken.filter] = 1;
  if (!taken.keys.empty())
    if (auto keys = parse_json(taken.keys.view())) frame.listening->keys = std::move(*keys);
  if (taken.until || !event) return;
  frame.items->items.push_back(as_read(std::move(*event), spec.read));
  frame.items->results.emplace_back();
}

void forget_places(State& state) {
  state.resume.clear();
  state.resuming = false;
}

}  // namespace perdure::decider
