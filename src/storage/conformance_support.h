#pragma once
// What tests of stores share.
#include <condition_variable>
#include <mutex>
#include <optional>
#include <string>

#include "storage/store.h"

namespace perdure::storage {

// Commits and waits for the completion.
inline Status commit_and_wait(Store& store, Commit commit) {
  std::mutex mutex;
  std::condition_variable told;
  std::optional<Status> outcome;
  store.commit(std::move(commit), [&](Status status) {
    const std::lock_guard lock(mutex);
    outcome = std::move(status);
    told.notify_one();
  });
  while (store.lend_thread()) {}
  std::unique_lock lock(mutex);
  told.wait(lock, [&] { return outcome.has_value(); });
  return std::move(*outcome);
}

inline RunRow conformance_row(TimeMs started_at, std::string status = "running", bool closed = false) {
  RunRow row;
  row.workflow = "order";
  row.version = "1";
  row.status = std::move(status);
  row.started_at = started_at;
  row.updated_at = started_at + 1;
  row.closed = closed;
  row.closed_at = closed ? started_at + 5 : 0;
  row.detail = Bytes::copy(R"({"progress":1})");
  return row;
}

}  // namespace perdure::storage
