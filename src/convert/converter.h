#pragma once
// What both directions share: the plan to say again, places in the source, findings, texts with expressions.
#include <functional>
#include <initializer_list>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "convert/convert.h"
#include "convert/doc.h"
#include "loaders/yaml_tree.h"
#include "plan/plan.h"

namespace perdure::convert {

using plan::ExprId;
using plan::k_none;
using plan::Kind;
using plan::Node;
using plan::NodeId;
using plan::Template;

class Converter {
 public:
  Converter(const plan::Plan& plan, const loaders::SourceText& source, const loaders::YamlTree& tree);
  std::vector<Finding> findings;

 protected:
  ~Converter() = default;
  using Fields = std::initializer_list<std::string_view>;

  void lost(plan::Place at, std::string what, std::string mend);
  void changed(plan::Place at, std::string what, std::string mend);
  // Of the first of these fields that the step or task has, else its own.
  plan::Place place_of(const Node& n, Fields fields) const;
  plan::Place place_in_head(Fields fields) const;
  const loaders::YamlNode* written(const Node& n) const;  // the mapping of a step or task, or nullptr

  const Node& node(NodeId id) const { return plan_.nodes[id]; }
  const plan::Expression& expression(ExprId id) const { return plan_.exprs[id]; }
  virtual std::string said(ExprId id) = 0;  // the expression in the other dialect

  // A value with expressions in it, and the same as one program.
  Doc doc_of(const Template& t);
  std::string jq_of(const Template& t);
  Doc one_expression(const Template& t);  // a text is either literal or one `${ }`

  const plan::Plan& plan_;
  const loaders::SourceText& source_;
  const loaders::YamlTree& tree_;

 private:
  void note(bool lost, plan::Place at, std::string what, std::string mend);
  std::map<std::pair<std::uint32_t, std::uint32_t>, const loaders::YamlNode*>
      mappings_;  // by place, and by their key's
};

const Template* part_of(const Template& t, std::string_view key, Template& scratch);  // member of an object, or nullptr

// Each gives the document; findings and comments are the caller's.
Doc to_ows(const plan::Plan& plan, const loaders::SourceText& source, const loaders::YamlTree& tree,
           std::vector<Finding>& findings);
Doc to_native(const plan::Plan& plan, const loaders::SourceText& source, const loaders::YamlTree& tree,
              std::vector<Finding>& findings);

}  // namespace perdure::convert
