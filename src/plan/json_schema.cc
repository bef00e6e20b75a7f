#include "plan/json_schema.h"

#include <re2/re2.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <memory>

#include "base/json.h"
#include "plan/schema_format.h"
#include "plan/spelling.h"

namespace perdure::plan {
namespace {

constexpr std::size_t k_listed_max = 12;  // choices shown in a message

std::string shown(const Value& v) {
  std::string text = to_json(v);
  if (text.size() > 80) text = text.substr(0, 77) + "...";
  return text;
}

std::size_t characters(std::string_view text) {
  return static_cast<std::size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; }));
}

class Validator {
 public:
  Validator(const Value& root, const SchemaLimits& limits) : root_(root), limits_(limits) {}

  std::vector<SchemaError> run(const Value& instance) {
    check(root_, instance);
    if (exhausted_) {
      if (errors_.size() >= limits_.errors && !errors_.empty()) errors_.pop_back();
      errors_.push_back({exhausted_at_, "can't be checked: the schema nests too deeply or asks for too much work"});
    }
    return std::move(errors_);
  }

 private:
  struct Deeper {  // a member or item: the pointer grows and shrinks with the scope
    Deeper(Validator& v, std::string_view token) : owner(v), size(v.pointer_.size()) {
      append_pointer(v.pointer_, token);
    }
    ~Deeper() { owner.pointer_.resize(size); }
    Deeper(const Deeper&) = delete;
    Deeper& operator=(const Deeper&) = delete;
    Validator& owner;
    std::size_t size;
  };

  void error(std::string message) {
    if (errors_.size() < limits_.errors) errors_.push_back({pointer_, std::move(message)});
    ++failures_;
  }

  // False once the schema costs too much: nothing more is looked at, and one error will say so.
  bool afford(std::size_t work = 1) {
    if (exhausted_) return false;
    work_ += work;
    if (work_ <= limits_.work && depth_ <= limits_.depth) return true;
    exhausted_ = true;
    exhausted_at_ = pointer_;
    return false;
  }

  void check(const Value& schema, const Value& v) {
    ++depth_;
    if (afford()) keywords(schema, v);
    --depth_;
  }

  void keywords(const Value& schema, const Value& v) {
    if (schema.is_bool()) {
      if (!schema.as_bool()) error("is not allowed here");
      return;
    }
    if (!schema.is_object() || !afford(schema.size())) return;
    if (const Value* ref = schema.find("$ref"); ref != nullptr && ref->is_string()) {
      if (const Value* target = find_reference(root_, ref->as_string()); target != nullptr) check(*target, v);
      else error("can't be checked: the schema refers to " + shown(*ref) + ", which is not in it");
    }
    if (!type_fits(schema, v)) return;
    choices(schema, v);
    if (v.is_number()) numbers(schema, v);
    if (v.is_string()) strings(schema, v.as_string());
    if (v.is_array()) arrays(schema, v);
    if (v.is_object()) objects(schema, v);
    combined(schema, v);
  }

  bool type_fits(const Value& schema, const Value& v) {
    const Value* type = schema.find("type");
    if (type == nullptr) return true;
    std::string wanted;
    const auto fits = [&](const Value& name) {
      if (!name.is_string()) return false;
      wanted.append(wanted.empty() ? "" : " or ").append(article(name.as_string()));
      return is_of_type(v, name.as_string());
    };
    bool any = false;
    if (type->is_array())
      for (const Value& name : type->items()) any = fits(name) || any;
    else any = fits(*type);
    if (!any) error("must be " + wanted + ", not " + std::string(article(type_name(v))));
    return any;
  }

  void choices(const Value& schema, const Value& v) {
    if (const Value* only = schema.find("const"); only != nullptr && !(*only == v)) error("must be " + shown(*only));
    const Value* all = schema.find("enum");
    if (all == nullptr || !all->is_array() || !afford(all->size())) return;
    std::string list;
    std::vector<std::string_view> names;
    for (std::size_t i = 0; i < all->size(); ++i) {
      if (all->at(i) == v) return;
      if (i < k_listed_max) list.append(i == 0 ? "" : ", ").append(shown(all->at(i)));
      if (all->at(i).is_string()) names.push_back(all->at(i).as_string());
    }
    std::string message = "must be one of " + list + (all->size() > k_listed_max ? ", …" : "") + ", not " + shown(v);
    const std::string_view near = v.is_string() ? nearest(v.as_string(), names) : std::string_view();
    if (!near.empty()) message += "; did you mean \"" + std::string(near) + "\"?";
    error(std::move(message));
  }

