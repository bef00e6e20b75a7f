#pragma once
// The JSON Schema of the native dialect, for editors: completion, descriptions, and the first checks.
#include "base/value.h"

namespace perdure::loaders {
// Draft 2020-12. What `validate` says goes further: order, references and expressions are not a schema's business.
Value dialect_schema();
}  // namespace perdure::loaders
