#include "storage/embedded/mirror_tables.h"

#include <array>
#include <map>
#include <mutex>

#include "base/bytes.h"
#include "base/hash.h"

namespace perdure::storage {
namespace {

using Rows = std::map<std::string, std::string, std::less<>>;
using Content = std::array<Rows, 2>;

std::string encode(const Content& content) {
  Writer out;
  for (const Rows& rows : content) {
    out.varint(rows.size());
    for (const auto& [key, value] : rows) {
      out.string(key);
      out.string(value);
    }
  }
  const std::uint64_t checksum = checksum64(out.view());
  out.fixed64(checksum);
  return out.take();
}

Result<Content> decode(std::string_view bytes, const std::string& path) {
  if (bytes.size() < 8) return fail(ErrorCode::corrupt, path + ": byte 0: too short");
  const std::string_view body = bytes.substr(0, bytes.size() - 8);
  if (Reader(bytes.substr(body.size())).fixed64() != checksum64(body))
    return fail(ErrorCode::corrupt, path + ": byte 0: the content does not match its checksum");
  Content content;
  Reader in(body);
  for (Rows& rows : content) {
    for (std::uint64_t n = in.count(2); n > 0 && in.ok(); --n) {
      std::string key(in.string());
      rows.emplace_hint(rows.end(), std::move(key), std::string(in.string()));
    }
  }
  PERDURE_TRY_VOID(in.finish(path));
  return content;
}

class Changes final : public LaneWriter {
 public:
  explicit Changes(Content& content) : content_(content) {}
  Status put(Lane lane, std::string_view key, std::string_view value) override {
    PERDURE_TRY_VOID(check_order(lane, key));
    content_[static_cast<std::size_t>(space_of(lane))][std::string(key)] = std::string(value);
    return {};
  }
  Status erase(Lane lane, std::string_view key) override {
    PERDURE_TRY_VOID(check_order(lane, key));
    content_[static_cast<std::size_t>(space_of(lane))].erase(std::string(key));
    return {};
  }

 private:
  Status check_order(Lane lane, std::string_view key) {
    std::string& last = last_[static_cast<std::size_t>(lane)];
    if (!last.empty() && key <= last) return fail(ErrorCode::internal, "tables: keys of a lane do not rise");
    last = key;
    return {};
  }
  Content& content_;
  std::array<std::string, k_lanes> last_;
};

class MirrorCursor final : public TableCursor {
 public:
  MirrorCursor(std::shared_ptr<const Content> content, const Rows& rows, Rows::const_iterator at)
      : content_(std::move(content)), end_(rows.end()), at_(at) {}
  bool valid() const override { return at_ != end_; }
  void next() override { ++at_; }
  std::string_view key() const override { return at_->first; }
  std::string_view value() const override { return at_->second; }
  Status status() const override { return {}; }

 private:
  std::shared_ptr<const Content> content_;  // keeps the rows alive while apply() goes on
  Rows::const_iterator end_, at_;
};

class MirrorTables final : public Tables {
 public:
  MirrorTables(FileSystem& files, std::string directory, Content content)
      : files_(files),
        directory_(std::move(directory)),
        content_(std::make_shared<const Content>(std::move(content))) {}

  Result<std::optional<std::string>> get(Space space, std::string_view key) const override {
    const auto content = now();
    const Rows& rows = (*content)[static_cast<std::size_t>(space)];
    const auto found = rows.find(key);
    if (found == rows.end()) return std::optional<std::string>();
    return std::optional<std::string>(found->second);
  }

  std::unique_ptr<TableCursor> seek(Space space, std::string_view from, bool at_or_before) const override {
    auto content = now();
    const Rows& rows = (*content)[static_cast<std::size_t>(space)];
    auto at = rows.lower_bound(from);
    if (at_or_before && (at == rows.end() || at->first != from)) at = at == rows.begin() ? rows.end() : std::prev(at);
    return std::make_unique<MirrorCursor>(std::move(content), rows, at);
  }

  Status apply(const ApplyHint&, const std::function<Status(LaneWriter&)>& write) override {
    auto next = std::make_shared<Content>(*now());
    Changes changes(*next);
    PERDURE_TRY_VOID(write(changes));
    PERDURE_TRY_VOID(replace_file(files_, directory_, "mirror", encode(*next)));
    const std::lock_guard lock(mutex_);
    content_ = std::move(next);
    return {};
  }

  Status copy_to(const std::string& directory) override {
    PERDURE_TRY_VOID(files_.make_directory(directory));
    return replace_file(files_, directory, "mirror", encode(*now()));
  }

  Status verify() override {
    PERDURE_TRY(there, files_.exists(path()));
    if (!there) return {};
    PERDURE_TRY(bytes, files_.read(path()));
    auto content = decode(bytes, path());
    if (!content) return tl::unexpected<Error>(std::move(content).error());
    return {};
  }

  std::uint64_t disk_bytes() const override { return files_.size(path()).value_or(0); }

 private:
  std::string path() const { return directory_ + "/mirror"; }
  std::shared_ptr<const Content> now() const {
    const std::lock_guard lock(mutex_);
    return content_;
  }
  FileSystem& files_;
  std::string directory_;
  mutable std::mutex mutex_;
  std::shared_ptr<const Content> content_;
};

}  // namespace

Result<std::unique_ptr<Tables>> open_mirror_tables(FileSystem& files, const std::string& directory) {
  PERDURE_TRY_VOID(files.make_directory(directory));
  PERDURE_TRY_VOID(files.sync_directory(directory));
  Content content;
  PERDURE_TRY(there, files.exists(directory + "/mirror"));
  if (there) {
    PERDURE_TRY(bytes, files.read(directory + "/mirror"));
    PERDURE_TRY(read, decode(bytes, directory + "/mirror"));
    content = std::move(read);
  }
  return std::make_unique<MirrorTables>(files, directory, std::move(content));
}

}  // namespace perdure::storage
