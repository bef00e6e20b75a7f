#pragma once
// Identities. Distinct types, so that a step's name can't be handed over as a run's id.
#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace perdure {

// A run within a tenant. Text: "tenant/id". Both parts 1..255 bytes of printable ASCII without '/' in the tenant.
struct RunKey {
  std::string tenant = "default";
  std::string id;
  friend auto operator<=>(const RunKey&, const RunKey&) = default;
};
std::string to_string(const RunKey& key);
// `invalid` with the offending character and what is allowed.
Status check_id(std::string_view what, std::string_view id);

// A command of a run: the sequence number of the event that made it. Stable over replay and crash, never reused in a
// run; printed "RUN:SEQ" it is the activity's idempotency key.
struct CommandId {
  std::uint64_t seq = 0;
  friend auto operator<=>(const CommandId&, const CommandId&) = default;
};
std::string idempotency_key(const RunKey& run, CommandId command);

}  // namespace perdure
