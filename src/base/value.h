#pragma once
// Value: an immutable JSON value of 16 bytes. Copies share; a copy may be handed to another thread (atomic counts).
//
// Numbers are int64 where the text was an integer that fits, double otherwise; `1 == 1.0`. Objects keep insertion
// order; equality and ordering ignore it (jq's ordering: null < false < true < numbers < strings < arrays < objects).
// Strings are UTF-8 (the JSON reader replaces what is not by U+FFFD).
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace perdure {

class Value {
 public:
  enum class Type : std::uint8_t { null, boolean, integer, real, string, array, object };
  using Member = std::pair<Value, Value>;  // key (always a string) and value

  Value() noexcept : type_(Type::null) { u_.integer = 0; }
  Value(std::nullptr_t) noexcept : Value() {}                                // NOLINT: converts
  Value(bool b) noexcept : type_(Type::boolean) { u_.integer = b ? 1 : 0; }  // NOLINT
  Value(int i) noexcept : type_(Type::integer) { u_.integer = i; }           // NOLINT
  Value(std::int64_t i) noexcept : type_(Type::integer) { u_.integer = i; }  // NOLINT
  Value(std::uint64_t i) noexcept;                                           // NOLINT
  Value(double d) noexcept : type_(Type::real) { u_.real = d; }              // NOLINT
  Value(std::string_view text);                                              // NOLINT
  Value(const std::string& text) : Value(std::string_view(text)) {}          // NOLINT
  Value(const char* text) : Value(std::string_view(text)) {}                 // NOLINT
  static Value array(std::vector<Value> items = {});
  static Value object();
  static Value object(std::initializer_list<std::pair<std::string_view, Value>> members);
  // A later member with the same key replaces the earlier one in place.
  static Value object(std::vector<Member> members);

  Value(const Value& other) noexcept : type_(other.type_), u_(other.u_) {
    if (shared()) retain();
  }
  Value(Value&& other) noexcept : type_(other.type_), u_(other.u_) { other.type_ = Type::null; }
  Value& operator=(const Value& other) noexcept {
    Value copy(other);
    swap(copy);
    return *this;
  }
  Value& operator=(Value&& other) noexcept {
    swap(other);
    return *this;
  }
  ~Value() {
    if (shared()) release();
  }
  void swap(Value& other) noexcept {
    std::swap(type_, other.type_);
    std::swap(u_, other.u_);
  }

  Type type() const noexcept { return type_; }
  bool is_null() const noexcept { return type_ == Type::null; }
  bool is_bool() const noexcept { return type_ == Type::boolean; }
  bool is_number() const noexcept { return type_ == Type::integer || type_ == Type::real; }
  bool is_integer() const noexcept { return type_ == Type::integer; }
  bool is_string() const noexcept { return type_ == Type::string; }
  bool is_array() const noexcept { return type_ == Type::array; }
  bool is_object() const noexcept { return type_ == Type::object; }
  // jq's truth: only false and null are false.
  bool truthy() const noexcept { return type_ != Type::null && !(type_ == Type::boolean && u_.integer == 0); }

  // Accessors CHECK the type, except as_double, which takes both kinds of number.
  bool as_bool() const;
  std::int64_t as_int() const;
  double as_double() const;
  std::string_view as_string() const;  // valid while this Value (or a copy) lives

  std::size_t size() const noexcept;              // items, members, or bytes of a string; 0 otherwise
  const Value& at(std::size_t index) const;       // array item; CHECKs the bounds
  const Value* find(std::string_view key) const;  // object member or nullptr; nullptr when not an object
  const std::vector<Value>& items() const;        // of an array
  const std::vector<Member>& members() const;     // of an object, in insertion order

  // Nesting: 0 for scalars and strings, 1 for an array of them. Never less than the truth, O(1), kept as values are built.
  std::size_t depth() const noexcept;

  // Will a change be made in place? True for scalars.
  bool sole_holder() const noexcept;

  // Copy-on-write changes: in place when this is the only holder, O(n) otherwise. A null becomes the container.
  void set(std::string_view key, Value value);
  void erase(std::string_view key);
  void push_back(Value value);
  void set_at(std::size_t index, Value value);  // grows with nulls
  void append(std::string_view text);           // to a string; amortised O(size of text) when this is the only holder
  // Takes the item or member out and leaves null in its place, so that it can be changed in place and set again; a
  // plain copy, nothing left behind, when others hold this container. Null where there is none.
  Value take_at(std::size_t index);
  Value take(std::string_view key);

  friend bool operator==(const Value& a, const Value& b) { return equal(a, b); }
  // <0, 0, >0 by jq's order, NaN below all other numbers and equal to itself so that the order is total. Depth is
  // bounded by k_json_depth_max, which every builder of values keeps.
  static int compare(const Value& a, const Value& b);

  // Bytes of all values this thread has made less those it has freed: the difference over a piece of work that runs on
  // one thread is what it holds. Values freed by another thread are not seen, so only differences mean something.
  static std::size_t live_bytes() noexcept;

  // Bytes held by this value, shared parts counted once per holder; O(1), kept as values are built.
  std::size_t footprint() const noexcept;

 private:
  static bool equal(const Value& a, const Value& b);
  struct Rep;
  struct StringRep;
  struct ArrayRep;
  struct ObjectRep;
  bool shared() const noexcept { return type_ >= Type::string; }
  void own_array();
  void own_object();
  void retain() const noexcept;
  void release() noexcept;

  Type type_;
  union {
    std::int64_t integer;
    double real;
    Rep* rep;
  } u_;
};

}  // namespace perdure
