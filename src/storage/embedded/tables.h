#pragma once
// What the embedded store asks of its tables: ordered rows in two spaces, read by key and range, changed by whole
// generations. Implementations: rocks_tables.h, and mirror_tables.h (in memory, one file) for simulated disks.
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace perdure::storage {

// `index`: small rows, looked up by key, often absent. `data`: what belongs to one run stands together, by start time.
enum class Space : std::uint8_t { index, data };

// A generation is written in lanes. Within a lane keys rise strictly, each is put or erased once. Each lane covers a
// narrow range of keys, the fresh ones only what lies beyond everything in the tables: little has to be merged later.
enum class Lane : std::uint8_t {
  index,
  fresh_chunks,
  gone_chunks,
  later_chunks,
  fresh_rows,
  late_rows,
  fresh_snapshots,
  late_snapshots
};
inline constexpr std::size_t k_lanes = 8;
inline Space space_of(Lane lane) { return lane == Lane::index ? Space::index : Space::data; }

class LaneWriter {
 public:
  virtual ~LaneWriter() = default;
  virtual Status put(Lane lane, std::string_view key, std::string_view value) = 0;
  virtual Status erase(Lane lane, std::string_view key) = 0;
};

class TableCursor {
 public:
  virtual ~TableCursor() = default;
  virtual bool valid() const = 0;  // false at the end, or after an error
  virtual void next() = 0;
  virtual std::string_view key() const = 0;
  virtual std::string_view value() const = 0;
  virtual Status status() const = 0;
};

struct ApplyHint {
  std::size_t size_bytes = 0;  // about how much will be written
};

class Tables {
 public:
  virtual ~Tables() = default;
  virtual Result<std::optional<std::string>> get(Space space, std::string_view key) const = 0;
  // A view of now, from the first key >= from; with `at_or_before`, from the last key <= from.
  virtual std::unique_ptr<TableCursor> seek(Space space, std::string_view from, bool at_or_before = false) const = 0;
  // All or nothing, and durable on return. One caller at a time. After an error the tables are as before.
  virtual Status apply(const ApplyHint& hint, const std::function<Status(LaneWriter&)>& write) = 0;
  // A copy in a new directory, of the state after some whole generation; apply() may run meanwhile.
  virtual Status copy_to(const std::string& directory) = 0;
  // Reads every block against its checksum.
  virtual Status verify() = 0;
  virtual std::uint64_t disk_bytes() const = 0;
};

}  // namespace perdure::storage
