#pragma once
// A frozen generation into table rows.
#include "storage/embedded/overlay.h"
#include "storage/embedded/tables.h"

namespace perdure::storage {

struct GenerationWritten {
  TimeMs newest_start = 0;  // the latest start time that stands in the tables now
};

// Writes the generation as one unit. `newest_start` is that of what the tables hold: later runs go to the fresh lanes.
Result<GenerationWritten> write_generation(const Generation& generation, Tables& tables, TimeMs newest_start);

}  // namespace perdure::storage
