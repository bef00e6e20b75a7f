// What a commit costs: embedded_store_bench [directory] [seconds] [steps|sleepers]. Each figure stands beside the raw synced write.
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "storage/embedded/embedded_store.h"
#include "storage/embedded/posix_file_system.h"

namespace perdure::storage {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

double cpu_seconds() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  const auto of = [](const timeval& t) { return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) / 1e6; };
  return of(usage.ru_utime) + of(usage.ru_stime);
}

double rss_mb() {
  std::ifstream file("/proc/self/statm");
  long total = 0, resident = 0;
  file >> total >> resident;
  return static_cast<double>(resident) * 4096 / 1e6;
}

double median_us(std::vector<double> times) {
  std::sort(times.begin(), times.end());
  return times[times.size() / 2] * 1e6;
}

double raw_write_us(const std::string& dir, std::size_t size) {
  const auto files = make_posix_file_system();
  const std::string path = dir + "/calibration";
  if (!files->create_filled(path, 32 << 20)) return 0;
  std::vector<double> times;
  {
    auto file = files->open_blocks(path);
    const std::unique_ptr<char, void (*)(void*)> block(static_cast<char*>(std::aligned_alloc(4096, size)), std::free);
    std::fill_n(block.get(), size, 'x');
    for (std::size_t i = 0; i < 2000 && (i + 1) * size <= (32 << 20); ++i) {
      const auto start = Clock::now();
      if (!(*file)->write(i * size, {block.get(), size})) return 0;
      times.push_back(seconds_since(start));
    }
  }
  static_cast<void>(files->remove(path));
  return median_us(times);
}

RunRow row_of(bool closed, TimeMs started_at) {
  RunRow row;
  row.workflow = "bench";
  row.version = "1";
  row.status = closed ? "completed" : "running";
  row.started_at = started_at;
  row.updated_at = started_at;
  row.closed = closed;
  row.detail = Bytes::copy(R"({"progress":0.5})");
  return row;
}

TimeMs now_ms() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::system_clock::now().time_since_epoch())
      .count();
}

// Limits how many commits are on their way.
class Window {
 public:
  explicit Window(int most) : left_(most) {}
  void enter() {
    std::unique_lock lock(mutex_);
    freed_.wait(lock, [&] { return left_ > 0; });
    --left_;
  }
  void leave() {
    const std::lock_guard lock(mutex_);
    ++left_;
    freed_.notify_one();
  }

 private:
  std::mutex mutex_;
  std::condition_variable freed_;
  int left_;
};

struct Figures {
  double seconds = 0, cpu = 0;
  std::uint64_t writes = 0;
  StoreStats before, after;
};

void print(const char* name, const Figures& f) {
  const double writes = static_cast<double>(f.writes);
  std::printf(
      "%-28s %9.0f run writes/s  %5.2f us cpu each  %6.0f journal bytes each  %5.0f syncs/s (%.0f us)  rss %.0f MB  "
      "disk %.0f MB\n",
      name, writes / f.seconds, f.cpu / writes * 1e6,
      static_cast<double>(f.after.bytes_written - f.before.bytes_written) / writes,
      static_cast<double>(f.after.syncs - f.before.syncs) / f.seconds,
      static_cast<double>(f.after.sync_us_total - f.before.sync_us_total) /
          static_cast<double>(std::max<std::uint64_t>(1, f.after.syncs - f.before.syncs)),
      rss_mb(), static_cast<double>(f.after.disk_bytes) / 1e6);
  std::fflush(stdout);
}

// Payloads that differ from each other: equal ones would compress to nothing.
std::vector<std::string> payloads(std::size_t size, std::uint64_t salt);

// JSON-like bytes that compress about as events do.
std::string payload(std::size_t size, std::uint64_t salt) {
  std::string text = "{\"type\":\"activity_completed\",\"step\":\"charge\",\"result\":{\"id\":\"";
  while (text.size() < size) {
    salt = salt * 6364136223846793005ULL + 1442695040888963407ULL;
    text += std::to_string(salt >> 20) + "\",\"amount\":" + std::to_string(salt >> 50) + ",\"currency\":\"EUR";
  }
  text.resize(size);
  return text;
}

