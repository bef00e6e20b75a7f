#pragma once
// From the native dialect to the standard. The run's document (`.input`, `.steps`, …) lives in `$context`: what a step
// gave is exported there if an expression reads it, so that an expression E means the same as `$context | E`.
#include <optional>

#include "convert/converter.h"

namespace perdure::convert {

class ToOws final : public Converter {
 public:
  using Converter::Converter;
  Doc workflow();

 private:
  // ---- the head (to_ows.cc)
  void find_keys();
  void find_needed();
  Doc document();
  Doc start();
  void left_out();
  Doc output();
  std::string workflow_name();
  std::string workflow_version();

  // ---- expressions (to_ows_expressions.cc)
  std::string said(ExprId id) override;
  std::string run_member(const plan::Expression& e);
  std::string around(const plan::Expression& e);
  std::string own_out(const plan::Expression& e, const std::string& jq) const;
  std::string error_document() const;
  std::string condition_on_error(const plan::Catch& c);
  std::string step_at(NodeId id) const;         // `.steps.x` of it
  std::string outputs_of(const Node& n) const;  // `{a: …}` of its children, from $context

  // ---- lists (to_ows_lists.cc)
  Doc tasks(const std::vector<NodeId>& children);
  Doc list_of(const Node& block);
  Doc graph(const Node& block);
  std::vector<std::string> reached(const Node& block, const std::vector<std::vector<std::uint32_t>>& before,
                                   const std::vector<std::uint32_t>& order) const;
  void tell_waits(const Node& block, const std::vector<std::vector<std::uint32_t>>& before,
                  const std::vector<std::vector<std::uint32_t>>& waves);
  void entry(Doc& list, const Node& n);

  // ---- one step (to_ows_step.cc)
  Doc step(const Node& n);
  Doc guarded(const Node& n, Doc body, const std::string& name);
  Doc for_each(const Node& n, Doc body, const std::string& name);
  void exports(const Node& n, Doc& task);
  void metadata(const Node& n, Doc& body);
  Doc retry(const plan::Retry& r, plan::Place at, bool inline_only, bool any_error = false);
  Doc compensation(const Node& of, const Node& n);
  void not_carried(const Node& n);

  // ---- kinds (to_ows_kinds.cc, to_ows_calls.cc)
  Doc kind(const Node& n, const std::string& name);
  Doc block(const Node& n);
  Doc branches(const Node& n);
  Doc loop(const Node& n);
  Doc counted(const Node& n);
  Doc wait(const Node& n);
  Doc review(const Node& n);
  Doc attempt(const Node& n);
  Doc race(const Node& n);
  Doc raise(const Node& n);
  Doc emit(const Node& n);
  Doc listen(const Node& n);
  Doc subflow(const Node& n);
  Doc activity(const Node& n);
  Doc http(const Node& n);
  Doc openapi(const Node& n);
  Doc shell(const Node& n);
  Doc agent(const Node& n);
  Doc mapping_of(const Template& t);
  Doc authentication(const Template& auth);
  Doc process(const Node& n, Doc run, const Template* env, const Template* stdin_);
  Doc impossible(const Node& n, const std::string& what, const std::string& mend);
  std::string repetition_key(const Node& n) const;
  std::string name_for(const Node& n) const;
  std::string free_name(const Node& block, std::string name) const;

  struct Loop {
    std::string item, index;  // what they are called here; empty: none of its own
  };
  std::vector<Loop> loops_;
  std::string error_;                   // what `.error` is: a variable, or nothing
  std::map<NodeId, std::string> keys_;  // under which a step stands in $context.steps
  std::set<NodeId> needed_, status_;    // whose output, whose status something reads
  std::vector<std::pair<std::string, Doc>> retries_;
  std::string out_shape_;  // of `$out` in the compensation being written
  bool reads_stderr_ = false, in_compensation_ = false;
};

// Puts one more step behind `output.as`, one more change of $context behind `export.as`.
void shape(Doc& task, const std::string& jq);
void add_export(Doc& task, const std::string& change);
Doc do_list(std::vector<std::pair<std::string, Doc>> tasks);
Doc nothing();  // a task that gives null

inline constexpr std::string_view k_error_prefix = "urn:error:";

}  // namespace perdure::convert
