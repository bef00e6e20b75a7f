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

#include "activity/http/asyncapi.h"
#include "activity/http/grpc.h"
#include "activity/http/openapi.h"
#include "activity/http/subscriptions.h"
#include "activity/http/transfer.h"
#include "activity/outcome.h"
#include "activity/task_queue.h"
#include "base/check.h"
#include "base/json.h"

namespace perdure::activity {
namespace {

constexpr int k_poll_max_ms = 60'000;
constexpr std::size_t k_idle_handles_max = 64;
constexpr std::string_view k_openapi = "openapi";
constexpr std::string_view k_grpc = "grpc";
constexpr std::string_view k_asyncapi = "asyncapi";

// A gRPC call whose proto files are not all there yet.
struct Gathering {
  Task task;
  OnDone done;
  GrpcCall call;
  ProtoFiles files;
  std::int64_t since_ms;
};

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

  std::vector<std::string> types() const override {
    return {"http", std::string(k_openapi), std::string(k_grpc), std::string(k_asyncapi)};
  }
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
  void begin_method(Task task, OnDone done, GrpcCall call);
  void gather(const std::shared_ptr<Gathering>& gathering);
  void call_method(const std::shared_ptr<Gathering>& gathering, const std::shared_ptr<const Proto>& proto);
  void begin_messages(Task task, OnDone done, AsyncApiCall call);
  void obtain(const Task& task, const Resource& resource, std::string_view error_type, OnDone then,
              std::int64_t since_ms);
  void with_document(const Task& task, std::string_view kind, const Resource& resource, const OnDone& done,
                     std::int64_t since_ms, const std::function<bool(const Value&, bool)>& use);
  void pump();
  void cancel_transfers(const TaskQueue::Target& target);
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
  ProtoCache protos_;
  Subscriptions subscriptions_{[this](Task task, OnDone done, HttpRequest request) {
    send(std::move(task), std::move(done), std::move(request), steady_ms());
  }};
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
      cancel_transfers(target);
      subscriptions_.cancel(target);
    }
    if (orders.stop) {
      subscriptions_.stop();
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
      pump();
      expire();
      subscriptions_.step(steady_ms());
      for (const auto& gone : subscriptions_.dropped()) cancel_transfers(gone);
    } while (std::erase(transfers_, nullptr) > 0);
    wait();
  }
}

void Http::cancel_transfers(const TaskQueue::Target& target) {
  for (std::size_t i = 0; i < transfers_.size(); ++i)  // one that ends may begin another
    if (transfers_[i] && target.is(transfers_[i]->task())) end(*transfers_[i], transfers_[i]->cancelled());
}

void Http::pump() {
  for (std::size_t i = 0; i < transfers_.size(); ++i) {
    if (!transfers_[i]) continue;
    if (auto outcome = transfers_[i]->pump()) end(*transfers_[i], std::move(*outcome));
  }
}

