#include "base/ids.h"

#include "base/limits.h"

namespace perdure {

std::string to_string(const RunKey& key) { return key.tenant + "/" + key.id; }

Status check_id(std::string_view what, std::string_view id) {
  if (id.empty()) return fail(ErrorCode::invalid, std::string(what) + " is empty; give 1 to 255 characters");
  if (id.size() > k_id_bytes_max)
    return fail(ErrorCode::invalid, std::string(what) + " has " + std::to_string(id.size()) + " bytes; the limit is " +
                                        std::to_string(k_id_bytes_max));
  for (const char c : id) {
    const auto u = static_cast<unsigned char>(c);
    if (u <= 0x20 || u >= 0x7f || c == '/' || c == '\\')
      return fail(ErrorCode::invalid, std::string(what) + " holds a character that is not allowed (byte " +
                                          std::to_string(u) +
                                          "); use letters, digits and - _ . : @ without spaces or slashes");
  }
  return {};
}

std::string idempotency_key(const RunKey& run, CommandId command) {
  return run.tenant + ":" + run.id + ":" + std::to_string(command.seq);
}

}  // namespace perdure
