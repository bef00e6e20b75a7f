#include "runtime/secrets.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "base/json.h"
#include "loaders/load.h"
#include "plan/secrets.h"

namespace perdure::runtime {
namespace {

constexpr std::uint64_t k_seed = 7;

// Takes secrets anywhere but in `argv`.
struct Careful final : activity::Driver {
  std::vector<std::string> types() const override { return {"http"}; }
  bool takes_secret(std::string_view, std::string_view member) const override { return !member.starts_with("argv"); }
  void start(activity::Task, activity::OnDone) override {}
  void cancel(const RunKey&, CommandId) override {}
  void shutdown() override {}
};

std::shared_ptr<const plan::Plan> plan_of(const std::string& expression) {
  const auto loaded = loaders::load(
      "name: n\nsecrets: [login, token, gone]\nsteps:\n  - {id: a, set: {x: '${ " + expression + " }'}}\n", "n.yaml");
  EXPECT_TRUE(loaded.ok()) << loaders::render(loaded.diagnostics, false);
  return loaded.plan;
}

std::optional<Value> known(const std::string& name) {
  if (name == "token") return Value("a b/c");
  if (name == "login") return Value::object({{"username", "ann"}, {"password", "correct"}, {"port", 5432}});
  return std::nullopt;
}

// The arguments as opened, or the type of the error; `@` in `args` is the mark.
std::string opened(const std::string& expression, std::string args, std::uint64_t seed = k_seed) {
  const auto plan = plan_of(expression);
  if (!plan) return "no plan";
  const std::string mark = plan::secret_mark(seed, 0);
  for (std::size_t at = args.find('@'); at != std::string::npos; at = args.find('@', at + mark.size()))
    args.replace(at, 1, mark);
  const auto made = open_secrets(*plan, k_seed, Careful(), "http", Bytes(args), known);
  if (const auto* error = std::get_if<activity::ActivityError>(&made)) {
    EXPECT_EQ(error->title.find("correct"), std::string::npos);
    return error->type;
  }
  return std::string(std::get<OpenedArguments>(made).args.view());
}

TEST(OpenSecrets, PutsValuesWhereTheirMarksAre) {
  EXPECT_EQ(opened("$secrets.token", R"({"a":"@","b":["Bearer @","@@"],"c":1})"),
            R"({"a":"a b/c","b":["Bearer a b/c","a b/ca b/c"],"c":1})");
  EXPECT_EQ(opened("$secrets.login", R"({"a":"@"})"), R"({"a":{"username":"ann","password":"correct","port":5432}})");
  EXPECT_EQ(opened("$secrets.login.port", R"({"a":"@","b":"p=@"})"), R"({"a":5432,"b":"p=5432"})");
  EXPECT_EQ(opened("$secrets.token | length", R"({"a":"@"})"), R"({"a":5})");
}

TEST(OpenSecrets, EncodesThemInAUrlUnlessTheyAreAllOfIt) {
  EXPECT_EQ(opened("$secrets.token", R"({"url":"https://x.test/?k=@"})"), R"({"url":"https://x.test/?k=a%20b%2Fc"})");
  EXPECT_EQ(opened("$secrets.token", R"({"url":"@"})"), R"({"url":"a b/c"})");
}

TEST(OpenSecrets, RefusesWhatCanNotBe) {
  EXPECT_EQ(opened("$secrets.gone", R"({"a":"@"})"), "secret.missing");
  EXPECT_EQ(opened("$secrets.token", R"({"argv":["x","@"]})"), "secret.exposed");
  EXPECT_EQ(opened("$secrets.token", R"({"a":{"@":1}})"), "secret.exposed");
  EXPECT_EQ(opened("$secrets.token", R"({"a":"@"})", k_seed + 1), "secret.foreign");
  EXPECT_EQ(opened("$secrets.login.password | error", R"({"a":"@"})"), "expression");
}

TEST(OpenSecrets, TellsWhatMustNotComeBack) {
  const auto plan = plan_of("$secrets.token");
  ASSERT_NE(plan, nullptr);
  const auto made = open_secrets(*plan, k_seed, Careful(), "http", Bytes(std::string("{}")), known);
  const auto& values = std::get<OpenedArguments>(made).values;
  // Of all that the workflow lists, in the forms in which it may come back.
  for (const char* form : {"a b/c", "a%20b%2Fc", "YSBiL2M", "correct", "ann", "5432", "YW5uOmNvcnJlY3Q"})
    EXPECT_NE(std::find(values.begin(), values.end(), form), values.end()) << form;
  EXPECT_TRUE(std::is_sorted(values.begin(), values.end(),
                             [](const std::string& a, const std::string& b) { return a.size() > b.size(); }));
}

activity::Outcome answered(const std::string& json) { return activity::Outcome::success(Bytes(json)); }

std::string masked_text(const std::string& json, const std::vector<std::string>& values) {
  return std::string(masked(answered(json), values).result.view());
}

// A fact's payload without the run's own marks; `@` is one, `#` one of another run.
std::string disarmed(std::string json) {
  const auto put = [&](char where, const std::string& mark) {
    for (std::size_t at = json.find(where); at != std::string::npos; at = json.find(where, at + mark.size()))
      json.replace(at, 1, mark);
  };
  put('@', plan::secret_mark(k_seed, 3));
  put('#', plan::secret_mark(k_seed + 1, 3));
  const auto fact = without_marks(history::SignalReceived{"go", Bytes(json), ""}, k_seed);
  std::string out(std::get<history::SignalReceived>(fact).payload.view());
  const std::string other = plan::secret_mark(k_seed + 1, 3);
  for (std::size_t at = out.find(other); at != std::string::npos; at = out.find(other))
    out.replace(at, other.size(), "#");
  return out;
}

TEST(WithoutMarks, DataBringsNoneBack) {
  EXPECT_EQ(disarmed(R"({"a":"@","b":["x@y@",1]})"), R"({"a":"***","b":["x***y***",1]})");
  EXPECT_EQ(disarmed(R"({"@":1})"), R"({"***":1})");
  EXPECT_EQ(disarmed(R"("#@")"), R"("#***")");
  const std::string mark = plan::secret_mark(k_seed, 3);
  EXPECT_EQ(disarmed("\"\\u007e" + mark.substr(1) + "\""), R"("***")");
  EXPECT_EQ(disarmed(R"({ "spaces": "stay" })"), R"({ "spaces": "stay" })");
}

TEST(Masked, WhereverAValueStands) {
  const std::vector<std::string> values{"s3cret/x", "four"};
  EXPECT_EQ(masked_text(R"({"a":"it is s3cret/x!","s3cret/x":[["four"]],"n":4})", values),
            R"({"a":"it is ***!","***":[["***"]],"n":4})");
}

TEST(Masked, ShortValuesOnlyAsWholeTexts) {
  EXPECT_EQ(masked_text(R"(["ann","anna",7,77])", {"ann", "7"}), R"(["***","anna","***",77])");
}

TEST(Masked, ErrorsToo) {
  activity::ActivityError error;
  error.title = "no s3cret";
  error.detail = "s3cret again";
  const auto outcome = masked(activity::Outcome::failure(error), {"s3cret"});
  EXPECT_EQ(outcome.error.title, "no ***");
  EXPECT_EQ(outcome.error.detail, "*** again");
}

TEST(Masked, WhatIsNoJsonIsMaskedWhole) { EXPECT_EQ(masked_text("s3cret", {"s3cret"}), R"("***")"); }

}  // namespace
}  // namespace perdure::runtime
