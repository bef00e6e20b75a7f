#include "storage/embedded/faulty_file_system.h"

#include <algorithm>

#include "base/check.h"

namespace perdure::storage {
namespace {

using Changes = DiskCall::Changes;

// Of "/store" it is "", which stands for the root and always exists.
std::string_view parent(std::string_view path) { return path.substr(0, path.rfind('/')); }
// Without the slash at the end of "/".
std::string_view normal(std::string_view directory) { return directory == "/" ? "" : directory; }

tl::unexpected<Error> missing(const std::string& path) { return fail(ErrorCode::not_found, path + ": no such file"); }

}  // namespace

class FaultyBlockFile final : public BlockFile {
 public:
  FaultyBlockFile(FaultyFileSystem& files, std::string path, FaultyFileSystem::Content content)
      : files_(files), path_(std::move(path)), content_(std::move(content)) {}
  Status write(std::uint64_t offset, std::string_view bytes) override {
    CHECK(offset % k_block_bytes == 0 && bytes.size() % k_block_bytes == 0 && offset + bytes.size() <= content_->size);
    CHECK(reinterpret_cast<std::uintptr_t>(bytes.data()) % k_block_bytes == 0);
    PERDURE_TRY_VOID(files_.enter({"write_blocks", path_, Changes::blocks, content_.get(), offset, bytes}));
    content_->write(offset, bytes);
    content_->lost.erase(content_->lost.lower_bound(offset), content_->lost.lower_bound(offset + bytes.size()));
    return {};
  }
  Result<std::string> read(std::uint64_t offset, std::size_t size) override {
    PERDURE_TRY_VOID(files_.enter({"read_blocks", path_}));
    return content_->read(offset, size);
  }
  std::uint64_t size() const override { return content_->size; }

 private:
  FaultyFileSystem& files_;
  std::string path_;
  FaultyFileSystem::Content content_;
};

class FaultyLock final : public FileLock {
 public:
  FaultyLock(FaultyFileSystem& files, std::string path) : files_(files), path_(std::move(path)) {}
  ~FaultyLock() override { files_.locked_.erase(path_); }

