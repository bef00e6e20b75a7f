#pragma once
// Parts of JSON Schema that checking an instance and checking a schema share. Not for other modules.
#include <memory>
#include <string>
#include <string_view>

#include "base/value.h"

namespace re2 {
class RE2;
}

namespace perdure::plan {

bool is_of_type(const Value& v, std::string_view type);
std::string_view type_name(const Value& v);       // "integer", "number", …
std::string_view article(std::string_view type);  // "a string", "an array"

bool fits_format(std::string_view format, std::string_view text);  // unknown formats fit
std::string_view format_in_words(std::string_view format);

// "#/$defs/x" in the document, or nullptr.
const Value* find_reference(const Value& root, std::string_view reference);
void append_pointer(std::string& pointer, std::string_view token);

std::unique_ptr<re2::RE2> compile_pattern(std::string_view pattern);  // bounded memory, no logging; see ok()

}  // namespace perdure::plan
