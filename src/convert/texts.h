#pragma once
// Expressions as text.
#include <string>
#include <string_view>
#include <vector>

#include "base/time.h"

namespace perdure::convert {

// The same program on one line, without comments.
std::string one_line(std::string_view jq);
// Whether it only walks down from `.`: .a.b["c"][0]
bool is_path(std::string_view jq);
// Whether `word` stands in it as a whole name, `$word` too.
bool mentions(std::string_view jq, std::string_view word);
// `first | second`, or one path where both are.
std::string piped(const std::string& first, const std::string& second);
// Something that can stand before `.a`, `+` and the like.
std::string as_term(const std::string& jq);
std::string quoted(std::string_view text);                        // a string of jq
std::string member(const std::string& of, std::string_view key);  // OF.key or OF["key"]
std::string wrapped(std::string_view jq);                         // ${ jq }
std::string literal(std::string_view text);                       // of both dialects: `${` is `$${`
std::string iso_duration(DurationMs ms);                          // PT1M30S
std::string short_duration(DurationMs ms);                        // 90s

}  // namespace perdure::convert
