#include "sim/coverage.h"

#include <cstdio>

namespace perdure::sim {

void Coverage::add(const Coverage& other) {
  for (std::size_t kind = 0; kind < k_kinds; ++kind)
    for (std::size_t fault = 0; fault < k_faults; ++fault) cells[kind][fault] += other.cells[kind][fault];
  for (std::size_t kind = 0; kind < k_flow_kinds.size(); ++kind)
    for (std::size_t fault = 0; fault < k_faults; ++fault) flows[kind][fault] += other.flows[kind][fault];
  for (std::size_t fault = 0; fault < k_faults; ++fault) compensating[fault] += other.compensating[fault];
}

std::size_t Coverage::empty_cells() const {
  std::size_t empty = 0;
  for (std::size_t kind = 0; kind < k_kinds; ++kind) {
    if (is_instant(static_cast<plan::Kind>(kind))) continue;
    for (const std::uint64_t count : cells[kind]) empty += count == 0 ? 1 : 0;
  }
  for (const auto& row : flows)
    for (const std::uint64_t count : row) empty += count == 0 ? 1 : 0;
  for (const std::uint64_t count : compensating) empty += count == 0 ? 1 : 0;
  return empty;
}

std::string Coverage::table() const {
  std::string out;
  char text[64];
  const auto cell = [&](const char* format, auto value) {
    std::snprintf(text, sizeof text, format, value);
    out += text;
  };
  cell("%-13s", "");
  for (const char* name : k_fault_names) cell("%10s", name);
  const auto row = [&](const std::string& name, const std::array<std::uint64_t, k_faults>& counts) {
    out += "\n";
    cell("%-13s", name.c_str());
    for (const std::uint64_t count : counts) cell("%10llu", static_cast<unsigned long long>(count));
  };
  for (std::size_t kind = 0; kind < k_kinds; ++kind)
    if (!is_instant(static_cast<plan::Kind>(kind)))
      row(std::string(plan::to_string(static_cast<plan::Kind>(kind))), cells[kind]);
  for (std::size_t kind = 0; kind < k_flow_kinds.size(); ++kind)
    row(std::string("ows ") + k_flow_kinds[kind].second, flows[kind]);
  row("compensation", compensating);
  return out + "\n";
}

}  // namespace perdure::sim
