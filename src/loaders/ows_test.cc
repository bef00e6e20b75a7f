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

Loaded load_with(const string& text, const Resources& resources) {
  return load(text, "n.yaml", {}, KnownActivities::built_in(), &resources);
}
string flow(const string& tasks, const string& use = "") {
  return "document: {dsl: 1.0.3, namespace: default, name: n, version: 1.0.0}\n" + use + "do:\n" + tasks;
}

TEST(Standard, OfficialExamplesLoad) {
  const fs::path folder = standard_data() / "examples";
  if (!fs::is_directory(folder)) GTEST_SKIP() << "no examples at " << folder;
  const std::map<string, string> wants{
      {"call-custom-function-cataloged.yaml",
       "https://raw.githubusercontent.com/serverlessworkflow/catalog/main/functions/log/1.0.0/function.yaml"}};
  std::size_t count = 0;
  for (const auto& entry : fs::directory_iterator(folder)) {
    if (entry.path().extension() != ".yaml") continue;
    ++count;
    const string name = entry.path().filename().string();
    Resources resources;
    Loaded loaded = load_with(read(entry.path()), resources);
    if (const auto wanted = wants.find(name); wanted != wants.end()) {
      ASSERT_EQ(loaded.wanted.size(), 1U) << name;
      EXPECT_EQ(loaded.wanted[0].uri, wanted->second);
      resources.texts[wanted->second] = "set: {logged: '${ .message }'}\n";
      loaded = load_with(read(entry.path()), resources);
    }
    const string words = render(loaded.diagnostics, false);
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

TEST(OtherFiles, AreWantedWithTheirUris) {
  const string use =
      "use: {catalogs: {a: {endpoint: 'https://a.test/cat/'}, g: {endpoint: {uri: 'https://github.com/o/r'}},\n"
      "  t: {endpoint: 'https://github.com/o/r/tree/main/x'}, l: {endpoint: 'https://gitlab.com/o/r/-/tree/v1'}}}\n";
  const std::map<string, string> uris{
      {"https://a.test/f.yaml", "https://a.test/f.yaml"},
      {"https://github.com/o/r/blob/main/f.yaml", "https://raw.githubusercontent.com/o/r/main/f.yaml"},
      {"./functions/f.yaml", "functions/f.yaml"},
      {"./a/./b/../f.yaml", "a/f.yaml"},
      {"../f.yaml", "../f.yaml"},
      {"../../a/../f.yaml", "../../f.yaml"},
      {"https://a.test/a/../../f.yaml", "https://a.test/../f.yaml"},
      {"file:///etc/f.yaml", "file:///etc/f.yaml"},
      {"f:1.0.0@a", "https://a.test/cat/functions/f/1.0.0/function.yaml"},
      {"f:1.0.0@g", "https://raw.githubusercontent.com/o/r/HEAD/functions/f/1.0.0/function.yaml"},
      {"f:1.0.0@t", "https://raw.githubusercontent.com/o/r/main/x/functions/f/1.0.0/function.yaml"},
      {"f:1.0.0@l", "https://gitlab.com/o/r/-/raw/v1/functions/f/1.0.0/function.yaml"},
      {"f:1.0.0@default", "catalog:default/functions/f/1.0.0/function.yaml"}};
  for (const auto& [call, uri] : uris) {
    const Loaded loaded = load_with(flow("  - a: {call: '" + call + "'}\n", use), {});
    EXPECT_TRUE(loaded.diagnostics.empty()) << render(loaded.diagnostics, false);
    EXPECT_FALSE(loaded.ok());
    ASSERT_EQ(loaded.wanted.size(), 1U) << call;
    EXPECT_EQ(loaded.wanted[0].uri, uri);
  }
}

TEST(OtherFiles, ArePartOfThePlan) {
  const string text = flow(
      "  - a: {call: 'https://a.test/lib/f.yaml', with: {n: 1}}\n"
      "  - b: {run: {script: {language: python, source: {endpoint: 'b.py'}}}}\n"
      "  - c: {set: {x: 1}, input: {schema: {resource: {endpoint: {uri: 'c.json'}}}}}\n");
  Resources resources;
  resources.texts["https://a.test/lib/f.yaml"] =
      "input: {schema: {resource: {endpoint: in.yaml}}}\ncall: ./g.yaml\nwith: {m: '${ .n }'}\n";
  resources.texts["b.py"] = "print(1)";
  resources.texts["c.json"] = R"({"type": "object"})";
  Loaded loaded = load_with(text, resources);
  ASSERT_EQ(loaded.wanted.size(), 2U) << render(loaded.diagnostics, false);
  EXPECT_EQ(loaded.wanted[0].uri, "https://a.test/lib/in.yaml");
  EXPECT_EQ(loaded.wanted[1].uri, "https://a.test/lib/g.yaml");
  resources.texts["https://a.test/lib/in.yaml"] = "type: object\n";
  resources.texts["https://a.test/lib/g.yaml"] = "set: {got: '${ .m }'}\n";
  loaded = load_with(text, resources);
  ASSERT_TRUE(loaded.ok()) << render(loaded.diagnostics, false);
  const string before = loaded.plan->hash;
  const auto again = plan::decode(loaded.plan->encoded.view());
  ASSERT_TRUE(again.has_value()) << again.error().message;
  resources.texts["b.py"] = "print(2)";
  EXPECT_NE(load_with(text, resources).plan->hash, before);
}

TEST(OtherFiles, TellTheirMistakesAtTheCall) {
  const auto words = [](const string& tasks, const string& function) {
    Resources resources;
    resources.texts["f.yaml"] = function;
    const Loaded loaded = load_with(flow(tasks), resources);
    EXPECT_FALSE(loaded.ok());
    EXPECT_EQ(loaded.diagnostics.size(), 1U);
    return render(loaded.diagnostics, false);
  };
  const auto has = [](const string& text, const string& part) { return text.find(part) != string::npos; };
  string told = words("  - a: {call: ./f.yaml}\n", "set: {x: 1}\nthn: exit\n");
  EXPECT_TRUE(has(told, "n.yaml:3:15")) << told;
  EXPECT_TRUE(has(told, " f.yaml:2:1: ")) << told;
  EXPECT_TRUE(has(told, "`then`")) << told;
  told = words("  - a: {call: ./f.yaml}\n", "set: {x: '${ .a | }'}\n");
  EXPECT_TRUE(has(told, " f.yaml:1:")) << told;
  told = words("  - a: {call: ./f.yaml}\n", "a: [");
  EXPECT_TRUE(has(told, " f.yaml:")) << told;
  told = words("  - a: {call: ./f.yaml}\n", "do: [{b: {call: ./f.yaml}}]\n");
  EXPECT_TRUE(has(told, "calls itself")) << told;
  told = words("  - a: {set: {x: 1}, input: {schema: {resource: {endpoint: f.yaml}}}}\n", "[1]");
  EXPECT_TRUE(has(told, "no JSON Schema")) << told;
  told = words("  - a: {set: {x: 1}, input: {schema: {resource: {endpoint: 'http://a.test/f.yaml'}}}}\n", "");
  EXPECT_TRUE(has(told, "over https")) << told;
  told = words("  - a: {set: {x: 1}, input: {schema: {resource: {endpoint: 'https://a.test/{f}'}}}}\n", "");
  EXPECT_TRUE(has(told, "its URI is fixed")) << told;
  told = words(
      "  - a: {set: {x: 1}, input: {schema: {resource: {endpoint: {uri: 'f.yaml', authentication: {bearer: {token: "
      "t}}}}}}}\n",
      "");
  EXPECT_TRUE(has(told, "credentials")) << told;
}

TEST(OtherFiles, AreRefusedWhereTheyCanNotBeRead) {
  const Loaded loaded = load(flow("  - a: {call: ./f.yaml}\n"), "n.yaml");
  EXPECT_FALSE(loaded.ok());
  EXPECT_NE(render(loaded.diagnostics, false).find("other files can't be read here"), string::npos);
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
