#pragma once
// jq itself, in process.
#include <optional>
#include <string>
#include <vector>

#include "base/value.h"

namespace perdure::jq_diff {

struct Answer {
  bool compiled = false;
  bool failed = false;  // an error after these outputs
  std::vector<Value> outputs;
  std::string message;
};

class JqProgram {
 public:
  explicit JqProgram(const std::string& source);
  ~JqProgram();
  JqProgram(const JqProgram&) = delete;
  JqProgram& operator=(const JqProgram&) = delete;
  bool compiled() const { return compiled_; }
  Answer run(const std::string& json, std::size_t max_outputs);

 private:
  void* state_;
  bool compiled_ = false;
};

}  // namespace perdure::jq_diff
