// review list, show, approve, reject: what people are asked to decide.
#include <fmt/format.h>

#include "base/json.h"
#include "cli/drive.h"
#include "cli/input.h"
#include "cli/json_views.h"
#include "cli/review_prompt.h"
#include "cli/session.h"
#include "cli/verbs.h"

namespace perdure::cli {
namespace {

Result<std::vector<engine::ReviewView>> reviews_of(Session& session, engine::Engine& engine) {
  PERDURE_TRY(all, engine.reviews("default"));
  const auto run = session.args.text("RUN");
  const auto name = session.args.text("REVIEW");
  std::vector<engine::ReviewView> chosen;
  for (engine::ReviewView& review : all)
    if ((!run || review.run.id == *run) && (!name || review.step == *name || review.id == *name))
      chosen.push_back(std::move(review));
  return chosen;
}

Result<int> list(Session& session) {
  PERDURE_TRY(engine, session.open_existing(Drive::nothing));
  PERDURE_TRY(reviews, reviews_of(session, *engine));
  if (session.json) {
    Value all = Value::array();
    for (const engine::ReviewView& review : reviews) all.push_back(to_value(review));
    session.print_json(Value::object({{"reviews", all}}));
    return k_exit_ok;
  }
  if (reviews.empty()) {
    session.say("no review is open");
    return k_exit_ok;
  }
  Table table{
      .headings = {"RUN", "REVIEW", "WORKFLOW", "OPENED", "DEADLINE"}, .rows = {}, .right_aligned = {}, .styles = {}};
  for (const engine::ReviewView& review : reviews)
    table.rows.push_back({review.run.id, review.step, review.workflow, format_timestamp(review.opened_at),
                          review.deadline > 0 && review.deadline != k_never ? format_timestamp(review.deadline) : ""});
  session.print(table.render(session.out_palette(), session.out_width()));
  return k_exit_ok;
}

Result<int> show(Session& session) {
  PERDURE_TRY_VOID(session.run_key(session.args.text_or("RUN", "")));
  PERDURE_TRY(engine, session.open_existing(Drive::nothing));
  PERDURE_TRY(reviews, reviews_of(session, *engine));
  if (reviews.empty())
    return fail(ErrorCode::not_found, fmt::format("run {} has no such open review; 'perdure review list' shows all",
                                                  session.args.text_or("RUN", "")));
  for (const engine::ReviewView& review : reviews) {
    if (session.json) session.print_json(to_value(review));
    else session.print(review_text(review, session.out_palette()));
  }
  return k_exit_ok;
}

Result<int> decide(Session& session, bool approved) {
  PERDURE_TRY(key, session.run_key(session.args.text_or("RUN", "")));
  engine::ReviewDecision decision{.review = session.args.text_or("REVIEW", ""),
                                  .approved = approved,
                                  .reviewer = session.user(),
                                  .comment = session.args.text_or("--comment", ""),
                                  .data = {}};
  if (const auto data = session.args.text("--data")) {
    PERDURE_TRY(read, read_value(session.io, "--data", *data));
    decision.data = std::move(read);
  }
  const bool drives = !session.args.on("--no-drive");
  PERDURE_TRY(engine, session.open_existing(drives ? Drive::everything : Drive::nothing));
  PERDURE_TRY(before, engine->describe(key));
  PERDURE_TRY_VOID(engine->review(key, decision));
  const std::string did = fmt::format("{} by {}", approved ? "approved" : "rejected", printable(decision.reviewer));
  session.say(did);
  if (!drives) {
    if (session.json) session.print_json(Value::object({{"run", key.id}, {"done", did}}));
    return k_exit_ok;
  }
  DriveOptions options = drive_options(session);
  options.message = true;
  options.prompt = false;
  options.from_seq = before.events + 1;
  return drive(session, *engine, key, options);
}

Result<int> approve(Session& session) { return decide(session, true); }
Result<int> reject(Session& session) { return decide(session, false); }

Verb deciding(std::string name, std::string summary, std::vector<Example> examples, VerbFunction function) {
  Verb verb{
      .name = std::move(name),
      .group = "People",
      .summary = std::move(summary),
      .positionals = {{.name = "RUN", .help = "the run's id", .complete = Complete::run},
                      {.name = "REVIEW",
                       .help = "the step's name or the review's id, where a run has several",
                       .required = false}},
      .flags = {{.name = "--data",
                 .value = "JSON",
                 .help = "the data as you edited it: JSON, @FILE, or -",
                 .short_name = "-d",
                 .complete = Complete::file},
                {.name = "--comment", .value = "TEXT", .help = "kept with the decision"},
                {.name = "--as", .value = "NAME", .help = "the reviewer (default: the login name)"},
                {.name = "--no-drive", .value = "", .help = "record it and come back; 'perdure resume' goes on later"}},
      .notes = "The decision is durable before the run goes on with it here; the exit code says that it got through.",
      .examples = std::move(examples),
      .run = function};
  add_drive_flags(verb.flags);
  return verb;
}

}  // namespace

void add_review_verbs(std::vector<Verb>& verbs) {
  verbs.push_back({.name = "review list",
                   .group = "People",
                   .summary = "Reviews that wait for a decision",
                   .positionals = {},
                   .flags = {},
                   .examples = {{"perdure review list", "what there is to decide"}},
                   .run = list});
  verbs.push_back({.name = "review show",
                   .group = "People",
                   .summary = "What a review proposes",
                   .positionals = {{.name = "RUN", .help = "the run's id", .complete = Complete::run},
                                   {.name = "REVIEW", .help = "the step's name or the review's id", .required = false}},
                   .flags = {},
                   .examples = {{"perdure review show campaign-7", "look before deciding"}},
                   .run = show});
  verbs.push_back(deciding("review approve", "Approve a review, with the data edited if need be",
                           {{"perdure review approve campaign-7 --comment fine", "let a run go on"},
                            {"perdure review approve campaign-7 --data @edited.json --as ann", "with corrections"}},
                           approve));
  verbs.push_back(deciding("review reject", "Reject a review",
                           {{"perdure review reject campaign-7 --comment 'wrong date'", "send it back"}}, reject));
}

}  // namespace perdure::cli
