#pragma once
// JSON Schema for what people hand in: the input of a run, the form of a review. The part of draft 2020-12 that such
// documents use: type, enum, const, properties, required, additionalProperties, patternProperties, propertyNames,
// min/maxProperties, dependentRequired, items, prefixItems, contains, min/maxItems, uniqueItems, minimum, maximum,
// exclusive*, multipleOf, min/maxLength, pattern (RE2), format (date-time, date, time, duration, email, uri, uuid,
// ipv4, hostname), allOf, anyOf, oneOf, not, if/then/else, $ref into the same document, default. true and false are
// schemas. Other keywords are annotations. Work and depth are bounded: a schema that would take more says so as an
// error.
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "base/value.h"

namespace perdure::plan {

struct SchemaError {
  std::string pointer;  // JSON pointer into the instance ("" is the whole), or into the schema for check_schema
  std::string message;  // "is required", "must be a string, not a number", …
};

// "input.order_id is required" for people: `what`, the pointer written with dots, the message.
std::string to_string(const SchemaError& error, std::string_view what);

struct SchemaLimits {
  std::size_t errors = 50;
  std::size_t depth = 128;       // nested schemas and $ref hops
  std::size_t work = 5'000'000;  // schema keywords looked at
};

// Every way in which `instance` does not fit; empty when it does. A null schema fits everything.
std::vector<SchemaError> validate_schema(const Value& schema, const Value& instance, const SchemaLimits& limits = {});

// `instance` with the defaults of missing properties put in, at every level that is there (and for missing objects
// whose own properties have defaults, when their default is given). Does not validate.
Value fill_defaults(const Value& schema, const Value& instance, const SchemaLimits& limits = {});

// What is wrong with the schema itself: wrong types of keywords, patterns RE2 can't take, $refs that lead nowhere.
std::vector<SchemaError> check_schema(const Value& schema, const SchemaLimits& limits = {});

}  // namespace perdure::plan
