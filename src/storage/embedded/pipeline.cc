// From commit() to the journal and on to the tables.
#include <malloc.h>

#include <algorithm>
#include <chrono>

#include "base/check.h"
#include "storage/embedded/generation_writer.h"
#include "storage/embedded/store_core.h"
#include "storage/embedded/table_keys.h"
#include "storage/rules.h"

namespace perdure::storage {
namespace {

constexpr std::size_t k_pending_bytes_max = std::size_t{16} << 20;
constexpr std::size_t k_used_buffers_max = 32, k_used_buffer_bytes_max = std::size_t{1} << 20;
constexpr std::chrono::milliseconds k_tables_retry{1000};

Error failed_earlier(const Error& cause) {
  return {ErrorCode::io, "the store takes no commits since a write to its journal failed (" + cause.message +
                             "); it must be recovered"};
}

// What a generation leaves behind is scattered over the heaps of the threads that committed: without this the process
// keeps the size of its busiest second.
void return_free_memory() {
#ifdef __GLIBC__
  ::malloc_trim(0);
#endif
}

std::size_t generation_bytes(const EmbeddedOptions& options) {
  return std::max<std::size_t>(options.overlay_bytes / 3, 1);
}

}  // namespace

void EmbeddedStore::commit(Commit commit, Done done) {
  Status outcome;
  std::string body;
  if (commit.epoch != epoch_) outcome = tl::unexpected<Error>(lost_lease(commit.epoch, epoch_));
  for (auto at = commit.runs.begin(); outcome && at != commit.runs.end(); ++at) outcome = check_shape(*at);
  for (auto at = commit.keys.begin(); outcome && at != commit.keys.end(); ++at) outcome = check_shape(*at);
  if (outcome) {
    body = take_buffer();
    encode_commit(body, commit.runs, commit.keys, {});
    Lock lock(mutex_);
    outcome = check_and_apply(lock, commit, nullptr, body.size());
    if (outcome) {
      enqueue(std::move(body), std::move(done));
      wake_helpers();
      return;
    }
  }
  done(std::move(outcome));
}

Status EmbeddedStore::purge(const RunKey& run, std::vector<KeyWrite> keys) {
  for (const KeyWrite& write : keys) PERDURE_TRY_VOID(check_shape(write));
  std::string body;
  encode_commit(body, {}, keys, {&run, 1});
  Commit commit;
  commit.keys = std::move(keys);
  Lock lock(mutex_);
  PERDURE_TRY_VOID(check_and_apply(lock, commit, &run, body.size()));
  enqueue(std::move(body), [](Status) {});  // goes with the next commit: nobody waits for this one
  return {};
}

std::string EmbeddedStore::take_buffer() {
  const std::lock_guard lock(mutex_);
  if (used_buffers_.empty()) return {};
  std::string buffer = std::move(used_buffers_.back());
  used_buffers_.pop_back();
  buffer.clear();
  return buffer;
}

void EmbeddedStore::enqueue(std::string body, Done done) {
  ++next_ticket_;
  pending_bytes_ += body.size();
  pending_.push_back(std::move(body));
  pending_done_.push_back(std::move(done));
  if (active_->size_bytes() >= generation_bytes(options_) && frozen_.empty()) freeze();
}

Status EmbeddedStore::check_and_apply(Lock& lock, Commit& commit, const RunKey* purged, std::size_t body_bytes) {
  // Waiting and looking up let others in; what is true after the last of both holds.
  for (;;) {
    PERDURE_TRY_VOID(await_room(lock, body_bytes));
    PERDURE_TRY(deltas, find_deltas(lock, commit, purged));
    if (failure_) continue;
    PERDURE_TRY_VOID(check(deltas, commit, purged));
    apply(deltas, commit, purged);
    return {};
  }
}

Status EmbeddedStore::check(std::span<RunDelta* const> deltas, const Commit& commit, const RunKey* purged) {
  ++checks_;
  if (purged != nullptr) {
    const auto& head = deltas.front()->head;
    if (!head) return tl::unexpected<Error>(no_such_run(*purged));
    if (!head->closed) return tl::unexpected<Error>(not_closed(*purged));
    return {};
  }
  for (std::size_t i = 0; i < deltas.size(); ++i) {
    RunDelta& run = *deltas[i];
    const RunWrite& write = commit.runs[i];
    if (run.checked_by != checks_) {
      run.checked_by = checks_;
      run.checked_last_seq = run.head ? run.head->last_seq : 0;
      run.checked_started_at = run.head ? run.head->started_at : 0;
    }
    if (write.first_seq != run.checked_last_seq + 1)
      return tl::unexpected<Error>(unexpected_sequence(write.run, write.first_seq, run.checked_last_seq));
    if (run.checked_last_seq == 0) run.checked_started_at = write.row->started_at;
    if (write.row && write.row->started_at != run.checked_started_at)
      return tl::unexpected<Error>(moved_start(write.run));
    run.checked_last_seq += write.count;
  }
  return {};
}

void EmbeddedStore::apply(std::span<RunDelta* const> deltas, Commit& commit, const RunKey* purged) {
  if (purged != nullptr) active_->purge(*deltas.front(), next_ticket_);
  for (std::size_t i = 0; i < commit.runs.size(); ++i)
    active_->apply(*deltas[i], std::move(commit.runs[i]), next_ticket_);
  for (KeyWrite& write : commit.keys) active_->apply(std::move(write));
}

RunDelta* EmbeddedStore::find_in_overlay(const RunKey& run) {
  if (RunDelta* delta = active_->find(run)) return delta;
  for (auto at = frozen_.rbegin(); at != frozen_.rend(); ++at) {
    if (const RunDelta* delta = (*at)->find(run)) return &active_->touch(run, delta->head, next_ticket_);
  }
  return nullptr;
}

Result<std::optional<RunHead>> EmbeddedStore::fetch_head(const RunKey& run) const {
  PERDURE_TRY(bytes, tables_->get(Space::index, head_key(run)));
  if (!bytes) return std::optional<RunHead>();
  auto head = decode_head(*bytes);
  if (!head) return wrap(std::move(head).error(), "run " + to_string(run));
  return std::optional<RunHead>(*head);
}

Result<std::vector<RunDelta*>> EmbeddedStore::find_deltas(Lock& lock, const Commit& commit, const RunKey* purged) {
  const std::size_t count = purged != nullptr ? 1 : commit.runs.size();
  const auto key = [&](std::size_t i) -> const RunKey& { return purged != nullptr ? *purged : commit.runs[i].run; };
  std::vector<RunDelta*> deltas(count);
  std::vector<Fetched> fetched(count);
  std::vector<std::size_t> missing;
  for (;;) {
    missing.clear();
    for (std::size_t i = 0; i < count; ++i) {
      deltas[i] = find_in_overlay(key(i));
      if (deltas[i] == nullptr && fetched[i].known) deltas[i] = &active_->touch(key(i), fetched[i].head, next_ticket_);
      if (deltas[i] == nullptr) missing.push_back(i);
    }
    if (missing.empty()) return deltas;
    // The tables answer without the lock. A generation dropped meanwhile may have changed what they said.
    const std::uint64_t drops = drops_;
    lock.unlock();
    Status status;
    for (const std::size_t i : missing) {
      auto head = fetch_head(key(i));
      if (!head) {
        status = tl::unexpected<Error>(std::move(head).error());
        break;
      }
      fetched[i] = {true, *head};
    }
    lock.lock();
    PERDURE_TRY_VOID(std::move(status));
    if (drops_ != drops) std::fill(fetched.begin(), fetched.end(), Fetched{});
  }
}

Status EmbeddedStore::await_room(Lock& lock, std::size_t body_bytes) {
  // Length prefixes, and the borders of the records they may be cut into.
  const auto payload_of = [&](std::size_t bytes, std::size_t commits) {
    return bytes + 10 * commits + k_block_bytes * (bytes / options_.group_bytes);
  };
  if (payload_of(body_bytes, 1) > journal_->largest_payload_bytes())
    return fail(ErrorCode::exhausted, "a commit of " + std::to_string(body_bytes) + " bytes is over the limit of " +
                                          std::to_string(journal_->largest_payload_bytes()) +
                                          " (one journal segment); write smaller batches");
  for (bool retried = false;;) {
    if (failure_) return tl::unexpected<Error>(failed_earlier(*failure_));
    const std::size_t total = pending_bytes_ + body_bytes;
    if (!frozen_.empty() && active_->size_bytes() >= 2 * generation_bytes(options_)) {
      if (tables_trouble_) return wrap(*tables_trouble_, "no commit is taken while the tables can't be written");
    } else if (pending_bytes_ == 0 || total <= k_pending_bytes_max) {
      if (journal_->has_room(payload_of(total, pending_.size() + 1))) return {};
      wanted_payload_bytes_ = std::max(wanted_payload_bytes_, payload_of(body_bytes, 1));
      if (space_trouble_ && retried) return wrap(*space_trouble_, "no commit is taken without space for the journal");
      retried = true;
    }
    await_move(lock);
  }
}

void EmbeddedStore::await_move(Lock& lock) {
  if (!options_.threads) {
    static_cast<void>(progress_without_threads(lock));
    return;
  }
  wake_helpers();
  if (wanted_payload_bytes_ > 0) prepare_wanted_.notify_one();
  ++waiting_;
  moved_.wait(lock);
  --waiting_;
}

void EmbeddedStore::wake_helpers() {
  if (!options_.threads) return;
  if (writer_idle_ && !pending_.empty() && !writing_) write_wanted_.notify_one();
  if (can_drain()) drain_wanted_.notify_one();
}

bool EmbeddedStore::lend_thread() {
  Lock lock(mutex_);
  if (!options_.threads) return progress_without_threads(lock);
  if (writing_ || failure_ || pending_.empty()) return false;
  write_group(lock);
  wake_helpers();
  return true;
}

bool EmbeddedStore::progress_without_threads(Lock& lock) {
  bool moved = false;
  if (!pending_.empty() && !failure_) {
    write_group(lock);
    moved = true;
  }
  if (!failure_ && (wanted_payload_bytes_ > 0 || journal_->wants_segment())) prepare_segment(lock);
  if (can_drain()) drain_one(lock);
  return moved;
}

// Takes what is pending, up to a group, and makes it durable. Called with writing_ false; others may enter meanwhile.
void EmbeddedStore::write_group(Lock& lock) {
  CHECK(!writing_ && !pending_.empty());
  writing_ = true;
  std::size_t count = 0, bytes = 0;
  while (count < pending_.size() && (count == 0 || bytes + pending_[count].size() <= options_.group_bytes))
    bytes += pending_[count++].size();
  std::vector<std::string> bodies;
  std::vector<Done> done;
  if (count == pending_.size()) {
    bodies.swap(pending_);
    done.swap(pending_done_);
  } else {
    const auto end = static_cast<std::ptrdiff_t>(count);
    bodies.assign(std::make_move_iterator(pending_.begin()), std::make_move_iterator(pending_.begin() + end));
    done.assign(std::make_move_iterator(pending_done_.begin()), std::make_move_iterator(pending_done_.begin() + end));
    pending_.erase(pending_.begin(), pending_.begin() + end);
    pending_done_.erase(pending_done_.begin(), pending_done_.begin() + end);
  }
  const std::uint64_t first_ticket = durable_ + 1;
  lock.unlock();
  const auto start = std::chrono::steady_clock::now();
  Status status = journal_->append(first_ticket, bodies);
  const auto spent = std::chrono::steady_clock::now() - start;
  lock.lock();
  pending_bytes_ -= bytes;
  ++syncs_;
  sync_us_total_ += static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::microseconds>(spent).count());
  if (status) {
    durable_ += count;
    for (std::string& body : bodies) {
      if (used_buffers_.size() < k_used_buffers_max && body.capacity() <= k_used_buffer_bytes_max)
        used_buffers_.push_back(std::move(body));
    }
  } else {
    // What was given since rests on what failed.
    failure_ = status.error();
    std::move(pending_done_.begin(), pending_done_.end(), std::back_inserter(done));
    pending_.clear();
    pending_done_.clear();
    pending_bytes_ = 0;
    status = tl::unexpected<Error>(failed_earlier(*failure_));
  }
  lock.unlock();
  for (const Done& each : done) each(status);
  lock.lock();
  writing_ = false;
  if (waiting_ > 0) moved_.notify_all();
  if (options_.threads && journal_->wants_segment()) prepare_wanted_.notify_one();
}

