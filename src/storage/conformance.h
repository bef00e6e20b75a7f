#pragma once
// The suite every driver of the storage port passes. A driver's test includes this once and instantiates it:
//   INSTANTIATE_TEST_SUITE_P(Memory, StoreConformance, ::testing::Values(ConformanceDriver{...}));
// A driver that persists gets every check twice: on the running store, and after closing and opening it again.
#include <gtest/gtest.h>

#include <algorithm>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "storage/conformance_support.h"
#include "storage/store.h"

namespace perdure::storage {

// One store under test. open() gives a new Store on the same content (the previous one has been destroyed).
class ConformanceTarget {
 public:
  virtual ~ConformanceTarget() = default;
  virtual std::unique_ptr<Store> open() = 0;
};

struct ConformanceDriver {
  std::string name;
  bool persists = false;
  std::function<std::unique_ptr<ConformanceTarget>()> make;
};

class StoreConformance : public ::testing::TestWithParam<ConformanceDriver> {
 protected:
  void SetUp() override {
    target_ = GetParam().make();
    store_ = target_->open();
    ASSERT_NE(store_, nullptr);
  }

  static RunKey key(std::string id) { return {"default", std::move(id)}; }

  static RunWrite creation(const std::string& id, TimeMs started_at = 100, TimeMs wake = k_never) {
    RunWrite write;
    write.run = key(id);
    write.count = 2;
    write.batch = Bytes::copy("first of " + id);
    write.row = conformance_row(started_at);
    write.wake = wake;
    return write;
  }

  static RunWrite step(const std::string& id, std::uint64_t first_seq, std::string text, std::uint32_t count = 1) {
    RunWrite write;
    write.run = key(id);
    write.first_seq = first_seq;
    write.count = count;
    write.batch = Bytes(std::move(text));
    return write;
  }

  Status commit(std::vector<RunWrite> runs, std::vector<KeyWrite> keys = {}) {
    return commit_and_wait(*store_, {std::move(runs), std::move(keys), store_->epoch()});
  }
  ErrorCode refusal(std::vector<RunWrite> runs, std::vector<KeyWrite> keys = {}) {
    const Status status = commit(std::move(runs), std::move(keys));
    EXPECT_FALSE(status.has_value());
    return status ? ErrorCode::internal : status.error().code;
  }
  void create(const std::string& id, TimeMs started_at = 100, TimeMs wake = k_never) {
    const Status status = commit({creation(id, started_at, wake)});
    ASSERT_TRUE(status.has_value()) << status.error().message;
  }
  void close(const std::string& id, std::uint64_t first_seq, TimeMs started_at = 100) {
    RunWrite write = step(id, first_seq, "end of " + id);
    write.row = conformance_row(started_at, "completed", true);
    write.wake = k_never;
    ASSERT_TRUE(commit({write}).has_value());
  }

  std::vector<std::string> texts(const std::string& id, std::uint64_t from_seq, std::size_t max_bytes = 1 << 20) {
    auto batches = store_->history(key(id), from_seq, max_bytes);
    EXPECT_TRUE(batches.has_value());
    std::vector<std::string> out;
    if (batches) {
      for (const HistoryBatch& batch : *batches) out.emplace_back(batch.batch.view());
    }
    return out;
  }
  std::vector<std::string> listed(ListQuery query) {
    auto page = store_->list(query);
    EXPECT_TRUE(page.has_value());
    std::vector<std::string> ids;
    if (page) {
      for (const auto& [run, row] : page->rows) ids.push_back(run.id);
    }
    return ids;
  }
  std::vector<std::string> woken(TimeMs from, TimeMs until, std::optional<Wake> after = {}, std::size_t limit = 100) {
    auto due = store_->wakes(from, until, after, limit);
    EXPECT_TRUE(due.has_value());
    std::vector<std::string> ids;
    if (due) {
      for (const Wake& wake : *due) ids.push_back(wake.run.id);
    }
    return ids;
  }

  // Runs the checks now, and again after reopening when the driver persists.
  void check_now_and_reopened(const std::function<void()>& checks) {
    checks();
    if (!GetParam().persists) return;
    reopen();
    SCOPED_TRACE("after reopening");
    checks();
  }
  void reopen() {
    store_.reset();
    store_ = target_->open();
    ASSERT_NE(store_, nullptr);
  }

