#include "activity/http/subscriptions.h"

#include <algorithm>
#include <charconv>

#include "activity/outcome.h"
#include "base/json.h"
#include "base/limits.h"

namespace perdure::activity {
namespace {

constexpr std::int64_t k_look_ms = 10 * 60 * 1000;  // then the task ends with nothing, and the next one asks
constexpr std::int64_t k_idle_ms = 60 * 60 * 1000;  // without a question
constexpr std::int64_t k_reconnect_ms = 1000;       // from one connection's begin to the next

Outcome answer(const Value& value) { return Outcome::success(Bytes(to_json(value))); }

}  // namespace

CommandId Subscriptions::command_of(const Task& task) {
  CommandId command = task.command;
  const std::string& key = task.idempotency_key;
  std::from_chars(key.data(), key.data() + key.size(), command.seq);
  return command;
}

void Subscriptions::wait_for(Subscription& one, Task task, OnDone done, std::int64_t now_ms) {
  one.over_ms = task.start_to_close_ms > 0 ? now_ms + task.start_to_close_ms : INT64_MAX;
  one.look_until_ms = now_ms + k_look_ms;
  one.task = std::move(task);
  one.done = std::move(done);
}

bool Subscriptions::ask(Task& task, OnDone& done, std::int64_t now_ms) {
  const CommandId command = command_of(task);
  const auto found = std::find_if(all_.begin(), all_.end(),
                                  [&](const Held& one) { return one->command == command && one->run == task.run; });
  if (found == all_.end()) return false;
  if ((*found)->done) std::exchange((*found)->done, nullptr)(cancelled_outcome());  // an attempt that was given up
  wait_for(**found, std::move(task), std::move(done), now_ms);
  return true;
}

void Subscriptions::open(Task task, OnDone done, HttpRequest request, std::int64_t now_ms) {
  if (all_.size() >= k_subscriptions_max) return done(queue_full_outcome("subscriptions", k_subscriptions_max));
  auto one = std::make_shared<Subscription>();
  one->run = task.run;
  one->command = command_of(task);
  one->request = std::move(request);
  wait_for(*one, std::move(task), std::move(done), now_ms);
  all_.push_back(std::move(one));
}

void Subscriptions::connect(const Held& one, std::int64_t now_ms) {
  one->live = true;
  one->connect_at_ms = now_ms + k_reconnect_ms;
  Task task = one->task;
  task.command = one->command;
  task.idempotency_key.clear();
  task.start_to_close_ms = task.heartbeat_ms = 0;
  const std::weak_ptr<Subscription> known = one;
  connect_(
      std::move(task),
      [known](Outcome ended) {
        const Held held = known.lock();
        if (!held) return;
        held->live = false;
        if (!ended.ok) held->failed = std::move(ended);
      },
      one->request);
}

void Subscriptions::drop(const Held& one) {
  if (one->live) dropped_.push_back({one->run, one->command});
  std::erase(all_, one);
}

void Subscriptions::cancel(const TaskQueue::Target& target) {
  const auto is_meant = [&](const Held& one) {
    return one->run == target.run && (one->command == target.command || (one->done && target.is(one->task)));
  };
  for (const Held& one : std::vector<Held>(all_)) {
    if (!is_meant(one)) continue;
    if (one->done) std::exchange(one->done, nullptr)(cancelled_outcome());
    drop(one);
  }
}

void Subscriptions::stop() {
  for (const Held& one : std::vector<Held>(all_))
    if (one->done) std::exchange(one->done, nullptr)(shutdown_outcome(false));
  all_.clear();
}

void Subscriptions::step(std::int64_t now_ms) {
  for (const Held& one : std::vector<Held>(all_)) {
    Inbox& inbox = *one->request.inbox;
    if (!one->done) {
      if (now_ms >= one->idle_until_ms) drop(one);
      continue;
    }
    std::optional<Outcome> outcome;
    if (now_ms >= one->over_ms) outcome = answer(Value::object({{"over", true}}));
    else if (!inbox.empty()) outcome = answer(Value::object({{"message", inbox.next()}}));
    else if (one->failed) outcome = std::move(one->failed);
    else if (now_ms >= one->look_until_ms) outcome = answer(Value::object());
    else if (!one->live && now_ms >= one->connect_at_ms) connect(one, now_ms);
    if (!outcome) continue;
    one->idle_until_ms = now_ms + k_idle_ms;
    if (!outcome->ok) drop(one);
    std::exchange(one->done, nullptr)(*std::move(outcome));
  }
}

std::int64_t Subscriptions::next_moment() const {
  std::int64_t moment = INT64_MAX;
  for (const Held& one : all_) {
    if (!one->done) moment = std::min(moment, one->idle_until_ms);
    else moment = std::min({moment, one->over_ms, one->look_until_ms, one->live ? INT64_MAX : one->connect_at_ms});
  }
  return moment;
}

}  // namespace perdure::activity
