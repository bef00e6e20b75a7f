#pragma once
// Faults as the errors of the Open Workflow Specification: {type, status, title, detail, instance} (docs/ows.md, X).
#include <string>
#include <string_view>

#include "base/value.h"
#include "history/event.h"

namespace perdure::history {

// Faults of ours have types without a colon ("http.503"); they become one of the standard errors.
Value error_value(const Fault& fault);
FaultPtr standard_fault(const Fault& fault);  // as error_value shows it
// One spelling of the ids that error types have in the versions of the specification; others as they are.
std::string error_type(std::string_view type);

}  // namespace perdure::history
