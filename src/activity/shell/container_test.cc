// What docker and podman are told; that they do it is tests/e2e/calls_test.py.
#include "activity/shell/container.h"

#include <gtest/gtest.h>

namespace perdure::activity {
namespace {

Task task(const std::string& arguments) {
  Task task;
  task.run = RunKey{"default", "r"};
  task.command = CommandId{7};
  task.step = "a box";
  task.type = "container";
  task.args = Bytes(arguments);
  return task;
}
// What comes after `run`, and the script's own arguments before it.
std::string told(const std::string& arguments) {
  auto read = read_container(task(arguments), "podman");
  if (const auto* wrong = std::get_if<Outcome>(&read)) return wrong->error.title;
  const auto& argv = std::get<Container>(read).command.argv;
  std::string out;
  for (std::size_t i = 4; i < argv.size(); ++i) out += (out.empty() ? "" : "|") + argv[i];
  return out;
}
std::string key() { return std::get<Container>(read_container(task(R"({"image":"i"})"), "podman")).key; }

TEST(Container, HasANameThatTellsItsCommand) {
  EXPECT_EQ(told(R"({"image":"i"})"), "podman|" + key() + "|ifNotPresent|i|no|--name|perdure-a-box-" + key() +
                                          "|--pull|never|--label|dev.perdure.command=" + key() + "|i");
  Task other = task(R"({"image":"i"})");
  other.run.id = "s";
  EXPECT_NE(std::get<Container>(read_container(other, "podman")).key, key());
  EXPECT_TRUE(key().ends_with("-7"));
}

TEST(Container, EverythingHasItsPlace) {
  const std::string all = told(
      R"({"image":"i","name":"n","command":"echo $1","args":["a",{"b":1},null],"stdin":"in","ports":{"8080":80},)"
      R"("volumes":{"/here":"/there"},"env":{"WHO":"ann","PATH":"/x"},"pullPolicy":"always","cleanup":"eventually",)"
      R"("cleanup_after":"1500ms"})");
  EXPECT_EQ(all, "podman|" + key() + "|always|i|no|--name|n|--pull|never|--label|dev.perdure.command=" + key() +
                     "|--label|dev.perdure.remove-after=2|--publish|8080:80|--volume|/here:/there|--env|WHO|--env|"
                     "PATH=/x|--interactive|--entrypoint|sh|i|-c|echo $1|sh|a|{\"b\":1}|");
  EXPECT_TRUE(told(R"({"image":"i","cleanup":"always"})").find("|yes|") != std::string::npos);
}

// An argument that begins like an option would be one.
TEST(Container, DataIsNoOption) {
  for (const char* bad : {R"({"image":"--privileged"})", R"({"image":"i","name":"-x"})",
                          R"({"image":"i","name":"a b"})", R"({"image":"i","volumes":{"--privileged":"x"}})",
                          R"({"image":"i","ports":{"-p":"x"}})", R"({"image":"i","env":{"--rm":"x"}})"}) {
    const auto read = read_container(task(bad), "podman");
    ASSERT_TRUE(std::holds_alternative<Outcome>(read)) << bad;
    EXPECT_EQ(std::get<Outcome>(read).error.type, "validation") << bad;
  }
}

TEST(Container, WithoutAToolItSaysSo) {
  EXPECT_EQ(std::get<Outcome>(read_container(task(R"({"image":"i"})"), "")).error.type, "container.unavailable");
}

}  // namespace
}  // namespace perdure::activity
