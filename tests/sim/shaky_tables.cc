#include "sim/shaky_tables.h"

#include <utility>

namespace perdure::sim {
namespace {

class FailedCursor final : public storage::TableCursor {
 public:
  explicit FailedCursor(Status status) : status_(std::move(status)) {}
  bool valid() const override { return false; }
  void next() override {}
  std::string_view key() const override { return {}; }
  std::string_view value() const override { return {}; }
  Status status() const override { return status_; }

 private:
  Status status_;
};

class ShakyTables final : public storage::Tables {
 public:
  ShakyTables(std::unique_ptr<storage::Tables> inner, std::function<Status()> reads)
      : inner_(std::move(inner)), reads_(std::move(reads)) {}

  Result<std::optional<std::string>> get(storage::Space space, std::string_view key) const override {
    PERDURE_TRY_VOID(reads_());
    return inner_->get(space, key);
  }
  std::unique_ptr<storage::TableCursor> seek(storage::Space space, std::string_view from,
                                             bool at_or_before) const override {
    if (Status status = reads_(); !status) return std::make_unique<FailedCursor>(std::move(status));
    return inner_->seek(space, from, at_or_before);
  }
  Status apply(const storage::ApplyHint& hint, const std::function<Status(storage::LaneWriter&)>& write) override {
    return inner_->apply(hint, write);
  }
  Status copy_to(const std::string& directory) override { return inner_->copy_to(directory); }
  Status verify() override { return inner_->verify(); }
  std::uint64_t disk_bytes() const override { return inner_->disk_bytes(); }

 private:
  std::unique_ptr<storage::Tables> inner_;
  std::function<Status()> reads_;
};

}  // namespace

std::unique_ptr<storage::Tables> shaky_tables(std::unique_ptr<storage::Tables> inner, std::function<Status()> reads) {
  return std::make_unique<ShakyTables>(std::move(inner), std::move(reads));
}

}  // namespace perdure::sim
