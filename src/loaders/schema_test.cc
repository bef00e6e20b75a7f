// The schemas for editors accept what the loader accepts, and find slips in what is Perdure's.
#include "loaders/schema.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "loaders/load.h"
#include "plan/json_schema.h"

namespace perdure::loaders {
namespace {

std::string read(const std::filesystem::path& path) {
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

std::vector<std::string> wrong(const std::string& text) {
  const auto value = yaml_value(text);
  EXPECT_TRUE(value.has_value()) << text;
  std::vector<std::string> found;
  if (!value) return found;
  for (const auto& e : plan::validate_schema(ows_schema({}), *value)) found.push_back(e.pointer + " " + e.message);
  return found;
}

std::string workflow(const std::string& task) {
  return "document: {dsl: 1.0.3, namespace: n, name: w, version: 1.0.0}\ndo:\n  - a:\n      do:\n        - b:\n" + task;
}

TEST(OwsSchema, IsOne) {
  EXPECT_TRUE(plan::check_schema(ows_schema({})).empty());
  EXPECT_EQ(ows_schema().find("allOf")->at(0).find("$ref")->as_string(), k_official_schema);
  EXPECT_EQ(ows_schema("./here.yaml").find("allOf")->at(0).find("$ref")->as_string(), "./here.yaml");
}

TEST(OwsSchema, TakesTheExamples) {
  std::size_t count = 0;
  for (const auto& file : std::filesystem::directory_iterator(std::string(PERDURE_SOURCE_DIR) + "/examples/ows")) {
    if (file.path().extension() != ".yaml") continue;
    ++count;
    EXPECT_EQ(wrong(read(file.path())), std::vector<std::string>{}) << file.path();
  }
  EXPECT_GE(count, 1U);
}

// What the loader refuses with its place and the nearest name, the schema refuses, too.
TEST(OwsSchema, FindsTheSlipsThatTheLoaderFinds) {
  const std::pair<const char*, const char*> k_slips[] = {
      {"            set: {x: 1}\n            metadata: {perdure.dev/sumary: x}\n", "`perdure.dev/summary`"},
      {"            set: {x: 1}\n            metadata: {perdure.dev/compensate: {cal: http}}\n", "`call`"},
      {"            set: {x: 1}\n            metadata: {perdure.dev/budget: {used: 1}}\n", "`usd`"},
      {"            call: human-reviw:1.0.0@perdure\n", "`human-review`"},
      {"            call: human-review:1.0.0@perdure\n            with: {reviewer: [ann]}\n", "`reviewers`"},
      {"            call: require:1.0.0@perdure\n            with: {features: [compensat]}\n", "compensate"},
  };
  for (const auto& [task, nearest] : k_slips) {
    const std::string text = workflow(task);
    EXPECT_FALSE(wrong(text).empty()) << task;
    const Loaded loaded = load(text, "w.yaml");
    ASSERT_FALSE(loaded.ok()) << task;
    EXPECT_GE(loaded.diagnostics[0].place.line, 6U);
    EXPECT_NE((loaded.diagnostics[0].message + loaded.diagnostics[0].hint).find(nearest), std::string::npos)
        << render(loaded.diagnostics, false);
  }
}

TEST(OwsSchema, LeavesWhatIsFreeAlone) {
  const std::string text = workflow(
      "            set: {x: 1}\n            metadata: {team: shop, perdure.dev/summary: s, perdure.dev/compensate: "
      "{call: http, with: {method: get, endpoint: 'http://h'}, timeout: {after: PT1S}, retry: {limit: {attempt: "
      "{count: 2}}}}}\n");
  EXPECT_EQ(wrong(text), std::vector<std::string>{});
  EXPECT_TRUE(load(text, "w.yaml").ok());
}

}  // namespace
}  // namespace perdure::loaders
