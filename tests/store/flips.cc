#include "store/flips.h"

#include <filesystem>
#include <fstream>
#include <map>

#include "storage/embedded/embedded_store.h"
#include "storage/embedded/faulty_file_system.h"
#include "storage/embedded/mirror_tables.h"
#include "storage/embedded/test_directory.h"
#include "storage/embedded/test_script.h"
#include "store/operations.h"

namespace perdure::store_faults {
namespace {

using storage::FaultyFileSystem;
using storage::Store;
using Files = std::map<std::string, std::string>;

constexpr std::uint32_t k_changes_before_verify = 30, k_changes_after = 12;

// Where stores are made and opened: a simulated disk or a directory.
class Place {
 public:
  virtual ~Place() = default;
  virtual Result<std::unique_ptr<Store>> open() = 0;
  virtual Files files() = 0;
  // The store is what it was, but for one file.
  virtual void set(const Files& original, const std::string& path, const std::string& content) = 0;
};

storage::EmbeddedOptions small() {
  storage::EmbeddedOptions options;
  options.threads = false;
  options.overlay_bytes = 6'000;
  options.first_segment_bytes = options.segment_bytes = 40 << 10;
  options.drain_on_close_bytes = 1 << 20;
  return options;
}

class SimulatedPlace final : public Place {
 public:
  Result<std::unique_ptr<Store>> open() override {
    auto options = small();
    options.files = disk_.get();
    options.open_tables = storage::open_mirror_tables;
    return storage::open_embedded("/store", std::move(options));
  }
  Files files() override { return disk_->snapshot(); }
  void set(const Files& original, const std::string& path, const std::string& content) override {
    Files all = original;
    all[path] = content;
    disk_ = std::make_unique<FaultyFileSystem>(1);
    disk_->restore(all);
  }

 private:
  std::unique_ptr<FaultyFileSystem> disk_ = std::make_unique<FaultyFileSystem>(1);
};

class RealPlace final : public Place {
 public:
  Result<std::unique_ptr<Store>> open() override { return storage::open_embedded(directory_->path(), small()); }
  Files files() override {
    Files all;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(directory_->path())) {
      if (!entry.is_regular_file()) continue;
      std::ifstream file(entry.path(), std::ios::binary);
      all[entry.path().lexically_relative(directory_->path()).string()] = {std::istreambuf_iterator<char>(file), {}};
    }
    return all;
  }
  void set(const Files& original, const std::string& path, const std::string& content) override {
    directory_ = std::make_unique<storage::TestDirectory>();
    for (const auto& [name, bytes] : original) {
      const std::filesystem::path target = std::filesystem::path(directory_->path()) / name;
      std::filesystem::create_directories(target.parent_path());
      std::ofstream(target, std::ios::binary) << (name == path ? content : bytes);
    }
  }

 private:
  std::unique_ptr<storage::TestDirectory> directory_ = std::make_unique<storage::TestDirectory>();
};

// All that can be read of a store, blobs too; the error when something can't be.
Result<std::string> read_all(Store& store) {
  PERDURE_TRY(shown, storage::show(store, k_tenants));
  PERDURE_TRY(names, store.scan_blobs("", 1000));
  for (const std::string& name : names) {
    PERDURE_TRY(content, store.get_blob(name));
    shown.append("\nblob ").append(name).append(content.view());
  }
  return shown;
}

// Rows in the tables, records in the journal behind them, blobs; ended without closing.
std::string fill(Place& place, std::uint64_t seed, Files& files) {
  auto store = place.open();
  CHECK(store.has_value());
  Truth truth;
  Random random(seed);
  for (std::uint32_t n = 0; n < k_changes_before_verify + k_changes_after; ++n) {
    if (n == k_changes_before_verify) CHECK((*store)->verify().has_value());
    const Change change = make_change(random, truth);
    if (!truth.apply(change)) continue;
    if (const auto* run = std::get_if<RunKey>(&change)) {
      CHECK(storage::purge_run(**store, *run).has_value());
      continue;
    }
    Commit commit = std::get<Commit>(change);
    commit.epoch = (*store)->epoch();
    CHECK(storage::commit_and_wait(**store, std::move(commit)).has_value());
  }
  CHECK(storage::commit_and_wait(**store, {{}, {}, (*store)->epoch()}).has_value());
  for (const char* content : {"a blob", "another blob"}) CHECK((*store)->put_blob(Bytes::copy(content)).has_value());
  files = place.files();
  return *read_all(**store);
}

// Of a file of zeros that were never written only the beginning of what follows the last written block counts.
std::size_t interesting_bytes(const std::string& content) {
  const auto last = content.find_last_not_of('\0');
  if (last == std::string::npos) return std::min<std::size_t>(content.size(), storage::k_block_bytes);
  const std::size_t block = last / storage::k_block_bytes + 2;
  return std::min(content.size(), block * storage::k_block_bytes);
}

class Flips {
 public:
  explicit Flips(const FlipOptions& options) : options_(options), random_(options.seed) {
    if (options.on_real_tables) place_ = std::make_unique<RealPlace>();
    else place_ = std::make_unique<SimulatedPlace>();
    shown_ = fill(*place_, options.seed, original_);
  }

  FlipOutcome run() {
    std::uint64_t place = random_.below(options_.every);  // not the same bytes for every seed
    for (const auto& [path, content] : original_) {
      if (options_.on_real_tables && !path.starts_with("tables/"))
        continue;  // the others a simulated disk flips faster
      const std::size_t bytes = interesting_bytes(content);
      for (; place < bytes; place += options_.every) {
        const auto only = static_cast<int>(random_.below(8));
        for (int bit = options_.all_bits ? 0 : only; bit <= (options_.all_bits ? 7 : only); ++bit) {
          flip_one(path, content, place, bit);
          if (outcome_.failure) return outcome_;
        }
      }
      place -= bytes;
    }
    return outcome_;
  }

 private:
  void flip_one(const std::string& path, std::string content, std::size_t at, int bit) {
    ++outcome_.flips;
    content[at] = static_cast<char>(content[at] ^ (1 << bit));
    place_->set(original_, path, content);
    const std::string where = path + ", byte " + std::to_string(at) + ", bit " + std::to_string(bit) + ": ";
    auto store = place_->open();
    if (!store) {
      ++outcome_.at_opening;
      if (store.error().code != ErrorCode::corrupt && store.error().code != ErrorCode::unsupported &&
          store.error().code != ErrorCode::io)
        outcome_.failure = where + "the store does not open, for a wrong reason: " + store.error().message;
      return;
    }
    const auto now = read_all(**store);
    if (now && *now != shown_) {
      outcome_.failure = where + "the store silently shows\n" + *now + "-- instead of\n" + shown_;
      return;
    }
    const auto report = (*store)->verify();
    if (!now) ++outcome_.at_reading;
    else if (!report || !report->damage.empty()) ++outcome_.by_verify;
    else ++outcome_.harmless;
    if (!now && report && report->damage.empty())
      outcome_.failure = where + "verify finds nothing, reading does: " + now.error().message;
  }

  const FlipOptions options_;
  Random random_;
  std::unique_ptr<Place> place_;
  Files original_;
  std::string shown_;
  FlipOutcome outcome_;
};

}  // namespace

FlipOutcome flip(const FlipOptions& options) { return Flips(options).run(); }

}  // namespace perdure::store_faults
