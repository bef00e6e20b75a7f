#include "storage/embedded/mirror_tables.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <map>
#include <mutex>
#include <vector>

#include "base/bytes.h"
#include "base/hash.h"

namespace perdure::storage {
namespace {

using Rows = std::map<std::string, std::string, std::less<>>;
using Content = std::array<Rows, 2>;

// A whole is written again once the changes after it are longer than it, and than this.
constexpr std::uint64_t k_changes_bytes = std::uint64_t{16} << 10;
constexpr std::string_view k_changes_prefix = "change-";

struct Change {
  Space space = Space::index;
  std::string key;
  std::optional<std::string> value;  // none: erased
};

void apply_change(Content& content, Change change) {
  Rows& rows = content[static_cast<std::size_t>(change.space)];
  if (change.value) rows.insert_or_assign(std::move(change.key), std::move(*change.value));
  else rows.erase(change.key);
}

std::string sealed(Writer out) {
  const std::uint64_t checksum = checksum64(out.view());
  out.fixed64(checksum);
  return out.take();
}

Result<std::string_view> unsealed(std::string_view bytes, const std::string& path) {
  if (bytes.size() < 8) return fail(ErrorCode::corrupt, path + ": byte 0: too short");
  const std::string_view body = bytes.substr(0, bytes.size() - 8);
  if (Reader(bytes.substr(body.size())).fixed64() != checksum64(body))
    return fail(ErrorCode::corrupt, path + ": byte 0: the content does not match its checksum");
  return body;
}

// The rows after the `number`th change.
std::string encode_whole(const Content& content, std::uint64_t number) {
  Writer out;
  out.varint(number);
  for (const Rows& rows : content) {
    out.varint(rows.size());
    for (const auto& [key, value] : rows) {
      out.string(key);
      out.string(value);
    }
  }
  return sealed(std::move(out));
}

struct Whole {
  Content content;
  std::uint64_t number = 0;
};
Result<Whole> decode_whole(std::string_view bytes, const std::string& path) {
  PERDURE_TRY(body, unsealed(bytes, path));
  Whole whole;
  Reader in(body);
  whole.number = in.varint();
  for (Rows& rows : whole.content) {
    for (std::uint64_t n = in.count(2); n > 0 && in.ok(); --n) {
      std::string key(in.string());
      rows.emplace_hint(rows.end(), std::move(key), std::string(in.string()));
    }
  }
  PERDURE_TRY_VOID(in.finish(path));
  return whole;
}

std::string encode_changes(const std::vector<Change>& changes) {
  Writer out;
  out.varint(changes.size());
  for (const Change& change : changes) {
    out.u8(static_cast<std::uint8_t>(static_cast<int>(change.space) * 2 + (change.value ? 1 : 0)));
    out.string(change.key);
    if (change.value) out.string(*change.value);
  }
  return sealed(std::move(out));
}

Result<std::vector<Change>> decode_changes(std::string_view bytes, const std::string& path) {
  PERDURE_TRY(body, unsealed(bytes, path));
  std::vector<Change> changes;
  Reader in(body);
  for (std::uint64_t n = in.count(2); n > 0 && in.ok(); --n) {
    const std::uint8_t kind = in.u8();
    if (kind > 3) return fail(ErrorCode::corrupt, path + ": a change of unknown kind");
    Change change{kind / 2 == 0 ? Space::index : Space::data, std::string(in.string()), std::nullopt};
    if (kind % 2 == 1) change.value = std::string(in.string());
    changes.push_back(std::move(change));
  }
  PERDURE_TRY_VOID(in.finish(path));
  return changes;
}

std::string change_name(std::uint64_t number) {
  std::string digits = std::to_string(number);
  return std::string(k_changes_prefix) + std::string(12 - digits.size(), '0') + digits;
}

// What the files of a directory say; what has no name any more, or a temporary one, says nothing.
struct Read {
  Whole whole;
  std::uint64_t whole_bytes = 0, changes_bytes = 0;
};
Result<Read> read_files(FileSystem& files, const std::string& directory) {
  Read read;
  PERDURE_TRY(there, files.exists(directory + "/mirror"));
  if (there) {
    PERDURE_TRY(bytes, files.read(directory + "/mirror"));
    read.whole_bytes = bytes.size();
    PERDURE_TRY(whole, decode_whole(bytes, directory + "/mirror"));
    read.whole = std::move(whole);
  }
  PERDURE_TRY(names, files.list(directory));
  for (const std::string& name : names) {  // sorted: in the order of their numbers
    if (!name.starts_with(k_changes_prefix) || name.ends_with(".new")) continue;
    if (name <= change_name(read.whole.number)) continue;
    if (name != change_name(read.whole.number + 1))
      return fail(ErrorCode::corrupt, directory + ": a change before " + name + " is missing");
    PERDURE_TRY(bytes, files.read(directory + "/" + name));
    read.changes_bytes += bytes.size();
    PERDURE_TRY(changes, decode_changes(bytes, directory + "/" + name));
    for (Change& change : changes) apply_change(read.whole.content, std::move(change));
    ++read.whole.number;
  }
  return read;
}

class Changes final : public LaneWriter {
 public:
  Status put(Lane lane, std::string_view key, std::string_view value) override {
    return add(lane, key, std::string(value));
  }
  Status erase(Lane lane, std::string_view key) override { return add(lane, key, std::nullopt); }
  std::vector<Change> take() { return std::move(changes_); }

