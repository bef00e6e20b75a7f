#pragma once
// Large payloads live outside the history: an event's bytes above k_payload_inline_bytes_max are kept as a blob and the
// encoded event holds its name (docs/formats/blobs.md). In memory, and so in snapshots, events and states hold the
// content. Which runs need a blob is kept in keys, so that removing a run removes what only it needed:
//   blobref/NAME/TENANT/RUN   and   runblob/TENANT/RUN/NAME
// Where retention is on, a blob without a `blobref` is erased after a start: whoever else keeps blobs must name them so.
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "history/event.h"
#include "storage/store.h"

namespace perdure::runtime {

// Thread-safe.
class Payloads {
 public:
  explicit Payloads(storage::Store& store) : store_(store) {}

  struct Encoded {
    Bytes batch;
    std::vector<std::string> blobs;  // named by it; pinned until unpin()
  };
  // Blocks for a sync when there is something large that the store does not have.
  Result<Encoded> encode(const history::Batch& batch);
  void unpin(const std::vector<std::string>& blobs);
  // What the run's commit must write beside the batch.
  static void add_references(const RunKey& run, const std::vector<std::string>& blobs,
                             std::vector<storage::KeyWrite>& keys);

  // `corrupt` also when a blob is missing.
  Result<history::Batch> decode(std::string_view bytes);

  struct Released {
    std::vector<storage::KeyWrite> keys;  // go with the run
    std::vector<std::string> blobs;       // perhaps needed by nobody then
  };
  // What a run that is removed leaves.
  Result<Released> release(const RunKey& run);
  // Erases those that no run needs. Whatever has removed a reference to one of them must be durable.
  Status erase_unused(const std::vector<std::string>& blobs);

 private:
  storage::Store& store_;
  std::mutex mutex_;
  std::map<std::string, std::size_t> pinned_;  // named by a batch whose commit the store has not taken yet
};

}  // namespace perdure::runtime