  using Texts = std::vector<std::string>;
  std::unique_ptr<ConformanceTarget> target_;
  std::unique_ptr<Store> store_;
};

TEST_P(StoreConformance, LoadsWhatWasCommitted) {
  create("a", 100, 500);
  ASSERT_TRUE(commit({step("a", 3, "second", 3)}).has_value());
  check_now_and_reopened([&] {
    const auto loaded = store_->load(key("a"));
    ASSERT_TRUE(loaded.has_value()) << loaded.error().message;
    EXPECT_EQ(loaded->last_seq, 5U);
    EXPECT_EQ(loaded->snapshot_seq, 0U);
    EXPECT_TRUE(loaded->snapshot.empty());
    ASSERT_EQ(loaded->tail.size(), 2U);
    EXPECT_EQ(loaded->tail[0].view(), "first of a");
    EXPECT_EQ(loaded->tail[1].view(), "second");
    EXPECT_EQ(loaded->row, conformance_row(100));
    EXPECT_EQ(loaded->wake, 500);
    EXPECT_EQ(*store_->row(key("a")), conformance_row(100));
    EXPECT_EQ(*store_->row(key("b")), std::nullopt);
    EXPECT_EQ(store_->load(key("b")).error().code, ErrorCode::not_found);
    EXPECT_EQ(store_->history(key("b"), 1, 100).error().code, ErrorCode::not_found);
  });
}

TEST_P(StoreConformance, LoadingStartsFromTheNewestSnapshot) {
  RunWrite with_snapshot = step("a", 3, "second", 2);
  with_snapshot.snapshot = Bytes::copy("state at 4");
  create("a");
  ASSERT_TRUE(commit({with_snapshot}).has_value());
  ASSERT_TRUE(commit({step("a", 5, "third")}).has_value());
  check_now_and_reopened([&] {
    const auto loaded = store_->load(key("a"));
    ASSERT_TRUE(loaded.has_value());
    EXPECT_EQ(loaded->snapshot.view(), "state at 4");
    EXPECT_EQ(loaded->snapshot_seq, 4U);
    ASSERT_EQ(loaded->tail.size(), 1U);
    EXPECT_EQ(loaded->tail[0].view(), "third");
    EXPECT_EQ(texts("a", 1), (Texts{"first of a", "second", "third"}));
  });
}

TEST_P(StoreConformance, HistoryPagesByBatchAndBytes) {
  create("a");
  ASSERT_TRUE(commit({step("a", 3, "second", 3), step("a", 6, "third")}).has_value());
  check_now_and_reopened([&] {
    EXPECT_EQ(texts("a", 1), (Texts{"first of a", "second", "third"}));
    EXPECT_EQ(texts("a", 2), (Texts{"first of a", "second", "third"}));
    EXPECT_EQ(texts("a", 3), (Texts{"second", "third"}));
    EXPECT_EQ(texts("a", 5), (Texts{"second", "third"}));
    EXPECT_EQ(texts("a", 6), (Texts{"third"}));
    EXPECT_EQ(texts("a", 7), Texts{});
    EXPECT_EQ(texts("a", 1, 1), (Texts{"first of a"}));
    EXPECT_EQ(texts("a", 1, 16), (Texts{"first of a", "second"}));
    EXPECT_EQ(store_->history(key("a"), 4, 1 << 20)->front().first_seq, 3U);
    EXPECT_EQ(store_->history(key("a"), 4, 1 << 20)->front().count, 3U);
  });
}

TEST_P(StoreConformance, RefusesAWriteThatDoesNotFollowAndAppliesNothing) {
  create("a");
  EXPECT_EQ(refusal({creation("a")}), ErrorCode::conflict);
  EXPECT_EQ(refusal({step("a", 2, "x")}), ErrorCode::conflict);
  EXPECT_EQ(refusal({step("a", 4, "x")}), ErrorCode::conflict);
  EXPECT_EQ(refusal({step("nobody", 5, "x")}), ErrorCode::conflict);
  EXPECT_EQ(refusal({creation("b"), step("a", 9, "x")}, {{"k/1", Bytes::copy("v")}}), ErrorCode::conflict);
  check_now_and_reopened([&] {
    EXPECT_EQ(*store_->row(key("b")), std::nullopt);
    EXPECT_EQ(*store_->get("k/1"), std::nullopt);
    EXPECT_EQ(store_->load(key("a"))->last_seq, 2U);
  });
}

TEST_P(StoreConformance, RefusesAnotherLeaseEpoch) {
  const std::uint64_t epoch = store_->epoch();
  for (const std::uint64_t wrong : {epoch - 1, epoch + 1}) {
    const Status status = commit_and_wait(*store_, {{creation("a")}, {}, wrong});
    ASSERT_FALSE(status.has_value());
    EXPECT_EQ(status.error().code, ErrorCode::lease_lost);
  }
  EXPECT_EQ(*store_->row(key("a")), std::nullopt);
}

TEST_P(StoreConformance, RefusesMalformedWrites) {
  struct Case {
    const char* what;
    std::function<void(RunWrite&)> spoil;
  };
  const Case cases[] = {
      {"no row", [](RunWrite& w) { w.row.reset(); }},
      {"no wake", [](RunWrite& w) { w.wake.reset(); }},
      {"no events", [](RunWrite& w) { w.count = 0; }},
      {"no batch", [](RunWrite& w) { w.batch = {}; }},
      {"sequence 0", [](RunWrite& w) { w.first_seq = 0; }},
      {"empty id", [](RunWrite& w) { w.run.id.clear(); }},
      {"slash in id", [](RunWrite& w) { w.run.id = "a/b"; }},
      {"zero byte in tenant", [](RunWrite& w) { w.run.tenant = std::string("a\0b", 3); }},
      {"start before 1970", [](RunWrite& w) { w.row->started_at = -1; }},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.what);
    RunWrite write = creation("a");
    c.spoil(write);
    EXPECT_EQ(refusal({write}), ErrorCode::invalid);
  }
  EXPECT_EQ(refusal({}, {{"", Bytes::copy("v")}}), ErrorCode::invalid);
  EXPECT_EQ(refusal({}, {{std::string(1025, 'k'), Bytes::copy("v")}}), ErrorCode::invalid);
  create("a");
  RunWrite moved = step("a", 3, "x");
  moved.row = conformance_row(101);
  EXPECT_EQ(refusal({moved}), ErrorCode::invalid);
}

