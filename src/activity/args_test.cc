#include "activity/args.h"

#include <gtest/gtest.h>

#include "activity/outcome.h"

namespace perdure::activity {
namespace {

// Reads one member of each kind, as a driver would.
std::string mistakes_of(std::string_view json) {
  Args args("shell", json);
  args.required_text("command");
  args.integer("count", 0, 10);
  args.duration("timeout");
  args.texts("argv");
  args.text_pairs("env");
  args.one_of("parse", {"text", "json", "lines"}, "text");
  args.nested("auth", [](Args& auth) { auth.text("bearer"); });
  const auto outcome = args.finish();
  if (!outcome) return "";
  EXPECT_EQ(outcome->error.type, "validation");
  EXPECT_EQ(outcome->error.error_class, ErrorClass::fatal);
  return outcome->error.detail;
}

TEST(Args, NamesEveryMistakeAndTheNearestSpelling) {
  struct Case {
    const char* json;
    const char* mistakes;
  };
  const Case cases[] = {
      {R"({"command":"x"})", ""},
      {R"({"command":"x","count":3,"timeout":"5s","argv":["a",1,true],"env":{"A":"b","C":1},"parse":"json","auth":{}})",
       ""},
      {R"({"command":"x","count":null,"env":null,"auth":null})", ""},
      {"", "'with.command' is missing"},
      {"null", "'with.command' is missing"},
      {"[1]", "'with' must be an object, not a list\n'with.command' is missing"},
      {R"({"command":7})", "'with.command' must be a string, not a number"},
      {R"({"command":""})", "'with.command' is missing"},
      {R"({"comand":"x"})", "'with.command' is missing\n'with.comand' is unknown to shell; did you mean 'command'?"},
      {R"({"command":"x","zzzzzz":1})", "'with.zzzzzz' is unknown to shell"},
      {R"({"command":"x","count":11})", "'with.count' must be a whole number from 0 to 10, not a number"},
      {R"({"command":"x","count":"3"})", "'with.count' must be a whole number from 0 to 10, not a string"},
      {R"({"command":"x","argv":"ls"})", "'with.argv' must be a list of strings, not a string"},
      {R"({"command":"x","argv":["a",{}]})", "'with.argv[1]' must be a string or a number, not an object"},
      {R"({"command":"x","env":{"A":[1]}})", "'with.env.A' must be a string, a number or a boolean, not a list"},
      {R"({"command":"x","parse":"jason"})",
       "'with.parse' is 'jason', which is none of: text, json, lines; did you mean 'json'?"},
      {R"({"command":"x","auth":{"baerer":"t"}})", "'with.auth.baerer' is unknown to shell; did you mean 'bearer'?"},
      {R"({"command":"x","auth":"t"})", "'with.auth' must be an object, not a string"},
  };
  for (const Case& c : cases) EXPECT_EQ(mistakes_of(c.json), c.mistakes) << c.json;
  EXPECT_NE(mistakes_of(R"({"command":"x","timeout":"soon"})").find("'with.timeout' is no duration"),
            std::string::npos);
  EXPECT_NE(mistakes_of("{broken").find("the arguments are no JSON"), std::string::npos);
}

TEST(Text, InvalidUtf8IsReplaced) {
  struct Case {
    std::string raw;
    const char* clean;
  };
  const Case cases[] = {
      {"plain", "plain"},
      {"h\xC3\xA9", "h\xC3\xA9"},
      {"\xF0\x9F\x98\x80", "\xF0\x9F\x98\x80"},
      {"a\xFF"
       "b",
       "a\xEF\xBF\xBD"
       "b"},
      {"\xC3", "\xEF\xBF\xBD"},
      {"\xC0\xAF", "\xEF\xBF\xBD\xEF\xBF\xBD"},                  // overlong
      {"\xED\xA0\x80", "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD"},  // surrogate
      {"\xF4\x90\x80\x80", "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD"},
  };
  for (const Case& c : cases) EXPECT_EQ(valid_utf8(c.raw), c.clean);
}

TEST(Text, IsCutBetweenCharacters) {
  EXPECT_EQ(tail("short", 10), "short");
  EXPECT_EQ(tail("0123456789", 7), "...6789");
  EXPECT_EQ(head("0123456789", 7), "0123...");
  EXPECT_EQ(tail("aaaa\xC3\xA9"
                 "123",
                 7),
            "...123");
  EXPECT_EQ(head("aaa\xC3\xA9"
                 "1234",
                 7),
            "aaa...");
}

}  // namespace
}  // namespace perdure::activity
