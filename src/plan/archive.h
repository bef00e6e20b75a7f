#pragma once
// The two directions of the canonical encoding: what a description of fields is applied to. Not for other modules.
#include <bit>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/json.h"
#include "plan/node_mask.h"
#include "plan/plan.h"

namespace perdure::plan {

inline constexpr std::size_t k_template_depth_max = k_json_depth_max;

class Encoder {
 public:
  static constexpr bool k_reading = false;
  void number(std::uint32_t v) { w_.varint(v); }
  void number64(std::int64_t v) { w_.zigzag(v); }
  void mask(std::uint64_t v) { w_.varint(v); }
  void id(std::uint32_t v) { w_.varint(v == k_none ? 0 : std::uint64_t{v} + 1); }
  void flag(bool v) { w_.boolean(v); }
  void real(double v) { w_.fixed64(std::bit_cast<std::uint64_t>(v)); }
  void text(const std::string& v) { w_.string(v); }
  void value(const Value& v) {
    if (v.is_null()) w_.varint(0);
    else w_.string(to_json(v));
  }
  template <class E>
  void choice(const E& v, E) {
    w_.u8(static_cast<std::uint8_t>(v));
  }
  template <class T, class F>
  void list(const std::vector<T>& items, std::size_t, F&& f) {
    w_.varint(items.size());
    for (const T& item : items) f(item);
  }
  template <class T>
  void box(const std::unique_ptr<T>&) {}
  template <class T>
  void fill(const std::optional<T>&) {}
  bool enter() { return true; }
  void leave() {}
  std::string take() { return w_.take(); }

 private:
  Writer w_;
};

class Decoder {
 public:
  static constexpr bool k_reading = true;
  explicit Decoder(Reader& reader) : r_(reader) {}
  void number(std::uint32_t& v) {
    const std::uint64_t n = r_.varint();
    if (n > std::numeric_limits<std::uint32_t>::max()) r_.fail_here();
    v = static_cast<std::uint32_t>(n);
  }
  void number64(std::int64_t& v) { v = r_.zigzag(); }
  void mask(std::uint64_t& v) {
    v = r_.varint();
    if (v >> bit_count != 0) r_.fail_here();
  }
  void id(std::uint32_t& v) {
    const std::uint64_t n = r_.varint();
    if (n > k_none) r_.fail_here();
    v = n == 0 ? k_none : static_cast<std::uint32_t>(n - 1);
  }
  void flag(bool& v) { v = r_.boolean(); }
  void real(double& v) {
    v = std::bit_cast<double>(r_.fixed64());
    if (!(v >= 0 && v <= 1e300)) r_.fail_here();
  }
  void text(std::string& v) { v = std::string(r_.string()); }
  void value(Value& v) {
    const std::string_view json = r_.string();
    if (json.empty()) {
      v = Value();
      return;
    }
    auto parsed = parse_json(json);
    if (parsed) v = std::move(*parsed);
    else r_.fail_here();
  }
  template <class E>
  void choice(E& v, E last) {
    const std::uint8_t n = r_.u8();
    if (n > static_cast<std::uint8_t>(last)) {
      r_.fail_here();
      return;
    }
    v = static_cast<E>(n);
  }
  template <class T, class F>
  void list(std::vector<T>& items, std::size_t bytes_each, F&& f) {
    const std::uint64_t n = r_.count(bytes_each);
    for (std::uint64_t i = 0; i < n && r_.ok(); ++i) {
      items.emplace_back();
      f(items.back());
    }
    items.shrink_to_fit();
  }
  template <class T>
  void box(std::unique_ptr<T>& p) {
    p = std::make_unique<T>();
  }
  template <class T>
  void fill(std::optional<T>& o) {
    o.emplace();
  }
  // One policy for all nodes in a row that have the same.
  std::shared_ptr<const Retry> share(Retry read) {
    if (!last_retry_ || !(*last_retry_ == read)) last_retry_ = std::make_shared<const Retry>(std::move(read));
    return last_retry_;
  }
  bool enter() {
    if (++depth_ <= k_template_depth_max && r_.ok()) return true;
    r_.fail_here();
    return false;
  }
  void leave() { --depth_; }

 private:
  Reader& r_;
  std::shared_ptr<const Retry> last_retry_;
  std::size_t depth_ = 0;
};

}  // namespace perdure::plan
