// RocksDB ends the process over some single bits of a table's properties; with the guard it says `corrupt`.
#include "storage/embedded/table_guard.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "storage/embedded/rocks_tables.h"
#include "storage/embedded/test_directory.h"

namespace perdure::storage {
namespace {

namespace fs = std::filesystem;

std::string content_of(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

void overwrite(const fs::path& path, const std::string& content) {
  std::ofstream(path, std::ios::binary | std::ios::trunc) << content;
}

// Tables with a few rows, and the table files they make.
Status fill(Tables& tables) {
  return tables.apply({}, [](LaneWriter& out) -> Status {
    PERDURE_TRY_VOID(out.put(Lane::index, "key", "a small row"));
    return out.put(Lane::fresh_rows, "row", std::string(300, 'x'));
  });
}

std::vector<fs::path> table_files(const std::string& directory) {
  std::vector<fs::path> files;
  for (const auto& entry : fs::directory_iterator(directory))
    if (entry.path().extension() == ".sst") files.push_back(entry.path());
  return files;
}

Status check(const std::string& content) {
  return check_table_properties(
      [&](std::uint64_t offset, std::size_t size) -> Result<std::string> {
        return offset < content.size() ? content.substr(static_cast<std::size_t>(offset), size) : std::string();
      },
      content.size());
}

// The bytes that the guard answers for, by asking it.
std::vector<std::size_t> guarded_bytes(std::string content) {
  std::vector<std::size_t> guarded;
  for (std::size_t at = 0; at < content.size(); ++at) {
    content[at] = static_cast<char>(content[at] ^ 0x80);
    if (!check(content)) guarded.push_back(at);
    content[at] = static_cast<char>(content[at] ^ 0x80);
  }
  return guarded;
}

TEST(TableGuard, a_changed_bit_in_the_properties_is_told_at_opening) {
  const TestDirectory directory;
  ASSERT_TRUE(fill(**open_rocks_tables(directory.path(), {})));
  const auto files = table_files(directory.path());
  ASSERT_EQ(files.size(), 2U);
  for (const fs::path& file : files) {
    const std::string good = content_of(file);
    EXPECT_TRUE(check(good));
    const auto guarded = guarded_bytes(good);
    // One block, with its trailer, and a good part of so small a file.
    ASSERT_GT(guarded.size(), 300U);
    EXPECT_EQ(guarded.back() - guarded.front() + 1, guarded.size());
    const std::size_t end = guarded.size() - 16;  // all of the last bytes: there RocksDB trusts too early
    for (std::size_t i = 0; i < guarded.size(); i = i < end ? std::min(i + 97, end) : i + 1) {
      std::string bad = good;
      bad[guarded[i]] = static_cast<char>(bad[guarded[i]] ^ 0x80);
      overwrite(file, bad);
      const auto opened = open_rocks_tables(directory.path(), {});
      ASSERT_FALSE(opened) << "byte " << guarded[i];
      EXPECT_EQ(opened.error().code, ErrorCode::corrupt) << opened.error().message;
    }
    overwrite(file, good);
  }
  EXPECT_TRUE(open_rocks_tables(directory.path(), {}));
}

TEST(TableGuard, verify_finds_what_changed_while_the_tables_are_open) {
  const TestDirectory directory;
  const auto tables = open_rocks_tables(directory.path(), {});
  ASSERT_TRUE(tables && fill(**tables));
  EXPECT_TRUE((*tables)->verify());
  const fs::path file = table_files(directory.path()).front();
  std::string content = content_of(file);
  const auto guarded = guarded_bytes(content);
  ASSERT_GT(guarded.size(), 6U);
  // The last byte of the block itself: how many restarts it has.
  std::string bad = content;
  bad[guarded[guarded.size() - 6]] = static_cast<char>(bad[guarded[guarded.size() - 6]] ^ 0x80);
  overwrite(file, bad);
  const Status found = (*tables)->verify();
  ASSERT_FALSE(found);
  EXPECT_EQ(found.error().code, ErrorCode::corrupt);
}

TEST(TableGuard, whatever_is_cut_off_or_garbled_is_left_to_rocksdb) {
  const TestDirectory directory;
  ASSERT_TRUE(fill(**open_rocks_tables(directory.path(), {})));
  const std::string good = content_of(table_files(directory.path()).front());
  for (std::size_t size = 0; size < good.size(); ++size) EXPECT_TRUE(check(good.substr(0, size))) << size;
  for (std::size_t size = 0; size < good.size(); size += 7) EXPECT_TRUE(check(good.substr(size))) << size;
}

}  // namespace
}  // namespace perdure::storage