TEST_P(StoreConformance, OneCommitMayWriteARunSeveralTimes) {
  RunWrite last = step("a", 4, "third");
  last.row = conformance_row(100, "completed", true);
  last.wake = k_never;
  ASSERT_TRUE(commit({creation("a"), step("a", 3, "second"), last}).has_value());
  EXPECT_EQ(refusal({creation("b"), step("b", 4, "x")}), ErrorCode::conflict);
  check_now_and_reopened([&] {
    EXPECT_EQ(texts("a", 1), (Texts{"first of a", "second", "third"}));
    EXPECT_EQ((*store_->row(key("a")))->status, "completed");
    EXPECT_EQ(*store_->row(key("b")), std::nullopt);
  });
}

TEST_P(StoreConformance, AWriteWithoutEventsChangesRowWakeOrSnapshot) {
  create("a", 100, 500);
  RunWrite quiet;
  quiet.run = key("a");
  quiet.first_seq = 3;
  quiet.wake = 700;
  quiet.row = conformance_row(100, "paused");
  quiet.snapshot = Bytes::copy("state at 2");
  ASSERT_TRUE(commit({quiet}).has_value());
  check_now_and_reopened([&] {
    const auto loaded = store_->load(key("a"));
    ASSERT_TRUE(loaded.has_value());
    EXPECT_EQ(loaded->last_seq, 2U);
    EXPECT_EQ(loaded->snapshot_seq, 2U);
    EXPECT_EQ(loaded->snapshot.view(), "state at 2");
    EXPECT_TRUE(loaded->tail.empty());
    EXPECT_EQ(loaded->row.status, "paused");
    EXPECT_EQ(woken(0, k_never), (Texts{"a"}));
    EXPECT_EQ(woken(0, 700), Texts{});
  });
}

