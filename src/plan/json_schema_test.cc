#include "plan/json_schema.h"

#include <gtest/gtest.h>

#include "base/json.h"
#include "plan/spelling.h"

namespace perdure::plan {
namespace {

Value json(std::string_view text) {
  auto v = parse_json(text);
  EXPECT_TRUE(v.has_value()) << text;
  return v ? *v : Value();
}

struct Case {
  const char* schema;
  const char* instance;
  const char* errors;
};  // "pointer message; …", empty when it fits

const Case k_cases[] = {
    {"null", "1", ""},
    {"true", "1", ""},
    {"false", "1", " is not allowed here"},
    {R"({"type":"string"})", "1", " must be a string, not a number"},
    {R"({"type":["string","null"]})", "null", ""},
    {R"({"type":["string","null"]})", "[]", " must be a string or null, not an array"},
    {R"({"type":"integer"})", "1.0", ""},
    {R"({"type":"integer"})", "1.5", " must be a whole number, not a number"},
    {R"({"type":"number"})", "1", ""},
    {R"({"required":["a","b"]})", R"({"a":1})", "/b is required"},
    {R"({"required":["a"]})", "[]", ""},
    {R"({"properties":{"a":{"type":"string"}}})", R"({"a":1,"b":2})", "/a must be a string, not a number"},
    {R"({"properties":{"quantity":{}},"additionalProperties":false})", R"({"quantty":1})",
     R"( has an unknown member "quantty"; did you mean "quantity"?)"},
    {R"({"additionalProperties":{"type":"number"}})", R"({"a":"x"})", "/a must be a number, not a string"},
    {R"({"patternProperties":{"^x":{"type":"number"}},"additionalProperties":false})", R"({"x1":1,"y":2})",
     R"( has an unknown member "y")"},
    {R"({"propertyNames":{"maxLength":2}})", R"({"abc":1})",
     R"( has a member "abc", which is not a name allowed here)"},
    {R"({"minProperties":1})", "{}", " must have at least 1 members, not 0"},
    {R"({"dependentRequired":{"a":["b"]}})", R"({"a":1})", R"( has "a" and therefore needs "b")"},
    {R"({"items":{"type":"number"}})", R"([1,"x",2,"y"])",
     "/1 must be a number, not a string; /3 must be a number, not a string"},
    {R"({"prefixItems":[{"type":"string"}],"items":false})", R"(["a",1])", "/1 is not allowed here"},
    {R"({"items":[{"type":"string"}],"additionalItems":false})", R"(["a",1])", "/1 is not allowed here"},
    {R"({"contains":{"const":3}})", "[1,2]", " has no item of the kind that is required"},
    {R"({"contains":{"const":3}})", "[1,3]", ""},
    {R"({"minItems":2,"maxItems":3})", "[1]", " must have at least 2 items, not 1"},
    {R"({"uniqueItems":true})", R"([1,{"a":1},1.0])", " has 1 more than once"},
    {R"({"enum":["red","green"]})", R"("gren")",
     R"( must be one of "red", "green", not "gren"; did you mean "green"?)"},
    {R"({"const":{"a":1}})", R"({"a":1})", ""},
    {R"({"const":5})", "6", " must be 5"},
    {R"({"minimum":1,"maximum":3})", "0", " must be at least 1"},
    {R"({"exclusiveMinimum":1})", "1", " must be more than 1"},
    {R"({"exclusiveMaximum":1})", "1", " must be less than 1"},
    {R"({"multipleOf":0.1})", "0.3", ""},
    {R"({"multipleOf":2})", "3", " must be a multiple of 2"},
    {R"({"minLength":3})", "\"\xc3\xa9\xc3\xa9\"", " must have at least 3 characters, not 2"},
    {R"({"maxLength":1})", "\"\xc3\xa9\"", ""},
    {R"({"pattern":"^a+$"})", R"("aab")", R"( must match "^a+$")"},
    {R"({"pattern":"("})", R"("a")", R"( can't be checked: the schema's pattern "(" is not understood)"},
    {R"({"format":"date-time"})", R"("2026-01-01")", " must be a point in time like 2026-01-31T09:00:00Z"},
    {R"({"format":"date-time"})", R"("2026-01-01T00:00:00Z")", ""},
    {R"({"format":"date"})", R"("2026-13-01")", " must be a date like 2026-01-31"},
    {R"({"format":"time"})", R"("09:00:00")", ""},
    {R"({"format":"duration"})", R"("5m")", " must be a duration like PT5M"},
    {R"({"format":"email"})", R"("a@b.example")", ""},
    {R"({"format":"email"})", R"("a b@c")", " must be an e-mail address"},
    {R"({"format":"uri"})", R"("/path")", " must be a URI like https://example.com/"},
    {R"({"format":"uuid"})", R"("123e4567-e89b-12d3-a456-426614174000")", ""},
    {R"({"format":"ipv4"})", R"("1.2.3")", " must be an IPv4 address"},
    {R"({"format":"ipv4"})", R"("1.2.3.256")", " must be an IPv4 address"},
    {R"({"format":"hostname"})", R"("a-.b")", " must be a host name"},
    {R"({"format":"unheard-of"})", R"("x")", ""},
    {R"({"allOf":[{"minimum":1},{"maximum":2}]})", "3", " must be at most 2"},
    {R"({"anyOf":[{"type":"string"},{"type":"null"}]})", "3", " fits none of the 2 alternatives"},
    {R"({"anyOf":[{"type":"string"}]})", "3", " must be a string, not a number"},
    {R"({"oneOf":[{"minimum":1},{"maximum":5}]})", "3", " fits 2 of the alternatives, where exactly one may fit"},
    {R"({"oneOf":[{"minimum":5},{"maximum":1}]})", "0", ""},
    {R"({"not":{"type":"string"}})", R"("x")", " is of a kind that is excluded here"},
    {R"({"if":{"type":"string"},"then":{"minLength":2},"else":{"minimum":2}})", "1", " must be at least 2"},
    {R"({"if":{"type":"string"},"then":{"minLength":2}})", R"("a")", " must have at least 2 characters, not 1"},
    {R"({"$ref":"#/$defs/p","$defs":{"p":{"type":"string"}}})", "1", " must be a string, not a number"},
    {R"({"$ref":"#/$defs/q"})", "1", R"( can't be checked: the schema refers to "#/$defs/q", which is not in it)"},
    {R"({"$ref":"#"})", "1", " can't be checked: the schema nests too deeply or asks for too much work"},
    {R"({"properties":{"a/b":{"items":{"type":"string"}}}})", R"({"a/b":[1]})",
     "/a~1b/0 must be a string, not a number"},
    {R"({"properties":{"n":{"$ref":"#"}},"additionalProperties":false})", R"({"n":{"n":{"x":1}}})",
     R"(/n/n has an unknown member "x")"},
};

TEST(JsonSchema, Validates) {
  for (const Case& c : k_cases) {
    std::string got;
    for (const SchemaError& e : validate_schema(json(c.schema), json(c.instance)))
      got += (got.empty() ? "" : "; ") + e.pointer + " " + e.message;
    EXPECT_EQ(got, c.errors) << c.schema << " of " << c.instance;
  }
}

TEST(JsonSchema, IsBounded) {
  const Value schema =
      json(R"({"$ref":"#/$defs/x","$defs":{"x":{"anyOf":[{"$ref":"#/$defs/x"},{"$ref":"#/$defs/x"}]}}})");
  const auto errors = validate_schema(schema, Value(1));
  ASSERT_FALSE(errors.empty());
  EXPECT_NE(errors.back().message.find("too much work"), std::string::npos);
  std::vector<Value> many(10'000, Value("x"));
  EXPECT_EQ(validate_schema(json(R"({"items":{"type":"number"}})"), Value::array(many)).size(), SchemaLimits{}.errors);
}

TEST(JsonSchema, FillsDefaults) {
  const auto filled = [](const char* schema, const char* instance) {
    return to_json(fill_defaults(json(schema), json(instance)));
  };
  EXPECT_EQ(filled(R"({"properties":{"a":{"default":1},"b":{"default":2},"c":{}}})", R"({"b":5})"), R"({"b":5,"a":1})");
  EXPECT_EQ(filled(R"({"properties":{"o":{"properties":{"x":{"default":1}}}}})", R"({"o":{}})"), R"({"o":{"x":1}})");
  EXPECT_EQ(filled(R"({"properties":{"o":{"default":{},"properties":{"x":{"default":1}}}}})", "{}"),
            R"({"o":{"x":1}})");
  EXPECT_EQ(filled(R"({"items":{"properties":{"x":{"default":1}}}})", R"([{},{"x":2}])"), R"([{"x":1},{"x":2}])");
  EXPECT_EQ(filled(R"({"allOf":[{"$ref":"#/$defs/d"}],"$defs":{"d":{"properties":{"x":{"default":1}}}}})", "{}"),
            R"({"x":1})");
  EXPECT_EQ(filled(R"({"properties":{"a":{"default":1}}})", "7"), "7");
  EXPECT_EQ(filled(R"({"$ref":"#"})", "{}"), "{}");
}

TEST(JsonSchema, ChecksSchemas) {
  const auto wrong = [](const char* schema) {
    const auto errors = check_schema(json(schema));
    return errors.empty() ? std::string() : to_string(errors[0], "input");
  };
  EXPECT_EQ(wrong(R"({"type":"object","properties":{"a":{"type":"string","pattern":"^x"}}})"), "");
  EXPECT_EQ(wrong("5"), "input must be a schema: an object, true or false");
  EXPECT_EQ(wrong(R"({"properties":{"a":{"type":"strin"}}})"),
            "input.properties.a.type must be null, boolean, number, integer, string, array or object");
  EXPECT_EQ(wrong(R"({"required":"a"})"), "input.required must be an array of names");
  EXPECT_EQ(wrong(R"({"minLength":-1})"), "input.minLength must be a whole number, zero or more");
  EXPECT_EQ(wrong(R"({"pattern":"("})").substr(0, 58), "input.pattern is not a regular expression of RE2: missing ");
  EXPECT_EQ(wrong(R"({"anyOf":[{},{"$ref":"#/nowhere"}]})"),
            "input.anyOf[1].$ref must point into this document, like #/$defs/name");
  EXPECT_EQ(wrong(R"({"enum":[]})"), "input.enum must be an array of values");
}

TEST(Spelling, Nearest) {
  EXPECT_EQ(nearest("retyr", {"retry", "return"}), "retry");
  EXPECT_EQ(nearest("Depends-On", {"depends_on"}), "depends_on");
  EXPECT_EQ(nearest("cal", {"wait", "call", "all"}), "call");
  EXPECT_EQ(nearest("xyz", {"retry", "call"}), "");
  EXPECT_EQ(nearest("a", {"b"}), "");
  EXPECT_EQ(nearest(std::string(1 << 20, 'x'), {"x"}), "");
  EXPECT_EQ(edit_distance("abcd", "abdc", 3), 1U);
  EXPECT_EQ(edit_distance("abc", "xyz", 2), 3U);
}

}  // namespace
}  // namespace perdure::plan
