#include "activity/http/http.h"

#include <curl/curl.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <csignal>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include "activity/http/openapi.h"
#include "activity/http/transfer.h"
#include "activity/task_queue.h"
#include "base/check.h"
#include "base/json.h"

namespace perdure::activity {
namespace {

constexpr int k_poll_max_ms = 60'000;
constexpr std::size_t k_idle_handles_max = 64;
constexpr std::string_view k_openapi = "openapi";

struct ReleaseMulti {
  void operator()(CURLM* multi) const { curl_multi_cleanup(multi); }
};

class Http final : public Driver {
 public:
  explicit Http(HttpOptions options) : options_(std::move(options)), queue_("connections", options_.queue_max) {
    static std::once_flag once;
    std::call_once(once, [] { CHECK(curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK); });
    multi_.reset(curl_multi_init());
    CHECK(multi_ != nullptr);
    curl_multi_setopt(multi_.get(), CURLMOPT_MAXCONNECTS, static_cast<long>(options_.concurrency));
  }
  ~Http() override { shutdown(); }
  Http(const Http&) = delete;
  Http& operator=(const Http&) = delete;

  std::vector<std::string> types() const override { return {"http", std::string(k_openapi)}; }
  void start(Task task, OnDone done) override;
  void cancel(const RunKey& run, CommandId command) override {
    if (queue_.cancel(run, command)) wake();
  }
  void shutdown() override;

 private:
  void loop();
  void fill();
  void begin(Task task, OnDone done);
  void begin_operation(Task task, OnDone done, OpenApiCall call);
  // `since_ms`: when the task's time began.
  void send(Task task, OnDone done, std::variant<HttpRequest, Outcome> request, std::int64_t since_ms);
  void harvest();
  void expire();
  void end(Transfer& transfer, Outcome outcome);
  void wait();
  void wake() { curl_multi_wakeup(multi_.get()); }
  void fetch_token(Task task, OnDone done, HttpRequest request, std::int64_t since_ms);
  Easy easy();
  TimeMs wall_ms() const {
    if (options_.clock != nullptr) return options_.clock->now_ms();
    return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::system_clock::now().time_since_epoch())
        .count();
  }

  const HttpOptions options_;
  TaskQueue queue_;
  std::unique_ptr<CURLM, ReleaseMulti> multi_;  // the thread's, but for the wake-up
  std::mutex thread_mutex_;                     // guards thread_
  std::thread thread_;                          // started with the first task
  std::atomic<bool> has_thread_{false};

