// What a store's directory holds, read without opening it for writing.
#include "base/json.h"
#include "storage/embedded/codec.h"
#include "storage/embedded/embedded_store.h"
#include "storage/embedded/journal.h"
#include "storage/embedded/posix_file_system.h"
#include "storage/embedded/store_files.h"

namespace perdure::storage {
namespace {

Value describe(const SegmentInfo& segment) {
  return Value::object({{"file", segment.file},
                        {"segment", segment.segment},
                        {"size_bytes", segment.size_bytes},
                        {"records_read", segment.records},
                        {"first_commit", segment.first_ticket},
                        {"last_commit", segment.last_ticket},
                        {"end_offset", segment.end_offset},
                        {"torn_tail", segment.torn_tail}});
}

}  // namespace

Result<std::string> inspect_embedded(const std::string& dir) {
  const auto files = make_posix_file_system();
  PERDURE_TRY_VOID(check_format(*files, dir, false));
  PERDURE_TRY(state, read_state(*files, dir));
  std::uint64_t commits = 0, run_writes = 0, key_writes = 0, bytes = 0;
  const auto count = [&](std::uint64_t, std::string_view commit) -> Status {
    PERDURE_TRY(entry, decode_commit(commit));
    ++commits;
    run_writes += entry.runs.size();
    key_writes += entry.keys.size();
    bytes += commit.size();
    return {};
  };
  Value journal = Value::array();
  PERDURE_TRY(has_journal, files->exists(dir + "/journal"));
  std::string damage;
  if (has_journal) {
    // From the oldest commit that is still there.
    auto segments = Journal::scan(*files, dir + "/journal", state.applied, count);
    if (segments) {
      for (const SegmentInfo& segment : *segments) journal.push_back(describe(segment));
    } else {
      damage = segments.error().message;
    }
  }
  Value tables = Value::array();
  PERDURE_TRY(has_tables, files->exists(dir + "/tables"));
  if (has_tables) {
    PERDURE_TRY(names, files->list(dir + "/tables"));
    for (const std::string& name : names) {
      if (!name.ends_with(".sst")) continue;
      PERDURE_TRY(size, files->size(dir + "/tables/" + name));
      tables.push_back(Value::object({{"file", name}, {"size_bytes", size}}));
    }
  }
  Value out = Value::object({{"directory", dir},
                             {"format", static_cast<std::uint64_t>(k_store_format)},
                             {"epoch", state.epoch},
                             {"applied_at_least", state.applied},
                             {"journal", std::move(journal)},
                             {"commits_after_applied", commits},
                             {"run_writes", run_writes},
                             {"key_writes", key_writes},
                             {"payload_bytes", bytes},
                             {"tables", std::move(tables)}});
  if (!damage.empty()) out.set("damage", damage);
  return to_pretty_json(out);
}

}  // namespace perdure::storage
