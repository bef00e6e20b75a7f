#include "base/bytes.h"

namespace perdure {

std::uint64_t Reader::varint() {
  std::uint64_t v = 0;
  for (unsigned shift = 0; shift < 64; shift += 7) {
    if (at_ >= data_.size()) {
      bad();
      return 0;
    }
    const auto b = static_cast<std::uint8_t>(data_[at_++]);
    v |= static_cast<std::uint64_t>(b & 0x7f) << shift;
    if ((b & 0x80) == 0) {
      if (shift == 63 && b > 1) break;
      return v;
    }
  }
  bad();
  return 0;
}

std::uint32_t Reader::fixed32() {
  if (data_.size() - at_ < 4) {
    bad();
    return 0;
  }
  std::uint32_t v = 0;
  for (int i = 0; i < 4; ++i) v |= static_cast<std::uint32_t>(static_cast<std::uint8_t>(data_[at_++])) << (8 * i);
  return v;
}

std::uint64_t Reader::fixed64() {
  if (data_.size() - at_ < 8) {
    bad();
    return 0;
  }
  std::uint64_t v = 0;
  for (int i = 0; i < 8; ++i) v |= static_cast<std::uint64_t>(static_cast<std::uint8_t>(data_[at_++])) << (8 * i);
  return v;
}

std::string_view Reader::string() {
  const std::uint64_t n = varint();
  if (!ok_ || n > data_.size() - at_) {
    bad();
    return {};
  }
  const auto s = data_.substr(at_, static_cast<std::size_t>(n));
  at_ += static_cast<std::size_t>(n);
  return s;
}

std::uint64_t Reader::count(std::size_t min_bytes_each) {
  const std::uint64_t n = varint();
  if (!ok_ || n > (data_.size() - at_) / (min_bytes_each == 0 ? 1 : min_bytes_each)) {
    bad();
    return 0;
  }
  return n;
}

Status Reader::finish(std::string_view what) const {
  if (ok_ && at_end()) return {};
  return fail(ErrorCode::corrupt, std::string(what) + ": damaged at byte " + std::to_string(at_));
}

}  // namespace perdure
