// The binary form of a batch (docs/formats/history.md).
#include <algorithm>
#include <array>
#include <type_traits>
#include <utility>

#include "history/fields.h"

namespace perdure::history {
namespace {

constexpr std::uint8_t k_batch_version = 1;

// The highest value of each enum that is written as one byte.
constexpr std::uint8_t last_of(FaultClass) { return static_cast<std::uint8_t>(FaultClass::ambiguous); }
constexpr std::uint8_t last_of(StepStatus) { return static_cast<std::uint8_t>(StepStatus::cancelled); }
constexpr std::uint8_t last_of(RunStatus) { return static_cast<std::uint8_t>(RunStatus::quarantined); }
constexpr std::uint8_t last_of(Role) { return static_cast<std::uint8_t>(Role::fallback); }
constexpr std::uint8_t last_of(OutputKind) { return static_cast<std::uint8_t>(OutputKind::children); }

// ---- write ---------------------------------------------------------------------------------------------------------

template <class T>
void put_fields(Writer& out, const T& value);

void put(Writer& out, bool value) { out.boolean(value); }
void put(Writer& out, int value) { out.zigzag(value); }
void put(Writer& out, std::int64_t value) { out.zigzag(value); }
void put(Writer& out, std::uint64_t value) { out.varint(value); }
void put(Writer& out, std::uint32_t value) { out.varint(value + 1U); }  // k_none is the one byte 0
void put(Writer& out, const std::string& value) { out.string(value); }
void put(Writer& out, const Bytes& value) { out.bytes(value); }
void put(Writer& out, const RunKey& value) { put_fields(out, value); }
template <class Enum>
requires std::is_enum_v<Enum>
void put(Writer& out, Enum value) { out.u8(static_cast<std::uint8_t>(value)); }
void put(Writer& out, const FaultPtr& value) {
  out.boolean(value != nullptr);
  if (value) put_fields(out, *value);
}
void put(Writer& out, const std::shared_ptr<const StartInfo>& value) { put_fields(out, value ? *value : StartInfo()); }
void put(Writer& out, const std::vector<Carried>& value) {
  out.varint(value.size());
  for (const Carried& carried : value) put_fields(out, carried);
}

template <class T>
void put_fields(Writer& out, const T& value) {
  for_each_field(value, [&out](std::string_view, const auto& field) { put(out, field); });
}

// ---- read ----------------------------------------------------------------------------------------------------------

template <class T>
void get_fields(Reader& in, T& value);

void get(Reader& in, bool& value) {
  const std::uint8_t byte = in.u8();
  if (byte > 1) in.fail_here();
  value = byte == 1;
}
void get(Reader& in, int& value) {
  const std::int64_t wide = in.zigzag();
  if (wide < INT32_MIN || wide > INT32_MAX) return in.fail_here();
  value = static_cast<int>(wide);
}
void get(Reader& in, std::int64_t& value) { value = in.zigzag(); }
void get(Reader& in, std::uint64_t& value) { value = in.varint(); }
void get(Reader& in, std::uint32_t& value) {
  const std::uint64_t wide = in.varint();
  if (wide > UINT32_MAX) return in.fail_here();
  value = static_cast<std::uint32_t>(wide) - 1U;
}
void get(Reader& in, std::string& value) { value = in.string(); }
void get(Reader& in, Bytes& value) { value = in.bytes(); }
void get(Reader& in, RunKey& value) { get_fields(in, value); }
template <class Enum>
requires std::is_enum_v<Enum>
void get(Reader& in, Enum& value) {
  const std::uint8_t byte = in.u8();
  if (byte > last_of(Enum{})) return in.fail_here();
  value = static_cast<Enum>(byte);
}
void get(Reader& in, FaultPtr& value) {
  bool present = false;
  get(in, present);
  if (!present) return;
  auto fault = std::make_shared<Fault>();
  get_fields(in, *fault);
  value = std::move(fault);
}
void get(Reader& in, std::shared_ptr<const StartInfo>& value) {
  auto info = std::make_shared<StartInfo>();
  get_fields(in, *info);
  value = std::move(info);
}
void get(Reader& in, std::vector<Carried>& value) {
  const std::uint64_t count = in.count(3);
  for (std::uint64_t i = 0; i < count && in.ok(); ++i) get_fields(in, value.emplace_back());
}

template <class T>
void get_fields(Reader& in, T& value) {
  for_each_field(value, [&in](std::string_view, auto& field) { get(in, field); });
}

using Decode = void (*)(Reader&, Event&);
template <std::size_t... I>
constexpr auto decoders(std::index_sequence<I...>) {
  return std::array<Decode, sizeof...(I)>{[](Reader& in, Event& event) { get_fields(in, event.emplace<I>()); }...};
}
constexpr auto k_decoders = decoders(std::make_index_sequence<std::variant_size_v<Event>>{});

}  // namespace

Bytes encode_batch(const Batch& batch) {
  Writer out;
  out.u8(k_batch_version);
  out.varint(batch.first_seq);
  out.zigzag(batch.now);
  out.varint(batch.events.size());
  for (const Event& event : batch.events) {
    out.u8(static_cast<std::uint8_t>(event.index()));
    std::visit([&out](const auto& e) { put_fields(out, e); }, event);
  }
  return Bytes(out.take());
}

Result<Batch> decode_batch(std::string_view bytes) {
  Reader in(bytes);
  if (const std::uint8_t version = in.u8(); in.ok() && version != k_batch_version)
    return fail(ErrorCode::unsupported, "history batch: written in format " + std::to_string(version) +
                                            ", this build reads format 1; use a newer perdure");
  Batch batch;
  batch.first_seq = in.varint();
  batch.now = in.zigzag();
  const std::uint64_t count = in.count(1);
  if (in.ok() && (batch.first_seq == 0 || batch.first_seq > UINT64_MAX - count)) in.fail_here();
  batch.events.reserve(std::min<std::uint64_t>(count, 1024));
  for (std::uint64_t i = 0; i < count && in.ok(); ++i) {
    const std::uint8_t type = in.u8();
    if (!in.ok()) break;
    if (type >= k_decoders.size())
      return fail(ErrorCode::unsupported, "history batch: event " + std::to_string(batch.first_seq + i) + " at byte " +
                                              std::to_string(in.offset() - 1) + " is of type " + std::to_string(type) +
                                              ", which this build does not know; use a newer perdure");
    const std::size_t at = in.offset();
    k_decoders[type](in, batch.events.emplace_back());
    if (!in.ok())
      return fail(ErrorCode::corrupt, "history batch: event " + std::to_string(batch.first_seq + i) + " at byte " +
                                          std::to_string(at) + " is damaged");
  }
  PERDURE_TRY_VOID(in.finish("history batch"));
  return batch;
}

}  // namespace perdure::history
