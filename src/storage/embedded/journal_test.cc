#include "storage/embedded/journal.h"

#include <gtest/gtest.h>

#include <cstring>
#include <filesystem>
#include <fstream>

#include "base/hash.h"
#include "storage/embedded/codec.h"
#include "storage/embedded/faulty_file_system.h"
#include "storage/embedded/posix_file_system.h"
#include "storage/embedded/store_files.h"
#include "storage/embedded/test_directory.h"

namespace perdure::storage {
namespace {

std::string hex(std::string_view bytes) {
  static constexpr char k_digits[] = "0123456789abcdef";
  std::string text;
  for (const char c : bytes) {
    text.push_back(k_digits[static_cast<unsigned char>(c) >> 4]);
    text.push_back(k_digits[static_cast<unsigned char>(c) & 15]);
  }
  return text;
}

std::string record_of(std::uint64_t ticket, std::uint64_t previous, const std::vector<std::string>& commits,
                      std::uint32_t stamp = 0x01020304) {
  std::string buffer(record_size_bytes(payload_size_bytes(commits)), '?');
  RecordToWrite record{5, ticket, previous, 0x1122334455667788, stamp, commits};
  const EncodedRecord encoded = encode_record(record, buffer);
  EXPECT_EQ(encoded.size_bytes, buffer.size());
  return buffer;
}

constexpr Expected k_expected{5, 0x1122334455667788, 7, std::uint64_t{9}};

// The bytes of the format: a change of any of these is a new version of it.
TEST(JournalFormat, GoldenBytes) {
  const std::string segment = encode_segment_header({5, 1 << 20, 0x1122334455667788});
  EXPECT_EQ(hex(segment.substr(0, 44)),
            "5052444a5345470a0100000005000000000000000000100000000000887766554433221111e3751b5b7ccc18");
  const std::string record = record_of(7, 9, {"first", "second"});
  EXPECT_EQ(record.size(), 4096U);
  EXPECT_EQ(hex(record.substr(0, 69)),
            "50444a520100000005000000000000000700000000000000020000000d0000000900000000000000"
            "9238197f26201dd032b8b31a98d887ca"
            "056669727374067365636f6e64");
  EXPECT_EQ(hex(record.substr(504, 8)), "0403020100000000");  // stamp and index of the first sector

  RunWrite write;
  write.run = {"default", "r1"};
  write.count = 2;
  write.batch = Bytes::copy("AB");
  write.snapshot = Bytes::copy("S");
  write.row = RunRow{"w", "1", "running", 100, 101, 0, false, "p", Bytes::copy("{}")};
  write.wake = 7;
  write.compact_over_events = 3;
  const KeyWrite keys[] = {{"k/1", Bytes::copy("v")}, {"k/2", std::nullopt}};
  const RunKey purged[] = {{"t", "r2"}};
  std::string commit;
  encode_commit(commit, {&write, 1}, keys, purged);
  EXPECT_EQ(hex(commit),
            "0101"
            "0764656661756c74"
            "027231"
            "1f"
            "01"
            "02"
            "024142"
            "0153"
            "0177"
            "0131"
            "0772756e6e696e67"
            "c801"
            "ca01"
            "00"
            "00"
            "0170"
            "027b7d"
            "0e"
            "03"
            "02"
            "036b2f31"
            "01"
            "0176"
            "036b2f32"
            "00"
            "01"
            "0174"
            "027232");
  EXPECT_EQ(hex(encode_head({9, 4, 2, 100, k_never, true})), "01090402c801feffffffffffffffff0101");
}

TEST(JournalFormat, ReadsBackWhatItWrote) {
  for (const std::size_t size : {0U, 1U, 447U, 448U, 449U, 503U, 504U, 505U, 4000U, 5000U, 100'000U}) {
    const std::vector<std::string> commits{std::string(size, 'x'), "second"};
    const RecordRead read = read_record(record_of(7, 9, commits), k_expected);
    ASSERT_EQ(read.outcome, RecordRead::Outcome::valid) << size << ": " << read.why;
    const auto parts = split_payload(read.payload, read.header.commits);
    ASSERT_TRUE(parts.has_value());
    EXPECT_EQ((*parts)[0], commits[0]);
    EXPECT_EQ((*parts)[1], commits[1]);
  }
}

TEST(JournalFormat, TellsTornFromDamaged) {
  using Outcome = RecordRead::Outcome;
  const std::vector<std::string> commits{std::string(3000, 'x')};
  const std::string whole = record_of(7, 9, commits);
  const std::string earlier = record_of(3, 2, {std::string(3000, 'y')}, 0x0a0b0c0d);
  // Any sector left as it was before, by an earlier record or by zeros: torn, or nothing when it is the first.
  for (std::size_t sector = 0; sector < 7; ++sector) {
    for (const std::string& before : {earlier, std::string(whole.size(), '\0')}) {
      std::string torn = whole;
      torn.replace(sector * k_sector_bytes, k_sector_bytes, before, sector * k_sector_bytes, k_sector_bytes);
      EXPECT_EQ(read_record(torn, k_expected).outcome, sector == 0 ? Outcome::nothing : Outcome::torn) << sector;
    }
  }
  // Any bit of the record changed later: damaged, unless only a trailer is hit.
  for (std::size_t at = 0; at < 7 * k_sector_bytes; ++at) {
    std::string flipped = whole;
    flipped[at] = static_cast<char>(flipped[at] ^ 0x10);
    const RecordRead read = read_record(flipped, k_expected);
    const bool in_content =
        at % k_sector_bytes < k_sector_content_bytes && at < 6 * k_sector_bytes + 34;  // 56 + 2 + 3000 bytes
    EXPECT_EQ(read.outcome, in_content ? Outcome::damaged : Outcome::valid) << at;
  }
}

TEST(JournalFormat, StaleRecordsAreNeverTaken) {
  using Outcome = RecordRead::Outcome;
  const std::string record = record_of(7, 9, {"x"});
  EXPECT_EQ(read_record(record, {6, 1, 7, {}}).outcome, Outcome::nothing);                   // earlier use
  EXPECT_EQ(read_record(record, {5, 0x1122334455667788, 8, {}}).outcome, Outcome::nothing);  // earlier commit
  EXPECT_EQ(read_record(record, {5, 0x1122334455667788, 6, {}}).outcome, Outcome::damaged);  // one is missing
  EXPECT_EQ(read_record(record, {5, 0x1122334455667788, 7, std::uint64_t{8}}).outcome,
            Outcome::damaged);  // other chain
  EXPECT_EQ(read_record(std::string(8192, '\0'), k_expected).outcome, Outcome::nothing);
}

TEST(JournalFormat, RefusesANewerVersion) {
  std::string block = encode_segment_header({1, 4096, 2});
  block[8] = 2;
  const std::uint64_t checksum = checksum64(std::string_view(block).substr(0, 36));
  std::memcpy(block.data() + 36, &checksum, 8);
  EXPECT_EQ(decode_segment_header(block).error().code, ErrorCode::unsupported);
}

struct Kept {
  std::vector<std::string> commits;
  OnCommit collect() {
    return [this](std::uint64_t, std::string_view commit) -> Status {
      commits.emplace_back(commit);
      return {};
    };
  }
};

TEST(Journal, RecyclesSegmentsAndGoesOnAfterEveryOpening) {
  FaultyFileSystem files(1);
  std::uint64_t ticket = 1;
  std::vector<std::string> tail;
  for (int opening = 0; opening < 12; ++opening) {
    JournalOptions options{32 << 10, 32 << 10, static_cast<std::uint32_t>(opening)};
    Kept kept;
    auto journal = Journal::open(files, "/journal", options, ticket - 1 - tail.size(), kept.collect());
    ASSERT_TRUE(journal.has_value()) << journal.error().message;
    ASSERT_EQ(kept.commits, tail) << "opening " << opening;
    tail.clear();
    for (int i = 0; i < 25; ++i) {
      const std::vector<std::string> commits{"commit " + std::to_string(ticket) + std::string(3000, 'z'), "small"};
      ASSERT_TRUE((*journal)->append(ticket, commits).has_value());
      ticket += 2;
      if (i % 5 == 0) {
        ASSERT_TRUE((*journal)->release(ticket - 1).has_value());
        tail.clear();
      } else {
        tail.insert(tail.end(), commits.begin(), commits.end());
      }
    }
    EXPECT_LE((*journal)->disk_bytes(), 8U * (32 << 10));
  }
}

// A whole block lost leaves no stamp to tell by: then the records behind it do.
TEST(Journal, AWipedRecordIsReportedUnlessItIsTheLast) {
  constexpr std::uint64_t k_records = 12;  // over several segments
  FaultyFileSystem files(1);
  {
    auto journal = Journal::open(files, "/journal", {16 << 10, 16 << 10, 1}, 0, Kept{}.collect());
    ASSERT_TRUE(journal.has_value());
    for (std::uint64_t ticket = 1; ticket <= k_records; ++ticket)
      ASSERT_TRUE((*journal)->append(ticket, std::vector<std::string>{"commit"}).has_value());
  }
  std::uint64_t record = 0;
  const auto whole = files.snapshot();
  for (const auto& [path, content] : whole) {
    for (std::size_t at = k_block_bytes; at < content.size(); at += k_block_bytes) {
      if (!peek_record(std::string_view(content).substr(at))) continue;
      ++record;
      auto wiped = whole;
      wiped[path].replace(at, k_block_bytes, std::string(k_block_bytes, '\0'));
      FaultyFileSystem damaged(1);
      damaged.restore(wiped);
      Kept kept;
      const auto journal = Journal::open(damaged, "/journal", {16 << 10, 16 << 10, 2}, 0, kept.collect());
      if (record < k_records) {
        ASSERT_FALSE(journal.has_value()) << "record " << record;
        EXPECT_EQ(journal.error().code, ErrorCode::corrupt);
        EXPECT_NE(journal.error().message.find("byte "), std::string::npos) << journal.error().message;
      } else {
        ASSERT_TRUE(journal.has_value()) << journal.error().message;
        EXPECT_EQ(kept.commits.size(), k_records - 1);
      }
    }
  }
  EXPECT_EQ(record, k_records);
}

// Two writes to one place that both stopped half way, the sectors of either mixed: still only torn.
TEST(Journal, ARecordTornTwiceAtOnePlaceIsCut) {
  for (std::uint64_t seed = 1; seed <= 200; ++seed) {
    FaultyFileSystem files(seed);
    for (std::uint32_t opening = 1; opening <= 4; ++opening) {
      Kept kept;
      const auto journal = Journal::open(files, "/journal", {64 << 10, 64 << 10, opening}, 0, kept.collect());
      ASSERT_TRUE(journal.has_value()) << "seed " << seed << ": " << journal.error().message;
      const std::vector<std::string> commits{std::string(6000, static_cast<char>('a' + opening))};
      files.set_faults([&, last = files.calls() + 1](std::uint64_t call) {
        return call == last ? DiskFault::error : DiskFault::none;
      });
      static_cast<void>((*journal)->append(kept.commits.size() + 1, commits));
      files.set_faults({});
      files.restart();
    }
  }
}

// The head of a record that never became one, at the beginning of a segment, must not hide the segment before.
TEST(Journal, ATornRecordInANewSegmentHidesNothingBeforeIt) {
  for (std::uint64_t seed = 1; seed <= 200; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    FaultyFileSystem files(seed);
    const auto open = [&](std::uint32_t opening, Kept& kept) {  // the first commit is in the tables from the second on
      return Journal::open(files, "/journal", {16 << 10, 64 << 10, opening}, opening > 1 ? 1 : 0, kept.collect());
    };
    {
      Kept kept;
      const auto journal = open(1, kept);
      ASSERT_TRUE(journal.has_value());
      ASSERT_TRUE((*journal)->append(1, std::vector<std::string>{"first"}).has_value());
      ASSERT_TRUE((*journal)->prepare(12'000).has_value());
      files.set_faults([](std::uint64_t) { return DiskFault::error; });
      ASSERT_FALSE((*journal)->append(2, std::vector<std::string>{std::string(12'000, 'x')}).has_value());
      files.set_faults({});
    }
    Kept found;
    {
      const auto journal = open(2, found);
      ASSERT_TRUE(journal.has_value()) << journal.error().message;
      ASSERT_TRUE((*journal)->append(2 + found.commits.size(), std::vector<std::string>{"kept"}).has_value());
    }
    Kept kept;
    const auto journal = open(3, kept);
    ASSERT_TRUE(journal.has_value()) << journal.error().message;
    ASSERT_EQ(kept.commits.size(), found.commits.size() + 1);
    EXPECT_EQ(kept.commits.back(), "kept");
  }
}

// A segment whose name could not be made durable is found by the next opening, and then must be.
TEST(Journal, ANameThatWasNotSyncedIsSyncedAtTheNextOpening) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    FaultyFileSystem files(seed);
    const JournalOptions options{16 << 10, 16 << 10, 1};
    std::uint64_t calls = 0;
    {
      FaultyFileSystem trial(seed);
      ASSERT_TRUE(Journal::open(trial, "/journal", options, 0, Kept{}.collect()).has_value());
      calls = trial.calls();  // the last one syncs the directory
    }
    files.set_faults([=](std::uint64_t call) { return call == calls ? DiskFault::error : DiskFault::none; });
    ASSERT_FALSE(Journal::open(files, "/journal", options, 0, Kept{}.collect()).has_value());
    {
      const auto journal = Journal::open(files, "/journal", options, 0, Kept{}.collect());
      ASSERT_TRUE(journal.has_value());
      ASSERT_TRUE((*journal)->append(1, std::vector<std::string>{"kept"}).has_value());
    }
    files.restart();
    Kept kept;
    ASSERT_TRUE(Journal::open(files, "/journal", options, 0, kept.collect()).has_value());
    EXPECT_EQ(kept.commits, std::vector<std::string>{"kept"});
  }
}

// A write fails, yet what it wrote is seen by the next process: then it must be durable before anything rests on it.
TEST(Journal, ARecordThatIsSeenAfterAFailedSyncIsMadeDurable) {
  int seen = 0;
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    FaultyFileSystem files(seed);
    const JournalOptions options{16 << 10, 16 << 10, 1};
    {
      const auto journal = Journal::open(files, "/journal", options, 0, Kept{}.collect());
      ASSERT_TRUE(journal.has_value());
      files.set_faults([](std::uint64_t) { return DiskFault::error; });
      ASSERT_FALSE((*journal)->append(1, std::vector<std::string>{"seen"}).has_value());
      files.set_faults({});
    }
    Kept before, after;
    ASSERT_TRUE(Journal::open(files, "/journal", options, 0, before.collect()).has_value());
    files.restart();
    ASSERT_TRUE(Journal::open(files, "/journal", options, 0, after.collect()).has_value());
    EXPECT_EQ(before.commits, after.commits);
    seen += before.commits.empty() ? 0 : 1;
  }
  EXPECT_GT(seen, 10);
}

// The name of FORMAT may be seen and not be durable yet; what is made after it must not outlive it.
TEST(StoreFiles, AFormatThatWasNotSyncedIsSyncedBeforeAnythingIsMade) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    FaultyFileSystem files(seed);
    ASSERT_TRUE(files.make_directory("/s").has_value());
    const std::uint64_t calls = files.calls();
    files.set_faults([=](std::uint64_t call) { return call == calls + 6 ? DiskFault::error : DiskFault::none; });
    ASSERT_FALSE(check_format(files, "/s", true).has_value());  // the sync of its directory
    ASSERT_TRUE(files.exists("/s/FORMAT").value());
    ASSERT_TRUE(check_format(files, "/s", true).has_value());
    files.restart();
    EXPECT_TRUE(files.exists("/s/FORMAT").value()) << "seed " << seed;
  }
}

TEST(StoreFiles, ANewerFormatIsRefusedAndDamageIsSeen) {
  FaultyFileSystem files(1);
  ASSERT_TRUE(files.make_directory("/s").has_value());
  ASSERT_TRUE(check_format(files, "/s", true).has_value());
  EXPECT_EQ(hex(files.snapshot().at("/s/FORMAT")), hex("perdure store, format 1 e56eb0c3dddaa64b\n"));
  const std::string newer = "perdure store, format 2";
  std::string seal;
  for (int shift = 56; shift >= 0; shift -= 8) seal.push_back(static_cast<char>(checksum64(newer) >> shift));
  ASSERT_TRUE(files.write("/s/FORMAT", newer + " " + hex(seal) + "\n").has_value());
  const Status refused = check_format(files, "/s", true);
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code, ErrorCode::unsupported) << refused.error().message;
  ASSERT_TRUE(files.write("/s/FORMAT", newer + " 0000000000000000\n").has_value());
  EXPECT_EQ(check_format(files, "/s", true).error().code, ErrorCode::corrupt);
}

// Journals from earlier fuzzing, and the seeds that tests/fuzz/journal holds.
TEST(JournalCorpus, IsReadWithoutHarm) {
  const std::filesystem::path corpus = std::filesystem::path(PERDURE_SOURCE_DIR) / "tests/fuzz/journal";
  std::size_t seen = 0;
  for (const auto& file : std::filesystem::directory_iterator(corpus)) {
    std::ifstream in(file.path(), std::ios::binary);
    const std::string bytes((std::istreambuf_iterator<char>(in)), {});
    if (bytes.size() < 2) continue;
    ++seen;
    static_cast<void>(decode_commit(std::string_view(bytes).substr(1)));
    static_cast<void>(read_record(std::string_view(bytes).substr(1), {}));
  }
  EXPECT_GT(seen, 0U);
}

}  // namespace
}  // namespace perdure::storage
