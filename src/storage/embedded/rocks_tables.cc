#include "storage/embedded/rocks_tables.h"

#include <rocksdb/cache.h>
#include <rocksdb/db.h>
#include <rocksdb/env.h>
#include <rocksdb/filter_policy.h>
#include <rocksdb/sst_file_writer.h>
#include <rocksdb/table.h>
#include <rocksdb/utilities/checkpoint.h>

#include <array>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <thread>

#include "storage/embedded/table_guard.h"

#ifdef __SANITIZE_THREAD__
// The library is not built with ThreadSanitizer, which then can't see its reference counts.
extern "C" const char* __tsan_default_suppressions();
extern "C" const char* __tsan_default_suppressions() { return "race:rocksdb::\n"; }
#endif

namespace perdure::storage {
namespace {

tl::unexpected<Error> refused(const rocksdb::Status& status, const std::string& directory) {
  const ErrorCode code = status.IsNoSpace() || status.subcode() == rocksdb::Status::kNoSpace ? ErrorCode::exhausted
                         : status.IsCorruption() || status.IsInvalidArgument()               ? ErrorCode::corrupt
                                                                                             : ErrorCode::io;
  const char* mend = code == ErrorCode::corrupt
                         ? "; go on with a backup: a folder that `perdure store backup` made opens as a store"
                         : "";
  return fail(code, directory + ": tables: " + status.ToString() + mend);
}
constexpr int k_files_waiting_max = 64;  // for a merge; above it writing waits

rocksdb::Slice slice(std::string_view text) { return {text.data(), text.size()}; }
std::string_view view(const rocksdb::Slice& slice) { return {slice.data(), slice.size()}; }

rocksdb::ColumnFamilyOptions family_options(Space space, const std::shared_ptr<rocksdb::Cache>& cache) {
  rocksdb::BlockBasedTableOptions table;
  table.block_cache = cache;
  table.cache_index_and_filter_blocks = true;
  table.pin_l0_filter_and_index_blocks_in_cache = true;
  table.format_version = 5;
  table.checksum = rocksdb::kXXH3;
  rocksdb::ColumnFamilyOptions family;
  if (space == Space::index) {
    table.block_size = 4 << 10;
    table.filter_policy.reset(rocksdb::NewBloomFilterPolicy(10));
    table.optimize_filters_for_memory = true;
  } else {
    table.block_size = 16 << 10;
  }
  family.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
  family.compression = rocksdb::kLZ4Compression;
  family.write_buffer_size = 8 << 20;  // above ingest_from_bytes: never flushed but by us, at the end of a generation
  family.max_write_buffer_number = 2;
  family.target_file_size_base = 32 << 20;
  family.max_bytes_for_level_base = 128 << 20;
  family.level_compaction_dynamic_level_bytes = true;
  // Files cover narrow ranges, so many may lie side by side; merging them seldom keeps what is written twice low.
  family.level0_file_num_compaction_trigger = 12;
  family.level0_slowdown_writes_trigger = k_files_waiting_max;
  family.level0_stop_writes_trigger = 2 * k_files_waiting_max;
  return family;
}

// RocksDB's own log file is one more thing that can fail: Debian's build of it asserts, and so ends the process, when it
// writes to a log that failed before. What goes wrong reaches us as a status in any case.
class SilentLog final : public rocksdb::Logger {
 public:
  using rocksdb::Logger::Logv;
  void Logv(const char*, va_list) override {}
};

rocksdb::DBOptions database_options(const RocksOptions& options, rocksdb::Env& files) {
  rocksdb::DBOptions database;
  database.env = &files;
  database.create_if_missing = true;
  database.create_missing_column_families = true;
  database.atomic_flush = true;
  database.max_background_jobs = options.background_jobs;
  database.max_open_files = 512;
  database.avoid_flush_during_shutdown = true;
  database.bytes_per_sync = 1 << 20;
  database.writable_file_max_buffer_size = 256 << 10;
  database.compaction_readahead_size = 512 << 10;
  database.max_manifest_file_size = 8 << 20;
  database.info_log = std::make_shared<SilentLog>();
  database.stats_dump_period_sec = 0;
  database.stats_persist_period_sec = 0;
  database.max_file_opening_threads = 1;
  return database;
}

// Puts a small generation into a batch.
class BatchWriter final : public LaneWriter {
 public:
  explicit BatchWriter(std::array<rocksdb::ColumnFamilyHandle*, 2> families) : families_(families) {}
  Status put(Lane lane, std::string_view key, std::string_view value) override {
    batch_.Put(family(lane), slice(key), slice(value));
    return {};
  }
  Status erase(Lane lane, std::string_view key) override {
    batch_.Delete(family(lane), slice(key));
    return {};
  }
  rocksdb::WriteBatch& batch() { return batch_; }

