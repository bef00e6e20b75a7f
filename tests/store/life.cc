#include "store/life.h"

#include <algorithm>
#include <cstdio>
#include <map>

#include "base/hash.h"
#include "storage/embedded/embedded_store.h"
#include "storage/embedded/faulty_file_system.h"
#include "storage/embedded/mirror_tables.h"
#include "storage/embedded/test_script.h"
#include "store/operations.h"

namespace perdure::store_faults {
namespace {

using storage::DiskCall;
using storage::DiskFault;
using storage::FaultyFileSystem;
using storage::Store;

constexpr const char* k_directory = "/store";
constexpr std::uint32_t k_variants = 3;  // of one crash: which sectors and names reached the disk
constexpr int k_openings_with_faults = 4, k_openings_max = 10;

enum class BlobIs : std::uint8_t { unsure, there, gone };

// A state that a write which failed may have left to be found: of changes that were refused with `io`.
struct Ghost {
  std::size_t base = 0;
  std::vector<Change> changes;
  std::uint64_t state = 0;
};

class Life {
 public:
  explicit Life(const LifeOptions& options)
      : options_(options), random_(options.seed), disk_random_(random_.fork()), files_(random_.next()) {
    store_options_.threads = false;
    store_options_.open_tables = storage::open_mirror_tables;
    store_options_.overlay_bytes = random_.one_in(5) ? 3 : random_.one_in(4) ? 1 << 20 : random_.between(3'000, 30'000);
    store_options_.first_segment_bytes = 4096 * random_.between(3, 10);
    store_options_.segment_bytes = std::max<std::uint64_t>(64 << 10, store_options_.first_segment_bytes);
    if (random_.one_in(2)) store_options_.first_segment_bytes = store_options_.segment_bytes;  // all are used again
    store_options_.group_bytes = random_.one_in(3) ? random_.between(4'000, 9'000) : 2 << 20;
    store_options_.drain_on_close_bytes = random_.one_in(2) ? 0 : 1 << 20;
    files_.set_faults([this](std::uint64_t call) { return fault(call); });
    files_.set_observer([this](const DiskCall& call) { look_at(call); });
  }

  Outcome live() {
    const std::uint32_t lives = random_.between(2, 5);
    for (std::uint32_t life = 1; life <= lives && !outcome_.failure; ++life) {
      plan_faults();
      boot();
      for (std::uint32_t n = random_.between(8, 50); n > 0 && store_ && !outcome_.failure; --n) step();
      end();
    }
    faulty_ = false;
    crash_at_ = 0;
    if (!outcome_.failure) boot();
    if (store_ && !outcome_.failure) check_whole();
    outcome_.calls = files_.calls();
    files_.set_observer({});
    files_.stop();
    return outcome_;
  }

 private:
  void trace(const std::string& text) const {
    if (options_.trace)
      std::fprintf(stderr, "%6llu  %s\n", static_cast<unsigned long long>(files_.calls()), text.c_str());
  }
  void failed(const std::string& what, std::uint64_t point = 0) {
    if (outcome_.failure) return;
    outcome_.failure = what;
    outcome_.failed_point = point;
  }

  // ---- faults of this life

  void plan_faults() {
    faulty_ = random_.one_in(2);
    crash_at_ = random_.one_in(2) ? files_.calls() + random_.between(1, 120) : 0;
    error_rate_ = faulty_ && !random_.one_in(3) ? random_.between(8, 60) : 0;
    full_from_ = faulty_ && random_.one_in(2) ? files_.calls() + random_.between(1, 100) : 0;
    full_until_ = full_from_ + random_.between(1, 20);
  }
  DiskFault fault(std::uint64_t call) {
    if (crash_at_ != 0 && call >= crash_at_) return DiskFault::crash;
    if (!faulty_) return DiskFault::none;
    if (call >= full_from_ && call < full_until_ && full_from_ != 0) return DiskFault::no_space;
    return error_rate_ != 0 && disk_random_.one_in(error_rate_) ? DiskFault::error : DiskFault::none;
  }

  // ---- the store

  Result<std::unique_ptr<Store>> open(FaultyFileSystem& files, const std::string& directory) const {
    storage::EmbeddedOptions options = store_options_;
    options.files = &files;
    return storage::open_embedded(directory, std::move(options));
  }

