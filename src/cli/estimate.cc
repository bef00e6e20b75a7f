#include "cli/estimate.h"

#include <algorithm>
#include <map>
#include <vector>

#include "cli/run_model.h"

namespace perdure::cli {
namespace {

constexpr std::size_t k_runs = 10;
constexpr std::size_t k_events = 5'000;  // of each run

}  // namespace

Result<Estimate> estimate(engine::Engine& engine, const std::string& workflow) {
  engine::ListRequest request;
  request.workflow = workflow;
  request.status = "completed";
  request.limit = k_runs;
  PERDURE_TRY(list, engine.list(request));
  std::map<std::string, std::vector<DurationMs>> seen;
  Estimate estimate;
  for (const engine::RunSummary& summary : list.runs) {
    PERDURE_TRY(run, engine.describe(summary.run));
    PERDURE_TRY(plan, engine.plan(run.plan_hash));
    RunModel model(plan);
    PERDURE_TRY(page, engine.history(summary.run, 1, k_events));
    for (const engine::HistoryEntry& entry : page) model.apply(entry);
    for (const StepLine* line : model.lines())
      if (line->phase == StepPhase::completed && line->path.find('[') == std::string::npos && !line->undoing)
        seen[line->path].push_back(line->ended_at - line->started_at);
    ++estimate.runs;
  }
  for (auto& [path, durations] : seen) {
    const auto middle = durations.begin() + static_cast<std::ptrdiff_t>(durations.size() / 2);
    std::nth_element(durations.begin(), middle, durations.end());
    estimate.by_step[path] = *middle;
  }
  return estimate;
}

}  // namespace perdure::cli