TEST_P(StoreConformance, WakesAreOrderedAndPaged) {
  create("c", 100, 300);
  create("a", 100, 300);
  create("b", 100, k_wake_active);
  create("d", 100, 200);
  create("never", 100, k_never);
  create("closing", 100, 200);
  close("closing", 3);
  check_now_and_reopened([&] {
    EXPECT_EQ(woken(0, k_never), (Texts{"b", "d", "a", "c"}));
    EXPECT_EQ(woken(1, 300), (Texts{"d"}));
    EXPECT_EQ(woken(0, 301), (Texts{"b", "d", "a", "c"}));
    EXPECT_EQ(woken(0, k_never, {}, 3), (Texts{"b", "d", "a"}));
    EXPECT_EQ(woken(0, k_never, Wake{300, key("a")}), (Texts{"c"}));
    EXPECT_EQ(woken(300, k_never, Wake{200, key("d")}), (Texts{"a", "c"}));
    EXPECT_EQ(woken(0, 0), Texts{});
  });
}

TEST_P(StoreConformance, AMovedWakeIsFoundOnceAtItsNewTime) {
  create("a", 100, 300);
  if (GetParam().persists) reopen();
  RunWrite move = step("a", 3, "x");
  move.wake = 100;
  ASSERT_TRUE(commit({move}).has_value());
  check_now_and_reopened([&] {
    EXPECT_EQ(woken(0, k_never), (Texts{"a"}));
    EXPECT_EQ(woken(0, 101), (Texts{"a"}));
    EXPECT_EQ(woken(200, k_never), Texts{});
  });
  close("a", 4);
  check_now_and_reopened([&] { EXPECT_EQ(woken(0, k_never), Texts{}); });
  RunWrite reopened = step("a", 5, "again");
  reopened.row = conformance_row(100, "running");
  reopened.wake = 900;
  ASSERT_TRUE(commit({reopened}).has_value());
  check_now_and_reopened([&] { EXPECT_EQ(woken(0, k_never), (Texts{"a"})); });
}

TEST_P(StoreConformance, ListsNewestFirstWithFiltersAndPages) {
  create("old", 100);
  create("b", 300);
  create("a", 300);
  RunWrite child = creation("child", 200);
  child.row->parent = "old";
  child.row->workflow = "bill";
  RunWrite foreign = creation("foreign", 250);
  foreign.run.tenant = "other";
  ASSERT_TRUE(commit({child, foreign}).has_value());
  close("old", 3);
  check_now_and_reopened([&] {
    EXPECT_EQ(listed({}), (Texts{"a", "b", "child", "old"}));
    EXPECT_EQ(listed({.tenant = "other", .status = {}, .workflow = {}, .parent = {}, .cursor = {}}),
              (Texts{"foreign"}));
    EXPECT_EQ(listed({.status = "completed", .workflow = {}, .parent = {}, .cursor = {}}), (Texts{"old"}));
    EXPECT_EQ(listed({.status = {}, .workflow = "bill", .parent = {}, .cursor = {}}), (Texts{"child"}));
    EXPECT_EQ(listed({.status = {}, .workflow = {}, .parent = "old", .cursor = {}}), (Texts{"child"}));
    ListQuery between;
    between.started_from = 200;
    between.started_until = 300;
    EXPECT_EQ(listed(between), (Texts{"child"}));

    ListQuery paged;
    paged.limit = 1;
    Texts all;
    for (int page = 0; page < 10; ++page) {
      const auto got = store_->list(paged);
      ASSERT_TRUE(got.has_value());
      for (const auto& [run, row] : got->rows) all.push_back(run.id);
      paged.cursor = got->next_cursor;
      if (paged.cursor.empty()) break;
    }
    EXPECT_EQ(all, (Texts{"a", "b", "child", "old"}));
  });
  ListQuery wrong;
  wrong.limit = 0;
  EXPECT_EQ(store_->list(wrong).error().code, ErrorCode::invalid);
  wrong = {};
  wrong.cursor = "nonsense";
  EXPECT_EQ(store_->list(wrong).error().code, ErrorCode::invalid);
}

