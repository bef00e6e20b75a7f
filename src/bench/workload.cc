#include "bench/workload.h"

#include <fmt/format.h>

#include <condition_variable>
#include <mutex>
#include <thread>

#include "base/check.h"
#include "loaders/load.h"

namespace perdure::bench {

const char* const k_payload =
    R"({"order":"A-1001","customer":"c-42","items":[1,2,3],"total":99.5,"currency":"EUR","note":"as agreed"})";

namespace {

std::shared_ptr<const plan::Plan> load(const std::string& yaml) {
  const auto known = loaders::KnownActivities::with({"bench.step"});
  auto loaded = loaders::load(yaml, "bench", {}, known);
  CHECK(loaded.ok());
  return loaded.plan;
}

std::string step(std::size_t i) { return fmt::format("{{id: s{}, call: bench.step, with: {}", i, k_payload); }

}  // namespace

std::shared_ptr<const plan::Plan> steps_plan(std::size_t steps) {
  std::string yaml = fmt::format("name: bench_steps_{}\noutput: \"${{ .steps.s0.output }}\"\nsteps:\n", steps);
  for (std::size_t i = 0; i < steps; ++i) yaml += "  - " + step(i) + "}\n";
  return load(yaml);
}

std::shared_ptr<const plan::Plan> calls_plan(std::size_t steps, bool standard) {
  std::string yaml = standard
                         ? "document: {dsl: 1.0.3, namespace: default, name: bench, version: 1.0.0}\ndo:\n"
                         : "name: bench_calls\ndefaults: {retry: none}\noutput: \"${ .steps.s9.output }\"\nsteps:\n";
  for (std::size_t i = 0; i < steps; ++i) {
    yaml += standard
                ? fmt::format(
                      "  - s{}: {{call: http, with: {{method: post, endpoint: \"http://bench.test/\", body: {}}}}}\n",
                      i, k_payload)
                : fmt::format(
                      "  - {{id: s{}, call: http, with: {{method: post, url: \"http://bench.test/\", body: {}, "
                      "output: content, redirects: 0}}}}\n",
                      i, k_payload);
  }
  return load(yaml);
}

std::shared_ptr<const plan::Plan> fanout_plan(std::size_t width) {
  std::string yaml = fmt::format(
      "name: bench_fanout_{}\noutput: \"${{ .steps.s0.output }}\"\nsteps:\n  - id: all\n    type: parallel\n    "
      "steps:\n",
      width);
  for (std::size_t i = 0; i < width; ++i) yaml += "      - " + step(i) + "}\n";
  return load(yaml);
}

std::shared_ptr<const plan::Plan> dag_plan(std::size_t steps) {
  constexpr std::size_t k_layer = 1000;
  // 100 bytes as well, but few YAML nodes: a file may hold 2,000,000.
  constexpr const char* k_flat =
      R"({"order": "A-1001 for customer c-42: items 1, 2 and 3 for 99.50 EUR in total, as they were agreed"})";
  std::string yaml = fmt::format("name: bench_wide_{}\noutput: \"${{ .steps.s0.output }}\"\nmodules:\n", steps);
  for (std::size_t i = 0; i < steps; ++i) {
    yaml += fmt::format("  - {{id: s{}, call: bench.step, with: {}", i, k_flat);
    if (i >= k_layer) yaml += fmt::format(", depends_on: [s{}]", i - k_layer);
    yaml += "}\n";
  }
  return load(yaml);
}

std::shared_ptr<const plan::Plan> loop_plan(std::size_t iterations) {
  return load(
      fmt::format("name: bench_loop\noutput: \"done\"\nsteps:\n  - id: again\n    type: loop\n    times: {}\n    "
                  "steps:\n      - {}}}\n",
                  iterations, step(0)));
}

std::shared_ptr<const plan::Plan> sleeper_plan() {
  return load("name: bench_sleeper\nsteps:\n  - {id: nap, wait: 24h}\n");
}

Bench::Bench(const Options& options, std::string workload)
    : options_(options), dir_(options.dir / ("bench_" + std::move(workload))) {
  std::filesystem::remove_all(dir_);
}
Bench::~Bench() {
  std::error_code ignored;
  std::filesystem::remove_all(dir_, ignored);
}

Result<std::unique_ptr<engine::Engine>> Bench::open(DurationMs retention_ms) {
  EngineRequest request;
  request.dir = dir_;
  request.retention_ms = retention_ms;
  request.function = [this, result = Bytes(std::string(k_payload)), hook = on_step](activity::Context&) {
    executed_.fetch_add(1, std::memory_order_relaxed);
    if (hook) hook();
    return activity::Outcome::success(result);
  };
  return options_.open(std::move(request));
}

Saturated saturate(engine::Engine& engine, const std::shared_ptr<const plan::Plan>& plan, std::size_t in_flight,
                   double seconds, const std::function<void(double, std::uint64_t)>& each_second) {
  struct Shared {
    std::mutex mutex;
    std::condition_variable room;
    std::size_t out = 0;
    std::uint64_t done = 0;
    std::vector<double> latencies;
    std::string failed;
  };
  const auto shared = std::make_shared<Shared>();
  Saturated result;
  const double start = now_us(), end = start + seconds * 1e6;
  double next_second = start + 1e6;
  const double cpu_start = cpu_us();
  while (now_us() < end) {
    std::size_t room = 0;
    {
      std::unique_lock lock(shared->mutex);
      // In bulk, so that the client does not wake for every run that ends.
      shared->room.wait_for(lock, std::chrono::milliseconds(20),
                            [&] { return shared->out <= in_flight / 2 || !shared->failed.empty(); });
      if (!shared->failed.empty()) break;
      room = in_flight - std::min(in_flight, shared->out);
      shared->out += room;
    }
    for (; room > 0; --room) {
      engine::StartRequest request;
      request.plan = plan;
      const double asked = now_us();
      request.on_closed = [shared, asked, in_flight](const engine::Progress& progress) {
        const std::lock_guard lock(shared->mutex);
        --shared->out;
        ++shared->done;
        if ((shared->done & 63) == 0) shared->latencies.push_back(now_us() - asked);
        if (progress.status != history::RunStatus::completed)
          shared->failed = "a run ended " + std::string(history::to_string(progress.status));
        if (shared->out == in_flight / 2) shared->room.notify_one();
      };
      engine.start_async(std::move(request), [shared](Result<engine::Started> started) {
        if (started) return;
        const std::lock_guard lock(shared->mutex);
        shared->failed = started.error().message;
        shared->room.notify_one();
      });
    }
    if (each_second && now_us() >= next_second) {
      const std::lock_guard lock(shared->mutex);
      each_second((now_us() - start) / 1e6, shared->done);
      next_second += 1e6;
    }
  }
  const double took = now_us() - start;
  const double cpu = cpu_us() - cpu_start;
  std::unique_lock lock(shared->mutex);
  const std::uint64_t counted = shared->done;
  shared->room.wait_for(lock, std::chrono::seconds(60),
                        [&] { return shared->out <= in_flight / 2 || !shared->failed.empty(); });
  // What is still out ends before the engine is closed.
  while (shared->out > 0 && shared->failed.empty()) {
    const auto before = shared->out;
    shared->room.wait_for(lock, std::chrono::milliseconds(50));
    if (now_us() - start > took + 120e6 && shared->out == before) shared->failed = "runs did not end";
  }
  result.runs_per_s = static_cast<double>(counted) / took * 1e6;
  result.cpu_us_per_run = cpu / static_cast<double>(std::max<std::uint64_t>(1, counted));
  result.latencies_us = shared->latencies;
  result.failed = shared->failed;
  return result;
}

Result<double> start_many(engine::Engine& engine, const std::shared_ptr<const plan::Plan>& plan, std::size_t count,
                          std::size_t in_flight) {
  struct Shared {
    std::mutex mutex;
    std::condition_variable changed;
    std::size_t started = 0, acknowledged = 0;
    std::string failed;
  };
  const auto shared = std::make_shared<Shared>();
  const double start = now_us();
  while (true) {
    std::size_t room = 0;
    {
      std::unique_lock lock(shared->mutex);
      shared->changed.wait(lock, [&] {
        return !shared->failed.empty() ||
               (shared->started < count && shared->started - shared->acknowledged <= in_flight / 2) ||
               shared->acknowledged == count;
      });
      if (!shared->failed.empty()) return fail(ErrorCode::internal, shared->failed);
      if (shared->acknowledged == count) break;
      room = std::min(count - shared->started, in_flight - (shared->started - shared->acknowledged));
      shared->started += room;
    }
    for (; room > 0; --room) {
      engine::StartRequest request;
      request.plan = plan;
      engine.start_async(std::move(request), [shared, in_flight, count](Result<engine::Started> started) {
        const std::lock_guard lock(shared->mutex);
        ++shared->acknowledged;
        if (!started) shared->failed = started.error().message;
        if (shared->started - shared->acknowledged == in_flight / 2 || shared->acknowledged == count || !started)
          shared->changed.notify_one();
      });
    }
  }
  return static_cast<double>(count) / (now_us() - start) * 1e6;
}

Result<std::vector<double>> one_by_one(engine::Engine& engine, const std::shared_ptr<const plan::Plan>& plan,
                                       double seconds) {
  std::vector<double> latencies;
  const double end = now_us() + seconds * 1e6;
  while (now_us() < end) {
    std::mutex mutex;
    std::condition_variable ended;
    bool closed = false;
    std::string failed;
    engine::StartRequest request;
    request.plan = plan;
    request.on_closed = [&](const engine::Progress& progress) {
      const std::lock_guard lock(mutex);
      closed = true;
      if (progress.status != history::RunStatus::completed) failed = "a run failed";
      ended.notify_one();
    };
    const double start = now_us();
    engine.start_async(std::move(request), [&](Result<engine::Started> started) {
      if (started) return;
      const std::lock_guard lock(mutex);
      failed = started.error().message;
      closed = true;
      ended.notify_one();
    });
    std::unique_lock lock(mutex);
    ended.wait(lock, [&] { return closed; });
    if (!failed.empty()) return fail(ErrorCode::internal, failed);
    latencies.push_back(now_us() - start);
  }
  return latencies;
}

}  // namespace perdure::bench
