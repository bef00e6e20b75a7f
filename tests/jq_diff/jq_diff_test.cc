// Our expressions against libjq: a written corpus and generated programs, each on several inputs. What differs on
// purpose is in differences.txt, with the reason; an entry there that is never needed is an error as well.
#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <map>
#include <set>
#include <sstream>

#include "base/json.h"
#include "expr/expr.h"
#include "jq_oracle.h"
#include "program_generator.h"

namespace perdure::jq_diff {
namespace {

constexpr std::size_t k_outputs_max = 100;
constexpr std::uint64_t k_generated = 400;

bool same(const Value& ours, const Value& theirs) {
  if (ours.is_number() && theirs.is_number()) {
    const double a = ours.as_double();
    const double b = theirs.as_double();
    return a == b || (std::isnan(a) && std::isnan(b)) || std::fabs(a - b) <= std::fabs(b) * 1e-15;
  }
  if (ours.is_array() && theirs.is_array()) {
    if (ours.size() != theirs.size()) return false;
    for (std::size_t i = 0; i < ours.size(); ++i) {
      if (!same(ours.at(i), theirs.at(i))) return false;
    }
    return true;
  }
  if (ours.is_object() && theirs.is_object()) {
    if (ours.size() != theirs.size()) return false;
    for (const auto& [key, value] : ours.members()) {
      const Value* other = theirs.find(key.as_string());
      if (other == nullptr || !same(value, *other)) return false;
    }
    return true;
  }
  return ours == theirs;
}

struct Case {
  std::string program;
  std::vector<std::string> inputs;
};

std::vector<std::string> lines_of(const std::string& name) {
  std::ifstream file(std::string(PERDURE_JQ_DIFF_DIR) + "/" + name);
  EXPECT_TRUE(file.good()) << name;
  std::vector<std::string> lines;
  for (std::string line; std::getline(file, line);) {
    if (!line.empty() && line[0] != '#') lines.push_back(line);
  }
  return lines;
}

// `< input` lines begin a new set of inputs for the programs that follow.
std::vector<Case> read_corpus() {
  std::vector<Case> cases;
  std::vector<std::string> inputs;
  bool filling = false;
  for (const std::string& line : lines_of("corpus.txt")) {
    if (line.rfind("< ", 0) == 0) {
      if (!filling) inputs.clear();
      filling = true;
      inputs.push_back(line.substr(2));
    } else {
      filling = false;
      cases.push_back({line, inputs});
    }
  }
  return cases;
}

const std::vector<std::string>& generated_inputs() {
  static const std::vector<std::string> k_inputs = {"null",
                                                    "[1,[2,3],null,\"x\"]",
                                                    R"({"a":{"b":[1,2]},"b":"text","c":null})",
                                                    R"([{"a":1,"b":2},{"a":0,"b":[1]}])",
                                                    "\"a,b,c\"",
                                                    "7",
                                                    R"({"b":[[2,1],[1,2]],"a":[{"b":1},{"b":0}]})",
                                                    "[[1,2],[3,4]]"};
  return k_inputs;
}

// "program<TAB>why", where the program may be *part* of one in stars.
class Differences {
 public:
  Differences() {
    for (const std::string& line : lines_of("differences.txt")) {
      const std::size_t tab = line.find('\t');
      EXPECT_NE(tab, std::string::npos) << line;
      patterns_.push_back(line.substr(0, tab));
    }
    used_.resize(patterns_.size());
  }
  bool expected(const std::string& program, const std::string& input) {
    const std::string on_input = program + " <" + input;
    bool found = false;
    for (std::size_t i = 0; i < patterns_.size(); ++i) {
      const std::string& p = patterns_[i];
      const bool part = p.size() > 2 && p.front() == '*' && p.back() == '*';
      if (part ? program.find(p.substr(1, p.size() - 2)) == std::string::npos : p != program && p != on_input) continue;
      used_[i] = true;
      found = true;
    }
    return found;
  }
  std::vector<std::string> unused() const {
    std::vector<std::string> names;
    for (std::size_t i = 0; i < patterns_.size(); ++i) {
      if (!used_[i]) names.push_back(patterns_[i]);
    }
    return names;
  }

 private:
  std::vector<std::string> patterns_;
  std::vector<bool> used_;
};

std::string show(const std::vector<Value>& outputs) {
  std::string text;
  for (const Value& output : outputs) text += (text.empty() ? "" : " ") + to_json(output);
  return text;
}

// Empty when both agree, else what differs.
std::string compare(const std::string& source, JqProgram& theirs, const std::string& input) {
  const Answer answer = theirs.run(input, k_outputs_max);
  const auto ours = expr::Program::compile(source);
  if (!answer.compiled || !ours) {
    if (answer.compiled == ours.has_value()) return {};
    return answer.compiled ? "only jq compiles it; ours: " + ours.error().message : "only ours compiles it";
  }
  const auto outputs = (*ours)->evaluate_all(parse_json(input).value(), {}, {}, k_outputs_max);
  if (!outputs) {
    if (answer.failed) return {};
    return "ours fails: " + outputs.error().message + "; jq gives " + show(answer.outputs);
  }
  if (answer.failed) return "jq fails: " + answer.message + "; ours gives " + show(*outputs);
  bool equal = outputs->size() == answer.outputs.size();
  for (std::size_t i = 0; equal && i < outputs->size(); ++i) equal = same((*outputs)[i], answer.outputs[i]);
  return equal ? "" : "ours gives " + show(*outputs) + "; jq gives " + show(answer.outputs);
}

TEST(JqDiff, CorpusAndGeneratedProgramsAgree) {
  Differences differences;
  std::vector<Case> cases = read_corpus();
  for (std::uint64_t seed = 1; seed <= k_generated; ++seed)
    cases.push_back({generate_program(seed), generated_inputs()});
  std::size_t pairs = 0;
  std::size_t listed = 0;
  for (const Case& c : cases) {
    JqProgram theirs(c.program);
    for (const std::string& input : c.inputs) {
      ++pairs;
      const std::string difference = compare(c.program, theirs, input);
      if (difference.empty()) continue;
      if (differences.expected(c.program, input)) {
        ++listed;
        continue;
      }
      ADD_FAILURE() << c.program << "   <" << input << "\n    " << difference;
    }
  }
  for (const std::string& pattern : differences.unused())
    ADD_FAILURE() << "never needed in differences.txt: " << pattern;
  EXPECT_GE(pairs, 5000U);
  RecordProperty("pairs", static_cast<int>(pairs));
  std::cout << pairs << " pairs, " << listed << " differ as listed\n";
}

}  // namespace
}  // namespace perdure::jq_diff
