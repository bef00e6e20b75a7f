#include "base/value.h"

#include <xxhash.h>

#include <algorithm>
#include <atomic>
#include <cstring>
#include <limits>
#include <memory>
#include <new>

#include "base/check.h"

namespace perdure {
namespace {

constexpr std::size_t k_index_above = 8;  // members; below, comparing keys one by one is quicker than hashing
constexpr std::size_t k_saturated = std::numeric_limits<std::size_t>::max();

std::size_t add_bytes(std::size_t a, std::size_t b) { return a > k_saturated - b ? k_saturated : a + b; }

// Shared parts are counted at each holder, so a footprint can saturate; it then stays so.
std::size_t subtract_bytes(std::size_t a, std::size_t b) { return a == k_saturated ? a : a - b; }

// Wraps around harmlessly when values are freed by another thread than made them.
constinit thread_local std::size_t t_live_bytes = 0;

// The index is only looked up, so its seed may differ between processes; it keeps crafted keys from colliding.
std::uint64_t hash_key(std::string_view key) {
  static const int anchor = 0;
  return XXH3_64bits_withSeed(key.data(), key.size(), reinterpret_cast<std::uintptr_t>(&anchor));
}

}  // namespace

// Count, then 32 bits that are the size of a string or the nesting of a container, then the footprint. Once the count
// is zero the footprint's place holds the next container to be freed, which makes freeing deep values a loop.
struct Value::Rep {
  explicit Rep(std::uint32_t aux_, std::size_t bytes_) : aux(aux_), bytes(bytes_) {}
  mutable std::atomic<std::uint32_t> refs{1};
  std::uint32_t aux;
  union {
    std::size_t bytes;
    Rep* next_dead;
  };
};

struct Value::StringRep : Rep {
  using Rep::Rep;
  char* data() { return reinterpret_cast<char*>(this + 1); }
  std::string_view view() { return {data(), aux}; }
  std::size_t capacity() const { return bytes - sizeof(StringRep); }
  static StringRep* make(std::size_t size, std::size_t capacity) {
    CHECK(capacity <= std::numeric_limits<std::uint32_t>::max());
    void* block = ::operator new(sizeof(StringRep) + capacity);
    t_live_bytes += sizeof(StringRep) + capacity;
    return new (block) StringRep(static_cast<std::uint32_t>(size), sizeof(StringRep) + capacity);
  }
};

struct Value::ArrayRep : Rep {
  ArrayRep() : Rep(1, sizeof(ArrayRep)) { t_live_bytes += sizeof(ArrayRep); }
  ~ArrayRep() { t_live_bytes -= sizeof(ArrayRep) + counted; }
  ArrayRep(const ArrayRep&) = delete;
  ArrayRep& operator=(const ArrayRep&) = delete;
  std::vector<Value> items;
  std::size_t counted = 0;  // of `items`' own memory, in the live bytes
  void count_storage() {
    const std::size_t now = items.capacity() * sizeof(Value);
    t_live_bytes += now - counted;
    counted = now;
  }
  void count_in(const Value& item) {
    bytes = add_bytes(bytes, item.footprint());
    aux = std::max(aux, static_cast<std::uint32_t>(item.depth() + 1));
  }
  void count_out(const Value& item) { bytes = subtract_bytes(bytes, item.footprint()); }
};

struct Value::ObjectRep : Rep {
  ObjectRep() : Rep(1, sizeof(ObjectRep)) { t_live_bytes += sizeof(ObjectRep); }
  ~ObjectRep() { t_live_bytes -= sizeof(ObjectRep) + counted; }
  ObjectRep(const ObjectRep&) = delete;
  ObjectRep& operator=(const ObjectRep&) = delete;
  std::vector<Member> members;
  std::vector<std::uint32_t> slots;  // open addressing, member index + 1; empty while there are few members
  std::size_t counted = 0;           // of the two vectors' own memory, in the live bytes

  void count_storage() {
    const std::size_t now = members.capacity() * sizeof(Member) + slots.capacity() * sizeof(std::uint32_t);
    t_live_bytes += now - counted;
    counted = now;
  }

