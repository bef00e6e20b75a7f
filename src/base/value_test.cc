#include "base/value.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <thread>

#include "base/json.h"

namespace perdure {
namespace {

Value json(std::string_view text) {
  auto value = parse_json(text);
  EXPECT_TRUE(value.has_value()) << text << ": " << (value ? "" : value.error().message);
  return value.value_or(Value());
}

TEST(Value, IsTwoWords) { EXPECT_EQ(sizeof(Value), 16U); }

TEST(Value, CopiesShareAndChangesDoNotShow) {
  Value a = json(R"({"x":[1,2],"y":"z"})");
  Value b = a;
  b.set("x", Value(5));
  b.erase("y");
  EXPECT_EQ(to_json(a), R"({"x":[1,2],"y":"z"})");
  EXPECT_EQ(to_json(b), R"({"x":5})");
  Value list = json("[1]");
  Value other = list;
  other.push_back(Value("two"));
  other.set_at(4, Value(true));
  EXPECT_EQ(to_json(list), "[1]");
  EXPECT_EQ(to_json(other), R"([1,"two",null,null,true])");
  Value text("ab");
  Value copy = text;
  copy.append("cd");
  EXPECT_EQ(text.as_string(), "ab");
  EXPECT_EQ(copy.as_string(), "abcd");
  copy.append(copy.as_string());
  copy.append(copy.as_string());
  EXPECT_EQ(copy.as_string(), "abcdabcdabcdabcd");
}

TEST(Value, TakeLeavesNullOnlyWhenAlone) {
  Value a = json(R"({"x":[1]})");
  Value shared = a;
  EXPECT_EQ(to_json(a.take("x")), "[1]");
  EXPECT_EQ(to_json(a), R"({"x":[1]})");
  shared = Value();
  EXPECT_EQ(to_json(a.take("x")), "[1]");
  EXPECT_EQ(to_json(a), R"({"x":null})");
  Value list = json("[[1],2]");
  EXPECT_EQ(to_json(list.take_at(0)), "[1]");
  EXPECT_EQ(to_json(list), "[null,2]");
  EXPECT_TRUE(list.take_at(9).is_null());
}

TEST(Value, OrderIsJqs) {
  const std::vector<Value> ascending = {Value(),
                                        Value(false),
                                        Value(true),
                                        Value(std::nan("")),
                                        Value(-1.5),
                                        Value(0),
                                        Value(0.5),
                                        Value(3),
                                        Value(""),
                                        Value("a"),
                                        Value("ab"),
                                        Value("b"),
                                        json("[]"),
                                        json("[1]"),
                                        json("[1,2]"),
                                        json("[2]"),
                                        json("{}"),
                                        json(R"({"a":2})"),
                                        json(R"({"a":1,"b":2})"),
                                        json(R"({"b":0,"a":2})"),
                                        json(R"({"b":1})")};
  for (std::size_t i = 0; i < ascending.size(); ++i) {
    for (std::size_t j = 0; j < ascending.size(); ++j) {
      const int c = Value::compare(ascending[i], ascending[j]);
      EXPECT_EQ(c < 0, i < j) << to_json(ascending[i]) << " " << to_json(ascending[j]);
      EXPECT_EQ(c == 0, i == j);
      EXPECT_EQ(ascending[i] == ascending[j], i == j);
    }
  }
}

TEST(Value, EqualityIgnoresOrderAndNumberKind) {
  EXPECT_EQ(json(R"({"a":1,"b":[2.0]})"), json(R"({"b":[2],"a":1.0})"));
  EXPECT_FALSE(json(R"({"a":null})") == json(R"({"b":null})"));
  EXPECT_FALSE(Value(std::int64_t{9007199254740993}) == Value(9007199254740992.0));
  EXPECT_LT(Value::compare(Value(std::numeric_limits<std::int64_t>::max()), Value(0x1p63)), 0);
  EXPECT_EQ(Value(std::uint64_t{1} << 63).type(), Value::Type::real);
}

TEST(Value, ObjectsOfAnySizeFindReplaceAndErase) {
  for (const int n : {1, 8, 9, 40, 1000}) {
    Value o;
    for (int i = 0; i < n; ++i) o.set("k" + std::to_string(i), Value(i));
    for (int i = 0; i < n; i += 3) o.set("k" + std::to_string(i), Value(-i));
    for (int i = 1; i < n; i += 3) o.erase("k" + std::to_string(i));
    for (int i = 0; i < n; ++i) {
      const Value* v = o.find("k" + std::to_string(i));
      ASSERT_EQ(v != nullptr, i % 3 != 1) << n << " " << i;
      if (v != nullptr) { EXPECT_EQ(v->as_int(), i % 3 == 0 ? -i : i); }
    }
    EXPECT_EQ(o.find("missing"), nullptr);
    EXPECT_EQ(parse_json(to_json(o)).value(), o);
    EXPECT_EQ(o.members()[0].first.as_string(), "k0");
  }
}

TEST(Value, DuplicateKeysKeepTheFirstPlaceAndTheLastValue) {
  std::string many = R"({"a":0)";
  for (int i = 0; i < 20; ++i) many += ",\"k" + std::to_string(i) + "\":1";
  EXPECT_EQ(to_json(json(R"({"a":1,"b":2,"a":3})")), R"({"a":3,"b":2})");
  EXPECT_EQ(json(many + R"(,"a":9})").members()[0].second.as_int(), 9);
}

TEST(Value, FootprintFollowsChanges) {
  Value o = json(R"({"a":[1,2,3],"b":"text"})");
  const std::size_t before = o.footprint();
  EXPECT_GT(before, 100U);
  o.set("c", Value(std::string(1000, 'x')));
  EXPECT_GT(o.footprint(), before + 1000);
  o.erase("c");
  EXPECT_EQ(o.footprint(), before);
  Value list = o.take("a");
  list.push_back(Value(4));
  o.set("a", std::move(list));
  EXPECT_EQ(o.footprint(), before + sizeof(Value));
  EXPECT_EQ(o.footprint(), json(R"({"a":[1,2,3,4],"b":"text"})").footprint());
}

TEST(Value, FootprintOfSharedPartsSaturatesInsteadOfWrapping) {
  Value v("some text");
  for (int i = 0; i < 100; ++i) v = Value::array({v, v});
  EXPECT_EQ(v.footprint(), std::numeric_limits<std::size_t>::max());
  EXPECT_EQ(v.depth(), 100U);
}

TEST(Value, LiveBytesReturnToWhereTheyWere) {
  const std::size_t before = Value::live_bytes();
  {
    Value o = json(R"({"a":[1,2,3],"b":"text"})");
    EXPECT_GE(Value::live_bytes() - before, 7 * sizeof(Value));
    for (int i = 0; i < 100; ++i) o.set("k" + std::to_string(i), Value::array({Value(i), Value("x")}));
    Value copy = o;
    copy.erase("b");
    Value text("abc");
    for (int i = 0; i < 100; ++i) text.append("def");
    Value list;
    for (int i = 0; i < 100; ++i) list.push_back(text);
    EXPECT_GT(Value::live_bytes() - before, 100 * sizeof(Value) * 3);
  }
  EXPECT_EQ(Value::live_bytes(), before);
}

TEST(Value, DeepValuesAreFreedWithoutRecursion) {
  Value v;
  for (int i = 0; i < 1'000'000; ++i) v = i % 2 == 0 ? Value::array({v}) : Value::object({{"k", v}});
  EXPECT_EQ(v.depth(), 1'000'000U);
}

TEST(Value, CopiesMayCrossThreads) {
  const Value shared = json(R"({"a":[1,2,{"b":"c"}]})");
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([copy = shared]() mutable {
      for (int i = 0; i < 10'000; ++i) {
        Value mine = copy;
        mine.set("x", *mine.find("a"));
        copy = *mine.find("x");
        copy = Value::object({{"a", copy}});
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(to_json(shared), R"({"a":[1,2,{"b":"c"}]})");
}

}  // namespace
}  // namespace perdure
