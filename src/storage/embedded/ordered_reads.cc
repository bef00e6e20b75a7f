// Wakes and lists: sorted rows of the tables merged with those of the overlay.
#include <algorithm>

#include "storage/embedded/store_core.h"
#include "storage/embedded/table_keys.h"
#include "storage/rules.h"

namespace perdure::storage {
namespace {

bool before(const Wake& a, const Wake& b) { return a.at != b.at ? a.at < b.at : a.run < b.run; }

// Whether a generation knew the run when the commits up to `ticket` had been given; its state then is what was gathered.
bool knew(const RunDelta* delta, std::uint64_t ticket) { return delta != nullptr && delta->first_ticket <= ticket; }

struct Listed {
  TimeMs started_at = 0;
  const RunKey* run = nullptr;
  const RunRow* row = nullptr;
};
// Newest first, then by id.
bool listed_before(TimeMs a_start, std::string_view a_id, TimeMs b_start, std::string_view b_id) {
  return a_start != b_start ? a_start > b_start : a_id < b_id;
}

// Whether a run comes behind the page before, which ended at `after`.
bool in_page(const std::optional<ListPosition>& after, TimeMs started_at, const std::string& id) {
  return !after || listed_before(after->started_at, after->id, started_at, id);
}

// Whether the overlay and not the tables has the run's row.
bool has_row(const RunDelta* delta, std::uint64_t ticket) {
  return delta != nullptr && delta->row_ticket != 0 && delta->row_ticket <= ticket;
}

// Rows of the overlay for one page and one more, in the order of lists.
template <class Generations>
std::vector<std::pair<RunKey, RunRow>> changed_rows(const Generations& all, const ListQuery& query,
                                                    const std::optional<ListPosition>& after, std::uint64_t ticket) {
  std::vector<Listed> found;
  for (std::size_t i = 0; i < all.size(); ++i) {
    for (const auto& [key, delta] : all[i]->runs()) {
      if (!delta.row || !delta.head || key.tenant != query.tenant || !matches(query, *delta.row) ||
          !in_page(after, delta.head->started_at, key.id))
        continue;
      if (std::any_of(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(i),
                      [&, &k = key](const auto& newer) { return has_row(newer->find(k), ticket); }))
        continue;
      found.push_back({delta.head->started_at, &key, &*delta.row});
    }
  }
  const std::size_t count = std::min(query.limit + 1, found.size());
  std::partial_sort(
      found.begin(), found.begin() + static_cast<std::ptrdiff_t>(count), found.end(),
      [](const Listed& a, const Listed& b) { return listed_before(a.started_at, a.run->id, b.started_at, b.run->id); });
  std::vector<std::pair<RunKey, RunRow>> changed;
  for (std::size_t i = 0; i < count; ++i) changed.emplace_back(*found[i].run, *found[i].row);
  return changed;
}

}  // namespace

Result<std::vector<Wake>> EmbeddedStore::wakes(TimeMs from, TimeMs until, const std::optional<Wake>& after,
                                               std::size_t limit) {
  return read_consistently([&] { return wakes_once(from, until, after, limit); });
}

Result<std::vector<Wake>> EmbeddedStore::wakes_once(TimeMs from, TimeMs until, const std::optional<Wake>& after,
                                                    std::size_t limit) const {
  const auto in_page = [&](TimeMs at, const RunKey& run) {
    return at >= from && at < until && (!after || after->at < at || (after->at == at && after->run < run));
  };
  std::vector<Wake> changed;
  Generations all;
  std::uint64_t ticket = 0;
  {
    const std::lock_guard lock(mutex_);
    all = generations();
    ticket = next_ticket_ - 1;
    std::vector<std::pair<TimeMs, const RunKey*>> found;
    for (std::size_t i = 0; i < all.size(); ++i) {
      for (const auto& [key, delta] : all[i]->runs()) {
        // What a commit that was refused brought in says nothing new: the tables speak for it.
        if (!knew(&delta, ticket) || !delta.head || !is_listed_wake(*delta.head) || !in_page(delta.head->wake, key))
          continue;
        if (std::any_of(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(i),
                        [&, &k = key](const auto& newer) { return knew(newer->find(k), ticket); }))
          continue;
        found.emplace_back(delta.head->wake, &key);
      }
    }
    const std::size_t count = std::min(limit, found.size());
    std::partial_sort(
        found.begin(), found.begin() + static_cast<std::ptrdiff_t>(count), found.end(),
        [](const auto& a, const auto& b) { return a.first != b.first ? a.first < b.first : *a.second < *b.second; });
    for (std::size_t i = 0; i < count; ++i) changed.push_back({found[i].first, *found[i].second});
  }

  std::vector<Wake> page;
  auto next = changed.begin();
  std::string start = wake_key(from, RunKey{"", ""});
  if (after && after->at >= from) start = wake_key(after->at, after->run);
  const auto cursor = tables_->seek(Space::index, start);
  for (; cursor->valid() && cursor->key().starts_with("w") && page.size() < limit; cursor->next()) {
    auto row = parse_wake_key(cursor->key());
    if (!row) return fail(ErrorCode::corrupt, dir_ + "/tables: a wake row has a malformed key");
    if (row->at >= until) break;
    if (!in_page(row->at, row->run)) continue;
    Wake wake{row->at, std::move(row->run)};
    {
      const std::lock_guard lock(mutex_);
      if (std::any_of(all.begin(), all.end(), [&](const auto& g) { return knew(g->find(wake.run), ticket); })) continue;
    }
    for (; next != changed.end() && before(*next, wake) && page.size() < limit; ++next) page.push_back(*next);
    if (page.size() < limit) page.push_back(std::move(wake));
  }
  PERDURE_TRY_VOID(cursor->status());
  for (; next != changed.end() && page.size() < limit; ++next) page.push_back(*next);
  return page;
}

Result<ListPage> EmbeddedStore::list(const ListQuery& query) {
  PERDURE_TRY_VOID(check_query(query));
  return read_consistently([&] { return list_once(query); });
}

Result<ListPage> EmbeddedStore::list_once(const ListQuery& query) const {
  std::optional<ListPosition> after;
  if (!query.cursor.empty()) {
    PERDURE_TRY(position, decode_cursor(query.cursor));
    after = std::move(position);
  }
  std::vector<std::pair<RunKey, RunRow>> changed;  // one more than a page: tells whether there is another
  Generations all;
  std::uint64_t ticket = 0;
  {
    const std::lock_guard lock(mutex_);
    all = generations();
    ticket = next_ticket_ - 1;
    changed = changed_rows(all, query, after, ticket);
  }

  ListPage page;
  auto& rows = page.rows;
  auto next = changed.begin();
  // Not later than the range asked for, and behind the last page.
  RunKey first{query.tenant, ""};
  TimeMs newest = query.started_until == k_never ? k_never : query.started_until - 1;
  if (after && after->started_at <= newest) {
    newest = after->started_at;
    first.id = after->id;
  }
  const std::string prefix = row_prefix(query.tenant);
  const auto cursor = tables_->seek(Space::data, row_key(newest, first));
  for (; cursor->valid() && cursor->key().starts_with(prefix) && rows.size() <= query.limit; cursor->next()) {
    auto key = parse_row_key(cursor->key());
    if (!key) return fail(ErrorCode::corrupt, dir_ + "/tables: a list row has a malformed key");
    if (key->at < query.started_from) break;
    if (!in_page(after, key->at, key->run.id)) continue;
    auto row = decode_row(cursor->value());
    if (!row) return wrap(std::move(row).error(), "run " + to_string(key->run));
    if (!matches(query, *row)) continue;
    {
      const std::lock_guard lock(mutex_);
      if (std::any_of(all.begin(), all.end(), [&](const auto& g) { return has_row(g->find(key->run), ticket); }))
        continue;
    }
    for (; next != changed.end() && rows.size() <= query.limit &&
           listed_before(next->second.started_at, next->first.id, key->at, key->run.id);
         ++next)
      rows.push_back(*next);
    rows.emplace_back(std::move(key->run), std::move(*row));
  }
  PERDURE_TRY_VOID(cursor->status());
  for (; next != changed.end() && rows.size() <= query.limit; ++next) rows.push_back(*next);
  if (rows.size() > query.limit) {
    rows.resize(query.limit);
    page.next_cursor = encode_cursor({rows.back().second.started_at, rows.back().first.id});
  }
  return page;
}

}  // namespace perdure::storage