  void count_in(const Value& value) {
    bytes = add_bytes(bytes, value.footprint());
    aux = std::max(aux, static_cast<std::uint32_t>(value.depth() + 1));
  }
  void count_out(const Value& value) { bytes = subtract_bytes(bytes, value.footprint()); }

  static constexpr std::size_t k_none = k_saturated;
  std::size_t locate(std::string_view key) const {
    if (slots.empty()) {
      for (std::size_t i = 0; i < members.size(); ++i) {
        if (static_cast<StringRep*>(members[i].first.u_.rep)->view() == key) return i;
      }
      return k_none;
    }
    const std::size_t mask = slots.size() - 1;
    for (std::size_t at = hash_key(key) & mask; slots[at] != 0; at = (at + 1) & mask) {
      const std::size_t i = slots[at] - 1;
      if (static_cast<StringRep*>(members[i].first.u_.rep)->view() == key) return i;
    }
    return k_none;
  }
  void index_member(std::size_t i) {
    const std::size_t mask = slots.size() - 1;
    std::size_t at = hash_key(members[i].first.as_string()) & mask;
    while (slots[at] != 0) at = (at + 1) & mask;
    slots[at] = static_cast<std::uint32_t>(i + 1);
  }
  void rebuild_index() {
    slots.clear();
    if (members.size() <= k_index_above) return;
    std::size_t size = 32;
    while (size < members.size() * 2) size *= 2;
    slots.assign(size, 0);
    for (std::size_t i = 0; i < members.size(); ++i) index_member(i);
  }
  void add(Value key, Value value) {
    count_in(key);
    count_in(value);
    members.emplace_back(std::move(key), std::move(value));
    if (members.size() * 2 > slots.size() && members.size() > k_index_above) rebuild_index();
    else if (!slots.empty()) index_member(members.size() - 1);
    count_storage();
  }
  void replace(std::size_t i, Value value) {
    count_out(members[i].second);
    count_in(value);
    members[i].second = std::move(value);
  }
};

Value::Value(std::uint64_t i) noexcept {
  if (i <= static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max())) {
    type_ = Type::integer;
    u_.integer = static_cast<std::int64_t>(i);
  } else {
    type_ = Type::real;
    u_.real = static_cast<double>(i);
  }
}

Value::Value(std::string_view text) : type_(Type::string) {
  StringRep* rep = StringRep::make(text.size(), text.size());
  if (!text.empty()) std::memcpy(rep->data(), text.data(), text.size());
  u_.rep = rep;
}

Value Value::array(std::vector<Value> items) {
  auto* rep = new ArrayRep;
  for (const Value& item : items) rep->count_in(item);
  rep->items = std::move(items);
  rep->count_storage();
  Value value;
  value.type_ = Type::array;
  value.u_.rep = rep;
  return value;
}

Value Value::object() {
  Value value;
  value.u_.rep = new ObjectRep;
  value.type_ = Type::object;
  return value;
}

Value Value::object(std::initializer_list<std::pair<std::string_view, Value>> members) {
  std::vector<Member> list;
  list.reserve(members.size());
  for (const auto& [key, value] : members) list.emplace_back(Value(key), value);
  return object(std::move(list));
}

Value Value::object(std::vector<Member> members) {
  Value value = object();
  auto* rep = static_cast<ObjectRep*>(value.u_.rep);
  // Keys are distinct nearly always: take the list whole and only fall back to adding one by one if they are not.
  bool distinct = true;
  for (const Member& member : members) CHECK(member.first.is_string());
  if (members.size() <= k_index_above) {
    for (std::size_t i = 1; i < members.size() && distinct; ++i) {
      const std::string_view key = members[i].first.as_string();
      for (std::size_t j = 0; j < i && distinct; ++j) distinct = members[j].first.as_string() != key;
    }
    if (distinct) {
      for (const Member& member : members) {
        rep->count_in(member.first);
        rep->count_in(member.second);
      }
      rep->members = std::move(members);
      rep->count_storage();
      return value;
    }
  }
  rep->members.reserve(members.size());
  for (Member& member : members) {
    const std::size_t at = rep->locate(member.first.as_string());
    if (at == ObjectRep::k_none) rep->add(std::move(member.first), std::move(member.second));
    else rep->replace(at, std::move(member.second));
  }
  return value;
}

