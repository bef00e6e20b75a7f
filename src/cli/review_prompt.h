#pragma once
// A review put to the person at the terminal.
#include <optional>

#include "base/result.h"
#include "cli/session.h"

namespace perdure::cli {

// Shows what is proposed and asks: approve, reject, edit, later. None: put off. The reviewer is session.user().
Result<std::optional<engine::ReviewDecision>> ask_review(Session& session, const engine::ReviewView& review);

// Head, deadline, data and form of a review, for people.
std::string review_text(const engine::ReviewView& review, const Palette& palette);

}  // namespace perdure::cli
