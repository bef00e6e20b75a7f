#pragma once
// A directory that goes away with the test.
#include <cstdlib>
#include <filesystem>
#include <string>

#include "base/check.h"

namespace perdure::storage {

class TestDirectory {
 public:
  TestDirectory() {
    // In memory where that can be had: what these tests ask of a disk, a simulated one answers better.
    const std::filesystem::path memory = "/dev/shm";
    std::error_code none;
    const bool usable = std::filesystem::is_directory(memory, none);
    std::string path = ((usable ? memory : std::filesystem::temp_directory_path()) / "perdure-XXXXXX").string();
    CHECK(::mkdtemp(path.data()) != nullptr);
    path_ = path;
  }
  TestDirectory(const TestDirectory&) = delete;
  TestDirectory& operator=(const TestDirectory&) = delete;
  ~TestDirectory() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

}  // namespace perdure::storage
