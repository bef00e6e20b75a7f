#include "expr/names.h"

#include <algorithm>
#include <array>

#include "base/check.h"
#include "expr/functions.h"
#include "expr/parser.h"

namespace perdure::expr {
namespace {

constexpr NativeFunction k_programs[] = {
    {.name = "empty", .arity = 0, .special = Special::empty},
    {.name = "error", .arity = 0, .special = Special::error},
    {.name = "error", .arity = 1, .special = Special::error},
    {.name = "select", .arity = 1, .special = Special::select},
    {.name = "map", .arity = 1, .special = Special::map},
    {.name = "map_values", .arity = 1, .special = Special::map_values},
    {.name = "path", .arity = 1, .special = Special::each_path},
    {.name = "getpath", .arity = 1, .special = Special::get_path},
    {.name = "del", .arity = 1, .special = Special::delete_paths},
    {.name = "first", .arity = 1, .special = Special::first},
    {.name = "last", .arity = 1, .special = Special::last},
    {.name = "nth", .arity = 2, .special = Special::nth},
    {.name = "limit", .arity = 2, .special = Special::limit},
    {.name = "isempty", .arity = 1, .special = Special::is_empty},
    {.name = "range", .arity = 1, .special = Special::range},
    {.name = "range", .arity = 2, .special = Special::range},
    {.name = "range", .arity = 3, .special = Special::range},
    {.name = "recurse", .arity = 0, .special = Special::recurse},
    {.name = "recurse_down", .arity = 0, .special = Special::recurse},
    {.name = "recurse", .arity = 1, .special = Special::recurse},
    {.name = "recurse", .arity = 2, .special = Special::recurse},
    {.name = "repeat", .arity = 1, .special = Special::repeat},
    {.name = "until", .arity = 2, .special = Special::until},
    {.name = "while", .arity = 2, .special = Special::while_loop},
    {.name = "any", .arity = 0, .special = Special::any},
    {.name = "any", .arity = 1, .special = Special::any},
    {.name = "any", .arity = 2, .special = Special::any},
    {.name = "all", .arity = 0, .special = Special::all},
    {.name = "all", .arity = 1, .special = Special::all},
    {.name = "all", .arity = 2, .special = Special::all},
    {.name = "sort_by", .arity = 1, .special = Special::sort_by},
    {.name = "group_by", .arity = 1, .special = Special::group_by},
    {.name = "unique_by", .arity = 1, .special = Special::unique_by},
    {.name = "min_by", .arity = 1, .special = Special::min_by},
    {.name = "max_by", .arity = 1, .special = Special::max_by},
    {.name = "with_entries", .arity = 1, .special = Special::with_entries},
    {.name = "walk", .arity = 1, .special = Special::walk},
    {.name = "sub", .arity = 2, .special = Special::substitute, .takes_regex = true},
    {.name = "sub", .arity = 3, .special = Special::substitute, .takes_regex = true},
    {.name = "gsub", .arity = 2, .special = Special::substitute, .mode = 1, .takes_regex = true},
    {.name = "gsub", .arity = 3, .special = Special::substitute, .mode = 1, .takes_regex = true},
};

// Functions that need no native code. Those that select are path expressions.
constexpr std::string_view k_prelude = R"(
def first: .[0];
def last: .[-1];
def nth($n): .[$n];
def values: select(. != null);
def nulls: select(type == "null");
def booleans: select(type == "boolean");
def numbers: select(type == "number");
def strings: select(type == "string");
def arrays: select(type == "array");
def objects: select(type == "object");
def iterables: select(type == "array" or type == "object");
def scalars: select(type != "array" and type != "object");
def scalars_or_empty: select(type != "array" and type != "object" or length == 0);
def isfinite: type == "number" and (isinfinite | not);
def finites: select(isfinite);
def normals: select(isnormal);
def isvalid(f): try (f | true) catch false;
def paths: path(..) | select(length > 0);
def paths(f): path(.. | select(f)) | select(length > 0);
def leaf_paths: paths(scalars);
def pick(f): . as $top | reduce path(f) as $p (null; setpath($p; $top | getpath($p)));
def todateiso8601: strftime("%Y-%m-%dT%H:%M:%SZ");
def fromdateiso8601: strptime("%Y-%m-%dT%H:%M:%SZ") | mktime;
def todate: todateiso8601;
def fromdate: fromdateiso8601;
def date: todate;
def dateadd($unit; $n): . + $n;
def datesub($unit; $n): . - $n;
def truncate_stream(stream): . as $depth | null | stream | select((.[0] | length) > $depth) | .[0] |= .[$depth:];
def fromstream(events): foreach events as $event ({};
  (if .done then {} else . end)
  | ($event[0] | length) as $depth
  | if ($event | length) == 2 then .value |= setpath($event[0]; $event[1]) | .done = ($depth == 0)
    else .done = ($depth == 1) end;
  if .done then .value else empty end);
def INDEX(stream; key): reduce stream as $row ({}; .[$row | key | tostring] = $row);
def INDEX(key): INDEX(.[]; key);
def IN(source): . as $x | any(source; . == $x);
def IN(stream; source): any(stream; IN(source));
def JOIN($index; key): [.[] | [., $index[key]]];
def JOIN($index; stream; key): stream | [., $index[key]];
def JOIN($index; stream; key; join): stream | [., $index[key]] | join;
)";

struct Key {
  std::string_view name;
  std::size_t arity = 0;
  friend bool operator<(const Key& a, const Key& b) { return a.name != b.name ? a.name < b.name : a.arity < b.arity; }
  friend bool operator==(const Key& a, const Key& b) { return a.name == b.name && a.arity == b.arity; }
};

const std::vector<NativeFunction>& natives() {
  static const std::vector<NativeFunction> k_all = [] {
    std::vector<NativeFunction> all;
    for (const auto part : {collection_functions(), string_functions(), regex_functions(), math_functions(),
                            date_functions(), program_functions()}) {
      all.insert(all.end(), part.begin(), part.end());
    }
    std::sort(all.begin(), all.end(), [](const NativeFunction& a, const NativeFunction& b) {
      return Key{a.name, a.arity} < Key{b.name, b.arity};
    });
    return all;
  }();
  return k_all;
}

// Made when the first program needs it and kept: its nodes are shared by all programs.
const Code& prelude() {
  static const std::unique_ptr<const Code> k_code = [] {
    auto code = parse_prelude(k_prelude);
    CHECK(code.has_value());
    return std::unique_ptr<const Code>(std::move(*code));
  }();
  return *k_code;
}

struct RefusedName {
  std::string_view name;
  Refusal refusal;
};
constexpr Refusal k_environment = {"expressions can't read the environment", "hand the value to the run in its input"};
constexpr Refusal k_streams = {"an expression has one input, `.`", "use `.`"};
constexpr Refusal k_output = {"an expression only makes a value", "make it part of the result"};
constexpr Refusal k_halting = {"an expression can't end the process", "use error(\"message\")"};
constexpr Refusal k_modules = {"there are no modules", "write the definitions in the expression"};
constexpr Refusal k_zone = {"dates are in UTC", "use gmtime and strftime"};
constexpr std::array<RefusedName, 16> k_refused = {{
    {"env", k_environment},
    {"input", k_streams},
    {"inputs", k_streams},
    {"input_filename", k_streams},
    {"input_line_number", k_streams},
    {"debug", k_output},
    {"stderr", k_output},
    {"halt", k_halting},
    {"halt_error", k_halting},
    {"get_search_list", k_modules},
    {"get_jq_origin", k_modules},
    {"get_prog_origin", k_modules},
    {"modulemeta", k_modules},
    {"localtime", k_zone},
    {"strflocaltime", k_zone},
    {"now", {"the same expression must give the same value when a run is replayed", "use .run.started_at or an input"}},
}};

}  // namespace

