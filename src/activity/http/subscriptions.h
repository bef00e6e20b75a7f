#pragma once
// Subscriptions: a connection each, that is kept between the tasks that ask for one message more. A subscription is known by
// its run and the command of the step that subscribes; it ends when that command is cancelled, or when nobody has asked for
// a while. A connection that ends is made again when the next message is asked for. One thread.
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "activity/activity.h"
#include "activity/http/inbox.h"
#include "activity/http/request.h"
#include "activity/task_queue.h"

namespace perdure::activity {

class Subscriptions {
 public:
  // Makes a connection whose messages go to the request's inbox; told when it has ended: well, or why it could not be.
  using Connect = std::function<void(Task, OnDone, HttpRequest)>;
  explicit Subscriptions(Connect connect) : connect_(std::move(connect)) {}

  // Which subscription a task is for: its idempotency key names the command.
  static CommandId command_of(const Task& task);
  // Asks for one message: {message}, {} when there was none for long, {over} when the task's time is over, or what keeps it
  // from coming. False, with the task untouched, when there is no such subscription: it is to be opened.
  bool ask(Task& task, OnDone& done, std::int64_t now_ms);
  void open(Task task, OnDone done, HttpRequest request, std::int64_t now_ms);
  void cancel(const TaskQueue::Target& target);
  void stop();

  void step(std::int64_t now_ms);  // answers what can be, connects what is to be
  // Subscriptions that are no more, whose connections are to be ended.
  std::vector<TaskQueue::Target> dropped() { return std::exchange(dropped_, {}); }
  std::int64_t next_moment() const;

 private:
  struct Subscription {
    RunKey run;
    CommandId command;
    HttpRequest request;
    Task task;  // who asks, or asked last
    OnDone done;
    std::int64_t over_ms = 0, look_until_ms = 0, idle_until_ms = 0, connect_at_ms = 0;
    bool live = false;
    std::optional<Outcome> failed;
  };
  using Held = std::shared_ptr<Subscription>;
  void wait_for(Subscription& one, Task task, OnDone done, std::int64_t now_ms);
  void connect(const Held& one, std::int64_t now_ms);
  void drop(const Held& one);

  Connect connect_;
  std::vector<Held> all_;
  std::vector<TaskQueue::Target> dropped_;
};

}  // namespace perdure::activity