  // Of the thread alone:
  std::vector<std::unique_ptr<Transfer>> transfers_;
  std::vector<Easy> idle_;
  DocumentCache documents_;
};

void Http::start(Task task, OnDone done) {
  const bool must_wake = queue_.push(std::move(task), std::move(done));
  if (!has_thread_.load(std::memory_order_acquire)) {
    const std::lock_guard lock(thread_mutex_);
    if (!has_thread_.exchange(true)) thread_ = std::thread([this] { loop(); });
  }
  if (must_wake) wake();
}

void Http::shutdown() {
  if (queue_.stop()) wake();
  const std::lock_guard lock(thread_mutex_);
  has_thread_ = true;  // none is started any more
  if (thread_.joinable()) thread_.join();
  queue_.take();  // what was pushed before a thread was there to take it
}

void Http::loop() {
  // OpenSSL writes without MSG_NOSIGNAL: a peer that hangs up must not kill the engine. The other signals are for the
  // threads of the application.
  sigset_t all;
  sigfillset(&all);
  pthread_sigmask(SIG_BLOCK, &all, nullptr);
  while (true) {
    const TaskQueue::Orders orders = queue_.take();
    for (const auto& target : orders.cancels) {
      for (auto& transfer : transfers_) {
        if (transfer && target.is(transfer->task())) end(*transfer, transfer->cancelled());
      }
    }
    if (orders.stop) {
      for (auto& transfer : transfers_) {
        if (transfer) end(*transfer, transfer->dropped());
      }
    }
    std::erase(transfers_, nullptr);
    if (orders.stop) return;
    // Again while places became free, which others may wait for.
    do {
      fill();
      int running = 0;
      curl_multi_perform(multi_.get(), &running);
      harvest();
      expire();
    } while (std::erase(transfers_, nullptr) > 0);
    wait();
  }
}

void Http::fill() {
  while (transfers_.size() < options_.concurrency) {
    auto next = queue_.pop();
    if (!next) return;
    begin(std::move(next->task), std::move(next->done));
  }
}

Easy Http::easy() {
  if (idle_.empty()) return Easy(curl_easy_init());
  Easy handle = std::move(idle_.back());
  idle_.pop_back();
  return handle;
}

void Http::begin(Task task, OnDone done) {
  if (task.type != k_openapi) {
    auto request = read_request(task, options_.user_agent);
    return send(std::move(task), std::move(done), std::move(request), steady_ms());
  }
  auto call = read_openapi_call(task);
  if (auto* wrong = std::get_if<Outcome>(&call)) return done(std::move(*wrong));
  begin_operation(std::move(task), std::move(done), std::move(std::get<OpenApiCall>(call)));
}

// The document, unless it is known, then the operation's request: two transfers of one task.
void Http::begin_operation(Task task, OnDone done, OpenApiCall call) {
  const std::int64_t since_ms = steady_ms();
  auto fetch = document_request(task, call, options_.user_agent);
  if (auto* wrong = std::get_if<Outcome>(&fetch)) return done(std::move(*wrong));
  const Url source = std::get<HttpRequest>(fetch).url;
  std::string key = DocumentCache::key_of(std::get<HttpRequest>(fetch));
  if (const Value* document = documents_.find(key)) {
    auto request = operation_request(task, *document, source, call, options_.user_agent);
    // What a known document does not have may have been added to it since.
    if (std::holds_alternative<HttpRequest>(request))
      return send(std::move(task), std::move(done), std::move(request), since_ms);
  }
  OnDone then = [this, task, done = std::move(done), call = std::move(call), source, key,
                 since_ms](const Outcome& fetched) {
    if (!fetched.ok) return done(fetched);
    auto document = read_document(fetched.result.view(), options_.read_yaml);
    if (!document) return done(bad_document(source, document.error().message));
    documents_.keep(key, *document);
    send(task, done, operation_request(task, *document, source, call, options_.user_agent), since_ms);
  };
  send(std::move(task), std::move(then), std::move(fetch), since_ms);
}

// A transfer for the token, and one before it for where to get it when that is not told; then the request.
void Http::fetch_token(Task task, OnDone done, HttpRequest request, std::int64_t since_ms) {
  Task asking = task;
  asking.args = Bytes(to_json(grant_arguments(*request.grant, request.proxy)));
  asking.idempotency_key.clear();  // it is the request's
  auto fetch = read_request(asking, options_.user_agent);
  if (const auto* wrong = std::get_if<Outcome>(&fetch)) return done(no_token(*request.grant, *wrong));
  std::get<HttpRequest>(fetch).output = HttpOutput::bytes;
  OnDone then = [this, task, done = std::move(done), request = std::move(request), since_ms](const Outcome& fetched) {
    HttpRequest next = request;
    TokenGrant& grant = *next.grant;
    if (!fetched.ok) return done(no_token(grant, fetched));
    const bool discovered = grant.endpoint.empty();
    auto got = discovered ? endpoint_of(fetched.result.view()) : token_of(fetched.result.view());
    if (!got) return done(no_token(grant, got.error().message));
    if (discovered) {
      grant.endpoint = *got;
    } else {
      next.headers.push_back({"Authorization", "Bearer " + *got, true});
      next.grant.reset();
    }
    send(task, done, std::move(next), since_ms);
  };
  send(std::move(task), std::move(then), std::move(fetch), since_ms);
}

void Http::send(Task task, OnDone done, std::variant<HttpRequest, Outcome> request, std::int64_t since_ms) {
  if (auto* wrong = std::get_if<Outcome>(&request)) return done(std::move(*wrong));
  if (auto& asked = std::get<HttpRequest>(request); asked.grant)
    return fetch_token(std::move(task), std::move(done), std::move(asked), since_ms);
  Easy handle = easy();
  CHECK(handle != nullptr);
  auto transfer = std::make_unique<Transfer>(std::move(task), std::move(done),
                                             std::move(std::get<HttpRequest>(request)), options_, std::move(handle));
  transfer->begin_at(steady_ms(), since_ms);
  if (auto refused = transfer->prepare()) return transfer->answer(std::move(*refused));
  CHECK(curl_multi_add_handle(multi_.get(), transfer->easy()) == CURLM_OK);
  transfers_.push_back(std::move(transfer));
}

// Answers for a transfer and forgets it; its place in transfers_ is left empty.
void Http::end(Transfer& transfer, Outcome outcome) {
  curl_multi_remove_handle(multi_.get(), transfer.easy());
  transfer.answer(std::move(outcome));
  const auto it =
      std::find_if(transfers_.begin(), transfers_.end(), [&](const auto& t) { return t.get() == &transfer; });
  Easy handle = transfer.release();
  curl_easy_reset(handle.get());  // it pointed into the transfer
  if (idle_.size() < k_idle_handles_max) idle_.push_back(std::move(handle));
  it->reset();
}

void Http::harvest() {
  int left = 0;
  while (const CURLMsg* message = curl_multi_info_read(multi_.get(), &left)) {
    if (message->msg != CURLMSG_DONE) continue;
    const CURLcode code = message->data.result;
    char* owner = nullptr;
    curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &owner);
    Transfer& transfer = *reinterpret_cast<Transfer*>(owner);
    auto outcome = transfer.hop_ended(code, wall_ms());
    if (!outcome) {
      // Out and in again: that is how libcurl begins another request on the same handle.
      curl_multi_remove_handle(multi_.get(), transfer.easy());
      outcome = transfer.prepare();
      if (!outcome) CHECK(curl_multi_add_handle(multi_.get(), transfer.easy()) == CURLM_OK);
    }
    if (outcome) end(transfer, std::move(*outcome));
  }
}

void Http::expire() {
  const std::int64_t now = steady_ms();
  for (auto& transfer : transfers_) {
    if (!transfer || now < transfer->next_moment()) continue;
    if (auto outcome = transfer->expired(now)) end(*transfer, std::move(*outcome));
  }
}

void Http::wait() {
  std::int64_t moment = INT64_MAX;
  for (const auto& transfer : transfers_) moment = std::min(moment, transfer->next_moment());
  const std::int64_t now = steady_ms();
  const std::int64_t timeout =
      moment == INT64_MAX ? k_poll_max_ms : std::clamp<std::int64_t>(moment - now, 0, k_poll_max_ms);
  curl_multi_poll(multi_.get(), nullptr, 0, static_cast<int>(timeout), nullptr);
}

}  // namespace

std::unique_ptr<Driver> make_http(HttpOptions options) { return std::make_unique<Http>(std::move(options)); }

}  // namespace perdure::activity