  void numbers(const Value& schema, const Value& v) {
    const double n = v.as_double();
    const auto bound = [&](const char* key, auto&& holds, const char* words) {
      const Value* limit = schema.find(key);
      if (limit != nullptr && limit->is_number() && !holds(limit->as_double()))
        error(std::string("must be ") + words + " " + shown(*limit));
    };
    bound(
        "minimum", [&](double m) { return n >= m; }, "at least");
    bound(
        "maximum", [&](double m) { return n <= m; }, "at most");
    bound(
        "exclusiveMinimum", [&](double m) { return n > m; }, "more than");
    bound(
        "exclusiveMaximum", [&](double m) { return n < m; }, "less than");
    bound(
        "multipleOf", [&](double m) { return m <= 0 || std::abs(n / m - std::round(n / m)) < 1e-9; }, "a multiple of");
  }

  // minX and maxX of a size.
  void sizes(const Value& schema, const char* low, const char* high, std::size_t size, const char* unit) {
    const auto bound = [&](const char* key, bool least) {
      const Value* limit = schema.find(key);
      if (limit == nullptr || !limit->is_number()) return;
      const double n = static_cast<double>(size);
      if (least ? n < limit->as_double() : n > limit->as_double()) {
        error(std::string("must have ") + (least ? "at least " : "at most ") + shown(*limit) + " " + unit + ", not " +
              std::to_string(size));
      }
    };
    bound(low, true);
    bound(high, false);
  }

  void strings(const Value& schema, std::string_view text) {
    if (!afford(text.size() / 256)) return;
    sizes(schema, "minLength", "maxLength", characters(text), "characters");
    if (const Value* pattern = schema.find("pattern"); pattern != nullptr && pattern->is_string()) {
      const RE2* re = compiled(pattern->as_string());
      if (re == nullptr) error("can't be checked: the schema's pattern " + shown(*pattern) + " is not understood");
      else if (!RE2::PartialMatch({text.data(), text.size()}, *re)) error("must match " + shown(*pattern));
    }
    if (const Value* format = schema.find("format"); format != nullptr && format->is_string()) {
      if (!fits_format(format->as_string(), text))
        error("must be " + std::string(format_in_words(format->as_string())));
    }
  }

  void arrays(const Value& schema, const Value& v) {
    sizes(schema, "minItems", "maxItems", v.size(), "items");
    const Value* prefix = schema.find("prefixItems");
    const Value* rest = schema.find("items");
    if (rest != nullptr && rest->is_array()) {
      prefix = rest;
      rest = schema.find("additionalItems");
    }  // drafts up to 2019
    const std::size_t fixed = prefix != nullptr && prefix->is_array() ? prefix->size() : 0;
    const Value* contains = schema.find("contains");
    bool contained = contains == nullptr;
    for (std::size_t i = 0; i < v.size() && afford(); ++i) {
      const Deeper in(*this, std::to_string(i));
      if (i < fixed) check(prefix->at(i), v.at(i));
      else if (rest != nullptr) check(*rest, v.at(i));
      contained = contained || fits(*contains, v.at(i));
    }
    if (!contained && !exhausted_) error("has no item of the kind that is required");
    if (const Value* unique = schema.find("uniqueItems"); unique != nullptr && unique->truthy()) {
      std::vector<Value> sorted = v.items();
      std::sort(sorted.begin(), sorted.end(), [](const Value& a, const Value& b) { return Value::compare(a, b) < 0; });
      const auto twin = std::adjacent_find(sorted.begin(), sorted.end());
      if (twin != sorted.end()) error("has " + shown(*twin) + " more than once");
    }
  }

  void objects(const Value& schema, const Value& v) {
    sizes(schema, "minProperties", "maxProperties", v.size(), "members");
    if (const Value* required = schema.find("required"); required != nullptr && required->is_array()) {
      for (const Value& name : required->items()) {
        if (!name.is_string() || v.find(name.as_string()) != nullptr || !afford()) continue;
        const Deeper in(*this, name.as_string());
        error("is required");
      }
    }
    if (const Value* needs = schema.find("dependentRequired"); needs != nullptr && needs->is_object()) {
      for (const auto& [name, others] : needs->members()) {
        if (v.find(name.as_string()) == nullptr || !others.is_array()) continue;
        for (const Value& other : others.items()) {
          if (other.is_string() && v.find(other.as_string()) == nullptr)
            error("has " + shown(name) + " and therefore needs " + shown(other));
        }
      }
    }
    members(schema, v);
  }