  void boot() {
    for (int attempt = 0; !store_; ++attempt) {
      if (attempt == k_openings_with_faults) faulty_ = false;
      if (files_.crashed()) lose_power();
      auto opened = open(files_, k_directory);
      if (outcome_.failure) return;
      if (opened) {
        store_ = std::move(*opened);
      } else if (!is_trouble(opened.error()) || attempt == k_openings_max) {
        return failed("the store does not open: " + opened.error().message);
      }
    }
    trace("open, epoch " + std::to_string(store_->epoch()));
    if (store_->epoch() <= epoch_) return failed("the epoch did not rise");
    epoch_ = store_->epoch();
    find_state();
  }

  void lose_power() {
    crash_at_ = 0;
    trace("power loss");
    files_.restart();
  }

  void end() {
    if (!store_) return;
    const std::uint32_t how = random_.below(3);
    if (files_.crashed() || how == 0) {
      files_.stop();
      store_.reset();
      lose_power();
    } else if (how == 1) {
      trace("killed");
      files_.stop();
      store_.reset();
      files_.resume();
    } else {
      trace("closes");
      store_.reset();
      if (files_.crashed()) lose_power();
    }
  }

  // ---- what may be there

  bool is_allowed(std::uint64_t state) const {
    for (std::size_t n = acknowledged_; n <= truth_.size(); ++n)
      if (truth_.state(n) == state) return true;
    return std::any_of(ghosts_.begin(), ghosts_.end(), [&](const Ghost& ghost) { return ghost.state == state; });
  }

  // After an opening or a recovery: where the store stands now. The truth goes there, too.
  void find_state() {
    const auto shown = storage::show(*store_, k_tenants);
    if (!shown) return failed("the store can't be read: " + shown.error().message);
    const std::uint64_t state = state_of(*shown);
    for (std::size_t n = truth_.size() + 1; n-- > acknowledged_;) {
      if (truth_.state(n) != state) continue;
      if (n < truth_.size()) {
        remember_ghosts(n);
        truth_.rewind(n);
        acknowledged_ = n;
      }
      return;
    }
    const auto ghost =
        std::find_if(ghosts_.begin(), ghosts_.end(), [&](const Ghost& each) { return each.state == state; });
    if (ghost == ghosts_.end())
      return failed("after " + std::to_string(acknowledged_) + " acknowledged and " +
                    std::to_string(truth_.size() - acknowledged_) + " other changes the store shows\n" + *shown);
    trace("a change that was refused with io is there");
    ++outcome_.ghosts;
    const Ghost found = *ghost;
    truth_.rewind(found.base);
    for (const Change& change : found.changes) static_cast<void>(truth_.apply(change));
    acknowledged_ = truth_.size();
  }

  void remember_ghosts(std::size_t base) {
    const std::vector<Change> lost = truth_.after(base);
    for (std::size_t n = 1; n <= lost.size(); ++n)
      ghosts_.push_back({base, {lost.begin(), lost.begin() + static_cast<std::ptrdiff_t>(n)}, truth_.state(base + n)});
  }

  void acknowledge(std::size_t n) {
    acknowledged_ = std::max(acknowledged_, n);
    ghosts_.clear();  // the next write took their place
  }

  // ---- what is done to it

  void step() {
    const std::uint32_t what = random_.below(100);
    if (what < 50) change();
    else if (what < 62) static_cast<void>(store_->lend_thread());
    else if (what < 82) read();
    else if (what < 88) put_blob();
    else if (what < 91) erase_blob();
    else if (what < 93) back_up();
    else if (what < 95) check_whole();
    else if (what < 97) static_cast<void>(store_->commit({{}, {}, store_->epoch()}, [](const Status&) {}));
    else
      while (store_->lend_thread()) {}
    if (files_.crashed()) {
      store_.reset();
      lose_power();
    }
  }

  static bool is_trouble(const Error& error) {
    return error.code == ErrorCode::io || error.code == ErrorCode::exhausted;
  }
  bool may_fail() const { return faulty_ || files_.crashed(); }

  Status give(const Change& change) {
    if (const auto* run = std::get_if<RunKey>(&change)) return storage::purge_run(*store_, *run);
    Commit commit = std::get<Commit>(change);
    if (commit.epoch != 0) commit.epoch = store_->epoch();
    Status refusal;
    const std::size_t number = inside_ = truth_.size() + 1;
    // What is told after commit() returned is of a commit that was taken.
    store_->commit(std::move(commit), [this, number, &refusal](const Status& status) {
      if (inside_ == number) refusal = status;
      if (status) acknowledge(number);
    });
    inside_ = 0;
    return refusal;
  }