std::vector<std::string> payloads(std::size_t size, std::uint64_t salt) {
  std::vector<std::string> all;
  for (std::uint64_t i = 0; i < 4096; ++i) all.push_back(payload(size, salt * 4099 + i * 31));
  return all;
}

// `threads` committers; each keeps `group` runs at work, one commit a step for all of them, `steps` commits a run.
Figures run_steps(Store& store, int threads, int group, int steps, double for_seconds) {
  Figures figures;
  figures.before = store.stats();
  std::atomic<std::uint64_t> writes{0};
  const double cpu = cpu_seconds();
  const auto start = Clock::now();
  std::vector<std::thread> committers;
  for (int t = 0; t < threads; ++t) {
    committers.emplace_back([&, t] {
      Window window(8);
      const auto texts = payloads(400, static_cast<std::uint64_t>(t) + 1);
      std::size_t next_text = 0;
      for (std::uint64_t round = 0; seconds_since(start) < for_seconds; ++round) {
        const TimeMs started_at = now_ms();
        for (int s = 0; s < steps; ++s) {
          Commit commit;
          commit.epoch = store.epoch();
          commit.runs.reserve(static_cast<std::size_t>(group));
          for (int r = 0; r < group; ++r) {
            RunWrite& write = commit.runs.emplace_back();
            write.run.id = "run-" + std::to_string(t) + "-" + std::to_string(started_at) + "-" +
                           std::to_string(round * static_cast<std::uint64_t>(group) + static_cast<std::uint64_t>(r));
            write.first_seq = static_cast<std::uint64_t>(s) * 2 + 1;
            write.count = 2;
            write.batch = Bytes::copy(texts[next_text++ % texts.size()]);
            if (s == 0 || s + 1 == steps) {
              write.row = row_of(s + 1 == steps, started_at);
              write.wake = s + 1 == steps ? k_never : k_wake_active;
            }
          }
          window.enter();
          store.commit(std::move(commit), [&](Status status) {
            if (!status) std::printf("refused: %s\n", status.error().message.c_str());
            window.leave();
          });
          writes += static_cast<std::uint64_t>(group);
        }
      }
      for (int i = 0; i < 8; ++i) window.enter();
    });
  }
  for (std::thread& each : committers) each.join();
  figures.seconds = seconds_since(start);
  figures.cpu = cpu_seconds() - cpu;
  figures.writes = writes;
  figures.after = store.stats();
  return figures;
}

double lone_commit_us(Store& store, bool lends) {
  std::vector<double> times;
  std::mutex mutex;
  std::condition_variable told;
  for (int i = 0; i < 3000; ++i) {
    Commit commit;
    commit.epoch = store.epoch();
    RunWrite& write = commit.runs.emplace_back();
    write.run.id = "lone";
    write.first_seq = static_cast<std::uint64_t>(i) + 1;
    if (auto row = store.row({"default", "lone"}); i == 0 && row && *row) return 0;
    write.count = 1;
    write.batch = Bytes::copy(payload(400, 7));
    if (i == 0) {
      write.row = row_of(false, 1000);
      write.wake = k_wake_active;
    }
    bool done = false;
    const auto start = Clock::now();
    store.commit(std::move(commit), [&](Status) {
      const std::lock_guard lock(mutex);
      done = true;
      told.notify_one();
    });
    if (lends) static_cast<void>(store.lend_thread());
    std::unique_lock lock(mutex);
    told.wait(lock, [&] { return done; });
    times.push_back(seconds_since(start));
  }
  Commit closing;
  closing.epoch = store.epoch();
  RunWrite& last = closing.runs.emplace_back();
  last.run.id = "lone";
  last.first_seq = 3001;
  last.count = 1;
  last.batch = Bytes::copy("end");
  last.row = row_of(true, 1000);
  store.commit(std::move(closing), [](Status) {});
  static_cast<void>(store.purge({"default", "lone"}, {}));
  return median_us(times);
}

