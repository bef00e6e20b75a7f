#pragma once
// What a container task asks for, as a command of docker or podman. Pure, but for looking for them.
#include <string>
#include <string_view>
#include <variant>

#include "activity/activity.h"
#include "activity/shell/command.h"

namespace perdure::activity {

// The command line tools that run containers and are on `path`: "docker podman", one of them, or nothing. Of two that one
// is used whose service answers.
std::string container_engines(std::string_view path);

struct Container {
  Command command;
  std::string key;                 // what tells its command from all others; a label of the container
  DurationMs remove_after_ms = 0;  // once it has ended; 0: not by us
};

// The command, or the outcome `validation`, or `container.unavailable` when `engines` is empty. What an earlier attempt
// of the same command has left is removed first; asked to end, it kills and removes the container.
std::variant<Container, Outcome> read_container(const Task& task, const std::string& engines);
// Removes a container that a command of ours has left, if it is still there.
Command removal(const std::string& engines, const std::string& key);
// Removes containers that were to be removed some time after their end, by an engine that ended before.
Command sweep(const std::string& engines);

// Whether a variable of the container is passed as an argument, which others see, because the tool itself would heed it.
bool is_for_the_tool(std::string_view name);

}  // namespace perdure::activity