void Http::fill() {
  // Those that only listen are no work that others have to wait for.
  const auto busy = [this] {
    return std::count_if(transfers_.begin(), transfers_.end(), [](const auto& t) { return t && !t->is_stream(); });
  };
  while (transfers_.size() < options_.concurrency || static_cast<std::size_t>(busy()) < options_.concurrency) {
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
  if (task.type == k_openapi) {
    auto call = read_openapi_call(task);
    if (auto* wrong = std::get_if<Outcome>(&call)) return done(std::move(*wrong));
    return begin_operation(std::move(task), std::move(done), std::move(std::get<OpenApiCall>(call)));
  }
  if (task.type == k_grpc) {
    auto call = read_grpc_call(task);
    if (auto* wrong = std::get_if<Outcome>(&call)) return done(std::move(*wrong));
    return begin_method(std::move(task), std::move(done), std::move(std::get<GrpcCall>(call)));
  }
  if (task.type == k_asyncapi) {
    auto call = read_asyncapi_call(task);
    if (auto* wrong = std::get_if<Outcome>(&call)) return done(std::move(*wrong));
    return begin_messages(std::move(task), std::move(done), std::move(std::get<AsyncApiCall>(call)));
  }
  auto request = read_request(task, options_.user_agent);
  send(std::move(task), std::move(done), std::move(request), steady_ms());
}

// What is at `resource`: as a part of the task, or at once.
void Http::obtain(const Task& task, const Resource& resource, std::string_view error_type, OnDone then,
                  std::int64_t since_ms) {
  if (resource.content) return then(Outcome::success(Bytes(*resource.content)));
  if (resource.path.empty()) {
    auto fetch = resource_request(task, resource, options_.user_agent, error_type);
    return send(task, std::move(then), std::move(fetch), since_ms);
  }
  auto text = read_local(resource);
  then(text ? Outcome::success(Bytes(*std::move(text)))
            : failure({.type = std::string(error_type),
                       .title = resource.printable() + " can't be read: " + text.error().message,
                       .error_class = ErrorClass::fatal}));
}

// The document of a call, kept by where it is. `use` says whether it could do with it: what a known document does not have
// may have been added to it since.
void Http::with_document(const Task& task, std::string_view kind, const Resource& resource, const OnDone& done,
                         std::int64_t since_ms, const std::function<bool(const Value&, bool)>& use) {
  const std::string key = resource.key();
  if (const Value* known = documents_.find(key); known != nullptr && use(*known, false)) return;
  OnDone then = [this, done, resource, key, use, kind = std::string(kind)](const Outcome& fetched) {
    if (!fetched.ok) return done(fetched);
    const auto document = read_document(fetched.result.view(), options_.read_yaml);
    if (!document) return done(bad_document(kind, resource, document.error().message));
    documents_.keep(key, *document);
    use(*document, true);
  };
  obtain(task, resource, std::string(kind) + ".document", std::move(then), since_ms);
}

void Http::begin_operation(Task task, OnDone done, OpenApiCall call) {
  const std::int64_t since_ms = steady_ms();
  with_document(task, k_openapi, call.document, done, since_ms,
                [this, task, done, call, since_ms](const Value& document, bool last) {
                  auto request = operation_request(task, document, call.document.url(), call, options_.user_agent);
                  if (!last && std::holds_alternative<Outcome>(request)) return false;
                  send(task, done, std::move(request), since_ms);
                  return true;
                });
}

// What the service's messages are, unless it is known, then the call: a transfer for each file and one more.
void Http::begin_method(Task task, OnDone done, GrpcCall call) {
  const auto known = protos_.find(call.proto.key());
  ProtoFiles files(call.proto);
  auto gathering = std::make_shared<Gathering>(
      Gathering{std::move(task), std::move(done), std::move(call), std::move(files), steady_ms()});
  const bool has_it = known && known->find(gathering->call.service, gathering->call.method);
  if (has_it) call_method(gathering, known);
  else gather(gathering);  // what a known one does not have may have been added to it since
}

void Http::gather(const std::shared_ptr<Gathering>& gathering) {
  const auto next = gathering->files.next();
  if (!next) return gathering->done(bad_proto(gathering->call, next.error().message));
  if (*next) {
    OnDone then = [this, gathering](const Outcome& got) {
      if (!got.ok) return gathering->done(got);
      if (Status added = gathering->files.add(std::string(got.result.view())); !added)
        return gathering->done(bad_proto(gathering->call, added.error().message));
      gather(gathering);
    };
    return obtain(gathering->task, **next, "grpc.proto", std::move(then), gathering->since_ms);
  }
  const auto proto = Proto::make(gathering->files.files());
  if (!proto) return gathering->done(bad_proto(gathering->call, proto.error().message));
  protos_.keep(gathering->call.proto.key(), *proto);
  call_method(gathering, *proto);
}

void Http::call_method(const std::shared_ptr<Gathering>& gathering, const std::shared_ptr<const Proto>& proto) {
  const Task& task = gathering->task;
  const DurationMs limit = task.start_to_close_ms > 0 ? task.start_to_close_ms : options_.timeout_ms;
  const DurationMs left = std::max<DurationMs>(1, limit - (steady_ms() - gathering->since_ms));
  send(task, gathering->done, method_request(task, proto, gathering->call, left, options_.user_agent),
       gathering->since_ms);
}

// The message, or a connection that messages come by, unless the subscription is open.
void Http::begin_messages(Task task, OnDone done, AsyncApiCall call) {
  const std::int64_t since_ms = steady_ms();
  if (call.subscribe && subscriptions_.ask(task, done, since_ms)) return;
  with_document(task, k_asyncapi, call.document, done, since_ms,
                [this, task, done, call, since_ms](const Value& document, bool last) {
                  auto request = message_request(task, document, call, options_.user_agent);
                  const auto* wrong = std::get_if<Outcome>(&request);
                  if (!last && wrong != nullptr) return false;
                  if (call.subscribe && wrong == nullptr)
                    subscriptions_.open(task, done, std::move(std::get<HttpRequest>(request)), since_ms);
                  else send(task, done, std::move(request), since_ms);
                  return true;
                });
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
    if (transfer.connected(code)) continue;
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
  std::vector<curl_waitfd> sockets;
  for (const auto& transfer : transfers_) {
    moment = std::min(moment, transfer->next_moment());
    if (const auto socket = transfer->awaited()) sockets.push_back(*socket);
  }
  moment = std::min(moment, subscriptions_.next_moment());
  const std::int64_t now = steady_ms();
  const std::int64_t timeout =
      moment == INT64_MAX ? k_poll_max_ms : std::clamp<std::int64_t>(moment - now, 0, k_poll_max_ms);
  curl_multi_poll(multi_.get(), sockets.data(), static_cast<unsigned>(sockets.size()), static_cast<int>(timeout),
                  nullptr);
}

}  // namespace

std::unique_ptr<Driver> make_http(HttpOptions options) { return std::make_unique<Http>(std::move(options)); }

}  // namespace perdure::activity
