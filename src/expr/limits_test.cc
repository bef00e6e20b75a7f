// Hostile and runaway programs end by their limits, quickly and in bounded memory.
#include <gtest/gtest.h>

#include <chrono>

#include "base/json.h"
#include "expr/expr.h"

namespace perdure::expr {
namespace {

using Kind = EvalError::Kind;

TEST(Limits, RunawayProgramsEnd) {
  // Names that native functions make once and keep are not this test's concern.
  (void)Program::compile("[\"a\" | match(\"a\")] | map(to_entries)").value()->evaluate(Value());
  const std::pair<const char*, std::vector<Kind>> cases[] = {
      {"[range(1e9)]", {Kind::fuel, Kind::memory}},
      {"[range(infinite)] | length", {Kind::fuel, Kind::memory}},
      {"\"x\" * 1e9", {Kind::memory}},
      {"\"x\" * infinite", {Kind::memory}},
      {"[limit(1e9; repeat(1))]", {Kind::fuel, Kind::memory}},
      {"reduce range(100) as $i (\"x\"; . + .)", {Kind::memory}},
      {"reduce range(100) as $i ([1]; . + .)", {Kind::memory, Kind::fuel}},
      {"reduce range(100) as $i (1; [., .])", {Kind::memory}},
      {"reduce range(100) as $i (1; {a: ., b: .})", {Kind::memory}},
      {"reduce range(100000) as $i (null; [.])", {Kind::depth}},
      {"reduce range(100000) as $i (null; {a: .})", {Kind::depth}},
      {"setpath([range(100000) | \"a\"]; 1)", {Kind::depth}},
      {".[300000000] = 1", {Kind::memory}},
      {"def f: f; f", {Kind::depth}},
      {"def f: 1 + f; f", {Kind::depth}},
      {"def f(g): f(g | g); f(.)", {Kind::depth}},
      {"def f: [f]; f", {Kind::depth}},
      {"def f: ., f; f", {Kind::depth}},
      {"def f($a): f($a + 1); f(0)", {Kind::depth}},
      {"last(repeat(1))", {Kind::fuel}},
      {"until(false; . + 1)", {Kind::fuel}},
      {"[while(true; . + 1)]", {Kind::fuel, Kind::memory}},
      {"[recurse([., .])] | length", {Kind::memory, Kind::fuel, Kind::depth}},
      {"[recurse(., .)]", {Kind::fuel, Kind::memory}},
      {"label $out | foreach repeat(1) as $x (0; . + 1; empty)", {Kind::fuel}},
      {"[range(100000)] | [.[] as $a | .[] | $a]", {Kind::fuel, Kind::memory}},
      {"[range(1000)] | [combinations(3)]", {Kind::fuel, Kind::memory}},
      {"[range(30) | [0, 1]] | [combinations]", {Kind::fuel, Kind::memory}},
      {"\"x\" * 1e6 | explode | map(tojson) | add | explode | length", {Kind::fuel, Kind::memory}},
      {"\"ab\" * 1e6 | split(\"\") | length", {Kind::fuel, Kind::memory}},
      {"\"a\" * 1e6 | gsub(\"a\"; \"bbbbbbbbbbbbbbbbbbbbbbbbbb\")", {Kind::fuel, Kind::memory}},
      {"\"a\" * 100000 | [match(\".*?b|a\"; \"g\")] | length", {Kind::fuel, Kind::memory}},
      {"\"a\" * 1e6 | @html \"\\(.)\" | @base64 | @uri | . * 100", {Kind::memory, Kind::fuel}},
      {"[range(50000)] | reduce range(50000) as $i (.; .[0] as $x | . as $keep | .[$i] = 1)", {Kind::fuel}},
      {"[range(1000)] as $a | [range(2000)] | map($a) | tojson", {Kind::memory, Kind::fuel}},
      {"reduce range(1000000) as $i (\"\"; . + \"0123456789abcdef\")", {Kind::memory, Kind::fuel}},
      {"reduce range(20) as $i ([0]; . + .) | map([.]) | [., ., .] | tostring | test(\"x\")",
       {Kind::fuel, Kind::memory}},
      {"[limit(100000; repeat(\"abc\"))] | join(\"x\" * 1000)", {Kind::memory}},
      {"def f: def g: f; g; f", {Kind::depth}},
      {"path(repeat(.a))", {Kind::depth, Kind::fuel}},
      {"[paths(def f: f; f)]", {Kind::depth}},
      {"walk(repeat(.))", {Kind::fuel}},
      {"\"x\" * 16000 | [range(2000) as $i | test(\"(a|b|c)*d\" + ($i | tostring))]", {Kind::fuel, Kind::raised}},
  };
  for (const auto& [source, kinds] : cases) {
    const auto program = Program::compile(source);
    ASSERT_TRUE(program.has_value()) << source << ": " << program.error().message;
    const std::size_t before = Value::live_bytes();
    const auto started = std::chrono::steady_clock::now();
    const Value input = std::string_view(source).starts_with("[paths") ? Value::array({Value(1)}) : Value();
    const auto outputs = (*program)->evaluate_all(input, {}, {}, 10'000'000);
    const auto took = std::chrono::steady_clock::now() - started;
    ASSERT_FALSE(outputs.has_value()) << source;
    EXPECT_NE(std::find(kinds.begin(), kinds.end(), outputs.error().kind), kinds.end())
        << source << ": " << outputs.error().message;
    EXPECT_LT(std::chrono::duration<double>(took).count(), 20.0) << source;
    EXPECT_EQ(Value::live_bytes(), before + (input.is_null() ? 0 : input.footprint() - sizeof(Value))) << source;
  }
}

TEST(Limits, TheCapsAreTheCallers) {
  const auto program = Program::compile("[range(100)] | length").value();
  EXPECT_TRUE(program->evaluate(Value()).has_value());
  EXPECT_EQ(program->evaluate(Value(), {}, {.fuel = 50}).error().kind, Kind::fuel);
  EXPECT_EQ(program->evaluate(Value(), {}, {.memory_bytes = 500}).error().kind, Kind::memory);
  const auto nested = Program::compile("def f: if . == 0 then 0 else . - 1 | f end; 5 | f").value();
  EXPECT_TRUE(nested->evaluate(Value()).has_value());
  EXPECT_EQ(nested->evaluate(Value(), {}, {.depth = 3}).error().kind, Kind::depth);
}

TEST(Limits, LimitErrorsCannotBeCaught) {
  for (const char* source : {"try last(repeat(1)) catch 1", "[last(repeat(1))?]", "(def f: f; f)? // 1",
                             ". as [$a] ?// $a | last(repeat(1))", "isvalid(last(repeat(1)))"}) {
    const auto result = Program::compile(source).value()->evaluate(Value::array({Value(1)}));
    ASSERT_FALSE(result.has_value()) << source;
    EXPECT_NE(result.error().kind, Kind::raised) << source;
  }
}

TEST(Limits, TheInputDoesNotCountAgainstTheMemory) {
  const Value big = Value::object({{"text", Value(std::string(20 << 20, 'x'))}, {"n", Value(1)}});
  EXPECT_TRUE(Program::compile("{n, again: .}").value()->evaluate(big).has_value());
}

TEST(Limits, LegitimateWorkFits) {
  const std::pair<const char*, const char*> cases[] = {
      {"[range(100000)] | map(. * 2) | add", "9999900000"},
      {"reduce range(100000) as $i ([]; . + [$i]) | length", "100000"},
      {"reduce range(50000) as $i ({}; .[$i | tostring] = $i) | length", "50000"},
      {"[range(20000)] | .[] += 1 | add", "200010000"},
      {"0 | until(. >= 100000; . + 1)", "100000"},
      {"last(limit(100000; repeat(7)))", "7"},
      {"def fac: if . <= 1 then 1 else . * (. - 1 | fac) end; 20 | fac", "2432902008176640000"},
      {"def f: if . == 0 then 0 else . - 1 | f end; 200 | f", "0"},
      {"[range(50000) | tostring] | sort | unique | length", "50000"},
      {"[range(10000) | {id: ., g: (. % 10)}] | group_by(.g) | map(length) | unique", "[1000]"},
  };
  for (const auto& [source, wanted] : cases) {
    const auto result = Program::compile(source).value()->evaluate(Value());
    ASSERT_TRUE(result.has_value()) << source << ": " << result.error().message;
    EXPECT_EQ(to_json(*result), wanted) << source;
  }
}

std::string repeated(std::string_view text, std::size_t times) {
  std::string out;
  for (std::size_t i = 0; i < times; ++i) out += text;
  return out;
}

// Whatever the source, compiling and running it ends without using up the stack.
TEST(Limits, DeepSourcesAreRefusedOrRun) {
  constexpr std::size_t k_many = 20'000;
  const std::string sources[] = {repeated("(", k_many),
                                 repeated("[", k_many),
                                 repeated("{a:", k_many),
                                 repeated("-", k_many),
                                 repeated("\"\\(", k_many),
                                 repeated("def f: ", k_many),
                                 repeated("if ", k_many),
                                 repeated("try ", k_many),
                                 repeated("1 as $x|", k_many / 4) + "1",
                                 repeated("label $x|", k_many / 4) + "1",
                                 ". as " + repeated("[", k_many),
                                 ". as " + repeated("{a:", k_many),
                                 "1" + repeated("+1", k_many),
                                 "1" + repeated("//1", k_many),
                                 "1" + repeated("|1", k_many),
                                 "1" + repeated(",1", k_many),
                                 "." + repeated("[0]", k_many),
                                 ".a" + repeated(".a", k_many),
                                 "." + repeated("?", k_many),
                                 "if 1 then 1 " + repeated("elif 1 then 1 ", k_many / 8) + "else 1 end",
                                 repeated("reduce 1 as $x (", k_many / 8),
                                 repeated("1|", 500) + "1" + repeated("+1", 200),
                                 repeated("def f: 1;", 3000) + "f",
                                 repeated("(", 200) + "1" + repeated(")", 200),
                                 "." + repeated("|(.,.)", 2000),
                                 "[" + repeated("[", 60) + "1" + repeated("]", 60) + "]"};
  for (const std::string& source : sources) {
    const auto program = Program::compile(source);
    if (!program) {
      EXPECT_FALSE(program.error().message.empty());
      continue;
    }
    const auto outputs = (*program)->evaluate_all(Value(), {}, {}, 1000);
    if (!outputs) { EXPECT_FALSE(outputs.error().message.empty()); }
  }
  EXPECT_FALSE(Program::compile(std::string(k_expr_source_bytes_max + 1, ' ') + "1").has_value());
}

}  // namespace
}  // namespace perdure::expr