 private:
  rocksdb::ColumnFamilyHandle* family(Lane lane) { return families_[static_cast<std::size_t>(space_of(lane))]; }
  std::array<rocksdb::ColumnFamilyHandle*, 2> families_;
  rocksdb::WriteBatch batch_;
};

// Writes one sorted file a lane.
class FileWriter final : public LaneWriter {
 public:
  FileWriter(std::string directory, std::array<rocksdb::ColumnFamilyHandle*, 2> families,
             std::array<rocksdb::Options, 2> options)
      : directory_(std::move(directory)), families_(families), options_(std::move(options)) {}

  Status put(Lane lane, std::string_view key, std::string_view value) override {
    PERDURE_TRY(file, writer(lane));
    return check(file->Put(slice(key), slice(value)));
  }
  Status erase(Lane lane, std::string_view key) override {
    PERDURE_TRY(file, writer(lane));
    return check(file->Delete(slice(key)));
  }
  Status finish() {
    for (auto& file : writers_) {
      if (file) PERDURE_TRY_VOID(check(file->Finish()));
    }
    return {};
  }
  std::vector<rocksdb::IngestExternalFileArg> arguments() const {
    std::vector<rocksdb::IngestExternalFileArg> families;
    for (std::size_t space = 0; space < 2; ++space) {
      rocksdb::IngestExternalFileArg argument;
      argument.column_family = families_[space];
      argument.options.move_files = true;
      argument.options.write_global_seqno = false;
      for (std::size_t lane = 0; lane < k_lanes; ++lane) {
        if (writers_[lane] && static_cast<std::size_t>(space_of(static_cast<Lane>(lane))) == space)
          argument.external_files.push_back(path(lane));
      }
      if (!argument.external_files.empty()) families.push_back(std::move(argument));
    }
    return families;
  }

 private:
  std::string path(std::size_t lane) const { return directory_ + "/" + std::to_string(lane) + ".sst"; }
  Status check(const rocksdb::Status& status) const {
    if (!status.ok()) return refused(status, directory_);
    return {};
  }
  Result<rocksdb::SstFileWriter*> writer(Lane lane) {
    const auto i = static_cast<std::size_t>(lane);
    const auto space = static_cast<std::size_t>(space_of(lane));
    if (!writers_[i]) {
      writers_[i] = std::make_unique<rocksdb::SstFileWriter>(rocksdb::EnvOptions(), options_[space], families_[space]);
      PERDURE_TRY_VOID(check(writers_[i]->Open(path(i))));
    }
    return writers_[i].get();
  }
  std::string directory_;
  std::array<rocksdb::ColumnFamilyHandle*, 2> families_;
  std::array<rocksdb::Options, 2> options_;
  std::array<std::unique_ptr<rocksdb::SstFileWriter>, k_lanes> writers_;
};

class RocksCursor final : public TableCursor {
 public:
  RocksCursor(std::unique_ptr<rocksdb::Iterator> at, std::string directory)
      : at_(std::move(at)), directory_(std::move(directory)) {}
  bool valid() const override { return at_->Valid(); }
  void next() override { at_->Next(); }
  std::string_view key() const override { return view(at_->key()); }
  std::string_view value() const override { return view(at_->value()); }
  Status status() const override {
    if (!at_->status().ok()) return refused(at_->status(), directory_);
    return {};
  }

 private:
  std::unique_ptr<rocksdb::Iterator> at_;
  std::string directory_;
};

class RocksTables final : public Tables {
 public:
  RocksTables(std::string directory, const RocksOptions& options)
      : directory_(std::move(directory)), options_(options) {}
  ~RocksTables() override {
    if (!database_) return;
    for (rocksdb::ColumnFamilyHandle* family : families_) database_->DestroyColumnFamilyHandle(family);
    database_->Close();
  }

  Status open() {
    const auto cache = rocksdb::NewLRUCache(options_.cache_bytes, 2, false, 0.5);
    const auto database = database_options(options_, *files_);
    std::vector<rocksdb::ColumnFamilyDescriptor> descriptors;
    for (const Space space : {Space::index, Space::data}) {
      const auto family = family_options(space, cache);
      table_options_[static_cast<std::size_t>(space)] = rocksdb::Options(database, family);
      descriptors.emplace_back(space == Space::index ? rocksdb::kDefaultColumnFamilyName : "data", family);
    }
    std::error_code ignored;
    std::filesystem::remove_all(ingest_directory(), ignored);  // what a crash left
    std::error_code made;
    std::filesystem::create_directories(ingest_directory(), made);
    if (made) return fail(ErrorCode::io, ingest_directory() + ": make directory: " + made.message());
    std::vector<rocksdb::ColumnFamilyHandle*> handles;
    rocksdb::DB* opened = nullptr;
    const rocksdb::Status status = rocksdb::DB::Open(database, directory_, descriptors, &handles, &opened);
    if (!status.ok()) return refused(status, directory_);
    database_.reset(opened);
    families_ = {handles[0], handles[1]};
    return {};
  }

