#pragma once
// Tables whose reads fail as the disk below them may: the mirror keeps its rows in memory and would never fail to read.
#include <functional>
#include <memory>

#include "storage/embedded/tables.h"

namespace perdure::sim {

// `reads` is asked before every read; its error is the read's.
std::unique_ptr<storage::Tables> shaky_tables(std::unique_ptr<storage::Tables> inner, std::function<Status()> reads);

}  // namespace perdure::sim
