#include "base/json.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace perdure {
namespace {

TEST(Json, RoundTrips) {
  for (const char* text : {"null",
                           "true",
                           "false",
                           "0",
                           "-1",
                           "9223372036854775807",
                           "-9223372036854775808",
                           "0.5",
                           "1e+300",
                           "0.30000000000000004",
                           "1.7976931348623157e+308",
                           "5e-324",
                           "1e-05",
                           "0.0001",
                           "\"\"",
                           "[]",
                           "{}",
                           R"("a\"\\\n\t\b\f\r\u0001\u007f")",
                           "\"\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80\"",
                           R"([1,[2,[3]],{"a":{}}])",
                           R"({"b":1,"a":[null,true]})"}) {
    const auto value = parse_json(text);
    ASSERT_TRUE(value.has_value()) << text << ": " << value.error().message;
    EXPECT_EQ(to_json(*value), text);
  }
}

TEST(Json, ReadsWhatIsNotCanonical) {
  const std::pair<const char*, const char*> cases[] = {
      {" [ 1 , 2 ]\n", "[1,2]"},
      {"1.0", "1"},
      {"-0", "0"},
      {"1e2", "100"},
      {"9223372036854775808", "9223372036854776000"},
      {"1e15", "1000000000000000"},
      {"1e17", "1e+17"},
      {"123e15", "123000000000000000"},
      {"1e400", "1.7976931348623157e+308"},
      {"-1e400", "-1.7976931348623157e+308"},
      {"1e-400", "0"},
      {"1e99999999999999999999", "1.7976931348623157e+308"},
      {"0.000001e-99999999999999999999", "0"},
      {R"("\u0041\/\ud83d\ude00")", "\"A/\xF0\x9F\x98\x80\""},
      {R"("\ud83dx")", "\"\xEF\xBF\xBDx\""},
      {R"("\ude00")", "\"\xEF\xBF\xBD\""},
      {R"("\ud83d\ud83d")", "\"\xEF\xBF\xBD\xEF\xBF\xBD\""},
      {"\"long enough to leave the fast path \xFF here\"", "\"long enough to leave the fast path \xEF\xBF\xBD here\""},
      {"\"\xED\xA0\x80\"", "\"\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\""},
      {"\"\xC3\"", "\"\xEF\xBF\xBD\""},
      {R"({"a":1,"a":2})", R"({"a":2})"},
  };
  for (const auto& [text, wanted] : cases) {
    const auto value = parse_json(text);
    ASSERT_TRUE(value.has_value()) << text << ": " << value.error().message;
    EXPECT_EQ(to_json(*value), wanted) << text;
  }
}

TEST(Json, RefusesWithAPlace) {
  const std::pair<const char*, const char*> cases[] = {
      {"", "line 1, column 1: the text ends where a value is expected"},
      {"nul", "line 1, column 1: expected a value"},
      {"[1,\n 2", "line 2, column 3: the array is not closed"},
      {"[1,]", "line 1, column 4: expected a value"},
      {"[1 2]", "line 1, column 4: expected ',' or ']'"},
      {"{\"a\" 1}", "line 1, column 6: expected ':'"},
      {"{a:1}", "line 1, column 2: expected a member's name in quotes"},
      {"{\"a\":1,}", "line 1, column 8: expected a member's name in quotes"},
      {"{\"a\":1", "line 1, column 7: the object is not closed"},
      {"1 2", "line 1, column 3: unexpected text after the value"},
      {"01", "line 1, column 1: a number can't start with 0"},
      {"1.", "line 1, column 3: expected a digit after '.'"},
      {"1e+", "line 1, column 4: expected a digit in the exponent"},
      {"-", "line 1, column 1: expected a value"},
      {"\"abc", "line 1, column 5: the string is not closed"},
      {"\"a\nb\"", "line 1, column 3: a control character in a string must be escaped"},
      {"\"\\x\"", "line 1, column 2: unknown escape in a string"},
      {"\"\\u12g4\"", "line 1, column 2: expected four hexadecimal digits after \\u"},
      {"\"\\", "line 1, column 2: the string is not closed"},
      {"NaN", "line 1, column 1: expected a value"},
  };
  for (const auto& [text, message] : cases) {
    const auto value = parse_json(text);
    ASSERT_FALSE(value.has_value()) << text;
    EXPECT_EQ(value.error().message, message) << text;
  }
}

TEST(Json, BoundsDepthAndSize) {
  EXPECT_TRUE(parse_json(std::string(512, '[') + std::string(512, ']')).has_value());
  EXPECT_FALSE(parse_json(std::string(513, '[') + std::string(513, ']')).has_value());
  EXPECT_FALSE(parse_json(std::string(1'000'000, '[')).has_value());
  EXPECT_FALSE(parse_json("[1,2,3]", {.bytes = 5}).has_value());
}

TEST(Json, NumbersThatJsonLacks) {
  EXPECT_EQ(to_json(Value(std::nan(""))), "null");
  EXPECT_EQ(to_json(Value(-std::numeric_limits<double>::infinity())), "-1.7976931348623157e+308");
  EXPECT_EQ(to_json(Value(-0.0)), "-0");
}

TEST(Json, CanonicalSortsAndPrettyIndents) {
  const Value v = parse_json(R"({"b":[1,{"d":1,"c":[]}],"a":{}})").value();
  EXPECT_EQ(to_canonical_json(v), R"({"a":{},"b":[1,{"c":[],"d":1}]})");
  EXPECT_EQ(to_pretty_json(v), R"({
  "b": [
    1,
    {
      "d": 1,
      "c": []
    }
  ],
  "a": {}
})");
}

}  // namespace
}  // namespace perdure
