#include <gtest/gtest.h>

#include <random>

#include "base/json.h"
#include "history/event.h"
#include "history/fields.h"

namespace perdure::history {
namespace {

// Gives every field of an event a value of its own, so that a field that is lost or swapped shows.
struct Filler {
  std::uint64_t next = 1;
  void fill(bool& v) {
    v = true;
    ++next;
  }
  void fill(int& v) { v = -static_cast<int>(next++); }
  void fill(std::int64_t& v) { v = static_cast<std::int64_t>(next++) * 1'000'003; }
  void fill(std::uint64_t& v) { v = (std::uint64_t{1} << 60) + next++; }
  void fill(std::uint32_t& v) { v = static_cast<std::uint32_t>(next++) * 1000; }
  void fill(std::string& v) { v = "text" + std::to_string(next++); }
  void fill(Bytes& v) { v = Bytes("{\"n\":" + std::to_string(next++) + "}"); }
  void fill(RunKey& v) {
    v = {"tenant" + std::to_string(next), "run" + std::to_string(next)};
    ++next;
  }
  void fill(FaultClass& v) { v = FaultClass::ambiguous; }
  void fill(StepStatus& v) { v = StepStatus::skipped; }
  void fill(RunStatus& v) { v = RunStatus::timed_out; }
  void fill(Role& v) { v = Role::compensation; }
  void fill(OutputKind& v) { v = OutputKind::node; }
  void fill(FaultPtr& v) {
    auto fault = std::make_shared<Fault>();
    fill_fields(*fault);
    v = fault;
  }
  void fill(std::shared_ptr<const StartInfo>& v) {
    auto info = std::make_shared<StartInfo>();
    fill_fields(*info);
    v = info;
  }
  void fill(std::vector<Carried>& v) {
    for (int i = 0; i < 2; ++i) fill_fields(v.emplace_back());
  }
  template <class T>
  void fill_fields(T& value) {
    for_each_field(value, [this](std::string_view, auto& field) { this->fill(field); });
  }
};

template <std::size_t I = 0>
void all_events(std::vector<Event>& out, bool filled) {
  if constexpr (I < std::variant_size_v<Event>) {
    Event event(std::in_place_index<I>);
    if (filled) Filler().fill_fields(std::get<I>(event));
    out.push_back(std::move(event));
    all_events<I + 1>(out, filled);
  }
}

Batch full_batch(bool filled) {
  Batch batch{7, 1'700'000'000'123, {}};
  all_events(batch.events, filled);
  auto& started = std::get<RunStarted>(batch.events.front());
  if (!started.info) started.info = std::make_shared<StartInfo>();  // always there in a history
  return batch;
}

std::string hex(std::string_view bytes) {
  static constexpr char k_digits[] = "0123456789abcdef";
  std::string out;
  for (const char c : bytes) {
    out += k_digits[static_cast<unsigned char>(c) >> 4];
    out += k_digits[static_cast<unsigned char>(c) & 15];
  }
  return out;
}

TEST(History, EveryEventSurvivesItsEncoding) {
  for (const bool filled : {false, true}) {
    const Batch batch = full_batch(filled);
    const auto decoded = decode_batch(encode_batch(batch).view());
    ASSERT_TRUE(decoded) << decoded.error().message;
    EXPECT_EQ(decoded->first_seq, 7U);
    EXPECT_EQ(decoded->now, 1'700'000'000'123);
    ASSERT_EQ(decoded->events.size(), batch.events.size());
    for (std::size_t i = 0; i < batch.events.size(); ++i) {
      EXPECT_EQ(decoded->events[i].index(), i);
      EXPECT_EQ(to_json(to_value(decoded->events[i], 1, 0)), to_json(to_value(batch.events[i], 1, 0)));
    }
    EXPECT_EQ(encode_batch(*decoded), encode_batch(batch));
  }
}

// Golden bytes: a change here breaks every history ever written. Add a version instead.
TEST(History, BytesStayAsTheyAre) {
  const Batch batch{
      3,
      1000,
      {StepStarted{1, 2, k_none, 4, Role::item}, ActivityCompleted{0, 5, 1, Bytes("[1]")},
       StepFailed{2, std::make_shared<Fault>(Fault{"a.b", "t", "", 503, "s", 2, FaultClass::throttled, 250}), true},
       RunCompleted{Bytes("null")}}};
  EXPECT_EQ(hex(encode_batch(batch).view()),
            "0103d00f04"                              // version, first sequence, now, count
            "0f0203000501"                            // StepStarted
            "01010502035b315d"                        // ActivityCompleted
            "12030103612e62017400ee0701730302f40301"  // StepFailed
            "2d046e756c6c");                          // RunCompleted
}

TEST(History, EveryCutIsCorrupt) {
  const Bytes whole = encode_batch(full_batch(true));
  for (std::size_t cut = 0; cut < whole.size(); ++cut) {
    const auto decoded = decode_batch(whole.view().substr(0, cut));
    ASSERT_FALSE(decoded) << cut;
    EXPECT_EQ(decoded.error().code, ErrorCode::corrupt) << cut;
  }
  EXPECT_FALSE(decode_batch(std::string(whole.view()) + '\0'));
}

TEST(History, DamageNeverCrashes) {
  const std::string whole(encode_batch(full_batch(true)).view());
  std::mt19937 random(7);
  for (int i = 0; i < 20'000; ++i) {
    std::string damaged = whole;
    damaged[random() % damaged.size()] ^= static_cast<char>(1U << (random() % 8));
    if (const auto decoded = decode_batch(damaged)) { EXPECT_TRUE(decode_batch(encode_batch(*decoded).view())); }
  }
}

TEST(History, WhatIsNewerIsSaidSo) {
  const auto version = decode_batch(std::string("\x02\x01\x00\x00", 4));
  ASSERT_FALSE(version);
  EXPECT_EQ(version.error().code, ErrorCode::unsupported);
  const auto event = decode_batch(std::string("\x01\x01\x00\x01\xfa", 5));
  ASSERT_FALSE(event);
  EXPECT_EQ(event.error().code, ErrorCode::unsupported);
  EXPECT_NE(event.error().message.find("250"), std::string::npos);
}

TEST(History, PrintsForPeople) {
  const Event retry = ActivityRetryScheduled{3, 2, 1000};
  EXPECT_EQ(to_json(to_value(retry, 9, 0)),
            R"({"seq":9,"at":"1970-01-01T00:00:00.000Z","type":"ActivityRetryScheduled","frame":3,"attempt":2,)"
            R"("next_at":"1970-01-01T00:00:01.000Z"})");
  const Event emitted = EventEmitted{0, "order.paid", Bytes("{\"id\":1}")};
  EXPECT_EQ(to_json(to_value(emitted, 1, 0)),
            R"({"seq":1,"at":"1970-01-01T00:00:00.000Z","type":"EventEmitted","frame":0,"event_type":"order.paid",)"
            R"("data":{"id":1}})");
}

TEST(History, StatusNamesGoBothWays) {
  for (int i = 0; i <= static_cast<int>(RunStatus::quarantined); ++i) {
    const auto status = static_cast<RunStatus>(i);
    EXPECT_EQ(parse_run_status(to_string(status)), status);
  }
  EXPECT_FALSE(parse_run_status("done"));
  EXPECT_TRUE(is_closed(RunStatus::compensation_failed));
  EXPECT_FALSE(is_closed(RunStatus::compensating));
}

TEST(History, FactsComeFirst) {
  EXPECT_TRUE(is_fact(CompensateRequested{}));
  EXPECT_FALSE(is_fact(StepStarted{}));
  EXPECT_EQ(name_of(RunStarted{}), "RunStarted");
}

}  // namespace
}  // namespace perdure::history
