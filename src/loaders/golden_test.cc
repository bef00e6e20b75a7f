// Files of tests/loader: each `x.yaml` and everything that loading it says, `x.yaml.expected`. PERDURE_REWRITE=1 writes
// the expectations anew.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "loaders/format.h"
#include "loaders/load.h"
#include "plan/view.h"

namespace perdure::loaders {
namespace {

namespace fs = std::filesystem;

std::string read(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  std::stringstream text;
  text << in.rdbuf();
  return text.str();
}

std::vector<std::string> files(const char* folder) {
  std::vector<std::string> out;
  for (const auto& entry : fs::directory_iterator(fs::path(PERDURE_SOURCE_DIR) / folder)) {
    if (entry.path().extension() == ".yaml") out.push_back(entry.path().string());
  }
  std::sort(out.begin(), out.end());
  return out;
}

// The plan as lines: what a reader of the expectation can check against the file.
std::string dump(const plan::Plan& plan) {
  std::string out = plan.name + " " + plan.version + "\n";
  for (const plan::Node& node : plan.nodes) {
    int depth = 0;
    for (plan::NodeId n = node.parent; n != plan::k_none; n = plan.nodes[n].parent) ++depth;
    out += std::string(static_cast<std::size_t>(2 * depth), ' ') + (node.made_up ? "(" + node.name + ")" : node.name);
    for (const auto& [name, value] : plan::describe(plan, node))
      out += (name == "kind" ? " " : " | " + name + ": ") + value;
    if (node.compensation != plan::k_none) out += " | compensation: node " + std::to_string(node.compensation);
    if (node.inner_scope != plan::k_none) out += " | scope of its own";
    out += "\n";
    if (node.kind != plan::Kind::dag) continue;
    for (std::size_t i = 0; i < node.edges.size(); ++i) {
      for (const std::uint32_t t : node.edges[i]) {
        out += std::string(static_cast<std::size_t>(2 * depth), ' ') + "  : " + plan.nodes[node.children[i]].name +
               " -> " + plan.nodes[node.children[t]].name + "\n";
      }
    }
  }
  return out;
}

std::string account(const std::string& path) {
  const Loaded loaded = load(read(path), fs::path(path).filename().string());
  std::string out = render(loaded.diagnostics, false);
  if (!loaded.ok()) return out;
  if (const auto missing = not_available(*loaded.plan)) out += "not available: " + *missing + "\n";
  return out + dump(*loaded.plan);
}

class Golden : public ::testing::TestWithParam<std::string> {};

TEST_P(Golden, SaysWhatIsExpected) {
  const std::string got = account(GetParam());
  const fs::path expected = GetParam() + ".expected";
  if (std::getenv("PERDURE_REWRITE") != nullptr) {
    std::ofstream(expected, std::ios::binary) << got;
    return;
  }
  EXPECT_EQ(got, read(expected)) << GetParam();
}

std::string test_name(const ::testing::TestParamInfo<std::string>& info) {
  std::string name = fs::path(info.param).stem().string();
  std::replace_if(
      name.begin(), name.end(), [](char c) { return c == '.' || c == '-'; }, '_');
  return name;
}

INSTANTIATE_TEST_SUITE_P(Loader, Golden, ::testing::ValuesIn(files("tests/loader")), test_name);

// Every file that loads: its plan survives encoding, and formatting it changes nothing that matters.
class Whole : public ::testing::TestWithParam<std::string> {};

TEST_P(Whole, RoundTripsThroughItsEncoding) {
  const Loaded loaded = load(read(GetParam()), "f");
  if (!loaded.ok()) GTEST_SKIP();
  const auto again = plan::decode(loaded.plan->encoded.view());
  ASSERT_TRUE(again.has_value()) << again.error().message;
  EXPECT_EQ((*again)->hash, loaded.plan->hash);
  EXPECT_EQ((*again)->encoded, loaded.plan->encoded);
  EXPECT_EQ(dump(**again), dump(*loaded.plan));
  EXPECT_TRUE(plan::diff(*loaded.plan, **again).empty());
}

TEST_P(Whole, MeansTheSameWhenFormatted) {
  const std::string text = read(GetParam());
  const Loaded loaded = load(text, "f");
  if (!loaded.ok()) GTEST_SKIP();
  const auto formatted = format_yaml(text);
  ASSERT_TRUE(formatted.has_value()) << formatted.error().message;
  const Loaded again = load(*formatted, "f");
  ASSERT_TRUE(again.ok()) << render(again.diagnostics, false) << *formatted;
  EXPECT_EQ(again.plan->hash, loaded.plan->hash) << *formatted;
  EXPECT_EQ(*format_yaml(*formatted), *formatted);
  EXPECT_EQ(std::count(formatted->begin(), formatted->end(), '#'), std::count(text.begin(), text.end(), '#'));
}

TEST_P(Whole, CanBeLookedAt) {
  const Loaded loaded = load(read(GetParam()), "f");
  if (!loaded.ok()) GTEST_SKIP();
  const plan::Outline outline = plan::outline(*loaded.plan);
  EXPECT_FALSE(outline.critical_path.empty());
  EXPECT_LE(outline.critical_path.size(), outline.steps);
  for (const auto format : {plan::GraphFormat::mermaid, plan::GraphFormat::dot, plan::GraphFormat::svg}) {
    const std::string graph = plan::render_graph(*loaded.plan, format);
    for (const plan::NodeId n : outline.critical_path)
      EXPECT_NE(graph.find(loaded.plan->nodes[n].name), std::string::npos) << graph;
  }
}

// The bytes of a plan, as they are stored: a difference means that stored plans can't be read any more, or that the
// version in docs/formats/plan.md has to rise.
TEST(Encoding, KeepsItsBytes) {
  const fs::path folder = fs::path(PERDURE_SOURCE_DIR) / "tests/loader";
  for (const char* name : {"common", "graph", "kinds"}) {
    const fs::path golden = folder / (std::string(name) + ".plan");
    const Loaded loaded = load_native(read(folder / (std::string(name) + ".yaml")), "f");
    ASSERT_TRUE(loaded.ok());
    if (std::getenv("PERDURE_REWRITE") != nullptr)
      std::ofstream(golden, std::ios::binary) << loaded.plan->encoded.view();
    EXPECT_TRUE(read(golden) == loaded.plan->encoded.view()) << name;
  }
}

std::vector<std::string> all_files() {
  std::vector<std::string> out = files("tests/loader");
  for (const char* folder : {"examples", "examples/patterns"})
    for (std::string& f : files(folder)) out.push_back(f);
  return out;
}
std::string whole_name(const ::testing::TestParamInfo<std::string>& info) {
  return test_name(info) + "_" + std::to_string(info.index);
}
INSTANTIATE_TEST_SUITE_P(Loader, Whole, ::testing::ValuesIn(all_files()), whole_name);

TEST(Examples, AllLoadWithoutAWord) {
  for (const char* folder : {"examples", "examples/patterns"}) {
    for (const std::string& path : files(folder)) {
      const Loaded loaded = load(read(path), path);
      EXPECT_TRUE(loaded.ok() && loaded.diagnostics.empty()) << render(loaded.diagnostics, false);
      if (loaded.ok()) { EXPECT_EQ(not_available(*loaded.plan), std::nullopt); }
    }
  }
}

}  // namespace
}  // namespace perdure::loaders
