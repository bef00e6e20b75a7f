#include "cli/review_prompt.h"

#include <fmt/format.h>

#include "base/json.h"

namespace perdure::cli {
namespace {

std::string words_of(const Value* value) {
  if (!value || value->is_null()) return {};
  if (value->is_string()) return std::string(value->as_string());
  std::string words;
  if (value->is_array()) {
    for (const Value& one : value->items())
      words += (words.empty() ? "" : ", ") + (one.is_string() ? std::string(one.as_string()) : to_json(one));
    return words;
  }
  return to_json(*value);
}

}  // namespace

std::string review_text(const engine::ReviewView& review, const Palette& palette) {
  std::string text = fmt::format("{}  of {} in run {}\n", palette(Style::bold, "Review " + printable(review.step)),
                                 printable(review.workflow), printable(review.run.id));
  const std::string reviewers = words_of(review.request.find("reviewers"));
  if (!reviewers.empty()) text += fmt::format("reviewers  {}\n", printable(reviewers));
  if (const Value* quorum = review.request.find("quorum"); quorum && quorum->is_integer() && quorum->as_int() > 1)
    text += fmt::format("quorum     {} of {} so far\n", review.approvals.size(), quorum->as_int());
  if (review.deadline > 0 && review.deadline != k_never)
    text += fmt::format("deadline   {}\n", format_timestamp(review.deadline));
  if (const Value* data = review.request.find("data"); data && !data->is_null())
    text += printable(to_pretty_json(*data), true) + "\n";
  return text;
}

Result<std::optional<engine::ReviewDecision>> ask_review(Session& session, const engine::ReviewView& review) {
  const Palette palette = session.err_palette();
  session.io.err("\n" + review_text(review, palette));
  engine::ReviewDecision decision{
      .review = review.id, .approved = false, .reviewer = session.user(), .comment = {}, .data = {}};
  while (true) {
    session.io.err(fmt::format("{}pprove, {}eject, {}dit the data, {}ater? ", palette(Style::bold, "[a]"),
                               palette(Style::bold, "[r]"), palette(Style::bold, "[e]"), palette(Style::bold, "[l]")));
    const std::optional<std::string> line = session.io.read_line();
    if (!line) {
      session.io.err("\n");
      return std::nullopt;
    }
    const char choice = line->empty() ? ' ' : line->front();
    if (choice == 'l' || choice == 'q') return std::nullopt;
    if (choice == 'e') {
      const Value* data = review.request.find("data");
      const Value now = decision.data ? *decision.data : data ? *data : Value();
      const Result<std::string> edited = edit_text(session.io, to_pretty_json(now) + "\n", ".json");
      const Result<Value> parsed = edited ? parse_json(*edited) : Result<Value>(tl::unexpected(edited.error()));
      if (!parsed) {
        session.io.err("not taken: " + printable(parsed.error().message) + "\n");
        continue;
      }
      decision.data = *parsed;
      session.io.err(printable(to_pretty_json(*parsed), true) + "\n");
      continue;
    }
    if (choice != 'a' && choice != 'r') continue;
    decision.approved = choice == 'a';
    session.io.err("comment (may be empty): ");
    decision.comment = session.io.read_line().value_or("");
    if (session.io.interrupted()) return std::nullopt;
    return decision;
  }
}

}  // namespace perdure::cli