TEST_P(StoreConformance, CompactionDropsOnlyWhatASnapshotCovers) {
  create("a");
  std::uint64_t seq = 3;
  for (int i = 0; i < 40; ++i, ++seq) {
    RunWrite write = step("a", seq, "step " + std::to_string(seq));
    if (i % 10 == 9) write.snapshot = Bytes::copy("state at " + std::to_string(seq));
    write.compact_over_events = 5;
    ASSERT_TRUE(commit({write}).has_value());
    if (i % 10 == 4 && GetParam().persists) reopen();
  }
  ASSERT_TRUE(commit({step("a", seq, "last")}).has_value());
  check_now_and_reopened([&] {
    const auto loaded = store_->load(key("a"));
    ASSERT_TRUE(loaded.has_value());
    EXPECT_EQ(loaded->snapshot_seq, 42U);
    EXPECT_EQ(loaded->snapshot.view(), "state at 42");
    ASSERT_EQ(loaded->tail.size(), 1U);
    EXPECT_EQ(loaded->tail[0].view(), "last");
    EXPECT_EQ(texts("a", 43), (Texts{"last"}));
    // What is left is the end of the history, without a gap.
    const auto batches = store_->history(key("a"), 1, 1 << 20);
    ASSERT_TRUE(batches.has_value());
    for (std::size_t i = 1; i < batches->size(); ++i)
      EXPECT_EQ((*batches)[i].first_seq, (*batches)[i - 1].first_seq + (*batches)[i - 1].count);
    EXPECT_EQ(batches->back().first_seq, 43U);
  });
}

TEST_P(StoreConformance, SharedKeysAreReadScannedAndDeleted) {
  const auto value = [](const char* text) { return Bytes::copy(text); };
  ASSERT_TRUE(commit({}, {{"plan/b", value("2")}, {"plan/a", value("1")}, {"plan/c", value("3")}, {"q", value("4")}}));
  if (GetParam().persists) reopen();
  ASSERT_TRUE(commit({}, {{"plan/b", std::nullopt}, {"plan/c", value("33")}, {"plan/d", value("")}}));
  check_now_and_reopened([&] {
    EXPECT_EQ(*store_->get("plan/a"), value("1"));
    EXPECT_EQ(*store_->get("plan/b"), std::nullopt);
    EXPECT_EQ(*store_->get("plan/d"), value(""));
    using Rows = std::vector<std::pair<std::string, Bytes>>;
    EXPECT_EQ(*store_->scan("plan/", "", 10),
              (Rows{{"plan/a", value("1")}, {"plan/c", value("33")}, {"plan/d", value("")}}));
    EXPECT_EQ(*store_->scan("plan/", "plan/a", 1), (Rows{{"plan/c", value("33")}}));
    EXPECT_EQ(*store_->scan("", "plan/d", 10), (Rows{{"q", value("4")}}));
    EXPECT_EQ(store_->scan("plan/", "", 0)->size(), 0U);
  });
}