 private:
  Status add(Lane lane, std::string_view key, std::optional<std::string> value) {
    std::string& last = last_[static_cast<std::size_t>(lane)];
    if (!last.empty() && key <= last) return fail(ErrorCode::internal, "tables: keys of a lane do not rise");
    last = key;
    changes_.push_back({space_of(lane), std::string(key), std::move(value)});
    return {};
  }
  std::vector<Change> changes_;
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
  MirrorTables(FileSystem& files, std::string directory, Read read)
      : files_(files),
        directory_(std::move(directory)),
        content_(std::make_shared<Content>(std::move(read.whole.content))),
        number_(read.whole.number),
        whole_bytes_(read.whole_bytes),
        changes_bytes_(read.changes_bytes) {}

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
    Changes lanes;
    PERDURE_TRY_VOID(write(lanes));
    std::vector<Change> changes = lanes.take();
    const std::string bytes = encode_changes(changes);
    // A change whose writing failed may be there all the same; this one takes its name.
    PERDURE_TRY_VOID(replace_file(files_, directory_, change_name(number_ + 1), bytes));
    ++number_;
    changes_bytes_ += bytes.size();
    {
      const std::lock_guard lock(mutex_);
      if (content_.use_count() > 1) content_ = std::make_shared<Content>(*content_);  // a cursor looks at it
      for (Change& change : changes) apply_change(*content_, std::move(change));
    }
    if (changes_bytes_ > std::max(whole_bytes_.load(), k_changes_bytes)) static_cast<void>(write_whole());
    return {};
  }

  Status copy_to(const std::string& directory) override {
    PERDURE_TRY_VOID(files_.make_directory(directory));
    return replace_file(files_, directory, "mirror", encode_whole(*now(), 0));
  }

  Status verify() override {
    auto read = read_files(files_, directory_);
    if (!read) return tl::unexpected<Error>(std::move(read).error());
    return {};
  }

  std::uint64_t disk_bytes() const override { return whole_bytes_ + changes_bytes_; }

 private:
  std::shared_ptr<const Content> now() const {
    const std::lock_guard lock(mutex_);
    return content_;
  }
  // Tried again at the next change.
  Status write_whole() {
    const std::string bytes = encode_whole(*now(), number_);
    PERDURE_TRY_VOID(replace_file(files_, directory_, "mirror", bytes));
    whole_bytes_ = bytes.size();
    changes_bytes_ = 0;
    PERDURE_TRY(names, files_.list(directory_));
    for (const std::string& name : names)
      if (name.starts_with(k_changes_prefix)) PERDURE_TRY_VOID(files_.remove(directory_ + "/" + name));
    return {};
  }

  FileSystem& files_;
  std::string directory_;
  mutable std::mutex mutex_;
  std::shared_ptr<Content> content_;  // changed in place while no cursor looks at it
  std::uint64_t number_ = 0;          // of the last change
  std::atomic<std::uint64_t> whole_bytes_ = 0, changes_bytes_ = 0;
};

}  // namespace

Result<std::unique_ptr<Tables>> open_mirror_tables(FileSystem& files, const std::string& directory) {
  // Names that can be seen may not be durable: whoever made them may have failed right then.
  PERDURE_TRY_VOID(files.sync_directory(directory));
  PERDURE_TRY(read, read_files(files, directory));
  return std::make_unique<MirrorTables>(files, directory, std::move(read));
}

}  // namespace perdure::storage
