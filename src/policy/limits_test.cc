// Breakers, rate limits and bulkheads as values.
#include <gtest/gtest.h>

#include "policy/breaker.h"
#include "policy/bulkhead.h"
#include "policy/rate_limit.h"

namespace perdure::policy {
namespace {

// A breaker driven by a line of letters: s success, f failure, n nothing, each admitted first; R: expect a refusal;
// digits: seconds that pass. Gives the phases it went through.
std::string drive(const BreakerRules& rules, std::string_view script, Breaker breaker = {}) {
  TimeMs now = 1'000'000;
  std::string phases(to_string(breaker.phase));
  const auto note = [&] {
    const std::string phase(to_string(breaker.phase));
    if (phases != phase && !phases.ends_with(" " + phase)) phases += " " + phase;
  };
  for (const char c : script) {
    if (c >= '0' && c <= '9') {
      now += (c - '0') * 1000;
      continue;
    }
    const Admission admitted = admit(breaker, rules, now);
    note();
    if (c == 'R') {
      EXPECT_EQ(admitted, Admission::refused) << script;
      continue;
    }
    EXPECT_NE(admitted, Admission::refused) << script << " at " << c;
    record(breaker, rules, now, admitted,
           c == 's'   ? CallResult::success
           : c == 'f' ? CallResult::failure
                      : CallResult::nothing);
    note();
  }
  return phases;
}

TEST(Breaker, GoesThroughItsPhases) {
  const BreakerRules rules{.failures = 3, .open_for_ms = 5000, .successes = 2};
  EXPECT_EQ(drive(rules, "ffsff"), "closed") << "a success begins the row anew";
  EXPECT_EQ(drive(rules, "fffR"), "closed open");
  EXPECT_EQ(drive(rules, "ffnfR"), "closed open") << "a call that says nothing does not break the row";
  EXPECT_EQ(drive(rules, "fff4R"), "closed open");
  EXPECT_EQ(drive(rules, "fff5s"), "closed open half_open");
  EXPECT_EQ(drive(rules, "fff5ss"), "closed open half_open closed");
  EXPECT_EQ(drive(rules, "fff5sfR"), "closed open half_open open");
  EXPECT_EQ(drive(rules, "fff5nss"), "closed open half_open closed") << "a cancelled probe frees its place";
}

TEST(Breaker, HalfOpenLetsThroughSoManyProbes) {
  const BreakerRules rules{.failures = 1, .open_for_ms = 1000, .probes = 2};
  Breaker breaker;
  ASSERT_EQ(admit(breaker, rules, 1), Admission::call);
  ASSERT_TRUE(record(breaker, rules, 1, Admission::call, CallResult::failure));
  EXPECT_EQ(admit(breaker, rules, 1001), Admission::probe);
  EXPECT_EQ(admit(breaker, rules, 1001), Admission::probe);
  EXPECT_EQ(admit(breaker, rules, 1001), Admission::refused);
}

TEST(Breaker, LateResultsOfAnEarlierPhaseChangeNothing) {
  const BreakerRules rules{.failures = 1, .open_for_ms = 1000};
  Breaker breaker;
  admit(breaker, rules, 1);
  admit(breaker, rules, 1);
  EXPECT_TRUE(record(breaker, rules, 1, Admission::call, CallResult::failure));
  EXPECT_FALSE(record(breaker, rules, 2, Admission::call, CallResult::success));
  EXPECT_EQ(breaker.phase, BreakerPhase::open);
}

TEST(Breaker, OpensByRate) {
  const BreakerRules rules{.failures = 0, .failure_rate = 0.5, .rate_min_calls = 4, .window_ms = 10'000};
  EXPECT_EQ(drive(rules, "sfs"), "closed");
  EXPECT_EQ(drive(rules, "sfsf"), "closed open");
  EXPECT_EQ(drive(rules, "sf99sf"), "closed") << "a new window counts anew";
}

TEST(Breaker, AClockSetBackDoesNotKeepItOpen) {
  const BreakerRules rules{.failures = 1, .open_for_ms = 1000};
  Breaker breaker;
  admit(breaker, rules, 1'000'000);
  record(breaker, rules, 1'000'000, Admission::call, CallResult::failure);
  EXPECT_EQ(admit(breaker, rules, 500'000), Admission::refused);
  EXPECT_EQ(admit(breaker, rules, 501'000), Admission::probe);
}

TEST(Breaker, SurvivesItsEncoding) {
  const Breaker breaker{BreakerPhase::open, 4, 1, 0, 123'456, 99, 7, 6};
  const auto decoded = decode_breaker(encode(breaker).view());
  ASSERT_TRUE(decoded);
  EXPECT_EQ(*decoded, breaker);
  const Bytes whole = encode(breaker);
  for (std::size_t cut = 0; cut < whole.size(); ++cut) EXPECT_FALSE(decode_breaker(whole.view().substr(0, cut)));
  EXPECT_FALSE(decode_breaker(std::string("\x01\x07") + std::string(whole.view().substr(2))));
}

TEST(RateLimit, SpreadsCalls) {
  TokenBucket bucket;
  int taken = 0;
  for (TimeMs now = 1; now <= 10'001; ++now) taken += take(bucket, 10, now) == 0 ? 1 : 0;
  EXPECT_EQ(taken, 110);  // a burst of ten, then ten a second
}

TEST(RateLimit, TellsHowLongToWait) {
  TokenBucket bucket;
  ASSERT_EQ(take(bucket, 0.5, 1000), 0);
  const DurationMs wait = take(bucket, 0.5, 1000);
  EXPECT_EQ(wait, 2000);
  EXPECT_GT(take(bucket, 0.5, 1000 + wait - 1), 0);
  EXPECT_EQ(take(bucket, 0.5, 1000 + wait), 0);
  EXPECT_GT(take(bucket, 0.5, 500), 0) << "a clock set back gives no tokens";
  EXPECT_EQ(take(bucket, 0, 1), 0);
}

TEST(RateLimit, TellsWhenItIsFullAgain) {
  TokenBucket bucket;
  ASSERT_EQ(take(bucket, 2, 1000), 0);
  ASSERT_EQ(take(bucket, 2, 1000), 0);
  EXPECT_EQ(full_at(bucket, 2), 2000);
  TokenBucket slow;
  ASSERT_EQ(take(slow, 0.001, 1000), 0);
  EXPECT_EQ(full_at(slow, 0.001), 1'001'000);
}

TEST(Bulkhead, HoldsItsLimit) {
  Bulkhead bulkhead;
  EXPECT_TRUE(enter(bulkhead, 2));
  EXPECT_TRUE(enter(bulkhead, 2));
  EXPECT_FALSE(enter(bulkhead, 2));
  leave(bulkhead);
  EXPECT_TRUE(enter(bulkhead, 2));
  EXPECT_TRUE(enter(bulkhead, 0));
}

}  // namespace
}  // namespace perdure::policy