void EmbeddedStore::freeze() {
  active_->last_ticket = next_ticket_ - 1;
  frozen_.push_back(std::move(active_));
  active_ = std::make_shared<Generation>();
}

bool EmbeddedStore::can_drain() const {
  return !frozen_.empty() && !draining_ && frozen_.front()->last_ticket <= durable_;
}

void EmbeddedStore::drain_one(Lock& lock) {
  draining_ = true;
  std::shared_ptr<Generation> generation = frozen_.front();
  lock.unlock();
  const auto written = write_generation(*generation, *tables_, newest_start_);
  if (written) newest_start_ = written->newest_start;
  lock.lock();
  draining_ = false;
  if (written) {
    CHECK(frozen_.front() == generation);
    frozen_.pop_front();
    ++drops_;
    applied_ = generation->last_ticket;
    tables_trouble_.reset();
    if (active_->size_bytes() >= generation_bytes(options_) && frozen_.empty()) freeze();
  } else {
    tables_trouble_ = written.error();
  }
  if (waiting_ > 0) moved_.notify_all();
  const std::uint64_t applied = applied_;
  lock.unlock();
  generation.reset();  // a hundred thousand runs are not freed under the lock
  return_free_memory();
  // A segment that can't be removed is found and taken again at the next opening.
  if (const Status released = journal_->release(applied); !released) {
    lock.lock();
    space_trouble_ = released.error();
    return;
  }
  lock.lock();
}

