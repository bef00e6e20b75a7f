// The workloads of `perdure bench`.
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <thread>

#include "bench/workload.h"

namespace perdure::bench {
namespace {

constexpr std::size_t k_in_flight = 4096;

Figures saturated(const std::string& name, const Options& options, const std::shared_ptr<const plan::Plan>& plan,
                  std::size_t steps, std::size_t in_flight) {
  Figures f{.workload = name};
  Bench bench(options, name);
  auto engine = bench.open();
  if (!engine) return f.failed = engine.error().message, f;
  saturate(**engine, plan, in_flight, 1.0);  // warm
  const auto s = saturate(**engine, plan, in_flight, options.seconds);
  f.failed = s.failed;
  f.runs_per_s = s.runs_per_s;
  f.steps_per_s = s.runs_per_s * static_cast<double>(steps);
  f.p50_us = quantile(s.latencies_us, 0.5);
  f.p99_us = quantile(s.latencies_us, 0.99);
  f.rss_bytes = rss_bytes();
  f.more["cpu_us_per_step"] = s.cpu_us_per_run / static_cast<double>(steps);
  f.more["disk_bytes"] = static_cast<double>(disk_bytes(bench.dir()));
  (*engine)->shutdown();
  return f;
}

Figures latency(const std::string& name, const Options& options, std::size_t steps) {
  Figures f{.workload = name};
  Bench bench(options, name);
  auto engine = bench.open();
  if (!engine) return f.failed = engine.error().message, f;
  const auto plan = steps_plan(steps);
  (void)one_by_one(**engine, plan, 0.5);
  const auto before = calibrate(options.dir);
  auto latencies = one_by_one(**engine, plan, options.seconds);
  const auto after = calibrate(options.dir);
  if (!latencies || !before || !after) return f.failed = "the latency could not be measured", f;
  f.p50_us = quantile(*latencies, 0.5);
  f.p99_us = quantile(*latencies, 0.99);
  f.runs_per_s = 1e6 / f.p50_us;
  f.steps_per_s = f.runs_per_s * static_cast<double>(steps);
  f.rss_bytes = rss_bytes();
  const double append = (before->append_p50_us + after->append_p50_us) / 2;
  f.more["append_us"] = append;
  f.more["p50_in_appends"] = f.p50_us / append;
  f.more["p99_over_p50"] = f.p99_us / f.p50_us;
  (*engine)->shutdown();
  return f;
}

Figures sleepers(const std::string& name, const Options& options, std::size_t count) {
  Figures f{.workload = name};
  Bench bench(options, name);
  auto engine = bench.open();
  if (!engine) return f.failed = engine.error().message, f;
  const auto plan = sleeper_plan();
  (void)start_many(**engine, plan, 100, 100);
  const std::uint64_t before = rss_bytes();
  const auto rate = start_many(**engine, plan, count, k_in_flight);
  if (!rate) return f.failed = rate.error().message, f;
  f.runs_per_s = *rate;
  f.more["rss_peak_grown_bytes"] = static_cast<double>(rss_bytes()) - static_cast<double>(before);
  std::this_thread::sleep_for(std::chrono::seconds(2));
  f.rss_bytes = rss_bytes();
  f.more["rss_grown_bytes"] = static_cast<double>(f.rss_bytes) - static_cast<double>(before);
  f.more["disk_bytes"] = static_cast<double>(disk_bytes(bench.dir()));
  (*engine)->shutdown();
  return f;
}

Figures long_run(const Options& options) {
  constexpr std::size_t k_steps = 1'000'000;
  Figures f{.workload = "long"};
  Bench bench(options, "long");
  std::vector<double> marks;  // the time at every tenth
  std::vector<std::uint64_t> rss;
  std::atomic<std::uint64_t> steps{0};
  bench.on_step = [&] {
    const auto n = steps.fetch_add(1) + 1;
    if (n % (k_steps / 10) != 0) return;
    marks.push_back(now_us());
    rss.push_back(rss_bytes());
  };
  auto engine = bench.open();
  if (!engine) return f.failed = engine.error().message, f;
  marks.push_back(now_us());
  rss.push_back(rss_bytes());
  const double start = now_us();
  engine::StartRequest request;
  request.plan = loop_plan(k_steps);
  auto started = (*engine)->start(std::move(request));
  if (!started) return f.failed = started.error().message, f;
  const auto view = (*engine)->wait(started->run, false, std::chrono::minutes(20));
  if (!view || view->status != "completed" || marks.size() < 11)
    return f.failed = view ? "the run ended " + view->status : view.error().message, f;
  f.steps_per_s = static_cast<double>(k_steps) / (now_us() - start) * 1e6;
  f.rss_bytes = rss_bytes();
  f.more["last_tenth_over_first"] = (marks[10] - marks[9]) / (marks[1] - marks[0]);
  f.more["rss_at_10_percent"] = static_cast<double>(rss[1]);
  f.more["rss_at_100_percent"] = static_cast<double>(rss[10]);
  f.more["disk_bytes"] = static_cast<double>(disk_bytes(bench.dir()));
  (*engine)->shutdown();
  return f;
}

Figures wide(const Options& options) {
  constexpr std::size_t k_steps = 100'000;
  Figures f{.workload = "wide"};
  Bench bench(options, "wide");
  const double loading = now_us();
  auto engine = bench.open();
  if (!engine) return f.failed = engine.error().message, f;
  engine::StartRequest request;
  request.plan = dag_plan(k_steps);
  const double start = now_us();
  auto started = (*engine)->start(std::move(request));
  if (!started) return f.failed = started.error().message, f;
  const auto view = (*engine)->wait(started->run, false, std::chrono::minutes(5));
  if (!view || view->status != "completed")
    return f.failed = view ? "the run ended " + view->status : view.error().message, f;
  const double took = now_us() - start;
  f.steps_per_s = static_cast<double>(k_steps) / took * 1e6;
  f.p50_us = f.p99_us = took;
  f.rss_bytes = rss_bytes();
  f.more["run_seconds"] = took / 1e6;
  f.more["load_seconds"] = (start - loading) / 1e6;
  (*engine)->shutdown();
  return f;
}

Figures soak(const Options& options) {
  Figures f{.workload = "soak"};
  Bench bench(options, "soak");
  auto engine = bench.open(10'000);
  if (!engine) return f.failed = engine.error().message, f;
  std::vector<std::uint64_t> done;
  std::vector<std::uint64_t> disk, rss;
  const auto s = saturate(**engine, steps_plan(10), k_in_flight, options.soak_seconds, [&](double, std::uint64_t n) {
    done.push_back(n);
    if (done.size() % 10 == 0) {
      disk.push_back(disk_bytes(bench.dir()));
      rss.push_back(rss_bytes());
    }
  });
  if (!s.failed.empty()) return f.failed = s.failed, f;
  f.runs_per_s = s.runs_per_s;
  f.steps_per_s = s.runs_per_s * 10;
  f.p50_us = quantile(s.latencies_us, 0.5);
  f.p99_us = quantile(s.latencies_us, 0.99);
  f.rss_bytes = rss_bytes();
  const std::size_t span = std::min<std::size_t>(60, done.size() / 3);
  if (span > 0) {
    const auto rate = [&](std::size_t from) {
      return static_cast<double>(done[from + span - 1] - (from == 0 ? 0 : done[from - 1]));
    };
    f.more["last_minute_over_first"] = rate(done.size() - span) / rate(0);
  }
  if (!disk.empty()) {
    f.more["disk_max_bytes"] = static_cast<double>(*std::max_element(disk.begin(), disk.end()));
    f.more["disk_end_bytes"] = static_cast<double>(disk.back());
    f.more["rss_max_bytes"] = static_cast<double>(*std::max_element(rss.begin(), rss.end()));
    f.more["rss_mid_bytes"] = static_cast<double>(rss[rss.size() / 2]);
  }
  (*engine)->shutdown();
  return f;
}

// Another process of this binary is killed with its runs alive; then the store is opened here.
Figures recovery(const Options& options) {
  constexpr std::size_t k_runs = 100'000;
  Figures f{.workload = "recovery"};
  Bench bench(options, "recovery");
  int pipe_ends[2];
  if (::pipe2(pipe_ends, O_CLOEXEC) != 0) return f.failed = "pipe failed", f;
  const pid_t child = ::fork();
  if (child == 0) {
    ::dup2(pipe_ends[1], 1);
    const std::string dir = bench.dir().string(), runs = std::to_string(k_runs);
    ::execl("/proc/self/exe", "perdure", "bench", "--recovery-victim", runs.c_str(), "--store", dir.c_str(),
            static_cast<char*>(nullptr));
    ::_exit(127);
  }
  ::close(pipe_ends[1]);
  char byte = 0;
  const bool ready = child > 0 && ::read(pipe_ends[0], &byte, 1) == 1;
  ::close(pipe_ends[0]);
  if (child > 0) {
    ::kill(child, SIGKILL);
    ::waitpid(child, nullptr, 0);
  }
  if (!ready) return f.failed = "the process to be killed did not come up", f;

  const double start = now_us();
  auto engine = bench.open();
  if (!engine) return f.failed = engine.error().message, f;
  const double opened = now_us();
  auto one = one_by_one(**engine, steps_plan(1), 0.000001);
  if (!one) return f.failed = one.error().message, f;
  const double served = now_us();
  f.p50_us = f.p99_us = served - start;
  f.more["open_ms"] = (opened - start) / 1e3;
  f.more["first_new_run_ms"] = (served - start) / 1e3;
  // All that were acknowledged are there and alive.
  const auto report = (*engine)->doctor();
  f.more["checked_ms"] = (now_us() - start) / 1e3;
  if (!report || !report->clean)
    return f.failed = report ? "doctor: " + report->findings.front() : report.error().message, f;
  f.more["live_runs"] = static_cast<double>(report->open);
  if (report->open < k_runs) f.failed = fmt::format("{} of {} runs are alive", report->open, k_runs);
  f.rss_bytes = rss_bytes();
  (*engine)->shutdown();
  return f;
}

}  // namespace

int recovery_victim(const std::filesystem::path& dir, std::size_t runs, const OpenEngine& open) {
  EngineRequest request;
  request.dir = dir;
  request.function = [](activity::Context&) { return activity::Outcome::success(Bytes(std::string(k_payload))); };
  auto engine = open(std::move(request));
  if (!engine || !start_many(**engine, sleeper_plan(), runs, k_in_flight)) return 1;
  std::fputs("r\n", stdout);
  std::fflush(stdout);
  while (true) std::this_thread::sleep_for(std::chrono::seconds(1));
}

Figures run_workload(const std::string& name, const Options& options) {
  if (name == "steps1") return saturated(name, options, steps_plan(1), 1, k_in_flight);
  if (name == "steps10") return saturated(name, options, steps_plan(10), 10, k_in_flight);
  if (name == "calls10") return saturated(name, options, calls_plan(10, false), 10, k_in_flight);
  if (name == "calls10_ows") return saturated(name, options, calls_plan(10, true), 10, k_in_flight);
  if (name == "fanout100") return saturated(name, options, fanout_plan(100), 100, 256);
  if (name == "latency1") return latency(name, options, 1);
  if (name == "latency10") return latency(name, options, 10);
  if (name == "sleepers") return sleepers(name, options, 100'000);
  if (name == "sleepers_1m") return sleepers(name, options, 1'000'000);
  if (name == "recovery") return recovery(options);
  if (name == "long") return long_run(options);
  if (name == "wide") return wide(options);
  return soak(options);
}

const std::vector<std::string>& workloads() {
  static const std::vector<std::string> k_names = {"steps1",   "steps10",   "calls10",  "calls10_ows", "fanout100",
                                                   "latency1", "latency10", "sleepers", "sleepers_1m", "recovery",
                                                   "long",     "wide",      "soak"};
  return k_names;
}

}  // namespace perdure::bench
