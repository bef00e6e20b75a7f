#include "base/bytes.h"

#include <gtest/gtest.h>

#include <limits>

#include "base/hash.h"

namespace perdure {
namespace {

TEST(Codec, RoundTrips) {
  Writer w;
  const std::uint64_t numbers[] = {0, 1, 127, 128, 16383, 16384, std::numeric_limits<std::uint64_t>::max()};
  const std::int64_t signed_numbers[] = {0, -1, 1, std::numeric_limits<std::int64_t>::min(),
                                         std::numeric_limits<std::int64_t>::max()};
  for (const auto v : numbers) w.varint(v);
  for (const auto v : signed_numbers) w.zigzag(v);
  w.fixed32(0xDEADBEEF);
  w.fixed64(0x0123456789ABCDEF);
  w.boolean(true);
  w.string("text");
  w.bytes(Bytes::copy("more"));
  Reader r(w.view());
  for (const auto v : numbers) EXPECT_EQ(r.varint(), v);
  for (const auto v : signed_numbers) EXPECT_EQ(r.zigzag(), v);
  EXPECT_EQ(r.fixed32(), 0xDEADBEEF);
  EXPECT_EQ(r.fixed64(), 0x0123456789ABCDEFU);
  EXPECT_TRUE(r.boolean());
  EXPECT_EQ(r.string(), "text");
  EXPECT_EQ(r.bytes().view(), "more");
  EXPECT_TRUE(r.finish("test").has_value());
}

TEST(Codec, GoldenBytes) {
  Writer w;
  w.varint(300);
  w.zigzag(-2);
  w.fixed32(1);
  w.string("hi");
  EXPECT_EQ(w.view(), std::string("\xAC\x02\x03\x01\x00\x00\x00\x02hi", 10));
}

TEST(Codec, EveryTruncationIsFound) {
  Writer w;
  w.varint(70'000);
  w.string("some text");
  w.fixed64(5);
  const std::string whole = w.take();
  for (std::size_t n = 0; n < whole.size(); ++n) {
    Reader r(std::string_view(whole).substr(0, n));
    r.varint();
    r.string();
    r.fixed64();
    EXPECT_FALSE(r.ok()) << n;
    EXPECT_FALSE(r.finish("record").has_value());
  }
}

TEST(Codec, RefusesHostileLengths) {
  const std::string overlong(11, '\xFF');
  Reader varint(overlong);
  varint.varint();
  EXPECT_FALSE(varint.ok());
  Writer w;
  w.varint(std::numeric_limits<std::uint64_t>::max());
  Reader string(w.view());
  EXPECT_EQ(string.string(), "");
  EXPECT_FALSE(string.ok());
  Writer c;
  c.varint(1000);
  c.raw("0123456789");
  Reader count(c.view());
  EXPECT_EQ(count.count(2), 0U);
  EXPECT_FALSE(count.ok());
}

TEST(Codec, LeftoverIsDamage) {
  Reader r("ab");
  r.u8();
  const auto status = r.finish("frame");
  ASSERT_FALSE(status.has_value());
  EXPECT_EQ(status.error().code, ErrorCode::corrupt);
  EXPECT_EQ(status.error().message, "frame: damaged at byte 1");
}

TEST(Hash, KnownAnswers) {
  EXPECT_EQ(sha256_hex("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(checksum64(""), 0x2D06800538D394C2U);
  EXPECT_NE(checksum64("a", 1), checksum64("a", 2));
}

}  // namespace
}  // namespace perdure