TEST_P(StoreConformance, BlobsAreNamedByTheirContent) {
  const Bytes big(std::string(300'000, 'x'));
  const auto name = store_->put_blob(big);
  ASSERT_TRUE(name.has_value()) << name.error().message;
  EXPECT_EQ(name->size(), 64U);
  EXPECT_EQ(*store_->put_blob(big), *name);
  const auto empty = store_->put_blob(Bytes());
  ASSERT_TRUE(empty.has_value());
  check_now_and_reopened([&] {
    EXPECT_EQ(*store_->get_blob(*name), big);
    EXPECT_EQ(*store_->get_blob(*empty), Bytes());
    EXPECT_EQ(store_->get_blob(std::string(64, '0')).error().code, ErrorCode::not_found);
    EXPECT_EQ(store_->get_blob("../../etc/passwd").error().code, ErrorCode::not_found);
    Texts names{*name, *empty};
    std::sort(names.begin(), names.end());
    EXPECT_EQ(*store_->scan_blobs("", 10), names);
    EXPECT_EQ(*store_->scan_blobs(names[0], 10), Texts{names[1]});
  });
  ASSERT_TRUE(store_->erase_blob(*name).has_value());
  check_now_and_reopened([&] {
    EXPECT_EQ(store_->get_blob(*name).error().code, ErrorCode::not_found);
    EXPECT_EQ(store_->erase_blob(*name).error().code, ErrorCode::not_found);
  });
}

TEST_P(StoreConformance, PurgeRemovesAClosedRunAndFreesItsId) {
  create("a", 100, 300);
  create("b", 100, 300);
  EXPECT_EQ(store_->purge(key("a"), {{"space/gone", Bytes::copy("a")}}).error().code, ErrorCode::conflict);
  EXPECT_EQ(store_->purge(key("nobody"), {}).error().code, ErrorCode::not_found);
  close("a", 3);
  if (GetParam().persists) reopen();
  EXPECT_EQ(*store_->get("space/gone"), std::nullopt) << "a refused purge writes nothing";
  EXPECT_FALSE(store_->purge(key("a"), {{"", Bytes::copy("a key has a name")}}).has_value());
  ASSERT_TRUE(store_->purge(key("a"), {{"space/gone", Bytes::copy("a")}}).has_value());
  ASSERT_TRUE(commit({step("b", 3, "x")}).has_value());  // the purge is durable with this one
  check_now_and_reopened([&] {
    EXPECT_EQ(store_->load(key("a")).error().code, ErrorCode::not_found);
    EXPECT_EQ(*store_->row(key("a")), std::nullopt);
    EXPECT_EQ((*store_->get("space/gone"))->view(), "a");
    EXPECT_EQ(listed({}), (Texts{"b"}));
    EXPECT_EQ(woken(0, k_never), (Texts{"b"}));
  });
  create("a", 900, 950);
  check_now_and_reopened([&] {
    EXPECT_EQ(texts("a", 1), (Texts{"first of a"}));
    EXPECT_EQ(listed({}), (Texts{"a", "b"}));
    EXPECT_EQ(woken(0, k_never), (Texts{"b", "a"}));
  });
}

TEST_P(StoreConformance, CompletionsComeInTheOrderOfTheCommits) {
  constexpr int k_commits = 300;
  std::mutex mutex;
  std::condition_variable told;
  std::vector<int> order;
  create("a");
  for (int i = 0; i < k_commits; ++i) {
    Commit one;
    one.epoch = store_->epoch();
    one.runs.push_back(step("a", static_cast<std::uint64_t>(i) + 3, "step"));
    store_->commit(std::move(one), [&, i](Status status) {
      EXPECT_TRUE(status.has_value());
      const std::lock_guard lock(mutex);
      order.push_back(i);
      told.notify_one();
    });
    EXPECT_EQ(store_->load(key("a"))->last_seq, static_cast<std::uint64_t>(i) + 3);  // visible before it is durable
  }
  while (store_->lend_thread()) {}
  std::unique_lock lock(mutex);
  told.wait(lock, [&] { return order.size() == k_commits; });
  for (int i = 0; i < k_commits; ++i) EXPECT_EQ(order[static_cast<std::size_t>(i)], i);
}

TEST_P(StoreConformance, VerifyCountsWhatIsThere) {
  create("a");
  create("b");
  ASSERT_TRUE(commit({step("a", 3, "second")}).has_value());
  check_now_and_reopened([&] {
    const auto report = store_->verify();
    ASSERT_TRUE(report.has_value()) << report.error().message;
    EXPECT_EQ(report->runs, 2U);
    EXPECT_EQ(report->batches, 3U);
    EXPECT_TRUE(report->damage.empty());
  });
}

TEST_P(StoreConformance, EveryOpeningHasALaterEpoch) {
  if (!GetParam().persists) GTEST_SKIP() << "the driver keeps nothing";
  const std::uint64_t before = store_->epoch();
  reopen();
  EXPECT_GT(store_->epoch(), before);
  const Status status = commit_and_wait(*store_, {{creation("a")}, {}, before});
  ASSERT_FALSE(status.has_value());
  EXPECT_EQ(status.error().code, ErrorCode::lease_lost);
}

}  // namespace perdure::storage
