#pragma once
// From the standard to the native dialect. There data goes from task to task; here every step's result stays where it
// is. So what a task gets is an expression over the run's document, put together on the way through the lists; where it
// depends on what ran before, or on `$context`, it is kept under a name of its own in `.context`.
#include <optional>

#include "convert/converter.h"

namespace perdure::convert {

class ToNative final : public Converter {
 public:
  using Converter::Converter;
  Doc workflow();

 private:
  // ---- the head (to_native.cc)
  void head(Doc& root);
  void find_prefix();
  std::string unique(std::string name);
  std::string id_of(const Node& n);

  // ---- expressions (to_native_expressions.cc)
  std::string said(ExprId id) override;
  std::string bound(const std::string& name, const std::string& jq, plan::Place at);
  std::string transformed(const Template& t, const std::string& dot);  // a stage as an expression over the document
  std::string kept(Doc& list, const std::string& name, const std::string& value);
  std::string key(const std::string& what, const std::string& name) const { return prefix_ + what + "_" + name; }

  // ---- lists (to_native_lists.cc)
  void list(const Node& n, Doc& into);
  void machine(const Node& n, Doc& into);
  std::string place_after(const plan::Then& then);
  std::string asked(const Node& n);
  void task(const Node& n, Doc& into);
  void task_when_it_runs(const Node& n, Doc& into);

  // ---- kinds (to_native_kinds.cc)
  void kind(const Node& n, Doc& into);
  Doc step_of(const Node& n);
  void block(const Node& n, Doc& into);
  void choose(const Node& n, Doc& into);
  void each(const Node& n, Doc& into);
  void fork(const Node& n, Doc& into);
  void attempt(const Node& n, Doc& into);
  void conditions(const Node& n, Doc& retrying, Doc& handling);
  Doc handler(const Node& n, const std::string& out);
  void errors_of(const plan::ErrorFilter& filter, Doc& clause, std::string& when);
  static Doc policy(const plan::Retry& r);
  void set(const Node& n, Doc& into);
  void raise(const Node& n, Doc& into);
  void wait(const Node& n, Doc& into);
  void listen(const Node& n, Doc& into);
  void subflow(const Node& n, Doc& into);
  void review(const Node& n, Doc& into);
  void activity(const Node& n, Doc& into);
  void emit(const Node& n, Doc& into);
  bool call_of(const Node& n, Doc& step);
  void impossible(const Node& n, const std::string& what, const std::string& mend, Doc& into);
  void common(const Node& n, Doc& step);

  // Where an expression stands: all are expressions over the run's document.
  struct Site {
    std::string dot, input, output, raw, raw_output;
  };
  Site site_;
  struct Machine {  // the list being written as a loop around a switch
    const Node* list = nullptr;
    std::size_t index = 0;
    std::string next;   // the name in the context of what comes next
    bool ends = false;  // some task would end the workflow
  };
  Machine machine_;
  const Node* task_ = nullptr;                    // `$task`
  std::string in_;                                // what the next task gets
  std::map<std::string, std::string> variables_;  // of loops and catches, outermost hidden
  std::string context_;                           // what `$context` is
  std::string prefix_ = "_";                      // of our names in `.context`
  std::map<NodeId, std::string> ids_;
  std::set<std::string> used_;
  std::size_t renamed_ = 0;
  NodeId first_renamed_ = 0;
  bool keeps_context_ = false;  // some task exports
  bool in_compensation_ = false;
};

}  // namespace perdure::convert