Figures sleepers(Store& store, std::uint64_t count) {
  Figures figures;
  figures.before = store.stats();
  const double cpu = cpu_seconds();
  const auto start = Clock::now();
  Window window(8);
  const auto texts = payloads(400, 3);
  for (std::uint64_t n = 0; n < count;) {
    Commit commit;
    commit.epoch = store.epoch();
    const TimeMs started_at = now_ms();
    for (int i = 0; i < 250 && n < count; ++i, ++n) {
      RunWrite& write = commit.runs.emplace_back();
      write.run.id = "sleeper-" + std::to_string(n);
      write.count = 3;
      write.batch = Bytes::copy(texts[n % texts.size()]);
      write.row = row_of(false, started_at);
      write.wake = started_at + 86'400'000 + static_cast<TimeMs>(n);
    }
    window.enter();
    store.commit(std::move(commit), [&](Status) { window.leave(); });
  }
  for (int i = 0; i < 8; ++i) window.enter();
  figures.seconds = seconds_since(start);
  figures.cpu = cpu_seconds() - cpu;
  figures.writes = count;
  figures.after = store.stats();
  return figures;
}

int bench(const std::string& dir, double for_seconds, const std::string& only) {
  const auto wanted = [&](const char* name) { return only.empty() || only == name; };
  std::filesystem::remove_all(dir);
  std::filesystem::create_directories(dir);
  for (const std::size_t size : {4096, 16384, 65536})
    std::printf("raw synced write of %6zu bytes: %.0f us\n", size, raw_write_us(dir, size));
  if (wanted("steps")) {
    auto opened = open_embedded(dir + "/store");
    if (!opened) return std::printf("%s\n", opened.error().message.c_str()), 1;
    Store& store = **opened;
    std::printf("lone commit, lending: %.0f us; by the writer thread: %.0f us (rss %.0f MB)\n",
                lone_commit_us(store, true), lone_commit_us(store, false), rss_mb());
    print("10 steps a run, 2 threads", run_steps(store, 2, 250, 10, for_seconds));
    print("1 step a run, 2 threads", run_steps(store, 2, 250, 1, for_seconds));
    print("100 steps a run, 2 threads", run_steps(store, 2, 250, 100, for_seconds));
  }
  if (!wanted("sleepers")) return 0;
  {
    auto opened = open_embedded(dir + "/sleepers");
    if (!opened) return std::printf("%s\n", opened.error().message.c_str()), 1;
    std::printf("empty store: rss %.0f MB\n", rss_mb());
    print("100,000 sleepers", sleepers(**opened, 100'000));
  }
  const auto start = Clock::now();
  if (!wanted("sleepers")) return 0;
  {
    auto opened = open_embedded(dir + "/sleepers");
    if (!opened) return std::printf("%s\n", opened.error().message.c_str()), 1;
    const double opening = seconds_since(start);
    std::uint64_t found = 0;
    std::optional<Wake> after;
    for (;;) {
      const auto page = (*opened)->wakes(0, k_never, after, 5000);
      if (!page || page->empty()) break;
      found += page->size();
      after = page->back();
    }
    std::printf("opening %.0f ms, %llu wakes read after %.0f ms, rss %.0f MB\n", opening * 1e3,
                static_cast<unsigned long long>(found), seconds_since(start) * 1e3, rss_mb());
  }
  std::filesystem::remove_all(dir);
  return 0;
}

}  // namespace
}  // namespace perdure::storage

int main(int argc, char** argv) {
  const std::string dir = argc > 1 ? argv[1] : "/tmp/perdure-bench";
  return perdure::storage::bench(dir, argc > 2 ? std::atof(argv[2]) : 5, argc > 3 ? argv[3] : "");
}
