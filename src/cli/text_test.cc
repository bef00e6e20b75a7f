#include "cli/text.h"

#include <gtest/gtest.h>

namespace perdure::cli {
namespace {

TEST(Text, PrintableLeavesNothingThatDrivesATerminal) {
  EXPECT_EQ(printable("plain – ünïcode 日本"), "plain – ünïcode 日本");
  EXPECT_EQ(printable("\x1b[31mred\x07"), "\\x1b[31mred\\x07");
  EXPECT_EQ(printable("a\nb\tc\r"), "a\\nb\\tc\\x0d");
  EXPECT_EQ(printable("a\nb\tc", true), "a\nb\tc");
  EXPECT_EQ(printable("\xc2\x9b"
                      "31m"),
            "\\x9b31m")
      << "the one-byte CSI in UTF-8";
  EXPECT_EQ(printable("\xff\xc3(\xed\xa0\x80"), "\\xff\\xc3(\\xed\\xa0\\x80");
  EXPECT_EQ(printable("\xe2\x80\xae"
                      "abc"),
            "\\u202eabc")
      << "direction override";
  EXPECT_EQ(printable(std::string_view("\0x", 2)), "\\x00x");
}

TEST(Text, OwnColorsStay) {
  EXPECT_EQ(printable_with_colors("\x1b[31mred\x1b[0m\n\x1b[2J\x1b]0;t\x07"),
            "\x1b[31mred\x1b[0m\n\\x1b[2J\\x1b]0;t\\x07");
  EXPECT_EQ(printable_with_colors("\x1b["), "\\x1b[");
}

TEST(Text, WidthsAndClipping) {
  EXPECT_EQ(display_width("abc"), 3U);
  EXPECT_EQ(display_width("日本"), 4U);
  EXPECT_EQ(display_width("e\xcc\x81"), 1U);
  EXPECT_EQ(clipped("abcdef", 6), "abcdef");
  EXPECT_EQ(clipped("abcdef", 4), "abc…");
  EXPECT_EQ(clipped("日本語", 4), "日…");
  EXPECT_EQ(clipped("abc", 0), "");
  EXPECT_EQ(padded("ab", 4), "ab  ");
  EXPECT_EQ(padded("ab", 4, true), "  ab");
}

TEST(Text, TablesAlignAndFit) {
  const Table table{.headings = {"RUN", "TOOK", "NOTE"},
                    .rows = {{"日本", "1 s", "a long note that does not fit"}, {"b", "12 s", "\x1b[2J"}},
                    .right_aligned = {false, true}};
  EXPECT_EQ(table.render(Palette(false), 0),
            "RUN   TOOK  NOTE\n"
            "日本   1 s  a long note that does not fit\n"
            "b     12 s  \\x1b[2J\n");
  EXPECT_EQ(table.render(Palette(false), 24),
            "RUN   TOOK  NOTE\n"
            "日本   1 s  a long note…\n"
            "b     12 s  \\x1b[2J\n");
}

TEST(Text, Durations) {
  EXPECT_EQ(short_duration(-5), "0 ms");
  EXPECT_EQ(short_duration(999), "999 ms");
  EXPECT_EQ(short_duration(1'250), "1.2 s");
  EXPECT_EQ(short_duration(184'000), "3 m 04 s");
  EXPECT_EQ(short_duration(7'500'000), "2 h 05 m");
  EXPECT_EQ(short_duration(273'600'000), "3 d 4 h");
}

}  // namespace
}  // namespace perdure::cli
