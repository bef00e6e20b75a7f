#include "storage/embedded/store_files.h"

#include <charconv>

#include "base/hash.h"

namespace perdure::storage {
namespace {

constexpr std::string_view k_format_prefix = "perdure store, format ";
constexpr std::string_view k_state_prefix = "perdure state";

// The text, a space, and its checksum in hexadecimal.
std::string sealed(std::string text) {
  static constexpr char k_digits[] = "0123456789abcdef";
  const std::uint64_t checksum = checksum64(text);
  text.push_back(' ');
  for (int shift = 60; shift >= 0; shift -= 4) text.push_back(k_digits[(checksum >> shift) & 15]);
  text.push_back('\n');
  return text;
}

Result<std::string> unsealed(std::string text, const std::string& path) {
  constexpr std::size_t k_seal_bytes = 18;
  if (text.size() > k_seal_bytes) {
    std::string body = text.substr(0, text.size() - k_seal_bytes);
    if (sealed(body) == text) return body;
  }
  return fail(ErrorCode::corrupt, path + ": byte 0: the content does not match its checksum; restore it from a backup");
}

// The number after the word and a space.
std::uint64_t number_after(std::string_view text, std::string_view word) {
  std::uint64_t value = 0;
  const auto at = text.find(word);
  if (at == std::string_view::npos) return 0;
  text.remove_prefix(at + word.size());
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

}  // namespace

Result<std::unique_ptr<FileLock>> lock_store(FileSystem& files, const std::string& dir, const std::string& holder) {
  auto lock = files.lock(dir + "/LOCK", holder);
  if (!lock && lock.error().code == ErrorCode::conflict)
    return fail(ErrorCode::conflict, "store " + dir + " is held by " + lock.error().message +
                                         "; wait for it to end, or use another --store");
  return lock;
}

Status write_format(FileSystem& files, const std::string& dir) {
  return replace_file(files, dir, "FORMAT", sealed(std::string(k_format_prefix) + std::to_string(k_store_format)));
}

Status check_format(FileSystem& files, const std::string& dir, bool may_create) {
  const std::string path = dir + "/FORMAT";
  PERDURE_TRY(there, files.exists(path));
  if (!there) {
    // A new store gets its format first: what has other files and no format is a backup cut short, or damaged.
    PERDURE_TRY(has_state, files.exists(dir + "/STATE"));
    PERDURE_TRY(has_tables, files.exists(dir + "/tables"));
    if (has_state || has_tables)
      return fail(ErrorCode::corrupt, path + ": is missing; this is a backup that was cut short, or damaged");
    if (!may_create) return fail(ErrorCode::not_found, dir + ": is not a perdure store (no FORMAT file)");
    return write_format(files, dir);
  }
  // Whoever made it may have ended before its name was durable, and it must be there before anything else is.
  if (may_create) PERDURE_TRY_VOID(files.sync_directory(dir));
  PERDURE_TRY(text, files.read(path));
  PERDURE_TRY(body, unsealed(std::move(text), path));
  const std::uint64_t format = number_after(body, k_format_prefix);
  if (format == 0) return fail(ErrorCode::corrupt, path + ": byte 0: is not the format of a perdure store");
  if (format > k_store_format)
    return fail(ErrorCode::unsupported, "store " + dir + " has format " + std::to_string(format) +
                                            ", this program reads up to " + std::to_string(k_store_format) +
                                            "; use a newer perdure");
  return {};
}

Result<StoreState> read_state(FileSystem& files, const std::string& dir) {
  const std::string path = dir + "/STATE";
  PERDURE_TRY(there, files.exists(path));
  if (!there) return StoreState{};
  PERDURE_TRY(text, files.read(path));
  PERDURE_TRY(body, unsealed(std::move(text), path));
  if (!body.starts_with(k_state_prefix))
    return fail(ErrorCode::corrupt, path + ": byte 0: is not the state of a store");
  return StoreState{number_after(body, "epoch "), number_after(body, "applied ")};
}

Status write_state(FileSystem& files, const std::string& dir, const StoreState& state) {
  return replace_file(files, dir, "STATE",
                      sealed(std::string(k_state_prefix) + " epoch " + std::to_string(state.epoch) + " applied " +
                             std::to_string(state.applied)));
}

}  // namespace perdure::storage
