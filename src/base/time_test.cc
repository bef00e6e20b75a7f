#include "base/time.h"

#include <gtest/gtest.h>

#include <limits>

namespace perdure {
namespace {

TEST(Duration, Reads) {
  const std::pair<const char*, DurationMs> cases[] = {{"500ms", 500},
                                                      {"30s", 30'000},
                                                      {"5m", 300'000},
                                                      {"24h", 86'400'000},
                                                      {"7d", 604'800'000},
                                                      {"2w", 1'209'600'000},
                                                      {"1h30m", 5'400'000},
                                                      {"1h 30m", 5'400'000},
                                                      {"1.5s", 1'500},
                                                      {"0.25h", 900'000},
                                                      {"0s", 0},
                                                      {"1m500ms", 60'500},
                                                      {"PT5M", 300'000},
                                                      {"P1DT2H", 93'600'000},
                                                      {"P2W", 1'209'600'000},
                                                      {"PT0.5S", 500},
                                                      {"PT1,5S", 1'500},
                                                      {"PT1H1M1S", 3'661'000},
                                                      {"P3D", 259'200'000}};
  for (const auto& [text, ms] : cases) {
    const auto duration = parse_duration(text);
    ASSERT_TRUE(duration.has_value()) << text << ": " << duration.error().message;
    EXPECT_EQ(*duration, ms) << text;
  }
}

TEST(Duration, ReadsYearsAndMonthsWhereTheyHaveALength) {
  constexpr DurationMs k_day = 86'400'000;
  const std::pair<const char*, DurationMs> cases[] = {{"P1Y", 365 * k_day},
                                                      {"P2M", 60 * k_day},
                                                      {"P1Y2M3DT4M", 428 * k_day + 240'000},
                                                      {"PT2M", 120'000},
                                                      {"5m", 300'000}};
  for (const auto& [text, ms] : cases) EXPECT_EQ(parse_duration(text, Calendar::nominal).value_or(-1), ms) << text;
  for (const char* text : {"P1M1Y", "P", "P1H", "P-1Y"}) EXPECT_FALSE(parse_duration(text, Calendar::nominal)) << text;
}

TEST(Duration, Refuses) {
  for (const char* text : {"", "5", "m", "5x", "-5m", "5m1h", "5m5m", "1..5s", "1.s", "P", "PT", "P1Y", "P1M", "P1DT",
                           "PT1D", " 5m", "99999999999999999999s", "9999999999999d", "1e3s"}) {
    EXPECT_FALSE(parse_duration(text).has_value()) << text;
  }
  EXPECT_EQ(
      parse_duration("P1Y").error().message,
      "bad duration 'P1Y': years and months have no fixed length; write it like 500ms, 30s, 5m, 1h30m, 7d or PT5M");
}

TEST(Duration, Formats) {
  const std::pair<DurationMs, const char*> cases[] = {{0, "0ms"},
                                                      {250, "250ms"},
                                                      {1'000, "1s"},
                                                      {1'500, "1.5s"},
                                                      {61'000, "1m 1s"},
                                                      {5'400'000, "1h 30m"},
                                                      {90'061'000, "1d 1h"},
                                                      {86'400'000, "1d"},
                                                      {-5'000, "-5s"},
                                                      {INT64_MIN, "-106751991167d 7h"}};
  for (const auto& [ms, text] : cases) EXPECT_EQ(format_duration(ms), text);
}

TEST(Timestamp, Reads) {
  const std::pair<const char*, TimeMs> cases[] = {{"1970-01-01T00:00:00Z", 0},
                                                  {"2026-01-02T03:04:05Z", 1'767'323'045'000},
                                                  {"2026-01-02T03:04:05.678Z", 1'767'323'045'678},
                                                  {"2026-01-02T03:04:05.6789999Z", 1'767'323'045'678},
                                                  {"2026-01-02T05:04:05+02:00", 1'767'323'045'000},
                                                  {"2026-01-01T22:34:05-04:30", 1'767'323'045'000},
                                                  {"2026-01-02", 1'767'312'000'000},
                                                  {"2024-02-29", 1'709'164'800'000},
                                                  {"1969-12-31T23:59:59.5Z", -500},
                                                  {"2016-12-31T23:59:60Z", 1'483'228'800'000}};
  for (const auto& [text, ms] : cases) {
    const auto time = parse_timestamp(text);
    ASSERT_TRUE(time.has_value()) << text << ": " << time.error().message;
    EXPECT_EQ(*time, ms) << text;
  }
}

TEST(Timestamp, Refuses) {
  for (const char* text : {"", "2026", "2026-13-01", "2023-02-29", "2026-01-02T", "2026-01-02T03:04Z",
                           "2026-01-02T24:00:00Z", "2026-01-02T03:04:05", "2026-01-02T03:04:05.Z",
                           "2026-01-02T03:04:05+0200", "2026-01-02T03:04:05Zx", "2026-01-02T03:61:05Z"}) {
    EXPECT_FALSE(parse_timestamp(text).has_value()) << text;
  }
}

TEST(Timestamp, Formats) {
  EXPECT_EQ(format_timestamp(1'767'323'045'678), "2026-01-02T03:04:05.678Z");
  EXPECT_EQ(format_timestamp(-1), "1969-12-31T23:59:59.999Z");
  EXPECT_EQ(format_timestamp(k_never), "never");
  EXPECT_EQ(format_timestamp(std::numeric_limits<TimeMs>::min()), "0000-01-01T00:00:00.000Z");
  EXPECT_EQ(format_timestamp(k_never - 1), "9999-12-31T23:59:59.999Z");
}

}  // namespace
}  // namespace perdure
