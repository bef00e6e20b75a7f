#pragma once
#include "expr/node.h"

namespace perdure::expr {

// Finds what the program reads of its input and whether it is constant; fills those fields of `code`.
void find_root_use(Code& code);

}  // namespace perdure::expr
