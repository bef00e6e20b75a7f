#pragma once
// The command line: `perdure VERB …`. Everything it does with runs goes through engine.h.
#include <string>
#include <vector>

#include "cli/backend.h"
#include "cli/io.h"

namespace perdure::cli {

// Carries out one command line (without the program's name) and gives the exit code.
int run(const std::vector<std::string>& words, const Backend& backend, Io& io);
// The same for main().
int run(int argc, char** argv, const Backend& backend);

}  // namespace perdure::cli
