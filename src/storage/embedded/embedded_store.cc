#include "storage/embedded/embedded_store.h"

#include <chrono>
#include <random>

#include "base/bytes.h"
#include "storage/embedded/posix_file_system.h"
#include "storage/embedded/rocks_tables.h"
#include "storage/embedded/store_core.h"
#include "storage/embedded/store_files.h"
#include "storage/embedded/table_keys.h"
#include "storage/rules.h"

namespace perdure::storage {
namespace {

Result<std::uint64_t> read_applied(const Tables& tables, const std::string& dir) {
  PERDURE_TRY(bytes, tables.get(Space::index, k_applied_key));
  if (!bytes) return std::uint64_t{0};
  if (bytes->size() != 8) return fail(ErrorCode::corrupt, dir + "/tables: the applied commit is not a number");
  return from_big_endian(*bytes);
}

// The latest start time in the tables.
Result<TimeMs> read_newest_start(const Tables& tables) {
  const auto cursor = tables.seek(Space::data, "e", true);  // behind the first series
  PERDURE_TRY_VOID(cursor->status());
  if (!cursor->valid()) return TimeMs{0};
  const auto key = parse_chunk_key(cursor->key());
  return key ? key->started_at : TimeMs{0};
}

}  // namespace

EmbeddedStore::EmbeddedStore(std::string dir, EmbeddedOptions options, std::unique_ptr<FileSystem> own_files,
                             FileSystem& files)
    : dir_(std::move(dir)),
      options_(std::move(options)),
      own_files_(std::move(own_files)),
      files_(files),
      blobs_(files, dir_ + "/blobs") {}

Result<std::unique_ptr<Store>> EmbeddedStore::open(const std::string& dir, EmbeddedOptions options) {
  std::unique_ptr<FileSystem> own_files;
  if (options.files == nullptr) own_files = make_posix_file_system();
  FileSystem& files = options.files != nullptr ? *options.files : *own_files;
  std::unique_ptr<EmbeddedStore> store(new EmbeddedStore(dir, std::move(options), std::move(own_files), files));
  PERDURE_TRY_VOID(store->start());
  return store;
}

Status EmbeddedStore::start() {
  PERDURE_TRY_VOID(files_.make_directory(dir_));
  PERDURE_TRY(lock, lock_store(files_, dir_, describe_this_process()));
  lock_ = std::move(lock);
  PERDURE_TRY_VOID(check_format(files_, dir_, true));
  PERDURE_TRY(state, read_state(files_, dir_));
  // The epoch rises before anything is taken: a crash in between only skips one.
  epoch_ = state.epoch + 1;
  PERDURE_TRY_VOID(write_state(files_, dir_, {epoch_, state.applied}));
  // Before anything is in them: a file is as durable as the names on the way to it.
  for (const char* part : {"/blobs", "/journal", "/tables"}) PERDURE_TRY_VOID(files_.make_directory(dir_ + part));

  RocksOptions rocks;
  rocks.cache_bytes = options_.table_cache_bytes;
  auto tables = options_.open_tables ? options_.open_tables(files_, dir_ + "/tables")
                                     : open_rocks_tables(dir_ + "/tables", rocks);
  if (!tables) return tl::unexpected<Error>(std::move(tables).error());
  tables_ = std::move(*tables);
  PERDURE_TRY(applied, read_applied(*tables_, dir_));
  PERDURE_TRY(newest_start, read_newest_start(*tables_));
  newest_start_ = newest_start;
  applied_ = durable_ = applied;
  next_ticket_ = applied + 1;

  JournalOptions journal_options;
  journal_options.first_segment_bytes = options_.first_segment_bytes;
  journal_options.segment_bytes = options_.segment_bytes;
  journal_options.stamp_seed = static_cast<std::uint32_t>(epoch_ * 0x9E3779B9U);
  PERDURE_TRY(journal,
              Journal::open(files_, dir_ + "/journal", journal_options, applied,
                            [this](std::uint64_t ticket, std::string_view bytes) { return replay(ticket, bytes); }));
  journal_ = std::move(journal);
  if (next_ticket_ <= state.applied)
    return fail(ErrorCode::corrupt, dir_ + ": tables and journal end at commit " + std::to_string(next_ticket_ - 1) +
                                        ", but commit " + std::to_string(state.applied) +
                                        " was there; files are missing or damaged, restore a backup");
  if (!options_.threads) return {};
  writer_ = std::thread([this] { write_loop(); });
  drainer_ = std::thread([this] { drain_loop(); });
  preparer_ = std::thread([this] { prepare_loop(); });
  return {};
}

Status EmbeddedStore::replay(std::uint64_t ticket, std::string_view bytes) {
  PERDURE_TRY(entry, decode_commit(bytes));
  const auto find = [&](const RunKey& run) -> Result<RunDelta*> {
    if (RunDelta* delta = find_in_overlay(run)) return delta;
    PERDURE_TRY(head, fetch_head(run));
    return &active_->touch(run, head, ticket);
  };
  for (RunWrite& write : entry.runs) {
    PERDURE_TRY_VOID(check_shape(write));
    PERDURE_TRY(run, find(write.run));
    const std::uint64_t last = run->head ? run->head->last_seq : 0;
    if (write.first_seq != last + 1) {
      Error error = unexpected_sequence(write.run, write.first_seq, last);
      error.code = ErrorCode::corrupt;
      return tl::unexpected<Error>(std::move(error));
    }
    active_->apply(*run, std::move(write), ticket);
  }
  for (KeyWrite& write : entry.keys) active_->apply(std::move(write));
  for (const RunKey& key : entry.purged) {
    PERDURE_TRY(run, find(key));
    active_->purge(*run, ticket);
  }
  next_ticket_ = ticket + 1;
  durable_ = std::max(durable_, ticket);
  return {};
}

EmbeddedStore::~EmbeddedStore() {
  if (journal_) {
    Lock lock(mutex_);
    while (!failure_ && (!pending_.empty() || writing_)) await_move(lock);
    // What can't be written to the tables now is read from the journal at the next opening.
    if (!failure_ && active_->size_bytes() > options_.drain_on_close_bytes) static_cast<void>(flush_all(lock));
    stopping_ = true;
    write_wanted_.notify_all();
    drain_wanted_.notify_all();
    prepare_wanted_.notify_all();
  }
  for (std::thread* thread : {&writer_, &drainer_, &preparer_}) {
    if (thread->joinable()) thread->join();
  }
  // A bound for the next opening to check against; without it that check is only weaker.
  if (journal_) static_cast<void>(write_state(files_, dir_, {epoch_, applied_}));
}

Result<std::unique_ptr<Store>> open_embedded(const std::string& dir, EmbeddedOptions options) {
  return EmbeddedStore::open(dir, std::move(options));
}

}  // namespace perdure::storage
