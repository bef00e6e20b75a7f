#include "runtime/events.h"

#include <atomic>
#include <mutex>
#include <optional>

#include "base/json.h"
#include "runtime/shard.h"

namespace perdure::runtime {
namespace {

constexpr std::size_t k_page = 512;

// Waits for the answers of all runs that were asked.
struct Answers {
  std::mutex mutex;
  std::size_t open = 1;  // and the one who asks
  std::optional<Error> trouble;
  std::vector<RunKey> runs;
  std::function<void(Result<std::vector<RunKey>>)> done;

  void one(const RunKey& run, const Result<Value>& answer) {
    {
      const std::lock_guard lock(mutex);
      // A run that has ended meanwhile, or that is set aside, listens no more.
      const bool gone =
          !answer && (answer.error().code == ErrorCode::not_found || answer.error().code == ErrorCode::conflict ||
                      answer.error().code == ErrorCode::corrupt);
      if (!answer && !gone && !trouble) trouble = answer.error();
      if (answer && answer->truthy()) runs.push_back(run);
      if (--open > 0) return;
    }
    if (trouble) done(tl::unexpected<Error>(std::move(*trouble)));
    else done(std::move(runs));
  }
};

}  // namespace

std::string listening_key(const RunKey& run) { return "listening/" + to_string(run); }

Result<Value> complete_event(Value event, const std::string& id, TimeMs now) {
  if (!event.is_object())
    return fail(ErrorCode::invalid, "an event is an object of attributes; give at least its type");
  const Value* type = event.find("type");
  if (type == nullptr || !type->is_string() || type->as_string().empty())
    return fail(ErrorCode::invalid, "the event has no `type`; give it one, such as com.example.order.paid");
  const auto fill = [&](const char* name, std::string value) {
    const Value* known = event.find(name);
    if (known == nullptr || known->is_null()) event.set(name, Value(std::move(value)));
  };
  fill("specversion", "1.0");
  fill("id", id);
  fill("source", "/perdure");
  fill("time", format_timestamp(now));
  for (const char* name : {"id", "source"})
    if (!event.find(name)->is_string())
      return fail(ErrorCode::invalid, std::string("the event's `") + name + "` must be a text");
  return event;
}

void publish_event(Core& core, const std::string& tenant, const Value& event,
                   std::function<void(Result<std::vector<RunKey>>)> done) {
  // A store that is being recovered does not show who listens.
  const std::uint64_t failures = core.health.failures;
  const auto is_well = [&core, failures] { return !core.health.failed && core.health.failures == failures; };
  const auto trouble = [&core] {
    const std::lock_guard lock(core.health.mutex);
    return fail(ErrorCode::io, "events can't be given to those who listen now (" + core.health.reason +
                                   "); the store is being recovered, try again");
  };
  if (!is_well()) return done(trouble());
  const std::string prefix = "listening/" + tenant + "/";
  const Bytes json(to_json(event));
  const std::string id =
      std::string(event.find("source")->as_string()) + " " + std::string(event.find("id")->as_string());
  auto answers = std::make_shared<Answers>();
  answers->done = std::move(done);
  std::string after;
  Result<Value> scanned = Value();
  while (true) {
    auto page = core.store->scan(prefix, after, k_page);
    if (!page) {
      scanned = tl::unexpected<Error>(std::move(page).error());
      break;
    }
    for (const auto& [key, mark] : *page) {
      const RunKey run{tenant, key.substr(prefix.size())};
      {
        const std::lock_guard lock(answers->mutex);
        ++answers->open;
      }
      core.shard_of(run).post(FactMessage{run, history::EventReceived{json, id},
                                          [answers, run](Result<Value> answer) { answers->one(run, answer); }});
    }
    if (page->size() < k_page) break;
    after = page->back().first;
  }
  if (scanned && !is_well()) scanned = trouble();
  // A run that was not found may have ended in a commit that is not durable yet.
  {
    const std::lock_guard lock(answers->mutex);
    answers->open += core.shards.size();
  }
  for (const auto& each : core.shards) {
    Shard& shard = *each;
    const auto told = [answers](const Status& status) {
      answers->one({}, status ? Result<Value>(Value()) : tl::unexpected<Error>(status.error()));
    };
    shard.post(CallMessage{[&shard, told] { shard.when_all_durable(told); },
                           [told](Error error) { told(tl::unexpected<Error>(std::move(error))); }});
  }
  answers->one({}, scanned);
}

void EventDriver::start(activity::Task task, activity::OnDone done) {
  const auto failed = [](std::string type, const Error& error, activity::ErrorClass error_class) {
    activity::ActivityError wrong;
    wrong.type = std::move(type);
    wrong.title = error.message;
    wrong.error_class = error_class;
    return activity::Outcome::failure(std::move(wrong));
  };
  auto args = parse_json(task.args.view());
  auto event = args ? complete_event(std::move(*args), task.idempotency_key, core_.clock->now_ms())
                    : Result<Value>(tl::unexpected<Error>(args.error()));
  if (!event) return done(failed("validation", event.error(), activity::ErrorClass::fatal));
  publish_event(core_, task.run.tenant, *event,
                [done = std::move(done), failed, json = Bytes(to_json(*event))](const auto& told) {
                  if (told) done(activity::Outcome::success(json));
                  else done(failed("store", told.error(), activity::ErrorClass::transient));
                });
}

}  // namespace perdure::runtime
