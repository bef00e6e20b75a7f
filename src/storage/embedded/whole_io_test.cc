#include "storage/embedded/whole_io.h"

#include <gtest/gtest.h>
#include <sys/types.h>

#include <algorithm>
#include <cstring>
#include <random>

namespace perdure::storage {
namespace {

// A file whose calls do a part at a time, some are interrupted, and that fails for good once `broken_at` is reached.
struct ShortFile {
  std::string content;
  std::size_t broken_at = SIZE_MAX;
  int error = 0;
  mutable std::mt19937 random{7};

  std::size_t part(std::size_t size) const { return 1 + random() % std::min<std::size_t>(size, 700); }
  bool is_interrupted() const {
    if (random() % 4 != 0) return false;
    errno = EINTR;
    return true;
  }
  ssize_t write(const char* data, std::size_t size, std::uint64_t offset) {
    if (is_interrupted()) return -1;
    const std::size_t n = std::min(part(size), broken_at - std::min<std::size_t>(broken_at, offset));
    if (n == 0) {
      errno = error;
      return error == 0 ? 0 : -1;
    }
    content.replace(offset, n, data, n);
    return static_cast<ssize_t>(n);
  }
  ssize_t read(char* data, std::size_t size, std::uint64_t offset) const {
    if (is_interrupted()) return -1;
    if (offset >= broken_at) {
      errno = EIO;
      return -1;
    }
    const std::size_t left = content.size() - std::min<std::size_t>(content.size(), offset);
    const std::size_t n = std::min(part(size), left);
    std::memcpy(data, content.data() + offset, n);
    return static_cast<ssize_t>(n);
  }
};

std::string pattern(std::size_t size) {
  std::string text(size, '\0');
  for (std::size_t i = 0; i < size; ++i) text[i] = static_cast<char>(i * 31 + i / 251);
  return text;
}
int write_to(ShortFile& file, std::string_view bytes, std::uint64_t offset) {
  return write_whole(bytes, offset, [&](auto... call) { return file.write(call...); });
}
int read_from(const ShortFile& file, std::string& bytes, std::uint64_t offset) {
  return read_whole(bytes, offset, [&](auto... call) { return file.read(call...); });
}

TEST(WholeIo, ShortAndInterruptedCallsMakeAWholeOne) {
  const std::string text = pattern(20'000);
  ShortFile file{std::string(24'096, '.')};
  EXPECT_EQ(write_to(file, text, 4'096), 0);
  EXPECT_EQ(file.content, std::string(4'096, '.') + text);
  std::string got(20'000, '\0');
  EXPECT_EQ(read_from(file, got, 4'096), 0);
  EXPECT_EQ(got, text);
}

TEST(WholeIo, AReadPastTheEndIsAsLongAsWhatIsThere) {
  ShortFile file{pattern(5'000)};
  std::string got(9'000, '\0');
  EXPECT_EQ(read_from(file, got, 1'000), 0);
  EXPECT_EQ(got, pattern(5'000).substr(1'000));
}

TEST(WholeIo, WhatFailsInTheMiddleFails) {
  ShortFile full{std::string(9'000, '.'), 3'000, ENOSPC};
  EXPECT_EQ(write_to(full, pattern(9'000), 0), ENOSPC);
  ShortFile stuck{std::string(9'000, '.'), 3'000, 0};
  EXPECT_EQ(write_to(stuck, pattern(9'000), 0), EIO);
  std::string got(9'000, '\0');
  EXPECT_EQ(read_from(full, got, 0), EIO);
}

}  // namespace
}  // namespace perdure::storage