void Value::retain() const noexcept { u_.rep->refs.fetch_add(1, std::memory_order_relaxed); }

void Value::release() noexcept {
  Rep* rep = u_.rep;
  // The only holder needs no read-modify-write: nobody else can be changing the count.
  if (rep->refs.load(std::memory_order_acquire) != 1 && rep->refs.fetch_sub(1, std::memory_order_acq_rel) != 1) return;
  const auto free_string = [](Rep* string) {
    t_live_bytes -= string->bytes;
    ::operator delete(string);
  };
  if (type_ == Type::string) {
    free_string(rep);
    return;
  }
  // Children that die are chained instead of recursed into; `aux` tells the two container kinds apart from here on.
  Rep* dead = nullptr;
  const auto bury = [&dead](Rep* container, Type type) {
    container->aux = static_cast<std::uint32_t>(type);
    container->next_dead = dead;
    dead = container;
  };
  const auto drop = [&](Value& child) {
    if (!child.shared()) return;
    Rep* r = child.u_.rep;
    const Type type = child.type_;
    child.type_ = Type::null;
    if (r->refs.load(std::memory_order_acquire) != 1 && r->refs.fetch_sub(1, std::memory_order_acq_rel) != 1) return;
    if (type == Type::string) free_string(r);
    else bury(r, type);
  };
  bury(rep, type_);
  while (dead != nullptr) {
    Rep* container = dead;
    dead = container->next_dead;
    if (container->aux == static_cast<std::uint32_t>(Type::array)) {
      auto* array = static_cast<ArrayRep*>(container);
      for (Value& item : array->items) drop(item);
      delete array;
    } else {
      auto* object = static_cast<ObjectRep*>(container);
      for (Member& member : object->members) {
        drop(member.first);
        drop(member.second);
      }
      delete object;
    }
  }
}

bool Value::as_bool() const {
  CHECK(type_ == Type::boolean);
  return u_.integer != 0;
}
std::int64_t Value::as_int() const {
  CHECK(type_ == Type::integer);
  return u_.integer;
}
double Value::as_double() const {
  if (type_ == Type::integer) return static_cast<double>(u_.integer);
  CHECK(type_ == Type::real);
  return u_.real;
}
std::string_view Value::as_string() const {
  CHECK(type_ == Type::string);
  return static_cast<StringRep*>(u_.rep)->view();
}

std::size_t Value::size() const noexcept {
  switch (type_) {
    case Type::string: return u_.rep->aux;
    case Type::array: return static_cast<ArrayRep*>(u_.rep)->items.size();
    case Type::object: return static_cast<ObjectRep*>(u_.rep)->members.size();
    default: return 0;
  }
}
const Value& Value::at(std::size_t index) const {
  const auto& list = items();
  CHECK(index < list.size());
  return list[index];
}
const Value* Value::find(std::string_view key) const {
  if (type_ != Type::object) return nullptr;
  const auto* rep = static_cast<ObjectRep*>(u_.rep);
  const std::size_t at = rep->locate(key);
  return at == ObjectRep::k_none ? nullptr : &rep->members[at].second;
}
const std::vector<Value>& Value::items() const {
  CHECK(type_ == Type::array);
  return static_cast<ArrayRep*>(u_.rep)->items;
}
const std::vector<Value::Member>& Value::members() const {
  CHECK(type_ == Type::object);
  return static_cast<ObjectRep*>(u_.rep)->members;
}

// Makes this an array of which it is the only holder; null becomes an empty one.
void Value::own_array() {
  if (type_ == Type::null) *this = array();
  CHECK(type_ == Type::array);
  if (u_.rep->refs.load(std::memory_order_acquire) != 1) *this = array(items());
}
void Value::own_object() {
  if (type_ == Type::null) *this = object();
  CHECK(type_ == Type::object);
  if (u_.rep->refs.load(std::memory_order_acquire) == 1) return;
  Value copy = object();
  auto* to = static_cast<ObjectRep*>(copy.u_.rep);
  const auto* from = static_cast<const ObjectRep*>(u_.rep);
  to->members = from->members;
  to->slots = from->slots;
  to->bytes = from->bytes;
  to->aux = from->aux;
  to->count_storage();
  swap(copy);
}

