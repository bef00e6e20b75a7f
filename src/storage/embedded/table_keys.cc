#include "storage/embedded/table_keys.h"

namespace perdure::storage {
namespace {

void append(std::string& out, std::uint64_t v) {
  for (int i = 56; i >= 0; i -= 8) out.push_back(static_cast<char>(v >> i));
}
void append(std::string& out, const RunKey& run) {
  out.append(run.tenant);
  out.push_back('\0');
  out.append(run.id);
}
std::string timed(char space, std::uint64_t time, const RunKey& run) {
  std::string key;
  key.reserve(26 + run.tenant.size() + run.id.size());
  key.push_back(space);
  append(key, time);
  append(key, run);
  return key;
}
// Times before 1970 sort before those after.
std::uint64_t ordered(TimeMs at) { return static_cast<std::uint64_t>(at) ^ (std::uint64_t{1} << 63); }
TimeMs unordered(std::uint64_t at) { return static_cast<TimeMs>(at ^ (std::uint64_t{1} << 63)); }

std::optional<RunKey> split_run(std::string_view text) {
  const auto zero = text.find('\0');
  if (zero == std::string_view::npos) return std::nullopt;
  return RunKey{std::string(text.substr(0, zero)), std::string(text.substr(zero + 1))};
}

}  // namespace

std::string big_endian(std::uint64_t v) {
  std::string out;
  append(out, v);
  return out;
}
std::uint64_t from_big_endian(std::string_view bytes) {
  std::uint64_t v = 0;
  for (std::size_t i = 0; i < 8; ++i) v = v << 8 | static_cast<unsigned char>(bytes[i]);
  return v;
}

std::string head_key(const RunKey& run) {
  std::string key(1, 'x');
  append(key, run);
  return key;
}
std::string wake_key(TimeMs at, const RunKey& run) { return timed('w', ordered(at), run); }
std::string shared_key(std::string_view key) { return "k" + std::string(key); }
std::string chunk_prefix(Series series, TimeMs started_at, const RunKey& run) {
  std::string key = timed(static_cast<char>(series), ordered(started_at), run);
  key.push_back('\0');
  return key;
}
std::string chunk_key(Series series, TimeMs started_at, const RunKey& run, std::uint64_t first_seq) {
  std::string key = chunk_prefix(series, started_at, run);
  append(key, first_seq);
  return key;
}
std::string row_prefix(std::string_view tenant) {
  std::string key(1, 'i');
  key.append(tenant);
  key.push_back('\0');
  return key;
}
std::string row_key(TimeMs started_at, const RunKey& run) {
  std::string key = row_prefix(run.tenant);
  append(key, ~ordered(started_at));
  key.append(run.id);
  return key;
}
std::string snapshot_key(TimeMs started_at, const RunKey& run) { return timed('s', ordered(started_at), run); }

std::optional<RunKey> parse_head_key(std::string_view key) {
  if (key.empty() || key[0] != 'x') return std::nullopt;
  return split_run(key.substr(1));
}
std::optional<WakeKey> parse_wake_key(std::string_view key) {
  if (key.size() < 9 || key[0] != 'w') return std::nullopt;
  auto run = split_run(key.substr(9));
  if (!run) return std::nullopt;
  return WakeKey{unordered(from_big_endian(key.substr(1))), std::move(*run)};
}
std::optional<WakeKey> parse_row_key(std::string_view key) {
  const auto zero = key.find('\0');
  if (key.empty() || key[0] != 'i' || zero == std::string_view::npos || key.size() < zero + 9) return std::nullopt;
  return WakeKey{unordered(~from_big_endian(key.substr(zero + 1))),
                 {std::string(key.substr(1, zero - 1)), std::string(key.substr(zero + 9))}};
}
std::optional<ChunkKey> parse_chunk_key(std::string_view key) {
  if (key.size() < 19 || (key[0] != 'd' && key[0] != 'e') || key[key.size() - 9] != '\0') return std::nullopt;
  auto run = split_run(key.substr(9, key.size() - 18));
  if (!run) return std::nullopt;
  return ChunkKey{unordered(from_big_endian(key.substr(1))), std::move(*run),
                  from_big_endian(key.substr(key.size() - 8))};
}

}  // namespace perdure::storage