  void members(const Value& schema, const Value& v) {
    const Value* properties = schema.find("properties");
    const Value* patterns = schema.find("patternProperties");
    const Value* others = schema.find("additionalProperties");
    const Value* names = schema.find("propertyNames");
    for (const auto& [key, member] : v.members()) {
      if (!afford()) return;
      const std::string_view name = key.as_string();
      if (names != nullptr && !fits(*names, key) && !exhausted_)
        error("has a member " + shown(key) + ", which is not a name allowed here");
      bool known = false;
      if (const Value* own = properties != nullptr ? properties->find(name) : nullptr; own != nullptr) {
        known = true;
        const Deeper in(*this, name);
        check(*own, member);
      }
      if (patterns != nullptr && patterns->is_object()) {
        for (const auto& [pattern, own] : patterns->members()) {
          const RE2* re = afford() ? compiled(pattern.as_string()) : nullptr;
          if (re == nullptr || !RE2::PartialMatch({name.data(), name.size()}, *re)) continue;
          known = true;
          const Deeper in(*this, name);
          check(own, member);
        }
      }
      if (known || others == nullptr) continue;
      if (others->is_bool() && !others->as_bool()) stranger(properties, key);
      else {
        const Deeper in(*this, name);
        check(*others, member);
      }
    }
  }

  void stranger(const Value* properties, const Value& key) {
    std::vector<std::string_view> names;
    if (properties != nullptr && properties->is_object())
      for (const auto& [name, s] : properties->members()) names.push_back(name.as_string());
    std::string message = "has an unknown member " + shown(key);
    if (const std::string_view near = nearest(key.as_string(), names); !near.empty())
      message += "; did you mean \"" + std::string(near) + "\"?";
    error(std::move(message));
  }

  // Whether it fits, without a word about why not.
  bool fits(const Value& schema, const Value& v) {
    std::vector<SchemaError> outer = std::exchange(errors_, {});
    const std::size_t before = failures_;
    check(schema, v);
    const bool good = failures_ == before;
    failures_ = before;
    errors_ = std::move(outer);
    return good && !exhausted_;
  }

  void combined(const Value& schema, const Value& v) {
    if (const Value* all = schema.find("allOf"); all != nullptr && all->is_array())
      for (const Value& s : all->items()) check(s, v);
    if (const Value* any = schema.find("anyOf"); any != nullptr && any->is_array()) {
      if (std::none_of(any->items().begin(), any->items().end(), [&](const Value& s) { return fits(s, v); }) &&
          !exhausted_)
        no_branch(*any, v);
    }
    if (const Value* one = schema.find("oneOf"); one != nullptr && one->is_array()) {
      const auto count =
          std::count_if(one->items().begin(), one->items().end(), [&](const Value& s) { return fits(s, v); });
      if (count == 0 && !exhausted_) no_branch(*one, v);
      if (count > 1) error("fits " + std::to_string(count) + " of the alternatives, where exactly one may fit");
    }
    if (const Value* no = schema.find("not"); no != nullptr && fits(*no, v) && !exhausted_)
      error("is of a kind that is excluded here");
    if (const Value* condition = schema.find("if"); condition != nullptr) {
      const Value* then = schema.find(fits(*condition, v) ? "then" : "else");
      if (then != nullptr) check(*then, v);
    }
  }

  // With one alternative its own errors say more.
  void no_branch(const Value& branches, const Value& v) {
    if (branches.size() == 1) check(branches.at(0), v);
    else error("fits none of the " + std::to_string(branches.size()) + " alternatives");
  }

  const RE2* compiled(std::string_view pattern) {
    auto& re = patterns_[std::string(pattern)];
    if (!re) re = compile_pattern(pattern);
    return re->ok() ? re.get() : nullptr;
  }

  const Value& root_;
  const SchemaLimits& limits_;
  std::string pointer_;
  std::vector<SchemaError> errors_;
  std::size_t failures_ = 0;  // errors counted beyond the limit, too
  std::size_t work_ = 0, depth_ = 0;
  bool exhausted_ = false;
  std::string exhausted_at_;
  std::map<std::string, std::unique_ptr<RE2>> patterns_;
};

}  // namespace

std::vector<SchemaError> validate_schema(const Value& schema, const Value& instance, const SchemaLimits& limits) {
  if (schema.is_null()) return {};
  return Validator(schema, limits).run(instance);
}

}  // namespace perdure::plan
