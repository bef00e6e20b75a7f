#include "cli/input.h"

#include <gtest/gtest.h>

#include "base/json.h"
#include "cli/testing.h"

namespace perdure::cli {
namespace {

Value json(std::string_view text) { return parse_json(text).value(); }

struct Case {
  std::vector<std::string> given;
  std::string schema, input, error;
};

TEST(Input, IsReadByTheSchema) {
  const std::string schema =
      R"({"type":"object","properties":{"n":{"type":"integer"},"s":{"type":"string"},"x":{"type":["number","null"]},)"
      R"("b":{"type":"boolean"},"tags":{"type":"array","items":{"type":"string"}},"o":{"type":"object"}}})";
  const std::vector<Case> cases = {
      {{}, "null", "null", ""},
      {{}, schema, "{}", ""},
      {{"[1,2]"}, "null", "[1,2]", ""},
      {{"\"a=b\""}, "null", "\"a=b\"", ""},
      {{"n=42", "s=42"}, schema, R"({"n":42,"s":"42"})", ""},
      {{"s=a=b"}, schema, R"({"s":"a=b"})", ""},
      {{"s="}, schema, R"({"s":""})", ""},
      {{"x=null"}, schema, R"({"x":null})", ""},
      {{"x=2.5", "b=true"}, schema, R"({"x":2.5,"b":true})", ""},
      {{"tags=a", "tags=7"}, schema, R"({"tags":["a","7"]})", ""},
      {{R"(tags=["a"])"}, schema, R"({"tags":["a"]})", ""},
      {{R"({"tags":["old"],"n":1})", "tags=new", "n=2"}, schema, R"({"tags":["new"],"n":2})", ""},
      {{"n=1"}, "null", R"({"n":1})", ""},
      {{"who=Ann Smith"}, "null", R"({"who":"Ann Smith"})", ""},
      {{"-"}, "null", R"({"from":"stdin"})", ""},
      {{"n=1.5"}, schema, "", "input n is '1.5'; the workflow wants an integer"},
      {{"b=yes"}, schema, "", "input b is 'yes'; the workflow wants a boolean"},
      {{"x=many"}, schema, "", "wants a number or null"},
      {{"o=[1]"}, schema, "", "wants an object"},
      {{"{", "n=1"}, schema, "", "--input is no JSON"},
      {{"[1]", "n=1"}, schema, "", "is no object"},
      {{"{}", "{}"}, schema, "", "two documents"},
      {{"just text"}, "null", "", "--input is no JSON"},
      {{"@/nowhere/file.json"}, "null", "", "/nowhere/file.json does not exist"},
  };
  for (const Case& one : cases) {
    testing::FakeIo io;
    io.stdin_text = R"({"from": "stdin"})";
    const Result<Value> input = read_input(io, one.given, json(one.schema));
    if (!one.error.empty()) {
      ASSERT_FALSE(input) << to_json(*input);
      EXPECT_NE(input.error().message.find(one.error), std::string::npos) << input.error().message;
    } else {
      ASSERT_TRUE(input) << input.error().message;
      EXPECT_EQ(to_json(*input), one.input);
    }
  }
}

}  // namespace
}  // namespace perdure::cli
