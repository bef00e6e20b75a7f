#include "cli/progress_view.h"

#include <gtest/gtest.h>

#include "cli/testing.h"

namespace perdure::cli {
namespace {

namespace h = history;
using testing::plan_of;

constexpr std::string_view k_order = R"(name: order
steps:
  - {id: reserve, call: shell, with: {argv: [a]}, compensation: {call: shell, with: {argv: [b]}}}
  - id: tell
    type: parallel
    steps:
      - {id: mail, call: shell, with: {argv: [c]}}
      - {id: chat, call: shell, with: {argv: [d]}, foreach: "${ [1,2] }"}
  - {id: cool, wait: 1h}
  - {id: paid, listen: {signal: payment}}
)";

class View : public ::testing::Test {
 protected:
  View() : plan_(plan_of(k_order)), model_(plan_) { model_.keep_marks(); }

  h::NodeId node(std::string_view name) const {
    for (const plan::Node& one : plan_->nodes)
      if (one.name == name) return one.id;
    ADD_FAILURE() << "no node " << name;
    return 0;
  }
  void at(TimeMs now, h::Event event) {
    model_.apply({.seq = ++seq_, .at = now, .event = std::move(event)});
    for (const StepLine* line : model_.changed())
      if (const std::string text = plain_line(model_, *line, now, options_); !text.empty()) plain_ += text + "\n";
  }
  void start() { at(1'000, h::RunStarted{.info = std::make_shared<h::StartInfo>()}); }
  void schedule(TimeMs now, h::FrameId frame, std::string_view name, h::FrameId parent, std::uint32_t index = 0,
                h::Role role = h::Role::step) {
    at(now, testing::scheduled(frame, node(name), parent, index, role));
  }
  void step(TimeMs now, h::FrameId frame, std::string_view name, h::FrameId parent, std::uint32_t index = 0) {
    at(now,
       h::StepStarted{.frame = frame, .node = node(name), .parent = parent, .index = index, .role = h::Role::step});
  }
  void complete(TimeMs now, h::FrameId frame) {
    at(now, h::StepCompleted{.frame = frame, .kind = {}, .from = h::k_none, .output = {}});
  }
  void fail_attempt(TimeMs now, h::FrameId frame, std::uint32_t attempt) {
    h::Fault fault;
    fault.type = "http.503";
    fault.title = "busy";
    at(now,
       h::ActivityFailed{.frame = frame, .command = 0, .attempt = attempt, .fault = std::make_shared<h::Fault>(fault)});
  }
  std::string drawn(TimeMs now) const {
    std::string text;
    for (const std::string& line : frame(model_, now, options_)) text += line + "\n";
    return text;
  }

  std::shared_ptr<const plan::Plan> plan_;
  RunModel model_;
  ViewOptions options_{.run_id = "r1", .palette = Palette(false), .unicode = false, .columns = 80, .rows = 24};
  std::uint64_t seq_ = 0;
  std::string plain_;
};

TEST_F(View, ShowsWhatRunsWhatWaitsAndWhatLiesAhead) {
  start();
  schedule(1'000, 1, "reserve", 0);
  complete(1'500, 1);
  step(1'500, 1, "tell", 0, 1);
  schedule(1'500, 2, "mail", 1);
  step(1'500, 3, "chat", 1, 1);
  schedule(1'600, 4, "chat", 3, 0, h::Role::item);
  fail_attempt(1'700, 2, 1);
  at(1'700, h::ActivityRetryScheduled{.frame = 2, .attempt = 2, .at = 3'700});
  options_.usual_ms = 10'000;
  EXPECT_EQ(drawn(1'720),
            "order  r1  running\n"
            "######------------------------   20 %  1 of 5 steps  720 ms  about 9.2 s left\n"
            "  + reserve  500 ms\n"
            "  > tell     220 ms\n"
            "    r mail     attempt 2 in 1.9 s  http.503: busy\n"
            "    > chat     220 ms\n"
            "      > chat[0]  120 ms\n"
            "  . cool\n"
            "  . paid\n");
  EXPECT_EQ(plain_,
            "    0 ms  reserve  started\n"
            "  500 ms  reserve  completed (500 ms)\n"
            "  500 ms  tell  started\n"
            "  500 ms  tell.mail  started\n"
            "  500 ms  tell.chat  started\n"
            "  600 ms  tell.chat[0]  started\n"
            "  700 ms  tell.mail  failed attempt 1, attempt 2 in 2.0 s: http.503: busy\n");
}

TEST_F(View, ALostAttemptOfAPausedRunMovesNothing) {
  start();
  schedule(1'000, 1, "reserve", 0);
  at(2'000, h::PauseRequested{.by = "ann", .reason = ""});
  EXPECT_TRUE(model_.outlook().moves);
  at(2'000, h::ActivityLost{.frame = 1, .command = 2, .attempt = 1});
  EXPECT_FALSE(model_.outlook().moves);
}

TEST_F(View, LooksAheadToWhatCanMoveTheRun) {
  start();
  EXPECT_FALSE(model_.outlook().moves);
  schedule(1'000, 1, "reserve", 0);
  EXPECT_TRUE(model_.outlook().moves);
  EXPECT_EQ(model_.status(), h::RunStatus::running);
  complete(2'000, 1);
  step(2'000, 1, "cool", 0, 2);
  at(2'000, h::TimerStarted{.frame = 1, .due = 3'602'000});
  EXPECT_TRUE(model_.outlook().timers);
  EXPECT_FALSE(model_.outlook().waits_for_somebody());
  EXPECT_EQ(model_.status(), h::RunStatus::waiting);
  EXPECT_NE(drawn(2'000).find("w cool     until 1970-01-01T01:00:02Z"), std::string::npos) << drawn(2'000);
  complete(3'602'000, 1);
  step(3'602'000, 1, "paid", 0, 3);
  at(3'602'000, h::ListenOpened{.frame = 1, .name = "payment"});
  EXPECT_EQ(model_.outlook().signals, std::vector<std::string>{"payment"});
  EXPECT_FALSE(model_.outlook().timers);
  EXPECT_NE(drawn(3'602'000).find("w paid     for the signal payment"), std::string::npos) << drawn(3'602'000);
}

TEST_F(View, ShowsWhatIsUndoneAfterTheStepsOfItsScope) {
  start();
  schedule(1'000, 1, "reserve", 0);
  complete(2'000, 1);
  at(2'000, h::CompensationStarted{.frame = 0, .fault = nullptr});
  EXPECT_EQ(model_.status(), h::RunStatus::compensating);
  const h::NodeId undo = plan_->nodes[node("reserve")].compensation;
  at(2'000, testing::scheduled(1, undo, 0, 0, h::Role::compensation));
  complete(3'000, 1);
  h::Fault fault;
  fault.type = "x";
  at(3'000, h::RunFailed{.status = h::RunStatus::failed, .fault = std::make_shared<h::Fault>(fault)});
  EXPECT_EQ(drawn(9'000),
            "order  r1  failed\n"
            "######------------------------   20 %  1 of 5 steps  2.0 s\n"
            "  + reserve       1.0 s\n"
            "  . tell\n"
            "  . cool\n"
            "  . paid\n"
            "  u undo reserve  1.0 s\n");
}

TEST_F(View, FitsAnyTerminal) {
  start();
  schedule(1'000, 1, "reserve", 0);
  complete(2'000, 1);
  step(2'000, 1, "tell", 0, 1);
  step(2'000, 2, "chat", 1, 1);
  for (std::uint32_t item = 0; item < 50; ++item) {
    schedule(2'000, 10 + item, "chat", 2, item, h::Role::item);
    if (item != 40) complete(2'000 + item, 10 + item);
  }
  for (const std::size_t columns : {10, 20, 40, 200})
    for (const std::size_t rows : {4, 8, 24}) {
      options_.columns = columns;
      options_.rows = rows;
      const std::vector<std::string> lines = frame(model_, 3'000, options_);
      EXPECT_LT(lines.size(), std::max<std::size_t>(rows, 5));
      for (const std::string& line : lines) EXPECT_LT(display_width(line), std::max<std::size_t>(columns, 1)) << line;
    }
  options_.columns = 80;
  options_.rows = 10;
  const std::string text = drawn(3'000);
  EXPECT_NE(text.find("chat[40]"), std::string::npos) << "what runs is shown:\n" << text;
  EXPECT_NE(text.find("more steps are not shown"), std::string::npos);
}

TEST_F(View, MemoryIsBoundedForMillionsOfItems) {
  start();
  step(1'000, 1, "tell", 0, 1);
  step(1'000, 2, "chat", 1, 1);
  for (std::uint32_t item = 0; item < 20'000; ++item) {
    model_.apply({.seq = ++seq_, .at = 2'000, .event = testing::scheduled(3, node("chat"), 2, item, h::Role::item)});
    model_.apply({.seq = ++seq_,
                  .at = 2'000,
                  .event = h::StepCompleted{.frame = 3, .kind = {}, .from = h::k_none, .output = {}}});
  }
  EXPECT_LT(model_.lines().size(), 6'000U);
  EXPECT_GT(model_.lines_dropped(), 14'000U);
  EXPECT_NE(drawn(3'000).find("more steps are not shown"), std::string::npos);
}

TEST_F(View, EventsThatFitNothingChangeNothing) {
  const std::string before = drawn(1'000);
  at(1'000, h::StepCompleted{.frame = 77, .kind = {}, .from = h::k_none, .output = {}});
  at(1'000, h::StepSkipped{.parent = 9, .node = 1, .index = 0});
  at(1'000, h::ActivityFailed{.frame = 4'000'000'000U, .command = 0, .attempt = 1, .fault = nullptr});
  at(1'000, h::StepStarted{.frame = 4'000'000'000U, .node = 1, .parent = 0, .index = 0, .role = h::Role::step});
  at(1'000, h::StepStarted{.frame = 1, .node = 4'000'000'000U, .parent = 0, .index = 0, .role = h::Role::step});
  EXPECT_EQ(drawn(1'000), before);
}

TEST_F(View, TimelineHasEachAttemptWithItsTime) {
  start();
  schedule(1'000, 1, "reserve", 0);
  fail_attempt(1'400, 1, 1);
  at(1'400, h::ActivityRetryScheduled{.frame = 1, .attempt = 2, .at = 2'400});
  at(2'400, h::ActivityAttemptStarted{.frame = 1, .attempt = 2});
  at(3'000, h::ActivityCompleted{.frame = 1, .command = 2, .attempt = 2, .result = {}});
  complete(3'000, 1);
  at(3'000, h::SignalReceived{.name = "payment", .payload = {}, .sender_key = {}});
  std::string text;
  for (const Mark& mark : model_.marks())
    text += mark.step + "|" + mark.what + "|" + mark.outcome + "|" + std::to_string(mark.ended_at - mark.started_at) +
            "|" + mark.detail + "\n";
  EXPECT_EQ(text,
            "|run|started|0|\n"
            "reserve|attempt 1|failed|400|http.503: busy\n"
            "reserve|attempt 2|completed|600|\n"
            "|signal payment|received|0|\n");
}

TEST(Redraw, ErasesTheRowsATerminalShows) {
  Redraw redraw;
  EXPECT_EQ(redraw.draw({"abc", "\x1b[31m12345678\x1b[0m"}, 80), "abc\n\x1b[31m12345678\x1b[0m\n");
  EXPECT_EQ(redraw.draw({"x"}, 80), "\x1b[2A\r\x1b[Jx\n");
  EXPECT_EQ(redraw.draw({"12345678"}, 80), "\x1b[1A\r\x1b[J12345678\n");
  EXPECT_EQ(redraw.clear(4), "\x1b[2A\r\x1b[J") << "narrower: the line takes two rows";
  EXPECT_EQ(redraw.clear(4), "");
}

TEST(TimeLeft, SaysOnlyWhatIsKnown) {
  EXPECT_EQ(time_left(5'000, std::nullopt), "");
  EXPECT_EQ(time_left(5'000, 8'000), "about 3.0 s left");
  EXPECT_EQ(time_left(9'000, 8'000), "");
  EXPECT_EQ(time_left(13'000, 8'000), "longer than usual (8.0 s)");
}

}  // namespace
}  // namespace perdure::cli
