#include "storage/embedded/faulty_file_system.h"

#include <algorithm>

#include "base/check.h"

namespace perdure::storage {
namespace {

std::string parent(const std::string& path) { return path.substr(0, path.rfind('/')); }

tl::unexpected<Error> missing(const std::string& path) { return fail(ErrorCode::not_found, path + ": no such file"); }

}  // namespace

class FaultyBlockFile final : public BlockFile {
 public:
  FaultyBlockFile(FaultyFileSystem& files, std::string path, FaultyFileSystem::Content content)
      : files_(files), path_(std::move(path)), content_(std::move(content)) {}
  Status write(std::uint64_t offset, std::string_view bytes) override {
    CHECK(offset % k_block_bytes == 0 && bytes.size() % k_block_bytes == 0 && offset + bytes.size() <= content_->size);
    CHECK(reinterpret_cast<std::uintptr_t>(bytes.data()) % k_block_bytes == 0);
    const auto entered = files_.enter(path_, true);
    if (entered.is_torn) files_.tear(*content_, offset, bytes);
    PERDURE_TRY_VOID(entered.outcome);
    content_->write(offset, bytes);
    return {};
  }
  Result<std::string> read(std::uint64_t offset, std::size_t size) override {
    PERDURE_TRY_VOID(files_.enter_plain(path_));
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
  std::string out = offset < bytes.size() ? bytes.substr(static_cast<std::size_t>(offset), length) : std::string();
  out.resize(length, '\0');
  return out;
}

void FaultyFileSystem::File::write(std::uint64_t offset, std::string_view content) {
  const std::size_t end = static_cast<std::size_t>(offset) + content.size();
  if (bytes.size() < end) bytes.resize(end, '\0');
  std::copy(content.begin(), content.end(), bytes.begin() + static_cast<std::ptrdiff_t>(offset));
}

FaultyFileSystem::Content FaultyFileSystem::whole_file(std::string_view content) {
  return std::make_shared<File>(File{std::string(content), content.size()});
}

FaultyFileSystem::Entered FaultyFileSystem::enter(const std::string& path, bool writes) {
  if (crashed_) return {false, fail(ErrorCode::io, path + ": the machine has stopped")};
  ++calls_;
  const DiskFault fault = decide_ ? decide_(calls_) : DiskFault::none;
  switch (fault) {
    case DiskFault::none: return {};
    case DiskFault::no_space:
      // Only what takes space can lack it.
      if (!writes) return {};
      return {false, fail(ErrorCode::exhausted, path + ": no space left on device")};
    case DiskFault::error: return {writes, fail(ErrorCode::io, path + ": input/output error")};
    case DiskFault::crash: crashed_ = true; return {writes, fail(ErrorCode::io, path + ": the machine stopped")};
  }
  return {};
}

void FaultyFileSystem::tear(File& file, std::uint64_t offset, std::string_view bytes) {
  const std::uint64_t shape = random_() % 3;  // none, a prefix, or any of the sectors
  const std::size_t sectors = bytes.size() / k_sector_bytes;
  const std::size_t prefix = sectors == 0 ? 0 : random_() % (sectors + 1);
  for (std::size_t i = 0; i < sectors; ++i) {
    if (shape == 0 || (shape == 1 && i >= prefix) || (shape == 2 && random_() % 2 == 0)) continue;
    file.write(offset + i * k_sector_bytes, bytes.substr(i * k_sector_bytes, k_sector_bytes));
  }
}

void FaultyFileSystem::restart() {
  crashed_ = false;
  locked_.clear();
  // Each name that differs may or may not have reached the disk.
  std::set<std::string> all;
  for (const auto& [path, content] : names_) all.insert(path);
  for (const auto& [path, content] : synced_names_) all.insert(path);
  Names after;
  for (const std::string& path : all) {
    const Names& source = random_() % 2 == 0 ? names_ : synced_names_;
    const auto found = source.find(path);
    if (found != source.end()) after.insert(*found);
  }
  names_ = after;
  synced_names_ = std::move(after);
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

void FaultyFileSystem::rot(const std::string& path, std::uint64_t offset, std::uint8_t bits) {
  File& file = *names_.at(path);
  CHECK(offset < file.bytes.size());
  char& byte = file.bytes[static_cast<std::size_t>(offset)];
  byte = static_cast<char>(static_cast<std::uint8_t>(byte) ^ bits);
}

void FaultyFileSystem::restore(const std::map<std::string, std::string>& files) {
  names_.clear();
  for (const auto& [path, content] : files) {
    names_[path] = whole_file(content);
    for (std::string at = parent(path); !at.empty(); at = parent(at)) directories_.insert(at);
  }
  synced_names_ = names_;
  locked_.clear();
}

Status FaultyFileSystem::create_filled(const std::string& path, std::uint64_t size) {
  const Entered entered = enter(path, true);
  PERDURE_TRY_VOID(entered.outcome);
  names_[path] = std::make_shared<File>(File{{}, size});
  return {};
}

Result<std::unique_ptr<BlockFile>> FaultyFileSystem::open_blocks(const std::string& path) {
  PERDURE_TRY_VOID(enter_plain(path));
  const auto found = names_.find(path);
  if (found == names_.end()) return missing(path);
  return std::make_unique<FaultyBlockFile>(*this, path, found->second);
}

Status FaultyFileSystem::write(const std::string& path, std::string_view content) {
  const Entered entered = enter(path, true);
  if (entered.is_torn) names_[path] = whole_file(content.substr(0, random_() % (content.size() + 1)));
  PERDURE_TRY_VOID(entered.outcome);
  names_[path] = whole_file(content);
  return {};
}

Result<std::string> FaultyFileSystem::read(const std::string& path) {
  PERDURE_TRY_VOID(enter_plain(path));
  const auto found = names_.find(path);
  if (found == names_.end()) return missing(path);
  return found->second->whole();
}

Status FaultyFileSystem::rename(const std::string& from, const std::string& to) {
  PERDURE_TRY_VOID(enter_plain(from));
  const auto found = names_.find(from);
  if (found == names_.end()) return missing(from);
  names_[to] = found->second;
  names_.erase(from);
  return {};
}

Status FaultyFileSystem::remove(const std::string& path) {
  PERDURE_TRY_VOID(enter_plain(path));
  if (names_.erase(path) == 0) return missing(path);
  return {};
}

Result<bool> FaultyFileSystem::exists(const std::string& path) {
  PERDURE_TRY_VOID(enter_plain(path));
  return names_.contains(path) || directories_.contains(path);
}

Result<std::uint64_t> FaultyFileSystem::size(const std::string& path) {
  PERDURE_TRY_VOID(enter_plain(path));
  const auto found = names_.find(path);
  if (found == names_.end()) return missing(path);
  return found->second->size;
}

Result<std::vector<std::string>> FaultyFileSystem::list(const std::string& directory) {
  PERDURE_TRY_VOID(enter_plain(directory));
  if (!directories_.contains(directory)) return missing(directory);
  std::set<std::string> names;
  const auto add = [&](const std::string& path) {
    if (path.starts_with(directory + "/") && parent(path) == directory) names.insert(path.substr(directory.size() + 1));
  };
  for (const auto& [path, content] : names_) add(path);
  for (const std::string& path : directories_) add(path);
  return std::vector<std::string>(names.begin(), names.end());
}

Status FaultyFileSystem::make_directory(const std::string& path) {
  PERDURE_TRY_VOID(enter_plain(path));
  for (std::string at = path; !at.empty(); at = parent(at)) directories_.insert(at);
  return {};
}

Status FaultyFileSystem::sync_directory(const std::string& path) {
  PERDURE_TRY_VOID(enter_plain(path));
  std::erase_if(synced_names_, [&](const auto& each) { return parent(each.first) == path; });
  for (const auto& [name, content] : names_) {
    if (parent(name) == path) synced_names_[name] = content;
  }
  return {};
}

Status FaultyFileSystem::copy(const std::string& from, const std::string& to) {
  const Entered entered = enter(to, true);
  PERDURE_TRY_VOID(entered.outcome);
  const auto found = names_.find(from);
  if (found == names_.end()) return missing(from);
  names_[to] = std::make_shared<File>(*found->second);
  return {};
}

Result<std::unique_ptr<FileLock>> FaultyFileSystem::lock(const std::string& path, std::string_view holder) {
  PERDURE_TRY_VOID(enter_plain(path));
  if (locked_.contains(path)) return fail(ErrorCode::conflict, names_.at(path)->whole());
  locked_.insert(path);
  names_[path] = whole_file(holder);
  return std::make_unique<FaultyLock>(*this, path);
}

}  // namespace perdure::storage
