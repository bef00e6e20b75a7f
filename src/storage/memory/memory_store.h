#pragma once
// The reference driver: everything in maps behind one mutex, nothing on disk. A commit is as durable as the process, so
// its completion is called inside commit(). For tests and for runs nobody needs to survive.
#include <memory>

#include "storage/store.h"

namespace perdure::storage {

std::unique_ptr<Store> open_memory();

}  // namespace perdure::storage
