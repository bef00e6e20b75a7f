// What the golden files don't say: bounds, size, tasks of a map, what this build can't run.
#include "loaders/load.h"

#include <gtest/gtest.h>

#include <ctime>

#include "base/json.h"
#include "loaders/format.h"
#include "loaders/patterns.h"
#include "loaders/schema.h"
#include "loaders/yaml_tree.h"
#include "plan/json_schema.h"
#include "plan/view.h"

namespace perdure::loaders {
namespace {

using std::string;
using std::string_view;

string times(std::size_t n, const string& part) {
  string out;
  out.reserve(n * part.size());
  for (std::size_t i = 0; i < n; ++i) out += part;
  return out;
}

std::shared_ptr<const plan::Plan> loaded(const string& text) {
  const Loaded l = load_native(text, "t.yaml");
  EXPECT_TRUE(l.ok()) << render(l.diagnostics, false);
  return l.plan;
}

// Processor time, so that a busy machine doesn't make a test fail.
int cpu_ms(std::clock_t since) { return static_cast<int>((std::clock() - since) * 1000 / CLOCKS_PER_SEC); }

struct Hostile {
  const char* name;
  string text;
  const char* says;
};

std::vector<Hostile> hostile() {
  const string head = "name: x\nsteps:\n";
  string bomb = "name: x\nmetadata:\n  a: &a [1,1,1,1,1,1,1,1,1]\n";
  for (char c = 'b'; c < 'k'; ++c)
    bomb += string("  ") + c + ": &" + c + " [" + times(8, string("*") + static_cast<char>(c - 1) + ",") + "]\n";
  string nested = head;
  for (int i = 0; i < 100; ++i)
    nested += string(static_cast<std::size_t>(2 * i), ' ') + "- id: s" + std::to_string(i) + "\n" +
              string(static_cast<std::size_t>(2 * i), ' ') + "  steps:\n";
  return {
      {"brackets", times(1'000'000, "["), "nested more than 64 deep"},
      {"braces", times(1'000'000, "{"), "a key must be a text"},
      {"brackets with items", times(500'000, "[a,"), "nested more than 64 deep"},
      {"dashes", times(1'000'000, "- "), "nested more than 64 deep"},
      {"question marks", times(500'000, "? "), "a key must be a text"},
      {"nested steps", nested, "nested more than 64 deep"},
      {"alias bomb", bomb, "aliases expand to more than 10000 nodes"},
      {"many nodes", "[" + times(2'100'000, "a,") + "]", "more than 2000000 YAML nodes"},
      {"too large", times(17 << 20, "#"), "bytes, the limit is 16777216"},
      {"10 MB plain", "name: " + times(10'000'000, "x"), "at most 255 bytes"},
      {"10 MB quoted", "name: \"" + times(10'000'000, "x") + "\"", "at most 255 bytes"},
      {"10 MB block", "name: |\n" + times(2'500'000, "  x\n"), "at most 255 bytes"},
      {"1 MB identifier", head + "  - {id: \"" + times(1 << 20, "x") + "\", set: {a: 1}}", "at most 255 bytes"},
      {"1 MB key", times(1 << 20, "x") + ": a", "not valid YAML"},
      {"1 MB expression", head + "  - {id: a, set: {x: \"${ " + times(1 << 20, "(") + " }\"}}",
       "more than the limit of 65536"},
      {"1 MB expression, closed", head + "  - {id: a, set: {x: \"${ " + times(1 << 20, "1+") + "1 }\"}}", "error:"},
      {"expression nesting", head + "  - {id: a, set: {x: \"${ " + times(20'000, "[") + times(20'000, "]") + " }\"}}",
       "error:"},
      {"many expressions", head + "  - {id: a, set: {x: \"" + times(1'000'000, "${.}") + "\"}}",
       "expressions (the limit)"},
      {"many mistakes", head + times(20'000, "  - {x: 1}\n"), "too many mistakes"},
      {"many unknown", head + times(20'000, "  - {id: a, depends_on: [b]}\n"), "too many mistakes"},
      {"NUL", string("name: x\0y\n", 10), "not valid text"},
      {"broken UTF-8", "name: \xc3\x28\n", "not valid text"},
      {"overlong UTF-8", "name: \xc0\xaf\n", "not valid text"},
      {"UTF-16", string("\xff\xfen\0a\0", 6), "not valid text"},
      {"tabs", times(1'000'000, "\t"), "spaces, not tabs"},
      {"unclosed quote", "name: \"" + times(1'000'000, "x\n"), "not valid YAML"},
      {"documents", times(500'000, "---\n"), "one workflow is one file"},
      {"tags", times(500'000, "!a "), "has no meaning here"},
      {"anchors", "[" + times(300'000, "&a b,") + "]", "a workflow file is a mapping"},
      {"merge chain", "name: x\nmetadata:\n  a: &a {k: 1}\n  b: {<<: [" + times(20'000, "*a,") + "]}\n",
       "aliases expand"},
      {"twins", "name: x\nmetadata: {" + times(100'000, "a: 1, ") + "}\n", "written twice"},
  };
}

TEST(Hostile, IsAnsweredClearlyAndSoon) {
  for (const Hostile& h : hostile()) {
    const std::clock_t start = std::clock();
    const Loaded l = load_native(h.text, "h.yaml");
    const auto took = cpu_ms(start);
    EXPECT_FALSE(l.ok()) << h.name;
    const string said = render(l.diagnostics, false);
    EXPECT_NE(said.find(h.says), string::npos) << h.name << ": " << said.substr(0, 2'000);
    EXPECT_LT(said.size(), 200'000U) << h.name;
    EXPECT_LT(took, 5'000) << h.name;  // a few hundred at most; this may be a sanitizer's build
    RecordProperty(h.name, took);
  }
}

TEST(Limits, AreConfigurable) {
  const string text = "name: x\nsteps:\n  - {id: a, set: {x: [[1]]}}\n  - {id: b, set: {x: 1}}\n";
  EXPECT_TRUE(load_native(text, "f").ok());
  const auto refused = [&](auto change, const char* says) {
    LoadLimits limits;
    change(limits);
    const Loaded l = load_native(text, "f", limits);
    EXPECT_FALSE(l.ok());
    EXPECT_NE(render(l.diagnostics, false).find(says), string::npos) << render(l.diagnostics, false);
  };
  refused([](LoadLimits& l) { l.file_bytes = 20; }, "bytes, the limit is 20");
  refused([](LoadLimits& l) { l.depth = 5; }, "nested more than 5 deep");
  refused([](LoadLimits& l) { l.nodes = 10; }, "more than 10 YAML nodes");
  refused([](LoadLimits& l) { l.steps = 1; }, "more than 1 steps");
}

TEST(Size, AHundredThousandStepsOfADag) {
  string text = "name: wide\nsteps:\n";
  for (int i = 0; i < 100'000; ++i) {
    const string id = std::to_string(i);
    text += "  - {id: s" + id + ", call: noop, with: {n: " + id + "}, depends_on: [" +
            (i == 0 ? "" : "s" + std::to_string(i / 2)) + "]}\n";
  }
  text.replace(text.find("depends_on: [s0]"), 16, "depends_on: []  ");  // s1, s0 have none
  const auto known = KnownActivities::with({"noop"});
  const std::clock_t start = std::clock();
  const Loaded l = load_native(text, "wide.yaml", {}, known);
  const auto took = cpu_ms(start);
  ASSERT_TRUE(l.ok()) << render(l.diagnostics, false).substr(0, 1'000);
  EXPECT_EQ(l.plan->nodes.size(), 100'001U);
  EXPECT_EQ(plan::resolve_step(*l.plan, 5, "s99999"), 100'000U);
  RecordProperty("load_ms", took);
  EXPECT_LT(took, 15'000);
  const auto again = plan::decode(l.plan->encoded.view());
  ASSERT_TRUE(again.has_value());
  EXPECT_EQ((*again)->hash, l.plan->hash);
  EXPECT_EQ(plan::outline(*l.plan).waves.size(), 17U);
}

TEST(Places, OfExpressionsInTheFile) {
  // The place of each expression, by what stands there.
  const string text =
      "name: x\nsteps:\n"
      "  - id: a\n    set:\n"
      "      p: ${ .input.A }\n"
      "      q: 'it''s ${ .input.B }'\n"
      "      d: \"\\u00e9\\t${ .input.C }\"\n"
      "      é: \"é ${ .input.D }\"\n"
      "      l: |\n        one\n        two ${ .input.E }\n"
      "      f: >-\n        one\n        two ${ .input.F }\n"
      "      m: \"one\n        two ${ .input.G }\"\n"
      "    when: .input.H\n";
  const auto plan = loaded(text);
  ASSERT_TRUE(plan);
  const SourceText source(text, "f");
  ASSERT_EQ(plan->exprs.size(), 8U);
  for (const plan::Expression& e : plan->exprs) {
    const string_view line = source.line(e.place.line);
    std::size_t at = 0;
    for (std::uint32_t c = 1; c < e.place.column; ++c)
      for (++at; at < line.size() && (line[at] & 0xc0) == 0x80;) ++at;
    EXPECT_EQ(line.substr(at, e.source.size()), e.source) << e.place.line << ":" << e.place.column;
  }
}

TEST(Hash, IsOfTheMeaning) {
  const auto a = loaded("name: x\nsteps:\n  - {id: a, set: {x: 1}}\n");
  const auto commented = loaded("# a comment\nname: x\n\nsteps:\n    -   id: a\n        set:\n            x: 1\n");
  const auto other = loaded("name: x\nsteps:\n  - {id: a, set: {x: 2}}\n");
  EXPECT_EQ(a->hash, commented->hash);
  EXPECT_NE(a->hash, other->hash);
  EXPECT_EQ(a->hash.size(), 64U);
}

TEST(Decode, IsTotalOnDamagedBytes) {
  const auto plan = loaded(string(find_pattern("provisioning")->text));
  const string good(plan->encoded.view());
  std::size_t refused = 0;
  for (std::size_t at = 0; at < good.size(); ++at) {
    for (const unsigned char flip : {0x01, 0x80, 0xff}) {
      string bad = good;
      bad[at] = static_cast<char>(bad[at] ^ flip);
      if (!plan::decode(bad)) ++refused;
    }
    if (!plan::decode(string_view(good).substr(0, at))) ++refused;
  }
  EXPECT_GT(refused, good.size());  // what is accepted is another plan (a changed text or number), never a crash
  EXPECT_EQ(plan::decode("").error().code, ErrorCode::corrupt);
  EXPECT_EQ(plan::decode(good + "x").error().code, ErrorCode::corrupt);
  string newer = good;
  newer[4] = 9;
  EXPECT_EQ(plan::decode(newer).error().code, ErrorCode::unsupported);
}

TEST(Tasks, OfAMap) {
  const auto tasks = parse_json(R"([{"id": "a", "call": "shell", "with": {"argv": ["ls"]}},
                                    {"id": "b", "depends_on": ["a"], "set": {"x": "${ .steps.a.output.stdout }"}}])");
  const Loaded good = load_tasks(*tasks, "dyn");
  ASSERT_TRUE(good.ok()) << render(good.diagnostics, false);
  EXPECT_EQ(good.plan->name, "dyn");
  EXPECT_EQ(good.plan->nodes[0].kind, plan::Kind::dag);
  EXPECT_EQ(good.plan->nodes[0].edges[0], std::vector<std::uint32_t>{1});
  for (const char* bad : {"null", "5", "[]", "[1]", R"([{"id": "a"}])",
                          R"([{"id": "a", "set": {}, "depends_on": ["b"]}])", R"({"a": 1})"}) {
    const Loaded l = load_tasks(*parse_json(bad), "dyn");
    EXPECT_FALSE(l.ok()) << bad;
    EXPECT_FALSE(l.diagnostics.empty()) << bad;
  }
}

TEST(Available, NamesTheFirstStepThatCannotRun) {
  const auto plan = loaded("name: x\nsteps:\n  - {id: a, set: {x: 1}}\n  - {id: post, tool: slack, action: send}\n");
  EXPECT_EQ(not_available(*plan), "line 4: step `post` calls the tool `slack`, which is not available in this build");
  const auto fine = loaded("name: x\nsteps:\n  - {id: a, script: ls}\n");
  EXPECT_EQ(not_available(*fine), std::nullopt);
}

TEST(Load, OpenApiCallsThatProveThemselvesInWaysThisBuildLacks) {
  const auto missing = [](const string& document, const string& more) {
    const auto plan = loaded("name: x\nsteps:\n  - {id: a, call: openapi, with: {document: {endpoint: " + document +
                             "}, operationId: o" + more + "}}\n");
    return not_available(*plan);
  };
  EXPECT_EQ(missing("'https://a.example'", ", authentication: {oauth2: {grant: password}}"), std::nullopt);
  EXPECT_EQ(
      missing(
          "{uri: 'https://a.example', authentication: {oidc: {grant: authorization_code, authority: \"${ .input }\"}}}",
          ""),
      "line 3: step `a` authenticates by oidc with the grant authorization_code, which is not available in this build");
}

TEST(Load, AYamlTextAsAValue) {
  EXPECT_EQ(to_json(*yaml_value("openapi: 3.0.0\npaths:\n  /a: {get: {responses: {200: {x: on}}}}\n")),
            R"({"openapi":"3.0.0","paths":{"/a":{"get":{"responses":{"200":{"x":"on"}}}}}})");
  EXPECT_EQ(yaml_value("a: [").error().message.substr(0, 5), "line ");
  EXPECT_FALSE(yaml_value(""));
  EXPECT_FALSE(yaml_value("a: 1\na: 2\n"));
}

TEST(Diagnostics, AsJson) {
  const Loaded l = load_native("name: x\nsteps:\n  - {id: a, cal: http}\n", "f.yaml");
  ASSERT_EQ(l.diagnostics.size(), 1U);
  EXPECT_EQ(to_json(to_json(l.diagnostics[0])),
            R"({"file":"f.yaml","line":3,"column":13,"severity":"error","message":"a step has no field `cal`",)"
            R"("hint":"did you mean `call`?","line_text":"  - {id: a, cal: http}"})");
}

TEST(Schema, AcceptsWhatLoadsAndRefusesWhatDoesNot) {
  const Value schema = dialect_schema();
  EXPECT_TRUE(plan::check_schema(schema).empty()) << plan::to_string(plan::check_schema(schema)[0], "schema");
  const auto errors = [&](string_view text) {
    std::vector<Diagnostic> problems;
    const SourceText source(text, "f");
    const auto tree = read_yaml(source, {}, problems);
    EXPECT_TRUE(tree.has_value());
    return plan::validate_schema(schema, to_value(*tree, tree->root()));
  };
  for (const Pattern& p : patterns()) {
    const auto wrong = errors(p.text);
    EXPECT_TRUE(wrong.empty()) << p.name << ": " << plan::to_string(wrong[0], "file");
  }
  EXPECT_FALSE(errors("name: x\nsteps: [{id: a, cal: http}]").empty());
  EXPECT_FALSE(errors("name: x\nsteps: []").empty());
  EXPECT_FALSE(errors("name: x\nsteps: [{id: a, call: http, retry: {max_atempts: 2}}]").empty());
}

TEST(Patterns, AreTenAndRunHere) {
  EXPECT_EQ(patterns().size(), 10U);
  for (const Pattern& p : patterns()) {
    EXPECT_FALSE(p.title.empty()) << p.name;
    const string mine = instantiate(p, "my-flow");
    const auto plan = loaded(mine);
    ASSERT_TRUE(plan) << p.name;
    EXPECT_EQ(plan->name, "my-flow");
    EXPECT_EQ(not_available(*plan), std::nullopt) << p.name;
    EXPECT_NE(mine.find("my-flow.yaml"), string::npos) << p.name;
  }
  EXPECT_EQ(find_pattern("map-reduce"), find_pattern("map_reduce"));
  EXPECT_EQ(find_pattern("nothing"), nullptr);
}

TEST(Format, TidiesWithoutChangingMeaning) {
  const auto formatted = [](const string& text) { return *format_yaml(text); };
  EXPECT_EQ(
      formatted("name:   x   \n\n\n\nsteps:\n-   id: a\n    set:\n        x: 1\n        # about y\n        y: |\n      "
                "      text\n              more\n# end"),
      "name:   x\n\nsteps:\n- id: a\n  set:\n    x: 1\n    # about y\n    y: |\n        text\n          more\n# end\n");
  EXPECT_EQ(formatted("a:\n    - - 1\n      - 2\n    -   b: [1,\n          2]\n        c: \"x  \n          y\"\n"),
            "a:\n  - - 1\n    - 2\n  - b: [1,\n      2]\n    c: \"x  \n      y\"\n");
  EXPECT_EQ(formatted("a: |+\n  x\n\n\nb: 1\r\n"), "a: |+\n  x\n\n\nb: 1\n");
  EXPECT_EQ(format_yaml("a: b: c").error().code, ErrorCode::invalid);
}

TEST(View, WavesAndCriticalPath) {
  const auto plan = loaded(
      "name: v\nversion: 2\nsteps:\n"
      "  - {id: a, wait: 1s}\n  - {id: b, wait: 1s, depends_on: [a]}\n  - {id: c, wait: 1s, depends_on: [a]}\n"
      "  - id: d\n    depends_on: [c]\n    steps: [{id: d1, wait: 1s}, {id: d2, wait: 1s}]\n"
      "  - {id: e, wait: 1s, depends_on: [b, d]}\n");
  EXPECT_EQ(plan::outline_text(*plan, plan::outline(*plan)),
            "v 2: 6 steps in 5 waves\n  1  a\n  2  b, c\n  3  d.d1\n  4  d.d2\n  5  e\ncritical path: a -> c -> d.d1 "
            "-> d.d2 -> e (5 steps)\n");
  const plan::Durations slow_b{{"b", 60'000}, {"a", 1'000}, {"e", 500}};
  EXPECT_EQ(to_json(plan::outline_json(*plan, plan::outline(*plan, slow_b), slow_b)).substr(0, 30),
            R"({"name":"v","version":"2","has)");
  EXPECT_EQ(plan::outline(*plan, slow_b).critical_ms, 61'500);
}

TEST(View, Differences) {
  const auto before = loaded(
      "name: x\nversion: 1\nsteps:\n  - {id: a, set: {x: 1}}\n  - {id: b, wait: 1s}\n  - id: c\n    steps: [{id: d, "
      "wait: 1s}]\n");
  const auto after = loaded(
      "name: x\nversion: 2\nsteps:\n  - {id: a, set: {x: \"${ .input.y }\"}}\n  - id: c\n    steps: [{id: d, wait: "
      "1s}, {id: e, wait: 2s}]\n");
  EXPECT_EQ(plan::diff_text(plan::diff(*before, *after), false),
            "~ the workflow's head\n    version: 1 -> 2\n~ a\n    set: {\"x\":1} -> {x: ${ .input.y }}\n- b (wait)\n+ "
            "c.e (wait)\n");
  EXPECT_TRUE(plan::diff(*before, *before).empty());
}

}  // namespace
}  // namespace perdure::loaders
