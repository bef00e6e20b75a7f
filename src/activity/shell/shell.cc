#include "activity/shell/shell.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <map>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include "activity/outcome.h"
#include "activity/shell/command.h"
#include "activity/shell/container.h"
#include "activity/shell/guard.h"
#include "activity/task_queue.h"
#include "base/json.h"

namespace perdure::activity {
namespace {

constexpr std::string_view k_default_path = "/usr/local/bin:/usr/bin:/bin";
// A guard has its grace and its patience with SIGKILL; one that takes longer hangs in the kernel and is left alone.
constexpr std::int64_t k_give_up_ms = k_cancel_grace.count() - 500;

std::int64_t now_ms() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

constexpr std::int64_t k_detached_grace_ms = 3'000;  // of a program that nobody waits for, when the engine ends

enum class Ending { none, timeout, heartbeat, cancelled, too_large, shutdown };

// A program that runs.
struct Running {
  Task task;
  OnDone done;
  Command command;
  Guarded processes;
  std::string output;
  std::string errors;
  const char* too_large = "";  // the stream that was
  std::int64_t deadline_ms = 0;
  std::int64_t last_output_ms = 0;
  std::int64_t give_up_ms = 0;
  Ending ending = Ending::none;
  std::optional<GuardReport> report;
  bool finished = false;
};

std::string printable(const std::string& text) { return head(valid_utf8(text), 200); }

Outcome not_started(const Running& run, const GuardReport& report) {
  const std::string why = std::strerror(static_cast<int>(report.value));
  Failure failed{.type = "shell.spawn", .title = "", .error_class = ErrorClass::fatal};
  switch (report.kind) {
    case GuardReport::Kind::no_cwd:
      failed.title = "can't enter the working directory '" + printable(run.command.cwd) + "': " + why;
      break;
    case GuardReport::Kind::no_exec:
      failed.title = "can't run '" + printable(run.command.argv.front()) + "': " + why;
      if (report.value == ENOENT) failed.title += " (the file, or the interpreter it names)";
      if (report.value == ENOEXEC) failed.title += " (a script needs a first line like #!/bin/sh)";
      break;
    default: failed.title = "can't start a process: " + why; failed.error_class = ErrorClass::recoverable;
  }
  return failure(std::move(failed));
}

Outcome ended_by_us(const Running& run, const ShellOptions& options) {
  const std::string who = who_is(run.command);
  const std::string last_words = tail(valid_utf8(run.errors), k_error_detail_bytes_max);
  switch (run.ending) {
    case Ending::timeout:
      return failure(
          {.type = "timeout.start_to_close",
           .title = who + " did not end within " + format_duration(run.task.start_to_close_ms) + " and was killed",
           .error_class = ErrorClass::ambiguous,
           .detail = last_words});
    case Ending::heartbeat:
      return failure({.type = "timeout.heartbeat",
                      .title = who + " wrote nothing for " + format_duration(run.task.heartbeat_ms) + " and was killed",
                      .error_class = ErrorClass::ambiguous,
                      .detail = last_words});
    case Ending::too_large:
      return failure({.type = "shell.output_too_large",
                      .title = who + " wrote more than " + std::to_string(options.output_bytes_max) + " bytes to " +
                               run.too_large + " and was killed; write large output to a file",
                      .error_class = ErrorClass::fatal,
                      .detail = last_words});
    case Ending::cancelled:
      return failure({.type = "cancelled",
                      .title = who + " was cancelled while it ran, and killed",
                      .error_class = ErrorClass::ambiguous,
                      .detail = last_words});
    default: return shutdown_outcome(true);
  }
}

// The outcome of a program that ended by itself.
Outcome ended(Running& run) {
  const GuardReport report = *run.report;
  const std::string who = who_is(run.command);
  const std::string errors = valid_utf8(std::move(run.errors));
  if (report.kind == GuardReport::Kind::signalled) {
    const int number = static_cast<int>(report.value);
    const char* name = sigabbrev_np(number);
    return failure({.type = "shell.signal",
                    .title = who + " was ended by signal " + std::to_string(number) +
                             (name != nullptr ? std::string(" (SIG") + name + ")" : ""),
                    .detail = tail(errors, k_error_detail_bytes_max),
                    .status = 128 + number});
  }
  return outcome_of(run.command, static_cast<std::int64_t>(report.value), run.output, errors);
}

class Shell final : public Driver {
 public:
  explicit Shell(ShellOptions options)
      : options_(std::move(options)),
        wake_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
        queue_("places for programs", options_.queue_max) {
    if (options_.concurrency == 0) options_.concurrency = 2 * std::max(1u, std::thread::hardware_concurrency());
    const auto from_environment = [](std::string& value, const char* name, std::string_view otherwise) {
      if (!value.empty()) return;
      const char* found = std::getenv(name);
      value = found != nullptr ? std::string(found) : std::string(otherwise);
    };
    from_environment(options_.path, "PATH", k_default_path);
    from_environment(options_.home, "HOME", "/");
    // When it can't be forked now, spawn() tries again and tells.
    [[maybe_unused]] const Status started = nursery_.start();
  }
  ~Shell() override { shutdown(); }
  Shell(const Shell&) = delete;
  Shell& operator=(const Shell&) = delete;