  Result<std::optional<std::string>> get(Space space, std::string_view key) const override {
    rocksdb::PinnableSlice value;
    const rocksdb::Status status = database_->Get(rocksdb::ReadOptions(), family(space), slice(key), &value);
    if (status.IsNotFound()) return std::optional<std::string>();
    if (!status.ok()) return refused(status, directory_);
    return std::optional<std::string>(std::string(view(value)));
  }

  std::unique_ptr<TableCursor> seek(Space space, std::string_view from, bool at_or_before) const override {
    std::unique_ptr<rocksdb::Iterator> at(database_->NewIterator(rocksdb::ReadOptions(), family(space)));
    if (at_or_before) {
      at->SeekForPrev(slice(from));
    } else {
      at->Seek(slice(from));
    }
    return std::make_unique<RocksCursor>(std::move(at), directory_);
  }

  Status apply(const ApplyHint& hint, const std::function<Status(LaneWriter&)>& write) override {
    await_merges();
    return hint.size_bytes < options_.ingest_from_bytes ? apply_batch(write) : apply_files(write);
  }

  Status copy_to(const std::string& directory) override {
    rocksdb::Checkpoint* made = nullptr;
    if (const auto status = rocksdb::Checkpoint::Create(database_.get(), &made); !status.ok())
      return refused(status, directory_);
    const std::unique_ptr<rocksdb::Checkpoint> checkpoint(made);
    if (const auto status = checkpoint->CreateCheckpoint(directory); !status.ok()) return refused(status, directory);
    return {};
  }

  Status verify() override {
    rocksdb::ReadOptions options;
    options.fill_cache = false;
    if (const auto status = database_->VerifyChecksum(options); !status.ok()) return refused(status, directory_);
    return {};
  }

  std::uint64_t disk_bytes() const override {
    std::uint64_t bytes = 0, one = 0;
    for (rocksdb::ColumnFamilyHandle* handle : families_) {
      if (database_->GetIntProperty(handle, rocksdb::DB::Properties::kTotalSstFilesSize, &one)) bytes += one;
    }
    return bytes;
  }

 private:
  std::string ingest_directory() const { return directory_ + "/ingest"; }
  rocksdb::ColumnFamilyHandle* family(Space space) const { return families_[static_cast<std::size_t>(space)]; }

  // Files that are ingested are not held back by RocksDB: the pace of its merging is kept here.
  void await_merges() const {
    using namespace std::chrono_literals;
    for (rocksdb::ColumnFamilyHandle* handle : families_) {
      std::string files;
      for (int waits = 0; waits < 1000; ++waits) {
        if (!database_->GetProperty(handle, rocksdb::DB::Properties::kNumFilesAtLevelPrefix + "0", &files)) break;
        if (std::atoi(files.c_str()) < k_files_waiting_max) break;
        std::this_thread::sleep_for(10ms);
      }
    }
  }

  Status apply_batch(const std::function<Status(LaneWriter&)>& write) {
    BatchWriter writer(families_);
    PERDURE_TRY_VOID(write(writer));
    rocksdb::WriteOptions options;
    options.disableWAL = true;
    if (auto status = database_->Write(options, &writer.batch()); !status.ok()) return recover_from(status);
    if (auto status = database_->Flush(rocksdb::FlushOptions(), {families_[0], families_[1]}); !status.ok())
      return recover_from(status);
    return {};
  }

  Status apply_files(const std::function<Status(LaneWriter&)>& write) {
    FileWriter writer(ingest_directory(), families_, table_options_);
    PERDURE_TRY_VOID(write(writer));
    PERDURE_TRY_VOID(writer.finish());
    if (auto status = database_->IngestExternalFiles(writer.arguments()); !status.ok()) return recover_from(status);
    return {};
  }

  // After an error in the background RocksDB refuses writes until it is told that the cause is gone; the next attempt
  // finds out.
  Status recover_from(const rocksdb::Status& status) {
    database_->Resume().PermitUncheckedError();
    return refused(status, directory_);
  }

  std::string directory_;
  RocksOptions options_;
  std::unique_ptr<rocksdb::Env> files_ = rocksdb::NewCompositeEnv(guarded_file_system());  // outlives the database
  std::unique_ptr<rocksdb::DB> database_;
  std::array<rocksdb::ColumnFamilyHandle*, 2> families_{};
  std::array<rocksdb::Options, 2> table_options_;
};

}  // namespace

Result<std::unique_ptr<Tables>> open_rocks_tables(const std::string& directory, const RocksOptions& options) {
  try {
    auto tables = std::make_unique<RocksTables>(directory, options);
    PERDURE_TRY_VOID(tables->open());
    return tables;
  } catch (const std::exception& problem) { return fail(ErrorCode::io, directory + ": tables: " + problem.what()); }
}

}  // namespace perdure::storage
