#include "plan/secrets.h"

#include <gtest/gtest.h>

namespace perdure::plan {
namespace {

TEST(SecretMark, IsFoundWhereverItStands) {
  const std::string mark = secret_mark(7, 12);
  for (const std::string& text : {mark, "Bearer " + mark, mark + "/x", "~~secret." + mark, "a~~secret.12." + mark}) {
    const auto found = find_secret_mark(text);
    ASSERT_TRUE(found.has_value()) << text;
    EXPECT_EQ(text.substr(found->at, found->length), mark);
    EXPECT_EQ(found->expr, 12U);
  }
  const std::string two = secret_mark(7, 1) + secret_mark(7, 2);
  const auto first = find_secret_mark(two);
  ASSERT_TRUE(first.has_value());
  const auto second = find_secret_mark(two, first->at + first->length);
  ASSERT_TRUE(second.has_value());
  EXPECT_EQ(second->expr, 2U);
}

TEST(SecretMark, IsOneRunsAndOneExpressions) {
  EXPECT_NE(secret_mark(7, 12), secret_mark(8, 12));
  EXPECT_NE(secret_mark(7, 12), secret_mark(7, 13));
  EXPECT_EQ(secret_mark(7, 12), secret_mark(7, 12));
}

TEST(SecretMark, IsNotInOtherTexts) {
  const std::string mark = secret_mark(7, 12);
  for (const std::string& text :
       {std::string(), std::string("~~secret."), mark.substr(0, mark.size() - 1), mark.substr(1),
        std::string("~~secret.99999999999999999999.0~~"), std::string("~~secret.1.ABCDEF~~")})
    EXPECT_FALSE(find_secret_mark(text).has_value()) << text;
}

TEST(Secrets, VariableOfTheEnvironment) { EXPECT_EQ(secret_variable("api-key.v2"), "PERDURE_SECRET_API_KEY_V2"); }

TEST(Secrets, WhatAnExpressionMayDoWithThem) {
  struct Case {
    const char* source;
    const char* message;  // empty: fine
    std::vector<std::string> secrets;
  };
  const Case cases[] = {{"$secrets.a", "", {"a"}},
                        {"$secrets.a.b | length", "", {"a"}},
                        {"\"\\($secrets.u):\\($secrets.p)\" | @base64", "", {"p", "u"}},
                        {"$secrets[\"with space\"]", "", {"with space"}},
                        {"\"$secrets\"", "", {}},
                        {"$secrets", "which secret", {}},
                        {"$secrets | keys", "which secret", {}},
                        {"$secrets[\"a\" + \"b\"]", "which secret", {}},
                        {". + {x: $secrets.a}", "", {}},
                        {"$secrets.a + $context.b", "", {}},
                        {"{a: .x, b: [$secrets.a.b, $secrets.c]}", "", {}},
                        {"\"\\(.x) \\($secrets.a)\"", "", {}},
                        {"if .x then $secrets.a else 1 end", "", {}},
                        {".x // $secrets.a", "", {}},
                        {".x as $y | {$y, a: $secrets.a}", "", {}},
                        {"if $secrets.a == .x then 1 else 2 end", "computes with a secret", {}},
                        {".x + ($secrets.a | length)", "computes with a secret", {}},
                        {"{(.x): 1, ($secrets.a): 2}", "computes with a secret", {}},
                        {"$secrets.a as $y | {$y, x: .x}", "computes with a secret", {}},
                        {"@base64 \"\\(.x):\\($secrets.a)\"", "computes with a secret", {}},
                        {"def f: $secrets.a; .x + f", "computes with a secret", {}},
                        {". as {($secrets.a): $y} | $y", "computes with a secret", {}},
                        {"map(. + $secrets.a)", "computes with a secret", {}}};
  for (const Case& c : cases) {
    Plan plan;
    plan.data_flow = true;
    plan.nodes.resize(1);
    plan.nodes[0].flow = std::make_unique<Flow>();
    plan.nodes[0].kind = Kind::set;
    Template t;
    t.type = Template::Type::expression;
    t.expr = 0;
    plan.nodes[0].set = std::move(t);
    plan.exprs.resize(1);
    plan.exprs[0].source = c.source;
    plan.exprs[0].owner = 0;
    const auto errors = finalize(plan);
    EXPECT_EQ(errors.empty(), *c.message == '\0') << c.source;
    for (const PlanError& e : errors) EXPECT_NE(e.message.find(c.message), std::string::npos) << e.message;
    if (errors.empty()) { EXPECT_EQ(plan.exprs[0].secrets, c.secrets) << c.source; }
  }
}

}  // namespace
}  // namespace perdure::plan
