#include "storage/file_system.h"

namespace perdure::storage {

Status replace_file(FileSystem& files, const std::string& directory, const std::string& name,
                    std::string_view content) {
  const std::string path = directory + "/" + name;
  PERDURE_TRY_VOID(files.write(path + ".new", content));
  PERDURE_TRY_VOID(files.rename(path + ".new", path));
  return files.sync_directory(directory);
}

}  // namespace perdure::storage