  std::vector<std::string> types() const override { return {"shell", "script", "container"}; }
  // Everybody on the machine can read the arguments of a process.
  bool takes_secret(std::string_view type, std::string_view member) const override {
    if (member.starts_with("script.")) member.remove_prefix(7);
    if (type == "container" && member.starts_with("env.") && is_for_the_tool(member.substr(4))) return false;
    return member.starts_with("env.") || member.starts_with("stdin");
  }
  void start(Task task, OnDone done) override;
  void cancel(const RunKey& run, CommandId command) override;
  void shutdown() override;

 private:
  void loop();
  void take_orders();
  void begin(Task task, OnDone done);
  void begin_container(Task task, OnDone done);
  void spawn(Task task, OnDone done, Command command);
  void remove_ended(std::int64_t now);
  Program program_of(const Command& command, const Task& task) const;
  void wait();
  void on_readable(Running& run, int fd);
  bool drain(Running& run, Fd& pipe, std::string& into, const char* name);
  void end(Running& run, Ending why);
  void check_time(Running& run, std::int64_t now);
  void finish(Running& run);
  std::int64_t next_moment() const;
  void wake() {
    const std::uint64_t one = 1;
    [[maybe_unused]] const ssize_t written = write(wake_.get(), &one, sizeof one);
  }

  ShellOptions options_;
  Fd wake_;

  TaskQueue queue_;
  std::mutex thread_mutex_;  // guards thread_
  std::thread thread_;       // started with the first task
  std::atomic<bool> has_thread_{false};

