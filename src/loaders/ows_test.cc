// The dialect of the Open Workflow Specification: what the golden files of tests/loader don't say.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>

#include "base/json.h"
#include "loaders/format.h"
#include "loaders/load.h"
#include "plan/view.h"

namespace perdure::loaders {
namespace {

namespace fs = std::filesystem;
using std::string;

string read(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  std::stringstream text;
  text << in.rdbuf();
  return text.str();
}

// Where the standard's own data are, when they are there: PERDURE_OWS_DIR, or beside the project.
fs::path standard_data() {
  if (const char* told = std::getenv("PERDURE_OWS_DIR"); told != nullptr) return told;
  return fs::path(PERDURE_SOURCE_DIR) / ".." / "shared" / "ows";
}

TEST(Standard, OfficialExamplesLoad) {
  const fs::path folder = standard_data() / "examples";
  if (!fs::is_directory(folder)) GTEST_SKIP() << "no examples at " << folder;
  // What this build can't read, and the words in which it says so.
  const std::map<string, string> refused{{"call-custom-function-cataloged.yaml", "functions of another file"}};
  std::size_t count = 0;
  for (const auto& entry : fs::directory_iterator(folder)) {
    if (entry.path().extension() != ".yaml") continue;
    ++count;
    const string name = entry.path().filename().string();
    const Loaded loaded = load(read(entry.path()), name);
    const string words = render(loaded.diagnostics, false);
    const auto expected = refused.find(name);
    if (expected != refused.end()) {
      EXPECT_FALSE(loaded.ok()) << name;
      EXPECT_EQ(loaded.diagnostics.size(), 1U) << words;
      EXPECT_NE(words.find(expected->second), string::npos) << words;
      continue;
    }
    EXPECT_TRUE(loaded.ok() && loaded.diagnostics.empty()) << words;
    if (!loaded.ok()) continue;
    const auto again = plan::decode(loaded.plan->encoded.view());
    ASSERT_TRUE(again.has_value()) << name << ": " << again.error().message;
    EXPECT_EQ((*again)->hash, loaded.plan->hash) << name;
    (void)plan::outline(*loaded.plan);
    for (const auto format : {plan::GraphFormat::mermaid, plan::GraphFormat::dot, plan::GraphFormat::svg})
      EXPECT_FALSE(plan::render_graph(*loaded.plan, format).empty()) << name;
  }
  EXPECT_GT(count, 60U);
}

// Every file of the golden cases with a line left out, cut off, or put in another place: a plan or words, no more.
TEST(Standard, DamagedFilesGiveAPlanOrWords) {
  const fs::path folder = fs::path(PERDURE_SOURCE_DIR) / "tests/loader";
  std::size_t loads = 0;
  for (const auto& entry : fs::directory_iterator(folder)) {
    const string name = entry.path().filename().string();
    if (!name.starts_with("ows_") || entry.path().extension() != ".yaml") continue;
    std::vector<string> lines;
    std::stringstream whole(read(entry.path()));
    for (string line; std::getline(whole, line);) lines.push_back(line + "\n");
    const auto joined = [](const std::vector<string>& parts) {
      string out;
      for (const string& part : parts) out += part;
      return out;
    };
    const auto check = [&](const string& text) {
      const Loaded loaded = load(text, name);
      ++loads;
      ASSERT_TRUE(loaded.ok() || !loaded.diagnostics.empty()) << text;
      if (loaded.ok()) { ASSERT_TRUE(plan::decode(loaded.plan->encoded.view()).has_value()) << text; }
    };
    for (std::size_t i = 0; i < lines.size(); ++i) {
      std::vector<string> less = lines;
      less.erase(less.begin() + static_cast<std::ptrdiff_t>(i));
      check(joined(less));
      std::rotate(less.begin(), less.begin() + static_cast<std::ptrdiff_t>(i), less.end());
      check(joined(less));
      check(joined({lines.begin(), lines.begin() + static_cast<std::ptrdiff_t>(i)}) +
            lines[i].substr(0, lines[i].size() / 2));
    }
  }
  EXPECT_GT(loads, 500U);
}

TEST(Standard, FunctionsThatGrowAreBounded) {
  string text = "document: {dsl: 1.0.3, namespace: default, name: n, version: 1.0.0}\nuse:\n  functions:\n";
  for (int i = 0; i < 40; ++i) {
    const string next = "{call: f" + std::to_string(i + 1) + "}";
    text += "    f" + std::to_string(i) + ": {do: [{a: " + next + "}, {b: " + next + "}]}\n";
  }
  text += "    f40: {set: {x: 1}}\ndo:\n  - a: {call: f0}\n";
  LoadLimits limits;
  limits.steps = 1000;
  const Loaded loaded = load(text, "n.yaml", limits);
  EXPECT_FALSE(loaded.ok());
  EXPECT_NE(render(loaded.diagnostics, false).find("more than 1000 tasks"), string::npos);
}

}  // namespace
}  // namespace perdure::loaders