std::span<const NativeFunction> program_functions() { return k_programs; }

const NativeFunction* find_native(std::string_view name, std::size_t arity) {
  const auto& all = natives();
  const auto found =
      std::lower_bound(all.begin(), all.end(), Key{name, arity}, [](const NativeFunction& f, const Key& k) {
        return Key{f.name, f.arity} < k;
      });
  return found != all.end() && found->name == name && found->arity == arity ? &*found : nullptr;
}

const Function* find_prelude(std::string_view name, std::size_t arity) {
  using Entry = std::pair<Key, const Function*>;
  static const std::vector<Entry> k_index = [] {
    std::vector<Entry> index;
    for (const Function& f : prelude().functions) index.push_back({Key{f.name, f.parameters.size()}, &f});
    std::sort(index.begin(), index.end(), [](const Entry& a, const Entry& b) { return a.first < b.first; });
    return index;
  }();
  const Key key{name, arity};
  const auto found =
      std::lower_bound(k_index.begin(), k_index.end(), key, [](const Entry& e, const Key& k) { return e.first < k; });
  return found != k_index.end() && found->first == key ? found->second : nullptr;
}

Refusal find_refusal(std::string_view name) {
  const auto found =
      std::find_if(k_refused.begin(), k_refused.end(), [name](const RefusedName& r) { return r.name == name; });
  return found == k_refused.end() ? Refusal{} : found->refusal;
}

std::vector<std::string> all_function_names() {
  std::vector<std::string> names;
  for (const NativeFunction& f : natives()) names.push_back(std::string(f.name) + "/" + std::to_string(f.arity));
  for (const Function& f : prelude().functions) names.push_back(f.name + "/" + std::to_string(f.parameters.size()));
  return names;
}

}  // namespace perdure::expr
