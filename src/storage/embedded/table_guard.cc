#include "storage/embedded/table_guard.h"

#include <optional>
#include <string_view>
#include <utility>

#include "base/bytes.h"
#include "base/hash.h"

namespace perdure::storage {
namespace {

// The footer: checksum type (1), where the index of meta blocks and the index stand (40), format version (4), magic (8).
constexpr std::size_t k_footer_bytes = 53, k_handles_bytes = 40;
constexpr std::uint64_t k_magic = 0x88e241b785f4cff7;
constexpr std::uint8_t k_xxh3 = 4;
// After each block: how it is compressed (1), its checksum (4).
constexpr std::size_t k_trailer_bytes = 5;
constexpr std::uint64_t k_meta_block_bytes_max = std::uint64_t{16} << 20;
constexpr std::string_view k_properties = "rocksdb.properties";

struct Handle {
  std::uint64_t offset = 0, size = 0;
};

std::optional<Handle> take_handle(Reader& in) {
  Handle handle;
  handle.offset = in.varint();
  handle.size = in.varint();
  if (!in.ok()) return std::nullopt;
  return handle;
}

std::optional<Handle> meta_index_of(std::string_view footer) {
  if (footer.size() != k_footer_bytes || Reader(footer.substr(k_footer_bytes - 8)).fixed64() != k_magic ||
      static_cast<std::uint8_t>(footer[0]) != k_xxh3)
    return std::nullopt;
  Reader in(footer.substr(1, k_handles_bytes));
  return take_handle(in);
}

// The lower half of XXH3, changed by the byte that says how the block is compressed.
bool holds(std::string_view block) {
  constexpr std::uint32_t k_per_last_byte = 0x6b9083d9;
  const std::string_view content = block.substr(0, block.size() - k_trailer_bytes);
  const auto compression = static_cast<std::uint8_t>(block[content.size()]);
  const std::uint32_t stored = Reader(block.substr(content.size() + 1)).fixed32();
  return stored == (static_cast<std::uint32_t>(checksum64(content)) ^ compression * k_per_last_byte);
}

// A block and its trailer; none where the file is too short for it.
Result<std::optional<std::string>> read_block(const ReadAt& read, const Handle& handle, std::uint64_t file_bytes) {
  if (handle.size > k_meta_block_bytes_max || handle.offset > file_bytes) return std::optional<std::string>();
  PERDURE_TRY(block, read(handle.offset, static_cast<std::size_t>(handle.size) + k_trailer_bytes));
  if (block.size() != handle.size + k_trailer_bytes) return std::optional<std::string>();
  return std::optional(std::move(block));
}

// Entries of a key, of which the beginning may be that of the key before, and a value: the place of the block.
std::optional<Handle> find_properties(std::string_view block) {
  std::string_view left = block.substr(0, block.size() - k_trailer_bytes);
  std::string key;
  while (!left.empty()) {
    Reader in(left);
    const std::uint64_t shared = in.varint(), own = in.varint(), value_bytes = in.varint();
    left.remove_prefix(in.offset());
    if (!in.ok() || shared > key.size() || own > left.size() || value_bytes > left.size() - own) return std::nullopt;
    key.resize(static_cast<std::size_t>(shared));
    key.append(left.substr(0, static_cast<std::size_t>(own)));
    Reader value(left.substr(static_cast<std::size_t>(own), static_cast<std::size_t>(value_bytes)));
    if (key == k_properties) return take_handle(value);
    left.remove_prefix(static_cast<std::size_t>(own + value_bytes));
  }
  return std::nullopt;
}

class GuardedFileSystem final : public rocksdb::FileSystemWrapper {
 public:
  using FileSystemWrapper::FileSystemWrapper;
  const char* Name() const override { return "perdure guarded"; }
  rocksdb::IOStatus NewRandomAccessFile(const std::string& path, const rocksdb::FileOptions& options,
                                        std::unique_ptr<rocksdb::FSRandomAccessFile>* opened,
                                        rocksdb::IODebugContext* debug) override {
    rocksdb::IOStatus status = FileSystemWrapper::NewRandomAccessFile(path, options, opened, debug);
    if (!status.ok() || !path.ends_with(".sst")) return status;
    std::uint64_t bytes = 0;
    status = GetFileSize(path, options.io_options, &bytes, debug);
    if (!status.ok()) return status;
    const ReadAt read = [&](std::uint64_t offset, std::size_t size) -> Result<std::string> {
      std::string out(size, '\0');
      rocksdb::Slice got;
      status = (*opened)->Read(offset, size, options.io_options, &got, out.data(), debug);
      if (!status.ok()) return fail(ErrorCode::io, status.ToString());
      return std::string(got.data(), got.size());
    };
    const Status held = check_table_properties(read, bytes);
    if (held) return rocksdb::IOStatus::OK();
    opened->reset();
    return status.ok() ? rocksdb::IOStatus::Corruption(path, held.error().message) : status;
  }
};

}  // namespace

Status check_table_properties(const ReadAt& read, std::uint64_t file_bytes) {
  if (file_bytes < k_footer_bytes) return {};
  PERDURE_TRY(footer, read(file_bytes - k_footer_bytes, k_footer_bytes));
  const auto index = meta_index_of(footer);
  if (!index) return {};
  PERDURE_TRY(entries, read_block(read, *index, file_bytes));
  if (!entries || !holds(*entries)) return {};
  const auto properties = find_properties(*entries);
  if (!properties) return {};
  PERDURE_TRY(block, read_block(read, *properties, file_bytes));
  if (!block || holds(*block)) return {};
  return fail(ErrorCode::corrupt, "byte " + std::to_string(properties->offset) +
                                      ": the properties of the table do not match their checksum");
}

std::shared_ptr<rocksdb::FileSystem> guarded_file_system() {
  return std::make_shared<GuardedFileSystem>(rocksdb::FileSystem::Default());
}

}  // namespace perdure::storage