  void change() {
    const Change made = make_change(random_, truth_);
    const Status status = give(made);
    trace(to_text(made) + (status ? "" : ": " + status.error().message));
    if (!status && is_trouble(status.error())) {
      if (!may_fail()) return failed("a change is refused on a disk that works: " + status.error().message);
      ++outcome_.refused;
      return recover();
    }
    const Status right = truth_.apply(made);
    if (status.has_value() != right.has_value() || (!status && status.error().code != right.error().code))
      return failed(to_text(made) + (status ? " was taken" : " was refused (" + status.error().message + ")") +
                    "; the memory store says " + (right ? "fine" : right.error().message));
    ++(status ? outcome_.changes : outcome_.refused);
    if (random_.chance(55)) {
      while (store_->lend_thread()) {}
    }
  }

  // Does nothing to a store that has not failed.
  void recover() {
    if (files_.crashed()) return;
    Status status = store_->recover();
    for (int attempt = 0; !status && !files_.crashed(); ++attempt) {
      if (attempt == k_openings_with_faults) faulty_ = false;
      if (attempt == k_openings_max || !is_trouble(status.error()))
        return failed("the store does not recover: " + status.error().message);
      status = store_->recover();
    }
    if (files_.crashed()) return;
    ++outcome_.recoveries;
    trace("recovered");
    find_state();
  }

  void read() {
    ++outcome_.reads;
    if (auto difference = compare_a_read(random_, *store_, truth_)) failed(*difference);
  }

  void put_blob() {
    const std::string content = "blob " + std::to_string(random_.below(5)) + std::string(random_.below(5) * 300, 'b');
    const std::string name = sha256_hex(content);
    BlobIs& is = blobs_[name];
    if (is == BlobIs::gone) is = BlobIs::unsure;
    const auto put = store_->put_blob(Bytes(content));
    trace("put blob " + name.substr(0, 8) + (put ? "" : ": " + put.error().message));
    if (put) {
      is = BlobIs::there;
      const auto got = store_->get_blob(name);
      if (*put != name || (got ? got->view() != content : !may_fail())) failed("a blob is not what was put");
    } else if (!may_fail() || !is_trouble(put.error())) {
      failed("a blob is refused: " + put.error().message);
    }
  }

  void erase_blob() {
    if (blobs_.empty()) return;
    const auto at = std::next(blobs_.begin(), random_.below(blobs_.size()));
    const BlobIs was = std::exchange(at->second, BlobIs::unsure);
    const Status erased = store_->erase_blob(at->first);
    trace("erase blob " + at->first.substr(0, 8) + (erased ? "" : ": " + erased.error().message));
    if (erased) at->second = BlobIs::gone;
    else if (erased.error().code == ErrorCode::not_found && was != BlobIs::there) at->second = was;
    else if (!may_fail() || !is_trouble(erased.error())) failed("a blob can't be erased: " + erased.error().message);
  }

  void back_up() {
    backup_ = "/backup-" + std::to_string(++backups_);
    const Status status = store_->backup(backup_);
    trace("backup" + (status ? std::string() : ": " + status.error().message));
    if (!status) {
      backup_.clear();
      if (!may_fail() || !is_trouble(status.error())) return failed("no backup: " + status.error().message);
      return recover();
    }
    backup_state_ = truth_.state(truth_.size());
    const std::string nowhere;
    const auto disk = files_.after_power_loss({"between calls", nowhere}, random_.next());
    check_backup(*disk, 0);
    backup_.clear();
  }

  void check_whole() {
    const auto report = store_->verify();
    if (!report) {
      if (!may_fail() || !is_trouble(report.error())) return failed("verify: " + report.error().message);
      return recover();
    }
    trace("verified");
    if (!report->damage.empty() && !may_fail()) return failed("verify: " + report->damage.front().message);
    const auto shown = storage::show(*store_, k_tenants);
    if (!shown || state_of(*shown) != truth_.state(truth_.size()))
      return failed("after verify the store shows\n" + (shown ? *shown : shown.error().message));
  }

  // ---- crash points

  void look_at(const DiskCall& call) {
    for (std::uint32_t variant = 0; variant < k_variants && !outcome_.failure; ++variant) {
      const std::uint64_t point = ++outcome_.points;
      if (options_.only_point && *options_.only_point != point) continue;
      const auto disk = files_.after_power_loss(call, checksum64("point", options_.seed ^ (point << 24)));
      if (options_.trace && options_.only_point)
        trace("power loss at " + std::string(call.name) + " " + call.path + ", point " + std::to_string(point));
      check_disk(*disk, point);
    }
  }

