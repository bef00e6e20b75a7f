#pragma once
// Where a document puts parameters, and how it writes them.
#include <string>
#include <string_view>
#include <vector>

#include "activity/args.h"
#include "base/result.h"
#include "base/value.h"

namespace perdure::activity {

// Follows references within one document, a bounded number of them.
class References {
 public:
  explicit References(const Value& root) : root_(root) {}
  // What `node` is, or refers to. Errors: invalid.
  Result<const Value*> follow(const Value& node);

 private:
  const Value& root_;
  int left_ = 10'000;
};

struct Parameter {
  std::string name;
  std::string in;
  const Value* definition;
};

enum class Encoding { percent, none };
// The parameter as the name=value pairs of a query, form or cookie. Errors: invalid, beginning with a verb.
Result<TextPairs> pairs_of(const Parameter& parameter, const Value& value, Encoding encoding);
// As the one text of a path segment or header.
Result<std::string> text_of(const Parameter& parameter, const Value& value, Encoding encoding);

struct Body {
  std::string content_type;
  std::string text;
};
// `value` in the first of the media types `accepted` that JSON values can be written in: JSON, forms, or text.
// Errors: invalid, beginning with a verb.
Result<Body> body_of(const Value& value, const std::vector<std::string>& accepted);

}  // namespace perdure::activity
