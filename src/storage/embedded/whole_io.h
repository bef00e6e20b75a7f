#pragma once
// Reads and writes that go on where the system ended them short or interrupted them.
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace perdure::storage {

// `write(data, size, offset)` is as pwrite. Returns 0 once all is written, else the error that ended it.
template <class Write>
int write_whole(std::string_view bytes, std::uint64_t offset, const Write& write) {
  while (!bytes.empty()) {
    const auto n = write(bytes.data(), bytes.size(), offset);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return n == 0 ? EIO : errno;  // nothing written and no reason: asking again could go on for ever
    bytes.remove_prefix(static_cast<std::size_t>(n));
    offset += static_cast<std::uint64_t>(n);
  }
  return 0;
}

// `read(data, size, offset)` is as pread. Fills `bytes`, which becomes shorter where the file ends. Returns 0, or the
// error that ended it.
template <class Read>
int read_whole(std::string& bytes, std::uint64_t offset, const Read& read) {
  std::size_t got = 0;
  while (got < bytes.size()) {
    const auto n = read(bytes.data() + got, bytes.size() - got, offset + got);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return errno;
    if (n == 0) break;
    got += static_cast<std::size_t>(n);
  }
  bytes.resize(got);
  return 0;
}

}  // namespace perdure::storage
