// The public API (include/perdure/perdure.h) on the engine.
#include <utility>

#include "app/wiring.h"
#include "base/json.h"
#include "loaders/load.h"
#include "perdure/perdure.h"

namespace perdure::embed {
namespace {

Error told(const perdure::Error& error) { return {std::string(to_string(error.code)), error.message}; }

class CallView final : public Call {
 public:
  explicit CallView(activity::Context& context) : context_(context) {}
  std::string_view arguments() const override { return context_.task().args.view(); }
  std::string_view run() const override { return context_.task().run.id; }
  std::string_view step() const override { return context_.task().step; }
  std::uint32_t attempt() const override { return context_.task().attempt; }
  std::string_view idempotency_key() const override { return context_.task().idempotency_key; }
  bool cancelled() const override { return context_.cancelled(); }
  void heartbeat(std::string json) override {
    if (parse_json(json)) context_.heartbeat(Bytes(std::move(json)));
  }

 private:
  activity::Context& context_;
};

activity::Outcome outcome_of(Answer answer, const std::string& name) {
  activity::ActivityError error;
  if (answer.ok) {
    if (answer.json.empty()) answer.json = "null";
    const auto value = parse_json(answer.json);
    if (value) return activity::Outcome::success(Bytes(std::move(answer.json)));
    error.type = "activity.result";
    error.title = "what '" + name + "' returned is no JSON: " + value.error().message;
    error.error_class = activity::ErrorClass::fatal;
    return activity::Outcome::failure(std::move(error));
  }
  error.type = answer.type.empty() ? "activity.failed" : std::move(answer.type);
  error.title = std::move(answer.title);
  switch (answer.again) {
    case Again::later: error.error_class = activity::ErrorClass::recoverable; break;
    case Again::never: error.error_class = activity::ErrorClass::fatal; break;
    case Again::unknown: error.error_class = activity::ErrorClass::ambiguous; break;
  }
  return activity::Outcome::failure(std::move(error));
}

Run run_of(const engine::RunView& view) {
  Run run;
  run.id = view.run.id;
  run.workflow = view.workflow;
  run.version = view.version;
  run.status = view.status;
  run.input = to_json(view.input);
  run.output = to_json(view.output);
  if (view.error) {
    run.error_type = view.error->type;
    run.error_title = view.error->title;
  }
  run.closed = view.closed_at != 0;
  return run;
}

class EmbeddedEngine final : public Engine {
 public:
  EmbeddedEngine(std::unique_ptr<engine::Engine> engine, loaders::KnownActivities known)
      : engine_(std::move(engine)), known_(std::move(known)) {}

  Result<Run> start(std::string_view yaml, std::string_view input_json, std::string_view id) override {
    auto plan = load(yaml);
    if (!plan) return told(plan.error());
    engine::StartRequest request;
    request.plan = std::move(*plan);
    return begin(std::move(request), input_json, id);
  }
  Result<Done> register_workflow(std::string_view yaml) override {
    auto plan = load(yaml);
    if (!plan) return told(plan.error());
    const auto kept = engine_->register_workflow(std::move(*plan));
    if (!kept) return told(kept.error());
    return Done{};
  }
  Result<Run> start_registered(std::string_view name, std::string_view input_json, std::string_view id) override {
    engine::StartRequest request;
    request.workflow = std::string(name);
    return begin(std::move(request), input_json, id);
  }
  Result<Run> wait(std::string_view id, std::chrono::milliseconds at_most) override {
    return view_of(engine_->wait(key(id), false, at_most));
  }
  Result<Run> describe(std::string_view id) override { return view_of(engine_->describe(key(id))); }
  Result<Done> signal(std::string_view id, std::string_view name, std::string_view payload_json) override {
    const auto payload = parse_json(payload_json);
    if (!payload) return told(payload.error());
    return done_of(engine_->signal(key(id), std::string(name), *payload, ""));
  }
  Result<Done> cancel(std::string_view id, std::string_view reason) override {
    return done_of(engine_->cancel(key(id), "embedder", std::string(reason)));
  }

 private:
  static RunKey key(std::string_view id) { return RunKey{"default", std::string(id)}; }
  static Result<Run> view_of(const perdure::Result<engine::RunView>& view) {
    if (!view) return told(view.error());
    return run_of(*view);
  }
  static Result<Done> done_of(const Status& status) {
    if (!status) return told(status.error());
    return Done{};
  }
  perdure::Result<std::shared_ptr<const plan::Plan>> load(std::string_view yaml) const {
    auto loaded = loaders::load(yaml, "workflow", {}, known_);
    if (loaded.ok()) return loaded.plan;
    return fail(ErrorCode::invalid, loaders::render(loaded.diagnostics, false));
  }
  Result<Run> begin(engine::StartRequest request, std::string_view input_json, std::string_view id) {
    const auto input = parse_json(input_json);
    if (!input) return told(wrap(input.error(), "the input").value());
    request.id = std::string(id);
    request.input = Bytes(to_json(*input));
    const auto started = engine_->start(std::move(request));
    if (!started) return told(started.error());
    return describe(started->run.id);
  }

  const std::unique_ptr<engine::Engine> engine_;
  const loaders::KnownActivities known_;
};

}  // namespace

Result<std::unique_ptr<Engine>> Engine::open(Options options, std::vector<Activity> activities) {
  app::EngineOptions wanted;
  wanted.dir = options.directory;
  wanted.outside = options.outside;
  wanted.allow_private_addresses = options.allow_private_addresses;
  if (options.secret)
    wanted.runtime.secrets = [secret = std::move(options.secret)](const std::string& name) -> std::optional<Value> {
      const auto json = secret(name);
      auto value = json ? parse_json(*json) : perdure::Result<Value>(Value());
      if (!value || value->is_null()) return std::nullopt;
      return std::move(*value);
    };
  wanted.function_threads = options.threads;
  wanted.runtime.retention_ms = options.keep_closed_runs.count();
  std::vector<std::string> types;
  for (Activity& activity : activities) {
    types.push_back(activity.name);
    wanted.functions.push_back(
        {activity.name,
         [name = activity.name, function = std::move(activity.function)](activity::Context& context) {
           CallView call(context);
           return outcome_of(function(call), name);
         },
         {}});
  }
  auto engine = app::make_engine(std::move(wanted));
  if (!engine) return told(engine.error());
  return std::unique_ptr<Engine>(
      std::make_unique<EmbeddedEngine>(std::move(*engine), loaders::KnownActivities::with(types)));
}

}  // namespace perdure::embed