 private:
  FaultyFileSystem& files_;
  std::string path_;
};

std::string FaultyFileSystem::File::read(std::uint64_t offset, std::size_t length) const {
  if (offset >= size) return {};
  length = static_cast<std::size_t>(std::min<std::uint64_t>(length, size - offset));
  std::string out;
  out.reserve(length);
  if (offset < bytes.size()) out.append(bytes, static_cast<std::size_t>(offset), length);
  out.resize(length, '\0');
  return out;
}

void FaultyFileSystem::File::write(std::uint64_t offset, std::string_view content) {
  const std::size_t end = static_cast<std::size_t>(offset) + content.size();
  if (bytes.size() < end) bytes.resize(end, '\0');
  std::copy(content.begin(), content.end(), bytes.begin() + static_cast<std::ptrdiff_t>(offset));
}

FaultyFileSystem::Content FaultyFileSystem::whole_file(std::string_view content) {
  return std::make_shared<File>(File{std::string(content), content.size(), false, {}});
}

FaultyFileSystem::Content FaultyFileSystem::block_file(std::uint64_t size) {
  return std::make_shared<File>(File{{}, size, true, {}});
}

Status FaultyFileSystem::enter(const DiskCall& call) {
  if (crashed_) return fail(ErrorCode::io, call.path + ": the machine has stopped");
  ++calls_;
  if (observe_) observe_(call);
  switch (decide_ ? decide_(calls_) : DiskFault::none) {
    case DiskFault::none: return {};
    case DiskFault::no_space:
      // Only what takes space can lack it.
      if (call.changes == Changes::nothing) return {};
      return fail(ErrorCode::exhausted, call.path + ": no space left on device");
    case DiskFault::error:
      tear(call, static_cast<File*>(const_cast<void*>(call.blocks)));
      return fail(ErrorCode::io, call.path + ": input/output error");
    case DiskFault::crash:
      tear(call, static_cast<File*>(const_cast<void*>(call.blocks)));
      crashed_ = true;
      return fail(ErrorCode::io, call.path + ": the machine stopped");
  }
  return {};
}

Status FaultyFileSystem::enter_directory(const DiskCall& call) {
  PERDURE_TRY_VOID(enter(call));
  const std::string_view directory = parent(call.path);
  if (!directory.empty() && !directories_.contains(directory)) return missing(call.path);
  return {};
}

void FaultyFileSystem::tear(const DiskCall& call, File* blocks) {
  switch (call.changes) {
    case Changes::nothing: return;
    case Changes::blocks:
      if (blocks != nullptr) tear_blocks(*blocks, call.offset, call.bytes);
      return;
    case Changes::file:
      names_[call.path] = whole_file(call.bytes.substr(0, random_() % (call.bytes.size() + 1)));
      return;
    case Changes::directory:
      for (std::string_view at = call.path; !at.empty(); at = parent(at)) directories_.emplace(at);
      return;
    case Changes::size: names_[call.path] = block_file(random_() % (call.offset + 1)); return;
  }
}

void FaultyFileSystem::tear_blocks(File& file, std::uint64_t offset, std::string_view bytes) {
  const std::uint64_t shape = random_() % 3;  // none, a prefix, or any of the sectors
  const bool is_cached = random_() % 2 == 0;  // of those, some have reached the cache only
  const std::size_t sectors = bytes.size() / k_sector_bytes;
  const std::size_t prefix = random_() % (sectors + 1);
  for (std::size_t i = 0; i < sectors; ++i) {
    if (shape == 0 || (shape == 1 && i >= prefix) || (shape == 2 && random_() % 2 == 0)) continue;
    const std::uint64_t at = offset + i * k_sector_bytes;
    if (is_cached && random_() % 2 == 0) file.lost.try_emplace(at, file.read(at, k_sector_bytes));
    file.write(at, bytes.substr(i * k_sector_bytes, k_sector_bytes));
  }
}

void FaultyFileSystem::resume() {
  crashed_ = false;
  locked_.clear();
}

void FaultyFileSystem::restart() {
  resume();
  // Each directory and name that differs may or may not have reached the disk.
  std::erase_if(directories_,
                [&](const std::string& each) { return !synced_directories_.contains(each) && random_() % 2 == 0; });
  const auto is_gone = [&](std::string_view path) {
    for (auto at = parent(path); !at.empty(); at = parent(at)) {
      if (!directories_.contains(at)) return true;
    }
    return false;
  };
  std::erase_if(directories_, is_gone);
  std::set<std::string> all;
  for (const auto& [path, content] : names_) all.insert(path);
  for (const auto& [path, content] : synced_names_) all.insert(path);
  Names after;
  for (const std::string& path : all) {
    const auto is = names_.find(path), was = synced_names_.find(path);
    const bool differs = is == names_.end() || was == synced_names_.end() || is->second != was->second;
    const Names& source = !differs || random_() % 2 == 0 ? names_ : synced_names_;
    const auto found = source.find(path);
    if (found == source.end() || is_gone(path)) continue;
    after.insert(*found);
    File& file = *found->second;
    for (const auto& [offset, sector] : file.lost) file.write(offset, sector);
    file.lost.clear();
  }
  names_ = after;
  synced_names_ = std::move(after);
  synced_directories_ = directories_;
}

std::unique_ptr<FaultyFileSystem> FaultyFileSystem::after_power_loss(const DiskCall& call, std::uint64_t seed) const {
  auto other = std::make_unique<FaultyFileSystem>(seed);
  std::map<const File*, Content> copies;  // of what is overwritten in place; all else never changes and is shared
  const auto copy = [&](const Names& from, Names& to) {
    for (const auto& [path, content] : from) {
      Content own = content;
      if (content->is_blocks) {
        Content& made = copies[content.get()];
        if (!made) made = std::make_shared<File>(*content);
        own = made;
      }
      to.emplace_hint(to.end(), path, std::move(own));
    }
  };
  copy(names_, other->names_);
  copy(synced_names_, other->synced_names_);
  other->directories_ = directories_;
  other->synced_directories_ = synced_directories_;
  const auto blocks = copies.find(static_cast<const File*>(call.blocks));
  other->tear(call, blocks == copies.end() ? nullptr : blocks->second.get());
  other->restart();
  return other;
}

std::map<std::string, std::string> FaultyFileSystem::snapshot() const {
  std::map<std::string, std::string> files;
  for (const auto& [path, content] : names_) files[path] = content->whole();
  return files;
}

std::vector<std::pair<std::string, std::uint64_t>> FaultyFileSystem::written() const {
  std::vector<std::pair<std::string, std::uint64_t>> files;
  for (const auto& [path, content] : names_) files.emplace_back(path, content->bytes.size());
  return files;
}

std::string FaultyFileSystem::peek(const std::string& path, std::uint64_t offset) const {
  const auto found = names_.find(path);
  if (found == names_.end()) return {};
  return found->second->read(offset / k_sector_bytes * k_sector_bytes, k_sector_bytes);
}

void FaultyFileSystem::rot(const std::string& path, std::uint64_t offset, std::uint8_t bits) {
  File& file = *names_.at(path);
  CHECK(offset < file.bytes.size());
  char& byte = file.bytes[static_cast<std::size_t>(offset)];
  byte = static_cast<char>(static_cast<std::uint8_t>(byte) ^ bits);
}

void FaultyFileSystem::restore(const std::map<std::string, std::string>& files) {
  names_.clear();
  for (const auto& [path, content] : files) {
    names_[path] = std::make_shared<File>(File{content, content.size(), true, {}});
    for (auto at = parent(path); !at.empty(); at = parent(at)) directories_.emplace(at);
  }
  synced_names_ = names_;
  synced_directories_ = directories_;
  locked_.clear();
}

Status FaultyFileSystem::create_filled(const std::string& path, std::uint64_t size) {
  PERDURE_TRY_VOID(enter_directory({"create_filled", path, Changes::size, nullptr, size, {}}));
  names_[path] = block_file(size);
  return {};
}

Result<std::unique_ptr<BlockFile>> FaultyFileSystem::open_blocks(const std::string& path) {
  PERDURE_TRY_VOID(enter({"open_blocks", path}));
  const auto found = names_.find(path);
  if (found == names_.end()) return missing(path);
  return std::make_unique<FaultyBlockFile>(*this, path, found->second);
}

Status FaultyFileSystem::write(const std::string& path, std::string_view content) {
  PERDURE_TRY_VOID(enter_directory({"write", path, Changes::file, nullptr, 0, content}));
  names_[path] = whole_file(content);
  return {};
}

Result<std::string> FaultyFileSystem::read(const std::string& path) {
  PERDURE_TRY_VOID(enter({"read", path}));
  const auto found = names_.find(path);
  if (found == names_.end()) return missing(path);
  return found->second->whole();
}

Status FaultyFileSystem::rename(const std::string& from, const std::string& to) {
  PERDURE_TRY_VOID(enter({"rename", from}));
  const auto found = names_.find(from);
  if (found == names_.end()) return missing(from);
  names_[to] = found->second;
  names_.erase(from);
  return {};
}

Status FaultyFileSystem::remove(const std::string& path) {
  PERDURE_TRY_VOID(enter({"remove", path}));
  if (names_.erase(path) == 0) return missing(path);
  return {};
}

Result<bool> FaultyFileSystem::exists(const std::string& path) {
  PERDURE_TRY_VOID(enter({"exists", path}));
  return names_.contains(path) || directories_.contains(path);
}

Result<std::uint64_t> FaultyFileSystem::size(const std::string& path) {
  PERDURE_TRY_VOID(enter({"size", path}));
  const auto found = names_.find(path);
  if (found == names_.end()) return missing(path);
  return found->second->size;
}

Result<std::vector<std::string>> FaultyFileSystem::list(const std::string& directory) {
  PERDURE_TRY_VOID(enter({"list", directory}));
  if (!directories_.contains(directory)) return missing(directory);
  std::set<std::string> names;
  const auto add = [&](const std::string& path) {
    if (parent(path) == directory) names.insert(path.substr(directory.size() + 1));
  };
  for (const auto& [path, content] : names_) add(path);
  for (const std::string& path : directories_) add(path);
  return std::vector<std::string>(names.begin(), names.end());
}

Status FaultyFileSystem::make_directory(const std::string& path) {
  PERDURE_TRY_VOID(
      enter({"make_directory", path, directories_.contains(path) ? Changes::nothing : Changes::directory}));
  for (std::string_view at = path; !at.empty(); at = parent(at)) {
    directories_.emplace(at);
    synced_directories_.emplace(at);
  }
  return {};
}

Status FaultyFileSystem::sync_directory(const std::string& path) {
  PERDURE_TRY_VOID(enter({"sync_directory", path}));
  const std::string_view directory = normal(path);
  if (!directory.empty() && !directories_.contains(directory)) return missing(path);
  const std::string inside = std::string(directory) + "/";
  const auto is_entry = [&](std::string_view each) { return parent(each) == directory; };
  // Both are in order, and mostly the same: what has not changed is only passed by.
  auto was = synced_names_.lower_bound(inside);
  for (auto is = names_.lower_bound(inside);; ++is) {
    const bool over = is == names_.end() || !is->first.starts_with(inside);
    if (!over && !is_entry(is->first)) continue;
    while (was != synced_names_.end() && was->first.starts_with(inside) && (over || was->first < is->first))
      was = is_entry(was->first) ? synced_names_.erase(was) : std::next(was);
    if (over) break;
    if (was == synced_names_.end() || was->first != is->first) was = synced_names_.emplace_hint(was, *is);
    else if (was->second != is->second) was->second = is->second;
    ++was;
  }
  for (auto each = directories_.lower_bound(inside); each != directories_.end() && each->starts_with(inside); ++each) {
    if (is_entry(*each)) synced_directories_.insert(*each);
  }
  return {};
}

Status FaultyFileSystem::copy(const std::string& from, const std::string& to) {
  const auto found = names_.find(from);
  const std::string content = found == names_.end() ? std::string() : found->second->whole();
  PERDURE_TRY_VOID(enter_directory({"copy", to, Changes::file, nullptr, 0, content}));
  if (found == names_.end()) return missing(from);
  names_[to] = whole_file(content);
  return {};
}

Result<std::unique_ptr<FileLock>> FaultyFileSystem::lock(const std::string& path, std::string_view holder) {
  PERDURE_TRY_VOID(enter_directory({"lock", path}));
  if (locked_.contains(path)) return fail(ErrorCode::conflict, names_.at(path)->whole());
  locked_.insert(path);
  names_[path] = whole_file(holder);
  return std::make_unique<FaultyLock>(*this, path);
}

}  // namespace perdure::storage
