// Messages by AsyncAPI: published by an activity, or received by a listen that an activity feeds (C14).
#include <algorithm>

#include "loaders/ows.h"

namespace perdure::loaders {

using plan::EventsSpec;

void OwsLoader::asyncapi_body(NodeId id, const YamlNode& with) {
  const Members m(
      *this, with, "with",
      {"document", "channel", "operation", "server", "protocol", "message", "subscription", "authentication"});
  if (!required(m, with, "with", {"document"})) return;
  const auto one_of = [&](std::string_view a, std::string_view b) {
    if ((m.get(a) == nullptr) == (m.get(b) == nullptr) && !m.slipped())
      error(with, "an asyncapi call has `" + std::string(a) + "` or `" + std::string(b) + "`, one of them");
  };
  one_of("operation", "channel");
  one_of("message", "subscription");
  if (m.get("subscription") != nullptr) return subscription(id, with, m);
  TemplatePairs pairs = asyncapi_target(m, id);
  if (const YamlNode* n = m.get("message"); n != nullptr) {
    const Members message(*this, *n, "message", {"payload", "headers", "correlationId"});
    if (message.valid()) pairs.emplace_back("message", data(*n, id));
  }
  activity(id, "asyncapi", std::move(pairs));
}

// Where messages go or come from, and who asks.
TemplatePairs OwsLoader::asyncapi_target(const Members& m, NodeId owner) {
  TemplatePairs pairs;
  pairs.emplace_back("document", resource(*m.get("document"), owner, "document"));
  for (const char* name : {"channel", "operation"})
    if (const YamlNode* n = m.get(name); n != nullptr && text(*n, name)) pairs.emplace_back(name, data(*n, owner));
  if (const YamlNode* n = m.get("protocol"); n != nullptr) {
    const bool known =
        choice(*n, "protocol",
               {"amqp", "amqp1", "anypointmq", "googlepubsub", "http", "ibmmq", "jms", "kafka", "mercure", "mqtt",
                "mqtt5", "nats", "pulsar", "redis", "sns", "solace", "sqs", "stomp", "ws"})
            .has_value();
    if (known && n->text != "http" && n->text != "ws")
      error(*n, "the protocol `" + std::string(n->text) + "` is not spoken by this build", "it speaks `http` and `ws`");
    pairs.emplace_back("protocol", constant_template(Value(n->text)));
  }
  if (const YamlNode* n = m.get("server"); n != nullptr) {
    const Members s(*this, *n, "server", {"name", "variables"});
    required(s, *n, "server", {"name"});
    pairs.emplace_back("server", data(*n, owner));
  }
  if (const YamlNode* n = m.get("authentication"); n != nullptr)
    if (auto auth = authentication(*n, owner)) pairs.emplace_back("authentication", *std::move(auth));
  return pairs;
}

void OwsLoader::subscription(NodeId id, const YamlNode& with, const Members& call) {
  const YamlNode& node = *call.get("subscription");
  const Members m(*this, node, "subscription", {"filter", "consume", "foreach"});
  if (!required(m, node, "subscription", {"consume"})) return;
  EventsSpec made;
  made.mode = plan::EventMode::fed;
  made.read = plan::EventRead::envelope;
  if (const YamlNode* n = m.get("filter"); n != nullptr) made.filter = expression(n, "filter", id, Stage::asked);
  consume(id, *m.get("consume"), made);

  plan::Node& listening = at(id);
  listening.kind = plan::Kind::listen;
  listening.activity.reset();
  listening.retry.reset();
  if (const YamlNode* n = m.get("foreach"); n != nullptr) iterator(id, *n, made);
  // It has the task's name: that is what its expressions know as $task.
  const NodeId feed = make(with, at(id).name, true, id, flow(id).pointer);
  at(id).children.push_back(feed);
  TemplatePairs pairs = asyncapi_target(call, feed);
  pairs.emplace_back("subscribe", constant_template(Value(true)));
  activity(feed, "asyncapi", std::move(pairs));
  flow(id).events = std::make_unique<EventsSpec>(std::move(made));
}

void OwsLoader::consume(NodeId id, const YamlNode& node, EventsSpec& into) {
  const Members m(*this, node, "consume", {"for", "amount", "while", "until"});
  if (const YamlNode* n = m.get("for"); n != nullptr) into.for_ms = duration(*n, "for").value_or(0);
  if (const YamlNode* n = m.get("amount"); n != nullptr)
    into.amount = static_cast<std::uint32_t>(integer(*n, "amount", 1, 1'000'000).value_or(1));
  if (const YamlNode* n = m.get("while"); n != nullptr) into.while_ = expression(n, "while", id, Stage::asked);
  if (const YamlNode* n = m.get("until"); n != nullptr) into.until = expression(n, "until", id, Stage::asked);
  const int ends = (m.get("amount") != nullptr) + (m.get("while") != nullptr) + (m.get("until") != nullptr);
  if (m.valid() && !m.slipped() && ends != 1) error(node, "`consume` has one of `amount`, `while` and `until`");
}

}  // namespace perdure::loaders