  void check_disk(FaultyFileSystem& disk, std::uint64_t point) {
    auto store = open(disk, k_directory);
    ++outcome_.openings;
    if (!store) return failed("the store does not open: " + store.error().message, point);
    const auto shown = storage::show(**store, k_tenants);
    if (!shown) return failed("the store can't be read: " + shown.error().message, point);
    if (!is_allowed(state_of(*shown)))
      return failed("after " + std::to_string(acknowledged_) + " acknowledged and " +
                        std::to_string(truth_.size() - acknowledged_) + " other changes the store shows\n" + *shown,
                    point);
    if ((*store)->epoch() <= epoch_) return failed("the epoch did not rise", point);
    check_blobs(**store, point);
    if (point % 4 == 0) go_on(disk, *store, *shown, point);
    if (outcome_.failure) return;
    const auto report = (*store)->verify();
    if (!report) return failed("verify: " + report.error().message, point);
    if (!report->damage.empty()) return failed("verify: " + report->damage.front().message, point);
    if (point % 16 == 0) {
      const auto again = storage::show(**store, k_tenants);
      if (!again || *again != *shown) return failed("after verify the store shows something else", point);
    }
    disk.stop();
    store->reset();
    disk.resume();
    check_backup(disk, point);
  }

  // It is written to, and the power is lost once more.
  void go_on(FaultyFileSystem& disk, std::unique_ptr<Store>& store, const std::string& shown, std::uint64_t point) {
    Commit commit;
    commit.epoch = store->epoch();
    commit.keys.push_back({"later", Bytes::copy("written")});
    if (const Status status = storage::commit_and_wait(*store, std::move(commit)); !status)
      return failed("after the power loss a commit fails: " + status.error().message, point);
    disk.stop();
    store.reset();
    disk.restart();
    auto opened = open(disk, k_directory);
    ++outcome_.openings;
    if (!opened) return failed("after a second power loss the store does not open: " + opened.error().message, point);
    store = std::move(*opened);
    const auto again = storage::show(*store, k_tenants);
    const auto later = store->get("later");
    if (!again || *again != shown || !later || !*later)
      failed("after a second power loss the store shows\n" + (again ? *again : again.error().message) +
                 "-- instead of\n" + shown,
             point);
  }

  void check_blobs(Store& store, std::uint64_t point) {
    const auto names = store.scan_blobs("", 1000);
    if (!names) return failed("blobs can't be listed: " + names.error().message, point);
    for (const auto& [name, is] : blobs_) {
      const bool there = std::binary_search(names->begin(), names->end(), name);
      if ((is == BlobIs::there && !there) || (is == BlobIs::gone && there))
        return failed("blob " + name + (there ? " is there and was erased" : " is gone"), point);
    }
  }

  // A backup that has its last file is whole.
  void check_backup(FaultyFileSystem& disk, std::uint64_t point) {
    if (backup_.empty()) return;
    const auto there = disk.exists(backup_ + "/FORMAT");
    if (!there || !*there) {
      if (point == 0) failed("a backup that was acknowledged is gone");
      return;
    }
    const auto store = open(disk, backup_);
    ++outcome_.openings;
    if (!store) return failed("a backup does not open: " + store.error().message, point);
    const auto shown = storage::show(**store, k_tenants);
    if (!shown || (point == 0 ? state_of(*shown) != backup_state_ : !is_allowed(state_of(*shown))))
      return failed("a backup shows\n" + (shown ? *shown : shown.error().message), point);
    check_blobs(**store, point);
    const auto report = (*store)->verify();
    if (!report || !report->damage.empty()) failed("a backup does not verify", point);
  }

  const LifeOptions options_;
  Random random_, disk_random_;
  FaultyFileSystem files_;
  storage::EmbeddedOptions store_options_;
  std::unique_ptr<Store> store_;
  Outcome outcome_;

  bool faulty_ = false;  // calls may fail in this life
  std::uint64_t crash_at_ = 0, full_from_ = 0, full_until_ = 0;
  std::uint32_t error_rate_ = 0;

  Truth truth_;
  std::size_t acknowledged_ = 0;  // of the truth's changes
  std::vector<Ghost> ghosts_;
  std::map<std::string, BlobIs> blobs_;
  std::uint64_t epoch_ = 0;
  std::string backup_;  // being made
  std::uint64_t backups_ = 0, backup_state_ = 0;
  // The change that is being given: what is told meanwhile is a refusal.
  std::size_t inside_ = 0;
};

}  // namespace

Outcome live(const LifeOptions& options) { return Life(options).live(); }

}  // namespace perdure::store_faults
