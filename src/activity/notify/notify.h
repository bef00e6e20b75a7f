#pragma once
// The activity `notify`: tells people or programs something, by a line in a log or a webhook (docs/activities.md).
#include <functional>
#include <memory>
#include <string_view>

#include "activity/activity.h"
#include "base/time.h"

namespace perdure::activity {

struct NotifyOptions {
  // Takes one line of JSON without its line end; called from any thread, one at a time. Empty: stderr.
  std::function<void(std::string_view line)> sink = {};
  // start() and cancel() of the driver that serves `http`, which sends webhooks. Empty: webhooks are refused.
  std::function<void(Task, OnDone)> http = {};
  std::function<void(const RunKey&, CommandId)> cancel_http = {};
  Clock* clock = nullptr;  // nullptr: the system's
};

// Shut it down before the driver behind `http`.
std::unique_ptr<Driver> make_notify(NotifyOptions options = {});

}  // namespace perdure::activity