  // Of the thread alone:
  Nursery nursery_;
  std::vector<std::unique_ptr<Running>> running_;
  struct Removal {
    std::int64_t due_ms;
    std::string engines, key;
  };
  std::vector<Removal> removals_;  // of containers that have ended
  bool swept_ = false;
  bool told_to_stop_ = false;
};

void Shell::start(Task task, OnDone done) {
  const bool must_wake = queue_.push(std::move(task), std::move(done));
  if (!has_thread_.load(std::memory_order_acquire)) {
    const std::lock_guard lock(thread_mutex_);
    if (!has_thread_.exchange(true)) thread_ = std::thread([this] { loop(); });
  }
  if (must_wake) wake();
}

void Shell::cancel(const RunKey& run, CommandId command) {
  if (queue_.cancel(run, command)) wake();
}

void Shell::shutdown() {
  if (queue_.stop()) wake();
  const std::lock_guard lock(thread_mutex_);
  has_thread_ = true;  // none is started any more
  if (thread_.joinable()) thread_.join();
  queue_.take();  // what was pushed before a thread was there to take it
}

void Shell::loop() {
  sigset_t all;  // signals are for the threads of the application
  sigfillset(&all);
  pthread_sigmask(SIG_BLOCK, &all, nullptr);
  while (true) {
    take_orders();
    if (told_to_stop_ && running_.empty()) return;
    while (running_.size() < options_.concurrency) {
      auto next = queue_.pop();
      if (!next) break;
      begin(std::move(next->task), std::move(next->done));
    }
    wait();
    const std::int64_t now = now_ms();
    remove_ended(now);
    for (auto& run : running_) {
      check_time(*run, now);
      if (run->finished) finish(*run);
    }
    std::erase_if(running_, [](const auto& run) { return run->finished; });
  }
}

void Shell::take_orders() {
  const TaskQueue::Orders orders = queue_.take();
  for (const auto& target : orders.cancels) {
    for (auto& run : running_) {
      if (target.is(run->task)) end(*run, Ending::cancelled);
    }
  }
  if (orders.stop && !told_to_stop_) {
    told_to_stop_ = true;
    for (auto& run : running_) {
      if (run->command.detached && run->ending == Ending::none)
        run->deadline_ms = now_ms() + k_detached_grace_ms;  // it may be about to end
      else end(*run, Ending::shutdown);
    }
  }
}

Program Shell::program_of(const Command& command, const Task& task) const {
  std::map<std::string, std::string> env = {{"PATH", options_.path}, {"HOME", options_.home}};
  if (!task.idempotency_key.empty()) env["PERDURE_IDEMPOTENCY_KEY"] = task.idempotency_key;
  if (!task.traceparent.empty()) env["TRACEPARENT"] = task.traceparent;
  if (task.type == "container" || task.type.empty()) {  // where the tool finds its service and its files
    for (const char* name : {"XDG_RUNTIME_DIR", "DOCKER_HOST", "DOCKER_CONFIG", "DOCKER_CONTEXT", "CONTAINER_HOST",
                             "CONTAINERS_CONF", "CONTAINERS_STORAGE_CONF", "REGISTRY_AUTH_FILE"})
      if (const char* value = std::getenv(name); value != nullptr) env[name] = value;
  }
  for (const auto& [name, value] : command.env) env[name] = value;
  Program program;
  program.path = find_program(command.argv.front(), env["PATH"]);
  program.argv = command.argv;
  for (const auto& [name, value] : env) program.env.push_back(name + "=" + value);
  program.cwd = command.cwd;
  program.input = command.input ? &*command.input : nullptr;
  return program;
}

void Shell::begin(Task task, OnDone done) {
  if (task.type == "container") return begin_container(std::move(task), std::move(done));
  auto command = read_command(task);
  if (auto* wrong = std::get_if<Outcome>(&command)) return done(std::move(*wrong));
  spawn(std::move(task), std::move(done), std::move(std::get<Command>(command)));
}

// By docker or podman. What was to be removed some time after its end, and the time came while no engine ran, goes now.
void Shell::begin_container(Task task, OnDone done) {
  const std::string engines = container_engines(options_.path);
  auto read = read_container(task, engines);
  if (auto* wrong = std::get_if<Outcome>(&read)) return done(std::move(*wrong));
  auto& container = std::get<Container>(read);
  if (!std::exchange(swept_, true))
    spawn(
        {}, [](const Outcome&) {}, sweep(engines));
  if (container.remove_after_ms > 0) {
    done = [this, engines, done = std::move(done), key = container.key,
            after = container.remove_after_ms](Outcome ended) {
      removals_.push_back({now_ms() + after, engines, key});
      done(std::move(ended));
    };
  }
  spawn(std::move(task), std::move(done), std::move(container.command));
}

void Shell::remove_ended(std::int64_t now) {
  for (const Removal& removal : removals_)
    if (now >= removal.due_ms)
      spawn(
          {}, [](const Outcome&) {}, activity::removal(removal.engines, removal.key));
  std::erase_if(removals_, [now](const Removal& removal) { return now >= removal.due_ms; });
}

void Shell::spawn(Task task, OnDone done, Command command) {
  auto run = std::make_unique<Running>();
  run->command = std::move(command);
  if (run->command.cwd.empty()) run->command.cwd = options_.cwd;
  const Program program = program_of(run->command, task);
  if (program.path.empty()) {
    std::string path = options_.path;
    for (const auto& [name, value] : run->command.env) {
      if (name == "PATH") path = value;
    }
    return done(failure({.type = "shell.spawn",
                         .title = "there is no program '" + printable(program.argv.front()) + "' on PATH",
                         .error_class = ErrorClass::fatal,
                         .detail = "PATH is " + printable(path)}));
  }
  auto processes = nursery_.spawn(program);
  if (!processes) {
    return done(failure({.type = "shell.spawn",
                         .title = "can't start '" + printable(program.argv.front()) + "': " + processes.error().message,
                         .error_class = ErrorClass::recoverable}));
  }
  run->command.input.reset();  // the program has its copy
  run->task = std::move(task);
  run->done = std::move(done);
  run->processes = std::move(*processes);
  run->last_output_ms = now_ms();
  if (run->command.detached) {  // nobody waits: what becomes of it is its own
    run->done(Outcome::success(Bytes(std::string("null"))));
    run->done = [](const Outcome&) {};
  }
  if (run->task.start_to_close_ms > 0) {
    run->deadline_ms = run->last_output_ms + run->task.start_to_close_ms + 1;  // the start was rounded down
  }
  running_.push_back(std::move(run));
}

// Asks for the end of a program; its outcome comes when nothing of it is left, so that a retry never runs beside it.
void Shell::end(Running& run, Ending why) {
  if (run.ending != Ending::none || run.report) return;
  run.ending = why;
  run.give_up_ms = now_ms() + k_give_up_ms;
  const DurationMs grace = run.command.term_grace_ms > 0 ? run.command.term_grace_ms : options_.term_grace_ms;
  ask_to_end(run.processes.control, static_cast<std::uint32_t>(grace));
}

void Shell::check_time(Running& run, std::int64_t now) {
  if (run.finished) return;
  if (run.ending != Ending::none) {
    run.finished = now >= run.give_up_ms;
  } else if (run.deadline_ms != 0 && now >= run.deadline_ms) {
    end(run, Ending::timeout);
  } else if (run.task.heartbeat_ms > 0 && now >= run.last_output_ms + run.task.heartbeat_ms) {
    end(run, Ending::heartbeat);
  }
}

std::int64_t Shell::next_moment() const {
  std::int64_t moment = INT64_MAX;
  for (const Removal& removal : removals_) moment = std::min(moment, removal.due_ms);
  for (const auto& run : running_) {
    if (run->ending != Ending::none) {
      moment = std::min(moment, run->give_up_ms);
      continue;
    }
    if (run->deadline_ms != 0) moment = std::min(moment, run->deadline_ms);
    if (run->task.heartbeat_ms > 0) moment = std::min(moment, run->last_output_ms + run->task.heartbeat_ms);
  }
  return moment;
}

void Shell::wait() {
  std::vector<pollfd> polls = {{wake_.get(), POLLIN, 0}};
  std::vector<std::pair<Running*, int>> owners = {{nullptr, -1}};
  for (auto& run : running_) {
    for (const Fd* fd : {&run->processes.output, &run->processes.errors, &run->processes.control}) {
      if (!*fd) continue;
      polls.push_back({fd->get(), POLLIN, 0});
      owners.emplace_back(run.get(), fd->get());
    }
  }
  const std::int64_t moment = next_moment();
  const std::int64_t timeout = moment == INT64_MAX ? -1 : std::clamp<std::int64_t>(moment - now_ms(), 0, 3'600'000);
  if (poll(polls.data(), polls.size(), static_cast<int>(timeout)) <= 0) return;
  if (polls[0].revents != 0) {
    std::uint64_t count = 0;
    [[maybe_unused]] const ssize_t n = read(wake_.get(), &count, sizeof count);
  }
  for (std::size_t i = 1; i < polls.size(); ++i) {
    if (polls[i].revents != 0) on_readable(*owners[i].first, owners[i].second);
  }
}

void Shell::on_readable(Running& run, int fd) {
  Guarded& from = run.processes;
  if (from.output && fd == from.output.get()) {
    drain(run, from.output, run.output, "stdout");
  } else if (from.errors && fd == from.errors.get()) {
    drain(run, from.errors, run.errors, "stderr");
  } else if (fd == from.control.get()) {
    GuardReport report{};
    if (recv(fd, &report, sizeof report, MSG_DONTWAIT) == static_cast<ssize_t>(sizeof report)) run.report = report;
    // Every writer is dead by now: what the pipes hold is all there will be.
    if (from.output) drain(run, from.output, run.output, "stdout");
    if (from.errors) drain(run, from.errors, run.errors, "stderr");
    run.finished = true;
  }
}

// Reads what there is. False at the end of the stream.
bool Shell::drain(Running& run, Fd& pipe, std::string& into, const char* name) {
  static constexpr std::size_t k_chunk = 64 * 1024;
  std::array<char, k_chunk> chunk;
  // Bounded, so that one program that writes without end does not hold the thread.
  for (std::size_t bytes = 0; bytes <= options_.output_bytes_max + k_chunk;) {
    const ssize_t n = read(pipe.get(), chunk.data(), chunk.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && errno == EAGAIN) return true;
    if (n <= 0) {
      pipe.reset();
      return false;
    }
    bytes += static_cast<std::size_t>(n);
    run.last_output_ms = now_ms();
    if (run.command.detached) continue;
    const std::size_t room = options_.output_bytes_max - into.size();
    into.append(chunk.data(), std::min(static_cast<std::size_t>(n), room));
    if (static_cast<std::size_t>(n) > room) {
      run.too_large = name;
      if (run.report && run.ending == Ending::none) run.ending = Ending::too_large;
      end(run, Ending::too_large);
    }
  }
  return true;
}

void Shell::finish(Running& run) {
  Outcome outcome;
  if (run.report && run.report->kind >= GuardReport::Kind::no_cwd) {
    outcome = not_started(run, *run.report);
  } else if (run.ending != Ending::none) {
    outcome = ended_by_us(run, options_);
  } else if (run.report) {
    outcome = ended(run);
  } else {
    outcome = failure(
        {.type = "shell.lost",
         .title = "the guard of '" + printable(run.command.argv.front()) + "' was killed, and its program with it",
         .error_class = ErrorClass::ambiguous,
         .detail = tail(valid_utf8(run.errors), k_error_detail_bytes_max)});
  }
  run.done(std::move(outcome));
}

}  // namespace

std::unique_ptr<Driver> make_shell(ShellOptions options) { return std::make_unique<Shell>(std::move(options)); }

}  // namespace perdure::activity