void Value::set(std::string_view key, Value value) {
  own_object();
  auto* rep = static_cast<ObjectRep*>(u_.rep);
  const std::size_t at = rep->locate(key);
  if (at == ObjectRep::k_none) rep->add(Value(key), std::move(value));
  else rep->replace(at, std::move(value));
}
void Value::erase(std::string_view key) {
  if (find(key) == nullptr) return;
  own_object();
  auto* rep = static_cast<ObjectRep*>(u_.rep);
  const std::size_t at = rep->locate(key);
  rep->count_out(rep->members[at].first);
  rep->count_out(rep->members[at].second);
  rep->members.erase(rep->members.begin() + static_cast<std::ptrdiff_t>(at));
  if (!rep->slots.empty()) rep->rebuild_index();
}
void Value::push_back(Value value) {
  own_array();
  auto* rep = static_cast<ArrayRep*>(u_.rep);
  rep->count_in(value);
  rep->items.push_back(std::move(value));
  rep->count_storage();
}
void Value::set_at(std::size_t index, Value value) {
  own_array();
  auto* rep = static_cast<ArrayRep*>(u_.rep);
  if (index >= rep->items.size()) {
    rep->bytes = add_bytes(rep->bytes, (index + 1 - rep->items.size()) * sizeof(Value));
    rep->items.resize(index + 1);
    rep->count_storage();
  }
  rep->count_out(rep->items[index]);
  rep->count_in(value);
  rep->items[index] = std::move(value);
}
void Value::append(std::string_view text) {
  CHECK(type_ == Type::string);
  auto* rep = static_cast<StringRep*>(u_.rep);
  const std::size_t size = rep->aux;
  if (rep->refs.load(std::memory_order_acquire) != 1 || size + text.size() > rep->capacity()) {
    const std::size_t wanted = size + text.size();
    // Room to grow only once a string is being appended to again and again.
    const bool growing = rep->refs.load(std::memory_order_acquire) == 1;
    StringRep* grown = StringRep::make(size, growing ? wanted + wanted / 2 : wanted);
    std::memcpy(grown->data(), rep->data(), size);
    Value old;
    old.swap(*this);
    type_ = Type::string;
    u_.rep = grown;
    if (!text.empty()) std::memcpy(grown->data() + size, text.data(), text.size());  // text may be part of `old`
    grown->aux = static_cast<std::uint32_t>(wanted);
    return;
  }
  if (!text.empty()) std::memmove(rep->data() + size, text.data(), text.size());
  rep->aux = static_cast<std::uint32_t>(size + text.size());
}
Value Value::take_at(std::size_t index) {
  if (type_ != Type::array || index >= size()) return {};
  auto* rep = static_cast<ArrayRep*>(u_.rep);
  if (rep->refs.load(std::memory_order_acquire) != 1) return rep->items[index];
  rep->bytes = subtract_bytes(rep->bytes, rep->items[index].footprint() - sizeof(Value));
  return std::move(rep->items[index]);
}
Value Value::take(std::string_view key) {
  if (type_ != Type::object) return {};
  auto* rep = static_cast<ObjectRep*>(u_.rep);
  const std::size_t at = rep->locate(key);
  if (at == ObjectRep::k_none) return {};
  Value& member = rep->members[at].second;
  if (rep->refs.load(std::memory_order_acquire) != 1) return member;
  rep->bytes = subtract_bytes(rep->bytes, member.footprint() - sizeof(Value));
  return std::move(member);
}

bool Value::sole_holder() const noexcept { return !shared() || u_.rep->refs.load(std::memory_order_acquire) == 1; }
std::size_t Value::live_bytes() noexcept { return t_live_bytes; }
std::size_t Value::footprint() const noexcept {
  return shared() ? add_bytes(sizeof(Value), u_.rep->bytes) : sizeof(Value);
}
std::size_t Value::depth() const noexcept { return type_ == Type::array || type_ == Type::object ? u_.rep->aux : 0; }

}  // namespace perdure
