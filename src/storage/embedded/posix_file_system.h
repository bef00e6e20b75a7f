#pragma once
// FileSystem on the operating system's files.
#include "storage/file_system.h"

namespace perdure::storage {

std::unique_ptr<FileSystem> make_posix_file_system();

// "pid 4711 on host, since 2026-01-02T03:04:05Z, perdure run order.yaml": what a lock file says of its holder.
std::string describe_this_process();

}  // namespace perdure::storage
