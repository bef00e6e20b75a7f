#include "expr/expr.h"

#include <gtest/gtest.h>

#include <thread>

#include "base/json.h"

namespace perdure::expr {
namespace {

std::string outputs_of(const char* source, const char* input = "null") {
  const auto program = Program::compile(source);
  if (!program) return "compile: " + program.error().message;
  const auto outputs = (*program)->evaluate_all(parse_json(input).value(), {}, {}, 100);
  if (!outputs) return "error: " + outputs.error().message;
  std::string text;
  for (const Value& output : *outputs) text += (text.empty() ? "" : " ") + to_json(output);
  return text;
}

// What jq 1.6 has is compared with jq itself (tests/jq_diff); here is what is ours.
TEST(Expr, OwnBehaviour) {
  const std::tuple<const char*, const char*, const char*> cases[] = {
      {"9007199254740993 + 1", "null", "9007199254740994"},
      {".", "9223372036854775807", "9223372036854775807"},
      {". + 1", "9223372036854775807", "9223372036854776000"},
      {". * .", "3037000500", "9223372037000250000"},
      {"10 / 2, 7 / 2, -7 % 3", "null", "5 3.5 -1"},
      {"if . then 1 end", "false", "false"},
      {"[.[] | if . > 1 then . end]", "[1,2]", "[1,2]"},
      {"pick(.a, .b.c)", R"({"a":1,"b":{"c":2,"d":3},"e":4})", R"({"a":1,"b":{"c":2}})"},
      {"[trim, ltrim, rtrim]", R"(" a b ")", R"(["a b","a b "," a b"])"},
      {"map(abs)", "[-1,1.5,-0.5]", "[1,1.5,0.5]"},
      {"map(toarray)", "[1,[2]]", "[[1],[2]]"},
      {"[.[] |= empty]", "[1,2,3]", "[[]]"},
      {"try error(null) catch .", "null", "null"},
      {"1 | [limit(4; repeat(. * 2))]", "null", "[1,2,4,8]"},
      {"[limit(0; 1, 2)]", "null", "[]"},
      {"{a: 1 + 2, b: .x // 3}", "null", R"({"a":3,"b":3})"},
      {"gsub(\"\"; \"-\")", "\"abc\"", "\"-a-b-c-\""},
      {"gsub(\"^\"; \">\")", "\"ab\"", "\">ab\""},
      {"gsub(\"(?<c>[a-z])\"; \"<\\(.c)>\")", "\"a1b\"", "\"<a>1<b>\""},
      {"[match(\"\"; \"g\").offset]", "\"abc\"", "[0,1,2,3]"},
      {"test(\"A B # comment\"; \"ix\")", "\"xaby\"", "true"},
      {"[(1, 2) as $x | try (if $x == 1 then error(\"a\") else $x end) catch .]", "null", R"(["a",2])"},
      {"try ((try 1 catch 2) | error(\"later\")) catch .", "null", "\"later\""},
      {"[.[] as [$a] ?// $a | $a]", "[[1],2]", "[1,2]"},
      {"todate, (todate | fromdate)", "1425599621", "\"2015-03-05T23:53:41Z\" 1425599621"},
      {"strptime(\"%d %b %Y\") | mktime | todate", "\"5 Mar 2015\"", "\"2015-03-05T00:00:00Z\""},
      {"strftime(\"%A, %B %d, %Y %j %U\")", "1425599621", "\"Thursday, March 05, 2015 064 09\""},
      {"$__loc__.line", "null", "1"},
      {"indices(\"b\")", "\"\\u00e9b\"", "[1]"},
      {"@base64d", "\"w6k=\"", "\"\\u00e9\""},
      {"path(first(.a, .b)), path(last(.a, .b))", "null", R"(["a"] ["b"])"},
      {".a.b.c", "5", "error: Cannot index number with string \"a\""},
      {"{} | .[0]", "null", "error: Cannot index object with number"},
      {"error({code: 1})", "null", "error: object ({\"code\":1}) (not a string)"},
      {"test(\"(\")", "\"a\"", "error: ( (at offset 0) is not a valid regex: missing ): ("},
      {"test(\"a(?=b)\")", "\"a\"", "error: a(?=b) (at offset 0) is not a valid regex: invalid perl operator: (?="},
  };
  for (const auto& [source, input, wanted] : cases) {
    const std::string expected = std::string_view(wanted) == "\"\\u00e9\"" ? "\"\xC3\xA9\"" : wanted;
    EXPECT_EQ(outputs_of(source, input), expected) << source;
  }
}

TEST(Expr, FirstOutputOrNull) {
  const Value input = parse_json("[1,2]").value();
  EXPECT_EQ(to_json(*Program::compile(".[]").value()->evaluate(input)), "1");
  EXPECT_EQ(to_json(*Program::compile("empty").value()->evaluate(input)), "null");
  EXPECT_EQ(Program::compile(".[]").value()->evaluate_all(input, {}, {}, 1)->size(), 1U);
}

TEST(Expr, Variables) {
  const auto program = Program::compile("[$out.id, $args, now]", {{"out", "args", "now"}}).value();
  const Value variables[] = {Value::object({{"id", Value(7)}}), Value("a"), Value(1.5)};
  EXPECT_EQ(to_json(*program->evaluate(Value(), variables)), R"([7,"a",1.5])");
  EXPECT_EQ(to_json(*program->evaluate(Value(), std::span(variables).first(1))), "[7,null,null]");
}

TEST(Expr, ErrorsSayWhere) {
  const auto result = Program::compile("{a: 1,\n b: (.x | tonumber)}").value()->evaluate(Value::object({{"x", "z"}}));
  ASSERT_FALSE(result.has_value());
  EXPECT_EQ(result.error().kind, EvalError::Kind::raised);
  EXPECT_EQ(result.error().offset, 17U);
  const auto raised = Program::compile("1 | error({a: 2})").value()->evaluate(Value());
  EXPECT_EQ(to_json(raised.error().value), R"({"a":2})");
  EXPECT_EQ(raised.error().offset, 4U);
}

TEST(Expr, CompileErrorsSayWhereAndWhatInstead) {
  struct Case {
    const char* source;
    std::size_t offset;
    const char* message;
    const char* hint;
  };
  const Case cases[] = {
      {"", 0, "the expression ends where an expression is expected", ""},
      {".a +", 4, "the expression ends where an expression is expected", ""},
      {".a b", 3, "unexpected 'b', expected the end of the expression", ""},
      {"(1", 2, "the expression ends where ')' is expected", ""},
      {"[1, 2", 5, "the expression ends where ']' is expected", ""},
      {"{a: 1", 5, "the expression ends where '}' is expected", ""},
      {"{a 1}", 3, "unexpected '1', expected '}'", ""},
      {"lenght", 0, "unknown function 'lenght/0'", "did you mean length/0?"},
      {". | mapp(.a)", 4, "unknown function 'mapp/1'", "did you mean map/1?"},
      {"def total: 1; totl", 14, "unknown function 'totl/0'", "did you mean total/0?"},
      {"qqqqqqqqqq", 0, "unknown function 'qqqqqqqqqq/0'", ""},
      {"1 as $total | $totl", 14, "unknown variable '$totl'", "did you mean $total?"},
      {"$zzz", 0, "unknown variable '$zzz'", ""},
      {"env.HOME", 0, "'env' is not available: expressions can't read the environment",
       "hand the value to the run in its input"},
      {"$ENV.HOME", 0, "'$ENV' is not available: expressions can't read the environment",
       "hand the value to the run in its input"},
      {". | now", 4, "'now' is not available: the same expression must give the same value when a run is replayed",
       "use .run.started_at or an input"},
      {"input", 0, "'input' is not available: an expression has one input, `.`", "use `.`"},
      {"inputs", 0, "'inputs' is not available: an expression has one input, `.`", "use `.`"},
      {"debug", 0, "'debug' is not available: an expression only makes a value", "make it part of the result"},
      {"halt_error(1)", 0, "'halt_error' is not available: an expression can't end the process",
       "use error(\"message\")"},
      {"localtime", 0, "'localtime' is not available: dates are in UTC", "use gmtime and strftime"},
      {"import \"a\" as a; 1", 0, "modules are not available in expressions",
       "write the definitions in the expression"},
      {"a::b", 0, "modules are not available in expressions", ""},
      {"${{ .a }}", 1, "unexpected '{', expected a variable's name",
       "inside ${ } the expression is plain jq; write ${ expression } once, never ${{ }}"},
      {"1 ++ 2", 3, "unexpected '+', expected an expression", ""},
      {".a == 1 == 2", 8, "'==' can't follow another operator of its kind", "use parentheses"},
      {".a && .b", 3, "unexpected '&', expected the end of the expression", "write `and`, `or`, `not` (as `x | not`)"},
      {"'a'", 0, "unexpected ''', expected an expression", "strings are in double quotes"},
      {"\"abc", 4, "the string is not closed", ""},
      {"\"a\\qb\"", 2, "unknown escape in a string", ""},
      {"\"\\u12\"", 1, "\\u needs four hexadecimal digits", ""},
      {"\"\\(1\"", 4, "unexpected '\"', expected ')'", ""},
      {"if 1 then 2", 11, "the expression ends where 'elif', 'else' or 'end' is expected", ""},
      {"if 1 else 2 end", 5, "unexpected 'else', expected 'then'", ""},
      {"break $x", 0, "no label $x surrounds this break", ""},
      {"@bas64", 0, "'@bas64' is not a format",
       "the formats are @text @json @html @uri @csv @tsv @sh @base64 @base64d"},
      {". as 1 | 2", 5, "unexpected '1', expected a pattern: $name, [..] or {..}", ""},
      {"def f: 1", 8, "the expression ends where ';' is expected", ""},
      {"reduce . as $x (0)", 17, "unexpected ')', expected ';'", ""},
      {".[1:2:3]", 5, "unexpected ':', expected ']'", ""},
      {". then", 2, "unexpected 'then', expected the end of the expression", ""},
      {"\xFF", 0, "unexpected '\xFF', expected an expression", ""},
  };
  for (const Case& c : cases) {
    const auto program = Program::compile(c.source);
    ASSERT_FALSE(program.has_value()) << c.source;
    EXPECT_EQ(program.error().message, c.message) << c.source;
    EXPECT_EQ(program.error().offset, c.offset) << c.source;
    EXPECT_EQ(program.error().hint, c.hint) << c.source;
  }
}

std::string use_of(const char* source) {
  const auto program = Program::compile(source, {{"out"}});
  EXPECT_TRUE(program.has_value()) << source;
  if (!program) return "";
  const RootUse& use = (*program)->root_use();
  std::string text = (*program)->constant() ? "constant" : use.whole ? "whole" : "";
  for (const auto& path : use.paths) {
    for (const auto& key : path) text += "." + key;
    text += " ";
  }
  return text;
}

TEST(Expr, RootUse) {
  const std::pair<const char*, const char*> cases[] = {
      {"1 + 2", "constant"},
      {"[1, {a: \"b\"}] | length", "constant"},
      {"$out.id", ""},
      {".", "whole"},
      {".input.a", ".input.a "},
      {".steps.a.output.body.id", ".steps.a.output "},
      {".steps.a.output + .steps.b.output", ".steps.a.output .steps.b.output "},
      {".steps | .a | .output", ".steps.a.output "},
      {".steps[\"a\"].output", ".steps.a.output "},
      {".steps | keys", ".steps "},
      {".steps.a, .steps", ".steps "},
      {"{x: .input.a, y: (.context.b + 1)}", ".context.b .input.a "},
      {"{input}", ".input "},
      {".input as $i | $i.a + $i.b", ".input.a .input.b "},
      {". as $root | $root.input.x", ".input.x "},
      {". as {input: $i} | $i", "whole"},
      {".input.items | map(select(.id == 1))", ".input.items "},
      {".input.items[] | select(.id > 1)", ".input.items "},
      {"\"hello \\(.input.name)\"", ".input.name "},
      {".input.a // .input.b", ".input.a .input.b "},
      {"if .input.a then .input.b else .input.c end", ".input.a .input.b .input.c "},
      {"if .input.a then .input.b end", "whole"},
      {"reduce .input.items[] as $x (0; . + $x)", ".input.items "},
      {"reduce range(3) as $i (.; .a)", "whole"},
      {". as $r | [1] | map($r.input.a)", ".input.a "},
      {"def f: .a; f", "whole"},
      {"def f(x): x; . as $r | 1 | f($r.input)", ".input "},
      {". as $r | def f: $r.input.q; 1 | f", ".input.q "},
      {". as $r | def f: if . > 3 then $r.input.q else . + 1 | f end; 1 | f", ".input.q "},
      {"length", "whole"},
      {"..", "whole"},
      {"select(.input.ok) | .input.value", ".input.ok .input.value "},
      {".input |= 1", "whole"},
      {"any(.input.items[]; .ok)", ".input.items "},
      {".[\"a\" + \"b\"]", "whole"},
      {"try .input.a catch .", ".input.a "},
      {"label $f | .input.a, break $f", ".input.a "},
      {"[.input.tags[] | test(\"x\")]", ".input.tags "},
  };
  for (const auto& [source, wanted] : cases) EXPECT_EQ(use_of(source), wanted) << source;
}

// What the analysis leaves out may not change the result.
TEST(Expr, RootUseIsEnough) {
  const Value document =
      parse_json(R"({"input":{"a":1,"b":[2,3]},"steps":{"s":{"output":{"n":4}}},"context":{"c":5}})").value();
  for (const char* source : {".input.a + .steps.s.output.n", ".input.b | add", ". as $r | 1 | [$r.context.c]",
                             "{x: .input.a, y: (.context | keys)}", ".steps[\"s\"].output.n // .input",
                             "def f(g): [g]; .input.b | f(.[])", "[.input.b[] as $x | $x * 2]"}) {
    const auto program = Program::compile(source).value();
    ASSERT_FALSE(program->root_use().whole) << source;
    Value part;
    for (const auto& path : program->root_use().paths) {
      std::string get = "getpath([";
      std::string keys;
      for (const auto& key : path) keys += (keys.empty() ? "\"" : ",\"") + key + "\"";
      const auto copy =
          Program::compile("setpath([" + keys + "]; $from | getpath([" + keys + "]))", {{"from"}}).value();
      part = copy->evaluate(part, std::span(&document, 1)).value();
    }
    EXPECT_EQ(to_json(program->evaluate(part).value()), to_json(program->evaluate(document).value())) << source;
  }
}

TEST(Expr, OneProgramOnManyThreads) {
  const auto program =
      Program::compile("[.[] | select(test(\"^a\")) | ascii_upcase] | sort | join(\",\") | gsub(\"A\"; \"x\")").value();
  const Value input = parse_json(R"(["ab","b","ac"])").value();
  std::vector<std::thread> threads;
  std::vector<std::string> results(4);
  for (std::size_t t = 0; t < results.size(); ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 500; ++i) results[t] = to_json(program->evaluate(input).value());
    });
  }
  for (auto& thread : threads) thread.join();
  for (const std::string& result : results) EXPECT_EQ(result, "\"xB,xC\"");
}

}  // namespace
}  // namespace perdure::expr
