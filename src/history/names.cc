#include <array>
#include <utility>

#include "history/fields.h"

namespace perdure::history {
namespace {

constexpr std::array<std::string_view, 5> k_fault_classes{"transient", "recoverable", "throttled", "fatal",
                                                          "ambiguous"};
constexpr std::array<std::string_view, 6> k_step_statuses{"none",    "running", "completed",
                                                          "skipped", "failed",  "cancelled"};
constexpr std::array<std::string_view, 12> k_run_statuses{
    "pending",   "running",    "waiting",   "paused",       "completed",           "failed",
    "cancelled", "terminated", "timed_out", "compensating", "compensation_failed", "quarantined"};

template <std::size_t N>
std::string_view name_in(const std::array<std::string_view, N>& names, std::size_t index) {
  return index < N ? names[index] : std::string_view("unknown");
}

template <std::size_t... I>
constexpr auto event_names(std::index_sequence<I...>) {
  return std::array<std::string_view, sizeof...(I)>{Fields<std::variant_alternative_t<I, Event>>::name...};
}
constexpr auto k_event_names = event_names(std::make_index_sequence<std::variant_size_v<Event>>{});

}  // namespace

std::string_view to_string(FaultClass fault_class) {
  return name_in(k_fault_classes, static_cast<std::size_t>(fault_class));
}
std::string_view to_string(StepStatus status) { return name_in(k_step_statuses, static_cast<std::size_t>(status)); }
std::string_view to_string(RunStatus status) { return name_in(k_run_statuses, static_cast<std::size_t>(status)); }

std::optional<RunStatus> parse_run_status(std::string_view text) {
  for (std::size_t i = 0; i < k_run_statuses.size(); ++i)
    if (k_run_statuses[i] == text) return static_cast<RunStatus>(i);
  return std::nullopt;
}

bool is_closed(RunStatus status) {
  switch (status) {
    case RunStatus::completed:
    case RunStatus::failed:
    case RunStatus::cancelled:
    case RunStatus::terminated:
    case RunStatus::timed_out:
    case RunStatus::compensation_failed: return true;
    case RunStatus::pending:
    case RunStatus::running:
    case RunStatus::waiting:
    case RunStatus::paused:
    case RunStatus::compensating:
    case RunStatus::quarantined: return false;
  }
  return false;
}

std::string_view name_of(const Event& event) { return k_event_names[event.index()]; }

}  // namespace perdure::history
