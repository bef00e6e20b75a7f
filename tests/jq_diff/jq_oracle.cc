#include "jq_oracle.h"

extern "C" {
#include <jq.h>
#include <jv.h>
}

namespace perdure::jq_diff {
namespace {

// Takes the reference, as libjq's own functions do.
Value convert(jv value) {
  Value out;
  switch (jv_get_kind(value)) {
    case JV_KIND_TRUE: out = Value(true); break;
    case JV_KIND_FALSE: out = Value(false); break;
    case JV_KIND_NUMBER: out = Value(jv_number_value(value)); break;
    case JV_KIND_STRING:
      out = Value(
          std::string_view(jv_string_value(value), static_cast<std::size_t>(jv_string_length_bytes(jv_copy(value)))));
      break;
    case JV_KIND_ARRAY:
      out = Value::array();
      for (int i = 0; i < jv_array_length(jv_copy(value)); ++i) out.push_back(convert(jv_array_get(jv_copy(value), i)));
      break;
    case JV_KIND_OBJECT: {
      out = Value::object();
      for (int i = jv_object_iter(value); jv_object_iter_valid(value, i); i = jv_object_iter_next(value, i)) {
        const Value key = convert(jv_object_iter_key(value, i));
        out.set(key.as_string(), convert(jv_object_iter_value(value, i)));
      }
      break;
    }
    default: break;
  }
  jv_free(value);
  return out;
}

void ignore(void*, jv message) { jv_free(message); }

}  // namespace

JqProgram::JqProgram(const std::string& source) {
  jq_state* jq = jq_init();
  jq_set_error_cb(jq, ignore, nullptr);
  compiled_ = jq_compile(jq, source.c_str()) != 0;
  state_ = jq;
}

JqProgram::~JqProgram() {
  auto* jq = static_cast<jq_state*>(state_);
  jq_teardown(&jq);
}

Answer JqProgram::run(const std::string& json, std::size_t max_outputs) {
  Answer answer;
  answer.compiled = compiled_;
  if (!compiled_) return answer;
  auto* jq = static_cast<jq_state*>(state_);
  jq_start(jq, jv_parse(json.c_str()), 0);
  jv output = jq_next(jq);
  while (jv_is_valid(output) != 0 && answer.outputs.size() < max_outputs) {
    answer.outputs.push_back(convert(output));
    output = answer.outputs.size() < max_outputs ? jq_next(jq) : jv_invalid();
  }
  if (jv_is_valid(output) == 0 && jv_invalid_has_msg(jv_copy(output)) != 0) {
    answer.failed = true;
    jv message = jv_invalid_get_msg(output);
    if (jv_get_kind(message) == JV_KIND_STRING) answer.message = jv_string_value(message);
    jv_free(message);
  } else {
    jv_free(output);
  }
  return answer;
}

}  // namespace perdure::jq_diff
