#pragma once
// Bytes: an immutable, shared run of bytes (usually JSON text that nobody has looked inside yet). Copies share and may
// cross threads. Writer and Reader: the compact encoding used by every format under docs/formats (varints, length-
// prefixed strings, little-endian fixed integers).
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"

namespace perdure {

class Bytes {
 public:
  Bytes() = default;
  explicit Bytes(std::string text)
      : data_(text.empty() ? nullptr : std::make_shared<const std::string>(std::move(text))) {}
  static Bytes copy(std::string_view text) { return Bytes(std::string(text)); }
  std::string_view view() const { return data_ ? std::string_view(*data_) : std::string_view(); }
  std::size_t size() const { return data_ ? data_->size() : 0; }
  bool empty() const { return !data_; }
  friend bool operator==(const Bytes& a, const Bytes& b) { return a.data_ == b.data_ || a.view() == b.view(); }

 private:
  std::shared_ptr<const std::string> data_;
};

// Appends to a string it owns; take() moves it out.
class Writer {
 public:
  void u8(std::uint8_t v) { out_.push_back(static_cast<char>(v)); }
  void varint(std::uint64_t v) {
    while (v >= 0x80) {
      out_.push_back(static_cast<char>(v | 0x80));
      v >>= 7;
    }
    out_.push_back(static_cast<char>(v));
  }
  void zigzag(std::int64_t v) { varint((static_cast<std::uint64_t>(v) << 1) ^ static_cast<std::uint64_t>(v >> 63)); }
  void boolean(bool v) { u8(v ? 1 : 0); }
  void fixed32(std::uint32_t v) {
    for (int i = 0; i < 4; ++i) u8(static_cast<std::uint8_t>(v >> (8 * i)));
  }
  void fixed64(std::uint64_t v) {
    for (int i = 0; i < 8; ++i) u8(static_cast<std::uint8_t>(v >> (8 * i)));
  }
  void string(std::string_view s) {
    varint(s.size());
    out_.append(s);
  }
  void bytes(const Bytes& b) { string(b.view()); }
  void raw(std::string_view s) { out_.append(s); }
  std::size_t size() const { return out_.size(); }
  const std::string& view() const { return out_; }
  std::string take() { return std::move(out_); }

 private:
  std::string out_;
};

// Reads what Writer wrote. Never reads past the end: after the first short or malformed field ok() is false and every
// later read gives zero or empty; the caller checks once at the end. offset() then tells where it went wrong.
class Reader {
 public:
  explicit Reader(std::string_view data) : data_(data) {}
  std::uint8_t u8() {
    if (at_ >= data_.size()) {
      bad();
      return 0;
    }
    return static_cast<std::uint8_t>(data_[at_++]);
  }
  std::uint64_t varint();
  std::int64_t zigzag() {
    const std::uint64_t v = varint();
    return static_cast<std::int64_t>((v >> 1) ^ (~(v & 1) + 1));
  }
  bool boolean() { return u8() != 0; }
  std::uint32_t fixed32();
  std::uint64_t fixed64();
  std::string_view string();
  Bytes bytes() { return Bytes::copy(string()); }
  std::string_view rest() {
    auto r = data_.substr(at_);
    at_ = data_.size();
    return r;
  }
  // A count that is followed by at least `min_bytes_each` bytes an item: refuses counts the data cannot hold.
  std::uint64_t count(std::size_t min_bytes_each = 1);

  bool ok() const { return ok_; }
  bool at_end() const { return at_ == data_.size(); }
  std::size_t offset() const { return at_; }
  void fail_here() { bad(); }
  // ok() and nothing left over, or `corrupt` naming `what` and the offset.
  Status finish(std::string_view what) const;

 private:
  void bad() {
    ok_ = false;
    at_ = data_.size();
  }
  std::string_view data_;
  std::size_t at_ = 0;
  bool ok_ = true;
};

}  // namespace perdure
