#include "activity/activity.h"

namespace perdure::activity {
std::string_view to_string(ErrorClass error_class) {
  switch (error_class) {
    case ErrorClass::transient: return "transient";
    case ErrorClass::recoverable: return "recoverable";
    case ErrorClass::throttled: return "throttled";
    case ErrorClass::fatal: return "fatal";
    case ErrorClass::ambiguous: return "ambiguous";
  }
  return "recoverable";
}
}  // namespace perdure::activity
