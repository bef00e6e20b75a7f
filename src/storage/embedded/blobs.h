#pragma once
// Blobs: one file each, named by the SHA-256 of its content, in 256 directories.
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "storage/file_system.h"

namespace perdure::storage {

class Blobs {
 public:
  Blobs(FileSystem& files, std::string directory) : files_(files), directory_(std::move(directory)) {}
  Result<std::string> put(const Bytes& content);
  // `corrupt` when the content is not what the name says.
  Result<Bytes> get(std::string_view name) const;
  Result<std::vector<std::string>> scan(std::string_view after, std::size_t limit) const;
  Status erase(std::string_view name);
  Status copy_to(const std::string& directory) const;

 private:
  std::string shelf(std::string_view name) const { return directory_ + "/" + std::string(name.substr(0, 2)); }
  std::string path(std::string_view name) const { return shelf(name) + "/" + std::string(name); }
  FileSystem& files_;
  std::string directory_;
};

}  // namespace perdure::storage