void EmbeddedStore::prepare_segment(Lock& lock) {
  preparing_ = true;
  const std::size_t wanted = wanted_payload_bytes_;
  lock.unlock();
  Status status = journal_->prepare(wanted);
  lock.lock();
  preparing_ = false;
  if (wanted == wanted_payload_bytes_) wanted_payload_bytes_ = 0;
  if (status) {
    space_trouble_.reset();
  } else {
    space_trouble_ = status.error();
  }
  if (waiting_ > 0) moved_.notify_all();
}

Status EmbeddedStore::flush_all(Lock& lock) {
  const std::uint64_t target = next_ticket_ - 1;
  tables_trouble_.reset();  // it may be over: try again
  while (applied_ < target) {
    if (failure_) return tl::unexpected<Error>(failed_earlier(*failure_));
    if (tables_trouble_) return tl::unexpected<Error>(*tables_trouble_);
    if (frozen_.empty()) freeze();
    await_move(lock);
  }
  return {};
}

Status EmbeddedStore::recover() {
  Lock lock(mutex_);
  if (!failure_) return {};
  while (writing_ || draining_) {
    ++waiting_;
    moved_.wait(lock);
    --waiting_;
  }
  active_ = std::make_shared<Generation>();
  frozen_.clear();
  ++drops_;
  next_ticket_ = durable_ + 1;
  // Under the lock: nobody may see the overlay half read.
  const Status status = journal_->reread(
      applied_, durable_, [this](std::uint64_t ticket, std::string_view bytes) { return replay(ticket, bytes); });
  if (!status) return status;
  failure_.reset();
  return {};
}

