#pragma once
// JSON Schemas for editors: completion, descriptions, and the first checks.
#include <string_view>

#include "base/value.h"

namespace perdure::loaders {
// Draft 2020-12. What `validate` says goes further: order, references and expressions are not a schema's business.
Value dialect_schema();

inline constexpr std::string_view k_official_schema =
    "https://open-workflow-specification.org/schemas/1.0.3/workflow.yaml";
// Of files of the Open Workflow Specification: the official schema, which is referred to at `official` (empty: not at
// all), and what Perdure reads where that is open: `metadata: perdure.dev/…` and the catalog `perdure`.
Value ows_schema(std::string_view official = k_official_schema);
}  // namespace perdure::loaders
