#pragma once
#include <string>
#include <string_view>

#include "base/result.h"

namespace perdure::runtime {

// RFC 4648 with padding. from_base64 takes nothing else: `invalid` with the place.
std::string to_base64(std::string_view bytes);
Result<std::string> from_base64(std::string_view text);

}  // namespace perdure::runtime