void EmbeddedStore::write_loop() {
  Lock lock(mutex_);
  for (;;) {
    writer_idle_ = true;
    write_wanted_.wait(lock, [&] { return stopping_ || (!pending_.empty() && !writing_ && !failure_); });
    writer_idle_ = false;
    if (stopping_) return;
    write_group(lock);
    if (can_drain()) drain_wanted_.notify_one();
  }
}

void EmbeddedStore::drain_loop() {
  Lock lock(mutex_);
  for (;;) {
    if (tables_trouble_) {
      drain_wanted_.wait_for(lock, k_tables_retry, [&] { return stopping_; });
    }
    drain_wanted_.wait(lock, [&] { return stopping_ || can_drain(); });
    if (stopping_) return;
    drain_one(lock);
  }
}

void EmbeddedStore::prepare_loop() {
  Lock lock(mutex_);
  for (;;) {
    prepare_wanted_.wait(lock, [&] { return stopping_ || wanted_payload_bytes_ > 0 || journal_->wants_segment(); });
    if (stopping_) return;
    prepare_segment(lock);
    // A full disk is not asked again before somebody needs the space.
    if (space_trouble_) prepare_wanted_.wait(lock, [&] { return stopping_ || wanted_payload_bytes_ > 0; });
  }
}

}  // namespace perdure::storage
