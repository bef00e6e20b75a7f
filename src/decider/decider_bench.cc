// What a step costs without disk: deciding and encoding the batch. In-process activities of 100-byte results.
#include <benchmark/benchmark.h>

#include <string>

#include "decider/decider.h"
#include "loaders/load.h"

namespace perdure::decider {
namespace {

namespace h = history;

std::shared_ptr<const plan::Plan> load(const std::string& yaml) {
  const auto loaded = loaders::load_native(yaml, "bench.yaml", {}, loaders::KnownActivities::with({"nop"}));
  if (!loaded.ok()) {
    std::fputs(loaders::render(loaded.diagnostics, false).c_str(), stderr);
    std::abort();
  }
  return loaded.plan;
}

h::RunStarted start(const plan::Plan& plan) {
  auto info = std::make_shared<h::StartInfo>();
  info->workflow = plan.name;
  info->version = "1";
  info->plan_hash = plan.hash;
  info->seed = 42;
  info->run = {"default", "run_0000000000000000"};
  info->input = Bytes(std::string(R"({"order":"o-1"})"));
  return {info};
}

// Runs the plan to its end, answering every dispatch; counts the steps that were answered.
struct Driver {
  const plan::Plan& plan;
  State state;
  std::vector<h::Event> facts;
  std::uint64_t steps = 0, bytes = 0;
  TimeMs now = 1'767'225'600'000;

  explicit Driver(const plan::Plan& p) : plan(p), state(empty_state(p)) {}

  void run(const Bytes& result, std::size_t answers_a_batch) {
    facts.push_back(start(plan));
    bool more = false;
    std::vector<Command> out;
    std::size_t next = 0;
    while (!facts.empty() || more) {
      const std::uint64_t first = state.last_seq + 1;
      Decision d = decide(plan, state, facts, {now, 0});
      more = d.more;
      bytes += h::encode_batch({first, now, std::move(d.events)}).size();
      facts.clear();
      for (auto& c : d.commands) out.push_back(std::move(c));
      while (next < out.size() && facts.size() < answers_a_batch)
        if (const auto* a = std::get_if<DispatchActivity>(&out[next++])) {
          facts.emplace_back(h::ActivityCompleted{a->frame, a->command, a->attempt, result});
          ++steps;
        }
      ++now;
    }
  }
};

void report(benchmark::State& bench, std::uint64_t steps, std::uint64_t bytes) {
  bench.SetItemsProcessed(static_cast<std::int64_t>(steps));
  bench.counters["bytes_per_step"] = static_cast<double>(bytes) / static_cast<double>(steps);
}

void drive(benchmark::State& bench, const std::string& yaml, std::size_t answers_a_batch) {
  const auto plan = load(yaml);
  const Bytes result(
      std::string(R"({"id":"0123456789012345678901234567890123456789","note":"abcdefghijabcdefghijabcdefghijabc"})"));
  std::uint64_t steps = 0, bytes = 0;
  for (auto _ : bench) {
    Driver driver(*plan);
    driver.run(result, answers_a_batch);
    steps += driver.steps;
    bytes += driver.bytes;
    if (driver.state.status != RunStatus::completed) bench.SkipWithError("the run did not complete");
  }
  report(bench, steps, bytes);
}

void sequential_10(benchmark::State& bench) {
  std::string yaml = "name: seq\nsteps:\n";
  for (int i = 0; i < 10; ++i)
    yaml += "  - {id: s" + std::to_string(i) + ", call: nop, with: {n: " + std::to_string(i) + "}}\n";
  drive(bench, yaml, 1);
}
BENCHMARK(sequential_10);

void sequential_10_dataflow(benchmark::State& bench) {
  std::string yaml = "name: seq\nsteps:\n  - {id: s0, call: nop, with: {n: \"${ .input.order }\"}}\n";
  for (int i = 1; i < 10; ++i)
    yaml += "  - {id: s" + std::to_string(i) + ", call: nop, with: {n: \"${ .steps.s" + std::to_string(i - 1) +
            ".output.id }\"}}\n";
  drive(bench, yaml, 1);
}
BENCHMARK(sequential_10_dataflow);

std::string fan_out() {
  std::string yaml = "name: fan\nsteps:\n  - id: p\n    type: parallel\n    steps:\n";
  for (int i = 0; i < 100; ++i) yaml += "      - {id: s" + std::to_string(i) + ", call: nop}\n";
  return yaml;
}
void fan_out_100_one_by_one(benchmark::State& bench) { drive(bench, fan_out(), 1); }
BENCHMARK(fan_out_100_one_by_one);
void fan_out_100_batches_of_10(benchmark::State& bench) { drive(bench, fan_out(), 10); }
BENCHMARK(fan_out_100_batches_of_10);

void loop_1000_set(benchmark::State& bench) {
  const auto plan = load(
      "name: loop\ncontext: {n: 0}\nsteps:\n  - {id: l, times: 1000, steps: [{id: s, set: {n: \"${ .context.n + 1 "
      "}\"}}]}\n");
  std::uint64_t bytes = 0, steps = 0;
  for (auto _ : bench) {
    Driver driver(*plan);
    driver.run({}, 1);
    bytes += driver.bytes;
    steps += 1000;
  }
  report(bench, steps, bytes);
}
BENCHMARK(loop_1000_set);

void snapshot_of_100_steps(benchmark::State& bench) {
  const auto plan = load(fan_out());
  State state = empty_state(*plan);
  const std::vector<h::Event> facts{start(*plan)};
  decide(*plan, state, facts, {1, 0});
  for (auto _ : bench) benchmark::DoNotOptimize(encode_state(state));
}
BENCHMARK(snapshot_of_100_steps);

}  // namespace
}  // namespace perdure::decider

BENCHMARK_MAIN();
