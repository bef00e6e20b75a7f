#pragma once
// Tables in memory. Each apply() is a file of its changes; once these outgrow the file of the whole, that is written anew.
// For simulated disks: small, and every byte of it goes through FileSystem.
#include "storage/embedded/tables.h"
#include "storage/file_system.h"

namespace perdure::storage {

Result<std::unique_ptr<Tables>> open_mirror_tables(FileSystem& files, const std::string& directory);

}  // namespace perdure::storage
